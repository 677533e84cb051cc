"""Whole 12-lead records under judgement: their instrument, and labels of which several may hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecgsynth.datasets import load
from ecgsynth.evaluation import NotApplicable, Trial, is_record
from ecgsynth.evaluation.judge import evaluate
from ecgsynth.evaluation.metrics import utility
from ecgsynth.evaluation.reference_models import classifiers
from ecgsynth.evaluation.reference_models.classifiers import merit
from ecgsynth.evaluation.reference_models.instruments import embed, instrument
from ecgsynth.evaluation.report.html.readers import blocks
from ecgsynth.evaluation.scores import scores
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.filters import resample
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12
from ecgsynth.simulator.records import simulate_beats, simulate_record

CLASSES = ("tall", "slow")


def records(count: int, seed: int, fs: float = 100.0) -> Ecg:
    """Simulated people of whom some have twice the height, some half the rate, and some both."""
    random = np.random.default_rng(seed)
    label = (random.random((count, 2)) < 0.5).astype(np.float32)
    signal = np.concatenate([
        simulate_record(10.0, fs, heart_rate=45 if slow else 90, patient=k, seed=seed).signal
        * (2 if tall else 1)
        for k, (tall, slow) in enumerate(label)
    ])  # fmt: skip
    spec = Spec(LEADS_12, fs, signal.shape[-1], CLASSES, multilabel=True)
    patient = np.array([f"{seed}-{k}" for k in range(count)])
    return Ecg(signal, spec, label, patient=patient)


@pytest.fixture(scope="module")
def train() -> Ecg:
    return records(120, 1)


@pytest.fixture(scope="module")
def test() -> Ecg:
    return records(60, 2)


def test_records_and_beats_are_told_apart() -> None:
    assert is_record(records(1, 0).spec)
    assert not is_record(simulate_beats(2, patients=1).spec)


def test_each_kind_has_its_own_instrument() -> None:
    record, beat = instrument(records(1, 0).spec), instrument(simulate_beats(2, patients=1).spec)
    assert record is not None and beat is not None
    assert record.hash != beat.hash
    assert {"NORM", "AFIB", "CLBBB"} <= set(record.spec.classes)
    one_lead = Spec(("I",), 100.0, 1000)
    assert instrument(one_lead) is None
    assert instrument(replace(records(1, 0).spec, unit="normalised")) is None


def test_a_record_lies_where_it_lies_whatever_its_rate_and_the_order_of_its_leads(
    test: Ecg,
) -> None:
    fast = replace(test, signal=resample(test.signal, 100, 500), spec=replace(test.spec, fs=500.0, samples=5000))  # fmt: skip # noqa: E501
    leads = LEADS_12[::-1]
    turned = replace(test, signal=test.signal[:, ::-1], spec=replace(test.spec, leads=leads))
    here = embed(test)
    assert here.shape == (60, 32)
    between = np.linalg.norm(here - here[::-1], axis=1).mean()
    np.testing.assert_allclose(embed(turned), here, atol=1e-4)
    assert np.linalg.norm(embed(fast) - here, axis=1).max() < 0.2 * between


def test_the_derived_leads_are_not_needed(test: Ecg) -> None:
    kept = [LEADS_12.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]
    leads = tuple(LEADS_12[k] for k in kept)
    eight = replace(test, signal=test.signal[:, kept], spec=replace(test.spec, leads=leads))
    np.testing.assert_allclose(embed(eight), embed(test), atol=1e-3)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty steps on records instead of hundreds."""
    monkeypatch.setattr(utility, "steps", lambda _: 200)


