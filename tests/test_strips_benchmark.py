"""Strips and windows: like people are not separated, others are, and people stay in one fold."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import strips
from benchmarks.recording_tables import coupling, two_sample
from benchmarks.rhythms import Beats
from benchmarks.strip_features import FS, Person, strip_features, window_features
from benchmarks.strips import pvc_coupling, quartiles, separate


def people(rate: float, count: int = 10, early: float = 0.7) -> list[Person]:
    """People of two minutes with a PVC every tenth beat, and a triangle at every R."""
    found = []
    for k in range(count):
        random = np.random.default_rng([k, round(rate)])
        rr = 60 / rate * (1 + 0.03 * random.standard_normal(round(2 * rate)))
        kind = np.where(np.arange(len(rr)) % 10 == 9, "V", "N")
        rr[9::10] *= early
        time = np.cumsum(rr)
        signal = 0.01 * random.standard_normal(round(120 * FS)).astype(np.float32)
        at = np.round(time * FS).astype(int)
        signal[at[at < len(signal)]] += 1
        beats = Beats(f"{rate}-{k}", time, kind, np.ones(len(time), bool))
        found.append(Person(beats, signal))
    return found


def test_features_are_of_each_person() -> None:
    one = people(70, count=3)
    for features in (window_features, strip_features):
        rows, names = features(one)
        assert len(rows) == len(names) and np.isfinite(rows).all()
        assert set(names) == {person.beats.person for person in one}


def test_like_people_are_not_separated_and_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "FOLDS", 2)
    random = np.random.default_rng(0)
    names = np.repeat([f"p{k}" for k in range(20)], 6)
    rows = random.standard_normal((len(names), 3))
    assert 0.2 < separate((rows[:60], names[:60]), (rows[60:], names[60:]), draws=0)[0] < 0.8
    found = separate((rows[:60] + 9, names[:60]), (rows[60:], names[60:]), draws=20)
    assert min(found) > 0.95


def test_coupling_is_that_of_each_person() -> None:
    shares = [pvc_coupling(one) for one in people(70, count=3, early=0.6)]
    found = quartiles([*shares, float("nan")])
    assert found["people"] == 3
    assert abs(found["quartiles"][1] - 0.6) < 0.02
    assert quartiles([float("nan")]) == {"people": 0, "quartiles": []}


def test_tables_show_sets_and_ceilings() -> None:
    rows = {"DS1 against DS2": [0.6, 0.5, 0.7], "halves": [0.5, 0.4, 0.6], "m": [1.0, 0.99, 1.0]}
    none = {"people": 0, "quartiles": []}
    some = {"people": 9, "quartiles": [0.6, 0.7, 0.8]}
    content = {
        "people": {"DS1": 22, "m": 4},
        "two_sample": {"strips": rows, "windows": rows},
        "coupling": {"DS1": some, "m": some}, "qt_rr": {"DS1": none, "m": some},
    }  # fmt: skip
    assert two_sample(content)[-1] == "| `m` against DS2 | 1.00 (.99-1.00) | 1.00 (.99-1.00) |"
    assert coupling(content)[2] == "| DS1 | 0.70 (0.60 to 0.80), 9 people |  |"
