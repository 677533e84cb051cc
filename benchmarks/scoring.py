"""`ecgsynth score` beside WFDB's own programs, line by line: `python -m benchmarks.scoring`.

The line-format reports of bxb (`-L` and `-l`), rxr (`-L`), epicmp (`-l -A`, `-V`, `-S`) and mxm,
with the totals of sumstats, of all records of the MIT-BIH Arrhythmia Database are compared with
those of `ecgsynth.scoring`, character by character. The programs have to be on PATH. Test files:

- two foreign QRS detectors: WFDB's own program gqrs, and sleepecg
  (`benchmarks/detectors/requirements.txt`); beats that are in the folder `--work` are not detected
  again;
- the truth with changes, drawn from the record's number, so that all classes, shutdowns and rhythms
  occur;
- files of other annotators that are in `--work`, named with `--annotator`.

The heart rate of every ten seconds, of the truth and of each test file, is what mxm compares.

The JSON is kept in `benchmarks/results/scoring.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from benchmarks.detectors.foreign import detect
from benchmarks.tables import KEPT
from ecgsynth.datasets.store import find_folder
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats.wfdb.annotations import Annotations as TickedAnnotations
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.progress import recordings
from ecgsynth.scoring import score
from ecgsynth.scoring.sums import report_lines
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

GQRS, SLEEPECG = "qrs", "slp"
FOREIGN = (GQRS, SLEEPECG)
"""Annotators of the files of foreign detectors."""

CHANGED = "changed"
TRUTH, TRUE_RATES, RATES = "atr", "hrt", "hrd"
"""Annotators of the truth, and of heart rates of the truth and of a test file."""

EVERY_S, FS = 10.0, 360.0
"""Between two heart rates; rate of the database."""

PROGRAMS: dict[str, tuple[str, ...]] = {
    "beats shutdown": ("bxb", "-L"),
    "beats-without-s shutdown-without-s": ("bxb", "-l"),
    "runs-ve runs-sve": ("rxr", "-L"),
    "af": ("epicmp", "-l", "-A"),
    "vf": ("epicmp", "-l", "-V"),
    "st st-values": ("epicmp", "-l", "-S"),
    "measurements": ("mxm", "-L"),
}
"""The reports that a program writes -> the program with its options."""

NEEDED = ("bxb", "rxr", "epicmp", "mxm", "sumstats", "gqrs")

SUBJECTS = list("NLRAVFSJeaj/fQ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of detected beats")
    parser.add_argument("--annotator", action="append", default=[], help="others in --work")
    parser.add_argument("--to", type=Path, default=KEPT / "scoring.json")
    options = parser.parse_args()
    if missing := [one for one in NEEDED if not shutil.which(one)]:
        raise SystemExit(f"{', '.join(missing)} of WFDB are not on PATH; build them and add them.")
    database = find_folder("mitbih", "100.hea")
    names = sorted(path.stem for path in database.glob("[12]??.hea"))
    options.work.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"made": datetime.now(UTC).isoformat(), "test files": {}}
    for annotator in (*FOREIGN, CHANGED, *options.annotator):
        for name in recordings(names, len(names)):
            make_test_file(database, name, annotator, options.work)
        result["test files"][annotator] = compare(database, options.work, names, annotator)
        print(annotator, json.dumps(result["test files"][annotator]))
    every = [row for one in result["test files"].values() for row in one["reports"].values()]
    for key in ("lines", "equal"):
        result[key] = sum(row[key] for row in every)
    result["records"] = len(names)
    with atomic_write(options.to) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{result['equal']:,} of {result['lines']:,} lines are equal: {options.to}")


def make_test_file(database: Path, name: str, annotator: str, folder: Path) -> None:
    """The beats of a record by a detector, or the changed truth, unless the file is there."""
    if (folder / f"{name}.{annotator}").is_file():
        return
    if annotator == SLEEPECG:
        recording = read_recording(database / name)
        beats = detect("sleepecg", recording.signal[0], recording.fs)
        write(folder, name, annotator, [(int(at), "N", 0, "") for at in beats])
    elif annotator == GQRS:
        environment = {**os.environ, "WFDB": str(database)}
        words = ["gqrs", "-r", name, "-o", GQRS]
        subprocess.run(words, cwd=folder, env=environment, check=True)
    elif annotator == CHANGED:
        write(folder, name, annotator, changed(database / f"{name}.atr", int(name)))
    else:
        raise EcgsynthError(f"{folder} has no {name}.{annotator}; put it there.")


Row = tuple[int, str, int, str]
"""Sample, symbol, subtype, note."""


def changed(path: Path, seed: int) -> list[Row]:
    """The truth with beats moved, lost, added and renamed, other rhythms, shutdowns and VF."""
    rng = np.random.default_rng(seed)
    truth = read_annotations(path)
    rows: list[Row] = []
    columns = (truth.tick.tolist(), truth.symbol.tolist(), truth.subtype.tolist(), truth.note)
    for at, symbol, subtype, note in zip(*columns, strict=True):
        draw = rng.random(5)
        if draw[0] < 0.03:
            continue
        time = max(1, at + int(rng.integers(-60, 61)) * int(draw[1] < 0.4))
        if draw[2] < 0.06 and symbol in SUBJECTS:
            symbol = str(rng.choice(list("NNVVVSSFQ")))
        if draw[3] < 0.3 and symbol == "+":
            note = str(rng.choice(["(AFIB", "(N", "(AFL", "(VT"]))
        rows.append((time, symbol, subtype, str(note)))
        if draw[4] < 0.03:
            rows.append((time + int(rng.integers(1, 200)), str(rng.choice(list("NVVSSF"))), 0, ""))
    for begin in rng.integers(1, 640_000, 3).tolist():
        rows += [(begin, "~", -1, ""), (begin + int(rng.integers(500, 9000)), "~", 0, "")]
    if rng.random() < 0.3:
        begin = int(rng.integers(1, 640_000))
        rows += [(begin, "[", 0, ""), (begin + 3000, "]", 0, "")]
    return sorted(rows, key=lambda row: row[0])


def heart_rates(notes: TickedAnnotations) -> list[Row]:
    """A measurement every ten seconds with beats: the heart rate in them, 1/min."""
    beats = notes.tick[np.isin(notes.symbol, [*AAMI_OF_SYMBOL])]
    step = round(EVERY_S * FS)
    rows: list[Row] = []
    for start in range(0, int(beats[-1]), step):
        inside = beats[(beats >= start) & (beats < start + step)]
        if len(inside) > 1 and inside[-1] > inside[0]:
            rate = 60 * FS * (len(inside) - 1) / (inside[-1] - inside[0])
            rows.append((start + step, "=", 0, f"{rate:.1f}"))
    return rows


def write(folder: Path, name: str, annotator: str, rows: list[Row]) -> None:
    """An annotation file."""
    at, symbol, subtype, note = zip(*rows, strict=True)
    wfdb.wrann(
        name, annotator, np.array(at), list(symbol), subtype=np.array(subtype),
        aux_note=list(note), write_dir=str(folder),
    )  # fmt: skip


def compare(database: Path, work: Path, names: list[str], annotator: str) -> dict[str, Any]:
    """Report -> lines of WFDB's programs, how many are equal, and those that differ."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in names:
            for file in (database / f"{name}.hea", database / f"{name}.atr"):
                (folder / file.name).symlink_to(file.resolve())
            shutil.copy(work / f"{name}.{annotator}", folder)
            for source, target in ((TRUTH, TRUE_RATES), (annotator, RATES)):
                rows = heart_rates(read_annotations(folder / f"{name}.{source}"))
                write(folder, name, target, rows)
        expected = program_lines(folder, names, annotator)
        actual = report_lines(score(folder, folder, annotator=annotator))
        rates = score(folder, folder, annotator=RATES, truth_annotator=TRUE_RATES)
        actual["measurements"] = report_lines(rates)["measurements"]
    reports = {}
    for report, lines in expected.items():
        pairs = list(zip(lines, [*actual[report], *[""] * len(lines)], strict=False))
        differing = [pair for pair in pairs if pair[0] != pair[1]]
        reports[report] = {
            "lines": len(lines), "equal": len(lines) - len(differing), "differing": differing
        }  # fmt: skip
    return {"reports": reports}


def program_lines(folder: Path, names: list[str], annotator: str) -> dict[str, list[str]]:
    """Report -> the lines of WFDB's programs, totals included."""
    environment = {**os.environ, "WFDB": "."}

    def run(*words: str) -> str:
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    found = {}
    for reports, (program, *flags) in PROGRAMS.items():
        files = [f"{report}.txt" for report in reports.split()]
        pair = (TRUE_RATES, RATES) if program == "mxm" else (TRUTH, annotator)
        for name in names:
            run(program, "-r", name, "-a", *pair, *flags, *files)
        for file in files:
            if file != "st-values.txt":
                found[file.removesuffix(".txt")] = run("sumstats", file).rstrip("\n").split("\n")
    return found


if __name__ == "__main__":
    main()
