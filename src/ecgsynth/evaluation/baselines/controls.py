"""Controls: sets of known quality, evaluated like any other set for floors and ceilings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import NotApplicable, Trial, pick
from ecgsynth.evaluation.baselines.samplers import (
    Rows,
    class_gaussian,
    gaussian,
    make_control,
    mixup,
    moments,
    smote,
)
from ecgsynth.evaluation.intervals import blocks
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate

Control = Callable[[Trial], Trial]


def noise(trial: Trial) -> Trial:
    """White noise with the class's mean and SD at each sample: right moments, no ECG."""

    def make(pool: Ecg, rows: Rows, random: np.random.Generator) -> tuple[NDArray, Rows]:
        mean, sd = moments(pool, random)
        return mean + sd * random.standard_normal((len(rows), *mean.shape)), rows

    return make_control(trial, "noise", make)


def mean_beat(trial: Trial) -> Trial:
    """The class's mean beat with 10 uV of noise: a collapsed generator."""

    def make(pool: Ecg, rows: Rows, random: np.random.Generator) -> tuple[NDArray, Rows]:
        mean, _ = moments(pool, random)
        return mean + 0.01 * random.standard_normal((len(rows), *mean.shape)), rows

    return make_control(trial, "mean beat", make)


def copy(trial: Trial) -> Trial:
    """Training beats shifted by up to one sample and scaled by 1 %: it must fail the privacy
    metrics."""

    def make(pool: Ecg, rows: Rows, random: np.random.Generator) -> tuple[NDArray, Rows]:
        beats = np.asarray(pool.signal[rows], np.float64)
        shift = random.integers(-1, 2, len(beats))
        at = np.clip(np.arange(beats.shape[-1]) - shift[:, None], 0, beats.shape[-1] - 1)
        moved = np.take_along_axis(beats, at[:, None, :].repeat(beats.shape[1], 1), 2)
        return moved * (1 + 0.01 * random.standard_normal((len(beats), 1, 1))), rows

    return make_control(trial, "copy", make)


def real(trial: Trial) -> Trial:
    """Half of the training blocks as if synthetic, the other half as training set.

    This is the ceiling: the figure of a perfect sampler of the training distribution. It includes
    the drift between training and held-out minutes.
    """
    assert trial.train is not None
    half = blocks(trial.train) % 2 == 0
    changed = trial.with_synthetic(_sized(trial, trial.train[half], "real"))
    return Trial(**{**_parts(changed), "train": trial.train[~half]})


def narrow_band(trial: Trial) -> Trial:
    """Real beats of the ceiling low-passed at 20 Hz: a two-sample test must detect them."""
    from ecgsynth.signals.filters import lowpass

    changed = real(trial)
    if changed.synthetic.spec.fs <= 2 * NARROW_HZ:
        raise NotApplicable(
            f"signals at {changed.synthetic.spec.fs:g} Hz have no content above that band"
        )
    signal = lowpass(changed.synthetic.signal, changed.synthetic.spec.fs, NARROW_HZ)
    return changed.with_synthetic(replace(changed.synthetic, signal=signal))


CONTROLS: dict[str, Control] = {
    "noise": noise,
    "mean beat": mean_beat,
    "gaussian": gaussian,
    "class gaussian": class_gaussian,
    "smote": smote,
    "mixup": mixup,
    "copy": copy,
    "narrow band": narrow_band,
    "real": real,
}
CEILING, BASELINE, COPY = "real", "gaussian", "copy"
CLASS_GAUSSIAN, NARROW_BAND = "class gaussian", "narrow band"
CRUDE = (CLASS_GAUSSIAN, NARROW_BAND)
"""Sets that a valid two-sample test must detect."""

OTHER_BASELINES = ("smote", "mixup")
"""Baselines in addition to the Gaussian."""

NARROW_HZ = 20.0


def _sized(trial: Trial, pool: Ecg, name: str) -> Ecg:
    """Items of the pool with the counts of the synthetic set, if there are enough."""
    parts = []
    for group in trial.groups:
        wanted = len(trial.part(trial.synthetic, group))
        part = trial.part(pool, group)
        if wanted and len(part):
            parts.append(pick(part, wanted, trial.random(name + group)))
    return concatenate(parts)


def _parts(trial: Trial) -> dict:
    return {name: getattr(trial, name) for name in trial.__dataclass_fields__}
