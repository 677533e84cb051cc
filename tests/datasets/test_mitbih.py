"""MIT-BIH: the right beats in the right split, whatever the layout, with damage named."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgsynth.datasets import load, store
from ecgsynth.datasets.beat_records import BeatDatabase
from ecgsynth.datasets.mitbih import DATABASE, MitBih
from ecgsynth.datasets.people import DS1, DS2
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.simulator.records import Noise, simulate_record

RECORDS = (100, 101, 106, 124, 201, 202)
"""The phantom's records: two of `test`, three of `train`, one of `validation`."""

RAW = {"baseline": False, "band": (None, None)}


def phantom_record(record: int, seconds: float = 60) -> Ecg:
    return simulate_record(
        seconds, 360, leads=("MLII", "V1"), patient=record, beats={"N": 0.8, "S": 0.1, "V": 0.1},
        noise=Noise(wander_mv=0.05, muscle_mv=0.01),
    )  # fmt: skip


def beats_of(ecg: Ecg) -> tuple[np.ndarray, np.ndarray]:
    assert ecg.marks is not None
    rows = np.isin(ecg.marks.symbol, list("NSVF"))
    return ecg.marks.sample[rows], ecg.marks.symbol[rows]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated recordings in the layout and under the names of MIT-BIH."""
    folder = tmp_path_factory.mktemp("phantom") / "mitbih"
    folder.mkdir()
    for record in RECORDS:
        ecg = phantom_record(record)
        digital = np.round(ecg.signal[0].T * 200).astype(np.int64) + 1024
        wfdb.wrsamp(
            str(record), 360, ["mV", "mV"], ["MLII", "V1"], d_signal=digital, fmt=["212", "212"],
            adc_gain=[200, 200], baseline=[1024, 1024], write_dir=str(folder),
        )  # fmt: skip
        at, symbol = beats_of(ecg)
        wfdb.wrann(str(record), "atr", at, symbol.tolist(), write_dir=str(folder))
    return folder


@pytest.fixture
def root(phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The phantom's own copy for a test that may break it; returns its folder."""
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    shutil.copytree(phantom, tmp_path / "mitbih")
    return tmp_path / "mitbih"


def to_kaggle(folder: Path, target: Path, records: tuple[int, ...]) -> None:
    """Write recordings in the layout of the Kaggle copy."""
    target.mkdir(parents=True)
    for record in records:
        signal = wfdb.rdrecord(str(folder / str(record)), physical=False)
        names = ",".join(f"'{name}'" for name in ("sample #", *signal.sig_name))
        rows = np.column_stack([np.arange(len(signal.d_signal)), signal.d_signal])
        np.savetxt(target / f"{record}.csv", rows, "%d", ",", header=names, comments="")
        marks = wfdb.rdann(str(folder / str(record)), "atr")
        lines = ["      Time   Sample #  Type  Sub Chan  Num\tAux"]
        columns = (marks.sample, marks.symbol, marks.subtype, marks.aux_note)
        for sample, symbol, subtype, note in zip(*columns, strict=True):
            minute, second = divmod(sample / 360, 60)
            lines.append(
                f"{int(minute):5d}:{second:06.3f} {sample:8d} {symbol} {subtype:4d} 0 0\t{note}"
            )
        (target / f"{record}annotations.txt").write_text("\n".join(lines) + "\n")


