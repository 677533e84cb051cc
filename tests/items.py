"""Items with every column filled, and what it means that two sets are the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ecgsynth.signals.ecg import COLUMNS, Ecg, one_hot
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12, twelve_leads

TARGETS = ("set.npz", "set.csv", "set.parquet", "set/")
BEAT = Spec(("MLII",), 360, 64, ("N", "S", "V"), context=("rr_before_s", "rr_after_s"), r_sample=24)


def noise(leads: tuple[str, ...], fs: float, samples: int, seed: int = 0) -> Ecg:
    """A synthetic item of white noise; the limb leads follow from I and II."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(0, 1, (1, len(leads), samples))
    if leads == LEADS_12:
        signal = twelve_leads(rng.normal(0, 1, (1, 8, samples)))
    return Ecg(signal.astype(np.float32), Spec(leads, fs, samples), source="synthetic:m-1")


def annotated(ecg: Ecg, sample: list[int], symbol: list[str], lead: int = -1) -> Ecg:
    """The item with these marks; lead -1 is no lead of its own."""
    count = len(sample)
    marks = Marks(np.zeros(count, int), np.full(count, lead), np.array(sample), np.array(symbol))
    return replace(ecg, marks=marks)


def beats(count: int = 23, spec: Spec = BEAT, **more: object) -> Ecg:
    """Items on the 1-uV grid, with every column filled and some unknowns among the contexts."""
    rng = np.random.default_rng(count)
    shape = (count, len(spec.leads), spec.samples)
    context = rng.uniform(0.3, 1.5, (count, len(spec.context))).astype(np.float32)
    context[::5] = np.nan
    columns = {
        "label": one_hot(np.arange(count) % len(spec.classes), len(spec.classes))
        if spec.classes
        else None,
        "context": context,
        "patient": np.array([f"{k % 7:03d}" for k in range(count)]),
        "record": np.array([f"rec {k}, 'odd' # name" for k in range(count)]),
        "valid": np.full(count, spec.samples - 4),
        "onset_s": rng.uniform(0, 1800, count),
        "start": np.where(np.arange(count) % 4, "2026-01-31T08:15:00", ""),
        "source": "synthetic:demo-1a2b3c4d",
        "card": {"id": "demo-1a2b3c4d", "metrics": {"r": 0.9}},
    }
    signal = (rng.integers(-3000, 3000, shape) / 1000).astype(np.float32)
    return Ecg(signal, spec, **(columns | more))


def with_marks(ecg: Ecg) -> Ecg:
    count = len(ecg)
    item = np.repeat(np.arange(count), 2)
    symbol = np.tile(["p_peak", "V"], count)
    return replace(ecg, marks=Marks(item, np.tile([0, -1], count), np.tile([9, 24], count), symbol))


def chunked(ecg: Ecg, size: int) -> list[Ecg]:
    return [ecg[k : k + size] for k in range(0, len(ecg), size)]


def assert_same(one: Ecg, two: Ecg) -> None:
    assert (one.spec, one.source, one.card) == (two.spec, two.source, two.card)
    for name in ("signal", "label", "context", *COLUMNS):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)
