"""The normal beat of a person: without labels, and only where a set names people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecgsynth.evaluation.reference_models.own_beat import names_people, normal_beats, with_own_beat
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.rr import RR
from ecgsynth.signals.spec import Spec

PEOPLE, EACH, LATE_FROM = 6, 20, 11
"""Of the beats of each person, nine are early and wide, of class V."""


@pytest.fixture
def beats() -> Ecg:
    """People whose normal beats differ in height; a V beat is the same in everybody."""
    person = np.repeat(np.arange(PEOPLE), EACH)
    rare = np.tile(np.arange(EACH) >= LATE_FROM, PEOPLE)
    signal = np.where(rare, -1.0, 1.0 + person)[:, None, None] * np.hanning(16)
    rr = np.where(rare[:, None], [0.5, 1.2, 0.8], [0.8, 0.8, 0.8])
    return Ecg(
        signal, Spec(("II",), 360, 16, ("N", "V"), context=RR), one_hot(rare.astype(int), 2), rr,
        patient=person.astype(np.str_),
    )  # fmt: skip


def test_the_normal_beat_is_that_of_the_beats_in_time(beats: Ecg) -> None:
    rare = beats.labels_str == "V"
    assert beats.patient is not None
    heights = normal_beats(beats)[:, 0].max(1)
    np.testing.assert_allclose(heights, np.hanning(16).max() * (1 + beats.patient.astype(int)))
    away = np.abs(with_own_beat(beats).signal[:, 1]).max(1)
    assert away[~rare].max() < 1e-6
    assert away[rare].min() > 1.5


def test_labels_and_order_do_not_matter(beats: Ecg) -> None:
    swapped = replace(beats, label=1 - np.asarray(beats.label))
    np.testing.assert_array_equal(normal_beats(swapped), normal_beats(beats))
    rows = np.random.default_rng(0).permutation(len(beats))
    np.testing.assert_array_equal(normal_beats(beats[rows]), normal_beats(beats)[rows])


def test_a_person_with_too_few_beats_in_time_has_the_median_of_all(beats: Ecg) -> None:
    few = beats[LATE_FROM - 2 : EACH]  # of one person, two beats in time
    middle = np.median(few.signal, axis=0)
    np.testing.assert_allclose(normal_beats(few), np.tile(middle, (len(few), 1, 1)))
    one = beats[:1]
    assert not with_own_beat(one).signal[:, 1].any()


def test_without_rr_every_beat_counts(beats: Ecg) -> None:
    bare = replace(beats, spec=replace(beats.spec, context=()), context=None)
    unknown = replace(beats, context=np.full((len(beats), 3), np.nan))
    assert np.isfinite(normal_beats(bare)).all()
    assert np.isfinite(normal_beats(unknown)).all()


def test_names_that_are_no_people_are_none(beats: Ecg) -> None:
    assert names_people(beats)
    assert not names_people(None)
    assert not names_people(replace(beats, patient=None))
    assert not names_people(replace(beats, patient=np.char.add("GAN_", beats.labels_str)))
    assert not names_people(beats[: 4 * EACH])
    assert not names_people(beats.of_class("N"))
