"""Real recordings in: every data set gives an `Ecg`, whatever its files look like."""

from __future__ import annotations

import re
import reprlib
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

NOT_TOLD = "not told"
"""In the place of a patient in an `Inventory`, where a set names none."""


class Settings(BaseModel):
    """Settings refuse words that they do not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass
class Inventory:
    """What `ecgsynth data check` tells.

    Attributes
    ----------
    records: records found. damaged: name -> what is wrong. missing: names not found.
    counts: (split, patient, class) -> items.
    notes: sentences for the reader.
    """

    records: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    counts: dict[tuple[str, str, str], int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Dataset(Protocol):
    """A registered data set: a class with these attributes, never instantiated.

    Attributes
    ----------
    Settings: how to cut and filter; a pydantic model. splits: names, by patient.
    licence, citation: written into every card. public: whether its traces may be drawn.
    people: optional static method, patient -> (age, sex): see `ecgsynth.datasets.people`.
    """

    Settings: type[Settings]
    splits: tuple[str, ...]
    licence: str
    citation: str
    public: bool

    @staticmethod
    def load(split: str, settings: Any) -> Ecg: ...

    @staticmethod
    def check(settings: Any) -> Inventory: ...

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which the data set gives items of this spec."""
        ...


def load(name: str, split: str | None = None, **settings: Any) -> Ecg:
    """Load a split of a registered data set.

    Parameters
    ----------
    name: "mitbih", or "mitbih:train" with the split inside.
    split: which part; every split is by patient.
    settings: fields of the data set's `Settings`.

    Raises
    ------
    EcgsynthError: unknown name, split or setting; the recordings are not there.
    """
    if ":" in name and split is None:
        name, split = name.split(":", 1)
    dataset: Dataset = DATASETS.get(name)
    split = split or dataset.splits[0]
    if split not in dataset.splits:
        raise EcgsynthError(
            f"the data set '{name}' has no split '{split}'.{did_you_mean(split, dataset.splits)}"
        )
    return dataset.load(split, make_settings(dataset.Settings, settings, f"data set '{name}'"))


def make_settings(kind: type[Any], values: dict[str, Any], owner: str) -> Any:
    """Validate settings; a misspelt word is answered with the nearest one.

    Raises
    ------
    EcgsynthError: a word is unknown or a value does not fit.
    """
    try:
        return kind(**values)
    except ValidationError as problem:
        raise EcgsynthError(explain(problem, kind, owner)) from None


def explain(problem: ValidationError, kind: type[Any], owner: str) -> str:
    """A pydantic error as one sentence."""
    error = first_of(problem)
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = kind.model_fields
        return f"{owner} has no setting '{where}'.{did_you_mean(str(error['loc'][-1]), known)}"
    if error["type"] == "missing" and isinstance(error["loc"][-1], int):
        where, given = where.rpartition(".")[0], reprlib.repr(error["input"])
        return f"{owner}: '{where}' takes more values than that (got {given})."
    if error["type"] == "missing":
        return f"{owner} needs '{where}'; write {where}=... beside the others."
    if error["type"] == "tuple_type":
        return f"{owner}: '{where}' takes a list in brackets, as in [{error['input']}, ...]."
    said = error["msg"].removeprefix("Value error, ")
    said = re.sub(r" or instance of \w+", "", said)  # names of classes are no words of a recipe
    if not where:  # several settings do not go together: the sentence names them
        return f"{owner}: {said}."
    # `reprlib` shortens: what was given may be the whole recipe.
    return f"{owner}: '{where}' {said[:1].lower()}{said[1:]} (got {reprlib.repr(error['input'])})."


def first_of(problem: ValidationError) -> Any:
    """The error to tell of several: a misspelt word before the word that it leaves missing."""
    errors = problem.errors()
    return next((e for e in errors if e["type"] in ("extra_forbidden", "invalid_key")), errors[0])
