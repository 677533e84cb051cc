"""The user's own tables: the side of a row and the rate of a set hang on the file alone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from own import everything, wave

from ecgsynth import formats
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec

FS = 200.0
CLASSES = np.array(["N", "V", "S"])
SIDES = ("train", "heldout", "validation", "test")


def signals(count: int, samples: int = 100) -> np.ndarray:
    """[item, sample] mV with R at sample 30."""
    rows = [wave(samples, k, np.array([30])) for k in range(count)]
    return np.stack(rows).astype(np.float32)


def written(folder: Path, ending: str, people: int = 0, **more: Any) -> Path:
    """A table of 60 rows with labels, and persons where there are any."""
    path, rows = folder / f"mine{ending}", np.arange(60)
    more = {"label": CLASSES[rows % 3], **more}
    if people:
        more["patient"] = np.array([f"p{k % people}" for k in rows])
    signal = more.pop("data", signals(60))
    if ending == "/":
        spec = Spec(("II",), FS, 100, tuple(CLASSES))
        ecg = Ecg(signal[:, None], spec, one_hot(rows % 3, 3), patient=more.get("patient"))
        formats.write(ecg, f"{path}/")
    elif ending == ".npz":
        np.savez(path, data=signal, fs=FS, leads=["II"], **more)
    else:
        table = pd.DataFrame(signal, columns=[f"II_{k}" for k in range(100)])
        table = table.assign(fs=FS, **more)
        table.to_csv(path, index=False) if ending == ".csv" else table.to_parquet(path)
    return path


def sides(path: Path, **settings: Any) -> dict[bytes, str]:
    """The side on which each row is, known by its signal to 10 uV."""
    found = {}
    for side in SIDES:
        with suppress(EcgsynthError):  # nobody fell into it
            ecg = load("folder", side, path=path, test=0.3, validation=0.2, **settings)
            found |= {np.round(row, 2).tobytes(): side for row in ecg.signal}
    return found


@pytest.mark.parametrize("people", [0, 6])
@pytest.mark.parametrize("ending", [".npz", ".csv", ".parquet", "/"])
@pytest.mark.parametrize(
    "asked",
    [
        {"classes": ("V",)},
        {"classes": ("S", "N")},
        {"label_map": {"V": "V"}},
        {"label_map": {"N": "other", "S": "other"}},
        {"leads": ("II",)},
    ],
    ids=str,
)
def test_a_row_is_on_its_side_whatever_is_asked(tmp_path, ending, people, asked):
    path = written(tmp_path, ending, people)
    whole, part = sides(path), sides(path, **asked)
    # Nothing is held out of a person of one row.
    assert len(whole) == 60 and set(whole.values()) == {*SIDES} - (
        {"heldout"} if not people else set()
    )
    assert part and part.items() <= whole.items()


@pytest.mark.parametrize("people", [0, 6])
@pytest.mark.parametrize("what", ["a gap", "a flat lead", "no label", "no person"])
def test_a_row_that_drops_out_moves_no_other(tmp_path, people, what):
    whole = sides(written(tmp_path, ".npz", people))
    signal, label = signals(60), CLASSES[np.arange(60) % 3]
    more: dict[str, Any] = {}
    for row in (3, 31, 57):
        if what == "a gap":
            signal[row, 5] = np.nan
        elif what == "a flat lead":
            signal[row] = 1
        elif what == "no label":
            label[row] = ""
        elif people:
            who = np.array([f"p{k % people}" for k in range(60)])
            who[row] = ""
            more["subject"] = who
    (tmp_path / "mine.npz").unlink()
    part = sides(written(tmp_path, ".npz", people, data=signal, label=label, **more))
    assert len(part) >= 57 and part.items() <= whole.items()


def test_a_row_without_a_person_is_dropped_with_a_word(tmp_path, caplog):
    who = np.array([f"p{k % 6}" if k % 20 else "" for k in range(60)])
    np.savez(tmp_path / "mine.npz", data=signals(60), fs=FS, record=who)
    ecg = everything(tmp_path / "mine.npz")
    assert len(ecg) == 57 and "" not in ecg.patient
    assert "3 rows of mine.npz name no person; dropped." in caplog.text


def test_people_of_records_are_not_said_in_vain(tmp_path):
    path = written(tmp_path, ".npz", 6)
    with pytest.raises(EcgsynthError, match="names its people itself; leave data.patients out"):
        everything(path, patients={"a": "Anna"})
    with pytest.raises(EcgsynthError, match="names no records"):
        everything(written(tmp_path, ".csv"), patients={"a": "Anna"})
    np.savez(tmp_path / "mine.npz", data=signals(60), fs=FS, record=np.repeat([7, 8, 9], 20))
    ecg = everything(tmp_path / "mine.npz", patients={7: "Anna", 8: "Anna"})
    assert ecg.patient.tolist() == ["Anna"] * 40 + ["9"] * 20


def test_rows_known_by_their_number_need_all_records_before_them(tmp_path):
    spec = Spec(("II",), FS, 800)  # 4 s: a record an item
    path = tmp_path / "mine"
    formats.write(Ecg(signals(6, 800)[:, None], spec), f"{path}/")
    assert len(everything(path)) == 6
    (path / "ecg_000002.dat").write_bytes(b"")
    with pytest.raises(EcgsynthError, match="1 of 6 items of .* cannot be read"):
        everything(path)


@pytest.mark.parametrize("ending", [".npz", ".csv", ".parquet", "/"])
@pytest.mark.parametrize("fs", [100.0, 250.0])
def test_a_stated_rate_is_resampled_to_the_one_asked_for(tmp_path, ending, fs):
    path = written(tmp_path, ending)
    own, asked = everything(path), everything(path, fs=fs)
    assert own.spec.fs == FS and asked.spec.fs == fs
    assert asked.spec.seconds == own.spec.seconds == 0.5
    assert (np.abs(asked.signal.argmax(2) - 30 / FS * fs) < 2).all()


def test_what_is_counted_in_samples_goes_with_the_rate(tmp_path):
    spec = Spec(("I", "II"), FS, 100, r_sample=30, context=("rr_before_s",))
    marks = Marks([0, 1, 1], [-1, 0, 1], [30, 30, 80], ["N", "V", "t_peak"])
    signal = np.stack([signals(4)] * 2, 1)
    ecg = Ecg(signal, spec, context=np.full((4, 1), 0.8), valid=[100, 90, 81, 1], marks=marks)
    formats.write(ecg, tmp_path / "own.npz")
    half = everything(tmp_path / "own.npz", fs=100)
    assert (half.spec.r_sample, half.spec.samples) == (15, 50)
    assert half.valid.tolist() == [50, 45, 40, 1]
    assert half.marks.sample.tolist() == [15, 15, 40] and (half.context == np.float32(0.8)).all()
    stretched = everything(tmp_path / "own.npz", samples=199)
    assert stretched.spec.r_sample == 60 and stretched.spec.fs == pytest.approx(FS * 198 / 99)
    assert stretched.marks.sample.tolist() == [60, 60, 160]
    second = everything(tmp_path / "own.npz", leads=["II"])
    assert second.marks.sample.tolist() == [30, 80] and second.marks.lead.tolist() == [-1, 0]


@pytest.mark.parametrize("name", ["fs", "Fs", "sampling_rate", "sample_rate", "sampling_frequency"])
@pytest.mark.parametrize("value", [200, "200", np.array([200.0]), np.full(60, 200)])
def test_a_rate_is_stated_in_several_words(tmp_path, name, value):
    np.savez(tmp_path / "mine.npz", data=signals(60), **{name: value})
    assert formats.read(tmp_path / "mine.npz").spec.fs == 200
    assert everything(tmp_path / "mine.npz", fs=100).spec.samples == 50


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        ({"fs": np.where(np.arange(60) < 30, 100, 200)}, r"not the same for all items.*100, 200"),
        ({"fs": 200, "sampling_rate": 250}, "not the same for all items"),
        ({"fs": "fast"}, "is 'fast', which is no number"),
        ({"fs": 0}, "must be a positive number of Hz; got 0"),
        ({"fs": np.inf}, "must be a positive number of Hz"),
        ({"fs": 200 + 1j}, "no number"),
        ({"fs": np.nan}, "states no sampling rate"),
    ],
    ids=str,
)
def test_a_rate_that_is_none_is_refused(tmp_path, rates, sentence):
    np.savez(tmp_path / "mine.npz", data=signals(60), **rates)
    for read in (formats.read, everything):
        with pytest.raises(EcgsynthError, match=sentence):
            read(tmp_path / "mine.npz")


def test_a_column_of_two_rates_is_refused_even_where_one_is_asked_for(tmp_path):
    table = pd.DataFrame(signals(4), columns=[f"II_{k}" for k in range(100)])
    table.assign(fs=[100, 100, 200, 200]).to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(EcgsynthError, match="'fs' of mine.csv is not the same for all items"):
        everything(tmp_path / "mine.csv", fs=200)
