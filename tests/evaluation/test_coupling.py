"""How form follows RR is measured as in a regression, and is lost where RR is shuffled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecgsynth.evaluation import NotApplicable, Trial
from ecgsynth.evaluation.metrics.coupling import (
    Sums,
    explained,
    qt_rr_slope,
    rr_morphology,
    slope,
)
from ecgsynth.evaluation.metrics.physiology import measurements
from ecgsynth.signals.ecg import Ecg
from ecgsynth.simulator.records import simulate_beats

RR = ("rr_before_s", "rr_after_s", "rr_mean_s")


def beats(seed: int, dependence: float = 1.0) -> Ecg:
    """Normal beats of eight people whose T wave grows with RR, as 0.6 of the variance at 1."""
    random = np.random.default_rng(seed)
    made = simulate_beats(400, patients=8, beats={"N": 1.0}, seed=seed).with_classes(("N",))
    rr = 0.8 + 0.1 * random.standard_normal((len(made), 3))
    wave = np.exp(-(((np.arange(made.spec.samples) - 180) / 20) ** 2))
    grown = dependence * (rr[:, :1] - 0.8) / 0.1 * np.sqrt(1.5)
    signal = (grown + random.standard_normal(grown.shape)) * wave
    return replace(
        made, spec=replace(made.spec, context=RR), context=rr.astype(np.float32),
        signal=signal[:, None].astype(np.float32), record=None, onset_s=None, marks=None,
    )  # fmt: skip


def synthetic(ecg: Ecg) -> Ecg:
    return replace(ecg, patient=None, source="synthetic:test")


def test_the_share_that_rr_explains_is_the_share_that_it_has() -> None:
    found = rr_morphology.measure(Trial(synthetic(beats(1)), beats(2)))["N"]
    assert found.value == pytest.approx(0.6, abs=0.08)
    assert found.low is not None
    assert found.low < 0.6 < found.high


def test_shuffled_rr_explains_nothing() -> None:
    made, random = synthetic(beats(1)), np.random.default_rng(0)
    shuffled = replace(made, context=made.context[random.permutation(len(made))])
    found = rr_morphology.measure(Trial(shuffled, beats(2)))["N"]
    assert abs(found.value) < 0.05
    assert found.high < 0.6  # the interval of the difference excludes the real value


def test_a_set_without_rr_has_the_reason() -> None:
    made = synthetic(beats(1))
    bare = replace(made, spec=replace(made.spec, context=()), context=None)
    with pytest.raises(NotApplicable, match="context of RR in both sets"):
        rr_morphology.measure(Trial(bare, beats(2)))


def test_few_items_and_equal_signals_have_no_figure() -> None:
    few = rr_morphology.measure(Trial(synthetic(beats(1)[:20]), beats(2)))["N"]
    assert np.isnan(few.value)
    assert "40 are needed" in few.note
    flat = synthetic(beats(1))
    flat = replace(flat, signal=np.ones_like(flat.signal))
    assert np.isnan(rr_morphology.measure(Trial(flat, beats(2)))["N"].value)


def test_unknown_rr_leaves_the_item_out() -> None:
    made = synthetic(beats(1))
    context = made.context.copy()
    context[::2, 1] = np.nan
    found = rr_morphology.measure(Trial(replace(made, context=context), beats(2)))["N"]
    assert found.value == pytest.approx(0.6, abs=0.1)


def test_the_regression_equals_that_of_numpy() -> None:
    random = np.random.default_rng(3)
    rr = random.uniform(0.5, 1.2, (200, 1))
    qt = 250 + 140 * rr + 5 * random.standard_normal((200, 1))
    whole = Sums.of(rr, qt)
    assert slope(whole) == pytest.approx(np.polyfit(rr[:, 0], qt[:, 0], 1)[0])
    assert slope(whole - Sums.of(rr[:50], qt[:50])) == pytest.approx(
        np.polyfit(rr[50:, 0], qt[50:, 0], 1)[0]
    )
    left = np.corrcoef(rr[:, 0], qt[:, 0])[0, 1] ** 2
    assert explained(whole) == pytest.approx(1 - (1 - left) * 199 / 198)
    constant = Sums.of(np.ones((200, 1)), qt)
    assert slope(constant) == pytest.approx(explained(constant) * 0, abs=200)


def test_qt_that_does_not_follow_rr_has_another_slope() -> None:
    made, real = synthetic(beats(1)), beats(2)
    trial = Trial(made, real)

    def measured(ecg: Ecg, ms_per_s: float) -> dict[str, np.ndarray]:
        rr = ecg.context[:, 2].astype(float)
        qt = 360 + ms_per_s * (rr - 0.8) + np.random.default_rng(5).standard_normal(len(rr))
        return {"qt": qt, "qtcf": qt / np.cbrt(rr)}

    trial.know(measurements, (measured(made, 20.0), measured(real, 150.0)))
    found = qt_rr_slope.measure(trial)["N"]
    assert found.value == pytest.approx(20, abs=5)
    assert found.high < 100
    assert "of real items 150" in found.note or "of real items 149" in found.note
