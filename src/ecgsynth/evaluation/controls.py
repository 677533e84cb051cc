"""Floors and ceilings: sets whose quality is known beforehand, judged like any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import NotApplicable, Trial, pick
from ecgsynth.evaluation.intervals import blocks
from ecgsynth.signals.ecg import SYNTHETIC, Ecg, concatenate

Control = Callable[[Trial], Trial]


def noise(trial: Trial) -> Trial:
    """White noise with the class's mean and SD per sample: right moments, no ECG."""

    def make(beats: NDArray, random: np.random.Generator) -> NDArray:
        return beats.mean(0) + beats.std(0) * random.standard_normal(beats.shape)

    return _made(trial, "noise", make)


def mean_beat(trial: Trial) -> Trial:
    """The class's mean beat with 10 uV of noise: a wholly collapsed generator."""

    def make(beats: NDArray, random: np.random.Generator) -> NDArray:
        return beats.mean(0) + 0.01 * random.standard_normal(beats.shape)

    return _made(trial, "mean beat", make)


def gaussian(trial: Trial) -> Trial:
    """A Gaussian in the class's principal components (99.9 %): the baseline to beat."""

    def make(beats: NDArray, random: np.random.Generator) -> NDArray:
        flat = beats.reshape(len(beats), -1)
        mean = flat.mean(0)
        _, scale, axes = np.linalg.svd(flat - mean, full_matrices=False)
        keep = int(np.searchsorted(np.cumsum(scale**2) / (scale**2).sum(), 0.999)) + 1
        scores = random.standard_normal((len(beats), keep)) * scale[:keep] / len(beats) ** 0.5
        return (mean + scores @ axes[:keep]).reshape(beats.shape)

    return _made(trial, "gaussian", make)


def copy(trial: Trial) -> Trial:
    """Training beats shifted by up to one sample and scaled by 1 %: it must fail privacy."""

    def make(beats: NDArray, random: np.random.Generator) -> NDArray:
        shift = random.integers(-1, 2, len(beats))
        at = np.clip(np.arange(beats.shape[-1]) - shift[:, None], 0, beats.shape[-1] - 1)
        moved = np.take_along_axis(beats, at[:, None, :].repeat(beats.shape[1], 1), 2)
        return moved * (1 + 0.01 * random.standard_normal((len(beats), 1, 1)))

    return _made(trial, "copy", make)


def real(trial: Trial) -> Trial:
    """One half of the training blocks as if synthetic, the other half as training set.

    This is the ceiling: what a perfect sampler of the training distribution would reach, the
    drift between trained and held-out minutes included.
    """
    assert trial.train is not None
    half = blocks(trial.train) % 2 == 0
    changed = trial.with_synthetic(_sized(trial, trial.train[half], "real"))
    return Trial(**{**_parts(changed), "train": trial.train[~half]})


def narrow_band(trial: Trial) -> Trial:
    """Real beats of the ceiling low-passed at 20 Hz: a two-sample test must find them."""
    from ecgsynth.signals.filters import lowpass

    changed = real(trial)
    if changed.synthetic.spec.fs <= 2 * NARROW_HZ:
        raise NotApplicable(f"signals at {changed.synthetic.spec.fs:g} Hz end at that band")
    signal = lowpass(changed.synthetic.signal, changed.synthetic.spec.fs, NARROW_HZ)
    return changed.with_synthetic(replace(changed.synthetic, signal=signal))


CONTROLS: dict[str, Control] = {
    "noise": noise,
    "mean beat": mean_beat,
    "gaussian": gaussian,
    "copy": copy,
    "narrow band": narrow_band,
    "real": real,
}
CEILING, BASELINE, COPY, NARROW_BAND = "real", "gaussian", "copy", "narrow band"
NARROW_HZ = 20.0


def _made(
    trial: Trial, name: str, make: Callable[[NDArray, np.random.Generator], NDArray]
) -> Trial:
    """A set of the synthetic set's counts, made class by class from the training items."""
    assert trial.train is not None
    parts = []
    for group in trial.groups:
        wanted = len(trial.part(trial.synthetic, group))
        pool = trial.part(trial.train, group)
        if not wanted or len(pool) < 2:
            continue
        random = trial.random(name + group)
        rows = random.choice(len(pool), wanted, replace=wanted > len(pool))
        base = pool[rows]
        most = 4000 if pool[:1].signal.size <= 1024 else 1000  # the SVD grows with both
        source = pick(pool, most, random)
        fitted = np.asarray(source.signal, np.float64)
        signal = make(np.asarray(base.signal, np.float64), random) if name == "copy" else None
        if signal is None:
            made = [make(fitted, random) for _ in range(-(-wanted // len(fitted)))]
            signal = np.concatenate(made)[:wanted]
        parts.append(
            Ecg(
                signal.astype(np.float32), base.spec, base.label, base.context,
                source=f"{SYNTHETIC}{name}",
            )
        )  # fmt: skip
    return trial.with_synthetic(concatenate(parts))


def _sized(trial: Trial, pool: Ecg, name: str) -> Ecg:
    """Items of the pool in the synthetic set's counts, as far as there are."""
    parts = []
    for group in trial.groups:
        wanted = len(trial.part(trial.synthetic, group))
        part = trial.part(pool, group)
        if wanted and len(part):
            parts.append(pick(part, wanted, trial.random(name + group)))
    return concatenate(parts)


def _parts(trial: Trial) -> dict:
    return {name: getattr(trial, name) for name in trial.__dataclass_fields__}
