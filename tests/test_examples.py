"""The examples run and leave what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ecgsynth as es

RECORDINGS = {
    "tcwgan_beats": "mitbih",
    "vanilla_beats": "mitbih",
    "inception_records": "ptbxl",
    "biosgan_heartbeats": "mitbih",
    "bilstm_ludb": "ludb",
}
"""Which real recordings an example needs; one that is not named here needs none."""

EXAMPLES = [
    pytest.param(
        path,
        id=path.stem,
        marks=[pytest.mark.data(RECORDINGS[path.stem])] if path.stem in RECORDINGS else [],
    )
    for path in sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_runs_and_its_items_can_be_read(example: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, example, tmp_path, "--quick"], check=True, capture_output=True)
    items = es.read(next(tmp_path.glob("*.parquet")))
    assert items.synthetic
    assert list(tmp_path.glob("*.png"))
    if example.stem in RECORDINGS:
        assert (tmp_path / "report.html").is_file()
        assert es.Synthesizer.load(tmp_path / "run").spec == items.spec
