"""Scaled and back is what it was; padding is never taken for signal."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from ecgsynth.config import Training
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.anonymity import coarse_step, round_coarse
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.scaling import (
    LEAST,
    SCALERS,
    BeatScaler,
    fit_scaler,
    measure_hidden,
    scaler_from_json,
    zero_padding,
)
from ecgsynth.signals.spec import Spec

KINDS = sorted(SCALERS)


@pytest.fixture(scope="module")
def padded(simulated_beats: Ecg) -> Ecg:
    """60 beats that end after 150 to 209 samples, zeros beyond."""
    valid = np.arange(150, 210, dtype=np.int32)
    beats = simulated_beats[:60]
    return replace(beats, signal=zero_padding(beats.signal, valid), valid=valid)


def test_every_scaler_can_be_named_in_a_recipe() -> None:
    assert sorted(get_args(Training.model_fields["scaler"].annotation)) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_scaled_and_back_is_the_same_in_mv(simulated_beats: Ecg, kind: str) -> None:
    scaler = fit_scaler(kind, simulated_beats)
    hidden = measure_hidden(scaler, simulated_beats)
    scaled = scaler.forward(simulated_beats.signal, hidden)
    assert scaled.dtype == np.float32
    back = scaler.inverse(scaled, hidden)
    assert np.abs(back - simulated_beats.signal).max() < 1e-5  # a hundredth of a microvolt


@pytest.mark.parametrize("kind", KINDS)
def test_scaler_survives_json(simulated_beats: Ecg, kind: str) -> None:
    scaler = fit_scaler(kind, simulated_beats)
    assert scaler_from_json(json.loads(json.dumps(scaler.to_json()))) == scaler


def test_card_of_an_unknown_scaler_is_told() -> None:
    with pytest.raises(EcgsynthError, match="unknown scaler 'cubic'; update ecgsynth"):
        scaler_from_json({"kind": "cubic"})


@pytest.mark.parametrize("kind", ["global", "range"])
def test_one_scale_for_all_keeps_a_large_beat_large(simulated_beats: Ecg, kind: str) -> None:
    scaler = fit_scaler(kind, simulated_beats)
    scaled = scaler.forward(simulated_beats.signal, {})
    heights, before = np.ptp(scaled, axis=2), np.ptp(simulated_beats.signal, axis=2)
    assert np.ptp(heights / before) < 1e-4 * (heights / before).mean()


def test_global_scaler_gives_the_set_an_sd_of_one(simulated_beats: Ecg) -> None:
    scaled = fit_scaler("global", simulated_beats).forward(simulated_beats.signal, {})
    assert scaled.std() == pytest.approx(1, rel=1e-4)


def test_range_scaler_holds_the_set_and_ends_in_nobodys_lowest_or_highest_sample(
    simulated_beats: Ecg,
) -> None:
    scaler = fit_scaler("range", simulated_beats)
    scaled = scaler.forward(simulated_beats.signal, {})
    assert -1 <= scaled.min() < -0.75
    assert 0.75 < scaled.max() <= 1
    assert (scaled.max((1, 2)) < 0.999).sum() > len(scaled) / 2
    ends = np.array([scaler.low, scaler.high])
    step = coarse_step(scaler.high - scaler.low)
    np.testing.assert_allclose(ends / step, np.round(ends / step))


@pytest.mark.parametrize("people, exact", [(1, False), (4, False), (5, True)])
def test_a_scale_of_fewer_than_five_people_is_coarse(
    simulated_beats: Ecg, people: int, exact: bool
) -> None:
    who = (np.arange(len(simulated_beats)) % people).astype(np.str_)
    data = replace(simulated_beats, patient=who)
    scale, sd = fit_scaler("global", data).scale, float(data.signal.std(dtype=np.float64))
    assert scale == pytest.approx(sd, rel=0.06)
    assert (scale == pytest.approx(sd, rel=1e-6)) is exact
    assert exact or scale == round_coarse(scale)


def test_beat_scaler_gives_every_beat_zero_mean_and_unit_sd(simulated_beats: Ecg) -> None:
    scaler = BeatScaler()
    scaled = scaler.forward(simulated_beats.signal, scaler.measure(simulated_beats))
    np.testing.assert_allclose(scaled.mean((1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std((1, 2)), 1, atol=1e-4)


def test_beat_scaler_keeps_the_leads_of_an_item_in_proportion(simulated_record: Ecg) -> None:
    scaler = BeatScaler()
    scaled = scaler.forward(simulated_record.signal, scaler.measure(simulated_record))
    before, after = np.ptp(simulated_record.signal, axis=2), np.ptp(scaled, axis=2)
    np.testing.assert_allclose(after / after[:, :1], before / before[:, :1], rtol=1e-4)


def test_flat_beat_among_others_comes_back_flat() -> None:
    signal = np.stack([np.full((1, 50), 0.3), np.sin(np.arange(50.0))[None]])
    ecg = Ecg(signal, Spec(("MLII",), 360, 50))
    scaler = fit_scaler("beat", ecg)
    hidden = scaler.measure(ecg)
    assert np.exp(hidden["log_scale"][0]) == pytest.approx(LEAST)
    scaled = scaler.forward(ecg.signal, hidden)
    assert np.abs(scaled[0]).max() < 1e-3
    np.testing.assert_allclose(scaler.inverse(scaled, hidden), ecg.signal, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_the_padding_changes_no_constant(padded: Ecg, kind: str) -> None:
    is_signal = zero_padding(np.ones_like(padded.signal), padded.valid) > 0
    noisy = replace(padded, signal=np.where(is_signal, padded.signal, 9))
    assert np.ptp(noisy.signal) > np.ptp(padded.signal) + 5
    scalers = [fit_scaler(kind, ecg) for ecg in (padded, noisy)]
    assert scalers[0] == scalers[1]
    first, second = (measure_hidden(s, e) for s, e in zip(scalers, (padded, noisy), strict=True))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_length_of_padded_items_is_a_hidden_number_whatever_the_scaler(padded: Ecg) -> None:
    for kind in KINDS:
        hidden = measure_hidden(fit_scaler(kind, padded), padded)
        np.testing.assert_array_equal(hidden["valid"], padded.valid)
        whole = replace(padded, valid=None)
        assert "valid" not in measure_hidden(fit_scaler(kind, whole), whole)


def test_masked_signal_is_as_it_was_up_to_the_padding_and_zero_beyond(padded: Ecg) -> None:
    signal = zero_padding(padded.signal + 1, padded.valid)
    assert signal.dtype == np.float32
    for item, end in enumerate(np.asarray(padded.valid)):
        np.testing.assert_array_equal(signal[item, :, :end], padded.signal[item, :, :end] + 1)
        assert not signal[item, :, end:].any()
