"""What was asked for comes out: classes by a classifier trained on real beats, rates by RR."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from crowd import constant, exchangeable, few, shuffled, values

from ecgsynth.datasets import load
from ecgsynth.evaluation import NotApplicable, Trial
from ecgsynth.evaluation.metrics import adherence, utility
from ecgsynth.evaluation.reference_models import classifiers
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.simulator.records import Noise, simulate_record


@pytest.fixture(scope="module")
def trial() -> Trial:
    return exchangeable()


@pytest.fixture(scope="module")
def short() -> Trial:
    """Items that the shipped classifier does not know, with leave to train one."""

    def cut(ecg: Ecg | None) -> Ecg:
        assert ecg is not None
        spec = replace(ecg.spec, samples=128, r_sample=64)
        return replace(ecg, signal=ecg.signal[..., 32:160], spec=spec)

    whole = exchangeable(600)
    return Trial(cut(whole.synthetic), cut(whole.test), cut(whole.train))


def exchanged(trial: Trial) -> Trial:
    """N called V and V called N."""
    assert trial.synthetic.label is not None
    return trial.with_synthetic(replace(trial.synthetic, label=trial.synthetic.label[:, ::-1]))


# ---- classes -------------------------------------------------------------------------------


def beside(note: str) -> float:
    """The figure of real items that the note gives."""
    return float(note.split(" ones ")[1].split(maxsplit=1)[0])


def test_beats_under_the_wrong_name_do_not_adhere(trial: Trial) -> None:
    right = METRICS.get("adherence").measure(trial)
    wrong = values("adherence", exchanged(trial))
    assert set(right) == {"N", "V"}
    # The classifier knows no simulated beats, but where it errs it errs on real ones alike.
    assert sum(e.value for e in right.values()) > sum(wrong.values()) + 0.5
    for estimate in right.values():
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.value == pytest.approx(beside(estimate.note), abs=0.12)


def test_the_order_of_items_changes_nothing_of_adherence(trial: Trial) -> None:
    one, other = (values("adherence", each) for each in shuffled(trial))
    assert one == other


def test_a_flat_line_in_an_even_rhythm_is_of_one_class_at_most(trial: Trial) -> None:
    flat = constant(trial)  # the classifier hears the rhythm too
    even = replace(flat.synthetic, context=np.full_like(flat.synthetic.context, 0.8))
    assert sorted(values("adherence", flat.with_synthetic(even)).values())[0] == 0


def test_too_few_items_give_their_reason(trial: Trial) -> None:
    for estimate in METRICS.get("adherence").measure(few(trial)).values():
        assert np.isnan(estimate.value)
        assert "at least 10" in estimate.note


def test_a_class_that_the_classifier_does_not_know_is_named(trial: Trial) -> None:
    def renamed(ecg: Ecg | None) -> Ecg:
        assert ecg is not None
        return replace(ecg, spec=replace(ecg.spec, classes=("N", "paced")))

    other = Trial(renamed(trial.synthetic), renamed(trial.test), quick=True)
    found = METRICS.get("adherence").measure(other)
    assert np.isfinite(found["N"].value)
    assert "does not have class paced" in found["paced"].note


def test_for_other_items_a_classifier_is_trained(
    short: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adherence, "QUICK_STEPS", 40)
    assert min(values("adherence", short).values()) > 0.7
    assert max(values("adherence", exchanged(short)).values()) < 0.3


def test_where_none_can_be_trained_the_reason_is_given(short: Trial) -> None:
    assert short.train is not None
    one_class = replace(short, train=short.train.of_class("N"))
    multilabel = replace(short.synthetic.spec, multilabel=True)
    for one, reason in (
        (replace(short, quick=True), "quick trains none"),
        (replace(short, train=None), "give a training set"),
        (one_class, "give a training set"),
        (short.with_synthetic(short.synthetic.with_classes(("N",))), "two classes"),
        (short.with_synthetic(replace(short.synthetic, spec=multilabel)), "one class each"),
    ):
        with pytest.raises(NotApplicable, match=reason):
            METRICS.get("adherence").measure(one)


@pytest.mark.data
def test_real_held_out_beats_are_mostly_known_for_what_they_are() -> None:
    heldout = load("mitbih", "heldout", classes=("N", "V"))
    found = values("adherence", Trial(heldout, heldout, quick=True))
    assert min(found.values()) > 0.95


# ---- train on real, test on synthetic ------------------------------------------------------


def test_a_network_trained_on_real_beats_knows_synthetic_ones_under_their_right_name(
    short: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utility, "QUICK_STEPS", 40)
    quick = replace(short, quick=True)
    right, wrong = (METRICS.get("trts").measure(one) for one in (quick, exchanged(quick)))
    assert set(right) == {"N", "V", "all"}
    assert right["all"].value > 0.7
    assert wrong["all"].value < 0.3
    assert right["all"].low <= right["all"].value <= right["all"].high


def test_trtr_and_trts_train_one_network(short: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []

    def fit(*given: object, **more: object) -> classifiers.Network:
        trained.append(given)
        return classifiers.fit(*given, **(more | {"steps": 2}))  # type: ignore[arg-type]

    monkeypatch.setattr(utility, "fit", fit)
    whole = replace(short, new_patients=short.test, quick=True)
    for name in ("trts", "trtr"):
        METRICS.get(name).measure(whole)
    assert len(trained) == 1


def test_classes_without_synthetic_or_training_items_are_left_out_of_trts(
    short: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utility, "QUICK_STEPS", 2)

    def widened(ecg: Ecg | None) -> Ecg:
        assert ecg is not None and ecg.label is not None
        label = np.concatenate([ecg.label, np.zeros((len(ecg), 1), np.float32)], 1)
        return replace(ecg, spec=replace(ecg.spec, classes=("N", "V", "F")), label=label)

    three = Trial(*(widened(e) for e in (short.synthetic, short.test, short.train)), quick=True)
    found = METRICS.get("trts").measure(three)
    assert "at least 10" in found["F"].note
    assert np.isfinite(found["all"].value)
    with pytest.raises(NotApplicable, match="two classes"):
        METRICS.get("trts").measure(few(three))


# ---- heart rate ----------------------------------------------------------------------------


def strips(seed: int, rates: range) -> Ecg:
    """Ten-second strips of lead II, each with the rate that was asked for."""
    return concatenate([
        replace(simulate_record(10.0, 250.0, heart_rate=rate, leads=("II",), seed=seed, patient=k,
                                noise=Noise(muscle_mv=0.01)), marks=None, patient=None, record=None)
        for k, rate in enumerate(rates)
    ])  # fmt: skip


def test_strips_of_the_rate_that_was_asked_for_adhere() -> None:
    synthetic, test = strips(1, range(50, 120, 5)), strips(2, range(52, 122, 5))
    found = METRICS.get("heart_rate_adherence").measure(Trial(synthetic, test, quick=True))
    (estimate,) = found.values()
    assert estimate.value < 4
    assert beside(estimate.note) < 4
    assert synthetic.context is not None
    other = replace(synthetic, context=synthetic.context[::-1])
    wrong = values("heart_rate_adherence", Trial(other, test, quick=True))
    assert min(wrong.values()) > 20


def test_a_single_beat_has_no_rate_to_measure(trial: Trial) -> None:
    with pytest.raises(NotApplicable, match="are too short for two beats"):
        METRICS.get("heart_rate_adherence").measure(trial)
    bare = Ecg(trial.synthetic.signal, replace(trial.synthetic.spec, context=()))
    with pytest.raises(NotApplicable, match="no heart rate is requested"):
        METRICS.get("heart_rate_adherence").measure(Trial(bare, bare))


def test_strips_without_a_beat_are_not_crashed_on() -> None:
    test = strips(2, range(52, 122, 5))
    flat = replace(test, signal=np.zeros_like(test.signal))
    (estimate,) = METRICS.get("heart_rate_adherence").measure(Trial(flat, test)).values()
    assert np.isnan(estimate.value)
    assert "at least 10" in estimate.note
