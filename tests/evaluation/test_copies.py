"""Copies are found whatever was done to hide them, and real items are not taken for copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgsynth.datasets import load
from ecgsynth.evaluation import Estimate, Trial, pick
from ecgsynth.evaluation.intervals import blocks
from ecgsynth.evaluation.metrics.privacy.copies import (
    ALARM,
    COPIES,
    chance_of_real,
    real_distances,
)
from ecgsynth.evaluation.metrics.privacy.copy_search import nearest_two
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.filters import lowpass
from ecgsynth.signals.joining import concatenate
from ecgsynth.simulator.records import Noise, simulate_beats

RANDOM = np.random.default_rng(0)
Hide = Callable[[NDArray, float], NDArray]
"""[item, lead, sample] at a rate in Hz to the same with the copying hidden."""


def noisy(signal: NDArray, fs: float) -> NDArray:
    return signal + 0.015 * RANDOM.standard_normal(signal.shape)


def moved(signal: NDArray, fs: float) -> NDArray:
    steps = RANDOM.choice([-4, -3, -2, 2, 3, 4], len(signal))
    return np.stack([np.roll(item, step, -1) for item, step in zip(signal, steps, strict=True)])


def scaled_and_lifted(signal: NDArray, fs: float) -> NDArray:
    gain = 1 + 0.08 * RANDOM.choice([-1, 1], (len(signal), 1, 1))
    return moved(signal, fs) * gain + 0.1 * RANDOM.standard_normal((len(signal), 1, 1))


def stretched(signal: NDArray, fs: float) -> NDArray:
    time = np.arange(signal.shape[-1])
    middle = signal.shape[-1] / 2
    at = (time - middle) * 1.02 + middle
    return np.apply_along_axis(lambda wave: np.interp(at, time, wave), -1, signal)


def drifting(signal: NDArray, fs: float) -> NDArray:
    phase = RANDOM.uniform(0, 6, (len(signal), 1, 1))
    return signal + 0.05 * np.sin(2 * np.pi * 0.4 * np.arange(signal.shape[-1]) / fs + phase)


def smoothed(signal: NDArray, fs: float) -> NDArray:
    return lowpass(signal, fs, 22.0)


def humming(signal: NDArray, fs: float) -> NDArray:
    return signal + 0.03 * np.sin(2 * np.pi * 50 * np.arange(signal.shape[-1]) / fs)


def coarse(signal: NDArray, fs: float) -> NDArray:
    return np.round(signal / 0.02) * 0.02


def upside_down(signal: NDArray, fs: float) -> NDArray:
    return -1.1 * signal


HIDDEN: tuple[Hide, ...] = (
    noisy, moved, scaled_and_lifted, stretched, drifting, smoothed, humming, coarse,
    upside_down,
)  # fmt: skip


@pytest.fixture(scope="module")
def crowd() -> Trial:
    """Fresh, held-out and trained beats of the same simulated people, in random order.

    Each has 0.1 mV of slow noise of its own, so that beats of a person differ as real ones do.
    """
    half = {"N": 0.5, "V": 0.5}
    beats = simulate_beats(3000, patients=12, beats=half, noise=Noise(muscle_mv=0.005), seed=3)
    beats = replace(beats.with_classes(("N", "V")), record=None, onset_s=None, marks=None)
    own = 0.3 * np.random.default_rng(1).standard_normal(beats.signal.shape)
    beats = replace(beats, signal=beats.signal + lowpass(own, 360.0, 15.0))
    order = np.random.default_rng(0).permutation(len(beats))
    fresh, heldout, train = (beats[rows] for rows in np.split(order, [800, 1200]))
    return Trial(replace(fresh, patient=None, source="synthetic:fresh"), heldout, train, quick=True)


def measured(trial: Trial, name: str = "copy_share") -> dict[str, Estimate]:
    return METRICS.get(name).measure(trial)


def alarms(found: dict[str, Estimate]) -> set[str]:
    return {name for name, estimate in found.items() if estimate.note.startswith(COPIES)}


def with_copies(trial: Trial, share: float, hide: Hide, source: Ecg | None = None) -> Trial:
    """The trial's set in which so large a share of each class was taken from what is real."""
    taken, signal = source if source is not None else trial.train, trial.synthetic.signal.copy()
    assert taken is not None
    for name in trial.classes:
        rows = np.flatnonzero(trial.synthetic.labels_str == name)
        rows = RANDOM.permutation(rows)[: round(share * len(rows))]
        signal[rows] = hide(RANDOM.permutation(taken.of_class(name).signal)[: len(rows)], 360.0)
    changed = trial.with_synthetic(replace(trial.synthetic, signal=signal))
    changed.know(real_distances, real_distances(trial))
    return changed


