"""What the package makes is what it made: beats, figures and headers, kept beside this file.

`python tests/test_golden.py` writes them anew; that is right only where a change is meant to change
them, and the change log then says so.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import ecgsynth as es
from ecgsynth.formats import write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.simulator.records import simulate_beats, simulate_record

HOME = Path(__file__).parent / "golden"
SIGNALS, FACTS = HOME / "signals.npz", HOME / "facts.json"

MODELS = (
    "mitbih-beats", "mitbih-beats-2lead", "vanilla-mitbih-tuned", "tcwgan-tuned",
    "bilstm-ludb-tuned", "heartbeat-beats", "biosgan-heartbeat-tuned", "inception-ptbxl",
)  # fmt: skip

METRICS = (
    "coverage", "density", "coverage_signal", "frechet", "memorisation", "qrs_w1", "qtcf_ks",
    "r_amplitude_w1", "rr_w1", "psd_distance", "spread", "rmse_nearest", "collapse",
    "context_linkability",
)  # fmt: skip

UV = 1e-3
"""mV: signals are the same where they differ by no more."""


@cache
def generated(name: str) -> Ecg:
    """Two items of each of the first four classes of a shipped model."""
    model = es.Synthesizer.load(name)
    classes = model.spec.classes[:4]
    return model.generate(dict.fromkeys(classes, 2) if classes else 8, seed=2026)


def signals() -> dict[str, NDArray[np.float32]]:
    found = {}
    for name in MODELS:
        ecg = generated(name)
        found[f"{name}/signal"], found[f"{name}/label"] = ecg.signal, np.asarray(ecg.label)
        found[f"{name}/context"] = np.asarray(ecg.context)
    return found


def figures() -> dict[str, dict[str, list[float | None]]]:
    """Metric -> class -> value and interval, of simulated people judged by their other beats."""
    crowd = simulate_beats(720, patients=6, beats={"N": 0.6, "V": 0.4}, seed=1)
    crowd = crowd.with_classes(("N", "V"))
    parts = [crowd[k::3] for k in range(3)]
    report = es.evaluate(
        *parts, metrics=list(METRICS), quick=True, controls=False, advance=lambda *_: None
    )
    found: dict[str, dict[str, list[float | None]]] = {}
    for row in report.rows:
        numbers = [None if x is None else float(x) for x in (row.value, row.low, row.high)]
        found.setdefault(row.metric, {})[row.group] = numbers
    return found


def headers() -> dict[str, Any]:
    """What each format writes around the samples of a record of two leads with annotations."""
    record = simulate_record(10.0, 250.0, leads=("I", "II"), heart_rate=72, seed=5)
    found: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        home = Path(folder)
        write(record, home / "wfdb", "wfdb")
        found["wfdb"] = {
            file.name: file.read_text() for file in sorted((home / "wfdb").rglob("*.hea"))
        }
        found["wfdb files"] = sorted(
            str(f.relative_to(home / "wfdb")) for f in (home / "wfdb").rglob("*") if f.is_file()
        )
        write(record, home / "x.csv")
        with (home / "x.csv").open() as lines:
            found["csv"] = [line.split(",")[:4] for line in lines if line[:1] in "#il"][:12]
        write(record, home / "x.npz")
        with np.load(home / "x.npz") as content:
            found["npz"] = {name: str(content[name].dtype) for name in sorted(content.files)}
        write(record, home / "x.parquet")
        from pyarrow.parquet import read_schema

        schema = read_schema(home / "x.parquet")
        found["parquet"] = [f"{field.name}: {field.type}" for field in schema][:40]
    return found


def facts() -> dict[str, Any]:
    return {"figures": figures(), "headers": headers()}


@pytest.fixture(scope="module")
def kept() -> dict[str, NDArray]:
    with np.load(SIGNALS) as content:
        return {name: content[name] for name in content.files}


@pytest.mark.parametrize("name", MODELS)
def test_shipped_models_make_the_beats_that_they_made(name: str, kept: dict[str, NDArray]) -> None:
    ecg = generated(name)
    assert float(np.abs(ecg.signal - kept[f"{name}/signal"]).max()) <= UV
    np.testing.assert_array_equal(np.asarray(ecg.label), kept[f"{name}/label"])
    np.testing.assert_allclose(np.asarray(ecg.context), kept[f"{name}/context"], atol=1e-5)


def test_a_report_has_the_figures_that_it_had() -> None:
    known = json.loads(FACTS.read_text())["figures"]
    found = figures()
    assert found.keys() == known.keys()
    for name, cells in known.items():
        for group, numbers in cells.items():
            for was, now in zip(numbers, found[name][group], strict=True):
                assert now == (was if was is None else pytest.approx(was, rel=1e-3, abs=1e-3))


def test_files_have_the_headers_that_they_had() -> None:
    assert headers() == json.loads(FACTS.read_text())["headers"]


if __name__ == "__main__":
    HOME.mkdir(exist_ok=True)
    np.savez_compressed(SIGNALS, **signals())
    FACTS.write_text(json.dumps(facts(), indent=1) + "\n")
    sys.stdout.write(f"{SIGNALS}: {SIGNALS.stat().st_size} bytes\n")
