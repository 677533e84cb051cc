"""What the README's `evaluate` costs where other programs keep every core busy.

    python -m benchmarks.busy [--to benchmarks/results/busy.json]

The same command runs twice, alone and beside one busy loop on each core, each time with an empty
cache and as many threads as it takes by itself. CPU time counts, of the command and its children:
wall time depends on what else the machine does. The law: it ends, at no more than 3 times the CPU
time of the quiet run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecgsynth.datasets.store import data_root
from ecgsynth.files import atomic_write
from ecgsynth.threads import COUNT, OURS, available_cores

MOST = 3.0
"""Times the CPU time of a quiet run."""

GENERATE = ("generate", "mitbih-beats", "--label", "V", "--count", "500", "--seed", "7", "--to")
EVALUATE = ("--against", "mitbih:heldout", "--train", "mitbih:train", "--quick", "--to")


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", type=Path, default=Path("benchmarks/results/busy.json"))
    parser.add_argument("--limit", type=float, default=1800, help="seconds until a run is stopped")
    asked = parser.parse_args(words)
    found = {"quiet": run(asked.limit)}
    with busy(available_cores()):
        found["busy"] = run(asked.limit)
    ratio = found["busy"]["cpu_s"] / found["quiet"]["cpu_s"]
    print(
        f"{available_cores()} cores; README's evaluate --quick, alone and next to as many busy "
        "loops\n"
    )
    print("| run | CPU time, s | wall time, s | load before |")
    print("|---|---|---|---|")
    for name, row in found.items():
        print(f"| {name} | {row['cpu_s']:.1f} | {row['wall_s']:.1f} | {row['load']:.1f} |")
    print(f"\nCPU time busy over quiet: {ratio:.2f} (at most {MOST:g})")
    facts = {"cores": available_cores(), "ratio": round(ratio, 3), "most": MOST, **found}
    with atomic_write(asked.to) as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n")
    if ratio > MOST:
        sys.exit(1)


def run(limit: float) -> dict[str, float]:
    """Seconds of the command with an empty cache, and how busy the machine was before."""
    environment = {name: value for name, value in os.environ.items() if name not in (COUNT, OURS)}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for one in data_root().iterdir():
            if one.name != "cache":
                (root / one.name).symlink_to(one.resolve())
        environment["ECGSYNTH_DATA"] = folder
        beats = str(root / "pvc.npz")
        subprocess.run(command(*GENERATE, beats), env=environment, check=True, capture_output=True)
        load, start = os.getloadavg()[0], time.monotonic()
        words = command("evaluate", beats, *EVALUATE, str(root / "report.html"))
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
        while True:
            ended, code, spent = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            if time.monotonic() - start > limit:
                process.kill()
            time.sleep(0.2)
        process.returncode = os.waitstatus_to_exitcode(code)
        if process.returncode:
            sys.exit(f"the command ended with {process.returncode} (-9: not within {limit:g} s).")
    cpu = spent.ru_utime + spent.ru_stime
    return {
        "cpu_s": round(cpu, 1), "wall_s": round(time.monotonic() - start, 1), "load": round(load, 1)
    }  # fmt: skip


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "ecgsynth", *words]


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing but keep a core busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


if __name__ == "__main__":
    main()
