"""Recordings of a user, and a person who falls into a given split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ecgsynth.datasets import load
from ecgsynth.datasets.folder import splits
from ecgsynth.signals.ecg import Ecg

FS = 250.0


def wave(samples: int, seed: int, beat_at: np.ndarray | None = None) -> np.ndarray:
    """[sample] mV: Gaussian R peaks of 1 mV where asked, on a little noise."""
    t = np.arange(samples)
    signal = 0.02 * np.random.default_rng(seed).standard_normal(samples)
    for r in [] if beat_at is None else beat_at:
        signal += np.exp(-0.5 * ((t - r) / 4) ** 2)
    return signal


def everything(path: Path, **settings: Any) -> Ecg:
    return load("folder", "all", path=path, **settings)


def seed_with(split: str, person: str) -> int:
    """A seed under which this person falls into this split."""
    return next(s for s in range(1000) if splits.split_of_person(person, s, 0.15, 0.15) == split)