def test_real_items_stand_on_one_in_a_hundred_and_raise_no_alarm(crowd: Trial) -> None:
    for name in ("copy_share", "copy_share_person"):
        found = measured(crowd, name)
        assert not alarms(found)
        assert all(estimate.value < 0.04 for estimate in found.values())
        assert all(estimate.low <= 0.01 <= estimate.high for estimate in found.values())


@pytest.mark.parametrize("hide", HIDDEN)
def test_a_tenth_of_copies_raises_an_alarm_whatever_hides_them(crowd: Trial, hide: Hide) -> None:
    found = measured(with_copies(crowd, 0.1, hide))
    assert alarms(found) == {"N", "V"}
    assert all(estimate.value == pytest.approx(0.11, abs=0.04) for estimate in found.values())


def test_copies_of_held_out_items_raise_it_too(crowd: Trial) -> None:
    assert alarms(measured(with_copies(crowd, 0.1, noisy, crowd.test))) == {"N", "V"}


def test_a_copy_under_another_label_is_one(crowd: Trial) -> None:
    changed = with_copies(crowd, 1.0, noisy).synthetic
    swapped = replace(changed, label=one_hot(1 - changed.labels_id, 2))
    assert alarms(measured(crowd.with_synthetic(swapped))) == {"N", "V"}


def test_originals_that_stand_there_twice_are_found(crowd: Trial) -> None:
    train, test = (
        replace(part, record=part.patient, onset_s=100.0 * np.arange(len(part)) + shift)
        for part, shift in ((crowd.train, 0.0), (crowd.test, 50.0))
        if part is not None
    )
    again = replace(train, signal=noisy(train.signal, 360.0).astype(np.float32))
    twice = replace(with_copies(crowd, 1.0, noisy), train=concatenate([train, again]), test=test)
    assert alarms(measured(twice, "copy_share_person")) == {"N", "V"}


def test_the_search_finds_the_original_and_how_far_it_is(crowd: Trial) -> None:
    assert crowd.train is not None
    real = crowd.train.signal[:300]
    hidden = scaled_and_lifted(real[:40], 360.0).astype(np.float32)
    distance, which = nearest_two(hidden, real, crowd.train.spec)
    np.testing.assert_array_equal(which[:, 0], np.arange(40))
    assert np.median(distance[:, 0]) < 0.002 < np.median(distance[:, 1])


def test_what_may_not_answer_is_not_found(crowd: Trial) -> None:
    assert crowd.train is not None
    real, everyone = crowd.train.signal[:50], np.arange(50)

    def itself(part: slice) -> NDArray[np.bool_]:
        return everyone[part][:, None] == everyone[None]

    which = nearest_two(real, real, crowd.train.spec, itself)[1]
    assert not (which == everyone[:, None]).any()
    assert np.isinf(nearest_two(real[:1], real[:1], crowd.train.spec)[0][0, 1])


def test_a_class_of_few_real_items_gets_the_reason(crowd: Trial) -> None:
    assert crowd.train is not None
    assert crowd.test is not None
    few = replace(crowd, train=crowd.train[:90], test=crowd.test[:5])
    for estimate in measured(few).values():
        assert np.isnan(estimate.value)
        assert "100 are needed" in estimate.note