def assert_same(first: Ecg, second: Ecg) -> None:
    for name in ("signal", "label", "context", "patient", "record", "onset_s"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


# ---- laws that need no recordings


def test_ds1_and_ds2_are_those_of_de_chazal_and_share_no_record() -> None:
    assert len(set(DS1)) == len(set(DS2)) == 22
    assert not set(DS1) & set(DS2)
    assert not {102, 104, 107, 217} & {*DS1, *DS2}  # paced


def test_every_annotated_beat_comes_with_its_own_signal_and_label(root: Path) -> None:
    for part, records in (("ds1", (101, 106, 124, 201)), ("ds2", (100, 202))):
        ecg = load("mitbih", part, **RAW)
        assert ecg.record is not None
        for record in records:
            truth = phantom_record(record)
            at, symbol = beats_of(truth)
            inside = (at >= 96) & (at + 160 <= truth.spec.samples)
            at, symbol = at[inside], symbol[inside]
            rows = ecg.record == str(record)
            assert ecg.labels_str[rows].tolist() == symbol.tolist()
            expected = np.stack([truth.signal[0, :1, r - 96 : r + 160] for r in at])
            np.testing.assert_allclose(ecg.signal[rows], expected, atol=0.0026)  # half an ADC step


def test_rr_intervals_are_those_of_the_annotations(root: Path) -> None:
    ecg = load("mitbih", "ds1")
    assert ecg.record is not None
    assert ecg.onset_s is not None
    assert ecg.context is not None
    for record in ("101", "106", "124", "201"):
        rows = ecg.record == record
        gap = np.diff(ecg.onset_s[rows])
        np.testing.assert_allclose(ecg.context[rows][:-1, 1], gap, atol=1e-4)
        np.testing.assert_allclose(ecg.context[rows][1:, 0], gap, atol=1e-4)


@pytest.mark.parametrize("split", ["train", "heldout", "ds1"])
def test_the_mean_rr_of_a_beat_is_that_of_the_minutes_of_its_split(root: Path, split: str) -> None:
    """A trained beat knows nothing of held-out minutes, whichever classes are asked for."""
    for classes in (("N", "S", "V", "F", "Q"), ("V",)):
        every, some = (
            load("mitbih", split, classes=c) for c in (("N", "S", "V", "F", "Q"), classes)
        )
        for record in np.unique(np.asarray(some.record)):
            own = np.asarray(some.context)[some.record == record, 2]
            part = np.asarray(every.context)[every.record == record, 0]
            assert np.ptp(own) == 0
            tolerance = 1e-5 if split != "ds1" else 0.02  # beats at the edges drop
            assert own[0] == pytest.approx(np.nanmean(part, dtype=float), abs=tolerance)
    train, heldout = (np.unique(load("mitbih", s).context[:, 2]) for s in ("train", "heldout"))
    assert not np.isin(train, heldout).any()


def test_no_person_is_on_two_sides_of_a_split(root: Path) -> None:
    people = {s: set(load("mitbih", s).patient.tolist()) for s in ("train", "validation", "test")}
    assert people == {"train": {"101", "106", "201"}, "validation": {"124"}, "test": {"100"}}


def test_the_man_of_records_201_and_202_is_one_patient(root: Path) -> None:
    ecg = load("mitbih", "test-literature")
    assert ecg.patient is not None
    assert ecg.record is not None
    assert set(ecg.patient[ecg.record == "202"]) == {"201"}


def test_heldout_beats_are_the_latest_of_the_training_people(root: Path) -> None:
    train, heldout = load("mitbih", "train"), load("mitbih", "heldout")
    assert_later_and_apart(train, heldout)
    assert heldout.onset_s is not None
    assert heldout.onset_s.min() >= 0.9 * 60 - 1e-6


def assert_later_and_apart(train: Ecg, heldout: Ecg) -> None:
    assert train.record is not None
    assert heldout.record is not None
    assert train.onset_s is not None
    assert heldout.onset_s is not None
    assert set(heldout.record) == set(train.record)
    for record in set(train.record):
        end = train.onset_s[train.record == record].max() + train.spec.seconds
        assert end <= heldout.onset_s[heldout.record == record].min() + 1e-6


def test_kaggle_layout_gives_the_same_beats(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    physionet = {part: load("mitbih", part) for part in ("ds1", "ds2")}
    to_kaggle(root, tmp_path / "kaggle" / "mitbih", RECORDS)
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path / "kaggle"))
    for part, ecg in physionet.items():
        assert_same(load("mitbih", part), ecg)


