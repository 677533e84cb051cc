"""Every benchmark can be imported from the root of the checkout, and says what it does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"

IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    assert importlib.import_module(name).__doc__, f"{name} does not say what it does"
"""


def modules() -> list[str]:
    paths = [one.relative_to(ROOT).with_suffix("") for one in sorted(FOLDER.rglob("*.py"))]
    return [".".join(one.parts) for one in paths if one.stem not in ("__init__", "__main__")]


def test_every_benchmark_is_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *modules()], check=False, cwd=ROOT, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
