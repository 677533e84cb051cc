"""The result of a comparison: counts of every record, gross and average figures."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats.cells import guarded
from ecgsynth.scoring.beats import BeatComparison
from ecgsynth.scoring.episodes import EpisodeComparison
from ecgsynth.scoring.figures import (
    Fraction,
    beat_rates,
    ectopic_counts,
    mean,
    qrs_counts,
    summarise,
    total,
    value_of,
)
from ecgsynth.scoring.measurements import MeasurementComparison
from ecgsynth.scoring.rules import CLASSES, Rules, X
from ecgsynth.scoring.runs import GROUPS, RunComparison

BEATS = ("QRS", "VEB", "SVEB")
ENDINGS = (".json", ".csv")


@dataclass(frozen=True)
class RecordPerformance:
    """The comparisons of one record; fs: Hz."""

    record: str
    fs: float
    beats: BeatComparison
    runs: dict[str, RunComparison]
    episodes: dict[str, EpisodeComparison]
    measurements: dict[int, MeasurementComparison]

    def counts(self, name: str) -> dict[str, int]:
        """TP, FN and so on of one of `BEATS`."""
        table = self.beats.table
        return qrs_counts(table) if name == "QRS" else ectopic_counts(table, name)

    @cached_property
    def fractions(self) -> dict[str, dict[str, Fraction]]:
        """Group -> figure -> part and whole."""
        table = self.beats.table
        beats = int(table[:5].sum())
        found: dict[str, dict[str, Fraction]] = {
            name: beat_rates(self.counts(name)) for name in BEATS
        }
        found["shutdown"] = {"missed": (int(table[:5, X].sum()), beats)}
        for kind, runs in self.runs.items():
            for group, (least, most) in GROUPS.items():
                found[f"{kind} {group}"] = {
                    "sensitivity": _detected(runs.sensitivity, least, most),
                    "predictivity": _detected(runs.predictivity.T, least, most),
                }
        for kind, one in self.episodes.items():
            found[f"{kind} episodes"] = {
                "sensitivity": (one.hits, one.hits + one.missed),
                "predictivity": (one.right, one.right + one.false),
            }
            found[f"{kind} duration"] = {
                "sensitivity": (one.ref_overlap / self.fs, one.ref_time / self.fs),
                "predictivity": (one.test_overlap / self.fs, one.test_time / self.fs),
            }
        return found

    def to_dict(self) -> dict[str, Any]:
        """Everything that was counted, JSON-able."""
        return {
            "record": self.record,
            "fs": self.fs,
            "classes": CLASSES,
            "beats": self.beats.table.tolist(),
            "rr_error_ms": self.beats.rr_error_ms,
            "shutdown_s": self.beats.shutdown / self.fs,
            "runs": {
                kind: {
                    "sensitivity": one.sensitivity.tolist(),
                    "predictivity": one.predictivity.tolist(),
                }
                for kind, one in self.runs.items()
            },
            "episodes": {kind: asdict(one) for kind, one in self.episodes.items()},
            "measurements": {
                str(kind): asdict(one) | {"error_percent": one.error_percent, "error": one.error}
                for kind, one in self.measurements.items()
            },
            "figures": {
                group: {name: value_of(part) for name, part in figures.items()}
                for group, figures in self.fractions.items()
            },
        }


def _detected(table: np.ndarray, least: int, most: int) -> Fraction:
    """Runs of a length whose partner (the column) is long enough, and all of them."""
    rows = table[least : most + 1]
    return int(rows[:, least:].sum()), int(rows.sum())


@dataclass(frozen=True)
class Performance:
    """What `ecgsynth.score` gives: every record's comparison, and the figures of all.

    records: in order of name. rules: settings of the comparison. left_out: reason -> records.
    """

    records: tuple[RecordPerformance, ...]
    rules: Rules
    left_out: dict[str, list[str]] = field(default_factory=dict)

    @cached_property
    def figures(self) -> dict[str, dict[str, Any]]:
        """Group -> counts where it has them, and figure -> gross, average and number of records."""
        found: dict[str, dict[str, Any]] = {}
        for group in self.records[0].fractions:
            each = [one.fractions[group] for one in self.records]
            found[group] = summarise(total(each), each)
            if group in BEATS:
                counts = [one.counts(group) for one in self.records]
                found[group]["counts"] = {
                    name: sum(one[name] for one in counts) for name in counts[0]
                }
        errors = [value for one in self.records if (value := one.beats.rr_error_ms) is not None]
        found["RR"] = {"error_ms": {"gross": None, "average": mean(errors), "records": len(errors)}}
        return found

    def __repr__(self) -> str:
        shown = []
        for group in BEATS:
            one = self.figures[group]
            rates = (one["sensitivity"]["gross"], one["predictivity"]["gross"])
            shown.append(f"{group} Se/+P {' / '.join(_percent(rate) for rate in rates)}")
        return f"Performance({len(self.records)} records: {', '.join(shown)})"

    def to_dict(self) -> dict[str, Any]:
        """Settings, figures and records, JSON-able."""
        return {
            "rules": asdict(self.rules),
            "figures": self.figures,
            "left_out": self.left_out,
            "records": [one.to_dict() for one in self.records],
        }

    def save(self, path: str | Path) -> None:
        """Write everything as JSON, or a row for each record, `gross` and `average` as CSV.

        Raises
        ------
        EcgsynthError: the name ends in neither, or the file cannot be written.
        """
        path = check_ending(path)
        with atomic_write(path) as temporary:
            if path.suffix == ".json":
                text = json.dumps(self.to_dict(), indent=1)
                temporary.write_text(text + "\n", encoding="utf-8")
                return
            with temporary.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows(self._rows())

    def _rows(self) -> list[list[str]]:
        columns = [
            (group, name)
            for group, figures in self.records[0].fractions.items()
            for name in figures
        ]
        rows = [["record", *(f"{group} {name}" for group, name in columns), "RR error_ms"]]
        for one in self.records:
            values = [value_of(one.fractions[group][name]) for group, name in columns]
            rows.append([guarded(one.record), *map(_cell, [*values, one.beats.rr_error_ms])])
        for kind in ("gross", "average"):
            values = [self.figures[group][name][kind] for group, name in columns]
            rows.append([kind, *map(_cell, [*values, self.figures["RR"]["error_ms"][kind]])])
        return rows


def check_ending(path: str | Path) -> Path:
    """The path of a result, which ends in .json or .csv.

    Raises
    ------
    EcgsynthError: it does not.
    """
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise EcgsynthError(f"results are written as .json or .csv; {path} ends in neither.")
    return path


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"
