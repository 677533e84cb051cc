"""The test pack: the same from the seed, read back by its truth, and refused where it is broken."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from outcome import Command

import ecgsynth as es
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read
from ecgsynth.formats.breaking import CUT, EMPTY, HARMFUL, KINDS, NO_ECG, OTHER, WRONG
from ecgsynth.formats.contract import every, named
from ecgsynth.registry import FORMATS
from ecgsynth.testpack.cases import CASES
from ecgsynth.testpack.pack import Pack, write_testpack
from ecgsynth.testpack.truth import Truth

QUICK = ("minute", "no-value", "leads-15", "half-second", "rate-257")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """A few recordings in all formats but CSV, whose wide rows take long; and a short one in it."""
    formats = [name for name in FORMATS.names() if name != "csv"]
    folder = tmp_path_factory.mktemp("pack")
    found = write_testpack(folder / "pack", seed=3, cases=QUICK, formats=formats)
    text = write_testpack(folder / "csv", seed=3, cases=["half-second"], formats=["csv"])
    (folder / "csv" / "broken" / "csv").rename(found.folder / "broken" / "csv")
    found.broken += text.broken
    return found


def truth_at(folder: Path) -> Truth:
    return Truth.model_validate_json((folder / "truth.json").read_text())


def test_every_file_is_read_back_with_its_truth(pack: Pack) -> None:
    for case in QUICK:
        truth = truth_at(pack.folder / case)
        right = es.read(pack.folder / case / "truth.npz")
        assert [*right.spec.leads] == truth.leads and right.marks is not None
        assert len(truth.files) >= 7
        for file in truth.files:
            ecg = read(pack.folder / case / file.file, file.format)
            assert [*ecg.spec.leads] == truth.leads and ecg.spec.fs == truth.fs_hz
            assert ecg.spec.samples == truth.samples and ecg.synthetic
            step = file.step_mv or 1e-6
            np.testing.assert_allclose(ecg.signal, right.signal, atol=1.001 * step)
            beats = [(one.sample, one.symbol) for one in truth.beats]
            assert ecg.marks is not None and "marks" not in file.lost
            marks = [*zip(ecg.marks.sample.tolist(), ecg.marks.symbol.tolist(), strict=True)]
            assert set(beats) <= set(marks) and beats
            assert ecg.labels_str[0] == "|".join(one.name for one in truth.statements)


def test_faults_of_the_recorder_are_where_the_truth_has_them() -> None:
    for name, check in (
        ("no-value", np.isnan),
        ("saturated", lambda part: np.isclose(np.abs(part), 0.8)),
        ("lead-off", lambda part: part[len(part) // 2 :] > 4.9),
    ):
        ecg, faults = next(case for case in CASES if case.name == name).draw(3)
        assert faults
        for one in faults:
            part = ecg.signal[0, ecg.spec.leads.index(one.lead), one.start : one.stop]
            assert check(part).all() and len(part)


def test_what_a_format_does_not_hold_has_its_reason(pack: Pack) -> None:
    reasons = {(case, name): why for case, name, file, why in pack.rows if not file}
    assert {*reasons} == {("no-value", "aecg"), ("no-value", "muse"), ("leads-15", "ishne")}
    page = (pack.folder / "README.md").read_text()
    assert all(why in page for why in reasons.values()) and "CC0" in page
    with open(pack.folder / "files.csv", newline="") as file:
        assert len([*csv.DictReader(file)]) == len(pack.rows)


def test_a_day_is_for_formats_that_are_written_piece_by_piece() -> None:
    from ecgsynth.testpack.pack import _problem

    day = next(case for case in CASES if case.day)
    for kind in every().values():
        assert ("piece by piece" in _problem(day, kind)) != kind.in_pieces
        assert not _problem(CASES[0], kind)


SENTENCES = {
    EMPTY: "damaged or cut short|first bytes are others|is no DICOM|it is empty",
    OTHER: "damaged|first bytes are others|is no |is not ",
    CUT: "cut short|is missing|lines of them|states no sampling rate",
    WRONG: "damaged|correct|no sampling interval|rate|states|only annotations|but its spec|no ECG|"
    "unknown",
    NO_ECG: "no ECG|in a voltage|no waveform|no series|no rhythm",
    HARMFUL: "declares an entity|elements in one another|Python objects",
}


def test_every_broken_file_gives_its_error(pack: Pack) -> None:
    assert {row[0] for row in pack.broken} == {*FORMATS.names()}
    assert {row[3] for row in pack.broken} == {*KINDS}
    for name, _, file, kind, reason, stated in pack.broken:
        with pytest.raises(EcgsynthError) as caught:
            read(pack.folder / file, name)
        sentence = str(caught.value)
        assert re.search(SENTENCES[kind], sentence), (file, reason, sentence)
        assert sentence.endswith(".") and "\n" not in sentence
        assert stated.rpartition("/")[2] in sentence  # the table has the same sentence


@pytest.mark.parametrize("name", FORMATS.names())
def test_the_whole_file_beside_broken_ones_is_whole(pack: Pack, name: str) -> None:
    kind = named(name)
    suffix = "" if kind.container == "folder" else kind.endings[0]
    assert read(pack.folder / "broken" / name / f"whole{suffix}", name).spec.samples == 500


def test_a_pack_is_the_same_from_its_seed_byte_for_byte(tmp_path: Path) -> None:
    asked = {"cases": ["half-second"], "formats": [n for n in FORMATS.names() if n != "csv"]}
    sums = []
    for k, seed in enumerate((1, 1, 2)):
        write_testpack(tmp_path / str(k), seed=seed, **asked)  # type: ignore[arg-type]
        sums.append(json.loads((tmp_path / str(k) / "pack.json").read_text())["sha256"])
    assert sums[0] == sums[1] and sums[0].keys() == sums[2].keys()
    assert sums[0]["half-second/half-second.edf"] != sums[2]["half-second/half-second.edf"]
    for name, checksum in sums[0].items():
        assert hashlib.sha256((tmp_path / "0" / name).read_bytes()).hexdigest() == checksum


def test_the_schema_is_beside_the_truth_and_takes_it(pack: Pack) -> None:
    schema = json.loads((pack.folder / "truth.schema.json").read_text())
    truth = json.loads((pack.folder / "minute" / "truth.json").read_text())
    assert set(schema["required"]) <= set(truth) <= set(schema["properties"])
    assert truth["version"] == 1 and truth["statement"].startswith("SYNTHETIC")
    assert {one["symbol"] for one in truth["beats"]} == {"N", "V"}
    assert {one["name"]: one["snomed"] for one in truth["statements"]}["PVC"] == "427172004"


def test_a_place_with_files_and_unknown_names_are_refused(tmp_path: Path, command: Command) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    for words, sentence in (
        (["--to", f"{tmp_path}/full"], "holds something already"),
        (["--to", f"{tmp_path}/full/mine.txt"], "holds something already"),
        (["--to", f"{tmp_path}/new", "--cases", "afb"], "afib"),
        (["--to", f"{tmp_path}/new", "--formats", "efd"], "edf"),
        (["--to", f"{tmp_path}/new", "--seed", "-1"], "the seed"),
    ):
        done = command("testpack", *words)
        assert done.code == 2 and sentence in done.err and "Traceback" not in done.err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["full"]
    done = command(
        "testpack", "--to", f"{tmp_path}/new", "--cases", "half-second", "--formats", "edf"
    )
    assert done.code == 0 and "1 files" not in done.out and "SYNTHETIC" in done.out
