"""Charts of one class: mean beats, spectra, histograms of heights and intervals.

Each function takes the synthetic and the real items, None if absent or not allowed to be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ecgsynth.evaluation import MIN_ITEMS
from ecgsynth.evaluation.baselines.statistics import (
    AMPLITUDE_EDGES,
    RR_EDGES,
    histogram,
    log_psd,
    rr_histogram,
)
from ecgsynth.evaluation.report.html.svg import Chart
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fiducials import MEASUREMENTS

BINS = 30
"""Most bins of an interval's histogram; fewer if there are few values."""


@dataclass(frozen=True)
class Picture:
    """A drawing and its caption."""

    svg: Markup
    caption: str = ""


def means(
    synthetic: Ecg | None, real: Ecg | None, known: dict[str, NDArray], lead: int
) -> list[Picture]:
    """Mean beats with bands of one SD."""
    sets = [("real", real), ("synthetic", synthetic)]
    lines = {
        kind: (e.signal[:, lead].mean(0, dtype=np.float64), e.signal[:, lead].std(0))
        for kind, e in sets
        if e is not None
    }
    if "beat" in known:
        lines = {"real": (known["beat"][lead], np.zeros(len(known["beat"][lead]))), **lines}
    spec = next((e.spec for _, e in sets if e is not None), None)
    if spec is None:
        return []
    low = min(float((m - s).min()) for m, s in lines.values())
    high = max(float((m + s).max()) for m, s in lines.values())
    chart = Chart((0, spec.seconds), (low, high), "time, s", spec.unit)
    for kind, (mean, spread) in lines.items():
        time = np.arange(len(mean)) / spec.fs
        if spread.any():
            chart.band(time, mean - spread, mean + spread, f"band {kind}")
        chart.curve(time, mean, f"curve {kind}")
    caption = "Mean beat, and one SD around it"
    caption += "; the real one is a shipped statistic, without SD" if "beat" in known else ""
    return [Picture(chart.markup(f"{caption}: {names_of(lines)}"), caption)]


def spectra(synthetic: Ecg | None, real: Ecg | None, known: dict[str, NDArray]) -> list[Picture]:
    """Mean log power spectra."""
    sets = [(kind, e) for kind, e in (("real", real), ("synthetic", synthetic)) if e is not None]
    if not sets:
        return []
    spec = sets[0][1].spec
    # Quantised as for the reference statistics.
    lines = {kind: log_psd(whole(e)).mean(0) for kind, e in sets}
    if "psd" in known:
        lines = {"real": known["psd"], **lines}
    top = min(spec.fs / 2, 1.6 * (spec.band[1] or np.inf), 100.0)
    visible = {
        k: v[: int(np.ceil(top / (spec.fs / 2) * (len(v) - 1))) + 1] for k, v in lines.items()
    }
    ends = (min(v.min() for v in visible.values()), max(v.max() for v in visible.values()))
    unit = "mV\u00b2/Hz" if spec.unit == "mV" else "1/Hz"
    chart = Chart((0, top), ends, "frequency, Hz", f"log\u2081\u2080 {unit}")
    for kind, line in visible.items():
        frequency = np.arange(len(line)) * spec.fs / 2 / (len(lines[kind]) - 1)
        chart.curve(frequency, line, f"curve {kind}")
    caption = "Mean log power spectrum"
    return [Picture(chart.markup(f"{caption}: {names_of(lines)}"), caption)]


def amplitudes(synthetic: Ecg | None, real: Ecg | None, known: dict[str, NDArray]) -> list[Picture]:
    """Histograms of peak-to-peak amplitude."""
    shares = {
        kind: histogram(e)
        for kind, e in (("real", real), ("synthetic", synthetic))
        if e is not None
    }
    if "amplitude" in known:
        shares = {"real": known["amplitude"], **shares}
    unit = next((e.spec.unit for e in (synthetic, real) if e is not None), "mV")
    return _histogram(AMPLITUDE_EDGES, shares, f"peak to peak, {unit}", "Peak-to-peak amplitude")


def rhythms(synthetic: Ecg | None, real: Ecg | None, known: dict[str, NDArray]) -> list[Picture]:
    """Histograms of the RR interval before a beat, if the items have it."""
    found = {kind: rr_histogram(e) for kind, e in (("real", real), ("synthetic", synthetic)) if e}
    shares = {kind: share for kind, share in found.items() if share is not None}
    if "rr" in known:
        shares = {"real": known["rr"], **shares}
    return _histogram(RR_EDGES, shares, "RR before the beat, s", "RR interval before the beat")


def measured(values: dict[str, Mapping[str, NDArray]]) -> list[Picture]:
    """Histograms of the measurements between fiducial points.

    values: "real" and "synthetic" -> name of a measurement -> [item] values, NaN where none.
    """
    found = []
    for name in next(iter(values.values()), {}):
        sets = {kind: v[name][np.isfinite(v[name])] for kind, v in values.items() if name in v}
        # If most beats have no such wave, the rest are errors, such as the P of a ventricular beat.
        wholes = {kind: np.isfinite(v.get("qrs", v[name])).sum() for kind, v in values.items()}
        sets = {k: v for k, v in sets.items() if len(v) >= max(MIN_ITEMS, wholes[k] / 2)}
        if not sets:
            continue
        ends = np.array([np.quantile(v, [0.005, 0.995]) for v in sets.values()])
        low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
        if high - low < 1e-9:
            continue
        fewest = min(map(len, sets.values()))
        edges = np.linspace(low, high, min(BINS, 4 + int(fewest**0.5)) + 1)
        shares = {
            kind: np.histogram(np.clip(v, low, high), edges)[0] / len(v) for kind, v in sets.items()
        }
        title, unit = MEASUREMENTS.get(name, (name.replace("_", " "), ""))
        title = title[0].upper() + title[1:]
        found += _histogram(edges, shares, f"{title}, {unit}".rstrip(", "), title)
    return found


def _histogram(
    edges: NDArray, shares: dict[str, NDArray], name: str, caption: str
) -> list[Picture]:
    filled = np.flatnonzero(sum(shares.values(), np.zeros(len(edges) - 1)))
    if not shares or not len(filled):
        return []
    first, last = max(int(filled[0]) - 1, 0), min(int(filled[-1]) + 2, len(edges) - 1)
    top = 100 * max(float(s.max()) for s in shares.values())
    chart = Chart((edges[first], edges[last]), (0, top), name, "% of the items")
    for kind, share in shares.items():
        chart.steps(edges[first : last + 1], 100 * share[first:last], f"steps {kind}")
    return [Picture(chart.markup(f"{caption}: {names_of(shares)}"), caption)]


def whole(ecg: Ecg) -> Ecg:
    """The set quantised to 5 uV, with 0 where samples are missing."""
    return replace(ecg, signal=np.nan_to_num(ecg.signal)).quantised()


def names_of(lines: dict[str, Any]) -> str:
    """The names of the lines in one text."""
    return " and ".join(lines)