def test_kaggle_layout_with_damage_is_named(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_kaggle(root, tmp_path / "kaggle" / "mitbih", RECORDS)
    folder = tmp_path / "kaggle" / "mitbih"
    (folder / "101annotations.txt").unlink()
    (folder / "106.csv").write_text("'sample #','V5'\n0,1024\n")
    (folder / "124annotations.txt").write_text("Time Sample# Type\n0:00 twelve N\n")
    (folder / "201.csv").write_bytes(b"")
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path / "kaggle"))
    inventory = MitBih.check(MitBih.Settings())
    assert set(inventory.damaged) == {"101", "124", "201"} and set(inventory.left_out) == {"106"}
    assert any("mitbih:train" in note for note in inventory.notes)  # nothing of it is left
    assert {split for split, _, _ in inventory.counts} == {"test"}


def cut_short(folder: Path) -> None:
    file = folder / "101.dat"
    file.write_bytes(file.read_bytes()[:20_000])


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / "101.dat").read_bytes())
    content[9_000] ^= 0x55
    (folder / "101.dat").write_bytes(content)


def lose_the_lead(folder: Path) -> None:
    file = folder / "101.hea"
    file.write_text(file.read_text().replace("MLII", "V5"))


def lose_the_annotations(folder: Path) -> None:
    (folder / "101.atr").unlink()


def garble_the_header(folder: Path) -> None:
    (folder / "101.hea").write_text("this is no header\n")


def garble_the_annotations(folder: Path) -> None:
    (folder / "101.atr").write_bytes(b"\xff")


def lose_the_signal(folder: Path) -> None:
    (folder / "101.dat").unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut_short, "damaged or cut short"),
        (flip_a_byte, "does not match its checksum"),
        (lose_the_lead, "has no lead MLII; it has V5, V1"),
        (lose_the_annotations, "101.atr is missing"),
        (garble_the_header, "damaged"),
        (garble_the_annotations, "101.atr"),
        (lose_the_signal, "101.dat is missing"),
    ],
)
def test_damaged_record_is_left_out_and_named_and_the_rest_is_unharmed(
    damage: Callable[[Path], None], words: str, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = load("mitbih", "train")
    damage(root)
    with caplog.at_level(logging.WARNING, "ecgsynth"):
        rest = load("mitbih", "train")
    assert whole.record is not None
    assert_same(rest, whole[whole.record != "101"])
    assert any("record 101 is left out" in m and words in m for m in caplog.messages)
    found = MitBih.check(MitBih.Settings())
    assert {*found.damaged, *found.left_out} == {"101"}
    assert ("101" in found.left_out) == (damage is lose_the_lead)  # which damages nothing


def test_annotation_past_the_end_of_the_signal_is_ignored(root: Path) -> None:
    whole = load("mitbih", "train")
    marks = wfdb.rdann(str(root / "101"), "atr")
    wfdb.wrann(
        "101", "atr", np.append(marks.sample, [21_600, 99_999]), [*marks.symbol, "V", "V"],
        write_dir=str(root),
    )  # fmt: skip
    assert_same(load("mitbih", "train"), whole)


def test_absent_records_are_named_as_missing(root: Path) -> None:
    inventory = MitBih.check(MitBih.Settings())
    assert inventory.records == len(RECORDS)
    assert set(inventory.missing) == {str(r) for r in {*DS1, *DS2} - set(RECORDS)}


def test_check_counts_what_load_gives(root: Path) -> None:
    inventory = MitBih.check(MitBih.Settings())
    for split in ("train", "heldout", "validation", "test"):
        total = sum(n for (part, _, _), n in inventory.counts.items() if part == split)
        assert total == len(load("mitbih", split)) > 0


def test_without_recordings_the_answer_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path / "nothing"))
    with pytest.raises(EcgsynthError, match="ecgsynth data fetch mitbih"):
        load("mitbih")


def test_when_no_record_can_be_read_the_first_reason_is_told(root: Path) -> None:
    for file in root.glob("*.dat"):
        file.unlink()
    with pytest.raises(EcgsynthError, match="none of the 6 records"):
        load("mitbih")


