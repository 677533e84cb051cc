"""Wavelet coherence against pycwt, and against signals whose coherence is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals import wavelets
from ecgsynth.signals.wavelets import PERIOD, coherence

FS = 360.0


def related(samples: int, pairs: int = 3, seed: int = 0) -> tuple[NDArray, NDArray]:
    """Random walks, the second in part the first."""
    walks = np.random.default_rng(seed).standard_normal((2, pairs, samples)).cumsum(2)
    return walks[0], 0.6 * walks[0] + walks[1]


def of_pycwt(x: NDArray, y: NDArray, hz: NDArray) -> tuple[NDArray, NDArray]:
    """(map, cone as the longest period inside, s) of one pair."""
    pycwt = pytest.importorskip("pycwt")
    found, _, cone, theirs, _ = pycwt.wct(
        x, y, 1 / FS, s0=1 / (PERIOD * hz[0]), J=len(hz) - 1, sig=False, normalize=False
    )
    np.testing.assert_allclose(theirs, hz)
    return found, cone


def test_coherence_is_that_of_pycwt() -> None:
    x, y = related(256)
    found, hz, _ = coherence(x, y, FS, highest_hz=60)
    for k in range(len(x)):
        # pycwt adds no zeros to 256 samples: the end would meet the beginning.
        padded = [np.pad(z[k] - z[k].mean(), (0, 256)) for z in (x, y)]
        np.testing.assert_allclose(of_pycwt(*padded, hz)[0][:, :256], found[k], atol=1e-4)


def test_without_more_zeros_pycwt_agrees_to_a_hundredth_inside_the_cone() -> None:
    x, y = related(300)
    found, hz, inside = coherence(x, y, FS, highest_hz=60)
    for k in range(len(x)):
        theirs, cone = of_pycwt(x[k] - x[k].mean(), y[k] - y[k].mean(), hz)
        assert np.abs(theirs - found[k])[inside].mean() < 0.01
        assert (inside == (1 / hz[:, None] <= cone)).all()


def test_a_signal_goes_together_with_its_own_mirror_and_multiple() -> None:
    x, _ = related(256)
    found, _, inside = coherence(x, 5 - 3 * x, FS, highest_hz=60)
    assert found[:, inside].min() > 0.999


def test_a_shared_wave_is_seen_at_its_own_frequency() -> None:
    random, at = np.random.default_rng(0), np.arange(720) / FS
    wave = np.sin(2 * np.pi * 20 * at)
    x, y = (wave + 2 * random.standard_normal((20, 720)) for _ in range(2))
    found, hz, inside = coherence(x, y, FS)
    by_hz = np.array([found[:, k][:, inside[k]].mean() for k in range(len(hz))])
    assert hz[by_hz.argmax()] == pytest.approx(20, rel=0.25)
    assert by_hz.max() > 1.4 * np.median(by_hz)


def test_a_delay_keeps_coherence() -> None:
    x, _ = related(512)
    found, hz, inside = coherence(x[:, 4:], x[:, :-4], FS, highest_hz=40)
    slow = inside & (hz < 10)[:, None]
    assert found[:, slow].mean() > 0.9


def test_independent_signals_cohere_less_than_related_ones() -> None:
    x, y = related(256, pairs=50)
    inside = coherence(x, y, FS, highest_hz=60)[2]
    together, apart = (
        coherence(x, z, FS, highest_hz=60)[0][:, inside].mean() for z in (y, np.roll(y, 1, 0))
    )
    assert apart < together - 0.05


def test_a_constant_signal_coheres_with_nothing() -> None:
    x, y = related(256)
    y[:] = 1.5
    found = coherence(x, y, FS, highest_hz=60)[0]
    assert (found == 0).all()


def test_pairs_do_not_depend_on_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = related(256, pairs=5)
    whole = coherence(x, y, FS, highest_hz=40)[0]
    monkeypatch.setattr(wavelets, "CHUNK_BYTES", 1)
    np.testing.assert_allclose(coherence(x[::-1], y[::-1], FS, highest_hz=40)[0][::-1], whole,
                               atol=1e-5)  # fmt: skip


def test_frequencies_fall_from_the_highest_and_each_has_a_moment_inside() -> None:
    x, y = related(256)
    found, hz, inside = coherence(x, y, FS, highest_hz=40)
    assert found.shape == (3, len(hz), 256)
    assert hz[0] == pytest.approx(40)
    assert (np.diff(hz) < 0).all()
    assert inside.any(1).all()
    assert coherence(x, y, FS, highest_hz=1000)[1][0] == pytest.approx(FS / 2)


def test_bad_pairs_are_refused() -> None:
    x, y = related(256)
    with pytest.raises(EcgsynthError, match="one shape"):
        coherence(x, y[:, :-1], FS)
    with pytest.raises(EcgsynthError, match="one shape"):
        coherence(x[0], y[0], FS)
    with pytest.raises(EcgsynthError, match="too short"):
        coherence(x[:, :40], y[:, :40], FS, highest_hz=20)
