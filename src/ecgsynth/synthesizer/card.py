"""The card of a model: what it is, where it comes from, what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, model_validator

from ecgsynth.errors import EcgsynthError
from ecgsynth.settings import TopLevelSettings
from ecgsynth.signals.own_use import SENTENCE, own_use_name
from ecgsynth.signals.prior.old import is_old_prior, upgrade_prior
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer import card_text

SCHEMA = 2
"""Version of the card; a file of a newer one is refused."""


class Card(TopLevelSettings):
    """What a model is, what it learned from and what it is for; inside every weights file.

    A card of an earlier version, whose prior held the contexts of single people, holds none from
    the moment on that it is read.

    members: of a model that holds one generator per class their cards, by class; its own `run`,
        `scaler` and `prior` are then empty.
    transplanted: whether its rare beats are of everybody it knows (`Synthesizer.transplanted`).
    started_from: of a generator that began with the weights of another model, that model's id and
        what it learned from; its examples and seconds are counted in.
    teacher: of a student, the id of the model whose pairs it learned from.
    own_use: whether it learned from fewer than five people whose recordings are not public, or from
        a model that did: neither it nor what it makes may be shared.
    examples_seen, core_seconds: what the training took: real items, and CPU seconds of the process
        that wrote (of one alone, all); 0 where it is not known.
    doubts: warnings about the training set, a sentence each.
    alarms: what went wrong in the training, as in metrics.jsonl: examples, alarm, saw, try.
    """

    model_config = ConfigDict(extra="allow", frozen=False, allow_inf_nan=True)

    schema_version: int = SCHEMA
    name: str
    id: str = ""
    run: dict[str, Any]
    spec: dict[str, Any]
    scaler: dict[str, Any]
    prior: dict[str, Any]
    styles: int = 0
    members: dict[str, dict[str, Any]] = {}
    transplanted: bool = False
    data: dict[str, Any] = {}
    started_from: dict[str, str] = {}
    teacher: str = ""
    own_use: bool = False
    examples_seen: int = 0
    core_seconds: float = 0.0
    seed: int = 0
    commit: str = ""
    versions: dict[str, str] = {}
    metrics: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    doubts: list[str] = []
    alarms: list[dict[str, Any]] = []
    intended_use: str = (
        "Research: augmentation of rare classes, tests of algorithms and devices, teaching."
    )
    warning: str = "Synthetic ECG. Not from a patient and not for diagnosis."

    @model_validator(mode="after")
    def _without_single_people(self) -> Card:
        if is_old_prior(self.prior):
            training = self.run.get("training") or {}
            try:
                prior = upgrade_prior(
                    Spec.from_json(self.spec), self.prior, not training.get("style_minutes")
                )
                self.prior = prior.to_json()
            except (EcgsynthError, KeyError, ValueError, TypeError, AttributeError) as problem:
                self.prior = {"damaged": str(problem)}
        self.schema_version = max(self.schema_version, SCHEMA)
        self.members = {
            name: Card(**one).model_dump(mode="json") if is_old_prior(one.get("prior", {})) else one
            for name, one in self.members.items()
        }
        return self

    @model_validator(mode="after")
    def _marked(self) -> Card:
        """The mark of a member is that of the whole."""
        self.own_use |= any(bool(one.get("own_use")) for one in self.members.values())
        if self.own_use:
            self.name = own_use_name(self.name)
            if SENTENCE not in self.warning:
                self.warning = f"{self.warning} {SENTENCE}"
        return self

    def __repr__(self) -> str:
        return f"Card({card_text.summary(self)})"

    __str__ = __repr__

    def _repr_markdown_(self) -> str:
        """The card in words, in a notebook."""
        return card_text.markdown(self)

    @classmethod
    def _title(cls) -> str:
        return "the card"


def card_from_json(content: Any) -> Card:
    """The card that stands in a file.

    Raises
    ------
    ValueError: it is none.
    """
    try:
        return Card.from_dict(content)
    except EcgsynthError as problem:
        raise ValueError(str(problem)) from None


def holds_single_people(card: Mapping[str, Any]) -> bool:
    """Whether a card as it stands in a file holds the contexts of single people."""
    return any(
        is_old_prior(one.get("prior") or {}) for one in (card, *card.get("members", {}).values())
    )
