"""The heartbeat CSV: right classes, right padding, and a split that says what it mixes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from ecgsynth.datasets import load
from ecgsynth.datasets.heartbeat_csv import PUBLISHED, HeartbeatCsv, parts
from ecgsynth.datasets.heartbeat_csv.parts import parts_of
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.recording import Recording

RECORDS = (100, 101, 102, 124, 201, 202)
"""The phantom's: of train, validation and test, one paced without MLII, and one man's two."""


def recording(rr_s: np.ndarray, symbol: str | list[str] = "N") -> Recording:
    """Bell-shaped beats at 360 Hz, the first 2 s after the start, each with a lower T wave."""
    r_s = 2 + np.concatenate([[0], np.cumsum(rr_s)])
    time = np.arange(round((r_s[-1] + 2) * 360)) / 360
    wave = np.zeros(len(time))
    for at in r_s:
        wave += np.exp(-(((time - at) / 0.02) ** 2))
        wave += 0.3 * np.exp(-(((time - at - 0.3) / 0.05) ** 2))
    symbols = np.array([symbol] * len(r_s) if isinstance(symbol, str) else symbol)
    sample = np.round(r_s * 360).astype(np.int64)
    return Recording(wave[None].astype(np.float32), 360.0, ("MLII",), Annotations(sample, symbols))


# ---- how a beat becomes a part


def test_a_part_begins_at_r_and_spans_from_0_to_1_and_is_padded_with_zeros() -> None:
    found = parts_of(recording(np.full(30, 0.8)))
    assert (found["valid"] == 120).all()  # 1.2 x 0.8 s x 125 Hz
    for part in found["signal"]:
        assert part[0] > 0.98
        assert part[:120].min() == 0
        assert part[:120].max() == 1
        assert not part[120:].any()
        assert abs(int(part[10:80].argmax()) + 10 - 37.5) <= 1  # T, 0.3 s later
        assert abs(int(part[80:].argmax()) + 80 - 100) <= 1  # the next R, 0.8 s later


def test_the_median_rr_interval_is_that_of_the_ten_seconds() -> None:
    found = parts_of(recording(np.repeat([0.8, 1.0], [10, 20])))
    early, late = found["onset_s"] < 9, found["onset_s"] >= 11
    assert set(found["valid"][early]) == {120}
    assert set(found["valid"][late]) == {150}


def test_one_early_beat_changes_the_length_of_no_part() -> None:
    rr = np.full(30, 0.8)
    rr[5:7] = 0.5, 1.1
    assert set(parts_of(recording(rr))["valid"]) == {120}


def test_a_slow_hearts_part_ends_at_187() -> None:
    found = parts_of(recording(np.full(12, 1.6)))
    assert set(found["valid"]) == {187}


def test_the_last_beat_of_a_recording_is_left_out() -> None:
    found = parts_of(recording(np.full(4, 0.8), [*"NVFS/"]))
    assert found["label"].tolist() == [0, 2, 3, 1]


def test_a_part_that_the_recording_cuts_short_says_so() -> None:
    whole = recording(np.full(10, 0.8))
    end = int(whole.annotations.sample[-1]) + 9
    short = Recording(whole.signal[:, :end], 360.0, whole.leads, whole.annotations)
    found = parts_of(short)
    assert found["valid"][-1] == pytest.approx((0.8 + 9 / 360) * 125, abs=1)
    assert not found["signal"][-1][found["valid"][-1] :].any()


def test_a_gap_in_the_recording_takes_only_its_own_beats() -> None:
    whole = recording(np.full(10, 0.8))
    signal = whole.signal.copy()
    signal[0, whole.annotations.sample[4] + 20] = np.nan
    found = parts_of(Recording(signal, 360.0, whole.leads, whole.annotations))
    assert np.isfinite(found["signal"]).all()
    assert 7 <= len(found["signal"]) < 10


def test_the_part_is_the_same_whatever_the_amplitude() -> None:
    low = recording(np.full(5, 0.8))
    high = Recording(3 * low.signal + 0.5, 360.0, low.leads, low.annotations)
    np.testing.assert_allclose(parts_of(high)["signal"], parts_of(low)["signal"], atol=1e-5)


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("e", "N"),
        ("j", "N"),
        ("L", "N"),
        ("A", "S"),
        ("E", "V"),
        ("F", "F"),
        ("f", "Q"),
        ("/", "Q"),
    ],
)
def test_symbols_become_aami_classes(symbol: str, name: str) -> None:
    assert set(parts_of(recording(np.full(5, 0.8), symbol))["label"]) == {"NSVFQ".index(name)}


# ---- built from recordings


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings under the names of MIT-BIH; 102 has V5 and paced beats."""
    folder = tmp_path_factory.mktemp("phantom") / "mitbih"
    folder.mkdir()
    for record in RECORDS:
        rng = np.random.default_rng(record)
        symbol = rng.choice([*"NNNNSVF"], 61).tolist() if record != 102 else ["/"] * 61
        made = recording(rng.uniform(0.7, 0.9, 60), symbol)
        digital = np.round(made.signal.T * 200).astype(np.int64) + 1024
        wfdb.wrsamp(
            str(record), 360, ["mV"], ["V5" if record == 102 else "MLII"], d_signal=digital,
            fmt=["16"], adc_gain=[200], baseline=[1024], write_dir=str(folder),
        )  # fmt: skip
        wfdb.wrann(str(record), "atr", made.annotations.sample, symbol, write_dir=str(folder))
    return folder


