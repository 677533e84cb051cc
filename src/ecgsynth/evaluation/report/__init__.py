"""The report: one row per figure with floor, ceiling and interval, as JSON and as HTML."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ecgsynth.arguments import check_flag, check_instance, check_path, quote
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Estimate, Metric, Trial
from ecgsynth.evaluation.baselines.controls import BASELINE, CEILING
from ecgsynth.evaluation.baselines.real_samples import RealRange
from ecgsynth.evaluation.metric import LEAST_SPAN
from ecgsynth.files import atomic_write

DECIMALS = 4


@dataclass(frozen=True, repr=False)
class Row:
    """One figure.

    Attributes
    ----------
    metric, group: name, and the class or "all". value, low, high: figure and 95 % interval; over:
        what that is over, such as "22 people";
        without_one: [least, greatest] value with one of these left out (of more than 50, one in
        50). See `Estimate`.
    controls: control -> value, by the figure's own procedure and at equal size.
    score: (value - gaussian) / (real - gaussian); None for privacy, where the baseline is no
        floor, and where the two are in the wrong order or closer together than the interval is
        wide.
    unit, goal, question, title, reference: of the metric.
    real: the range that samples of real items reach (`low`, `median`, `high`, and how many
        `draws`); None for figures that are not marked by it.
    """

    metric: str
    group: str
    value: float | None
    low: float | None
    high: float | None
    note: str
    controls: dict[str, float]
    score: float | None
    unit: str
    goal: str
    question: str
    title: str
    reference: str
    over: str = ""
    without_one: tuple[float, float] | None = None
    real: dict[str, float] | None = None

    def __repr__(self) -> str:
        def text(value: float | None) -> str:
            return "-" if value is None else f"{value:.3g}"

        interval = "" if self.low is None else f" ({text(self.low)} to {text(self.high)})"
        controls = ", ".join(
            f"{name} {text(self.controls[name])}"
            for name in (BASELINE, CEILING) if name in self.controls
        )  # fmt: skip
        parts = [f"{self.metric} {self.group}: {text(self.value)}{interval} {self.unit}", controls]
        return f"Row({'; '.join(filter(None, [*parts, f'better: {self.goal}', self.note]))})"

    @classmethod
    def of(
        cls, metric: Metric, group: str, estimate: Estimate, controls: dict[str, float],
        unit: str = "mV", real: RealRange | None = None,
    ) -> Row:  # fmt: skip
        """unit: of the evaluated signals, and so of amplitudes."""
        least, most = (_clean(end) for end in estimate.without_one or (None, None))
        known = {n: round(float(v), DECIMALS) for n, v in controls.items() if math.isfinite(v)}
        return cls(
            metric.name, group, _clean(estimate.value), _clean(estimate.low),
            _clean(estimate.high), estimate.note, known,
            _score(metric, estimate, known), unit if metric.unit == "mV" else metric.unit,
            metric.goal, metric.question, metric.title, metric.reference, estimate.over,
            None if least is None or most is None else (least, most),
            {n: _clean(v) or 0.0 for n, v in asdict(real).items()} if real else None,
        )  # fmt: skip


@dataclass(frozen=True, repr=False)
class Report:
    """The result of an evaluation: `rows`, metrics `left_out` with reasons, and the sets used."""

    synthetic: str
    against: str
    counts: dict[str, int]
    rows: list[Row]
    left_out: dict[str, str]
    notes: list[str]
    facts: dict[str, Any] = field(default_factory=dict)
    trial: Trial | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        kinds: dict[str, type[Any]] = {
            "synthetic": str, "against": str, "counts": dict, "rows": list, "left_out": dict,
        }  # fmt: skip
        for name, kind in kinds.items():
            check_instance(getattr(self, name), kind, f"a report comes from evaluate; its {name}")
        for row in self.rows:
            check_instance(row, Row, "a report comes from evaluate; its rows")
        for metric in self.left_out:
            check_instance(metric, str, "a report comes from evaluate; each figure left out")

    @classmethod
    def of(
        cls, trial: Trial, rows: list[Row], left_out: dict[str, str], notes: list[str], **more: Any
    ) -> Report:
        """The report of a trial and its figures."""
        from ecgsynth.evaluation.reference_models.instruments import instrument

        known = instrument(trial.synthetic.spec)
        test = trial.test
        against = test.source if test is not None else ""
        if test is None and trial.reference is not None:
            against = f"{trial.reference.source} (shipped statistics)"
        facts = {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": trial.seed,
            "quick": trial.quick,
            "instrument": known.hash if known else None,
            "spec": trial.synthetic.spec.to_json(),
            "real": test.people_per_class() if test is not None else {},
            "classifier_seeds": trial.seeds,
            **more,
        }
        return cls(
            trial.synthetic.source, against, trial.synthetic.counts(), rows, left_out, notes,
            facts, trial,
        )  # fmt: skip

    def __repr__(self) -> str:
        from ecgsynth.evaluation.report.notebook import count_marks

        parts = [f"{len(self.rows)} figures", count_marks(self)]
        if self.left_out:
            parts.append(f"{len(self.left_out)} left out")
        against = f" against {self.against}" if self.against else ""
        return f"Report({self.synthetic}{against}: {'; '.join(filter(None, parts))})"

    def _repr_html_(self) -> str:
        """The verdict, in a notebook; `save` writes the page with the figures."""
        from ecgsynth.evaluation.report.notebook import verdict_table

        return verdict_table(self)

    def __getitem__(self, key: str | tuple[str, str]) -> Row:
        """`report["c2st"]` or `report["coverage", "V"]`."""
        pair = (key, "all") if isinstance(key, str) else key
        if not isinstance(pair, tuple) or [*map(type, pair)] != [str, str]:
            raise EcgsynthError(
                "a figure is named by its metric and class, as in report['coverage', 'V']; got "
                f"{quote(key)}."
            )
        metric, group = pair
        for row in self.rows:
            if (row.metric, row.group) == (metric, group):
                return row
        why = self.left_out.get(metric, "it was not measured")
        if self.counts.get(group) == 0:
            why = "the synthetic set has no items of that class"
        raise EcgsynthError(f"the report has no '{metric}' of '{group}': {why}.")

    def to_json(self) -> dict[str, Any]:
        """The report as JSON; docs/judging.md lists its keys."""
        from ecgsynth.evaluation.report.html.readers import questions

        return {
            "synthetic": self.synthetic,
            "against": self.against,
            "counts": self.counts,
            "facts": self.facts,
            "notes": self.notes,
            "questions": questions(self),
            "rows": [asdict(row) for row in self.rows],
            "left_out": self.left_out,
        }

    def save(self, path: str | Path, show_real: bool | None = None) -> Path:
        """Write JSON (`.json`) or one self-contained page (`.html`) with the JSON next to it.

        show_real: draw real traces; only for public sources when left out.
        """
        path, *more = files_of(path)
        show_real = None if show_real is None else check_flag(show_real, "show_real")
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        if more:
            from ecgsynth.evaluation.report.html import page

            content = page(self, show_real)
            with atomic_write(path) as one, atomic_write(more[0]) as other:
                one.write_text(content, encoding="utf-8")
                other.write_text(text)
        else:
            with atomic_write(path) as temporary:
                temporary.write_text(text)
        return path


def files_of(path: str | Path) -> list[Path]:
    """The files that a report will be written to, the named one first; checked before the work.

    Raises
    ------
    EcgsynthError: the ending is not that of a report, or the path is a folder.
    """
    path = check_path(path)
    if path.suffix not in (".html", ".htm", ".json") or path.is_dir():
        raise EcgsynthError(f"a report is a file that ends in .html or .json; '{path}' does not.")
    return [path] if path.suffix == ".json" else [path, path.with_suffix(".json")]


def _score(metric: Metric, estimate: Estimate, controls: dict[str, float]) -> float | None:
    """Share of the way from the Gaussian baseline (0) to real beats (1)."""
    if metric.question == "privacy" or not math.isfinite(estimate.value):
        return None
    if BASELINE not in controls or CEILING not in controls:
        return None
    floor, ceiling = controls[BASELINE], controls[CEILING]
    span = ceiling - floor
    wrong_way = (span > 0 and metric.goal == "lower") or (span < 0 and metric.goal == "higher")
    if estimate.low is None or estimate.high is None:
        width = LEAST_SPAN * max(abs(floor), abs(ceiling))
    else:
        width = estimate.high - estimate.low
    if wrong_way or abs(span) <= max(width, 1e-9):
        return None
    share = (estimate.value - floor) / span
    if metric.goal == "match":
        share = 1 - abs(1 - share)  # too high counts as much as too low
    return round(share, 3)


def _clean(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), DECIMALS)
