"""Rhythms from a line of text: beats are as asked, and as a heart can beat."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest

from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm import CODES, Episode, Rhythm
from ecgsynth.rhythm.compose import make_rhythm
from ecgsynth.rhythm.output import rhythm_at
from ecgsynth.rhythm.person import VARIABILITY, Person, figures
from ecgsynth.rhythm.variability import measure_variability
from ecgsynth.rhythm.vocabulary import EVENTS, RHYTHMS
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.events import NEAREST_S, check_events

N, S, V, F, Q = range(5)
DAY = "sinus with sleep and pvc 2 % and pac 1 % and af 10 % of 10 min and vt 2 per h"


def share(rhythm: Rhythm, code: str) -> float:
    return sum(b - a for a, b, name in rhythm.episodes if name == code) / rhythm.seconds


def rr_within(rhythm: Rhythm, start: float, stop: float) -> np.ndarray:
    time = rhythm.time_s
    return np.diff(time[(time >= start) & (time < stop)])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", RHYTHMS, ids=lambda kind: kind.name)
def test_every_rhythm_is_one_that_a_heart_can_have(kind, seed: int) -> None:
    rhythm = make_rhythm(f"{kind.name} 90 s", seed=seed)
    assert [(e.start_s, e.stop_s, e.code) for e in rhythm.episodes] == [(0, 90, kind.code)]
    assert kind.code in CODES
    assert np.diff(rhythm.time_s).min(initial=1.0) >= NEAREST_S
    assert bool(len(rhythm)) == (kind.make is not None)
    check_events(rhythm.events()[None], 90.0)
    p = rhythm.p_s[np.isfinite(rhythm.p_s)]
    assert (np.diff(p) > 0).all()


@pytest.mark.parametrize("event", [one for one in EVENTS if not one.states], ids=lambda e: e.name)
@pytest.mark.parametrize("often", ["every 20 s", "30 per h", "at 40 s"])
def test_every_event_can_be_put_into_sinus_rhythm(event, often: str) -> None:
    size = "" if event.beats else "of 5 s"
    plain = make_rhythm("sinus 10 min", seed=4)
    rhythm = make_rhythm(f"sinus 10 min with {event.name} {size} {often}", seed=4)
    assert np.diff(rhythm.time_s).min() >= NEAREST_S
    assert not np.array_equal(rhythm.time_s, plain.time_s)
    assert rhythm.seconds == 600


@pytest.mark.parametrize(
    ("name", "rate"),
    [("sinus", 50), ("sinus", 72), ("sinus", 150), ("af", 90), ("vt", 180), ("svt", 200),
     ("junctional", 45), ("paced", 70), ("flutter", 150), ("block-1", 70)],
)  # fmt: skip
def test_the_rate_is_the_one_that_was_asked(name: str, rate: int) -> None:
    for seed in range(3):
        rr = np.diff(make_rhythm(f"{name} {rate} bpm 10 min", seed=seed).time_s)
        assert 60 / rr.mean() == pytest.approx(rate, rel=0.02)


def test_parts_follow_each_other_at_the_times_that_were_asked() -> None:
    rhythm = make_rhythm("sinus 72 bpm 60 s; af 30 s; sinus 60 s with pvc every 8 beats", seed=2)
    assert [e.code for e in rhythm.episodes] == ["(N", "(AFIB", "(N"]
    assert [e.start_s for e in rhythm.episodes] == [0, 60, 90]
    assert not np.isfinite(rhythm.p_s[rhythm_at(rhythm) == "(AFIB"]).any()
    last = rhythm.kind[rhythm.time_s >= 90]
    places = np.flatnonzero(last == V)
    assert (np.diff(places) == 8).all()
    assert places[0] == 7


@pytest.mark.parametrize(("name", "number"), [("bigeminy", 2), ("trigeminy", 3)])
def test_each_so_manieth_beat_of_a_pattern_is_ventricular(name: str, number: int) -> None:
    kind = make_rhythm(f"{name} 60 s", seed=1).kind
    places = np.flatnonzero(kind == V)
    assert len(places) > 10
    assert (np.diff(places) == number).all()


def test_a_ventricular_beat_is_early_and_its_pause_compensates() -> None:
    rhythm = make_rhythm("sinus 70 bpm 20 min sdnn 0 ms with pvc 5 %", seed=3)
    rr = np.diff(rhythm.time_s)
    at = np.flatnonzero(rhythm.kind[1:-1] == V) + 1
    usual = 60 / 70
    assert np.median(rr[at - 1]) < 0.95 * usual
    assert np.median(rr[at - 1] + rr[at]) == pytest.approx(2 * usual, rel=0.01)
    assert not np.isfinite(rhythm.p_s[at]).any()


def test_a_supraventricular_beat_resets_the_sinus_node() -> None:
    rhythm = make_rhythm("sinus 60 bpm 20 min sdnn 0 ms with pac coupling 700 ms 4 %", seed=3)
    rr = np.diff(rhythm.time_s)
    at = np.flatnonzero(rhythm.kind[1:-1] == S) + 1
    np.testing.assert_allclose(rr[at - 1], 0.7, atol=1e-9)
    np.testing.assert_allclose(rr[at], Person(3)["pac_pause"], rtol=0.01)


@pytest.mark.parametrize("percent", [1, 5, 20])
def test_shares_of_beats_and_of_time_are_those_that_were_asked(percent: int) -> None:
    rhythm = make_rhythm(f"sinus 3 h with pvc {percent} %", seed=5)
    assert (rhythm.kind == V).mean() == pytest.approx(percent / 100, rel=0.03)
    rhythm = make_rhythm(f"sinus 12 h with af {percent} % of 4 min", seed=5)
    assert share(rhythm, "(AFIB") == pytest.approx(percent / 100, rel=0.03)
    lengths = [b - a for a, b, code in rhythm.episodes if code == "(AFIB"]
    assert np.mean(lengths) == pytest.approx(240, rel=0.15)


def test_runs_have_their_beats_and_are_episodes() -> None:
    rhythm = make_rhythm("sinus 5 min with vt 170 bpm of 6 beats every 50 s", seed=6)
    runs = [e for e in rhythm.episodes if e.code == "(VT"]
    assert len(runs) == 5
    for start, stop, _ in runs:
        inside = (rhythm.time_s >= start) & (rhythm.time_s < stop)
        assert rhythm.kind[inside].tolist() == [V] * 6
        rr = np.diff(rhythm.time_s[inside])[1:]
        assert 60 / rr.mean() == pytest.approx(170, rel=0.05)


def test_pauses_last_as_long_as_was_asked_and_the_record_no_longer() -> None:
    rhythm = make_rhythm("sinus 80 bpm 5 min with pause of 4 s every 60 s", seed=1)
    rr = np.diff(rhythm.time_s)
    assert np.isclose(rr, 4).sum() == 4
    assert np.sort(rr)[-5] < 2
    assert rhythm.time_s[-1] > 298


def test_blocks_have_waves_that_no_beat_answers() -> None:
    first = make_rhythm("block-1 5 min", seed=1)
    assert np.nanmin(first.time_s - first.p_s) > 0.19
    assert not len(first.lone_p_s)
    mobitz = make_rhythm("mobitz-2 5 min 90 bpm conduction 3:1", seed=1)
    assert len(mobitz) == pytest.approx(2 * len(mobitz.lone_p_s), abs=3)
    every_p = np.sort(np.concatenate([mobitz.lone_p_s, mobitz.p_s[np.isfinite(mobitz.p_s)]]))
    assert 60 / np.diff(every_p).mean() == pytest.approx(90, rel=0.03)
    pr = make_rhythm("wenckebach 5 min", seed=1)
    steps = np.diff(pr.time_s - pr.p_s)
    assert (steps > 0.01).mean() > 0.5  # PR lengthens
    assert (steps < -0.05).mean() > 0.15  # until a P is blocked
    third = make_rhythm("block-3 45 bpm 5 min", seed=1)
    assert not np.isfinite(third.p_s).any()
    assert len(third.lone_p_s) > 1.2 * len(third)


def test_fibrillation_has_less_memory_than_sinus_rhythm() -> None:
    def memory(text: str) -> float:
        rr = np.diff(make_rhythm(text, seed=2).time_s)
        return float(np.corrcoef(rr[1:], rr[:-1])[0, 1])

    assert abs(memory("af 20 min")) < 0.2
    assert memory("sinus 20 min") > 0.4


def test_sleep_is_slower_and_comes_once_in_a_day() -> None:
    rhythm = make_rhythm("sinus 70 bpm with sleep of 8 h", seconds=86400, seed=2)
    by_day = rr_within(rhythm, 3600, 12 * 3600).mean()
    by_night = rr_within(rhythm, 15 * 3600, 21 * 3600).mean()
    assert by_night / by_day == pytest.approx(Person(2)["sleep_rr"], rel=0.08)
    assert 60 / by_day == pytest.approx(70, rel=0.03)


def test_made_people_have_the_variability_that_they_were_drawn_with() -> None:
    for seed in range(12):
        wanted = Person(seed).variability()
        rhythm = make_rhythm("sinus 40 min", seed=seed)
        row = np.median(measure_variability(rhythm.time_s, rhythm.kind == N), axis=0)
        assert row[0] == pytest.approx(wanted["sinus_rr_s"], rel=0.03)
        assert row[1] == pytest.approx(wanted["sdnn_s"], rel=0.3)
        assert row[2] <= 1.3 * wanted["rmssd_s"]  # less where the spread leaves no room for it


def test_a_person_has_one_coupling_in_all_parts_and_people_differ() -> None:
    def coupling(seed: int, text: str) -> float:
        rhythm = make_rhythm(text, seed=seed)
        at = np.flatnonzero(rhythm.kind[1:] == V) + 1
        return float(np.median(np.diff(rhythm.time_s)[at - 1]))

    text = "sinus 70 bpm 10 min with pvc 5 %"
    assert coupling(1, text) == pytest.approx(coupling(1, f"af 5 s; {text}"), rel=0.05)
    assert np.std([coupling(seed, text) for seed in range(8)]) > 0.03


def test_the_same_seed_gives_the_same_beats_and_another_one_others() -> None:
    one, same, other = (make_rhythm(DAY, seconds=7200, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.time_s, same.time_s)
    assert one.episodes == same.episodes
    assert not np.array_equal(one.time_s[:50], other.time_s[:50])
    assert not np.array_equal(
        one.time_s[:50], make_rhythm(DAY, seconds=7200, seed=1, patient=1).time_s[:50]
    )


def test_a_day_takes_a_second_and_a_week_is_possible() -> None:
    began = process_time()
    day = make_rhythm("sinus with sleep and pvc 2 % and pac 1 %", seconds=86400)
    assert process_time() - began < 5  # half a second where nobody else works
    assert 60_000 < len(day) < 160_000
    assert make_rhythm("sinus; af 2 h", seconds=7 * 86400).seconds == 7 * 86400


# Lengths.


def test_a_part_without_a_length_fills_what_is_left() -> None:
    rhythm = make_rhythm("sinus; af 30 s", seconds=100)
    assert [(e.start_s, e.stop_s) for e in rhythm.episodes] == [(0, 70), (70, 100)]
    assert make_rhythm("sinus").seconds == 60


def test_parts_come_again_until_the_recording_is_full() -> None:
    rhythm = make_rhythm("sinus 40 s; af 20 s", seconds=150)
    assert [e.start_s for e in rhythm.episodes] == [0, 40, 60, 100, 120]
    assert rhythm.episodes[-1].stop_s == 150


# What is stored of people.


def test_every_figure_has_five_people_or_a_source() -> None:
    for figure in figures().values():
        fitted = figure.source.startswith("fitted")
        assert figure.people >= PEOPLE if fitted else figure.people == 0
        assert len(figure.source) > 20
        assert figure.spread >= 0
        assert figure.unit
    assert {*VARIABILITY} <= {*figures()}


def test_an_unknown_figure_is_named_with_a_known_one() -> None:
    with pytest.raises(EcgsynthError, match="Did you mean 'af_rate'"):
        Person(0)["af_rates"]


# What is no rhythm.


BEAT = {"kind": [0, 0], "p_s": [np.nan, np.nan], "seconds": 10.0}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"time_s": [1.0, 1.1]}, "100 ms apart"),
        ({"time_s": [2.0, 1.0]}, "in order"),
        ({"time_s": [1.0, 11.0]}, "lies outside a recording of 10 s"),
        ({"time_s": [np.nan, 1.0]}, "finite"),
        ({"time_s": [1.0, 2.0], "kind": [0, 7]}, "number from 0 to 4"),
        ({"time_s": [1.0, 2.0, 3.0]}, "one number for each beat"),
        ({"time_s": [1.0, 2.0], "episodes": (Episode(0, 5, "(N"), Episode(4, 9, "(AFIB"))},
         "before the one ahead of it ends"),
        ({"time_s": [1.0, 2.0], "episodes": (Episode(5, 5, "(N"),)}, "start before its stop"),
        ({"time_s": [1.0, 2.0], "episodes": (Episode(5, 50, "(N"),)}, "does not lie"),
        ({"time_s": [1.0, 2.0], "episodes": (3,)}, "episodes"),
        ({"time_s": [1.0, 2.0], "episodes": "AFIB"}, "episodes"),
        ({"time_s": [1.0, 2.0], "seconds": "a"}, "the length of a rhythm"),
    ],
)  # fmt: skip
def test_what_no_heart_does_is_refused(words, sentence: str) -> None:
    with pytest.raises(EcgsynthError, match=sentence):
        Rhythm(**BEAT | words)
