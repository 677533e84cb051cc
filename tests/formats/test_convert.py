"""Files of any format become files of any other, and what is lost is named before and after."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from clinical_files import strip
from outcome import Command
from wfdb_files import write_record

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import contract
from ecgsynth.formats.convert import convert
from ecgsynth.registry import FORMATS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12

NAMES = FORMATS.names()
ITEM = strip(LEADS_12, 500, 300)


def target_in(folder: Path, name: str) -> str:
    kind = contract.named(name)
    return f"{folder}/{name}{kind.endings[0]}"


@pytest.mark.parametrize("name", NAMES)
def test_every_pair_of_formats_keeps_what_both_can_hold(tmp_path: Path, name: str) -> None:
    source, one = target_in(tmp_path / "in", name), contract.named(name)
    formats.write(ITEM, source)
    for other in NAMES:
        kind = contract.named(other)
        target = target_in(tmp_path / "out", other)
        convert(source, target)
        back = formats.read(target)
        step = 1.01 * ((one.step_mv or 0) + (kind.step_mv or 0))
        assert np.abs(back.signal - ITEM.signal).max() <= step + 1e-6, other
        assert (back.spec, back.source) == (ITEM.spec, ITEM.source)
        for column in ("patient", "start", "context"):
            if column in one.keeps & kind.keeps:
                np.testing.assert_array_equal(getattr(back, column), getattr(ITEM, column))
        if "marks" in one.keeps & kind.keeps:
            assert back.marks == ITEM.marks


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder of recordings of several formats, one of them damaged."""
    folder = tmp_path / "mixed"
    steps = np.round(1000 * ITEM.signal[0, :2]).astype(int)
    write_record(folder, "100", steps, fs="500", leads=("AVR", "Lead II"))
    header = (folder / "100.hea").read_text() + "# Age: 61 Sex: F\n"
    (folder / "100.hea").write_text(header)
    formats.write(ITEM, folder / "visit" / "a.dcm")
    formats.write(ITEM, folder / "visit" / "b.muse.xml")
    (folder / "visit" / "b.muse.xml").rename(folder / "visit" / "b.xml")
    (folder / "bad.edf").write_bytes(b"0" * 300)
    (folder / "notes.txt").write_text("no ECG")
    return folder


def rows_of(place: Path) -> list[dict[str, str]]:
    with open(place, newline="", encoding="utf-8") as file:
        return [*csv.DictReader(file)]


def test_recordings_of_a_folder_become_files_with_their_names(
    tmp_path: Path, mixed: Path, command: Command
) -> None:
    target = f"{tmp_path}/out.aecg.xml/"
    tried = command("convert", str(mixed), "--to", target, "--dry-run")
    assert "3 files converted, would be written to" in tried.out and "left out" in tried.out
    assert not Path(target).exists()
    done = command("convert", str(mixed), "--to", target)
    assert f"3 files converted, in {target}; 1 left out, see manifest.csv" in done.out
    names = [
        "100.aecg.xml",
        "ecgsynth.json",
        "manifest.csv",
        "visit_a.aecg.xml",
        "visit_b.aecg.xml",
    ]
    assert sorted(file.name for file in Path(target).iterdir()) == names
    rows = {Path(row["source"]).name: row for row in rows_of(Path(target) / "manifest.csv")}
    assert rows["100.hea"]["leads"] == "aVR II" and rows["a.dcm"]["synthetic"] == "True"
    assert rows["bad.edf"]["problem"] and not rows["bad.edf"]["file"]
    person = formats.read(Path(target) / "100.aecg.xml")
    assert person.context is not None and person.context.tolist() == [[61, 1]]
    assert not person.synthetic
    again = command("convert", str(mixed), "--to", target)
    assert again.code == 2 and "--force" in again.err


