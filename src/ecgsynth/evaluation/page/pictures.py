"""The pictures of a report: beats on paper, means, maps, spectra, histograms and nearest pairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import MIN_ITEMS, Trial, pick
from ecgsynth.evaluation.page.charts import (
    Picture,
    amplitudes,
    intervals,
    item_map,
    means,
    spectra,
    whole,
)
from ecgsynth.evaluation.page.svg import Paper
from ecgsynth.evaluation.privacy import SHIFT_S, nearest
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.paper import LONG_S
from ecgsynth.signals.paper.beats import evenly
from ecgsynth.signals.paper.sheet import heading_of, plain_gain, reach, wave_of
from ecgsynth.signals.paper.strips import STRIP_S

MAX_CLASSES, BEATS, STRIPS, PAIRS = 12, 8, 1, 3
AVERAGED, COMPARED = 4000, 2000
"""Items behind a mean, and searched for nearest pairs."""


@dataclass(frozen=True)
class Shown:
    """What of a trial may be drawn: real parts are None where no real trace may be seen."""

    synthetic: Ecg | None
    test: Ecg | None
    train: Ecg | None
    statistics: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)


@dataclass
class ClassPictures:
    """All pictures of one class; pairs carry (nearest trained, nearest held-out) distances."""

    heading: str
    counts: tuple[int, int]
    lead: str
    synthetic: list[Picture] = field(default_factory=list)
    real: list[Picture] = field(default_factory=list)
    charts: list[Picture] = field(default_factory=list)
    pairs: list[Picture] = field(default_factory=list)
    distances: list[tuple[float, float | None]] = field(default_factory=list)


def pictures(trial: Trial, shown: Shown) -> list[ClassPictures]:
    """Pictures of each class, of the twelve largest where there are more."""
    counts = trial.synthetic.counts() or {"": len(trial.synthetic)}
    groups = [g for g in trial.groups if counts.get(g)]
    if len(groups) > MAX_CLASSES:
        kept = sorted(groups, key=lambda g: -counts[g])[:MAX_CLASSES]
        groups = [g for g in groups if g in kept]
    return [_of_class(trial, shown, group) for group in groups]


def _of_class(trial: Trial, shown: Shown, group: str) -> ClassPictures:
    spec = trial.synthetic.spec
    made, real = part(shown.synthetic, group), part(shown.test, group)
    count = len(part(trial.synthetic, group) or ()), len(part(trial.test, group) or ())
    lead = spec.leads.index("II") if "II" in spec.leads else 0
    found = ClassPictures(heading_of(group), count, spec.leads[lead] if spec.leads[1:] else "")
    known = shown.statistics.get(group, {})
    random = trial.random("page" + group)
    if made is not None:
        found.synthetic, found.real = _beats(made, real, lead, found.heading)
    few, few_real = (None if e is None else pick(e, AVERAGED, random) for e in (made, real))
    if spec.seconds < LONG_S:
        found.charts += means(few, few_real, known, lead)
    found.charts += item_map(few, few_real, random) + spectra(few, few_real, known)
    found.charts += amplitudes(few, few_real, known) + intervals(few, few_real, known)
    _nearest(trial, shown, group, lead, found)
    return found


def part(ecg: Ecg | None, group: str) -> Ecg | None:
    """The items of a class; None where there are none."""
    if ecg is None or (group and group not in ecg.spec.classes):
        return None
    chosen = ecg.of_class(group) if group else ecg
    return chosen if len(chosen) else None


def _beats(
    made: Ecg, real: Ecg | None, lead: int, heading: str
) -> tuple[list[Picture], list[Picture]]:
    """Items of both sets, each on its own piece of paper, all with one mV axis."""
    spec, long = made.spec, made.spec.seconds >= LONG_S
    length = int(min(spec.seconds, STRIP_S) * spec.fs)
    many = STRIPS if long else BEATS
    picked = [[] if e is None else evenly(np.arange(len(e)), many) for e in (made, real)]
    waves = [
        [wave_of(e, i, lead)[:length] for i in items] if e is not None else []
        for e, items in zip((made, real), picked, strict=True)
    ]
    plain = spec.unit != "mV"
    gain = plain_gain([*waves[0], *waves[1]]) if plain else 10.0
    low, high = reach([*waves[0], *waves[1]], gain)

    def drawn(wave: NDArray, kind: str) -> Picture:
        paper = Paper(length / spec.fs, low, high, gain, plain)
        paper.wave(wave, spec.fs, kind)
        return Picture(paper.markup(f"{kind} ECG, {heading or 'no class'}"))

    return [drawn(w, "synthetic") for w in waves[0]], [drawn(w, "real") for w in waves[1]]


def _nearest(trial: Trial, shown: Shown, group: str, lead: int, found: ClassPictures) -> None:
    """The synthetic items that lie closest to a trained one, and how far they lie."""
    made, train, test = (part(e, group) for e in (trial.synthetic, trial.train, trial.test))
    if made is None or train is None or len(train) < MIN_ITEMS:
        return
    made = pick(made, COMPARED, trial.random("nearest" + group))
    # As memorisation measures: on the converter's grid, the least over small shifts.
    shift = min(max(1, round(SHIFT_S * made.spec.fs)), (made.spec.samples - 1) // 2)
    signal = whole(made).signal
    far, row = nearest(signal, whole(train).signal, shift)
    size = (signal.shape[1] * (signal.shape[2] - 2 * shift)) ** 0.5
    closest = np.argsort(far)[:PAIRS]
    apart: list[Any] = [None] * len(closest)
    if test is not None:
        apart = (nearest(signal[closest], whole(test).signal, shift)[0] / size).tolist()
    found.distances = [
        (float(far[i] / size), other) for i, other in zip(closest, apart, strict=True)
    ]
    if shown.train is None or shown.synthetic is None:
        return
    plain, fs = made.spec.unit != "mV", made.spec.fs
    waves = [[wave_of(train, int(row[i]), lead), wave_of(made, int(i), lead)] for i in closest]
    waves = [[wave[: int(STRIP_S * fs)] for wave in pair] for pair in waves]
    # Twice the usual speed and gain: the eye should find what differs.
    every = [wave for pair in waves for wave in pair]
    gain = plain_gain(every) if plain else 20.0
    low, high = reach(every, gain)
    speed = 25.0 if made.spec.seconds >= LONG_S else 50.0
    for pair, (trained, other) in zip(waves, found.distances, strict=True):
        paper = Paper(len(pair[0]) / fs, low, high, gain, plain, speed)
        for wave, kind in zip(pair, ("real", "synthetic over"), strict=True):
            paper.wave(wave, fs, kind)
        words = f"{trained:.3f} {made.spec.unit} apart"
        words += "" if other is None else f"; nearest held-out {other:.3f}"
        found.pairs.append(Picture(paper.markup(f"synthetic and trained ECG, {words}"), words))
