"""QRS detectors on real recordings, and on synthetic ones that replay the same rhythms.

`python -m benchmarks.detectors` runs 12 detectors that nobody of this project wrote
(`requirements.txt` beside this file) on five minutes of every recording of DS2, minute 5 to 10 of
the lead MLII: as recorded, as `ecgsynth record` draws the same rhythm, and as neurokit2 simulates
the same rates. Electrode motion of the Noise Stress Test Database is added at 24 to 0 dB, the same
piece on all sides. Nothing is trained, and nothing is chosen by what is seen here.

`--model` names other recorders, models of `ecgsynth record`. It continues where it was stopped,
and `--anew` measures a recorder again. Everything is kept in `benchmarks/results/detectors.json`;
some five minutes of one core a recorder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.detectors.agreement import RATIOS, summarise
from benchmarks.detectors.foreign import DETECTORS, detect
from benchmarks.detectors.recorders import (
    NEUROKIT,
    REAL,
    RECORDS,
    START_S,
    STOP_S,
    part_of,
)
from ecgsynth.datasets.noise_stress import read_noise
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.noise import add_recording_noise
from ecgsynth.noise.sources import Recorded
from ecgsynth.progress import recordings
from ecgsynth.scoring import score
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import Ecg

KEPT = Path(__file__).resolve().parents[1] / "results" / "detectors.json"

NOISE = "em"
"""Electrode motion, the hardest noise of the database, and the one of its noisy records."""

LEARNING_S = 10.0
"""Of each part, which is not scored: detectors set their thresholds."""

PACKAGES = ("wfdb", "neurokit2", "sleepecg", "py-ecg-detectors")
USUAL = ("simulator", NEUROKIT)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", action="append", help=f"recorders; {' and '.join(USUAL)}")
    parser.add_argument("--anew", action="append", default=[], help="recorders to measure again")
    parser.add_argument("--figures", action="store_true", help="only figures of what is kept")
    parser.add_argument("--to", type=Path, default=KEPT)
    asked = parser.parse_args(words)
    content = kept(asked.to)
    for recorder in asked.anew:
        content["counts"].pop(recorder, None)
    for recorder in () if asked.figures else (REAL, *(asked.model or USUAL)):
        measure(recorder, content, asked.to)
    save(content | {"figures": summarise(content["counts"], REAL)}, asked.to)
    print(json.dumps(json.loads(asked.to.read_text("utf-8"))["figures"]["compared"], indent=1))


def kept(path: Path) -> dict[str, Any]:
    """What an earlier run has measured, under the same conditions; else nothing."""
    content = {
        "part_s": [START_S, STOP_S], "learning_s": LEARNING_S, "noise": NOISE, "snr_db": RATIOS,
        "detectors": [*DETECTORS], "packages": {name: version(name) for name in PACKAGES},
    }  # fmt: skip
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    same = all(found.get(key) == json.loads(json.dumps(value)) for key, value in content.items())
    return content | {"counts": found["counts"] if same else {}}


def measure(recorder: str, content: dict[str, Any], target: Path) -> None:
    """Count the beats of every record that is not kept yet; each is kept at once."""
    rows = content["counts"].setdefault(recorder, {})
    missing = [record for record in RECORDS if record not in rows]
    noise = read_noise(NOISE) if missing else None
    for record in recordings(missing, len(missing)):
        assert noise is not None
        try:
            part = part_of(recorder, record)
        except EcgsynthError as problem:  # a rhythm that a model does not make
            print(f"{record} is left out: {problem}", flush=True)
            continue
        rows[record] = counts_of_record(part, int(record), noise)
        save(content, target)


def counts_of_record(ecg: Ecg, seed: int, noise: Recorded) -> list[list[list[int]]]:
    """[SNR][detector] beats that were detected, missed, and falsely added; noise by the seed."""
    assert ecg.marks is not None
    truth = {"part": Annotations(ecg.marks.sample, ecg.marks.symbol)}
    fs, found = ecg.spec.fs, []
    for ratio in RATIOS:
        noisy = ecg
        if ratio is not None:
            noisy = add_recording_noise(ecg, (NOISE,), ratio, seed, {NOISE: noise}).noisy
        row = []
        for name in DETECTORS:
            beats = {"part": detect(name, noisy.signal[0, 0], fs)}
            result = score(
                beats, truth, fs=fs, start_s=LEARNING_S, stop_s=ecg.spec.seconds - 1 / fs
            )
            counts = result.records[0].counts("QRS")
            row.append([counts["TP"], counts["FN"], counts["FP"]])
        found.append(row)
    return found


def save(content: dict[str, Any], target: Path) -> None:
    """Write beside and rename; one line of counts a record."""
    text = json.dumps({key: value for key, value in content.items() if key != "counts"}, indent=1)
    recorders = []
    for name, rows in content["counts"].items():
        lines = ",\n".join(
            f"   {json.dumps(record)}: {json.dumps(counts, separators=(',', ':'))}"
            for record, counts in rows.items()
        )
        recorders.append(f"  {json.dumps(name)}: {{\n{lines}\n  }}")
    counts = ",\n".join(recorders)
    with atomic_write(target) as temporary:
        temporary.write_text(f'{text[:-2]},\n "counts": {{\n{counts}\n }}\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
