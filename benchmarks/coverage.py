"""Lines of each package that its own tests run, and the floor that they must not fall below.

`python -m benchmarks.coverage [PACKAGE ...]` runs the tests of each package (tests/PACKAGE) under
coverage.py and ends with 1 where a package has fewer lines covered than its floor. `--keep` sets
the floors to what is measured, package by package; `--new` takes only packages without a floor, so
that a command that was stopped continues. Floors are measured with all recordings. The suite itself
is not slowed: `make coverage` runs apart from it, and a test of the suite asks that every package
has a floor.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOORS = ROOT / "benchmarks" / "results" / "coverage.json"
SLACK = 0.01
"""A floor is that much below what was measured: some lines run on some machines only."""


TESTS_ELSEWHERE = {
    "jobs": ["service/test_service_store.py", "service/test_service_jobs.py", "tuning"],
    "sampling": ["models/test_flow.py", "models/test_renderer.py"],
}
"""The tests of packages that have no folder of tests of their own."""


def packages() -> list[str]:
    """Packages with code; recipes and shipped weights have none."""
    folders = (ROOT / "src" / "ecgsynth").iterdir()
    return sorted(folder.name for folder in folders if len([*folder.glob("*.py")]) > 1)


def tests_of(package: str) -> list[str]:
    """The tests of a package: a folder of the same name, or what `TESTS_ELSEWHERE` names."""
    return [f"tests/{name}" for name in TESTS_ELSEWHERE.get(package, [package])]


def measure(package: str) -> float:
    """The share of a package's lines that its own tests run.

    Raises
    ------
    SystemExit: a test fails, so that nothing was measured.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = os.environ | {"COVERAGE_FILE": f"{folder}/data"}
        command = [sys.executable, "-m", "coverage"]
        source = ROOT / "src" / "ecgsynth" / package
        tests = ["-m", "pytest", "-q", f"--basetemp={folder}/tests", *tests_of(package)]
        run = subprocess.run(
            [*command, "run", f"--source={source}", *tests], cwd=ROOT, env=place, check=False
        )
        if run.returncode:
            raise SystemExit(f"the tests of {package} fail; mend them first.")
        report = Path(folder) / "report.json"
        subprocess.run([*command, "json", "-q", "-o", str(report)], cwd=ROOT, env=place, check=True)
        return float(json.loads(report.read_text())["totals"]["percent_covered"]) / 100


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("package", nargs="*", choices=[[], *packages()])
    parser.add_argument("--keep", action="store_true", help="set the floors to what is measured")
    parser.add_argument("--new", action="store_true", help="only packages without a floor")
    asked = parser.parse_args()
    floors: dict[str, float] = json.loads(FLOORS.read_text()) if FLOORS.exists() else {}
    low = []
    for package in asked.package or packages():
        if asked.new and package in floors:
            continue
        share, floor = measure(package), floors.get(package, 0.0)
        print(f"{package}: {share:.1%} of the lines, floor {floor:.0%}", flush=True)
        if asked.keep:
            floors[package] = math.floor(100 * (share - SLACK)) / 100
            FLOORS.write_text(json.dumps(floors, indent=1, sort_keys=True) + "\n")
        elif share < floor:
            low.append(package)
    if low:
        print(f"below the floor: {', '.join(low)}; add tests, or say why and set it with --keep.")
    return bool(low)


if __name__ == "__main__":
    sys.exit(main())
