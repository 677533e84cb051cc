"""Attacks on single items find nothing in fresh items of the same people, and find copies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecgsynth.evaluation import Metric, NotApplicable, Trial
from ecgsynth.evaluation.metrics.privacy.inference import attribute_inference, singling_out
from ecgsynth.signals.ecg import Ecg
from ecgsynth.simulator.records import simulate_beats

ATTACKS = (singling_out, attribute_inference)


@pytest.fixture(scope="module")
def trial() -> Trial:
    """Fresh, trained and held-out beats of twelve people, each with an RR of its own."""
    beats = simulate_beats(1500, patients=12, beats={"N": 1.0}, seed=3).with_classes(("N",))
    random = np.random.default_rng(0)
    own = 0.1 * random.standard_normal(beats.signal.shape).cumsum(-1) / 16
    beats = replace(
        beats, spec=replace(beats.spec, context=("rr_before_s", "rr_after_s")),
        context=random.normal(0.8, 0.1, (len(beats), 2)).astype(np.float32),
        signal=(beats.signal + own).astype(np.float32), record=None, onset_s=None, marks=None,
    )  # fmt: skip
    fresh, train, test = (
        beats[rows] for rows in np.split(random.permutation(len(beats)), [500, 1000])
    )
    return Trial(synthetic(fresh), test, train, quick=True)


def synthetic(ecg: Ecg) -> Ecg:
    return replace(ecg, patient=None, source="synthetic:test")


@pytest.mark.parametrize("attack", ATTACKS)
def test_fresh_items_leak_nothing_and_copies_do(trial: Trial, attack: Metric) -> None:
    fresh = attack.measure(trial)["N"]
    assert abs(fresh.value) < 0.1
    assert fresh.low <= 0 <= fresh.high
    copies = attack.measure(trial.with_synthetic(synthetic(trial.train)))["N"]
    assert copies.value > 0.3
    assert copies.low > 0


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_order_of_items_changes_little(trial: Trial, attack: Metric) -> None:
    made = trial.synthetic
    turned = trial.with_synthetic(made[np.arange(len(made))[::-1]])
    assert attack.measure(turned)["N"].value == pytest.approx(
        attack.measure(trial)["N"].value, abs=0.08
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_few_items_have_the_reason(trial: Trial, attack: Metric) -> None:
    found = attack.measure(trial.with_synthetic(trial.synthetic[:5]))["N"]
    assert np.isnan(found.value)
    assert found.note


def test_without_contexts_only_the_form_can_be_singled_out(trial: Trial) -> None:
    def bare(ecg: Ecg) -> Ecg:
        return replace(ecg, spec=replace(ecg.spec, context=()), context=None)

    without = Trial(*(bare(e) for e in (trial.synthetic, trial.test, trial.train)), quick=True)
    assert np.isfinite(singling_out.measure(without)["N"].value)
    with pytest.raises(NotApplicable, match="needs a context"):
        attribute_inference.measure(without)


def test_items_of_unknown_people_are_judged_too(trial: Trial) -> None:
    nameless = replace(
        trial, train=replace(trial.train, patient=None), test=replace(trial.test, patient=None)
    )
    for attack in ATTACKS:
        assert np.isfinite(attack.measure(nameless)["N"].value)
