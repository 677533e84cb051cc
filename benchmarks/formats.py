"""Long recordings in the formats of one record a file: time and memory of writing and reading.

`python -m benchmarks.formats --to benchmarks/results/formats.json` makes 24 h of two leads at
250 Hz with 100,000 annotations, writes and reads them in each format in a process of its own, and
keeps seconds (of the clock, and of the processor), MB of the file, and MB of memory beyond those
of the recording itself (the largest resident set less that before). `open` reads the
annotations and a minute of the samples alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ecgsynth import formats
from ecgsynth.files import atomic_write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec

HOURS, FS, ANNOTATIONS = 24, 250, 100_000
ENDINGS = ("edf", "bdf", "ishne")


def day() -> Ecg:
    """24 h of two leads, of noise, with beats."""
    samples = HOURS * 3600 * FS
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((1, 2, samples), np.float32)
    at = np.sort(rng.choice(samples, ANNOTATIONS, replace=False))
    item, lead = np.zeros(ANNOTATIONS, np.int64), np.full(ANNOTATIONS, -1, np.int16)
    symbol = rng.choice(["N", "N", "N", "V", "S"], ANNOTATIONS)
    return Ecg(
        signal, Spec(("MLII", "V1"), FS, samples), marks=Marks(item, lead, at, symbol),
        source="synthetic:benchmark",
    )  # fmt: skip


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(action: str, path: Path) -> dict[str, float]:
    """Seconds of one action, and MB of memory beyond what was there before it."""
    ecg = day() if action == "write" else None
    before, start, busy = peak_mb(), time.perf_counter(), time.process_time()
    if ecg is not None:
        formats.write(ecg, path)
    elif action == "read":
        back = formats.read(path)
        assert back.marks is not None and len(back.marks) == ANNOTATIONS
    else:
        recording = formats.open_record(path)
        recording.read(0, 60 * FS)
        assert len(recording.annotations) == ANNOTATIONS
    return {
        "seconds": round(time.perf_counter() - start, 2),
        "cpu_seconds": round(time.process_time() - busy, 2),
        "memory_mb": round(peak_mb() - before),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", default="benchmarks/results/formats.json")
    parser.add_argument("--action", nargs=2, metavar=("ACTION", "FILE"))
    arguments = parser.parse_args()
    if arguments.action:
        action, name = arguments.action
        print(json.dumps(measure(action, Path(name))))
        return
    results: dict[str, object] = {"hours": HOURS, "fs": FS, "leads": 2, "annotations": ANNOTATIONS}
    with tempfile.TemporaryDirectory() as folder:
        for ending in ENDINGS:
            path, figures = Path(folder) / f"day.{ending}", {}
            for action in ("write", "read", "open"):
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.formats",
                    "--action",
                    action,
                    str(path),
                ]
                figures[action] = json.loads(subprocess.check_output(command).splitlines()[-1])
                print(ending, action, figures[action], flush=True)
            results[ending] = figures | {"file_mb": round(path.stat().st_size / 2**20)}
            path.unlink()
            with atomic_write(arguments.to) as place:
                place.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
