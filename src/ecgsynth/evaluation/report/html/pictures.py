"""The pictures of a report: beats on paper, means, maps, spectra, histograms and nearest pairs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Trial, members, pick
from ecgsynth.evaluation.metrics.physiology import measurements
from ecgsynth.evaluation.report.html import charts, maps
from ecgsynth.evaluation.report.html.charts import Picture
from ecgsynth.evaluation.report.html.pairs import Pair, closest_pairs, draw_pairs
from ecgsynth.evaluation.report.html.svg import Paper
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.paper import LONG_S
from ecgsynth.signals.paper.beats import pick_evenly
from ecgsynth.signals.paper.sheet import heading_of, panel_limits, plain_gain, wave_of
from ecgsynth.signals.paper.strips import STRIP_S

log = logging.getLogger("ecgsynth")

MAX_CLASSES, BEATS, STRIPS = 12, 8, 1
AVERAGED = 4000
"""Items that a mean is computed from."""


@dataclass(frozen=True)
class VisibleSets:
    """The sets of a trial that may be drawn; None if their traces may not be shown."""

    synthetic: Ecg | None
    test: Ecg | None
    train: Ecg | None
    statistics: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)


@dataclass
class ClassPictures:
    """All pictures of one class; distances are those of the nearest pairs."""

    heading: str
    counts: tuple[int, int]
    lead: str
    synthetic: list[Picture] = field(default_factory=list)
    real: list[Picture] = field(default_factory=list)
    charts: list[Picture] = field(default_factory=list)
    maps: list[Picture] = field(default_factory=list)
    measured: list[Picture] = field(default_factory=list)
    pairs: list[list[Picture]] = field(default_factory=list)
    distances: list[Pair] = field(default_factory=list)


def overview(trial: Trial, visible: VisibleSets) -> list[Picture]:
    """Maps of all classes together."""
    random = trial.random("page")
    dots = maps.FEW_DOTS if trial.quick else maps.DOTS
    synthetic, real = maps.even_sets(visible.synthetic, visible.test, dots, random)
    found = maps.neighbourhoods(synthetic, real, random, dots)
    if len(trial.groups) > 1:  # one class has its components beside its beats
        found = maps.components(synthetic, real, random, dots) + found
    return found


def pictures(trial: Trial, visible: VisibleSets) -> list[ClassPictures]:
    """Pictures of each class; of the twelve largest classes if there are more."""
    counts = trial.synthetic.counts() or {"": len(trial.synthetic)}
    groups = [g for g in trial.groups if counts.get(g)]
    if len(groups) > MAX_CLASSES:
        kept = sorted(groups, key=lambda g: -counts[g])[:MAX_CLASSES]
        groups = [g for g in groups if g in kept]
    return [_of_class(trial, visible, group) for group in groups]


def _of_class(trial: Trial, visible: VisibleSets, group: str) -> ClassPictures:
    spec = trial.synthetic.spec
    synthetic, real = part(visible.synthetic, group), part(visible.test, group)
    count = len(part(trial.synthetic, group) or ()), len(part(trial.test, group) or ())
    lead = spec.leads.index("II") if "II" in spec.leads else 0
    found = ClassPictures(heading_of(group), count, spec.leads[lead] if spec.leads[1:] else "")
    known = visible.statistics.get(group, {})
    random = trial.random("page" + group)
    if synthetic is not None:
        found.synthetic, found.real = _beats(synthetic, real, lead, found.heading)
    few, few_real = (None if e is None else pick(e, AVERAGED, random) for e in (synthetic, real))
    if spec.seconds < LONG_S:
        found.charts += charts.means(few, few_real, known, lead)
    found.charts += maps.components(few, few_real, random, maps.FEW_DOTS)
    found.charts += charts.spectra(few, few_real, known)
    found.charts += charts.amplitudes(few, few_real, known) + charts.rhythms(few, few_real, known)
    if synthetic is not None and real is not None:
        found.maps = maps.coherence_maps(synthetic, real, lead, random)
    found.measured = charts.measured(_intervals(trial, visible, group))
    found.distances = closest_pairs(trial, group)
    found.pairs = draw_pairs(found.distances, synthetic, part(visible.train, group), real, lead)
    return found


def _intervals(trial: Trial, visible: VisibleSets, group: str) -> dict[str, Mapping[str, NDArray]]:
    """Kind -> measurement -> values of the items of a class, of the sets that may be drawn."""
    if visible.synthetic is None or trial.test is None:
        return {}
    try:
        synthetic, real = measurements(trial)
    except EcgsynthError as problem:  # no beat can be measured
        log.info("intervals are not drawn: %s", problem)
        return {}
    sets = [("synthetic", trial.synthetic, synthetic)]
    if visible.test is not None:
        sets = [("real", trial.test, real), *sets]
    return {
        kind: {name: values[members(ecg, group)] for name, values in measured.items()}
        for kind, ecg, measured in sets
    }


def part(ecg: Ecg | None, group: str) -> Ecg | None:
    """The items of a class; None if there are none."""
    if ecg is None or (group and group not in ecg.spec.classes):
        return None
    chosen = ecg.of_class(group) if group else ecg
    return chosen if len(chosen) else None


def _beats(
    synthetic: Ecg, real: Ecg | None, lead: int, heading: str
) -> tuple[list[Picture], list[Picture]]:
    """Items of both sets, each on its own piece of paper, all with one mV axis."""
    spec, long = synthetic.spec, synthetic.spec.seconds >= LONG_S
    length = int(min(spec.seconds, STRIP_S) * spec.fs)
    many = STRIPS if long else BEATS
    picked = [[] if e is None else pick_evenly(np.arange(len(e)), many) for e in (synthetic, real)]
    waves = [
        [wave_of(e, i, lead)[:length] for i in items] if e is not None else []
        for e, items in zip((synthetic, real), picked, strict=True)
    ]
    plain = spec.unit != "mV"
    gain = plain_gain([*waves[0], *waves[1]]) if plain else 10.0
    low, high = panel_limits([*waves[0], *waves[1]], gain)

    def piece(wave: NDArray, kind: str) -> Picture:
        paper = Paper(length / spec.fs, low, high, gain, plain)
        paper.wave(wave, spec.fs, kind)
        return Picture(paper.markup(f"{kind} ECG, {heading or 'no class'}"))

    return [piece(w, "synthetic") for w in waves[0]], [piece(w, "real") for w in waves[1]]
