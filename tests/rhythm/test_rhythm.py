"""Rhythms and the prior of records: beats in time that go with statements, drawn anew."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm.label_sets import LabelSets, count_people
from ecgsynth.rhythm.makers import (
    N,
    S,
    V,
    early_supraventricular,
    early_ventricular,
    fibrillation,
    sinus,
)
from ecgsynth.rhythm.parameters import measure_coupling, measure_rhythms
from ecgsynth.rhythm.person import figures
from ecgsynth.rhythm.prior import RecordPrior
from ecgsynth.rhythm.t_waves import t_peaks
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import KIND, NEAREST_S, P, R, check_events, stack_events
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import POSSIBLE
from ecgsynth.synthesizer.prior import prior_from_json

CLASSES = ("NORM", "CD", "SR", "AFIB", "CRBBB", "PVC", "PACE")
SPEC = Spec(("II",), 100.0, 1000, CLASSES, True, context=("age", "sex"))


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# Makers.


@pytest.mark.parametrize("rate", [45.0, 72.0, 150.0])
def test_sinus_rhythm_has_the_rate_and_the_spread_that_were_asked(rate: float) -> None:
    spreads, rates = [], []
    for seed in range(200):
        rr = np.diff(sinus(random(seed), 30.0, rate, 0.05))
        spreads.append(rr.std() / rr.mean())
        rates.append(60 / rr.mean())
    assert np.median(rates) == pytest.approx(rate, abs=0.5)
    assert np.median(spreads) == pytest.approx(0.05, abs=0.006)


def test_sinus_rhythm_begins_anywhere_in_a_beat() -> None:
    first = np.array([sinus(random(seed), 10.0, 60.0, 0.02)[0] for seed in range(300)])
    assert 0.42 < first.mean() < 0.58
    assert first.min() < 0.05
    assert first.max() > 0.9


def test_fibrillation_has_no_memory_and_sinus_rhythm_has() -> None:
    def memory(maker: Any, spread: float) -> float:
        kept = []
        for seed in range(200):
            rr = np.diff(maker(random(seed), 30.0, 80.0, spread))
            kept.append(np.corrcoef(rr[1:], rr[:-1])[0, 1])
        return float(np.median(kept))

    assert abs(memory(fibrillation, 0.2)) < 0.15
    assert memory(sinus, 0.04) > 0.2


def test_a_ventricular_beat_is_early_and_its_pause_compensates() -> None:
    regular = np.arange(0.5, 10, 0.8)
    time, kind = early_ventricular(random(), regular, np.zeros(len(regular), int), 2, (0.68, 0.05))
    at = np.flatnonzero(kind == V)
    assert len(at) == 2
    rr = np.diff(time)
    assert (rr[at - 1] < 0.9 * 0.8).all()
    np.testing.assert_allclose(rr[at - 1] + rr[at], 1.6)  # the sinus node goes on undisturbed


def test_a_supraventricular_beat_resets_the_sinus_node() -> None:
    regular = np.arange(0.5, 10, 0.8)
    kind = np.zeros(len(regular), int)
    time, kind = early_supraventricular(random(1), regular, kind, 1, (0.7, 0.05), (1.1, 0.05))
    at = int(np.flatnonzero(kind == S)[0])
    rr = np.diff(time)
    assert rr[at - 1] < 0.9 * 0.8
    assert rr[at - 1] + rr[at] < 1.6
    np.testing.assert_allclose(rr[at + 1 :], 0.8)


def test_no_two_ectopic_beats_stand_next_to_each_other() -> None:
    regular = np.arange(0.2, 10, 0.5)
    _, kind = early_ventricular(random(), regular, np.zeros(len(regular), int), 99, (0.68, 0.1))
    assert (kind == V).sum() > 5
    assert not ((kind[1:] == V) & (kind[:-1] == V)).any()


# What is measured.


def test_a_rhythm_is_measured_as_it_was_made() -> None:
    time = np.array([0.5, 1.3, 2.1, 2.6, 3.7, 4.5])
    rows = np.column_stack([time, [N, N, N, V, N, N], time - 0.16, time + 0.24])
    rows[3, P] = np.nan
    events = stack_events([rows])
    rate, spread, pr, share, rt = measure_rhythms(events)[0]
    assert rate == pytest.approx(60 / 0.8)
    assert np.exp(spread) < 0.01  # the RR intervals around the ectopic beat do not count
    assert pr == pytest.approx(0.16, abs=1e-3)
    assert share == 1.0
    assert rt == pytest.approx(0.24 / np.cbrt(0.8), abs=1e-3)
    shares, item = measure_coupling(events, V)
    np.testing.assert_allclose(shares, [[0.5 / 0.8, 1.1 / 0.8]], atol=1e-5)
    assert item.tolist() == [0]


@pytest.mark.parametrize("rr", [0.6, 0.8, 1.2])
def test_t_waves_follow_the_rate_and_end_before_the_next_beat(rr: float) -> None:
    random, time = np.random.default_rng(0), np.arange(40) * rr + 0.5
    peak = t_peaks(random, time, np.full(40, N), 0.265)
    assert np.median(peak - time) == pytest.approx(0.265 * np.cbrt(rr), abs=0.003)
    events = np.column_stack([time, np.full(40, N), np.full(40, np.nan), peak])
    assert measure_rhythms(stack_events([events]))[0, -1] == pytest.approx(0.265, abs=0.003)
    time[20] = time[19] + 0.3  # too early for a T wave before it
    peak = t_peaks(random, time, np.full(40, N), 0.265)
    assert np.isnan(peak[19])
    assert np.isfinite(np.delete(peak, 19)).all()


def test_without_two_beats_or_a_known_length_there_is_no_t_wave() -> None:
    random = np.random.default_rng(0)
    assert np.isnan(t_peaks(random, np.array([1.0]), np.array([N]), 0.265)).all()
    assert np.isnan(t_peaks(random, np.array([1.0, 2.0]), np.array([N, N]), np.nan)).all()


def test_of_a_record_with_three_beats_no_rhythm_is_measured() -> None:
    events = stack_events([np.array([[1, 0, 0.9, 1.2], [2, 0, 1.9, 2.2], [3, 0, 2.9, 3.2]])])
    assert np.isnan(measure_rhythms(events)).all()


# Which labels occur together.


def labelled(count: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """[item, class] NORM or CD, SR or AFIB, CRBBB always with CD; four people have a pacemaker."""
    draw = random(seed)
    label = np.zeros((count, len(CLASSES)), bool)
    label[:, 0] = draw.uniform(size=count) < 0.6
    label[:, 1] = ~label[:, 0]
    label[:, 3] = label[:, 1] & (draw.uniform(size=count) < 0.3)
    label[:, 2] = ~label[:, 3]
    label[:, 4] = label[:, 1] & (draw.uniform(size=count) < 0.4)
    label[:, 5] = draw.uniform(size=count) < 0.1
    label[:4] = [False, True, False, False, False, False, True]
    return label, np.arange(count)


def fitted() -> LabelSets:
    return LabelSets.fit(CLASSES, *labelled())


@pytest.mark.parametrize("people", [1, 4, 5])
def test_labels_of_few_people_are_asked_for_in_models_for_own_use_alone(people: int) -> None:
    label = np.tile([True, False], (people, 1))
    for own_use in (False, True):
        sets = LabelSets.fit(("NORM", "MI"), label, np.arange(people), own_use=own_use)
        if own_use or people == 5:
            assert sets.ask("NORM") == (0,)
        else:
            with pytest.raises(EcgsynthError, match="fewer than 5"):
                sets.ask("NORM")
        with pytest.raises(EcgsynthError, match="fewer than 5"):
            sets.ask("MI")


def test_labels_and_pairs_come_as_often_as_they_occur() -> None:
    label, _ = labelled()
    sets = fitted()
    drawn = (sets.sets * sets.shares[:, None]).sum(0)
    np.testing.assert_allclose(drawn[:6], label[:, :6].mean(0), atol=0.03)
    both = (sets.shares * sets.sets[:, 3] * sets.sets[:, 4]).sum()
    assert both == pytest.approx((label[:, 3] & label[:, 4]).mean(), abs=0.02)


def test_a_label_or_a_pair_of_fewer_than_five_people_is_never_drawn() -> None:
    sets = fitted()
    assert not sets.sets[:, 6].any()
    assert not (sets.sets[:, 0] & sets.sets[:, 4]).any()
    assert (sets.people[sets.people > 0] >= PEOPLE).all()


def test_a_statement_comes_with_what_it_implies() -> None:
    sets = fitted()
    assert sets.implied[4, 1]
    assert sets.sets[sets.sets[:, 4], 1].all()


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("AFBI", "Did you mean 'AFIB'"),
        ("PACE", "fewer than 5 of the people"),
        ("NORM+CRBBB", "have both; choose one of them, or NORM"),
        ("SR+AFIB", "have both"),
    ],
)
def test_what_too_few_people_have_is_refused_with_what_is_near(asked: str, why: str) -> None:
    with pytest.raises(EcgsynthError, match=why):
        fitted().ask(asked)


def test_people_are_counted_and_not_records() -> None:
    label = np.ones((10, 2), bool)
    assert count_people(label, np.arange(10) // 5).tolist() == [[2, 2], [2, 2]]


# The prior of records.


def training() -> tuple[Ecg, np.ndarray]:
    label, person = labelled()
    draw = random(5)
    age = np.where(label[:, 3], draw.normal(75, 5, 600), draw.normal(50, 10, 600))
    context = np.column_stack([age, draw.integers(0, 2, 600)])
    parts = []
    for k in range(600):
        rate = draw.normal(95 if label[k, 3] else 70, 6)
        maker = fibrillation if label[k, 3] else sinus
        time = maker(draw, 10.0, rate, 0.2 if label[k, 3] else 0.03)
        kind = np.zeros(len(time), int)
        if label[k, 5]:
            time, kind = early_ventricular(draw, time, kind, 2, (0.6, 0.05))
        p = np.where((kind == N) & (not label[k, 3]), time - 0.15, np.nan)
        parts.append(np.column_stack([time, kind, p, np.full(len(time), np.nan)]))
    ecg = Ecg(
        np.zeros((600, 1, 1000)), SPEC, label.astype(float), context, patient=person.astype(str)
    )
    return ecg, stack_events(parts)


@pytest.fixture(scope="module")
def prior() -> RecordPrior:
    return RecordPrior.fit(*training())


def uniform(count: int, seed: int = 3) -> np.ndarray:
    return random(seed).uniform(size=(count, RecordPrior.uniforms))


def test_records_have_the_rhythm_of_their_statement(prior: RecordPrior) -> None:
    for name, rate, spread, p_share in (("SR", 70, 0.03, 1.0), ("AFIB", 95, 0.2, 0.0)):
        drawn = prior.draw(name, uniform(300), {})
        measured = measure_rhythms(drawn.more["events"])
        assert np.nanmedian(measured[:, 0]) == pytest.approx(rate, abs=3)
        assert np.exp(np.nanmedian(measured[:, 1])) == pytest.approx(spread, rel=0.2)
        assert np.nanmedian(measured[:, 3]) == p_share
        assert drawn.label[:, CLASSES.index(name)].all()


def test_contexts_go_with_statements(prior: RecordPrior) -> None:
    old, young = (np.median(prior.draw(n, uniform(300), {}).context[:, 0]) for n in ("AFIB", "SR"))
    assert old == pytest.approx(75, abs=3)
    assert young == pytest.approx(50, abs=3)


def test_no_context_is_drawn_that_nobody_can_have(prior: RecordPrior) -> None:
    drawn = prior.draw("", uniform(2000), {}).context
    for name, column in zip(prior.spec.context, drawn.T, strict=True):
        low, high = POSSIBLE[name]
        assert low <= column.min() and column.max() <= high
        assert low <= prior.usual()[name][0] and prior.usual()[name][2] <= high


def test_the_events_of_a_record_are_those_of_a_heart(prior: RecordPrior) -> None:
    events = prior.draw("", uniform(400), {}).more["events"]
    check_events(events, SPEC.seconds)
    there = np.isfinite(events[..., R])
    ventricular = (events[..., KIND] == V) & there
    assert 0.05 < ventricular.any(1).mean() < 0.2
    assert np.isnan(events[ventricular][:, P]).all()
    gaps = np.diff(events[..., R])
    assert gaps[np.isfinite(gaps)].min() >= NEAREST_S


def test_a_heart_rate_that_is_asked_for_is_met(prior: RecordPrior) -> None:
    events = prior.draw("SR", uniform(200), {"heart_rate": 110.0}).more["events"]
    assert np.median(np.abs(measure_rhythms(events)[:, 0] - 110)) < 0.5


def test_a_record_depends_on_its_own_numbers_alone(prior: RecordPrior) -> None:
    whole = prior.draw("", uniform(20), {})
    part = prior.draw("", uniform(20)[7:9], {})
    np.testing.assert_array_equal(whole[np.arange(7, 9)].more["events"], part.more["events"])
    np.testing.assert_array_equal(whole.context[7:9], part.context)


def test_the_prior_of_records_comes_back_from_its_card(prior: RecordPrior) -> None:
    again = prior_from_json(SPEC, json.loads(json.dumps(prior.to_json())))
    one, two = (p.draw("CD", uniform(50), {}) for p in (prior, again))
    np.testing.assert_array_equal(one.label, two.label)
    np.testing.assert_allclose(one.context, two.context, atol=0.5)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.pop("laws"),
        lambda data: data["labels"].update(counts=[1]),
        lambda data: data.update(moves=[[float("nan")]]),
        lambda data: data.update(sd=[0.0, 1.0]),
        lambda data: data["ectopic"][0][0].__setitem__(0, -1),
    ],
)
def test_a_damaged_prior_is_named(prior: RecordPrior, spoil: Any) -> None:
    data = json.loads(json.dumps(prior.to_json()))
    spoil(data)
    with pytest.raises(EcgsynthError, match="the prior in the card is damaged"):
        prior_from_json(SPEC, data)


def test_one_person_more_or_less_does_not_change_stored_numbers_of_rare_labels() -> None:
    ecg, events = training()
    few = ecg.label[:, CLASSES.index("PACE")] > 0
    data = RecordPrior.fit(ecg, events).to_json()
    named = {k for pair in data["labels"]["pairs"] for k in pair[:2]}
    assert few.sum() == 4
    assert CLASSES.index("PACE") not in named
    assert not any(data["moves"][CLASSES.index("PACE")])


def test_single_beats_have_no_rhythm_to_learn() -> None:
    ecg, events = training()
    with pytest.raises(EcgsynthError, match="holds 4 beats"):
        RecordPrior.fit(ecg, events[:, :1])


@pytest.mark.parametrize("name", sorted(figures()))
def test_a_figure_has_people_or_a_publication_or_is_own_choice(name: str) -> None:
    one = figures()[name]
    published = re.search(r"\b(19|20)\d\d\b", one.source)
    assert one.people >= 5 or published or "own choice" in one.source
