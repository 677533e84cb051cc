"""Invertible scalers: from mV to the numbers that a model likes, and back."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.anonymity import coarse_step, has_few_people, round_coarse
from ecgsynth.signals.ecg import Ecg

Hidden = Mapping[str, NDArray[np.float64]]
"""Numbers of every item, [item] by name, that a model does not see but that scaling back needs. For
real items they are measured, for synthetic ones they are drawn."""

VALID = "valid"
"""The hidden number of sets whose items are padded: samples before the padding."""

LEAST = 1e-3
"""Smallest scale of a beat: 1 uV, the step of what is generated; a flat beat stays flat."""


@dataclass(frozen=True)
class Scaler(ABC):
    """One way from the signals' own unit to scaled units and, exactly, back.

    kind: its name in `training.scaler` and in the card. hides: the names of what `measure` gives.
    """

    kind: ClassVar[str]
    hides: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def fit(cls, values: NDArray, few_people: bool = False) -> Self:
        """Measure the constants of a training set.

        values: all its samples, finite, not flat. few_people: whether fewer than PEOPLE people
        gave them, so that a constant has to be made coarse.
        """

    def measure(self, ecg: Ecg) -> Hidden:
        """What `forward` and `inverse` need of real items besides the signal; mostly nothing."""
        return {}

    @abstractmethod
    def forward(self, signal: NDArray, hidden: Hidden) -> NDArray[np.float32]:
        """mV to scaled units; signal: [item, lead, sample]."""

    @abstractmethod
    def inverse(self, scaled: NDArray, hidden: Hidden) -> NDArray[np.float32]:
        """Scaled units to mV; scaled: [item, lead, sample]."""

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class GlobalScaler(Scaler):
    """One number for all: the signal divided by the training set's standard deviation.

    Amplitude stays information: a model learns that a PVC is larger than a normal beat.

    Attributes
    ----------
    scale: SD of the training signals, in the unit of the signals.
    """

    kind: ClassVar[str] = "global"
    scale: float

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf:
            raise ValueError(f"its scale is {self.scale:g}")

    @classmethod
    def fit(cls, values: NDArray, few_people: bool = False) -> Self:
        scale = _sd(values.reshape(-1))
        return cls(round_coarse(scale) if few_people else scale)

    def forward(self, signal: NDArray, hidden: Hidden) -> NDArray[np.float32]:
        return (np.asarray(signal) / self.scale).astype(np.float32)

    def inverse(self, scaled: NDArray, hidden: Hidden) -> NDArray[np.float32]:
        return (np.asarray(scaled) * self.scale).astype(np.float32)


CHUNK = 2**22
"""Samples that are read at a time: a set that is memory-mapped need not fit into memory."""


def _sd(values: NDArray) -> float:
    """Standard deviation of [sample], chunk by chunk."""
    parts = [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]
    mean = sum(float(part.sum(dtype=np.float64)) for part in parts) / len(values)
    squares = sum(float(((part.astype(np.float64) - mean) ** 2).sum()) for part in parts)
    return math.sqrt(squares / len(values))


@dataclass(frozen=True)
class RangeScaler(Scaler):
    """The range of the training set's values onto -1 to 1, where tanh generators live.

    Per set and not per beat: beats that are each stretched to [-1, 1] are all equally high, and
    their height in mV is lost.

    Attributes
    ----------
    low, high: ends of the training signals, in the unit of the signals, outwards to the next
        coarse step: a lowest and a highest sample are one person's.
    """

    kind: ClassVar[str] = "range"
    low: float
    high: float

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"its range is {self.low:g} to {self.high:g}")

    @classmethod
    def fit(cls, values: NDArray, _few_people: bool = False) -> Self:
        low, high = float(values.min()), float(values.max())
        step = coarse_step(high - low)
        ends = (step * math.floor(low / step), step * math.ceil(high / step))
        return cls(*(round(end, 12) for end in ends))

    def forward(self, signal: NDArray, hidden: Hidden) -> NDArray[np.float32]:
        share = (np.asarray(signal, np.float64) - self.low) / (self.high - self.low)
        return (2 * share - 1).astype(np.float32)

    def inverse(self, scaled: NDArray, hidden: Hidden) -> NDArray[np.float32]:
        share = (np.asarray(scaled, np.float64) + 1) / 2
        return (self.low + share * (self.high - self.low)).astype(np.float32)


@dataclass(frozen=True)
class BeatScaler(Scaler):
    """Every beat to zero mean and unit SD over all its leads, whose proportions so remain.

    Mean and SD of a synthetic beat are drawn from those of its class, so that it is mV again.
    """

    kind: ClassVar[str] = "beat"
    hides: ClassVar[tuple[str, ...]] = ("offset", "log_scale")

    @classmethod
    def fit(cls, _values: NDArray, _few_people: bool = False) -> Self:
        return cls()

    def measure(self, ecg: Ecg) -> Hidden:
        """`offset`, in the unit of the signals, and `log_scale`, the SD's natural logarithm."""
        signal = ecg.signal.astype(np.float64)
        counted = np.broadcast_to(_before_padding(ecg.valid, ecg.spec.samples), signal.shape)
        offset = signal.mean((1, 2), where=counted)
        scale = signal.std((1, 2), where=counted)
        return {"offset": offset, "log_scale": np.log(np.maximum(scale, LEAST))}

    def forward(self, signal: NDArray, hidden: Hidden) -> NDArray[np.float32]:
        offset, scale = self._columns(hidden)
        return ((np.asarray(signal) - offset) / scale).astype(np.float32)

    def inverse(self, scaled: NDArray, hidden: Hidden) -> NDArray[np.float32]:
        offset, scale = self._columns(hidden)
        return (np.asarray(scaled) * scale + offset).astype(np.float32)

    @staticmethod
    def _columns(hidden: Hidden) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return hidden["offset"][:, None, None], np.exp(hidden["log_scale"])[:, None, None]