@pytest.mark.parametrize("target", ["out.edf/", "out.ishne/", "out.aecg.xml/", "out/"])
def test_a_folder_that_is_replaced_keeps_no_file_of_the_earlier_set(
    tmp_path: Path, command: Command, target: str
) -> None:
    for name, count in (("many", 3), ("one", 1)):
        (tmp_path / name).mkdir()
        for k in range(count):
            formats.write(ITEM, tmp_path / name / f"{name}_{k}.edf")
    place = tmp_path / target
    assert command("convert", str(tmp_path / "many"), "--to", f"{place}/").code == 0
    assert len(formats.read(place)) == 3
    (place / "notes.txt").write_text("of the ward")
    assert command("convert", str(tmp_path / "one"), "--to", f"{place}/", "--force").code == 0
    assert len(formats.read(place)) == 1
    assert (place / "notes.txt").read_text() == "of the ward"


def test_what_is_lost_is_named(tmp_path: Path) -> None:
    formats.write(ITEM, tmp_path / "one.npz")
    sentences = [*convert(tmp_path / "one.npz", f"{tmp_path}/one.csv").losses()]
    assert any("has no marks; " in one for one in sentences)
    sentences = [*convert(tmp_path / "one.npz", f"{tmp_path}/one.muse").losses()]
    assert sentences == [f"{tmp_path}/one.muse has amplitudes in whole steps of 4.88 uV."]


def test_records_of_one_kind_are_one_set_and_others_are_refused(
    tmp_path: Path, mixed: Path, command: Command
) -> None:
    same = tmp_path / "same"
    for k in range(3):
        item = replace(ITEM, start=None) if k == 1 else ITEM
        formats.write(item, same / f"{k}.edf")
    convert(same, f"{tmp_path}/set.npz")
    found = formats.read(tmp_path / "set.npz")
    assert len(found) == 3 and found.start is not None and found.start[1] == ""
    refused = command("convert", str(mixed), "--to", f"{tmp_path}/x.npz")
    assert refused.code == 2 and "so they are no set; name a folder" in refused.err
    assert not (tmp_path / "x.npz").exists()


def test_a_long_recording_is_converted_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecgsynth.formats.convert.LONG", 100)
    monkeypatch.setattr("ecgsynth.formats.recording_pieces.PIECE_S", 0.25)
    steps = np.round(1000 * ITEM.signal[0, :2]).astype(int)
    write_record(tmp_path, "long", steps, fs="500", gain="200(10)/mV", leads=("MLII", "V5"))
    expected = formats.read(tmp_path / "long.hea")
    monkeypatch.setattr("ecgsynth.formats.convert.read_set", lambda *_, **__: pytest.fail("whole"))
    for target in ("a.edf", "wfdb/", "folder.bdf/", "h.ishne"):
        convert(tmp_path / "long.hea", f"{tmp_path}/{target}", {"V5": "V6"})
    monkeypatch.undo()
    for target in ("a.edf", "wfdb", "folder.bdf", "h.ishne"):
        back = formats.read(tmp_path / target)
        # Its steps of 5 uV with another zero are none of ISHNE, which has 1 uV then.
        step = 0.0005 if target == "h.ishne" else 0.0
        np.testing.assert_allclose(back.signal, expected.signal, atol=1e-5 + step)
        assert back.spec.leads == ("MLII", "V6") and not back.synthetic


@pytest.mark.parametrize("target", ["a.edf", "b.bdf", "c.ishne", "d.npz", "wfdb/"])
def test_gaps_of_a_long_recording_stay_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setattr("ecgsynth.formats.convert.LONG", 100)
    monkeypatch.setattr("ecgsynth.formats.recording_pieces.PIECE_S", 0.1)
    gaps = strip(("I", "II"), 500, 300, symbols=("N", "V", "(AFIB"))
    source = tmp_path / "source"
    signal = gaps.signal
    for lead, start, stop in ((0, 0, 3), (0, 45, 120), (1, 60, 61), (1, 190, 200)):
        signal[0, lead, start:stop] = np.nan
    formats.write(replace(gaps, spec=replace(gaps.spec, context=()), context=None), source)
    record = source / "ecg_000000.hea"
    monkeypatch.setattr("ecgsynth.formats.convert.read_set", lambda *_, **__: pytest.fail("whole"))
    convert(record, f"{tmp_path}/{target}")
    monkeypatch.undo()
    back = formats.read(tmp_path / target.rstrip("/"))
    np.testing.assert_array_equal(np.isnan(back.signal), np.isnan(signal))
    np.testing.assert_allclose(back.signal, signal, atol=0.00051)
    assert back.synthetic and back.marks == gaps.marks


