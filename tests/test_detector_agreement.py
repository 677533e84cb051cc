"""Figures of detector agreement are right for counts whose answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.detectors import rendering
from benchmarks.detectors.agreement import RATIOS, compare, f1, halves, rank_correlation, summarise

PEOPLE, DETECTORS = 8, 5


def counts(shift: int = 0, seed: int = 0) -> np.ndarray:
    """[person, SNR, detector, 3] of detectors of which the later ones miss more."""
    random = np.random.default_rng(seed)
    missed = 10 * np.arange(DETECTORS) + random.integers(0, 3, (PEOPLE, len(RATIOS), DETECTORS))
    missed = np.roll(missed, shift, axis=-1)
    return np.stack([100 - missed, missed, np.zeros_like(missed)], -1)


def test_f1_is_of_the_sums_over_people() -> None:
    two = np.array([[[[1, 1, 0]]], [[[9, 0, 1]]]])
    assert f1(two) == pytest.approx(20 / 22)
    assert f1(np.zeros((1, 1, 1, 3), np.int64)) == 0


def test_a_set_beside_itself_agrees_wholly() -> None:
    found = compare(counts(), counts())
    assert found["rank_correlation"]["hard"] == [1.0, 1.0, 1.0]
    assert found["difference"]["hard"] == [0.0, 0.0, 0.0]


def test_another_order_of_the_detectors_has_a_lower_rank_correlation() -> None:
    assert compare(counts(1), counts())["rank_correlation"]["hard"][1] < 0.5
    turned = rank_correlation(np.array([[3.0, 2, 1]]), np.array([[1.0, 2, 3]]))
    assert turned == pytest.approx(-1)


def test_equal_detectors_have_no_order() -> None:
    assert rank_correlation(np.ones((1, 4)), np.arange(4.0)[None]) == 0


def test_halves_of_like_people_agree() -> None:
    low, high = halves(counts())["rank_correlation"]["hard"][1:]
    assert 0.95 < low <= high == 1.0


def test_tables_and_chart_show_every_recorder(tmp_path: Path) -> None:
    rows = {
        name: {str(k): one.tolist() for k, one in enumerate(counts(shift))}
        for shift, name in enumerate(("real", "a", "b"))
    }
    del rows["b"]["3"]  # not measured yet
    content = {
        "snr_db": list(RATIOS),
        "detectors": [f"d{k}" for k in range(DETECTORS)],
        "figures": summarise(rows, "real"),
    }
    content = json.loads(json.dumps(content))
    assert [line.split(" | ")[0] for line in rendering.agreement(content)[2:]] == [
        "| a", "| b", f"| {rendering.HALVES}"
    ]  # fmt: skip
    assert [found["people"] for found in content["figures"]["compared"].values()] == [8, 7]
    assert rendering.by_ratio(content)[-1].count("1.000") == len(RATIOS)
    assert len(rendering.scores(content)) == 2 + DETECTORS
    rendering.chart(content).savefig(tmp_path / "chart.png")
