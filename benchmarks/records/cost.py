"""What a record costs: passes through the network, CPU time, time to the first, size."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

import ecgsynth as es
from benchmarks.records import deepfake
from ecgsynth.simulator.records import simulate_record
from ecgsynth.synthesizer.find import find_model

RECORDS = 64
"""Records over which CPU time is averaged, whole blocks of the networks."""


def measure(system: str) -> dict[str, dict[str, dict[str, Any]]]:
    """The figures of a system, at its own rate, signals in steps of 5 uV; CPU time of one thread.

    passes: evaluations of the network for a record. seconds_per_record, records_per_second: CPU
    time with quantisation. first_ms: CPU time of the first record after loading. loading_ms: that
    of reading the weights. mb: size of the file.
    """
    if system in ("real", "gaussian"):
        return {}
    if system == "deepfake-ecg":
        seconds = deepfake.seconds_per_record(RECORDS, 1)
        return _cells({"passes": 1, "seconds_per_record": seconds})
    if system == "simulator":
        began = time.process_time()
        for k in range(RECORDS):
            simulate_record(10.0, 500.0, patient=k).quantised()
        return _cells({"seconds_per_record": (time.process_time() - began) / RECORDS})
    began = time.process_time()
    model = es.Synthesizer.load(system)
    loaded = time.process_time()
    model.generate(1, seed=1).quantised()
    first = time.process_time()
    passes = _passes(model)
    again = time.process_time()
    model.generate(RECORDS, seed=2).quantised()
    seconds = (time.process_time() - again) / RECORDS
    path = Path(find_model(system))
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    return _cells({
        "passes": passes, "seconds_per_record": seconds, "first_ms": 1000 * (first - loaded),
        "loading_ms": 1000 * (loaded - began),
        "mb": sum(one.stat().st_size for one in files) / 1e6,
    })  # fmt: skip


def _passes(model: es.Synthesizer) -> int:
    """Evaluations of the network for one block."""
    count = 0

    def counted(*_: Any) -> None:
        nonlocal count
        count += 1

    handle = model.generator.register_forward_hook(counted)
    model.generate(1, seed=3)
    handle.remove()
    return count


def _cells(values: dict[str, float]) -> dict[str, dict[str, dict[str, Any]]]:
    if "seconds_per_record" in values:
        values["records_per_second"] = 1 / values["seconds_per_record"]
    empty = {"low": None, "high": None, "note": "", "over": ""}
    return {
        name: {"all": {"value": float(f"{value:.4g}")} | empty}
        for name, value in values.items() if np.isfinite(value)
    }  # fmt: skip