@pytest.mark.usefixtures("short")
def test_utility_is_an_auroc_where_items_carry_several_classes(train: Ecg, test: Ecg) -> None:
    synthetic = records(120, 3)
    trial = Trial(synthetic, train=train, new_patients=test, quick=True)
    right = METRICS.get("tstr").measure(trial)
    assert set(right) == {"all", *CLASSES}
    assert right["all"].value > 0.9 and right["all"].note == "AUROC"
    assert right["all"].low <= right["all"].value <= right["all"].high
    ratio = METRICS.get("tstr_ratio").measure(trial)["all"]
    assert ratio.value == pytest.approx(1.0, abs=0.1)
    swapped = replace(synthetic, label=synthetic.label[:, ::-1].copy())
    assert METRICS.get("tstr").measure(trial.with_synthetic(swapped))["all"].value < 0.7


def test_an_auroc_has_no_value_for_a_class_that_all_carry(test: Ecg) -> None:
    label = np.stack([np.ones(len(test)), test.label[:, 1]], 1).astype(np.float32)
    one = replace(test, label=label)
    said = np.stack([label, label])
    found = scores(one, said)
    assert np.isnan(found["tall"].value) and "no AUROC" in found["tall"].note
    assert found["slow"].value == found["all"].value == 1
    assert merit(one, label) == 1


def test_statements_that_were_asked_for_are_found_and_noise_hides_them(
    train: Ecg, test: Ecg, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ecgsynth.evaluation.metrics import adherence

    monkeypatch.setattr(adherence, "fit", _short_fit)
    measure = METRICS.get("statement_adherence").measure
    right = measure(Trial(records(60, 3), test, train))
    assert right["tall"].value > 0.9 and "of 60 real ones" in right["tall"].note
    random = np.random.default_rng(0)
    noise = replace(test, signal=random.normal(0, 0.3, test.signal.shape).astype(np.float32))
    assert measure(Trial(noise, test, train))["tall"].value < 0.8
    with pytest.raises(NotApplicable, match="several classes"):
        measure(Trial(simulate_beats(60, patients=2), test))


def _short_fit(*given: object, **more: object) -> classifiers.Network:
    return classifiers.fit(*given, **(more | {"steps": 200}))  # type: ignore[arg-type]


@pytest.mark.data("ptbxl")
def test_the_instrument_knows_real_statements_of_people_it_never_saw() -> None:
    known = instrument(load("ptbxl:validation").spec)
    assert known is not None
    ecg = load("ptbxl:validation", classes=known.spec.classes)
    said, truth = known.predict(ecg), np.asarray(ecg.label) > 0
    from sklearn.metrics import roc_auc_score

    for name, least in (("NORM", 0.9), ("AFIB", 0.95), ("CLBBB", 0.95), ("MI", 0.85)):
        k = known.spec.classes.index(name)
        assert roc_auc_score(truth[:, k], said[:, k]) > least


def test_records_are_not_compared_sample_by_sample(train: Ecg, test: Ecg) -> None:
    by_sample = ("rmse_nearest", "prd_random", "dtw", "wavelet_coherence", "coverage_signal")
    metrics = (*by_sample, "alpha_precision", "c2st", "adherence")
    report = evaluate(records(60, 3), test, train, metrics=metrics, quick=True)
    for name in by_sample:
        assert "records of several beats cannot" in report.left_out[name]
    said = {v.question: v for block in blocks(report) for v in block.verdicts}
    looks = said["Does each record look like a real one?"]
    assert looks.metric == "alpha_precision" and "synthetic records of class" in looks.sentence
    assert said["Do the records belong to the class that was requested?"].mark == "unknown"
    assert not any(" beat" in v.sentence for v in said.values())


@pytest.mark.parametrize("samples, kept", [(96, None), (97, 96), (256, 96)])
def test_a_set_that_is_cut_keeps_its_sample_of_r_where_it_has_one(samples: int, kept: int) -> None:
    from ecgsynth.evaluation.inputs import _cut

    beats = Ecg(np.zeros((2, 1, 256), np.float32), Spec(("II",), 360, 256, r_sample=96))
    assert _cut(beats, samples).spec.r_sample == kept
