"""The examples run and leave what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ecgsynth as es

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs_and_its_beats_can_be_read(example: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, example, tmp_path], check=True, capture_output=True)
    beats = es.read(next(tmp_path.glob("*.parquet")))
    assert beats.synthetic
    assert list(tmp_path.glob("*.png"))
