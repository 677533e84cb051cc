"""Floors and ceilings: measured once for a real set, a shape and sizes, then cached or shipped."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from ecgsynth.datasets.store import data_root
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import MIN_ITEMS, Metric, NotApplicable, Trial
from ecgsynth.evaluation.baselines.controls import (
    BASELINE,
    CEILING,
    CONTROLS,
    COPY,
    CRUDE,
    OTHER_BASELINES,
)
from ecgsynth.evaluation.baselines.real_samples import (
    COST_S,
    FEW_DRAWS,
    Draws,
    draw,
    has_real_samples,
)
from ecgsynth.evaluation.pace import cost, total
from ecgsynth.evaluation.reference_models.instruments import instrument
from ecgsynth.files import atomic_write
from ecgsynth.progress import Steps
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
    "baselines/calibration", "blind_reading/", "inputs", "judge", "report/", "training_set",
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


@dataclass(frozen=True)
class _Known:
    """Figures that are known, and figures that remain to be measured.

    todo: control -> metrics.
    undrawn: metrics without figures of real samples.
    """

    found: Figures
    draws: Draws
    borrowed: list[Calibration]
    todo: dict[str, list[Metric]]
    undrawn: list[Metric]
    own: Calibration
    cached: list[Calibration]
    path: Path | None


def estimate_cost(
    trial: Trial,
    metrics: Sequence[Metric],
    shipped: Iterable[Calibration] = (),
    *,
    exact: bool = False,
    draws: int = FEW_DRAWS,
) -> float:
    """The cost of `figures`, in the unit of `pace.cost`."""
    known = _look_up(trial, metrics, shipped, exact, draws)
    if not known.path:
        return 0.0
    controls = known.todo.items()
    costs = sum(total(row, _quick(name, trial), trial.seeds) for name, row in controls)
    return costs + (draws * COST_S if known.undrawn else 0.0)


def figures(
    trial: Trial,
    metrics: Sequence[Metric],
    steps: Steps,
    shipped: Iterable[Calibration] = (),
    *,
    exact: bool = False,
    draws: int = FEW_DRAWS,
) -> tuple[Figures, Draws, list[Calibration]]:
    """Figures of all controls and of real samples in this trial, and the calibrations reused.

    draws: number of real samples to draw if none are known.

    Figures of these or (unless `exact`) similar sizes are taken from the cache or from `shipped`;
    the rest is measured and cached. The cache is in `cache/` of the data root and contains numbers
    only, no signals. It is not used when the real sets, the seed, the instrument or the code of a
    metric change.
    """
    known = _look_up(trial, metrics, shipped, exact, draws)
    if known.path and (known.todo or known.undrawn):
        for name, row in _measure(trial, known.todo, steps).items():
            known.found.setdefault(name, {}).update(row)
            known.own.figures.setdefault(name, {}).update(row)
        fresh = draw(trial, known.undrawn, draws, steps) if known.undrawn else {}
        known.draws.update(fresh)
        known.own.draws.update(fresh)
        _write(known.path, [known.own, *(c for c in known.cached if c is not known.own)])
    return known.found, known.draws, known.borrowed


def _look_up(
    trial: Trial, metrics: Sequence[Metric], shipped: Iterable[Calibration], exact: bool,
    draws: int,
) -> _Known:  # fmt: skip
    """Look up figures of this size in the cache, else of similar sizes. draws: least number."""
    counts = sizes(trial)
    possible = _possible(trial)
    path = data_root() / "cache" / f"controls-{fingerprint(trial)}.json" if possible else None
    cached = _read(path) if path else []
    own = next((c for c in cached if c.counts == counts and c.serves(trial)), None)
    own = own or Calibration(counts, trial.quick)
    others = [c for c in [*cached, *shipped] if c is not own and c.serves(trial)]
    others.sort(key=lambda one: one.distance(counts))
    real = {name: len(trial.part(trial.test, name)) if trial.test else 0 for name in counts}
    found: Figures = {}
    borrowed: list[Calibration] = []
    todo: dict[str, list[Metric]] = {}
    for name in CONTROLS:
        for metric in (m for m in metrics if is_measured(m, name)):
            cells = own.figures.get(name, {}).get(metric.name)
            for other in [] if exact and possible else others:
                if cells is not None:
                    break
                if possible:
                    cells = other.figures_for(name, metric, counts, real)
                else:  # without recordings, no closer size can be measured
                    cells = other.figures.get(name, {}).get(metric.name)
                if cells is not None and other not in borrowed:
                    borrowed.append(other)
            if cells is None:
                todo.setdefault(name, []).append(metric)
            else:
                found.setdefault(name, {})[metric.name] = cells
    known: Draws = {}
    undrawn = []
    for metric in (m for m in metrics if has_real_samples(m, quick=trial.quick)):
        rows = [own.draws.get(metric.name)]
        for other in [] if exact and possible else others:
            rows.append(
                other.draws_for(metric, counts, real) if possible
                else other.draws.get(metric.name)
            )  # fmt: skip
        longest = max((row for row in rows if row), key=_length, default={})
        if _length(longest) >= draws or (longest and not possible):
            known[metric.name] = longest
        else:
            undrawn.append(metric)
    return _Known(found, known, borrowed, todo, undrawn, own, cached, path)


def _length(draws: Mapping[str, list[float]]) -> int:
    return max(map(len, draws.values()), default=0)


def _measure(trial: Trial, todo: dict[str, list[Metric]], steps: Steps) -> Figures:
    found: Figures = {}
    for name, absent in todo.items():
        try:
            one = CONTROLS[name](trial)
        except NotApplicable:
            steps.skip(total(absent, _quick(name, trial), trial.seeds))
            continue
        one = replace(one, quick=_quick(name, trial))
        for metric in absent:
            steps.begin(f"{metric.name} of {name}", cost(metric, one.quick, one.seeds))
            try:
                cells = metric.measure(one)
            except EcgsynthError:  # a control may lack a part of the set, such as annotations
                cells = {}
            found.setdefault(name, {})[metric.name] = {
                group: round(e.value, 6) for group, e in cells.items() if np.isfinite(e.value)
            }
    return found


def _quick(control: str, trial: Trial) -> bool:
    """Crude sets are evaluated by quick procedures: a weak classifier is enough for them."""
    return trial.quick or control not in (BASELINE, CEILING, *OTHER_BASELINES)


COMPARED = ("c2st", "coverage", "coverage_signal", "frechet_ratio", "memorisation", "tstr")
"""Metrics of the other baselines."""


def is_measured(metric: Metric, control: str) -> bool:
    """Whether a metric is measured on a control.

    Networks are trained only for the set, the baselines and the ceiling. Crude sets are used to
    validate the two-sample test.
    """
    if control in CRUDE:
        return metric.name == "c2st"
    if control in OTHER_BASELINES:
        return metric.name in COMPARED
    if "new_patients" in metric.needs:
        return metric.name == "tstr" and control == BASELINE
    if metric.name.startswith("copy_share"):  # real items have .01 by definition
        return control == COPY
    if metric.question == "privacy":
        return control in (BASELINE, COPY, CEILING)
    return not metric.costly or control in (BASELINE, CEILING)


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


def _possible(trial: Trial) -> bool:
    return (
        trial.train is not None
        and trial.test is not None
        and any(
            len(trial.part(trial.train, name)) >= MIN_ITEMS
            and len(trial.part(trial.synthetic, name)) >= 1
            for name in trial.groups
        )
    )


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


def _read(path: Path) -> list[Calibration]:
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as problem:
        log.warning("the cache %s is damaged (%s) and will be replaced.", path, problem)
        return []


def _write(path: Path, calibrations: Sequence[Calibration]) -> None:
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(to_json(calibrations)))
    except EcgsynthError as problem:  # without a cache, the next evaluation takes longer
        log.warning("the controls could not be cached: %s", problem)
