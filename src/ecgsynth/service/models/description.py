"""Description of a model for clients, from its checked card."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ecgsynth.errors import EcgsynthError
from ecgsynth.service.models.measurements import unmeasured
from ecgsynth.signals.prior import Prior, usual_ranges
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_NAMES
from ecgsynth.synthesizer.card import Card
from ecgsynth.synthesizer.prior import prior_from_json
from ecgsynth.synthesizer.request import why_no_people

UNITS = {"heart_rate": "1/min", "age": "years"}
"""Units of contexts; those that end in _s are seconds, others have no unit."""


class ModelClass(BaseModel):
    """A class of the model; title: its readable name."""

    name: str
    title: str


class Context(BaseModel):
    """A context that may be held fixed; low, median, high: of the model's prior."""

    name: str
    unit: str
    low: float
    median: float
    high: float


class Model(BaseModel):
    """A model: `id` identifies its weights, `name` is the current file of that name.

    kind: of an item.
    sha256: of its file.
    people: whether `POST /v1/ecgs` takes a number of synthetic people.
    unmeasured: values that `measure` of `POST /v1/ecgs` cannot give for any item -> reason.
    """

    model_config = ConfigDict(protected_namespaces=())

    id: str
    name: str
    description: str
    shipped: bool
    sha256: str
    kind: Literal["beat", "record"]
    classes: list[ModelClass]
    multilabel: bool
    leads: list[str]
    samples: int
    fs: float
    seconds: float
    unit: str
    contexts: list[Context]
    people: bool
    unmeasured: dict[str, str]
    examples_seen: int
    source: str
    real: Literal[False] = False
    warning: str

    @classmethod
    def of(cls, id: str, name: str, shipped: bool, sha256: str, card: dict[str, Any]) -> Model:
        """The description from a card; may raise any exception if the card is damaged."""
        read = Card.model_validate(card)
        spec = Spec.from_json(read.spec)
        priors = _priors(card)
        made = {name for prior in priors for name in prior.classes}
        if made - {*(spec.classes or ("",))}:
            raise EcgsynthError(
                f"its prior has the classes {', '.join(sorted(made))}, its spec "
                f"{', '.join(spec.classes) or 'none'}"
            )
        titles = _titles()
        return cls(
            id=id, name=name, shipped=shipped, sha256=sha256,
            description=str(card.get("run", {}).get("description", "")),
            kind="record" if spec.r_sample is None else "beat",
            classes=[
                ModelClass(name=name, title=titles.get(name, name))
                for name in spec.classes if name in made
            ],
            multilabel=spec.multilabel, leads=[*spec.leads], samples=spec.samples, fs=spec.fs,
            seconds=spec.seconds, unit=spec.unit, contexts=_contexts(priors),
            people=not why_no_people(read, priors[0] if len(priors) == 1 else None),
            unmeasured=unmeasured(spec),
            examples_seen=card.get("examples_seen", 0),
            source=str(card.get("data", {}).get("source", "unknown")),
            warning=card.get("warning", ""),
        )  # fmt: skip


@lru_cache(maxsize=1)
def _titles() -> dict[str, str]:
    """Readable names of classes; of PTB-XL's statements if its table is on this machine."""
    from ecgsynth.datasets.ptbxl.statements import SUPERCLASSES, Vocabulary
    from ecgsynth.datasets.store import find_folder

    try:
        folder = find_folder("ptbxl", "scp_statements.csv")
        statements = dict(Vocabulary.read(folder / "scp_statements.csv").description)
    except EcgsynthError:
        statements = {}
    return {**statements, **SUPERCLASSES, **AAMI_NAMES}


def _priors(card: dict[str, Any]) -> list[Prior]:
    """The prior of a model; of a joined model those of its members."""
    cards = [*card.get("members", {}).values()] or [card]
    return [prior_from_json(Spec.from_json(one["spec"]), one["prior"]) for one in cards]


def _contexts(priors: list[Prior]) -> list[Context]:
    """The quantiles of every context in the prior, over all classes."""
    return [
        Context(
            name=name, unit="s" if name.endswith("_s") else UNITS.get(name, ""),
            low=round(low, 4), median=round(middle, 4), high=round(high, 4),
        )
        for name, (low, middle, high) in usual_ranges(priors).items() if not math.isnan(middle)
    ]  # fmt: skip
