"""Noise that is added on purpose keeps to its bounds and changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.noise import add_noise
from ecgsynth.signals.spec import Spec

FS = 360.0
STILL = Ecg(np.zeros((200, 2, 3600), np.float32), Spec(("I", "II"), FS, 3600))
LOUD = Ecg(
    np.random.default_rng(5).normal(0, [[[1.0], [3.0]]], (200, 2, 3600)),
    Spec(("I", "II"), FS, 3600),
)


def added(ecg: Ecg, *kinds: str) -> np.ndarray:
    return add_noise(ecg, kinds, seed=1).signal - ecg.signal


@pytest.mark.parametrize(("kind", "hz", "most"), [("low", (0, 0.2), 0.1), ("high", (45, 90), 0.15)])
def test_a_sine_keeps_to_its_band_and_amplitude(
    kind: str, hz: tuple[float, float], most: float
) -> None:
    noise = added(STILL, kind)
    height = np.abs(noise).max(-1)
    assert 0.9 * most < height.max() <= most
    power = np.abs(np.fft.rfft(noise * np.hanning(3600), axis=-1)) ** 2
    loudest = np.fft.rfftfreq(3600, 1 / FS)[power.argmax(-1)]
    assert (loudest >= hz[0] - 0.1).all() and (loudest <= hz[1] + 0.1).all()
    if kind == "high":  # every item and lead has its own; of the slow ones 10 s tell too little
        assert len(np.unique(loudest)) > 150
        assert np.ptp(loudest) > 40


def test_white_noise_is_a_share_of_the_items_own_spread() -> None:
    share = added(LOUD, "white").std(-1) / LOUD.signal.std(-1)
    assert 0.13 < share.max() < 0.155
    assert share.min() < 0.01
    assert share.mean(0) == pytest.approx(0.075, abs=0.01)  # in both leads, though one is louder
    assert not added(STILL, "white").any()


def test_without_kinds_the_very_same_items_come_back() -> None:
    assert add_noise(LOUD, ()) is LOUD


def test_same_seed_same_noise_whatever_the_order_of_the_kinds() -> None:
    one = add_noise(LOUD, ("low", "white"), seed=3).signal
    np.testing.assert_array_equal(add_noise(LOUD, ("white", "low"), seed=3).signal, one)
    assert np.abs(add_noise(LOUD, ("low", "white"), seed=4).signal - one).max() > 0.1


def test_noise_that_the_rate_cannot_hold_is_refused() -> None:
    slow = Ecg(np.zeros((1, 1, 64), np.float32), Spec(("I",), 180.0, 64))
    with pytest.raises(EcgsynthError, match="needs more than 180 samples a second"):
        add_noise(slow, ("high",))


def test_a_noisy_data_set_says_so_in_its_band_and_keeps_its_labels() -> None:
    small = {"patients": 5, "beats": 20}
    clean = load("simulated:test", **small)
    noisy = load("simulated:test", **small, noise=["low", "high", "white"])
    assert clean.spec.band == (None, 40.0)
    assert noisy.spec.band == (None, None)
    np.testing.assert_array_equal(noisy.label, clean.label)
    assert 0.01 < np.std(noisy.signal - clean.signal) < 0.15
    with pytest.raises(EcgsynthError, match="noise"):
        load("simulated:test", **small, noise=["loud"])
