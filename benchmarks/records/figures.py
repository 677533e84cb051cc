"""The figures of a system of records, in parts that can be measured one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.records import cost
from benchmarks.records.systems import FS, Sets, real_records
from ecgsynth.datasets.ptbxl.statements import SUPERCLASSES
from ecgsynth.datasets.store import cached_arrays
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Estimate, Trial
from ecgsynth.evaluation.inputs import select_classes
from ecgsynth.evaluation.medians import holm
from ecgsynth.evaluation.metrics.physiology import measured, measurements
from ecgsynth.evaluation.metrics.utility import (
    predictions_of_real_model,
    predictions_of_synthetic_model,
)
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fingerprint import fingerprint
from ecgsynth.signals.joining import concatenate

Cells = dict[str, dict[str, Any]]
"""Group -> value, low, high, note, over; `p` after Holm where several are tested at once."""

Part = dict[str, Cells]
"""Figure -> its cells."""

REPEATS = 5
"""Draws over which a figure without an interval is averaged."""

LEAST_RECORDS = 20
"""Records that a statement has in the test set, at least, to be judged."""

ALWAYS_SHOWN = ("CLBBB", "CRBBB")
"""Statements that are shown with any number of records, but do not count for the mean."""

MOST_MEASURED = 1000
"""Most synthetic records in which waves are measured."""


class Figures:
    """The figures of one system. name: as the command has it."""

    def __init__(self, name: str, sets: Sets, seed: int) -> None:
        self.name, self.sets, self.seed = name, sets, seed

    @cached_property
    def trial(self) -> Trial:
        """All records with their superclasses."""
        sets = self.sets
        return Trial(
            sets.synthetic, test=sets.test, train=sets.train, new_patients=sets.test, seed=self.seed
        )

    def utility(self) -> Part:
        """A classifier that learned from the system alone, on real records."""
        classes = [name for name, count in self.sets.synthetic.counts().items() if count]
        if len(classes) < 2:
            return {}
        return useful(self.sets.synthetic, real_records("train"), self.sets.test, self.seed)

    def coverage(self) -> Part:
        """Real records that have a synthetic one close by, and the spread."""
        return self._measured("coverage", "density") | self._averaged("spread")

    def c2st(self) -> Part:
        """A classifier that separates synthetic from real records."""
        return self._measured("c2st")

    def beats(self) -> Part:
        """Beats that were asked for, by detectors of other authors."""
        trial = self.trial
        if self.name == "real":  # what the detectors find in the test set is real's figure
            trial = Trial(self.sets.test, test=self.sets.test, seed=self.seed)
        return measured_on(
            trial, "beats_met", "beats_extra", "beat_offset", "rate_error", "beat_variation"
        )

    def adherence(self) -> Part:
        """Superclasses by an independent classifier."""
        return self._measured("statement_adherence", "statement_adherence_gap")

    def medians(self) -> Part:
        """Medians of measurements by superclass."""
        names = ("r_amplitude_median", "qrs_median", "qt_median", "pr_median")
        return with_holm(measured_on(self._with_measurements(), *names))

    def effects(self) -> Part:
        """Medians of measurements by sex and by decade of age."""
        names = ("heart_rate_by_group", "qtcf_by_group", "r_amplitude_by_group", "qrs_by_group")
        return with_holm(measured_on(self._with_measurements(), *names))

    def leads(self) -> Part:
        """How leads depend on each other."""
        found = self._averaged("lead_correlation_error")
        return found | self._measured("lead_mutual_information")

    def privacy(self) -> Part:
        """Copies and attacks, over all records."""
        sets = self.sets
        bare = [select_classes(ecg, ()) for ecg in (sets.synthetic, sets.train, sets.test)]
        bare = [replace(ecg, marks=None) for ecg in bare]
        trial = Trial(
            bare[0], train=bare[1], test=bare[2], new_patients=bare[2], seed=self.seed, quick=True
        )
        names = ["memorisation", "context_linkability", "patient_membership"]
        if self.name != "real":  # whose share of copies is .01 by definition
            names.append("copy_share")
        return measured_on(trial, *names)

    def cost(self) -> Part:
        """Passes, CPU time and size."""
        return cost.measure(self.name)

    def statements(self) -> Part:
        """The same as `utility` for statements, on folds 9 and 10 together."""
        whole = self.sets.whole
        if whole is None:
            return {}
        offered = tuple(name for name in whole.spec.classes if name not in SUPERCLASSES)
        train = real_records("train", offered)
        test = concatenate([real_records(split, offered) for split in ("validation", "test")])
        counts = test.counts()
        averaged_ones = tuple(name for name in offered if counts[name] >= LEAST_RECORDS)
        wanted = tuple(n for n in offered if n in averaged_ones or n in ALWAYS_SHOWN)
        sets = [select_classes(ecg, wanted) for ecg in (whole, train, test)]
        return useful(sets[0], sets[1], sets[2], self.seed, averaged_ones)

    def _measured(self, *names: str) -> Part:
        return measured_on(self.trial, *names)

    def _averaged(self, name: str) -> Part:
        """A figure without an interval, averaged over draws."""
        trials = [replace(self.trial, seed=self.seed + k) for k in range(REPEATS)]
        rows = [measured_on(trial, name)[name] for trial in trials]
        return {name: {group: averaged([row[group] for row in rows]) for group in rows[0]}}

    def _with_measurements(self) -> Trial:
        """The trial with all real records measured, and some of the synthetic ones."""
        trial = self.trial
        rows = np.random.default_rng(self.seed).permutation(len(trial.synthetic))[:MOST_MEASURED]
        rows = np.sort(rows)
        ours: dict[str, NDArray[np.float64]] = {}
        for name, values in measured(trial.synthetic[rows]).items():
            ours[name] = np.full(len(trial.synthetic), np.nan)
            ours[name][rows] = values
        assert trial.test is not None
        both: Measured = (ours, measured(trial.test))
        trial.know(measurements, both)
        return trial


Measured = tuple[Mapping[str, NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]
"""Measurements of synthetic and of real records."""

PARTS: dict[str, Callable[[Figures], Part]] = {
    name: getattr(Figures, name)
    for name in ("cost", "coverage", "leads", "adherence", "beats", "medians", "effects", "c2st",
                 "privacy", "utility")
}  # fmt: skip
"""All parts but `statements`, which is for the end; the costly ones come last."""


def measured_on(trial: Trial, *names: str) -> Part:
    """The figures of metrics of the judge; one that does not apply has its reason as "all"."""
    found = {}
    for name in names:
        try:
            cells: Mapping[str, Estimate] = METRICS.get(name).measure(trial)
        except EcgsynthError as reason:
            cells = {"all": Estimate(float("nan"), note=str(reason))}
        found[name] = {group: cell(one) for group, one in cells.items()}
    return found


def useful(
    synthetic: Ecg, train: Ecg, test: Ecg, seed: int, mean_of: tuple[str, ...] | None = None
) -> Part:
    """TSTR, TRTR and their ratio; the network of real records is trained once for all systems.

    mean_of: classes that count for the mean; all by default.
    """
    real = Trial(train, train=train, new_patients=test, seed=seed)
    key = {"train": fingerprint(train), "test": fingerprint(test), "seed": seed}

    def build() -> tuple[dict[str, Any], dict[str, Any]]:
        return {"predicted": np.asarray(predictions_of_real_model(real))}, {}

    predicted = np.array(cached_arrays("trtr", key, build)[0]["predicted"])
    trial = Trial(synthetic, train=train, new_patients=test, seed=seed)
    trial.know(predictions_of_real_model, predicted)
    names = ("tstr", "trtr", "tstr_ratio")
    part = measured_on(trial, *names)
    if mean_of is None or mean_of == trial.classes:
        return part
    columns = [trial.classes.index(name) for name in mean_of]
    sets = [select_classes(ecg, mean_of) for ecg in (synthetic, train, test)]
    some = Trial(sets[0], train=sets[1], new_patients=sets[2], seed=seed)
    for measure_it in (predictions_of_real_model, predictions_of_synthetic_model):
        some.know(measure_it, measure_it(trial)[..., columns])
    for name, cells in measured_on(some, *names).items():
        part[name]["all"] = cells["all"] | {"over": f"{len(mean_of)} statements"}
    return part


def with_holm(part: Part) -> Part:
    """The part with p after Holm for all of its cells together."""
    cells = [one for figure in part.values() for one in figure.values()]
    estimates = [Estimate(_or_nan(one["value"]), one["low"], one["high"]) for one in cells]
    for one, p in zip(cells, holm(estimates), strict=True):
        one["p"] = None if np.isnan(p) else round(float(p), 4)
    return part


def averaged(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of several draws of a figure."""
    values = [one["value"] for one in cells if one["value"] is not None]
    value = round(float(np.mean(values)), 5) if values else None
    return cells[0] | {"value": value, "over": f"{len(values)} draws"}


def cell(one: Estimate) -> dict[str, Any]:
    """An estimate as JSON."""
    numbers = {"value": one.value, "low": one.low, "high": one.high}
    return {
        name: None if value is None or not np.isfinite(value) else float(f"{value:.5g}")
        for name, value in numbers.items()
    } | {"note": one.note, "over": one.over}


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def measure(figures: Figures, names: Iterable[str]) -> Iterable[tuple[str, Part]]:
    """Each part, as soon as it is measured."""
    for name in names:
        yield name, (figures.statements() if name == "statements" else PARTS[name](figures))


__all__ = ["FS", "PARTS", "Cells", "Figures", "Part", "measure"]
