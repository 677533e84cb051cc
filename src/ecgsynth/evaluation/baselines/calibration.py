"""Floors and ceilings: measured once for a reference, a shape and sizes, then kept or shipped."""

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
from ecgsynth.evaluation.baselines.controls import BASELINE, BESIDE, CEILING, CONTROLS, COPY, CRUDE
from ecgsynth.evaluation.baselines.real_samples import COST_S, FEW_DRAWS, Draws, draw, drawn
from ecgsynth.evaluation.pace import cost, total
from ecgsynth.evaluation.reference_models.instruments import instrument
from ecgsynth.files import atomic_write
from ecgsynth.progress import Steps
from ecgsynth.signals.ecg import Ecg

log = logging.getLogger("ecgsynth")

C = TypeVar("C")

Cells = dict[str, float]
"""Class or "all" -> value."""

Figures = dict[str, dict[str, Cells]]
"""Control -> metric -> cells."""

NEAR = 2.5
"""Floors and ceilings serve for sets of up to so many times more or fewer items of a class."""

SHOWING = (
    "baselines/calibration", "blind_reading/", "inputs", "judge", "report/", "training_set",
)  # fmt: skip
"""What changes no figure: files that choose, keep and show them."""

SAMPLE_BYTES = 64_000_000
"""Of a set's signals, at most so much is read to tell it from another."""


@dataclass(frozen=True)
class Calibration:
    """What the controls reach.

    counts: items of each class of the set that they stood in for. quick: by which procedures.
    draws: what real samples of these sizes reach, as `real_draws.draw` gives it.
    """

    counts: dict[str, int]
    quick: bool
    figures: Figures = field(default_factory=dict)
    draws: Draws = field(default_factory=dict)

    def serves(self, trial: Trial) -> bool:
        return self.quick == trial.quick

    def distance(self, counts: dict[str, int]) -> float:
        """How far the sizes lie from these, as the largest log ratio of a class."""
        return max((_ratio(self.counts.get(n, 0), c) for n, c in counts.items()), default=0.0)

    def borrow(
        self, control: str, metric: Metric, counts: dict[str, int], real: dict[str, int]
    ) -> Cells | None:
        """The cells of a control's metric where the sizes are near; None where they are not.

        counts: items of each class of the set under judgement. real: of the test set, beyond which
        a larger synthetic set changes most metrics no more (`Metric.by_size` says which it does).
        """
        return self._near(self.figures.get(control, {}).get(metric.name), metric, counts, real)

    def borrow_draws(
        self, metric: Metric, counts: dict[str, int], real: dict[str, int]
    ) -> dict[str, list[float]] | None:
        """What real samples reach in a metric, likewise."""
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
    """What was measured before, and what is to be measured.

    todo: control -> metrics. undrawn: metrics of which no real samples are known.
    """

    found: Figures
    draws: Draws
    borrowed: list[Calibration]
    todo: dict[str, list[Metric]]
    undrawn: list[Metric]
    mine: Calibration
    cached: list[Calibration]
    path: Path | None


def cost_ahead(
    trial: Trial,
    metrics: Sequence[Metric],
    shipped: Iterable[Calibration] = (),
    *,
    exact: bool = False,
    draws: int = FEW_DRAWS,
) -> float:
    """What `figures` will cost, in the unit of `judge_pace.cost`."""
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
    """What every control and what real samples reach in this trial, and the calibrations that
    were borrowed from.

    draws: real samples that are drawn where none are known.

    What was measured before at these or (unless `exact`) similar sizes is taken from the cache or
    from `shipped`; the rest is measured and cached. The cache lies in `cache/` of the data root:
    numbers alone, no signals. It is made anew when the real sets, the seed, the instrument or the
    code of a metric change.
    """
    known = _look_up(trial, metrics, shipped, exact, draws)
    if known.path and (known.todo or known.undrawn):
        for name, row in _measure(trial, known.todo, steps).items():
            known.found.setdefault(name, {}).update(row)
            known.mine.figures.setdefault(name, {}).update(row)
        fresh = draw(trial, known.undrawn, draws, steps) if known.undrawn else {}
        known.draws.update(fresh)
        known.mine.draws.update(fresh)
        _write(known.path, [known.mine, *(c for c in known.cached if c is not known.mine)])
    return known.found, known.draws, known.borrowed