def test_one_real_set_and_no_people_are_enough(crowd: Trial) -> None:
    assert crowd.train is not None
    alone = replace(with_copies(crowd, 0.1, noisy), test=None)
    assert alarms(measured(alone)) == {"N", "V"}
    nameless = replace(alone, train=replace(crowd.train, patient=None))
    assert alarms(measured(nameless)) == {"N", "V"}


def test_moved_ends_and_a_stretch_hide_no_original(crowd: Trial) -> None:
    assert crowd.train is not None
    real, rows = crowd.train.signal[:300], np.arange(40)
    uneven = (real + np.linspace(-1, 1, real.shape[-1])).astype(np.float32)  # the ends differ
    for hide, source in ((moved, uneven), (stretched, real), (upside_down, uneven)):
        hidden = hide(source[rows], 360.0).astype(np.float32)
        distance, which = nearest_two(hidden, source, crowd.train.spec)
        assert (which[:, 0] == rows).mean() > 0.95
        assert np.median(distance[:, 0] / distance[:, 1]) < 0.4


PEOPLE = np.repeat(np.arange(12), [383, 128, 96, 12, 4, 3, 3, 3, 3, 2, 1, 1])
"""[item] the person, in the shares of the S beats of MIT-BIH."""


def test_fourteen_copies_among_290_items_are_not_chance() -> None:
    random = np.random.default_rng(0)
    real, set_of = (np.exp(0.2 * random.standard_normal(n)) for n in (len(PEOPLE), 290))
    assert chance_of_real(set_of, real, PEOPLE, random) > 0.05
    set_of[:14] = 0.1
    assert chance_of_real(set_of, real, PEOPLE, random) < ALARM
    all_of = np.full(290, 0.1)
    assert chance_of_real(all_of, real, PEOPLE, random) < 1e-12


@pytest.mark.parametrize("copies_in_real", [0, 4])
def test_a_few_copies_in_the_real_set_hide_only_a_few(copies_in_real: int) -> None:
    random = np.random.default_rng(1)
    real, set_of = (np.exp(0.2 * random.standard_normal(n)) for n in (len(PEOPLE), 290))
    real[random.permutation(len(real))[:copies_in_real]] = 0.05
    set_of[:29] = 0.1
    assert chance_of_real(set_of, real, PEOPLE, random) < ALARM


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_other_mixes_of_the_same_people_are_no_alarm(spread: float) -> None:
    random, alarm = np.random.default_rng(2), 0
    for _ in range(200):
        own = spread * random.standard_normal(12)
        weight = random.multinomial(12, np.full(12, 1 / 12))[PEOPLE]
        others = random.choice(PEOPLE, 290, p=weight / weight.sum())
        real, set_of = (np.exp(own[p] + 0.2 * random.standard_normal(len(p)))
                        for p in (PEOPLE, others))  # fmt: skip
        alarm += chance_of_real(set_of, real, PEOPLE, random) < ALARM
    assert alarm <= 2


@pytest.mark.data
@pytest.mark.parametrize("hide", [noisy, scaled_and_lifted])
def test_copies_of_mit_bih_are_found_where_real_beats_are_not(hide: Hide) -> None:
    classes = ("N", "V")
    train, heldout = (load("mitbih", split=s, classes=classes) for s in ("train", "heldout"))
    train = concatenate([pick(train.of_class(n), 6000, np.random.default_rng(0)) for n in classes])
    fresh = blocks(train) % 4 == 0  # a quarter of the half minutes, its neighbours left out
    known = blocks(train) % 4 == 2
    real = replace(train[fresh], source="synthetic:real")
    trial = Trial(real, heldout, train[known], quick=True)
    assert not alarms(measured(trial))
    assert alarms(measured(with_copies(trial, 0.1, hide))) == {"N", "V"}
