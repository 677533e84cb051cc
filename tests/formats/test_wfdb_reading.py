"""Reading WFDB: every sample, rate, gain and unit is what the format says it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own import everything
from wfdb_files import annotated, checksum, packed, write_record

from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.formats.wfdb.reader import read_outline, read_recording
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.units import per_mv

BITS = {16: 16, 61: 16, 160: 16, 80: 8, 212: 12, 310: 10, 311: 10, 24: 24, 32: 32}


def steps(count: int, bits: int = 16, seed: int = 0) -> np.ndarray:
    half = 1 << (bits - 1)
    return np.random.default_rng(seed).integers(1 - half, half, count)


# ---- samples


@pytest.mark.parametrize("format", BITS)
@pytest.mark.parametrize("count", [6, 7, 8])
def test_every_format_gives_its_samples_and_nan_where_there_is_no_value(
    tmp_path: Path, format: int, count: int
) -> None:
    signals = [steps(count, BITS[format], seed) for seed in (1, 2)]
    signals[0][3] = signals[1][0] = -(1 << (BITS[format] - 1))
    write_record(tmp_path, "a", signals, format=format)
    read = read_recording(tmp_path / "a").signal
    expected = np.stack(signals) / 1000
    expected[0, 3] = expected[1, 0] = np.nan
    np.testing.assert_array_equal(read, expected.astype(np.float32))


@pytest.mark.parametrize(("format", "bits"), [("508", 8), ("516", 16), ("524", 24)])
@pytest.mark.parametrize("per_frame", [1, 3])
def test_compressed_formats_have_their_own_code_for_no_value(
    tmp_path: Path, format: str, bits: int, per_frame: int
) -> None:
    signals = [steps(30, bits, seed) for seed in (1, 2)]
    signals[1][5] = -(1 << (bits - 1))
    wfdb.Record(
        record_name="a", n_sig=2, fs=250, sig_len=30 // per_frame, file_name=["a.dat"] * 2,
        fmt=[format] * 2, samps_per_frame=[per_frame] * 2, adc_gain=[1000.0] * 2, baseline=[0] * 2,
        units=["mV"] * 2, adc_res=[0] * 2, adc_zero=[0] * 2, block_size=[0] * 2,
        init_value=[int(s[0]) for s in signals], checksum=[checksum(s) for s in signals],
        sig_name=["I", "II"], e_d_signal=signals,
    ).wrsamp(expanded=True, write_dir=str(tmp_path))  # fmt: skip
    expected = np.stack(signals) / 1000
    expected[1, 5] = np.nan
    recording = read_recording(tmp_path / "a")
    assert recording.fs == 250 * per_frame
    np.testing.assert_array_equal(recording.signal, expected.astype(np.float32))


def test_differences_add_up_from_the_initial_value_and_know_no_missing_one(tmp_path: Path) -> None:
    signal = 128 + np.cumsum([-128] * 300)
    write_record(
        tmp_path, "a", [np.diff(signal, prepend=128)], format=8,
        lines=[f"a.dat 8 1000 16 0 128 {checksum(signal)} 0 II"],
    )  # fmt: skip
    assert -32768 in signal
    np.testing.assert_array_equal(
        read_recording(tmp_path / "a").signal[0], (signal / 1000).astype(np.float32)
    )


@pytest.mark.parametrize("per_frame", [1, 2])
def test_skew_counts_samples_before_the_first_and_its_checksum_counts_them_too(
    tmp_path: Path, per_frame: int
) -> None:
    signals = [steps(40 * per_frame, 12, seed) for seed in (1, 2)]
    write_record(
        tmp_path, "a", signals, frames=40,
        lines=[
            f"a.dat 16x{per_frame}{skew} 1000 16 0 0 {checksum(signal)} 0 {lead}"
            for skew, signal, lead in zip(("", ":5"), signals, ("II", "V1"), strict=True)
        ],
    )  # fmt: skip
    read = read_recording(tmp_path / "a").signal
    np.testing.assert_array_equal(read[0], (signals[0] / 1000).astype(np.float32))
    np.testing.assert_array_equal(read[1, :-5], (signals[1][5:] / 1000).astype(np.float32))
    assert np.isnan(read[1, -5:]).all()


def test_leads_of_several_files_need_only_their_own(tmp_path: Path) -> None:
    signals = [steps(50, 12, seed) for seed in (1, 2, 3)]
    (tmp_path / "one.dat").write_bytes(b"prolog" + packed(signals[0], 212))
    (tmp_path / "two.dat").write_bytes(packed(np.stack(signals[1:], 1).reshape(-1), 16))
    (tmp_path / "a.hea").write_text(
        "a 3 250 50\none.dat 212+6 200 12 0 0 "
        f"{checksum(signals[0])} 0 II\ntwo.dat 16 200 16 0 0 {checksum(signals[1])} 0 V1\n"
        f"two.dat 16 200 16 0 0 {checksum(signals[2])} 0 V2\n"
    )
    np.testing.assert_allclose(
        read_recording(tmp_path / "a").signal, np.stack(signals) / 200, rtol=1e-6
    )
    (tmp_path / "one.dat").unlink()
    read = read_recording(tmp_path / "a", leads=("V2",)).signal
    np.testing.assert_allclose(read[0], signals[2] / 200, rtol=1e-6)
    with pytest.raises(DamagedFileError, match=r"one\.dat is missing"):
        read_recording(tmp_path / "a")


@pytest.mark.parametrize("format", [16, 212, 311, 24])
@pytest.mark.parametrize("length", ["", " 0"])
def test_a_header_without_a_length_lets_the_file_tell_it(
    tmp_path: Path, format: int, length: str
) -> None:
    signals = [steps(9, BITS[format], seed) for seed in (1, 2)]
    write_record(tmp_path, "a", signals, format=format, first=f"a 2 250{length}")
    np.testing.assert_array_equal(
        read_recording(tmp_path / "a").signal, (np.stack(signals) / 1000).astype(np.float32)
    )


# ---- rates


def test_several_samples_a_frame_are_read_at_the_leads_own_rate(tmp_path: Path) -> None:
    t = np.arange(4000) / 500
    ecg, breath = steps(4000, 12), np.round(1000 * np.sin(2 * np.pi * 0.25 * t[::4])).astype(int)
    write_record(tmp_path, "a", [ecg, breath], frames=1000, fs="125", leads=("II", "RESP"))
    annotated(tmp_path / "a.atr", [0, 250, 999], "NVN")
    both = read_recording(tmp_path / "a", annotations="atr")
    alone = read_recording(tmp_path / "a", leads=("II",), annotations="atr")
    slow = read_recording(tmp_path / "a", leads=("RESP",), annotations="atr")
    assert (both.fs, alone.fs, slow.fs) == (500, 500, 125)
    assert read_outline(tmp_path / "a", ("RESP",)) == (("RESP",), 125)
    for recording in (both, alone):
        np.testing.assert_array_equal(recording.signal[0], (ecg / 1000).astype(np.float32))
        assert recording.annotations.sample.tolist() == [0, 1000, 3996]
    assert np.abs(both.signal[1] - np.sin(2 * np.pi * 0.25 * t))[50:-50].max() < 0.005
    np.testing.assert_array_equal(slow.signal[0], (breath / 1000).astype(np.float32))
    assert slow.annotations.sample.tolist() == [0, 250, 999]


@pytest.mark.parametrize("rate", ["250", "250.0", "2.5e2", "250/360", "250/1:0", "250/72.5(12.5)"])
def test_a_counter_beside_the_rate_changes_nothing(tmp_path: Path, rate: str) -> None:
    write_record(tmp_path, "a", [steps(20)], fs=rate)
    recording = read_recording(tmp_path / "a")
    assert recording.fs == 250 and not recording.assumptions


def test_a_rate_that_is_assumed_is_a_doubt(tmp_path: Path) -> None:
    write_record(tmp_path, "a", [steps(20)], first="a 1")
    recording = read_recording(tmp_path / "a")
    assert recording.fs == 250
    assert recording.assumptions == ("no sampling rate is stated: 250 Hz is a guess.",)


# ---- gains and units


@pytest.mark.parametrize(
    ("gain", "value"),
    [("200", 2.5), ("2e2(100)/mV", 2.0), ("-200/mV", -2.5), ("400000/V", 1.25), ("0.2/uV", 2.5),
     ("200)/mV", 2.5), ("+200(-100)", 3.0)],
)  # fmt: skip
def test_gain_and_baseline_are_those_of_the_header(tmp_path: Path, gain: str, value: float) -> None:
    write_record(tmp_path, "a", [np.array([500, 0, 500])], gain=gain)
    recording = read_recording(tmp_path / "a")
    assert recording.signal[0, 0] == pytest.approx(value) and not recording.assumptions


def test_the_baseline_is_the_adc_zero_where_none_is_stated(tmp_path: Path) -> None:
    write_record(tmp_path, "a", [np.array([1024, 1224])], lines=["a.dat 16 200 11 1024"])
    assert read_recording(tmp_path / "a").signal[0].tolist() == [0, 1]


@pytest.mark.parametrize("rest", ["", " 0", " 0/mV", " 0(0)/mV 12 0 0"])
def test_a_gain_that_is_assumed_is_a_doubt(tmp_path: Path, rest: str) -> None:
    write_record(tmp_path, "a", [np.array([200, 0])], lines=[f"a.dat 16{rest}"])
    recording = read_recording(tmp_path / "a")
    assert recording.signal[0].tolist() == [1, 0]
    assert "200 steps per mV, are a guess" in recording.assumptions[0]


@pytest.mark.parametrize(
    ("unit", "scale"),
    [("\u00b5V", 1e3), ("\u03bcV", 1e3), ("uV", 1e3), ("UV", 1e3), ("\u3396", None), ("mV", 1),
     ("MV", 1), ("V", 1e-3), ("nV", 1e6), ("millivolt", 1), ("microvolts", 1e3), ("\u33b6", 1e3),
     ("adu", None), ("NU", None), ("mV/s", None), ("10mm/mV", None), ("(a.u.)", None)],
)  # fmt: skip
def test_every_spelling_of_a_voltage_is_one_and_nothing_else_is(
    tmp_path: Path, unit: str, scale: float | None
) -> None:
    assert per_mv(unit) == scale
    write_record(tmp_path, "a", [np.array([1000, 0])], gain=f"{1000 / (scale or 1)}(0)/{unit}")
    if scale is None:
        with pytest.raises(EcgsynthError, match="lead II is in '.*', not in mV"):
            read_recording(tmp_path / "a")
    else:
        assert read_recording(tmp_path / "a").signal[0, 0] == pytest.approx(1)


def test_a_micro_sign_in_latin_1_is_one_too(tmp_path: Path) -> None:
    write_record(tmp_path, "a", [np.array([1000, 0])], gain="1(0)/\u00b5V")
    header = tmp_path / "a.hea"
    header.write_bytes(header.read_text(encoding="utf-8").encode("latin-1"))
    assert read_recording(tmp_path / "a").signal[0, 0] == 1


def test_signals_that_are_no_voltage_are_left_out_by_name(tmp_path: Path) -> None:
    signals = [np.array([1000, 0]), np.array([10, 20]), np.array([7, 7])]
    units = ("1000(0)/mV", "10(0)/l/min", "1/%")
    lines = [
        f"a.dat 16 {unit} 16 0 0 {checksum(s)} 0 {name}"
        for s, unit, name in zip(signals, units, ("ECG II", "CPAP Flow", "SpO2"), strict=True)
    ]
    write_record(tmp_path, "a", signals, lines=lines)
    recording = read_recording(tmp_path / "a")
    assert recording.leads == ("ECG II",)
    assert recording.assumptions == ("no voltage and left out: CPAP Flow (l/min), SpO2 (%).",)
    with pytest.raises(EcgsynthError, match="lead CPAP Flow is in 'l/min'"):
        read_recording(tmp_path / "a", leads=("CPAP Flow",))


def test_two_signals_of_one_name_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    write_record(tmp_path, "a", [steps(9), steps(9, 12), steps(9, 8)], leads=("ECG", "ECG", "V1"))
    recording = read_recording(tmp_path / "a")
    assert recording.leads == ("ECG", "ECG_2", "V1")
    assert not np.array_equal(recording.signal[0], recording.signal[1])
    assert read_recording(tmp_path / "a", leads=("V1",)).leads == ("V1",)


def test_signals_without_names_have_their_numbers(tmp_path: Path) -> None:
    write_record(tmp_path, "a", [steps(9), steps(9, 12)], leads=("", ""))
    assert read_recording(tmp_path / "a").leads == ("signal 0", "signal 1")


# ---- segments


@pytest.fixture
def wave() -> np.ndarray:
    """mV, on a grid of 2 uV."""
    return np.round(1.2 * np.sin(np.arange(10_000) / 9), 3).round(3) // 0.002 * 0.002


def segment(folder: Path, name: str, wave: np.ndarray, gain: int, unit: str = "mV") -> None:
    write_record(folder, name, [np.round(wave * gain).astype(int)], gain=f"{gain}(0)/{unit}")


def test_every_segment_has_its_own_gain_and_unit(tmp_path: Path, wave: np.ndarray) -> None:
    segment(tmp_path, "s1", wave[:4000], 1000)
    segment(tmp_path, "s2", wave[4000:7000], 500)
    segment(tmp_path, "s3", wave[7000:] * 1000, 1, "uV")
    (tmp_path / "a.hea").write_text("a/3 1 250 10000\ns1 4000\ns2 3000\ns3 3000\n# 63 M\n")
    annotated(tmp_path / "a.atr", [10, 5000, 9999], "NNN")
    recording = read_recording(tmp_path / "a", annotations="atr")
    np.testing.assert_allclose(recording.signal[0], wave, atol=1e-6)
    assert recording.annotations.sample.tolist() == [10, 5000, 9999] and recording.comments == (
        "63 M",
    )


def test_a_variable_layout_may_have_gaps_and_other_leads_in_every_segment(
    tmp_path: Path, wave: np.ndarray
) -> None:
    (tmp_path / "l.hea").write_text("l 2 250 0\n~ 0 1/mV 0 0 0 0 0 V1\n~ 0 1/mV 0 0 0 0 0 II\n")
    segment(tmp_path, "s1", wave[:4000], 1000)
    both = [np.round(wave[5000:] * 500).astype(int), np.round(wave[5000:] * -500).astype(int)]
    write_record(tmp_path, "s2", both, gain="500(0)/mV", leads=("V1", "II"))
    (tmp_path / "a.hea").write_text("a/4 2 250 10000\nl 0\ns1 4000\n~ 1000\ns2 5000\n")
    recording = read_recording(tmp_path / "a")
    assert recording.leads == ("V1", "II") and not recording.assumptions
    missing = np.full(5000, np.nan)
    v1, ii = (
        np.concatenate([missing, wave[5000:]]),
        np.concatenate([wave[:4000], missing[:1000], -wave[5000:]]),
    )
    np.testing.assert_allclose(recording.signal, np.stack([v1, ii]), atol=1e-6)


def two_segments(folder: Path, master: str = "a/2 1 250 40\ns1 20\ns2 20\n") -> Path:
    for name in ("s1", "s2"):
        write_record(folder, name, [steps(20)])
    (folder / "a.hea").write_text(master)
    return folder / "a"


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("s2.dat", "", "s2.dat is damaged or cut short: it holds 0.0%"),
        ("s2.hea", "s2 1 360 20\ns2.dat 16 1000\n", "at 250 Hz and its segment s2 at 360 Hz"),
        ("s2.hea", "s2 1 250 19\ns2.dat 16 1000\n", "s2 has 19 samples, but a.hea states 20"),
        ("s2.hea", "s2/1 1 250 20\ns1 20\n", "the segment s2, which has segments"),
        ("a.hea", "a/2 1 250 50\ns1 20\ns2 20\n", "states 50 samples, but its segments hold 40"),
        ("a.hea", "a/3 1 250 40\ns1 20\ns2 20\n", "states 3 segments and has 2 lines"),
        ("a.hea", "a/2 1 250 40\ns1 20\ns3 20\n", "s3.hea is missing"),
        ("a.hea", "a/2 1 250 40\ns1 20\n../s2 20\n", "outside of its folder"),
        ("a.hea", "a/2 1 250\ns1 20\n~ 99999999999\n", "samples that no file holds"),
    ],
)
def test_what_is_wrong_with_a_segment_is_said_in_a_sentence(
    tmp_path: Path, file: str, content: str, words: str
) -> None:
    path = two_segments(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(EcgsynthError, match=words):
        read_recording(path)


def test_segments_that_name_each_other_end_in_a_sentence(tmp_path: Path) -> None:
    for name, other in ("ab", "ba"):
        (tmp_path / f"{name}.hea").write_text(f"{name}/1 1 250 20\n{other} 20\n")
    with pytest.raises(EcgsynthError, match="has segments"):
        read_recording(tmp_path / "a")
    with pytest.raises(EcgsynthError, match="has segments"):
        everything(tmp_path / "a.hea")


# ---- damage


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "it is empty"),
        ("a\n", "states no number of signals"),
        ("a one 250 10\na.dat 16\n", "'one' is no number of signals"),
        ("a 1 fast 10\na.dat 16\n", "'fast' is no sampling rate"),
        ("a 1 1/360 10\na.dat 16\n", None),
        ("a 1 0 10\na.dat 16\n", "'0' is no sampling rate"),
        ("a 1 250 -5\na.dat 16\n", "'-5' is no number of samples"),
        ("a 2 250 10\na.dat 16 1000\n", "states 2 signals and has 1 lines"),
        ("a 1 250 10\na.dat\n", "cannot be understood"),
        ("a 1 250 10\na.dat 16 ECG\n", "cannot be understood"),
        ("a 1 250 10\na.dat 16 1e999/mV\n", "is no gain"),
        ("a 1 250 10\na.dat 16 1e-320/mV\n", "is no gain"),
        (f"a 1 250 10\na.dat 16 200({10**20})/mV\n", "is no baseline"),
        ("a 1 1e300 10\na.dat 16 200/mV\n", "from 1 to 100,000; got 1e"),
        ("a 1 .01 10\na.dat 16 200/mV\n", "from 1 to 100,000; got 0.01"),
        ("a 1 250 10\na.dat 16 200 12 x\n", "'x' is no ADC zero"),
        ("a 1 250 10\na.dat 17\n", "the format 17 of a.dat is unknown"),
        ("a 1 250 10\n../a.dat 16\n", "outside of its folder"),
        ("a 1 250 10\n/etc/passwd 16\n", "outside of its folder"),
        ("a 0 250 10\n", "holds no signal"),
        ("a 1 250 10\n~ 0 1000/mV 0 0 0 0 0 II\n", None),
        ("a 1 250 99999999999\n~ 0 1000/mV 0 0 0 0 0 II\n", "samples that no file holds"),
        ("a 1 250 99999999999\na.dat 16 1000\n", "samples that no file holds"),
        ("a 1 250 11\na.dat 16 1000\n", "cut short: it holds 90.9%"),
        ("a 2 250 5\na.dat 16\na.dat 212\n", "signals of the one file a.dat differ in format"),
    ],
)
def test_what_is_wrong_with_a_header_is_said_in_a_sentence(
    tmp_path: Path, header: str, words: str | None
) -> None:
    (tmp_path / "a.dat").write_bytes(bytes(20))
    (tmp_path / "a.hea").write_text(header)
    if words is None:
        assert read_recording(tmp_path / "a").signal.shape == (1, 10)
        return
    with pytest.raises(EcgsynthError, match=words):
        read_recording(tmp_path / "a")


WORDS = (
    "a/2",
    "s",
    "a.dat",
    "~",
    "16",
    "212",
    "8x2:1+3",
    "1e9",
    "-5",
    "0",
    "3",
    "250",
    "200(1)/uV",
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(st.lists(st.sampled_from(WORDS), max_size=8), max_size=4),
    junk=st.binary(max_size=12),
)
def test_no_header_ends_in_a_traceback(tmp_path: Path, lines: list[list[str]], junk: bytes) -> None:
    (tmp_path / "a.hea").write_bytes("\n".join(map(" ".join, lines)).encode() + junk)
    (tmp_path / "a.dat").write_bytes(bytes(40))
    (tmp_path / "s.hea").write_text("s 1 250 3\na.dat 16 1000\n")
    said = ""
    try:
        assert isinstance(read_recording(tmp_path / "a"), Recording)
    except EcgsynthError as problem:
        said = str(problem)
    assert "\n" not in said


# ---- real records


@pytest.mark.data
def test_real_records_are_what_wfdb_reads() -> None:
    from ecgsynth.datasets import store

    folder = store.find_folder("mitbih", "100.hea")
    for name in ("100", "114", "207", "233"):
        theirs = wfdb.rdrecord(str(folder / name))
        ours = read_recording(folder / name)
        assert (ours.fs, [*ours.leads]) == (theirs.fs, theirs.sig_name)
        assert [*ours.comments] == theirs.comments
        np.testing.assert_array_equal(ours.signal, theirs.p_signal.T.astype(np.float32))
