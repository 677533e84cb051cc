"""What an ECG is made of: leads, rate, length, classes, context, band."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

from ecgsynth import arguments
from ecgsynth.errors import EcgsynthError, did_you_mean

if TYPE_CHECKING:
    from pydantic import TypeAdapter


SHOWN = 8
"""Most names of a kind that `repr` lists."""


def quote_names(names: tuple[str, ...]) -> str:
    """Names as in "N, S, V", the last ones of many only counted."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more


@dataclass(frozen=True, repr=False)
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

    Raises
    ------
    EcgsynthError: a value that no signal has.
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

    def __repr__(self) -> str:
        parts = [
            "/".join(self.leads),
            f"{self.samples} samples at {self.fs:g} Hz",
            self.unit,
            f"classes {quote_names(self.classes)}",
            *([f"context {quote_names(self.context)}"] if self.context else []),
        ]
        return f"Spec({'; '.join(parts)})"

    def __post_init__(self) -> None:
        whole, put = arguments.check_integer, partial(object.__setattr__, self)
        for name in ("leads", "classes", "context"):
            put(name, arguments.check_names(getattr(self, name), name, empty=name != "leads"))
        put("fs", arguments.check_rate(self.fs))
        put("samples", whole(self.samples, "the length of an item, in samples,"))
        if not self.samples:
            raise EcgsynthError("an item must hold at least one sample; got 0.")
        put("multilabel", arguments.check_flag(self.multilabel, "multilabel"))
        if not isinstance(self.unit, str) or self.unit not in ("mV", "normalised"):
            raise EcgsynthError(
                f"the unit must be 'mV' or 'normalised'; got {arguments.quote(self.unit)}."
            )
        put("band", check_band(self.band, self.fs))
        if self.r_sample is not None:
            put("r_sample", whole(self.r_sample, "r_sample, the number of a sample,"))
            if self.r_sample >= self.samples:
                raise EcgsynthError(
                    f"r_sample={self.r_sample} lies outside of the item, whose samples are "
                    f"numbered from 0 to {self.samples - 1}; give the sample of R, or None."
                )

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
        if not isinstance(name, str) or name not in self.classes:
            raise EcgsynthError(
                f"no class named {arguments.quote(name)}.{did_you_mean(name, self.classes)}"
            )
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


def band_below(
    band: tuple[float | None, float | None], fs: float
) -> tuple[float | None, float | None]:
    """A band as signals of a rate have it: an edge from half the rate on limits nothing."""
    low, high = (None if edge is None or edge >= fs / 2 else edge for edge in band)
    return low, high


def check_band(band: Any, fs: float) -> tuple[float | None, float | None]:
    """Two edges, Hz, the first below the second and both below half the rate; each may be None."""
    edges = arguments.as_list(band) or []
    if len(edges) != 2:
        raise EcgsynthError(
            "the band has a low and a high edge in Hz, as in (0.5, 40), each None where it is not "
            f"limited; got {arguments.quote(band)}."
        )
    low, high = (
        None if edge is None else arguments.check_number(edge, "an edge of the band, in Hz,", 0)
        for edge in edges
    )
    if low is not None and high is not None and low >= high:
        raise EcgsynthError(f"the band begins at {low:g} Hz and ends at {high:g} Hz; turn it over.")
    for edge in (low, high):
        if edge is not None and edge >= fs / 2:
            raise EcgsynthError(
                f"the band has an edge at {edge:g} Hz, and signals of {fs:g} Hz end at "
                f"{fs / 2:g} Hz; give None for an edge that limits nothing."
            )
    return low, high


@cache
def _checker() -> TypeAdapter[Spec]:
    """Makes a `Spec` of what may be anything."""
    from pydantic import TypeAdapter, with_config

    return TypeAdapter(with_config({"extra": "forbid"})(Spec))