@pytest.fixture
def root(phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with the phantom's recordings and no public file."""
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    (tmp_path / "mitbih").symlink_to(phantom, target_is_directory=True)
    return tmp_path


def identities(ecg: Ecg) -> list[tuple[str, float]]:
    assert ecg.record is not None
    assert ecg.onset_s is not None
    return [*zip(ecg.record.tolist(), ecg.onset_s.tolist(), strict=True)]


def test_the_mixed_split_is_a_fifth_of_every_class_and_shares_no_beat(root: Path) -> None:
    train, test = load("heartbeat_csv", "train"), load("heartbeat_csv", "test")
    beats = identities(train) + identities(test)
    assert len(beats) == len(set(beats)) == len(RECORDS) * 60
    for name, count in test.counts().items():
        assert count == np.ceil(0.2 * (count + train.counts()[name]))
    assert train.counts()["Q"] == 48


def test_the_mixed_split_mixes_people_and_the_others_do_not(root: Path) -> None:
    """No law of no crossing holds for `train` and `test`; they are for published figures."""
    splits = {name: load("heartbeat_csv", name) for name in HeartbeatCsv.splits}
    people = {name: set(ecg.patient.tolist()) for name, ecg in splits.items()}
    assert people["train"] == people["test"] == {"100", "101", "102", "124", "201"}
    assert people["train-interpatient"] == {"101", "201"}
    assert people["validation-interpatient"] == {"124"}
    assert people["test-interpatient"] == {"100"}
    assert all(splits[name].spec.classes == (*"NSVF",) for name in people if "-" in name)


def test_the_man_of_two_records_is_one_patient(root: Path) -> None:
    ecg = load("heartbeat_csv", "train")
    assert set(ecg.patient[ecg.record == "202"]) == {"201"}


def test_a_beat_says_what_it_is(root: Path) -> None:
    ecg = load("heartbeat_csv", "test")
    assert (ecg.spec.fs, ecg.spec.samples, ecg.spec.unit) == (125, 187, "normalised")
    assert ecg.spec.classes == (*"NSVFQ",)
    assert ecg.spec.r_sample == 0
    padded = np.arange(187) >= ecg.valid[:, None]
    assert not ecg.signal[:, 0][padded].any()
    assert 90 < np.median(ecg.valid) < 140


def test_so_many_of_each_class_are_drawn_for_training_only(root: Path) -> None:
    plain, ecg = load("heartbeat_csv", "train"), load("heartbeat_csv", "train", per_class=50)
    assert set(ecg.counts().values()) == {50}
    assert plain.counts()["N"] > 50 > plain.counts()["Q"]
    assert len(set(identities(ecg.of_class("N")))) == 50  # enough there: no beat twice
    assert set(identities(ecg.of_class("Q"))) <= set(identities(plain.of_class("Q")))
    one, same, other = (
        load("heartbeat_csv", "train", per_class=50, seed=seed) for seed in (1, 1, 2)
    )
    assert identities(one) == identities(same) != identities(other)
    assert len(load("heartbeat_csv", "test", per_class=50)) == len(load("heartbeat_csv", "test"))
    between = load("heartbeat_csv", "train-interpatient", per_class=9)
    assert between.counts() == {"N": 9, "S": 9, "V": 9, "F": 9}


def test_classes_are_chosen_and_ordered_as_asked(root: Path) -> None:
    ecg, whole = load("heartbeat_csv", classes=["Q", "N"]), load("heartbeat_csv")
    assert ecg.counts() == {"Q": whole.counts()["Q"], "N": whole.counts()["N"]}
    with pytest.raises(EcgsynthError, match="takes AAMI classes"):
        load("heartbeat_csv", classes=["X"])
    with pytest.raises(EcgsynthError, match="no beats of class Q in heartbeat_csv:test-inter"):
        load("heartbeat_csv", "test-interpatient", classes=["Q"])


def test_second_load_reads_the_map_on_the_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load("heartbeat_csv", "test")
    monkeypatch.setattr(parts, "_parse", lambda *_: pytest.fail("read again"))
    np.testing.assert_array_equal(load("heartbeat_csv", "test").signal, first.signal)


def test_absent_records_are_named_and_the_public_counts_stand_beside_ours(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inventory = HeartbeatCsv.check(HeartbeatCsv.Settings(classes=("N",), per_class=3))
    assert inventory.records == len(RECORDS)
    assert len(inventory.damaged) == 48 - len(RECORDS)
    for split in HeartbeatCsv.splits:
        total = sum(n for (part, _, _), n in inventory.counts.items() if part == split)
        assert total == len(load("heartbeat_csv", split)) > 0
    assert any("the public file: N 72,471" in note for note in inventory.notes)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "ecgsynth"):
        load("heartbeat_csv", "test-interpatient")
    assert "record 103 is left out" in caplog.text
    assert "record 106" not in caplog.text  # of the training people


def test_without_recordings_it_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    with pytest.raises(EcgsynthError, match="ecgsynth data fetch mitbih"):
        load("heartbeat_csv")


# ---- the public files


def rows(labels: list[float]) -> np.ndarray:
    """Rows of 187 samples and a label, each with 100 + its number of samples."""
    table = np.zeros((len(labels), 188))
    for k, label in enumerate(labels):
        table[k, : 100 + k] = np.linspace(1, 0.2, 100 + k)
        table[k, -1] = label
    return table


def save(table: np.ndarray, root: Path, split: str) -> None:
    (root / "heartbeat_csv").mkdir(exist_ok=True)
    np.savetxt(root / "heartbeat_csv" / f"mitbih_{split}.csv", table, "%.18e", ",")


@pytest.fixture
def public(root: Path) -> Path:
    """The same root with public files beside the recordings."""
    save(rows([0, 1, 2, 3, 4, 4, 0]), root, "train")
    save(rows([3, 0]), root, "test")
    return root


def test_column_187_numbers_the_classes_n_s_v_f_q(public: Path) -> None:
    """3 is a fusion beat and 4 is unknown or paced; published code has them the other way."""
    assert load("heartbeat_csv", "train").labels_str.tolist() == [*"NSVFQQN"]
    assert load("heartbeat_csv", "test").labels_str.tolist() == [*"FN"]


def test_public_files_come_before_recordings_and_tell_no_people(public: Path) -> None:
    ecg = load("heartbeat_csv", "train")
    np.testing.assert_allclose(ecg.signal[:, 0], rows([0] * 7)[:, :-1], atol=1e-6)
    assert ecg.valid.tolist() == [100 + k for k in range(7)]
    assert ecg.patient is None
    assert ecg.record is None
    between = load("heartbeat_csv", "train-interpatient")
    assert set(between.patient) == {"101", "201"}
    inventory = HeartbeatCsv.check(HeartbeatCsv.Settings())
    assert any("public files in" in note for note in inventory.notes)
    assert inventory.counts["train", "not stated", "Q"] == 2


def test_a_class_that_new_people_lack_is_told_where_it_was_asked_for(
    public: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load("heartbeat_csv", "train-interpatient").spec.classes == (*"NSVF",)
    assert "class Q" not in caplog.text
    load("heartbeat_csv", "train-interpatient", classes=["N", "Q"])
    assert "heartbeat_csv:train-interpatient has no class Q, which is left out" in caplog.text


def test_check_tells_a_damaged_public_file(public: Path) -> None:
    edited(1, -1, 5)(public / "heartbeat_csv" / "mitbih_test.csv")
    found = HeartbeatCsv.check(HeartbeatCsv.Settings())
    assert "row 2" in found.damaged["mitbih_test.csv"]


def test_a_changed_file_is_read_anew(public: Path) -> None:
    load("heartbeat_csv", "test")
    save(rows([1, 1, 1]), public, "test")
    assert load("heartbeat_csv", "test").labels_str.tolist() == [*"SSS"]


def test_amplitudes_beyond_1_by_rounding_are_taken_as_1(public: Path) -> None:
    table = rows([0])
    table[0, 0] = 1.0004
    save(table, public, "test")
    assert load("heartbeat_csv", "test").signal.max() == 1


def one_column_less(file: Path) -> None:
    file.write_text("\n".join(line.partition(",")[2] for line in file.read_text().splitlines()))


def edited(row: int, column: Any, value: Any) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        table = np.loadtxt(file, delimiter=",")
        table[row, column] = value
        np.savetxt(file, table, "%.18e", ",")

    return edit


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (one_column_less, "has 187 columns, not 187 samples and a label"),
        (edited(1, -1, 5), "row 2 of .* has a label that is none of 0 to 4"),
        (edited(1, -1, 0.5), "row 2 of .* has a label that is none of 0 to 4"),
        (edited(0, 3, 1.2), "row 1 of .* has amplitudes outside of 0 to 1"),
        (edited(0, 3, -0.2), "row 1 of .* has amplitudes outside of 0 to 1"),
        (edited(1, 3, np.nan), "row 2 of .* misses numbers"),
        (edited(0, slice(0, 187), 0), "row 1 of .* holds no beat"),
        (edited(0, slice(0, 188), range(188)), "begins with a header; take its first line out"),
        (lambda file: file.write_text(""), "is no table of numbers"),
        (lambda file: file.write_text("1;2\n" * 9000), "is no table of numbers between commas"),
        (lambda file: file.write_text("a,b\n1,2\n"), "is no table of numbers"),
        (lambda file: file.write_bytes(b"\x80\x04\x95" * 99), "is no table of numbers"),
        (lambda file: file.unlink(), "has mitbih_train.csv but no mitbih_test.csv"),
    ],
)
def test_a_wrong_public_file_is_answered_with_the_mend(
    damage: Callable[[Path], object], words: str, public: Path
) -> None:
    damage(public / "heartbeat_csv" / "mitbih_test.csv")
    with pytest.raises(EcgsynthError, match=words) as told:
        load("heartbeat_csv", "test")
    assert len(str(told.value)) < 600


# ---- the real recordings


@pytest.mark.data
def test_as_many_beats_are_built_as_the_public_files_hold() -> None:
    built = {split: load("heartbeat_csv", split) for split in PUBLISHED}
    for name in "NSVFQ":
        both = sum(ecg.counts()[name] for ecg in built.values())
        assert both == sum(counts[name] for counts in PUBLISHED.values())
        for split, counts in PUBLISHED.items():
            assert abs(built[split].counts()[name] - counts[name]) <= 1
    train = built["train"]
    assert len(set(train.patient)) == 47
    # In most beats R is the highest point of the part, or nearly so.
    assert np.median(train.of_class("N").signal[:, 0, 0]) > 0.95
    assert 105 < np.median(train.valid) < 120
