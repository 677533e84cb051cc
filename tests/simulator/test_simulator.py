"""The simulator's truth is the truth: rates, leads, intervals, pauses, noise, seeds."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.vocabulary import FIDUCIALS
from ecgsynth.simulator.records import Noise, simulate_beats, simulate_record


def lead(ecg: Ecg, name: str) -> np.ndarray:
    return ecg.signal[0, ecg.spec.leads.index(name)]


def beats_in(ecg: Ecg) -> tuple[np.ndarray, np.ndarray]:
    assert ecg.marks is not None
    rows = np.isin(ecg.marks.symbol, list("NSVF"))
    return ecg.marks.sample[rows], ecg.marks.symbol[rows]


@pytest.mark.parametrize("rate", [40, 72, 150, 220])
def test_heart_rate_of_a_metronome_is_what_was_asked_for(rate: int) -> None:
    at, _ = beats_in(simulate_record(30, 500, heart_rate=rate, hrv=0))
    assert np.abs(np.diff(at) / 500 - 60 / rate).max() <= 1 / 500


def test_heart_rate_of_a_varying_72_bpm_phantom_is_72_on_average() -> None:
    at, _ = beats_in(simulate_record(300, 250, heart_rate=72))
    assert 60 / (np.diff(at).mean() / 250) == pytest.approx(72, rel=0.01)


def test_rr_intervals_swing_with_breath_and_pressure_wave() -> None:
    rr = np.diff(beats_in(simulate_record(600, 250, heart_rate=60, hrv=0.05))[0]) / 250
    assert rr.std() == pytest.approx(0.05, rel=0.15)
    power = np.abs(np.fft.rfft(rr - rr.mean())) ** 2
    frequency = np.fft.rfftfreq(len(rr), rr.mean())
    breath = power[np.abs(frequency - 0.25) < 0.05].sum() / power.sum()
    pressure = power[np.abs(frequency - 0.10) < 0.05].sum() / power.sum()
    assert breath > 0.3
    assert pressure > 0.3


def test_limb_leads_obey_einthoven_and_goldberger_exactly() -> None:
    ecg = simulate_record(noise=Noise(0.1, 0.02, 0.02), beats={"N": 0.8, "V": 0.2})
    one, two = lead(ecg, "I"), lead(ecg, "II")
    np.testing.assert_array_equal(lead(ecg, "III"), two - one)
    np.testing.assert_array_equal(lead(ecg, "aVR"), -(one + two) / 2)
    np.testing.assert_array_equal(lead(ecg, "aVL"), one - two / 2)
    np.testing.assert_array_equal(lead(ecg, "aVF"), two - one / 2)


@pytest.mark.parametrize("patient", range(8))
def test_r_mark_of_a_normal_beat_is_the_peak_of_lead_ii_within_3_ms(patient: int) -> None:
    ecg = simulate_record(10, 1000, patient=patient)
    wave = lead(ecg, "II")
    for r in beats_in(ecg)[0]:
        if 30 <= r < len(wave) - 30:
            assert abs(int(wave[r - 15 : r + 16].argmax()) - 15) <= 3


def test_fiducials_follow_each_other_in_the_order_of_the_textbook(simulated_record: Ecg) -> None:
    assert simulated_record.marks is not None
    symbols = [s for s in simulated_record.marks.symbol.tolist() if s != "N"]
    first = symbols.index("p_onset")
    whole = symbols[first : first + 9 * ((len(symbols) - first) // 9)]
    assert len(whole) >= 90
    assert whole == list(FIDUCIALS) * (len(whole) // 9)


def test_between_t_end_and_next_p_the_heart_is_electrically_silent() -> None:
    ecg = simulate_record(20, 500, heart_rate=50)
    assert ecg.marks is not None
    ends, begins = ecg.marks.of(0, "t_offset"), ecg.marks.of(0, "p_onset")
    for end in ends:
        later = begins[begins > end]
        if len(later):
            middle = (end + later[0]) // 2
            assert np.abs(ecg.signal[0, :, middle]).max() < 0.01


def test_waves_rise_between_their_onset_and_their_offset(simulated_record: Ecg) -> None:
    marks, wave = simulated_record.marks, lead(simulated_record, "II")
    assert marks is not None
    inside = slice(1, 9)
    for name, share in (("p", 0.3), ("t", 0.3)):
        for peak, end in zip(
            marks.of(0, f"{name}_peak")[inside], marks.of(0, f"{name}_offset")[inside], strict=True
        ):
            assert abs(wave[end]) < share * abs(wave[peak])


def test_qt_shortens_as_the_heart_beats_faster() -> None:
    def qt(rate: int) -> float:
        marks = simulate_record(20, 500, heart_rate=rate, hrv=0).marks
        assert marks is not None
        begin, end = marks.of(0, "qrs_onset"), marks.of(0, "t_offset")
        end = end[end > begin[0]]
        return float(np.median(end[:10] - begin[:10]) / 500)

    assert qt(120) / qt(60) == pytest.approx(np.sqrt(0.5), rel=0.02)  # Bazett
    assert 0.36 < qt(60) < 0.46


def test_ventricular_beat_is_wide_has_no_p_and_a_discordant_t() -> None:
    for patient in range(6):
        beats = simulate_beats(60, 500, (150, 260), patients=1, seed=patient, beats="NNV")
        for name, low, high in (("N", 70, 120), ("V", 120, 190)):
            of = beats.of_class(name)
            assert of.marks is not None
            for k in range(len(of)):
                begin, end = of.marks.of(k, "qrs_onset"), of.marks.of(k, "qrs_offset")
                width = (end[end > 150][0] - begin[begin < 150][-1]) / 500 * 1000
                assert low < width < high
                near = of.marks.of(k, "p_offset")
                has_p = bool(((near > 150 - 60) & (near <= 150)).any())
                assert has_p == (name == "N")
        ectopic = beats.of_class("V").signal[:, 0]
        if abs(ectopic[:, 150]).mean() > 0.3:  # not where the lead looks across the vector
            t = ectopic[:, 250:330]
            assert (np.sign(t.sum(1)) == -np.sign(ectopic[:, 150])).all()


def test_pause_after_a_pvc_is_fully_compensatory_and_after_a_pac_is_not() -> None:
    for symbol, low, high in (("V", 1.97, 2.03), ("S", 1.55, 1.99)):
        at, kind = beats_in(
            simulate_record(120, 500, heart_rate=70, hrv=0, beats=("N", "N", symbol))
        )
        middle = np.flatnonzero(kind[1:-1] == symbol) + 1
        both = (at[middle + 1] - at[middle - 1]) / 500 / (60 / 70)
        early = (at[middle] - at[middle - 1]) / 500 / (60 / 70)
        assert len(middle) > 20
        assert (early < 0.9).all()
        assert ((both > low) & (both < high)).all()


def test_fusion_beat_lies_between_normal_and_ventricular() -> None:
    beats = simulate_beats(300, 360, patients=1, seed=3, beats="NVNF")
    mean = {name: beats.of_class(name).signal[:, 0].mean(0)[60:140] for name in "NVF"}
    low, high = np.minimum(mean["N"], mean["V"]), np.maximum(mean["N"], mean["V"])
    assert ((mean["F"] >= low - 0.05) & (mean["F"] <= high + 0.05)).mean() > 0.95


@given(
    count=st.integers(1, 400), seed=st.integers(0, 10**6), hrv=st.floats(0, 0.2),
    pattern=st.text("NSVF", min_size=1, max_size=4),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_as_many_beats_come_as_were_asked_for_each_with_both_neighbours(
    count: int, seed: int, hrv: float, pattern: str
) -> None:
    beats = simulate_beats(count, seed=seed, hrv=hrv, beats=pattern)
    assert len(beats) == count
    assert np.isfinite(beats.signal).all()
    assert np.isfinite(beats.context).all()
    assert beats.context.min() > 0.1


def test_beat_windows_agree_with_their_label_context_and_marks() -> None:
    beats = simulate_beats(400, patients=3, seed=5)
    assert beats.marks is not None
    assert beats.onset_s is not None
    assert beats.patient is not None
    for k in range(len(beats)):
        assert (
            beats.labels_str[k]
            in beats.marks.symbol[(beats.marks.item == k) & (beats.marks.sample == 96)]
        )
    same = beats.patient[1:] == beats.patient[:-1]
    gap = np.diff(beats.onset_s)[same]
    np.testing.assert_allclose(gap, beats.context[1:, 0][same], atol=1e-4)
    np.testing.assert_allclose(gap, beats.context[:-1, 1][same], atol=1e-4)


def test_shares_of_the_classes_are_those_asked_for() -> None:
    counts = simulate_beats(4000, beats={"N": 1, "S": 1, "V": 1, "F": 1}).counts()
    assert all(total == pytest.approx(1000, rel=0.1) for total in counts.values())


@pytest.mark.parametrize(
    ("noise", "rms"),
    [(Noise(wander_mv=0.2), 0.2), (Noise(muscle_mv=0.05), 0.05), (Noise(mains_mv=0.1), 0.1)],
)
def test_noise_has_the_rms_that_was_asked_for_and_leaves_the_heart_alone(
    noise: Noise, rms: float
) -> None:
    clean, noisy = simulate_record(seed=4), simulate_record(seed=4, noise=noise)
    added = (noisy.signal - clean.signal)[0, [0, 1, 6, 7, 8, 9, 10, 11]]
    np.testing.assert_allclose(np.sqrt((added**2).mean(-1)), rms, rtol=0.02)
    assert clean.marks is not None
    assert noisy.marks is not None
    np.testing.assert_array_equal(clean.marks.sample, noisy.marks.sample)


def test_mains_are_a_line_at_their_frequency() -> None:
    added = (
        simulate_record(noise=Noise(mains_mv=0.1, mains_hz=60)).signal - simulate_record().signal
    )
    power = np.abs(np.fft.rfft(added[0, 0])) ** 2
    assert np.fft.rfftfreq(5000, 1 / 500)[power.argmax()] == pytest.approx(60, abs=0.1)


def test_same_seed_same_heart_and_another_seed_another() -> None:
    first, again, other = (simulate_record(seed=s).signal for s in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    assert np.abs(first - simulate_record(seed=7, patient=1).signal).max() > 0.1


def test_person_is_the_same_whatever_the_size_of_the_crowd() -> None:
    small, large = simulate_beats(100, patients=1), simulate_beats(1000, patients=10)
    np.testing.assert_array_equal(small.signal, large.signal[:100])


def test_every_simulated_ecg_says_that_it_is_synthetic(simulated_record: Ecg) -> None:
    assert simulated_record.synthetic
    assert simulate_beats(10).synthetic
    assert load("simulated", "test", patients=5, beats=10).synthetic


def test_10_s_of_12_leads_take_less_than_20_ms() -> None:
    simulate_record()
    taken = []
    for seed in range(9):
        begin = time.process_time()
        simulate_record(seed=seed)
        taken.append(time.process_time() - begin)
    assert min(taken) < 0.02


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"leads": ("V7",)}, "no lead 'V7'"),
        ({"seconds": 0}, "0.1 to 90000 s"),
        ({"seconds": float("nan")}, "0.1 to 90000 s"),
        ({"fs": 50}, "100 to 10000 Hz"),
        ({"heart_rate": 300}, "between 20 and 250"),
        ({"beats": ("N", "X")}, "beats N, S, V and F"),
        ({"beats": {"N": -1.0}}, "positive"),
        ({"beats": ()}, "beats N, S, V and F"),
        ({"hrv": 2}, "from 0 to 0.2"),
        ({"seed": -1}, "from 0"),
        ({"noise": Noise(mains_mv=1), "fs": 100}, "mains of 50 Hz"),
    ],
)
def test_impossible_heart_is_refused_in_a_sentence(wrong: dict, words: str) -> None:
    with pytest.raises(EcgsynthError, match=words):
        simulate_record(**wrong)


def test_impossible_noise_and_windows_are_refused() -> None:
    for level in (-1.0, float("nan")):
        with pytest.raises(EcgsynthError, match="mV RMS"):
            Noise(muscle_mv=level)
    with pytest.raises(EcgsynthError, match="window"):
        simulate_beats(10, window=(0, 2))
    with pytest.raises(EcgsynthError, match="every person"):
        simulate_beats(10, patients=20)


def test_simulated_data_set_splits_between_people_and_holds_out_the_latest_beats() -> None:
    splits = {s: load("simulated", s) for s in ("train", "heldout", "validation", "test")}
    people = {name: set(ecg.patient.tolist()) for name, ecg in splits.items()}
    assert people["heldout"] == people["train"]
    assert len(people["train"]) == 24
    assert not people["train"] & people["test"]
    assert not people["train"] & people["validation"]
    assert not people["validation"] & people["test"]
    for person in people["train"]:
        before = splits["train"].onset_s[splits["train"].patient == person]
        after = splits["heldout"].onset_s[splits["heldout"].patient == person]
        assert before.max() + splits["train"].spec.seconds <= after.min() + 1e-6
    for ecg in splits.values():
        assert min(ecg.counts().values()) > 0
        assert ecg.counts()["N"] / len(ecg) == pytest.approx(0.8, abs=0.06)


def test_simulated_data_set_has_the_form_of_mitbih_and_of_any_spec() -> None:
    kind = DATASETS.get("mitbih")
    ours = load("simulated", "test", patients=5, beats=20, classes=("N", "S", "V", "F", "Q"))
    assert ours.spec == kind.Settings().spec
    like = DATASETS.get("simulated").settings_like(ours.spec)
    assert load("simulated", "test", patients=5, beats=20, **like).spec == ours.spec
    slow = load("simulated", "test", patients=5, beats=20, fs=120.0, leads=("II", "V1"))
    assert slow.signal.shape[1:] == (2, 85)
    assert slow.spec.r_sample == 32


def test_simulated_data_set_names_what_it_cannot_do() -> None:
    with pytest.raises(EcgsynthError, match="Did you mean 'patients'"):
        load("simulated", patient=7)
    with pytest.raises(EcgsynthError, match="no beats of class Q"):
        load("simulated", "test", classes=("Q",), patients=5, beats=10)
