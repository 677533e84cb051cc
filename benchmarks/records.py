"""The judge's figures of a model of 12-lead records, and whether its beats are where it was asked.

    python -m benchmarks.records ptbxl-12lead [--split validation] [--to benchmarks/results/...json]

As many records as the training set has are generated with the labels, ages and rhythms of the
model's prior, brought to 100 Hz and the five superclasses, and judged against the split (fold 9 is
`validation`, fold 10 `test`, looked at once). Two detectors of WFDB that nobody here wrote then
look for the R waves that were asked for, and for those of real records as the delineator finds
them. The JSON keeps all rows of the report.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ecgsynth as es
from ecgsynth.datasets.ptbxl.statements import SUPERCLASSES
from ecgsynth.files import atomic_write
from ecgsynth.rhythm.parameters import measure_rhythms
from ecgsynth.signals.ecg import Ecg, concatenate
from ecgsynth.signals.events import R, events_of
from ecgsynth.signals.rates import at_rate
from ecgsynth.training.data.events import known_events

FS, BAND = 100.0, (0.5, 40.0)
LEADS = ("II", "V2", "V5")
"""Leads in which a detector looks; the best of them counts, as a reader would take it."""
NEAR_S = 0.075
LOOKED_AT = 150
"""Records in which the detectors look."""


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--split", default="validation", choices=("validation", "test"))
    parser.add_argument("--count", type=int, default=0, help="records; as many as trained")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--metrics", nargs="*", help="names; all by default")
    parser.add_argument("--to", type=Path)
    asked = parser.parse_args(words)
    model = es.Synthesizer.load(asked.model)
    given: dict[str, Any] = {"classes": tuple(SUPERCLASSES), "fs": FS, "band": BAND}
    train, real = (es.load(f"ptbxl:{split}", **given) for split in ("train", asked.split))
    began = time.process_time()
    parts = [
        Ecg(at_rate(part, FS).signal, real.spec, part.label, part.context,
            marks=_at(part, FS), source=part.source)
        for part in (
            chunk.with_classes([*SUPERCLASSES])
            for chunk in model.stream(asked.count or len(train), seed=asked.seed)
        )
    ]  # fmt: skip
    cost = time.process_time() - began
    synthetic = concatenate(parts)
    found: dict[str, Any] = {
        "model": model.card.name, "id": model.card.id, "split": asked.split,
        "examples_seen": model.card.examples_seen, "core_seconds": model.card.core_seconds,
        "records": len(synthetic), "records_per_core_second": round(len(synthetic) / cost, 1),
        "steps": model.card.run["model"].get("steps"),
    }  # fmt: skip
    found |= beats(synthetic, real)
    print(json.dumps(found, indent=1))
    report = es.evaluate(synthetic, real, train, metrics=asked.metrics, quick=True)
    print(report)
    found["report"] = report.to_json()
    if asked.to:
        with atomic_write(asked.to) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n")


def _at(ecg: Ecg, fs: float) -> es.Marks:
    marks = ecg.marks
    assert marks is not None
    sample = np.minimum(np.round(marks.sample * fs / ecg.spec.fs), ecg.spec.seconds * fs - 1)
    return es.Marks(marks.item, marks.lead, sample.astype(np.int64), marks.symbol)


def beats(synthetic: Ecg, real: Ecg) -> dict[str, Any]:
    """How many R that were asked for, or that the delineator finds, the detectors find too."""
    events = events_of(synthetic)
    rate = measure_rhythms(events)[:, 0]
    own = measure_rhythms(known_events(synthetic_without_marks(synthetic)))[:, 0]
    error = float(np.nanmedian(np.abs(rate[: len(own)] - own)))
    truth = known_events(real)
    rows: dict[str, Any] = {"heart_rate_error": round(error, 3), "detectors": {}}
    for name, detect in DETECTORS.items():
        rows["detectors"][name] = {
            "synthetic": agreement(synthetic, events, detect),
            "real": agreement(real, truth, detect),
        }
    return rows


def synthetic_without_marks(ecg: Ecg) -> Ecg:
    return Ecg(ecg.signal[:LOOKED_AT], ecg.spec, source=ecg.source, label=ecg.label[:LOOKED_AT])


def agreement(
    ecg: Ecg, events: NDArray, detect: Callable[[NDArray, float], NDArray]
) -> dict[str, float]:
    """Shares of R that were found within NEAR_S, of detections where none was, median offset."""
    met = asked = odd = detected = 0
    offsets: list[float] = []
    leads = [ecg.spec.leads.index(lead) for lead in LEADS]
    for k in np.linspace(0, len(ecg) - 1, min(LOOKED_AT, len(ecg))).astype(int):
        truth = events[k, np.isfinite(events[k, :, R]), R]
        truth = truth[(truth > 0.5) & (truth < ecg.spec.seconds - 0.5)]
        best = None
        for lead in leads:
            at = detect(np.asarray(ecg.signal[k, lead], np.float64), ecg.spec.fs) / ecg.spec.fs
            gap = np.abs(truth[:, None] - at[None]).min(1) if len(at) else np.full(len(truth), 9.0)
            inner = at[(at > 0.5) & (at < ecg.spec.seconds - 0.5)]
            away = (
                np.abs(inner[:, None] - truth[None]).min(1)
                if len(truth)
                else np.full(len(inner), 9.0)
            )
            score = ((gap <= NEAR_S).sum() - (away > NEAR_S).sum(), gap, away)
            best = score if best is None or score[0] > best[0] else best
        assert best is not None
        _, gap, away = best
        met, asked = met + int((gap <= NEAR_S).sum()), asked + len(gap)
        odd, detected = odd + int((away > NEAR_S).sum()), detected + len(away)
        offsets += gap[gap <= NEAR_S].tolist()
    return {
        "found": round(met / max(asked, 1), 4), "not_asked": round(odd / max(detected, 1), 4),
        "median_offset_ms": round(1000 * float(np.median(offsets)), 1) if offsets else np.nan,
    }  # fmt: skip


def gqrs(signal: NDArray, fs: float) -> NDArray:
    from wfdb.processing import gqrs_detect

    return np.asarray(gqrs_detect(sig=signal, fs=fs), float)


def xqrs(signal: NDArray, fs: float) -> NDArray:
    from wfdb.processing import xqrs_detect

    with contextlib.redirect_stdout(io.StringIO()):
        return np.asarray(xqrs_detect(sig=signal, fs=fs, verbose=False), float)


DETECTORS = {"wfdb gqrs": gqrs, "wfdb xqrs": xqrs}


if __name__ == "__main__":
    main()
