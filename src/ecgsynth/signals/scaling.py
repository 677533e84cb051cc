"""Invertible scalers: from mV to the numbers that a model likes, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg


@dataclass(frozen=True)
class GlobalScaler:
    """One number for all: the signal divided by the training set's standard deviation.

    Amplitude stays information: a model learns that a PVC is larger than a normal beat.

    Attributes
    ----------
    scale: SD of the training signals, in the unit of the signals.
    """

    scale: float

    @classmethod
    def fit(cls, ecg: Ecg) -> GlobalScaler:
        """Measure the scale.

        Raises
        ------
        EcgsynthError: the signals hold NaN or are flat.
        """
        scale = float(np.std(ecg.signal, dtype=np.float64))
        if not np.isfinite(scale):
            raise EcgsynthError("the training signals hold NaN or infinity; drop those items.")
        if scale == 0:
            raise EcgsynthError("the training signals are flat; there is nothing to learn.")
        return cls(scale)

    def forward(self, signal: NDArray) -> NDArray[np.float32]:
        """mV to scaled units."""
        return (np.asarray(signal) / self.scale).astype(np.float32)

    def inverse(self, scaled: NDArray) -> NDArray[np.float32]:
        """Scaled units to mV."""
        return (np.asarray(scaled) * self.scale).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "global", "scale": self.scale}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GlobalScaler:
        if data.get("kind") != "global":
            raise EcgsynthError(f"unknown scaler '{data.get('kind')}'; update ecgsynth.")
        return cls(float(data["scale"]))
