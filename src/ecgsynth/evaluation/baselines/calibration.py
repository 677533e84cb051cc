"""Floors and ceilings: measured once for a real set, a shape and sizes, then cached or shipped."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Metric, Trial
from ecgsynth.evaluation.baselines.real_samples import (
    Draws,
)
from ecgsynth.evaluation.reference_models.instruments import instrument
from ecgsynth.files import atomic_write
from ecgsynth.signals.ecg import Ecg

log = logging.getLogger("ecgsynth")

C = TypeVar("C")

Cells = dict[str, float]
"""Class, or "all" -> value."""

Figures = dict[str, dict[str, Cells]]
"""Control -> metric -> cells."""

NEAR = 2.5
"""Floors and ceilings are reused for sets with up to this many times more or fewer items."""

NOT_MEASURING = (
    "baselines/calibration", "baselines/control_figures", "blind_reading/", "inputs", "judge",
    "report/", "report_rows", "training_set",
)  # fmt: skip
"""Files that do not affect a figure: they select, store and show figures."""

SAMPLE_BYTES = 64_000_000
"""Most bytes of a set's signals that are read for its digest."""


@dataclass(frozen=True)
class Calibration:
    """The figures of the controls.

    counts: items of each class of the set.
    quick: whether measured by quick procedures.
    draws: figures of real samples of these sizes, as `real_samples.draw` returns them.
    """

    counts: dict[str, int]
    quick: bool
    figures: Figures = field(default_factory=dict)
    draws: Draws = field(default_factory=dict)

    def serves(self, trial: Trial) -> bool:
        """Whether these baselines belong to a trial."""
        return self.quick == trial.quick

    def distance(self, counts: dict[str, int]) -> float:
        """Distance of the sizes: the largest log ratio of a class."""
        return max((_ratio(self.counts.get(n, 0), c) for n, c in counts.items()), default=0.0)

    def figures_for(
        self, control: str, metric: Metric, counts: dict[str, int], real: dict[str, int]
    ) -> Cells | None:
        """The cells of a control's metric if the sizes are similar; else None.

        counts: items of each class of the synthetic set.
        real: of the test set; most metrics do not depend on synthetic items beyond this number
        (`Metric.by_size` marks those that do).
        """
        return self._near(self.figures.get(control, {}).get(metric.name), metric, counts, real)

    def draws_for(
        self, metric: Metric, counts: dict[str, int], real: dict[str, int]
    ) -> dict[str, list[float]] | None:
        """The figures of real samples in a metric, likewise."""
        return self._near(self.draws.get(metric.name), metric, counts, real)

    def _near(
        self, cells: dict[str, C] | None, metric: Metric, counts: dict[str, int],
        real: dict[str, int],
    ) -> dict[str, C] | None:  # fmt: skip
        if cells is None:
            return None
        near = set()
        for name, count in counts.items():
            sizes = [self.counts.get(name, 0), count]
            if not metric.by_size:
                sizes = [min(size, real.get(name, 0)) for size in sizes]
            if _ratio(*sizes) <= math.log(NEAR):
                near.add(name)
        wanted = {n for n, c in counts.items() if c}
        if any(group not in self.counts for group in cells):  # a figure of all classes together
            return cells if near == set(counts) and set(self.counts) <= near else None
        return {n: v for n, v in cells.items() if n in wanted} if wanted <= near else None


def sizes(trial: Trial) -> dict[str, int]:
    """Number of items of each class of the synthetic set."""
    return {name: len(trial.part(trial.synthetic, name)) for name in trial.groups}


def fingerprint(trial: Trial) -> str:
    """Hash of everything but sizes that the figures of controls depend on, 16 hex digits."""
    known = instrument(trial.synthetic.spec)
    content = {
        "code": _code(),
        "instrument": known.hash if known else None,
        "spec": trial.synthetic.spec.to_json(),
        "seed": trial.seed,
        "real": [digest(part) for part in (trial.test, trial.train, trial.new_patients)],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def digest(ecg: Ecg | None) -> str | None:
    """Hash of a set: its size, labels, people and (a share of) its signals."""
    if ecg is None:
        return None
    every = 1 + ecg.signal.nbytes // SAMPLE_BYTES
    found = hashlib.sha256(repr((ecg.signal.shape, ecg.spec)).encode())
    for column in (ecg.signal[::every], ecg.label, ecg.patient, ecg.record, ecg.onset_s):
        if column is not None:
            found.update(np.ascontiguousarray(column).tobytes())
    return found.hexdigest()


def _ratio(one: int, other: int) -> float:
    return abs(math.log((one or 0.1) / (other or 0.1)))


def _code() -> str:
    """Hash of the files that affect figures."""
    home = Path(__file__).parents[1]
    names = (file.relative_to(home).as_posix() for file in home.rglob("*.py"))
    text = b"".join(
        (home / n).read_bytes() for n in sorted(names) if not n.startswith(NOT_MEASURING)
    )
    return hashlib.sha256(text).hexdigest()[:16]


def from_json(content: list[dict]) -> list[Calibration]:
    """Calibrations from the output of `to_json`; raises KeyError, TypeError or ValueError."""
    return [
        Calibration(
            {str(name): int(count) for name, count in one["counts"].items()},
            bool(one["quick"]),
            {
                str(control): {
                    str(metric): {str(group): float(value) for group, value in cells.items()}
                    for metric, cells in row.items()
                }
                for control, row in one["figures"].items()
            },
            {
                str(metric): {
                    str(group): [float(v) for v in values] for group, values in row.items()
                }
                for metric, row in one.get("draws", {}).items()
            },
        )
        for one in content
    ]


def to_json(calibrations: Sequence[Calibration]) -> list[dict]:
    """The calibrations as JSON."""
    return [asdict(one) for one in calibrations]


def read_cache(path: Path) -> list[Calibration]:
    """The calibrations of a file; none where it is absent or damaged."""
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as problem:
        log.warning("the cache %s is damaged (%s) and will be replaced.", path, problem)
        return []


def write_cache(path: Path, calibrations: Sequence[Calibration]) -> None:
    """Keep calibrations in a file; a warning where it cannot be written."""
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(to_json(calibrations)))
    except EcgsynthError as problem:  # without a cache, the next evaluation takes longer
        log.warning("the controls could not be cached: %s", problem)
