"""Tables of one recording, as spreadsheets, devices and other programs write them, are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from outcome import Command

from ecgsynth import formats
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError

COUNT = 200
TIME = np.arange(COUNT) / 250
ONE, TWO = np.round(np.sin(7 * TIME), 3), np.round(0.5 * np.cos(9 * TIME), 3)


def lines(form: str, scale: float = 1.0) -> str:
    return "".join(
        form.format(k=k, t=t, a=scale * a, b=scale * b)
        for k, (t, a, b) in enumerate(zip(TIME, ONE, TWO, strict=True))
    )


WITH_TIME = {
    "rdsamp.csv": "'Elapsed time','MLII','V5'\n'seconds','mV','mV'\n"
    + lines("{t:.3f},{a:.3f},{b:.3f}\n"),
    "rdsamp.txt": "   Elapsed time      MLII     V5\n   (seconds)    (mV)   (mV)\n"
    + lines("{t:12.3f}   {a:7.3f}  {b:7.3f}\n"),
    "clock.csv": "Time,MLII,V5\nhh:mm:ss.mmm,mV,mV\n" + lines("'0:00:0{t:.3f}',{a:.3f},{b:.3f}\n"),
    "device.csv": "Zeit;EKG MLII [µV];V5 [µV]\n"
    + lines("{t:.3f};{a:.1f};{b:.1f}\n", 1000).replace(".", ","),
    "tab.TSV": "t\tmlii\tv5\n" + lines("{t:.3f}\t{a:.3f}\t{b:.3f}\n"),
    "facts.csv": "# fs: 250 Hz\n# device: x\nMLII,V5\n" + lines("{a:.3f},{b:.3f}\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_TIME)
def test_a_table_with_times_is_one_recording(tmp_path: Path, name: str) -> None:
    encoding = "latin-1" if name == "device.csv" else "utf-8"
    (tmp_path / name).write_text(WITH_TIME[name], encoding=encoding)
    ecg = formats.read(tmp_path / name)
    assert (len(ecg), ecg.spec.leads, ecg.spec.fs) == (1, ("MLII", "V5"), 250)
    np.testing.assert_allclose(ecg.signal[0], [ONE, TWO], atol=1e-3)


WITHOUT_RATE = {
    "neurokit.csv": ("ECG\n" + lines("{a}\n"), ("ECG",)),
    "comma.csv": ("EKG\n" + lines("{a:.3f}\n").replace(".", ","), ("EKG",)),
    "counted.csv": ("'sample #','MLII','V5'\n" + lines("{k},{a},{b}\n"), ("MLII", "V5")),
    "nameless.asc": (lines("{a} {b}\n"), ("lead1", "lead2")),
    "twice.csv": ("ECG,ECG\n" + lines("{a},{b}\n"), ("ECG", "ECG_2")),
    "pandas.csv": ("0,1\n" + lines("{a},{b}\n"), ("lead1", "lead2")),
}


@pytest.mark.parametrize("name", WITHOUT_RATE)
def test_a_rate_that_is_not_stated_is_asked_for(tmp_path: Path, name: str) -> None:
    text, leads = WITHOUT_RATE[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(EcgsynthError, match="states no sampling rate; name it, in Hz, as in --fs"):
        formats.read(tmp_path / name)
    ecg = formats.read(tmp_path / name, fs=250)
    assert ecg.spec.leads == leads
    np.testing.assert_allclose(ecg.signal[0], [ONE, TWO][: len(leads)], atol=1e-6)
    assert load("folder", "all", path=tmp_path / name, fs=250, kind="csv").spec.leads == leads


def test_times_of_every_unit_give_the_rate(tmp_path: Path) -> None:
    for number, scale in enumerate((1, 1e3, 1e6, 1e9)):
        place = tmp_path / f"{number}.csv"
        pd.DataFrame({"Timestamp": 5 * scale + scale * TIME, "II": ONE}).to_csv(place, index=False)
        assert formats.read(place).spec.fs == 250
    rounded = np.round(np.arange(COUNT) / 360, 3)
    pd.DataFrame({"t": rounded, "II": ONE}).to_csv(tmp_path / "r.csv", index=False)
    assert formats.read(tmp_path / "r.csv").spec.fs == 360


def test_parquet_of_one_recording_is_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"time": TIME, "AVR": ONE, "Lead II": TWO})
    table.to_parquet(tmp_path / "a.parquet")
    table.index = pd.date_range("2026", periods=COUNT, freq="4ms")
    table.drop(columns="time").to_parquet(tmp_path / "b.PARQUET")
    for place in tmp_path.iterdir():
        ecg = formats.read(place)
        assert (ecg.spec.leads, ecg.spec.fs) == (("aVR", "II"), 250)


def test_leads_and_unit_are_chosen(tmp_path: Path) -> None:
    place = tmp_path / "n.csv"
    place.write_text("ECG_Raw,ECG_Clean,ECG_Rate\n" + lines("{a},{b},70.5\n", 1000))
    with pytest.raises(EcgsynthError, match="no column of n.csv has the name of a lead"):
        formats.read(place, fs=250)
    ecg = formats.read(place, fs=250, leads=["ECG_Clean"], unit="uV")
    np.testing.assert_allclose(ecg.signal[0, 0], TWO, atol=1e-6)
    with pytest.raises(EcgsynthError, match="has no column X; it has ECG_Raw"):
        formats.read(place, fs=250, leads=["X"])
    with pytest.raises(EcgsynthError, match="the unit is mV, uV, V or normalised"):
        formats.read(place, fs=250, unit="bpm")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("time,II\n" + lines("{t:.3f},{a}\n") + "99,1\n", "have steps that differ"),
        ("time,II\n" + lines("{t:.3f},{a}\n") + "0.8,abc\n", "'II' .* does not hold numbers alone"),
        ("time,II\n" + lines("{t:.3f},{a}\n") + "0.8,1,2\n", "Expected 2 columns, got 3"),
        ("time,II\n1,2\n", "states no sampling rate"),
    ],
)
def test_a_damaged_table_is_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(EcgsynthError, match=why):
        formats.read(tmp_path / "bad.csv")


@pytest.mark.parametrize("cell", ["off", "1.#INF", "n.a.", "*", "0.1,0.2"])
@pytest.mark.parametrize("before", [1, 3, 30])
def test_a_cell_that_is_no_number_near_the_top_loses_no_rows(
    tmp_path: Path, cell: str, before: int
) -> None:
    rows = lines("{t:.3f},{a}\n").splitlines(keepends=True)
    rows[before] = rows[before].split(",")[0] + f",{cell}\n"
    (tmp_path / "a.csv").write_text("time,II\n" + "".join(rows))
    with pytest.raises(EcgsynthError, match="no row of numbers|not hold numbers|Expected 2"):
        formats.read(tmp_path / "a.csv")


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e300", "", "nan"])
@pytest.mark.parametrize("row", [0, 3, 150])
def test_a_value_that_is_infinite_or_missing_is_nan_at_its_place(
    tmp_path: Path, cell: str, row: int
) -> None:
    rows = lines("{t:.3f},{a}\n").splitlines(keepends=True)
    rows[row] = rows[row].split(",")[0] + f",{cell}\n"
    (tmp_path / "a.csv").write_text("time,II\n" + "".join(rows))
    ecg = formats.read(tmp_path / "a.csv")
    assert ecg.spec.samples == len(rows)
    assert np.flatnonzero(np.isnan(ecg.signal[0, 0])).tolist() == [row]


def test_text_that_is_no_table_is_refused(tmp_path: Path) -> None:
    for name, content in (("a.txt", b"no ECG\n" * 99), ("b.asc", b"\0" * 99), ("c.tsv", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(EcgsynthError, match=f"{name} holds no CSV"):
            formats.read(tmp_path / name)


def test_commands_take_rate_unit_and_leads(tmp_path: Path, command: Command) -> None:
    source, picture = tmp_path / "a.csv", tmp_path / "a.svg"
    source.write_text("MLII,V5\n" + lines("{a},{b}\n", 1000))
    stated = ("--fs", "250", "--unit", "uV")
    assert command("plot", str(source), "--to", str(picture), *stated, "--leads", "V5").code == 0
    assert "V5" in picture.read_text() and "MLII" not in picture.read_text()
    assert command("convert", str(source), "--to", str(tmp_path / "a.edf"), *stated).code == 0
    back = formats.read(tmp_path / "a.edf")
    np.testing.assert_allclose(back.signal[0], [ONE, TWO], atol=2e-3)
