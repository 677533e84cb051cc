"""Annotated beats against detectors of other authors; medians by sex and age."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecgsynth.evaluation import Estimate, NotApplicable, Trial
from ecgsynth.evaluation.metrics import annotations
from ecgsynth.evaluation.metrics.annotations import agree
from ecgsynth.evaluation.metrics.beat_variation import variation
from ecgsynth.evaluation.metrics.effects import groups_of
from ecgsynth.evaluation.reference_models.detectors import DETECTORS, detect_beats
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import R, events_of
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.simulator.records import Noise, simulate_record

FIGURES = ("beats_met", "beats_extra", "beat_offset", "rate_error")


@pytest.fixture(scope="module")
def strips() -> Ecg:
    """Records of twelve people with their beats."""
    return concatenate([
        simulate_record(10.0, 250.0, leads=("II", "V1"), seed=3, patient=k,
                        noise=Noise(muscle_mv=0.01))
        for k in range(12)
    ])  # fmt: skip


def with_beats(ecg: Ecg, kept: slice = slice(None), late_s: float = 0.0) -> Ecg:
    """The set with some of its beats, moved."""
    marks = ecg.marks
    assert marks is not None
    rows = np.flatnonzero(marks.symbol == "N")[kept]
    at = np.minimum(marks.sample[rows] + round(late_s * ecg.spec.fs), ecg.spec.samples - 1)
    return replace(ecg, marks=Marks(marks.item[rows], marks.lead[rows], at, marks.symbol[rows]))


def figure(name: str, synthetic: Ecg, test: Ecg) -> dict[str, Estimate]:
    found: dict[str, Estimate] = METRICS.get(name).measure(Trial(synthetic, test=test))
    assert {*found} == {*DETECTORS}
    return found


def test_detectors_meet_beats_that_are_where_they_should_be(strips: Ecg) -> None:
    for one in figure("beats_met", strips, strips).values():
        assert one.value > 0.97
    for one in figure("beats_extra", strips, strips).values():
        assert one.value < 0.03
    for one in figure("beat_offset", strips, strips).values():
        assert one.value == 0
    for one in figure("rate_error", strips, strips).values():
        assert one.value < 1


@pytest.mark.parametrize("change", [0.0, 0.2, 0.4])
def test_beats_that_vary_more_than_real_ones_are_measured(change: float) -> None:
    pure = concatenate([
        simulate_record(10.0, 250.0, leads=("II",), seed=k, patient=k, noise=Noise())
        for k in range(30)
    ])  # fmt: skip
    signal = pure.signal.copy()
    for item, beats in enumerate(events_of(pure)):
        for at in np.rint(beats[np.isfinite(beats[:, R]), R][::2] * 250).astype(int):
            signal[item, :, max(0, at - 40) : at + 40] *= 1 + change
    measured = METRICS.get("beat_variation").measure(
        Trial(replace(pure, signal=signal), test=pure)
    )["II"]
    own = np.nanmedian(variation(pure, events_of(pure), "II"))  # of the simulator's breathing
    # Every second beat is 1 + c times as high: SD over mean is c / (2 + c).
    assert measured.value + own == pytest.approx(np.hypot(own, change / (2 + change)), abs=0.02)


def test_beats_elsewhere_are_not_met(strips: Ecg) -> None:
    for one in figure("beats_met", with_beats(strips, late_s=0.2), strips).values():
        assert one.value < 0.1
        assert one.high is not None and one.high < 0.5
        assert "of real records" in one.note


def test_beats_that_were_not_asked_for_are_extra(strips: Ecg) -> None:
    for one in figure("beats_extra", with_beats(strips, slice(None, None, 2)), strips).values():
        assert one.value == pytest.approx(0.5, abs=0.07)
        assert one.low is not None and one.low > 0.2


def test_a_common_delay_is_the_offset_with_its_sign(strips: Ecg) -> None:
    for one in figure("beat_offset", with_beats(strips, late_s=0.02), strips).values():
        assert one.value == pytest.approx(-20, abs=3)


def test_a_rate_that_was_not_asked_for_is_an_error(strips: Ecg) -> None:
    for one in figure("rate_error", with_beats(strips, slice(None, None, 2)), strips).values():
        assert one.value > 20
        assert one.low is not None and one.low <= one.value


def test_real_records_without_annotations_are_delineated(strips: Ecg) -> None:
    bare = replace(strips, marks=None)
    for one in figure("beats_met", strips, bare).values():
        assert float(one.note.rpartition(" ")[2]) > 0.9


@pytest.mark.parametrize("name", FIGURES)
def test_sets_without_beats_have_a_reason(name: str, strips: Ecg) -> None:
    metric = METRICS.get(name)
    with pytest.raises(NotApplicable, match="no annotated beats"):
        metric.measure(Trial(replace(strips, marks=None), test=strips))
    single = replace(strips, spec=replace(strips.spec, r_sample=100))
    with pytest.raises(NotApplicable, match="several beats"):
        metric.measure(Trial(single, test=single))


@pytest.mark.parametrize("name", [*DETECTORS])
def test_a_flat_or_empty_line_has_no_beats(name: str) -> None:
    (found,) = detect_beats(np.zeros((1, 1000), np.float32), 100.0, DETECTORS[name])
    assert not len(found)


def test_a_record_in_which_nothing_is_detected_misses_all(strips: Ecg) -> None:
    times = np.array([[1.0, 2.0, 3.0]])
    found = agree(strips[:1], times, lambda *_: np.zeros(0))
    assert (found.met[0], found.annotated[0], found.detected[0], found.extra[0]) == (0, 3, 0, 0)
    assert np.isnan(found.offset[0]) and np.isnan(found.rate_error[0])


def test_only_some_records_are_looked_at(strips: Ecg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotations, "QUICK_MOST", 3)
    trial = Trial(strips, test=strips, quick=True)
    assert {len(one.met) for pair in annotations.agreements(trial).values() for one in pair} == {3}


# ---- medians by class, sex and age -----------------------------------------------------------


def people_like(ecg: Ecg, age: float, woman: float) -> Ecg:
    spec = Spec(ecg.spec.leads, ecg.spec.fs, ecg.spec.samples, context=("age", "sex"))
    context = np.tile(np.array([age, woman], np.float32), (len(ecg), 1))
    return Ecg(ecg.signal, spec, context=context, patient=ecg.patient)


@pytest.fixture(scope="module")
def couples() -> Ecg:
    """Twelve men of 45 at 60 to 65 per minute and twelve women of 72 at 90 to 95."""
    parts = []
    for first, woman, age in ((60, 0.0, 45.0), (90, 1.0, 72.0)):
        rows = [simulate_record(10.0, 250.0, heart_rate=first + k % 6, leads=("II",), seed=k,
                                patient=k + first) for k in range(12)]  # fmt: skip
        parts.append(people_like(concatenate(rows), age, woman))
    return concatenate(parts)


def test_groups_are_sexes_and_decades(couples: Ecg) -> None:
    found = groups_of(couples)
    assert {name for name, rows in found.items() if rows.any()} == {
        "women", "men", "40-49", "70-79",
    }  # fmt: skip
    assert found["women"].sum() == found["70-79"].sum() == 12
    assert groups_of(replace(couples, spec=replace(couples.spec, context=()), context=None)) == {}


def test_equal_sets_have_equal_medians_in_every_group(couples: Ecg) -> None:
    trial = Trial(couples, test=couples)
    found = METRICS.get("heart_rate_by_group").measure(trial)
    assert found["women"].value == found["40-49"].value == 0
    assert np.isnan(found["20-29"].value)
    assert METRICS.get("qrs_median").measure(trial)["all"].value == 0


def test_an_effect_of_sex_that_is_turned_round_is_detected(couples: Ecg) -> None:
    assert couples.context is not None
    turned = replace(couples, context=couples.context[::-1].copy())
    found = METRICS.get("heart_rate_by_group").measure(Trial(turned, test=couples))
    assert found["women"].value == pytest.approx(-30, abs=4)
    assert found["men"].low is not None and found["men"].low > 20


def test_amplitudes_of_half_the_size_have_another_median(couples: Ecg) -> None:
    half = replace(couples, signal=couples.signal / 2)
    found = METRICS.get("r_amplitude_median").measure(Trial(half, test=couples))["all"]
    assert found.high is not None and found.high < 0


def test_sets_without_age_and_sex_have_a_reason(couples: Ecg) -> None:
    bare = replace(couples, spec=replace(couples.spec, context=()), context=None)
    with pytest.raises(NotApplicable, match="age or sex"):
        METRICS.get("qrs_by_group").measure(Trial(bare, test=couples))