def test_second_load_reads_the_map_on_the_disk_and_no_recording(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load("mitbih", "test-literature")
    monkeypatch.setattr(BeatDatabase, "parse", lambda *_: pytest.fail("recordings were read again"))
    assert_same(load("mitbih", "test-literature"), first)
    beats, _ = DATABASE.beats(MitBih.Settings())
    assert isinstance(beats["signal"], np.memmap)
    assert not beats["signal"].flags.writeable


def test_repaired_recording_is_noticed_by_the_cache(root: Path, phantom: Path) -> None:
    (root / "101.atr").rename(root / "away")
    assert "101" not in set(load("mitbih", "train").record)
    (root / "away").rename(root / "101.atr")
    assert "101" in set(load("mitbih", "train").record)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "signal.npy").write_bytes(b""),
        lambda folder: (folder / "signal.npy").write_bytes(b"\x93NUMPY rubbish"),
        lambda folder: (folder / "signal.npy").unlink(),
        lambda folder: (folder / "signal.npy").write_bytes(
            (folder / "signal.npy").read_bytes()[:5000]
        ),
        lambda folder: (folder / "facts.json").write_text("{"),
        lambda folder: (folder / "facts.json").write_text("[]"),
        lambda folder: np.save(folder / "label.npy", np.array([{}]), allow_pickle=True),
    ],
    ids=["empty", "rubbish", "gone", "short", "no-json", "other-json", "pickle"],
)
def test_corrupt_cache_is_made_anew(damage: Callable[[Path], object], root: Path) -> None:
    whole = load("mitbih", "train")
    (folder,) = (root.parent / "cache").glob("mitbih-*")
    damage(folder)
    assert_same(load("mitbih", "train"), whole)
    (folder,) = (root.parent / "cache").glob("mitbih-*")
    assert np.load(folder / "signal.npy").shape[1:] == (1, 256)


def test_unwritable_cache_costs_time_but_not_the_result(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root.parent / "cache").write_text("a file where the folder should be")
    assert len(load("mitbih", "train")) > 100
    assert any("could not be cached" in m for m in caplog.messages)


@pytest.mark.parametrize("fs", [120.0, 250.0, 720.0])
def test_window_keeps_its_seconds_at_any_sampling_rate(root: Path, fs: float) -> None:
    ecg, slow = load("mitbih", "test"), load("mitbih", "test", fs=fs)
    assert slow.spec.seconds == pytest.approx(ecg.spec.seconds, abs=1 / fs)
    assert slow.spec.r_sample == round(96 * fs / 360)
    # The same beats, read at the same times of the recording; 40 Hz is all that they hold.
    assert ecg.onset_s is not None
    assert slow.onset_s is not None
    assert len(slow) == len(ecg)
    for k in range(0, len(ecg), 7):
        here = ecg.onset_s[k] + np.arange(256) / 360
        there = slow.onset_s[k] + np.arange(slow.spec.samples) / fs
        inside = (there > here[0]) & (there < here[-1])
        expected = np.interp(there[inside], here, ecg.signal[k, 0])
        error = np.abs(slow.signal[k, 0, inside] - expected).max()
        assert error < 0.05 * np.ptp(ecg.signal[k, 0])


def test_stretched_beats_have_the_length_that_was_asked_for(root: Path) -> None:
    ecg = load("mitbih", "test", samples=100)
    assert ecg.signal.shape[-1] == ecg.spec.samples == 100
    assert ecg.spec.seconds == pytest.approx(256 / 360, rel=0.01)


def test_settings_like_a_spec_give_that_spec(root: Path) -> None:
    for wanted in ({}, {"fs": 120.0}, {"samples": 100}, {"classes": ("V", "N")}):
        spec = load("mitbih", "test", **wanted).spec
        like = load("mitbih", "test", **MitBih.settings_like(spec)).spec
        assert like.samples == spec.samples
        assert like.classes == spec.classes
        assert like.fs == pytest.approx(spec.fs, rel=0.01)
        assert like.r_sample == spec.r_sample


def test_escape_beats_are_normal_and_not_supraventricular(root: Path) -> None:
    marks = wfdb.rdann(str(root / "101"), "atr")
    wfdb.wrann("101", "atr", marks.sample[:4], [*"ejAV"], write_dir=str(root))
    ecg = load("mitbih", "train", **RAW)
    assert ecg.labels_str[ecg.record == "101"].tolist() == [*"NNSV"]


