"""LUDB: marks go to the right wave and lead, counts become mV, people stay on one side."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgsynth.datasets import load as load_set
from ecgsynth.datasets import ludb
from ecgsynth.datasets.ludb import SPLITS, Ludb, marked_range
from ecgsynth.datasets.ludb.files import pair_waves
from ecgsynth.datasets.ludb.windows import windows
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fiducials import Fiducials
from ecgsynth.signals.vocabulary import FIDUCIALS, LEADS_12
from ecgsynth.simulator.records import simulate_record

RECORDS = (1, 4, 5)
"""Of the phantom: one of `train`, one of `validation`, one of `test`."""

SYMBOLS = dict(zip(FIDUCIALS, ["(", "p", ")", "(", "N", ")", "(", "t", ")"], strict=True))


def phantom_record(record: int) -> Ecg:
    return simulate_record(10.0, 500.0, patient=record, seed=2)


def inner_marks(ecg: Ecg) -> tuple[np.ndarray, np.ndarray]:
    """The fiducials of whole waves between 1 s and 9 s, as annotators leave the ends alone."""
    assert ecg.marks is not None
    rows = np.isin(ecg.marks.symbol, FIDUCIALS)
    rows &= (ecg.marks.sample > 500) & (ecg.marks.sample < 4500)
    at, symbol = ecg.marks.sample[rows], ecg.marks.symbol[rows]
    first = np.flatnonzero(np.char.endswith(symbol, "onset"))[0]
    last = np.flatnonzero(np.char.endswith(symbol, "offset"))[-1] + 1
    return at[first:last], symbol[first:last]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulated people in LUDB's layout, with its gains that stretch every lead to 1 "mV"."""
    folder = tmp_path_factory.mktemp("phantom") / "ludb" / "data"
    folder.mkdir(parents=True)
    names = [lead.lower() for lead in LEADS_12]
    for record in RECORDS:
        ecg = phantom_record(record)
        counts = np.round(ecg.signal[0].T * 1000).astype(np.int64)
        wfdb.wrsamp(
            str(record), 500, ["mV"] * 12, names, d_signal=counts, fmt=["16"] * 12,
            adc_gain=np.ptp(counts, axis=0).astype(float).tolist(), baseline=list(range(12)),
            comments=["<age>: 51", "<sex>: F"], write_dir=str(folder),
        )  # fmt: skip
        at, symbol = inner_marks(ecg)
        for lead, name in enumerate(names):
            # Each lead is marked one sample later than the one before, to tell them apart.
            written = [SYMBOLS[s] for s in symbol]
            wfdb.wrann(str(record), "atr", at + lead, written, write_dir=str(folder))
            (folder / f"{record}.atr").rename(folder / f"{record}.{name}")
    return folder


@pytest.fixture
def root(phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    (tmp_path / "ludb").mkdir()
    (tmp_path / "ludb" / "data").mkdir()
    for file in phantom.iterdir():
        (tmp_path / "ludb" / "data" / file.name).write_bytes(file.read_bytes())
    return tmp_path / "ludb" / "data"


def test_counts_are_microvolts_whatever_the_header_says(root: Path) -> None:
    for record, split in zip(RECORDS, ("train", "validation", "test"), strict=True):
        found = load_set("ludb", split)
        np.testing.assert_allclose(found.signal, phantom_record(record).signal, atol=0.00051)
        assert found.patient is not None
        assert found.patient.tolist() == [f"ludb-{record}"]


def test_marks_belong_to_their_lead(root: Path) -> None:
    found = load_set("ludb", "train", leads=["V1", "II"])
    assert found.marks is not None
    at, symbol = inner_marks(phantom_record(1))
    for lead, name in enumerate(("V1", "II")):
        rows = found.marks.lead == lead
        np.testing.assert_array_equal(found.marks.sample[rows], at + LEADS_12.index(name))
        np.testing.assert_array_equal(found.marks.symbol[rows], symbol)
    assert marked_range(found)[0].tolist() == [[at[0] + 6, at[-1] + 6], [at[0] + 1, at[-1] + 1]]


def test_another_rate_moves_signals_and_marks_alike(root: Path) -> None:
    slow, fast = (load_set("ludb", "train", leads=["II"], fs=fs) for fs in (250, 500))
    assert slow.signal.shape == (1, 1, 2500)
    np.testing.assert_allclose(slow.signal[..., 5:-5], fast.signal[..., 10:-10:2], atol=0.02)
    assert slow.marks is not None
    assert fast.marks is not None
    np.testing.assert_allclose(slow.marks.sample, fast.marks.sample / 2, atol=0.5)


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ("(N)", ["qrs_onset", "r_peak", "qrs_offset"]),
        ("N)", ["r_peak", "qrs_offset"]),
        ("(p(N)", ["p_onset", "p_peak", "qrs_onset", "r_peak", "qrs_offset"]),
        ("()(t)", ["t_onset", "t_peak", "t_offset"]),
        (")(t", ["t_onset", "t_peak"]),
        ("tp", ["t_peak", "p_peak"]),
        ("()", []),
    ],
)
def test_brackets_belong_to_the_peak_beside_them(symbols: str, expected: list[str]) -> None:
    found = pair_waves(np.arange(len(symbols)) * 10, np.array(list(symbols)))
    assert [FIDUCIALS[number] for _, number in found] == expected
    assert [at for at, _ in found] == sorted(at for at, _ in found)