SCALERS: dict[str, type[Scaler]] = {s.kind: s for s in (GlobalScaler, RangeScaler, BeatScaler)}
"""Scalers by the name that `training.scaler` and the card give them."""


def fit_scaler(kind: str, ecg: Ecg) -> Scaler:
    """A scaler of this kind for a training set, whose padding is no signal.

    Raises
    ------
    EcgsynthError: the signals hold NaN or are flat.
    """
    values = ecg.signal
    if ecg.valid is not None:
        values = values[np.broadcast_to(_before_padding(ecg.valid, ecg.spec.samples), values.shape)]
    if not np.isfinite(values).all():
        raise EcgsynthError("the training signals hold NaN or infinity; drop those items.")
    if not len(values) or not np.ptp(values):
        raise EcgsynthError("the training signals are flat; there is nothing to learn.")
    return SCALERS[kind].fit(values, has_few_people(ecg))


def scaler_from_json(data: Mapping[str, Any]) -> Scaler:
    """The scaler that a card holds.

    Raises
    ------
    EcgsynthError: its kind is unknown. KeyError, TypeError, ValueError: its constants are missing,
        or no signal has them.
    """
    constants = {key: float(value) for key, value in data.items() if key != "kind"}
    if data.get("kind") not in SCALERS:
        raise EcgsynthError(f"unknown scaler '{data.get('kind')}'; update ecgsynth.")
    return SCALERS[data["kind"]](**constants)


def measure_hidden(scaler: Scaler, ecg: Ecg) -> Hidden:
    """The hidden numbers of real items: the scaler's, and where there is padding its begin."""
    padded = {} if ecg.valid is None else {VALID: ecg.valid.astype(np.float64)}
    return {**scaler.measure(ecg), **padded}


def zero_padding(signal: NDArray, valid: NDArray[np.int32] | None) -> NDArray:
    """The signal with zeros where it is padding; signal: [item, lead, sample], valid: [item]."""
    return signal if valid is None else np.where(_before_padding(valid, signal.shape[2]), signal, 0)


def _before_padding(valid: NDArray[np.int32] | None, samples: int) -> NDArray[np.bool_]:
    """[item, 1, sample] where an item is signal: everywhere, unless `valid` limits it."""
    end = np.array([samples]) if valid is None else valid
    return np.arange(samples) < end[:, None, None]
