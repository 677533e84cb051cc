"""What a delineator learns from: marks as allowed waves, varied strips, errors against marks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks import wave_changes as changes
from benchmarks.train_delineator import beats_allowed, loss_of
from benchmarks.wave_changes import ANY, BACKGROUND, QRS, P, Strip, T, allowed_waves
from benchmarks.wave_errors import Tally, compare, matched
from ecgsynth.signals.recording import Recording

BEAT = np.array([20, 28, 36, 50, 58, 70, 95, 110, 125])


def strip(beats: int = 5) -> Strip:
    """Beats a second apart, each wave a bump between its marks."""
    points = BEAT + 250 * np.arange(beats)[:, None]
    signal = np.zeros(250 * beats + 50, np.float32)
    for row in points:
        for start, stop, height in ((0, 2, 0.2), (3, 5, 1.0), (6, 8, 0.4)):
            at = slice(row[start], row[stop] + 1)
            signal[at] += height * np.sin(np.linspace(0, np.pi, row[stop] - row[start] + 1))
    last = len(signal) - 1
    return Strip(signal[None], points, allowed_waves(points, np.array([[0, last]]), last + 1))


def test_marks_allow_one_wave_and_nothing_is_known_outside() -> None:
    allowed = allowed_waves(BEAT[None], np.array([[10, 130]]), 200)
    assert (allowed[:10] == ANY).all() and (allowed[131:] == ANY).all()
    assert allowed[[15, 28, 45, 58, 80, 110]].tolist() == [
        BACKGROUND, P, BACKGROUND, QRS, BACKGROUND, T,
    ]  # fmt: skip


@pytest.mark.parametrize(("missing", "open_"), [([6], (71, 110)), ([6, 7, 8], (71, 131))])
def test_a_t_wave_that_is_not_wholly_marked_is_left_open(
    missing: list[int], open_: tuple[int, int]
) -> None:
    points = BEAT.copy()
    points[missing] = -1
    allowed = allowed_waves(points[None], np.array([[10, 130]]), 200)
    assert (allowed[open_[0] : min(open_[1], 131)] == T | BACKGROUND).all()
    assert allowed[58] == QRS


def test_a_removed_p_wave_leaves_the_line_between_its_ends() -> None:
    one = strip()
    signal, points, allowed = one.signals[0].copy(), one.points.copy(), one.allowed.copy()
    changes._remove_p(signal, points, allowed, np.arange(len(points)))
    assert not (allowed == P).any() and (points[:, :3] == -1).all()
    for row in one.points:
        np.testing.assert_allclose(signal[row[0] : row[2] + 1], 0, atol=1e-6)
    assert signal.max() == pytest.approx(one.signals[0].max())


@pytest.mark.parametrize("seed", range(6))
def test_moved_p_waves_take_their_marks_with_them(seed: int) -> None:
    one, random = strip(), np.random.default_rng(seed)
    signal, points, allowed = one.signals[0].copy(), one.points.copy(), one.allowed.copy()
    changes._change_p(signal, points, allowed, random)
    kept = points[:, 0] >= 0
    assert (allowed == P).sum() == 17 * kept.sum()
    assert (points[kept, 2] < points[kept, 3]).all()
    if kept.any():
        others = one.signals[0].copy()
        changes._remove_p(others, one.points.copy(), one.allowed.copy(), np.arange(len(points)))
        moved = signal - others
        assert np.abs(moved[allowed != P]).max() < 1e-5
        assert np.abs(moved[allowed == P]).max() > 0.05


def test_a_varied_strip_keeps_signal_and_marks_together() -> None:
    one = strip(8)
    for seed in range(30):
        signal, allowed = changes.vary(one, np.random.default_rng(seed))
        assert len(signal) == len(allowed) and np.isfinite(signal).all()
        qrs = np.flatnonzero(np.diff(np.r_[0, allowed == QRS, 0]) == 1)
        assert len(qrs) == 8
        assert np.abs(signal[allowed == QRS]).max() >= 0.5 * np.abs(signal).max()
        assert set(allowed.tolist()) <= {BACKGROUND, P, QRS, T, T | BACKGROUND, ANY}


def test_crops_have_their_length_and_know_something() -> None:
    for length in (150, 1250, 2500):
        wave, allowed = changes.crop(strip(4), length, np.random.default_rng(length))
        assert wave.shape == allowed.shape == (length,)
        assert (allowed != ANY).any()


def test_what_is_allowed_costs_nothing() -> None:
    logits = torch.zeros(1, 4, 8)
    logits[:, 1] = 50.0  # sure of P
    for bits, cost in ((P, 0.0), (P | T, 0.0), (ANY & ~P, 50.0)):
        allowed = torch.full((1, 8), bits, dtype=torch.uint8)
        assert float(loss_of(logits, allowed)) == pytest.approx(cost, abs=1.5)
    assert float(loss_of(logits, torch.full((1, 8), ANY, dtype=torch.uint8))) == 0.0


def test_beats_state_where_qrs_is_and_fibrillation_that_there_is_no_p() -> None:
    recording = Recording(np.zeros((1, 3000), np.float32), 250.0, ("II",))
    sample, symbol = np.array([10, 500, 1500, 2000]), np.array(["+", "N", "+", "V"])
    allowed = beats_allowed(sample, symbol, ("(N", "", "(AFIB", ""), recording)
    assert allowed[500] == allowed[2000] == QRS
    assert allowed[1000] == ANY & ~QRS
    assert allowed[1800] == ANY & ~QRS & ~P
    assert allowed[510] == ANY


def test_marks_and_points_are_matched_once_each() -> None:
    marked, found = np.array([100.0, 200, 300]), np.array([98.0, 104, 305, 900])
    assert matched(marked, found, 40).tolist() == [[0, 0], [2, 2]]
    assert matched(marked, np.array([150.0]), 40).tolist() == []
    assert matched(np.zeros(0), found, 40).shape == (0, 2)
    error, extra = compare(marked, found, [(90, 310)], 250.0)
    np.testing.assert_array_equal(error, [-2, np.nan, 5])
    assert extra == 1  # the one beyond the marks is neither right nor wrong


def test_a_tally_has_mean_sd_and_shares() -> None:
    tally = Tally()
    tally.add("r_peak", np.array([1.0, -1.0, np.nan]), 250.0, 1, "a")
    tally.add("r_peak", np.array([3.0]), 250.0, 0, "b")
    (row,) = tally.rows()
    assert row == {
        "fiducial": "r_peak", "marks": 4, "people": 2, "mean_ms": 4.0,
        "sd_ms": round(float(np.std([4, -4, 12])), 1), "sensitivity": 0.75, "precision": 0.75,
    }  # fmt: skip
    assert tally.rows(["r_peak"])[0]["precision"] is None
