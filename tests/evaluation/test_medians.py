"""Differences of medians, their intervals over people, and Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate
from ecgsynth.evaluation.medians import drawn_medians, holm, median_difference


def people(count: int) -> NDArray:
    return np.arange(count)


def difference(one: NDArray, other: NDArray, *, own: NDArray | None = None) -> Estimate:
    random = np.random.default_rng(1)
    ours = (one, people(len(one)) if own is None else own)
    return median_difference(ours, (other, people(len(other))), random)


def test_a_sample_against_another_of_the_same_law_differs_by_nothing() -> None:
    held = []
    for k in range(40):
        values = np.random.default_rng(k).normal(100, 10, (2, 80))
        found = difference(*values)
        assert found.low is not None and found.high is not None
        held.append(found.low <= 0 <= found.high)
    assert np.mean(held) > 0.85


def test_a_shift_is_the_difference_and_its_interval_excludes_nothing() -> None:
    values = np.random.default_rng(2).normal(100, 10, 200)
    found = difference(values + 20, values)
    assert found.value == pytest.approx(20)
    assert found.low is not None and found.low > 0
    assert "of real items" in found.note


def test_unknown_values_do_not_count_and_few_give_no_figure() -> None:
    values = np.random.default_rng(3).normal(100, 10, 60)
    gaps = np.r_[values, np.full(30, np.nan)]
    assert difference(gaps, values).value == 0
    assert np.isnan(difference(np.r_[values[:9], np.nan], values).value)


def test_many_items_of_one_person_count_as_one_person() -> None:
    values = np.repeat(np.random.default_rng(4).normal(100, 10, 20), 20)
    other = np.random.default_rng(5).normal(100, 10, 400)
    alone = difference(values, other)
    grouped = difference(values, other, own=np.repeat(people(20), 20))
    widths = [one.high - one.low for one in (alone, grouped)]  # type: ignore[operator]
    assert widths[1] > 2 * widths[0]


def test_a_median_of_an_even_number_of_items_lies_between_the_middle_two() -> None:
    found = drawn_medians(np.array([1.0, 3.0]), np.array([0, 0]), np.random.default_rng(0))
    assert (found == 2.0).all()


def test_holm_multiplies_the_least_by_all_and_never_falls() -> None:
    ends = [(1.0, 2.9), (1.0, 1.5), (1.0, 1.0)]
    estimates = [Estimate(v, v - half, v + half) for v, half in ends]
    from scipy.stats import norm

    alone = [2 * norm.sf(1.96 * value / half) for value, half in ends]
    found = holm(estimates)
    assert found[2] == pytest.approx(3 * alone[2])
    assert found[1] == pytest.approx(2 * alone[1])
    assert found[0] == pytest.approx(max(alone[0], 2 * alone[1]))
    assert (holm(estimates[::-1]) == found[::-1]).all()


def test_holm_leaves_out_what_has_no_interval() -> None:
    found = holm([Estimate(1.0), Estimate(0.0, -1.0, 1.0), Estimate(np.nan, note="none")])
    assert np.isnan(found[[0, 2]]).all()
    assert found[1] == 1
    assert not len(holm([]))