def test_every_person_is_on_one_side() -> None:
    sides = [set(SPLITS[name]) for name in ("train", "validation", "test")]
    assert sum(map(len, sides)) == len(set.union(*sides)) == len(SPLITS["all"]) == 200
    assert [len(side) for side in sides] == [120, 40, 40]


def test_a_damaged_record_is_left_out_and_named(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "4.v2").unlink()
    with caplog.at_level(logging.WARNING, "ecgsynth"):
        assert load_set("ludb", "all").record.tolist() == ["1", "5"]
    assert "198 of 200 records of ludb:all are left out" in caplog.text
    with (
        caplog.at_level(logging.WARNING, "ecgsynth"),
        pytest.raises(EcgsynthError, match="no record of ludb:validation"),
    ):
        load_set("ludb", "validation")
    assert "record 4: 4.v2 is missing" in caplog.text
    inventory = Ludb.check(Ludb.Settings())
    assert inventory.records == 3
    assert [*inventory.damaged] == ["4"]
    assert len(inventory.missing) == 197
    assert any(note.startswith("train: 1 people") for note in inventory.notes)


def test_without_recordings_it_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    with pytest.raises(EcgsynthError, match="ecgsynth data fetch ludb"):
        load_set("ludb")


def test_bad_settings_are_refused(root: Path) -> None:
    with pytest.raises(EcgsynthError, match="takes leads out of I, II"):
        load_set("ludb", leads=["MLII"])
    with pytest.raises(EcgsynthError, match="Did you mean 'leads'"):
        load_set("ludb", lead=["II"])


def test_settings_follow_a_spec(root: Path) -> None:
    spec = simulate_record(10.0, 250.0, leads=("MLII", "V1")).spec
    found = load_set("ludb", "train", **Ludb.settings_like(spec))
    assert found.spec.leads == ("II", "V1")
    assert found.spec.fs == 250
    beats = Ludb.Settings(window=400, fs=250).spec
    assert Ludb.Settings(**Ludb.settings_like(beats)).spec == beats


def test_age_and_sex_are_told_apart_from_the_signals(root: Path) -> None:
    assert DATASETS.get("ludb").people()["ludb-4"] == (51.0, "F")
    assert load_set("ludb").context.shape == (1, 0)


# ---- windows


def test_a_window_is_a_piece_of_its_record_with_its_marks(root: Path) -> None:
    whole = load_set("ludb", "all", leads=["II", "V1"])
    cut = load_set("ludb", "all", leads=["II", "V1"], window=400, quality=False)
    assert cut.spec == replace(whole.spec, samples=400)
    assert set(cut.patient) == set(whole.patient)
    for k in range(len(cut)):
        item = int(np.flatnonzero(whole.record == cut.record[k])[0])
        start = round(float(cut.onset_s[k]) * 500)
        assert start % 100 == 0
        np.testing.assert_array_equal(cut.signal[k], whole.signal[item, :, start : start + 400])
        rows = whole.marks.item == item
        rows &= (whole.marks.sample >= start) & (whole.marks.sample < start + 400)
        mine = cut.marks.item == k
        np.testing.assert_array_equal(cut.marks.sample[mine], whole.marks.sample[rows] - start)
        np.testing.assert_array_equal(cut.marks.symbol[mine], whole.marks.symbol[rows])
        np.testing.assert_array_equal(cut.marks.lead[mine], whole.marks.lead[rows])


