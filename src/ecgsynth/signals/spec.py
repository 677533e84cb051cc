"""What an ECG is made of: leads, rate, length, classes, context, band."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from unicodedata import category

import numpy as np

from ecgsynth.errors import EcgsynthError, did_you_mean

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True)
class Spec:
    """All that a model needs to know about signals.

    Attributes
    ----------
    leads: names in order, such as ("MLII",) or ("I", "II", ..., "V6").
    fs: sampling rate, Hz.
    samples: length of an item, samples.
    classes: the vocabulary of the labels, ("N", "S", "V", "F") or PTB-XL statements, or ().
    multilabel: whether an item may carry several classes at once.
    unit: "mV", or "normalised" where the source never had a calibration.
    context: names of the numbers that come with an item, such as ("rr_before_s", "rr_after_s").
    band: low and high edge of the band that the signals keep, Hz; None where not limited.
    r_sample: sample of the R peak in every item; None where items are not aligned.
    """

    leads: tuple[str, ...]
    fs: float
    samples: int
    classes: tuple[str, ...] = ()
    multilabel: bool = False
    unit: Literal["mV", "normalised"] = "mV"
    context: tuple[str, ...] = ()
    band: tuple[float | None, float | None] = (None, None)
    r_sample: int | None = None

    def __post_init__(self) -> None:
        for name in ("leads", "classes", "context", "band"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "fs", float(self.fs))
        if not self.leads or len(set(self.leads)) != len(self.leads):
            raise EcgsynthError(f"leads must be distinct names and at least one; got {self.leads}.")
        if not (self.fs > 0 and np.isfinite(self.fs)):
            raise EcgsynthError(
                f"the sampling rate must be a positive number of Hz; got {self.fs}."
            )
        if self.samples < 1:
            raise EcgsynthError(f"an item must hold at least one sample; got {self.samples}.")
        for what in ("classes", "context"):
            if len(set(getattr(self, what))) != len(getattr(self, what)):
                raise EcgsynthError(f"{what} must be distinct; got {getattr(self, what)}.")
        for name in (*self.leads, *self.classes, *self.context):
            if not (isinstance(name, str) and name.strip()) or _unprintable(name):
                raise EcgsynthError(
                    "leads, classes and contexts have names of visible characters; got "
                    f"{str(name)[:40]!r}."
                )
        if self.unit not in ("mV", "normalised"):
            raise EcgsynthError(f"the unit must be 'mV' or 'normalised'; got '{self.unit}'.")

    @property
    def seconds(self) -> float:
        """Duration of an item, s."""
        return self.samples / self.fs

    def class_index(self, name: str) -> int:
        """Column of a class.

        Raises
        ------
        EcgsynthError: the class is unknown.
        """
        if name not in self.classes:
            raise EcgsynthError(f"no class named '{name}'.{did_you_mean(name, self.classes)}")
        return self.classes.index(name)

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.__dict__.items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Spec:
        """What `to_json` gave, and others may have changed.

        Raises
        ------
        EcgsynthError: a value is missing, unknown or of another kind.
        """
        from pydantic import ValidationError

        try:
            return _checker().validate_python(data)
        except ValidationError as problem:
            error = problem.errors()[0]
            where = ".".join(str(part) for part in error["loc"])
            why = error["msg"][:1].lower() + error["msg"][1:]
            if error["type"] == "unexpected_keyword_argument":
                why = "no spec has it"
            if not where:
                where, why = "content", "it is no JSON object"
            raise EcgsynthError(
                f"the spec's {where} cannot be understood ({why}); make the file again."
            ) from None


def _unprintable(name: str) -> bool:
    """Whether it holds control characters or halves of a pair of surrogates."""
    return any(category(mark) in ("Cc", "Cs") for mark in name)


@cache
def _checker() -> TypeAdapter[Spec]:
    """Makes a `Spec` of what may be anything."""
    from pydantic import TypeAdapter, with_config

    return TypeAdapter(with_config({"extra": "forbid"})(Spec))
