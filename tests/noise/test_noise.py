"""Noise: its ratio is as asked, its place is the schedule's, and the signal stays known."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from outcome import Command

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read
from ecgsynth.noise import add_recording_noise, qrs_amplitude
from ecgsynth.noise.faults import convert, lose_leads, saturate
from ecgsynth.noise.schedule import Schedule
from ecgsynth.noise.sources import KINDS, NoiseSource, Recorded
from ecgsynth.rhythm.compose import make_rhythm
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.vocabulary import LEADS_12, limb_leads
from ecgsynth.simulator.drawing import draw_rhythm


@pytest.fixture(scope="module")
def ecg() -> Ecg:
    return draw_rhythm(make_rhythm("sinus 120 s", seed=1), 2, 250.0)


def power(wave: np.ndarray, fs: float, low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / fs)
    return float(spectrum[(hertz >= low) & (hertz <= high)].sum() / spectrum.sum())


@pytest.mark.parametrize("snr", [24, 6.0, 0, -6])
@pytest.mark.parametrize("kind", KINDS)
def test_the_ratio_is_the_one_that_was_asked(ecg: Ecg, kind: str, snr: float) -> None:
    noisy, clean = add_recording_noise(ecg, [kind], snr)
    noise = (noisy.signal - clean.signal)[0].astype(float)
    signal = qrs_amplitude(clean, 0) ** 2 / 8
    found = 10 * np.log10(signal / (noise**2).mean(-1))
    np.testing.assert_allclose(found, snr, atol=0.05)
    assert clean is ecg


def test_each_kind_lies_in_its_band() -> None:
    wave = {
        name: NoiseSource([name], [0], 1, 60_000, 500.0, {}).read(0, 60_000)[0] for name in KINDS
    }
    assert power(wave["wander"], 500, 0, 1) > 0.95
    assert power(wave["muscle"], 500, 14, 151) > 0.95
    assert power(wave["electrode"], 500, 0.0, 12) > 0.9
    assert power(wave["mains"], 500, 49, 51) > 0.9
    assert np.std(wave["muscle"]) == pytest.approx(1, abs=1e-3)


def test_noise_comes_when_the_schedule_has_it(ecg: Ecg) -> None:
    noisy, clean = add_recording_noise(ecg, ["muscle"], "12 dB 20 s; clean 10 s; 0 dB 30 s")
    size = np.abs(noisy.signal - clean.signal)[0, 0].reshape(-1, 2500).mean(1)  # by 10 s
    assert (size[[2, 8]] < 0.02 * size[0]).all()
    assert size[3:6].mean() / size[:2].mean() == pytest.approx(4, rel=0.4)
    assert noisy.marks is not None
    assert (noisy.marks.of(0, "~") / 250).tolist() == [20, 30, 60, 80, 90]


def test_the_noise_stress_protocol_begins_clean_and_then_takes_turns() -> None:
    schedule = Schedule.parse("stress 6")
    spans = schedule.between(0, 1020)
    assert spans[0] == (0, 300, None)
    assert [one.snr_db for one in spans[1:]] == [6, None, 6, None, 6, None]
    assert spans[-1].stop_s == 1020
    assert all(a.stop_s == b.start_s for a, b in pairwise(spans))
    late = schedule.between(1e9, 1e9 + 100)
    assert late[0].start_s <= 1e9 < late[0].stop_s


def test_limb_leads_follow_from_the_first_two() -> None:
    ecg = draw_rhythm(make_rhythm("sinus 20 s"), 12, 250.0)
    noisy = add_recording_noise(ecg, ["electrode", "muscle"], 6).noisy.signal
    for name, wave in limb_leads(noisy[:, 0], noisy[:, 1]).items():
        np.testing.assert_allclose(noisy[:, LEADS_12.index(name)], wave, atol=1e-4)


def test_recorded_noise_is_resampled_and_comes_again(ecg: Ecg) -> None:
    random = np.random.default_rng(0)
    recorded = Recorded(random.standard_normal((2, 3600)).astype(np.float32), 360.0)
    noisy = add_recording_noise(ecg, ["em"], 12, recorded={"em": recorded}).noisy
    assert noisy.source.endswith("with electrode motion of NSTDB at 12 dB")
    assert "modelled" in add_recording_noise(ecg, ["electrode"]).noisy.source
    assert noisy.synthetic


def test_the_same_seed_has_the_same_noise_and_leads_have_their_own(ecg: Ecg) -> None:
    one, same, other = (add_recording_noise(ecg, ["muscle"], 6, s).noisy.signal for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01
    noise = (one - ecg.signal)[0]
    assert abs(np.corrcoef(noise)[0, 1]) < 0.1


# Faults of recorders.


def test_a_lead_that_is_off_drifts_to_the_end_of_the_range(ecg: Ecg) -> None:
    lost = lose_leads(ecg, 300, 5.0, seed=1)
    changed = lost.signal != ecg.signal
    assert 0 < changed.mean() < 0.9
    assert np.abs(lost.signal).max() == pytest.approx(5, abs=0.3)
    np.testing.assert_array_equal(lose_leads(ecg, 0).signal, ecg.signal)


def test_saturation_cuts_and_a_converter_has_steps(ecg: Ecg) -> None:
    assert np.abs(saturate(ecg, 0.4).signal).max() == pytest.approx(0.4)
    steps = convert(ecg, 0.05).signal / 0.05
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert np.abs(convert(ecg, 0.05).signal - ecg.signal).max() <= 0.0251


# What is refused.


@pytest.mark.parametrize(
    ("snr", "sentence"),
    [
        ("12 bD", "column 1"), ("24 dB 2 min; clan 2 min", "column 14"), (99, "-20 and 60 dB"),
        (10**400, "-20 and 60 dB"), (-(10**400), "-20 and 60 dB"),
        ("24 dB 2 min; 99 dB 1 s", "column 14"), ("12 dB 0 s", "a second"), ("", "column 1"),
        (None, "a ratio"), (True, "a ratio"), (float("nan"), "-20 and 60"), ("x" * 9999, "a ratio"),
        ("stress", "column 1"), (";", "column 1"),
    ],
)  # fmt: skip
def test_a_fault_in_the_schedule_is_named(ecg: Ecg, snr, sentence: str) -> None:
    with pytest.raises(EcgsynthError, match=sentence):
        add_recording_noise(ecg, ["muscle"], snr)


@pytest.mark.parametrize(
    ("kinds", "sentence"),
    [(["electrodes"], "Did you mean 'electrode'"), ([], "is empty"), ("muscle", "list of names"),
     (["em"], "no noise is named 'em'")],
)  # fmt: skip
def test_an_unknown_kind_is_refused(ecg: Ecg, kinds, sentence: str) -> None:
    with pytest.raises(EcgsynthError, match=sentence):
        add_recording_noise(ecg, kinds)


def test_without_beats_no_ratio_is_known() -> None:
    ecg = draw_rhythm(make_rhythm("vf 10 s"))
    with pytest.raises(EcgsynthError, match="no marked beats"):
        add_recording_noise(ecg)


def test_odd_numbers_of_faults_are_refused(ecg: Ecg) -> None:
    for call in (
        lambda: lose_leads(ecg, -1), lambda: lose_leads(ecg, 1, 0), lambda: saturate(ecg, 0),
        lambda: convert(ecg, float("nan")), lambda: saturate("x", 1),  # type: ignore[arg-type]
    ):  # fmt: skip
        with pytest.raises(EcgsynthError):
            call()


def test_the_command_writes_the_noisy_and_the_clean_recording(command: Command) -> None:
    words = ["record", "sinus 20 s", "--noise", "muscle,mains", "--snr", "6", "--to", "n.npz"]
    done = command(*words, "--clean", "c.npz", "--range-mv", "4", "--step-mv", "0.005")
    assert (done.code, done.err) == (0, "")
    noisy, clean = read("n.npz"), read("c.npz")
    assert noisy.marks == clean.marks
    assert np.abs(noisy.signal - clean.signal).max() > 0.05
    assert "modelled muscle noise and modelled mains at 6 dB" in noisy.source
    for more, sentence in (
        (["--to", "x.npz", "--noise", "muscle"], "--noise needs a ratio"),
        (["--to", "x.npz", "--clean", "x.npz"], "both name"),
        (["--to", "x.npz", "--snr", "loud"], "column 1"),
        (["--to", "x.npz", "--snr", "6", "--noise", "muscles"], "no noise is named"),
        (["--to", "x.npz", "--clean", "y.npz", "--range-mv", "-1"], "above 0"),
        (["--to", "x.npz", "--clean", "y.npz", "--lead-off", "nan"], "how often leads come off"),
    ):
        done = command("record", "sinus 5 s", *more)
        assert done.code == 2
        assert sentence in done.err
        assert not Path("x.npz").exists()
        assert not Path("y.npz").exists()


@pytest.mark.data
def test_the_noise_of_nstdb_is_read() -> None:
    from ecgsynth.datasets.noise_stress import KINDS, read_noise
    from ecgsynth.errors import MissingRecordingsError

    try:
        found = {kind: read_noise(kind) for kind in KINDS}
    except MissingRecordingsError:
        pytest.skip("NSTDB is not on this machine")
    for one in found.values():
        assert one.fs == 360
        assert one.signal.shape[1] > 250_000
        assert np.isfinite(one.signal).all()