@pytest.mark.parametrize("fs", [250, 500])
def test_every_window_with_its_peak_in_the_middle_is_there_and_no_other(
    root: Path, fs: float
) -> None:
    whole = load_set("ludb", "train", leads=["II"], fs=fs)
    cut = load_set("ludb", "train", window=400, fs=fs, quality=False)
    assert cut.spec.leads == ("II",)
    assert cut.spec.samples == 400 * fs / 500
    at = whole.marks.of(0, "r_peak")
    scale = fs / 500
    starts = np.arange(0, 4601, 100) * scale
    expected = [s for s in starts if any(125 * scale <= r - s <= 250 * scale for r in at)]
    np.testing.assert_allclose(cut.onset_s * fs, expected, atol=1e-9)
    assert len(expected) > 5


def shaken(wave: np.ndarray) -> np.ndarray:
    return wave + np.random.default_rng(0).normal(0, 0.1, wave.shape)


def leaning(wave: np.ndarray) -> np.ndarray:
    return wave + 1.5 * np.sin(2 * np.pi * 0.2 * np.arange(wave.shape[-1]) / 500)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (shaken, "noisy"),
        (leaning, "drifting"),
        (lambda wave: wave * 0.01, "flat"),
        (lambda wave: wave * 20, "torn off"),
    ],
)
def test_bad_windows_are_dropped_and_counted_by_their_reason(
    root: Path, spoil: Callable[[np.ndarray], np.ndarray], reason: str
) -> None:
    whole = load_set("ludb", "train", leads=["II"])
    good, dropped = windows(whole, 400, 100, (125, 250), True)
    assert len(good) > 5
    assert not any(dropped.values())
    spoilt = replace(whole, signal=spoil(whole.signal))
    left, dropped = windows(spoilt, 400, 100, (125, 250), True)
    assert dropped[reason] > 0.6 * len(good)
    assert len(left) < 0.4 * len(good)


def test_what_is_dropped_is_told(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ecgsynth"):
        count = len(load_set("ludb", "train", window=400))
    told = f"{count} windows; dropped: none"
    assert f"ludb:train: {told}" in caplog.text
    assert f"train: {told}" in Ludb.check(Ludb.Settings(window=400)).notes


def test_a_window_that_no_peak_can_lie_in_is_refused(root: Path) -> None:
    with pytest.raises(EcgsynthError, match="two samples of a window of 200"):
        load_set("ludb", window=200)
    with pytest.raises(EcgsynthError, match="no window of ludb:train is left"):
        load_set("ludb", window=4990, peak_between=(0, 3))


@pytest.mark.data("ludb")
def test_few_windows_of_the_real_database_are_bad_and_people_stay_apart() -> None:
    parts = {s: load_set("ludb", s, window=400) for s in ("train", "validation", "test")}
    every = len(load_set("ludb", "all", window=400, quality=False))
    kept = sum(map(len, parts.values()))
    assert 0.95 * every < kept < every
    people = [set(part.patient) for part in parts.values()]
    assert sum(map(len, people)) == len(set.union(*people)) > 190


@pytest.mark.data("ludb")
def test_the_real_database_has_the_waves_that_its_readme_counts() -> None:
    ecg = load_set("ludb", "all")
    assert ecg.marks is not None
    assert len(ecg) == 200
    # The README counts 21,966 QRS, 19,666 T and 16,797 P; version 1.0.1 holds a few less.
    for name, count in (("r_peak", 21_965), ("t_peak", 19_661), ("p_peak", 16_797)):
        assert (ecg.marks.symbol == name).sum() == count
    lead = [LEADS_12.index(name) for name in ("I", "II", "III")]
    one, two, three = (ecg.signal[:, k] for k in lead)
    np.testing.assert_allclose(one + three, two, atol=1e-5)
    points = Fiducials.of_marks(ecg.marks, len(ecg), 500.0, lead=1).sample
    known = np.isfinite(points).all(2)
    assert known.sum() > 1000
    ordered = np.diff(points[known], axis=1)
    assert ((ordered > 0).all(1) | (ordered[:, [2, 5]] >= 0).all(1)).mean() > 0.995
    qrs_s = (points[known][:, 5] - points[known][:, 3]) / 500
    assert np.median(qrs_s) == pytest.approx(0.09, abs=0.02)
    assert ludb.SAMPLES > marked_range(ecg).max() > 0
