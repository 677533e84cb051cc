"""Floors and ceilings, measured once for each reference, shape, counts and instrument."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ecgsynth.datasets.store import data_root
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import MIN_ITEMS, Metric, Trial
from ecgsynth.evaluation.classifiers import instrument
from ecgsynth.evaluation.controls import BASELINE, CEILING, CONTROLS
from ecgsynth.files import written_beside
from ecgsynth.signals.ecg import Ecg

log = logging.getLogger("ecgsynth")

Figures = dict[str, dict[str, dict[str, float]]]
"""Control -> metric -> class or "all" -> value."""

SAMPLE_BYTES = 64_000_000
"""Of a set's signals, at most so much is read to tell it from another."""


def figures(
    trial: Trial, metrics: Sequence[Metric], advance: Callable[[str, float], None]
) -> Figures:
    """What every control reaches in this trial, from the cache where it was measured before.

    The cache lies in `cache/` of the data root: numbers alone, no signals. It is made anew when
    the real sets, the counts, the seed, the instrument or the code of a metric change.
    """
    if trial.train is None or trial.test is None or not _possible(trial):
        return {}
    path = data_root() / "cache" / f"controls-{fingerprint(trial)}.json"
    known = _read(path)
    before = json.dumps(known, sort_keys=True)
    todo = {
        name: [m for m in metrics if worth(m, name) and m.name not in known.get(name, {})]
        for name in CONTROLS
    }
    total, done = sum(map(len, todo.values())), 0
    for name, missing in todo.items():
        one = CONTROLS[name](trial) if missing else trial
        if name not in (BASELINE, CEILING):  # crude sets need no strong classifier to be found out
            one = replace(one, quick=True)
        for metric in missing:
            cells = metric.measure(one)
            known.setdefault(name, {})[metric.name] = {
                group: round(e.value, 6) for group, e in cells.items() if np.isfinite(e.value)
            }
            done += 1
            advance(f"{metric.name} of {name}", done / total)
    if json.dumps(known, sort_keys=True) != before:
        try:
            with written_beside(path) as beside:
                beside.write_text(json.dumps(known))
        except EcgsynthError as problem:  # a cache that cannot be written costs time alone
            log.warning("the controls could not be cached: %s", problem)
    return {
        name: {m.name: known[name][m.name] for m in metrics if m.name in known.get(name, {})}
        for name in CONTROLS
    }


def worth(metric: Metric, control: str) -> bool:
    """Classifier trainings are spent on the synthetic set and the Gaussian baseline alone."""
    return not metric.costly or (control == BASELINE and metric.name == "tstr")


def fingerprint(trial: Trial) -> str:
    """What the figures of the controls depend on, as 16 hexadecimal digits."""
    kind = instrument()
    content = {
        "code": _code(),
        "instrument": kind[3]["hash"] if kind else None,
        "spec": trial.synthetic.spec.to_json(),
        "counts": {name: len(trial.part(trial.synthetic, name)) for name in trial.groups},
        "seed": trial.seed,
        "quick": trial.quick,
        "real": [digest(part) for part in (trial.test, trial.train, trial.new_patients)],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def digest(ecg: Ecg | None) -> str | None:
    """A set's identity: its size, its labels, its people and (a share of) its signals."""
    if ecg is None:
        return None
    every = 1 + ecg.signal.nbytes // SAMPLE_BYTES
    found = hashlib.sha256(repr((ecg.signal.shape, ecg.spec)).encode())
    for column in (ecg.signal[::every], ecg.label, ecg.patient, ecg.record, ecg.onset_s):
        if column is not None:
            found.update(np.ascontiguousarray(column).tobytes())
    return found.hexdigest()


def _possible(trial: Trial) -> bool:
    assert trial.train is not None
    return any(
        len(trial.part(trial.train, name)) >= MIN_ITEMS
        and len(trial.part(trial.synthetic, name)) >= 1
        for name in trial.groups
    )


def _code() -> str:
    """The files that measure: a figure of other code is another figure."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    others = ("page", "report", "judge", "sets", "calibration")
    text = b"".join(f.read_bytes() for f in files if not f.stem.startswith(others))
    return hashlib.sha256(text).hexdigest()[:16]


def _read(path: Path) -> Figures:
    try:
        known: Any = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(control): {
                str(metric): {str(group): float(value) for group, value in cells.items()}
                for metric, cells in row.items()
            }
            for control, row in known.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as problem:
        log.warning("the cache %s is damaged (%s) and is made anew.", path, problem)
        return {}
