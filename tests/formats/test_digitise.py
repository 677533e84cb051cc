"""Whole steps: the nearest ones, none beyond the range, and limb leads that follow exactly."""

from __future__ import annotations

import numpy as np
import pytest

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.digitise import digitise, gains
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12, limb_leads, twelve_leads


def twelve(seed: int = 1) -> Ecg:
    signal = twelve_leads(np.random.default_rng(seed).normal(0, 1.5, (3, 8, 200)))
    return Ecg(signal.astype(np.float32), Spec(LEADS_12, 500, 200))


@pytest.mark.parametrize("gain", [gains(LEADS_12, 0.001), [200] * 12, [1 / 0.00488] * 12])
def test_limb_leads_follow_from_i_and_ii_exactly_and_nothing_is_far_from_what_it_was(
    gain: list[float],
) -> None:
    ecg = twelve()
    steps = digitise(ecg, gain, 16, "EDF")
    millivolts = steps / np.array(gain)[:, None]
    for name, exact in limb_leads(steps[:, 0], steps[:, 1]).items():
        k = LEADS_12.index(name)
        np.testing.assert_array_equal(steps[:, k] * gain[0], exact * gain[k])
    assert np.abs(millivolts - ecg.signal).max() <= 2 / min(gain)
    np.testing.assert_array_equal(
        steps[:, 6:], np.round(ecg.signal[:, 6:].astype(float) * np.array(gain)[6:, None])
    )


def test_limb_leads_that_were_measured_otherwise_stay_as_they_are() -> None:
    ecg = twelve()
    signal = ecg.signal.copy()
    signal[1, 2] += 0.5
    odd = Ecg(signal, ecg.spec)
    steps = digitise(odd, [1000] * 12, 16, "EDF")
    assert np.abs(steps[:, 2] / 1000 - signal[:, 2]).max() <= 0.0005 + 1e-6


def test_limb_leads_keep_their_own_samples_where_i_or_ii_is_missing() -> None:
    ecg = twelve()
    signal = ecg.signal.copy()
    signal[0, 0, 3:9] = np.nan
    steps = digitise(Ecg(signal, ecg.spec), gains(LEADS_12, 0.001), 16, "WFDB", missing=-32768)
    assert (steps[0, 0, 3:9] == -32768).all()
    assert np.abs(steps[0, 3] / 2000 - ecg.signal[0, 3]).max() < 0.002


@pytest.mark.parametrize(("bits", "end"), [(16, "32.8"), (24, "8388.6"), (12, "2.0")])
def test_an_amplitude_beyond_the_range_is_refused_by_its_lead(bits: int, end: str) -> None:
    signal = np.zeros((2, 2, 10), np.float32)
    signal[1, 1, 3] = -9000
    ecg = Ecg(signal, Spec(("I", "V1"), 500, 10))
    with pytest.raises(EcgsynthError, match=f"lead V1 reaches 9000.0 mV, but {bits}-bit .* {end}"):
        digitise(ecg, [1000, 1000], bits, "EDF")


def test_a_missing_sample_has_the_value_of_the_format_or_is_refused() -> None:
    signal = np.ones((2, 1, 4), np.float32)
    signal[1, 0, 2] = np.nan
    ecg = Ecg(signal, Spec(("II",), 500, 4))
    assert digitise(ecg, [1000], 16, "WFDB", missing=-32768)[1, 0].tolist() == [
        1000, 1000, -32768, 1000
    ]  # fmt: skip
    with pytest.raises(EcgsynthError, match="lead II are missing in item 1, and EDF has no value"):
        digitise(ecg, [1000], 16, "EDF")