def test_noise_is_added_when_the_beats_are_loaded_and_not_to_what_is_cached(root: Path) -> None:
    clean = load("mitbih", "train")
    noisy = load("mitbih", "train", noise=["low"])
    assert 0.05 < np.abs(noisy.signal - clean.signal).max() <= 0.1
    assert_same(load("mitbih", "train"), clean)
    assert len([*(root.parent / "cache").glob("mitbih-*")]) == 1


def test_a_band_with_two_edges_takes_away_what_lies_outside_of_it(root: Path) -> None:
    ecg = load("mitbih", "train", band=(3, 45), window=(900, 900), baseline=False)
    power = np.abs(np.fft.rfft(ecg.signal[:, 0] * np.hanning(1800), axis=-1)).mean(0) ** 2
    hz = np.fft.rfftfreq(1800, 1 / 360)
    inside = power[(hz >= 4) & (hz <= 20)].mean()
    assert power[hz <= 1].mean() < 1e-4 * inside
    assert power[hz >= 90].mean() < 1e-4 * inside
    assert ecg.spec.band == (3, 45)


def test_classes_are_chosen_and_ordered_as_asked(root: Path) -> None:
    ecg = load("mitbih", "train", classes=("V", "N"))
    assert ecg.spec.classes == ("V", "N")
    assert set(ecg.labels_str) == {"V", "N"}
    whole = load("mitbih", "train")
    assert ecg.counts() == {name: whole.counts()[name] for name in ("V", "N")}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classes": ("N", "X")}, "takes AAMI classes"),
        ({"window": (-1, 100)}, "two sizes >= 0"),
        ({"windw": (96, 160)}, "Did you mean 'window'"),
        ({"classes": ("F",)}, "no beats of class F"),
        ({"band": (None, 400.0)}, "400 Hz"),
    ],
)
def test_wrong_setting_is_answered_with_the_mend(root: Path, settings: dict, words: str) -> None:
    with pytest.raises(EcgsynthError, match=words):
        load("mitbih", "train", **settings)


def test_unknown_split_is_answered_with_the_nearest(root: Path) -> None:
    with pytest.raises(EcgsynthError, match="Did you mean 'train'"):
        load("mitbih:trian")


# ---- laws of the real recordings


@pytest.fixture(scope="module")
def recordings() -> Path:
    return store.find_folder("mitbih", "100.hea")


@pytest.mark.data
def test_annotated_beats_of_ds1_and_ds2_are_those_of_the_literature() -> None:
    notes = " ".join(MitBih.check(MitBih.Settings()).notes)
    assert "N 45866 S 944 V 3788 F 415 Q 8" in notes
    assert "N 44259 S 1837 V 3221 F 388 Q 7" in notes


@pytest.mark.data
def test_real_people_stay_on_one_side_and_heldout_is_later() -> None:
    splits = {s: load("mitbih", s) for s in ("train", "heldout", "validation", "test")}
    people = {name: set(ecg.patient.tolist()) for name, ecg in splits.items()}
    assert people["heldout"] == people["train"]
    assert not people["train"] & people["validation"]
    assert not (people["train"] | people["validation"]) & people["test"]
    assert [len(people[s]) for s in ("train", "validation", "test")] == [18, 4, 21]
    assert_later_and_apart(splits["train"], splits["heldout"])


@pytest.mark.data
def test_r_peak_of_real_normal_beats_stands_where_the_spec_says() -> None:
    ecg = load("mitbih", "train").of_class("N")[::50]
    slope = np.abs(np.diff(ecg.signal[:, 0])).argmax(1)
    r = ecg.spec.r_sample
    assert r is not None
    assert np.mean(np.abs(slope - r) <= 0.06 * 360) > 0.95


@pytest.mark.data
def test_real_records_in_the_kaggle_layout_give_the_same_beats(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    physionet = load("mitbih", "ds2")
    assert physionet.record is not None
    to_kaggle(recordings, tmp_path / "mitbih", (100, 105))  # 105 has stretches without a rhythm
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    assert_same(load("mitbih", "ds2"), physionet[np.isin(physionet.record, ["100", "105"])])
