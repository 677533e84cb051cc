"""Speed and memory of `ecgsynth record` over long recordings with noise, files included.

    python -m benchmarks.long_recordings --model simulator [--hours 1 24] [--to JSON]

Each recording is made by a process of its own, as a user would, on one core, and its files are
deleted. The seconds of the processor and the peak of memory are those of that process; those of
one that only imports what it needs, and of a minute's recording, are subtracted from memory.
Models whose day takes long are measured at shorter lengths: `linear` is how the seconds grow.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.delineator_tables import table
from ecgsynth.files import atomic_write

KEPT = Path("benchmarks/results/long-recordings.json")
CASES = {"two leads, 250 Hz": ("2", "250"), "twelve leads, 500 Hz": ("12", "500")}
FORMATS = {"WFDB": "day/", "NPZ": "day.npz"}
RHYTHM = "sinus with pvc 2 %"
MINUTE_H = 1 / 60


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="simulator")
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 24.0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=[*CASES])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=[*FORMATS])
    parser.add_argument("--to", type=Path, default=KEPT)
    asked = parser.parse_args(words)
    kept: dict[str, Any] = json.loads(asked.to.read_text()) if asked.to.is_file() else {}
    for case in asked.cases:
        for format in asked.formats:
            _, loaded = measure(asked.model, case, format, MINUTE_H)
            for hours in asked.hours:
                seconds, peak = measure(asked.model, case, format, hours)
                name = f"{asked.model}, {case}, {format}, {hours:g} h"
                kept[name] = {
                    "model": asked.model, "case": case, "format": format, "hours": hours,
                    "cpu_s": round(seconds, 1), "times_real_time": round(3600 * hours / seconds),
                    "mib_above_loaded": round(peak - loaded), "mib": round(peak),
                }  # fmt: skip
                print(name, kept[name], flush=True)
                with atomic_write(asked.to) as temporary:
                    temporary.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print("\n".join(rendered(kept)))


def measure(model: str, case: str, format: str, hours: float) -> tuple[float, float]:
    """Seconds of the processor, and peak of memory in MiB, of one recording."""
    leads, fs = CASES[case]
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "record", RHYTHM, "--model", model, "--hours", str(hours), "--leads", leads, "--fs", fs,
            "--snr", "12", "--to", f"{folder}/{FORMATS[format]}",
        ]  # fmt: skip
        code = (
            "import resource, sys\nfrom ecgsynth.cli.main import main\n"
            f"sys.argv = ['ecgsynth', *{words!r}]\n"
            "try:\n    main()\nfinally:\n"
            "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        )
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env=environment,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, int(done.stderr.split()[-1]) / 1024


def rendered(kept: dict[str, Any]) -> list[str]:
    """The table of the docs."""
    rows = [
        [one["model"], one["case"], one["format"], f"{one['hours']:g} h", f"{one['cpu_s']:,.0f} s",
         f"{one['times_real_time']:,}", f"{one['mib_above_loaded']:,} MiB"]
        for one in kept.values()
    ]  # fmt: skip
    heads = ["model", "recording", "file", "length", "one core", "x real time", "memory"]
    return table(heads, rows)


if __name__ == "__main__":
    main()
