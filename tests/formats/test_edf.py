"""EDF+ and BDF+: what is written comes back, also by the readers of others; odd files of others."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import edfio
import numpy as np
import pytest
from edf_files import annotations, channel, mutations, write_edf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from items import annotated, assert_same, beats, noise, with_marks

from ecgsynth import formats
from ecgsynth.completion.files import recordings_of
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import contract
from ecgsynth.formats.edf.layout import layout_of, range_of
from ecgsynth.formats.stream import InPieces, Steps, Stretch
from ecgsynth.scoring import score
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12, limb_leads

BOTH = ("edf", "bdf")
KINDS = st.sampled_from(BOTH)


NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=20)
NAMES = NAMES.filter(str.isprintable)


@given(
    kind=KINDS,
    leads=st.sampled_from([("II",), ("MLII", "V1"), ("Lead one of the chest", "ü"), LEADS_12]),
    fs=st.sampled_from([100.0, 128.0, 250.0, 257.0, 360.0, 1000.0, 333.3333, 1.0]),
    samples=st.integers(1, 1500),
    at=st.lists(st.integers(0, 10**6), max_size=30),
    names=st.lists(NAMES, min_size=30, max_size=30),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_signals_and_annotations_survive_within_half_a_step(
    tmp_path_factory: pytest.TempPathFactory, kind: str, leads: tuple[str, ...], fs: float,
    samples: int, at: list[int], names: list[str], seed: int,
) -> None:  # fmt: skip
    ecg = noise(leads, fs, samples, seed)
    sample = sorted(one % samples for one in at)
    ecg = annotated(ecg, sample, names[: len(sample)], seed % 2 * len(leads) - 1 if sample else -1)
    path = tmp_path_factory.mktemp("edf") / f"one.{kind}"
    back = formats.read(formats.write(ecg, path))
    assert (back.spec, back.source, back.marks) == (ecg.spec, ecg.source, ecg.marks)
    step = contract.named(kind).step_mv
    assert step and np.abs(back.signal - ecg.signal).max() <= step + 1e-6


@pytest.mark.parametrize("kind", BOTH)
def test_einthoven_and_goldberger_hold_exactly_in_the_steps_that_are_written(
    tmp_path: Path, kind: str
) -> None:
    path = formats.write(noise(LEADS_12, 500, 5000), tmp_path / f"twelve.{kind}")
    file = {"edf": edfio.read_edf, "bdf": edfio.read_bdf}[kind](path)
    digital = {one.label: one.digital.astype(float) for one in file.signals}
    for name, exact in limb_leads(digital["ECG I"], digital["ECG II"]).items():
        gain = 1 if name == "III" else 2
        assert np.abs(digital[f"ECG {name}"] - gain * exact).max() == 0


@pytest.mark.parametrize("kind", BOTH)
def test_every_column_of_a_set_comes_back(tmp_path: Path, kind: str) -> None:
    ecg = with_marks(beats(6))
    back = formats.read(formats.write(ecg, f"{tmp_path}/set.{kind}/"))
    assert_same(replace(back, signal=ecg.signal), ecg)
    np.testing.assert_allclose(back.signal, ecg.signal, atol=6e-4)
    formats.write(ecg[:2], f"{tmp_path}/set.{kind}/")
    assert len(formats.read(tmp_path / f"set.{kind}")) == 2


def test_every_text_field_states_that_the_file_is_synthetic(tmp_path: Path) -> None:
    spec = Spec(("II", "V1"), 250, 2500, context=("age", "sex"))
    start = np.array(["2026-01-31T08:15:00.250000"])
    ecg = replace(noise(("II", "V1"), 250, 2500), spec=spec, context=np.array([[63, 1]]),
                  start=start, patient=np.array(["p 7"]))  # fmt: skip
    file = edfio.read_edf(formats.write(ecg, tmp_path / "one.edf"))
    assert file.patient._to_str() == "p_7 F X SYNTHETIC age_63"
    assert file.recording._to_str() == "Startdate 31-JAN-2026 X X SYNTHETIC_m-1 SYNTHETIC"
    assert all(one.transducer_type == "SYNTHETIC: m-1" for one in file.signals)
    assert file.startdatetime == datetime(2026, 1, 31, 8, 15, 0, 250000)
    assert file.annotations[0].text.startswith("# SYNTHETIC ECG made by m-1: not from a patient")
    (recording,) = recordings_of(tmp_path / "one.edf")
    assert recording.synthetic and recording.start == file.startdatetime
    assert {"Age: 63", "Sex: F"} <= {*recording.comments}


def test_readers_of_others_get_what_was_written(tmp_path: Path) -> None:
    pyedflib = pytest.importorskip("pyedflib")
    mne = pytest.importorskip("mne")
    ecg = noise(("I", "V5"), 250, 7500)
    crowd = [*range(0, 240, 8), *range(1000, 7500, 60)]  # thirty annotations in the first second
    ecg = annotated(ecg, crowd, ["N", "V", "(AFIB"] * (len(crowd) // 3) + ["N"] * (len(crowd) % 3))
    ecg = replace(ecg, start=np.array(["2020-02-29T23:59:59.5"]))
    for kind in BOTH:
        path = str(formats.write(ecg, tmp_path / f"one.{kind}"))
        with pyedflib.EdfReader(path) as file:
            assert file.getSignalLabels() == ["ECG I", "ECG V5"]
            assert file.getSampleFrequencies().tolist() == [250, 250]
            signals = [file.readSignal(k) / 1000 for k in (0, 1)]
            onset, _, text = file.readAnnotations()
        np.testing.assert_allclose(signals, ecg.signal[0], atol=6e-4)
        mine = [(round(t * 250), x) for t, x in zip(onset, text, strict=True) if x[0] != "#"]
        assert ecg.marks is not None
        assert mine == list(zip(crowd, ecg.marks.symbol.tolist(), strict=True))
        reader = {"edf": mne.io.read_raw_edf, "bdf": mne.io.read_raw_bdf}[kind]
        raw = reader(path, preload=True, verbose="error")
        np.testing.assert_allclose(raw.get_data() * 1000, ecg.signal[0], atol=6e-4)
        marks = [(a["onset"], a["description"]) for a in raw.annotations]
        mine = [(round(t * 250), x) for t, x in marks if x[0] != "#"]
        assert mine == list(zip(crowd, ecg.marks.symbol.tolist(), strict=True))


@pytest.mark.parametrize("kind", BOTH)
def test_samples_without_a_value_come_back_and_are_annotated(tmp_path: Path, kind: str) -> None:
    ecg = noise(("I", "II"), 250, 2500)
    ecg.signal[0, 1, 500:750] = np.nan
    path = formats.write(ecg, tmp_path / f"gap.{kind}")
    back = formats.read(path)
    np.testing.assert_array_equal(np.isnan(back.signal), np.isnan(ecg.signal))
    file = {"edf": edfio.read_edf, "bdf": edfio.read_bdf}[kind](path)
    gap = next(one for one in file.annotations if "no signal" in one.text)
    assert (gap.onset, gap.duration, gap.text) == (2, 1, "# no signal: II from 2 to 3 s")


def in_pieces(ecg: Ecg, mask: np.ndarray, own: dict[str, Steps], size: int = 700) -> InPieces:
    head = replace(ecg, synthetic_mask=np.zeros(ecg.signal.shape, bool))
    pieces = (
        Stretch(ecg.signal[0, :, k : k + size], mask[:, k : k + size])
        for k in range(0, ecg.spec.samples, size)
    )
    return InPieces(head, "mitdb/100", pieces, own)


@pytest.mark.parametrize("kind", BOTH)
def test_a_partly_real_recording_keeps_its_own_steps_and_names_what_was_made(
    tmp_path: Path, kind: str
) -> None:
    ecg = noise(("MLII", "V1"), 360, 3600)
    rng = np.random.default_rng(1)
    own = {"MLII": Steps(200, 1024), "V1": Steps(1 / 0.00488)}
    ecg.signal[0] = rng.integers(-400, 400, (2, 3600)) / np.array([[200], [1 / 0.00488]])
    mask = np.zeros((2, 3600), bool)
    mask[1, 720:1080] = True
    for target in (tmp_path / f"one.{kind}", tmp_path / "folder"):
        kind_of = formats.format_for(str(target), kind)
        kind_of.write_pieces([in_pieces(ecg, mask, own)], target)
    back = formats.read(tmp_path / f"one.{kind}")
    np.testing.assert_allclose(back.signal, ecg.signal, atol=2e-6)
    assert back.synthetic_mask is not None
    np.testing.assert_array_equal(back.synthetic_mask[0], mask)
    file = {"edf": edfio.read_edf, "bdf": edfio.read_bdf}[kind](tmp_path / f"one.{kind}")
    assert "PARTLY_SYNTHETIC" in file.patient._to_str()
    made = next(one for one in file.annotations if "made by a model" in one.text)
    assert (made.onset, made.duration) == (2, 1) and made.text.endswith("V1 from 2 to 3 s")
    steps = np.diff(np.unique(file.signals[0].data / 5))
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-6)
    parts = in_pieces(ecg, mask, own)
    with pytest.raises(EcgsynthError, match="holds one record; name a folder"):
        contract.named(kind).write_pieces([parts, parts], tmp_path / f"two.{kind}")
    assert len(formats.read(tmp_path / "folder")) == 1


def test_a_record_is_an_exact_time_where_eight_characters_hold_one() -> None:
    assert layout_of(360, 3600, 4) == (360, "1", 10)
    assert layout_of(360, 256, 2) == (261, "0.725", 1)  # nine samples at 360 Hz are 25 ms
    assert layout_of(128, 1280, 4) == (128, "1", 10)
    assert layout_of(333.3333, 1000, 4).fs == pytest.approx(333.3333, rel=1e-6)
    assert layout_of(1 / 7, 3, 2).records * layout_of(1 / 7, 3, 2).samples >= 3
    assert range_of(0.01, 0, 9, 8388607)[0] == (-83886, 83886)
    assert range_of(4.88, 0, 400, 32767) == ((-159576.0, 159576.0), (-32700, 32700))


# Files of others.


@pytest.mark.parametrize(
    ("label", "lead"),
    [("ECG II", "II"), ("EKG V1", "V1"), ("Lead II", "II"), ("ECG Lead aVR", "aVR"),
     ("AVF", "aVF"), ("EKG", "EKG"), ("ECG1", "ECG1"), ("ecg avr", "aVR"),
     ("Ch 1", "Ch 1"), ("", "lead1")],
)  # fmt: skip
def test_a_lead_is_known_by_its_label(tmp_path: Path, label: str, lead: str) -> None:
    assert formats.read(write_edf(tmp_path / "a.edf", [channel(label)], [[7]])).spec.leads == (
        lead,
    )


@pytest.mark.parametrize(
    ("unit", "scale"), [("mV", 1), ("uV", 1e-3), ("\xb5V", 1e-3), ("V", 1e3), ("nV", 1e-6)]
)
@pytest.mark.parametrize("width", [2, 3])
def test_any_voltage_and_any_gain_is_read_in_mv(
    tmp_path: Path, unit: str, scale: float, width: int
) -> None:
    odd = channel("ECG II", unit.replace("\xb5", "u"), physical=(7.5, -3.25), digital=(-500, 700))
    path = write_edf(tmp_path / "a.edf", [odd], [[np.arange(100) - 50]], width=width)
    path.write_bytes(path.read_bytes().replace(b"uV", unit.encode("latin-1"), 1))
    expected = (7.5 + (np.arange(100) - 50 + 500) * (-10.75 / 1200)) * scale
    np.testing.assert_allclose(formats.read(path).signal[0, 0], expected, rtol=1e-5)


def test_what_is_no_ecg_is_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    channels = [channel("EEG Fpz-Cz", "uV"), channel("ECG II"), channel("Resp chest", "uV"),
                channel("SaO2", "%", samples=1), channel("ECG V1", physical=(0, 0)),
                annotations(), channel("ECG II", samples=50)]  # fmt: skip
    path = write_edf(tmp_path / "a.edf", channels, [[1, 2, 3, 4, 5, b"+0\x14\x14\0", 9]] * 4)
    ecg = formats.read(path)
    assert (ecg.spec.leads, ecg.spec.fs, ecg.spec.samples) == (("II", "II_2"), 100, 400)
    assert "left out: EEG Fpz-Cz (uV), Resp chest (uV), SaO2 (%), ECG V1 (mV)." in caplog.text
    assert "resampled to 100 Hz, as the fastest: ECG II (50 Hz)." in caplog.text
    assert "two signals are named ECG II; one of them is lead II_2." in caplog.text
    np.testing.assert_allclose(ecg.signal[0, 1, 50:-50], 9 / 200, atol=1e-4)
    for labels, named in ((["EEG C3"], "EEG C3 (mV)"), (["Temp"], "Temp (mV)")):
        odd = write_edf(tmp_path / "b.edf", [channel(one) for one in labels], [[1]])
        with pytest.raises(EcgsynthError, match="holds no ECG in V, mV") as problem:
            formats.read(odd)
        assert named in str(problem.value)


def test_all_annotations_of_all_signals_are_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = b"+0\x14\x14\0+0.5\x14N\x14V\x14\0+0.25\x1512.5\x14(AFIB\x14\0"
    second = b"+0.75\x14A@@ECG II\x14\0-3\x14before\x14\0+99\x14past\x14\0+0.99\x14h\xc3\xa9\x14\0"
    channels = [annotations(), channel("ECG II"), annotations()]
    path = write_edf(tmp_path / "a.edf", channels, [[first, 1, second]], kind="EDF+C")
    marks = formats.read(path).marks
    assert marks is not None
    found = list(zip(marks.sample, marks.symbol, marks.lead, strict=True))
    assert found == [(25, "(AFIB", -1), (50, "N", -1), (50, "V", -1), (75, "A", 0), (99, "hé", -1)]
    assert "2 annotations outside of the recording are left out." in caplog.text
    (recording,) = recordings_of(path)
    notes = recording.annotations
    assert (notes.symbol[0], notes.note[0]) == ("+", "(AFIB")


def test_gaps_between_records_have_no_value(tmp_path: Path) -> None:
    times = [b"+0\x14\x14\0", b"+1\x14\x14\0+3.5\x14N\x14\0", b"+3\x14\x14\0"]
    channels = [annotations(), channel("ECG II")]
    path = write_edf(tmp_path / "a.edf", channels, [[t, 2] for t in times], kind="EDF+D")
    ecg = formats.read(path)
    assert np.isnan(ecg.signal[0, 0, 200:300]).all() and np.isfinite(ecg.signal).sum() == 300
    assert ecg.marks is not None and ecg.marks.sample.tolist() == [350]
    (recording,) = recordings_of(path)
    np.testing.assert_array_equal(recording.read(150, 320), ecg.signal[0, :, 150:320])
    for odd, named in ((b"+0.5\x14\x14\0", "overlap in time"), (b"", "when it begins")):
        with pytest.raises(EcgsynthError, match=named):
            formats.read(write_edf(path, channels, [[times[0], 2], [odd, 2]], kind="EDF+D"))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda raw: raw[:100], "cut short in its header"),
        (lambda raw: raw[:400], "cut short in its header"),
        (lambda raw: raw[:-150], r"cut short: it holds 66.7%"),
        (lambda raw: b"RIFF" + raw[4:], "no EDF or BDF file"),
        (lambda raw: raw[:184] + b"9999999 " + raw[192:], "states that it has 9,999,999 bytes"),
        (lambda raw: raw[:236] + b"99999999" + raw[244:], "it holds 0.0%"),
        (lambda raw: raw[:236] + b"0       " + raw[244:], "no records"),
        (lambda raw: raw[:244] + b"nan     " + raw[252:], "length of a record"),
        (lambda raw: raw[:244] + b"0       " + raw[252:], "holds no signal"),
        (lambda raw: raw[:252] + b"9999" + raw[256:], "states 9,999 signals"),
        (lambda raw: raw[:252] + b"-1  " + raw[256:], "states -1 signals"),
        (lambda raw: raw[:256] + b"EDF Annotations " + raw[272:], "holds no ECG"),
        (lambda _: b"", "no EDF or BDF"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, change, named: str) -> None:
    path = write_edf(tmp_path / "a.edf", [channel("ECG II")], [[1], [2], [3]])
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(EcgsynthError, match=named) as problem:
        formats.read(path)
    assert "a.edf" in str(problem.value)


def test_more_records_than_are_stated_are_left_out_and_unknown_ones_are_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [[1], [2], [3]]
    path = write_edf(tmp_path / "a.edf", [channel("ECG II")], parts, records=2)
    assert formats.read(path).spec.samples == 200
    assert "its header states 2 records and the file holds 3" in caplog.text
    write_edf(path, [channel("ECG II")], parts, records=-1)
    assert formats.read(path).spec.samples == 300


def test_a_file_that_another_program_changed_is_read_as_one_of_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = formats.write(annotated(noise(("I", "V5"), 250, 2500), [25], ["N"]), tmp_path / "a.edf")
    file = edfio.read_edf(path)
    file.drop_signals(["ECG V5"])
    file.write(path)
    ecg = formats.read(path)
    assert ecg.spec.leads == ("I",) and ecg.synthetic and ecg.marks is not None
    assert ecg.marks.symbol.tolist() == ["N"] and "changed by another program" in caplog.text


@pytest.mark.parametrize("kind", BOTH)
def test_mutated_files_are_read_or_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    ecg = with_marks(annotated(noise(("I", "II"), 250, 100), [9], ["N"]))
    path = formats.write(ecg, tmp_path / f"one.{kind}")
    content, odd = path.read_bytes(), tmp_path / f"odd.{kind}"
    sentences = []
    for changed in mutations(content, 200, 256 * 4):
        odd.write_bytes(changed)
        try:
            formats.read(odd)
        except EcgsynthError as problem:
            sentences.append(str(problem))
    assert 0 < len(sentences) < 200 and not any("\n" in one for one in sentences)


def test_annotations_of_a_recording_are_scored(tmp_path: Path) -> None:
    at = list(range(300, 20_000, 300))
    truth = annotated(noise(("II",), 360, 20_000), at, ["N", "V", "N"] * (len(at) // 3))
    moved = annotated(truth, [one + 3 for one in at[:-3]], ["N", "V", "N"] * (len(at) // 3 - 1))
    paths = [formats.write(one, tmp_path / name / "r.edf")
             for one, name in ((moved, "a"), (truth, "b"))]  # fmt: skip
    for detected, known in (paths, [path.parent for path in paths]):
        result = score(detected, known, start_s=0)
        qrs = result.records[0].fractions["QRS"]
        assert qrs["sensitivity"][1] == len(at) and qrs["sensitivity"][0] == len(at) - 3


def test_a_mark_with_a_control_character_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    ecg = annotated(noise(("II",), 250, 500), [3], ["a\x14b"])
    with pytest.raises(EcgsynthError, match="visible characters"):
        formats.write(ecg, tmp_path / "a.edf")
    assert not list(tmp_path.iterdir())