@pytest.mark.parametrize("name", ["edf", "bdf", "ishne"])
def test_a_long_recording_keeps_its_labels_and_what_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    mask = np.zeros(ITEM.signal.shape, bool)
    mask[:, 3, 50:90] = True
    spec = replace(ITEM.spec, classes=("AFIB",))
    item = replace(ITEM, spec=spec, label=np.ones((1, 1), np.float32), synthetic_mask=mask)
    source = target_in(tmp_path, name)
    formats.write(item, source)
    monkeypatch.setattr("ecgsynth.formats.convert.LONG", 100)
    for target in ("a.npz", "b.edf", "c.bdf/"):
        convert(source, f"{tmp_path}/{target}")
        back = formats.read(tmp_path / target)
        assert back.labels_str.tolist() == ["AFIB"], target
        assert back.synthetic_mask is not None
        np.testing.assert_array_equal(back.synthetic_mask, mask)


@pytest.mark.parametrize("name", ["edf", "ishne"])
def test_gaps_that_only_the_facts_of_a_file_have_stay_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    item = strip(("I", "II"), 500, 300)
    item.signal[0, 1, 20:90] = np.nan
    formats.write(item, source := target_in(tmp_path, name))
    monkeypatch.setattr("ecgsynth.formats.convert.LONG", 100)
    convert(source, f"{tmp_path}/a.npz")
    back = formats.read(tmp_path / "a.npz").signal
    np.testing.assert_array_equal(np.isnan(back), np.isnan(item.signal))


@pytest.mark.parametrize("ending", [".aecg.xml", ".muse.xml", ".edf"])
def test_what_cannot_be_written_is_named_before(tmp_path: Path, ending: str) -> None:
    signal = ITEM.signal.copy()
    signal[0, 1, 7] = np.nan if ending != ".edf" else 1e6
    formats.write([ITEM, replace(ITEM, signal=signal)], tmp_path / "two.npz")
    found = convert(tmp_path / "two.npz", f"{tmp_path}/out{ending}/", dry_run=True)
    expected = "samples of lead II are missing" if ending != ".edf" else "lead II reaches"
    assert len(found.done) == 1 and expected in found.rows[1].problem
    assert not (tmp_path / f"out{ending}").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing.edf", "--to", "x.dcm"), "no file or folder nothing.edf"),
        ((".", "--to", "x.dcm"), "no file of a format that is read"),
        (("one.npz", "--to", "x.unknown"), "no format is known"),
        (("one.npz", "--to", "x.xml"), "name it .*x.aecg.xml or x.muse.xml"),
        (("one.npz", "--to", "x.dcm", "--rename", "ECG1"), "renames no lead"),
        (("one.npz", "--to", "x.dcm", "--rename", "E=I"), "no lead 'E' to rename"),
        (("two.npz", "--to", "x.dcm"), "holds one record, and here are 2 items"),
        (("flat.npz", "--to", "x.dcm"), "normalised"),
    ],
)
def test_odd_requests_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command, words: tuple[str, ...],
    said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    if words[0] != ".":
        one = Ecg(ITEM.signal[:, :1], Spec(("II",), 500, 300), source="synthetic:a")
        formats.write(one, "one.npz")
        formats.write([one, one], "two.npz")
        formats.write(replace(one, spec=replace(one.spec, unit="normalised")), "flat.npz")
    result = command("convert", *words)
    assert result.code == 2 and not (tmp_path / "x.dcm").exists()
    assert re.search(said, result.err), result.err


def test_a_set_of_items_becomes_a_file_each(tmp_path: Path) -> None:
    formats.write([ITEM, ITEM], tmp_path / "two.npz")
    convert(tmp_path / "two.npz", f"{tmp_path}/two.dcm/")
    assert len(formats.read(tmp_path / "two.dcm")) == 2
    with pytest.raises(EcgsynthError, match="holds files that are not from ecgsynth"):
        convert(tmp_path / "two.npz", f"{tmp_path}/")