def _look_up(
    trial: Trial, metrics: Sequence[Metric], shipped: Iterable[Calibration], exact: bool,
    draws: int,
) -> _Known:  # fmt: skip
    """From the cache, else from others at similar sizes. draws: so many at least are wanted."""
    counts = sizes(trial)
    possible = _possible(trial)
    path = data_root() / "cache" / f"controls-{fingerprint(trial)}.json" if possible else None
    cached = _read(path) if path else []
    mine = next((c for c in cached if c.counts == counts and c.serves(trial)), None)
    mine = mine or Calibration(counts, trial.quick)
    others = [c for c in [*cached, *shipped] if c is not mine and c.serves(trial)]
    others.sort(key=lambda one: one.distance(counts))
    real = {name: len(trial.part(trial.test, name)) if trial.test else 0 for name in counts}
    found: Figures = {}
    borrowed: list[Calibration] = []
    todo: dict[str, list[Metric]] = {}
    for name in CONTROLS:
        for metric in (m for m in metrics if worth(m, name)):
            cells = mine.figures.get(name, {}).get(metric.name)
            for other in [] if exact and possible else others:
                if cells is not None:
                    break
                if possible:
                    cells = other.borrow(name, metric, counts, real)
                else:  # without recordings nothing nearer can be had
                    cells = other.figures.get(name, {}).get(metric.name)
                if cells is not None and other not in borrowed:
                    borrowed.append(other)
            if cells is None:
                todo.setdefault(name, []).append(metric)
            else:
                found.setdefault(name, {})[metric.name] = cells
    known: Draws = {}
    undrawn = []
    for metric in (m for m in metrics if drawn(m, quick=trial.quick)):
        rows = [mine.draws.get(metric.name)]
        for other in [] if exact and possible else others:
            rows.append(
                other.borrow_draws(metric, counts, real) if possible
                else other.draws.get(metric.name)
            )  # fmt: skip
        longest = max((row for row in rows if row), key=_length, default={})
        if _length(longest) >= draws or (longest and not possible):
            known[metric.name] = longest
        else:
            undrawn.append(metric)
    return _Known(found, known, borrowed, todo, undrawn, mine, cached, path)


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
            except EcgsynthError:  # a control may lack what the set has, such as marks
                cells = {}
            found.setdefault(name, {})[metric.name] = {
                group: round(e.value, 6) for group, e in cells.items() if np.isfinite(e.value)
            }
    return found


def _quick(control: str, trial: Trial) -> bool:
    """Crude sets need no strong classifier to be found out."""
    return trial.quick or control not in (BASELINE, CEILING, *BESIDE)


COMPARED = ("c2st", "coverage", "coverage_signal", "frechet_ratio", "memorisation", "tstr")
"""Figures of the baselines that stand beside the Gaussian."""


def worth(metric: Metric, control: str) -> bool:
    """Whether a control is judged by a metric.

    Networks are trained for the set, the baselines and the ceiling alone. Crude sets are there to
    try the two-sample test.
    """
    if control in CRUDE:
        return metric.name == "c2st"
    if control in BESIDE:
        return metric.name in COMPARED
    if "new_patients" in metric.needs:
        return metric.name == "tstr" and control == BASELINE
    if metric.name.startswith("copy_share"):  # real items stand on .01 by what it is
        return control == COPY
    if metric.question == "privacy":
        return control in (BASELINE, COPY, CEILING)
    return not metric.costly or control in (BASELINE, CEILING)


def sizes(trial: Trial) -> dict[str, int]:
    """Items of each class of the synthetic set."""
    return {name: len(trial.part(trial.synthetic, name)) for name in trial.groups}


def fingerprint(trial: Trial) -> str:
    """What the figures of the controls depend on beside sizes, as 16 hexadecimal digits."""
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
    """A set's identity: its size, its labels, its people and (a share of) its signals."""
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
    """The files that measure: a figure of other code is another figure."""
    home = Path(__file__).parents[1]
    names = (file.relative_to(home).as_posix() for file in home.rglob("*.py"))
    text = b"".join((home / n).read_bytes() for n in sorted(names) if not n.startswith(SHOWING))
    return hashlib.sha256(text).hexdigest()[:16]


def from_json(content: list[dict]) -> list[Calibration]:
    """Calibrations from what `to_json` gave; raises KeyError, TypeError or ValueError else."""
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
    return [asdict(one) for one in calibrations]


def _read(path: Path) -> list[Calibration]:
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as problem:
        log.warning("the cache %s is damaged (%s) and is made anew.", path, problem)
        return []


def _write(path: Path, calibrations: Sequence[Calibration]) -> None:
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(to_json(calibrations)))
    except EcgsynthError as problem:  # a cache that cannot be written costs time alone
        log.warning("the controls could not be cached: %s", problem)
