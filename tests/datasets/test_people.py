"""Splits between people: nobody is in two, and nobody moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsynth.datasets.folder import splits


@given(
    st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=60),
    st.integers(0, 2**31),
    st.floats(0, 0.5),
    st.floats(0, 0.49),
)
def test_no_person_is_ever_in_two_splits(names, seed, validation, test):
    split = splits.splits_of_people(np.array(names), seed, validation, test)
    for name in set(names):
        assert len({s for n, s in zip(names, split, strict=True) if n == name}) == 1


@given(st.lists(st.text(min_size=1), min_size=2, max_size=30, unique=True), st.integers(0, 99))
def test_a_person_added_later_moves_nobody(names, seed):
    before = splits.splits_of_people(np.array(names[:-1]), seed, 0.2, 0.2)
    after = splits.splits_of_people(np.array(names), seed, 0.2, 0.2)
    assert before.tolist() == after[:-1].tolist()


def test_shares_of_people_are_those_asked_for():
    names = np.array([f"person {k}" for k in range(4000)])
    split = splits.splits_of_people(names, 0, validation=0.2, test=0.1)
    assert np.mean(split == "validation") == pytest.approx(0.2, abs=0.02)
    assert np.mean(split == "test") == pytest.approx(0.1, abs=0.02)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=50), st.floats(0, 0.9))
def test_the_held_out_rows_of_a_person_are_the_last(names, share):
    split = splits.hold_out_last(np.array(names), None, None, 1.0, share)
    for name in set(names):
        own = [s for n, s in zip(names, split, strict=True) if n == name]
        count = int(share * len(own))
        assert own == ["train"] * (len(own) - count) + ["heldout"] * count


@given(st.lists(st.floats(0, 60), min_size=2, max_size=60, unique=True))
def test_train_and_heldout_share_no_sample_where_onsets_are_known(onsets):
    onset = np.array(onsets)
    person = np.full(len(onset), "a")
    split = splits.hold_out_last(person, person, onset, 0.7, 0.3)
    train, heldout = onset[split == "train"], onset[split == "heldout"]
    if len(train) and len(heldout):
        assert train.max() + 0.7 <= heldout.min() + 1e-6
