"""Events of records: every beat once, with its kind and its P wave."""

from __future__ import annotations

import numpy as np
import pytest

import ecgsynth as es
from ecgsynth.evaluation.reference_models.events import digest, find_events
from ecgsynth.signals.events import KIND, P, R, T, events_of
from ecgsynth.signals.vocabulary import AAMI_CLASSES


def record(seed: int = 1, **words: object) -> es.Ecg:
    return es.simulate_record(10.0, 500.0, seed=seed, patient=seed, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_beat_of_a_record_is_found_once_where_it_is(seed: int) -> None:
    ecg = record(seed, heart_rate=70 + 10 * seed)
    truth, found = events_of(ecg)[0], find_events(ecg)[0]
    truth = truth[(truth[:, R] > 0.3) & (truth[:, R] < 9.7)]
    away = np.abs(truth[:, None, R] - found[None, :, R])
    assert (np.nanmin(away, 1) < 0.012).all()
    inside = (found[:, R] > 0.3) & (found[:, R] < 9.7)
    assert inside.sum() == len(truth)


def test_p_and_t_waves_belong_to_their_beats() -> None:
    ecg = record(4, heart_rate=65)
    truth, found = events_of(ecg)[0], find_events(ecg)[0]
    for beat in found[(found[:, R] > 1) & (found[:, R] < 9)]:
        nearest = truth[np.nanargmin(np.abs(truth[:, R] - beat[R]))]
        assert beat[P] == pytest.approx(nearest[P], abs=0.03)
        assert beat[T] == pytest.approx(nearest[T], abs=0.04)


def test_a_ventricular_beat_among_normal_ones_is_one() -> None:
    ecg = record(2, heart_rate=70, beats=("N", "N", "N", "N", "V"))
    truth, found = events_of(ecg)[0], find_events(ecg)[0]
    for beat in found[(found[:, R] > 1) & (found[:, R] < 9)]:
        nearest = truth[np.nanargmin(np.abs(truth[:, R] - beat[R]))]
        assert AAMI_CLASSES[int(beat[KIND])] == AAMI_CLASSES[int(nearest[KIND])]


def test_a_flat_record_has_no_beats() -> None:
    ecg = record(1)
    flat = es.Ecg(np.zeros_like(ecg.signal), ecg.spec)
    assert not np.isfinite(find_events(flat)).any()


def test_what_finds_events_is_known_by_a_word() -> None:
    assert len(digest()) == 16
