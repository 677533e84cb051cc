"""Filters shift nothing, keep their band, and leave an ECG an ECG."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals import filters
from ecgsynth.signals.ecg import Ecg
from ecgsynth.simulator.records import Noise, simulate_record

FILTERS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "lowpass": lambda x, fs: filters.lowpass(x, fs, 40),
    "low-pass Butterworth": lambda x, fs: filters.bandpass(x, fs, None, 40),
    "high-pass Butterworth": lambda x, fs: filters.bandpass(x, fs, 0.5, None),
    "bandpass": lambda x, fs: filters.bandpass(x, fs, 0.5, 40),
    "baseline": filters.remove_baseline,
}


def sine(hz: float, fs: float, seconds: float = 10) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * fs)) / fs).astype(np.float32)


def gain(function: Callable[[np.ndarray, float], np.ndarray], hz: float, fs: float = 360) -> float:
    """Of a sine, in the middle of a long signal."""
    wave = sine(hz, fs, 40)
    middle = slice(len(wave) // 4, -len(wave) // 4)
    return float(np.std(function(wave, fs)[middle]) / np.std(wave[middle]))


@pytest.mark.parametrize("name", FILTERS)
def test_filter_has_zero_phase(name: str) -> None:
    pulse = np.zeros(3601, np.float32)
    pulse[1800] = 1
    out = FILTERS[name](pulse, 360)
    np.testing.assert_allclose(out, out[::-1], atol=1e-4)
    assert np.abs(out).argmax() == 1800


@pytest.mark.parametrize("name", FILTERS)
def test_filter_leaves_the_r_peak_where_it_was(name: str, simulated_record: Ecg) -> None:
    wave = simulated_record.signal[0, 1]
    assert simulated_record.marks is not None
    for r in simulated_record.marks.of(0, "r_peak")[1:-1]:
        out = FILTERS[name](wave, 500)
        assert abs(int(out[r - 20 : r + 21].argmax()) - 20) <= 1


@pytest.mark.parametrize("name", FILTERS)
def test_filter_treats_every_item_and_lead_alike(name: str) -> None:
    noise = np.random.default_rng(0).normal(size=(2, 3, 1000)).astype(np.float32)
    out = FILTERS[name](noise, 360)
    assert out.shape == noise.shape
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[1, 2], FILTERS[name](noise[1, 2], 360), atol=1e-5)


@pytest.mark.parametrize("hz", [1, 10, 25, 40])
def test_lowpass_is_flat_up_to_its_edge(hz: float) -> None:
    assert gain(FILTERS["lowpass"], hz) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("hz", [55, 60, 100, 170])
def test_lowpass_is_60_db_down_15_hz_above_its_edge(hz: float) -> None:
    assert gain(FILTERS["lowpass"], hz) < 1.5e-3


def test_butterworth_band_passes_its_middle_and_stops_its_outside() -> None:
    assert gain(FILTERS["bandpass"], 10) == pytest.approx(1, abs=0.01)
    assert gain(FILTERS["bandpass"], 0.1) < 0.01
    assert gain(FILTERS["bandpass"], 100) < 0.01
    for edge in (0.5, 40):  # twice 3 dB, as it runs forward and backward
        assert gain(FILTERS["bandpass"], edge) == pytest.approx(0.5, abs=0.02)


def test_open_band_changes_nothing() -> None:
    wave = sine(7, 360)
    np.testing.assert_array_equal(filters.bandpass(wave, 360, None, None), wave)


def test_baseline_removal_takes_the_wander_and_leaves_the_qrs() -> None:
    clean = simulate_record(30, 360, leads=("MLII",), heart_rate=70)
    wander = simulate_record(30, 360, leads=("MLII",), heart_rate=70, noise=Noise(wander_mv=0.3))
    out, still = (filters.remove_baseline(e.signal[0, 0], 360) for e in (wander, clean))
    # Two medians follow the wander to the width of the longer one, not perfectly.
    assert np.std(out - still) < 0.25 * np.std((wander.signal - clean.signal)[0, 0])
    assert clean.marks is not None
    r = clean.marks.of(0, "r_peak")[1:-1]
    np.testing.assert_allclose(still[r], clean.signal[0, 0, r], atol=0.05)


def test_baseline_removal_takes_a_constant_away_entirely() -> None:
    np.testing.assert_array_equal(filters.remove_baseline(np.full(2000, 3.3), 360), 0)


@pytest.mark.parametrize(("fs", "to"), [(360, 120), (360, 250), (360, 500), (500, 100), (128, 360)])
def test_resampling_keeps_a_sine_and_its_phase(fs: float, to: float) -> None:
    out = filters.resample(sine(7, fs), fs, to)
    assert len(out) == np.ceil(10 * fs * to / fs)
    inside = slice(int(to), -int(to))
    np.testing.assert_allclose(out[inside], sine(7, to)[: len(out)][inside], atol=0.01)


def test_resampling_down_does_not_fold_high_frequencies_over() -> None:
    out = filters.resample(sine(100, 360), 360, 120)
    assert np.abs(out[120:-120]).max() < 0.01


def test_resampling_to_the_same_rate_changes_nothing() -> None:
    wave = sine(7, 360)
    np.testing.assert_array_equal(filters.resample(wave, 360, 360), wave)


@given(old=st.integers(2, 300), new=st.integers(2, 300), a=st.floats(-5, 5), b=st.floats(-5, 5))
@settings(deadline=None)
def test_stretching_keeps_straight_lines_and_their_ends(
    old: int, new: int, a: float, b: float
) -> None:
    out = filters.resample_length(np.linspace(a, b, old), new)
    np.testing.assert_allclose(out, np.linspace(a, b, new), atol=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: filters.lowpass(x, 60, 40), "above 80 Hz; the signal has 60 Hz"),
        (lambda x: filters.lowpass(x, 360, 0), "low-pass edge"),
        (lambda x: filters.bandpass(x, 100, None, 60), "between 0 and 50 Hz"),
        (lambda x: filters.bandpass(x, 100, 20, 5), "swap its edges"),
    ],
)
def test_impossible_band_is_refused_in_a_sentence(
    call: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    with pytest.raises(EcgsynthError, match=words):
        call(sine(5, 360))
