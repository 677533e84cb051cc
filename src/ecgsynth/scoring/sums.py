"""The totals that WFDB's sumstats appends to line-format reports, character by character."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ecgsynth.files import atomic_write
from ecgsynth.scoring.figures import Fraction, mean, value_of
from ecgsynth.scoring.lines import (
    CELLS,
    HEADINGS,
    WITHOUT_S,
    cell,
    counts_text,
    merged,
    plain_parts,
    record_lines,
    run_parts,
    time_text,
    whole_percent,
)
from ecgsynth.scoring.performance import Performance, RecordPerformance
from ecgsynth.scoring.rules import BEATS, F, N, O, Q, S, V, X

Lines = list[str]


def report_lines(performance: Performance) -> dict[str, Lines]:
    """Report -> its headings, a line for each record, and the totals, as sumstats writes it."""
    found: dict[str, Lines] = {}
    for one in performance.records:
        for report, lines in record_lines(one).items():
            found.setdefault(report, list(HEADINGS[report])).extend(lines)
    count = len(performance.records)
    for report, lines in found.items():
        lines += [*_totals(report, performance.records), ""]
        lines += [f"Summary of results from {count} record{'s' if count > 1 else ''}"]
    return found


def _totals(report: str, records: Sequence[RecordPerformance]) -> Lines:
    if report in ("beats", "beats-without-s"):
        return _beats(records, report == "beats")
    if report in ("shutdown", "shutdown-without-s"):
        return _shutdown(records, report == "shutdown")
    if report.startswith("runs-"):
        return _runs(records, report.removeprefix("runs-").upper())
    if report == "measurements":
        return _measurements(records)
    return _episodes(records, report.upper())


def _beats(records: Sequence[RecordPerformance], with_s: bool) -> Lines:
    tables = [one.beats.table if with_s else merged(one.beats.table) for one in records]
    whole = np.sum(tables, axis=0)
    parts = _sveb_parts if with_s else plain_parts
    gross = [value_of(part) for part in parts(whole)]
    average = _averages([parts(table) for table in tables])
    digits = (2, 2, 2, 2, 2, 2) if with_s else (2, 2, 2, 2, 3)
    margin = 83 if with_s else 54
    errors = [value for one in records if (value := one.beats.rr_error_ms) is not None]
    error = f" {mean(errors):6.2f}" if with_s and errors else ""
    total = f"Total QRS complexes: {whole[:5].sum()}  Total VEBs: {whole[V].sum()}"
    if with_s:
        total += f"  Total SVEBs: {whole[S].sum()}"
    return [
        "_" * (132 if with_s else 86),
        ("Sum " if with_s else "Sum  ") + counts_text(whole, CELLS if with_s else WITHOUT_S),
        f"{'Gross':{margin}}{_texts(gross, digits)}",
        f"{'Average':{margin}}{_texts(average, digits)}{error}",
        total,
    ]


def _sveb_parts(table: np.ndarray) -> list[Fraction]:
    """Se and +P of QRS, VEB and SVEB; sumstats leaves the fusion beats out of the last."""
    hits = int(table[S, S])
    called = hits + cell(table, (N, V, O, X), S)
    return [*plain_parts(table)[:4], (hits, int(table[S].sum())), (hits, called)]


def _texts(values: Sequence[float | None], digits: Sequence[int]) -> str:
    """Percentages, seven characters wide each."""
    return "".join(
        f" {'-' if value is None else f'{100 * value:.{places}f}':>6}"
        for value, places in zip(values, digits, strict=True)
    )


def _averages(each: Sequence[Sequence[Fraction]]) -> list[float | None]:
    """The plain mean of every column, over the records that have it."""
    found = []
    for column in zip(*each, strict=True):
        found.append(mean([value for part in column if (value := value_of(part)) is not None]))
    return found


def _shutdown(records: Sequence[RecordPerformance], with_s: bool) -> Lines:
    """Sums alone with SVEB; without, sumstats adds the totals twice: its gross share is half."""
    classes = BEATS if with_s else (N, V, F, Q)
    tables = [one.beats.table if with_s else merged(one.beats.table) for one in records]
    counts = "".join(f" {sum(int(table[k, X]) for table in tables):4}" for k in classes)
    seconds = sum(int(one.beats.shutdown / one.fs + 0.5) for one in records)
    if with_s:
        return ["_" * 72, f"Sum {counts}{'':37} {seconds:4} seconds"]
    each = [_missed(table, classes) for table in tables]
    gross = [value_of((part, 2 * whole)) for part, whole in _sums(each)]
    digits = [2] * len(gross)
    return [
        "_" * 68,
        f"Sum  {counts}{'':30} {seconds:4} seconds",
        f"{'Gross':25}{_texts(gross, digits)}",
        f"{'Average':25}{_texts(_averages(each), digits)}",
    ]


def _sums(each: Sequence[Sequence[Fraction]]) -> list[Fraction]:
    """The sums of parts and wholes of every column."""
    return [
        (sum(part for part, _ in column), sum(whole for _, whole in column))
        for column in zip(*each, strict=True)
    ]


def _missed(table: np.ndarray, classes: Sequence[int]) -> list[Fraction]:
    """Of all beats and of each class but Q: those that are missed in shutdown."""
    totals = {k: int(table[k].sum()) for k in classes}
    missed = {k: int(table[k, X]) for k in classes}
    parts = [(missed[k], totals[k]) for k in classes if k != Q]
    return [(sum(missed.values()), sum(totals.values())), *parts]


def _runs(records: Sequence[RecordPerformance], kind: str) -> Lines:
    each = [run_parts(one.runs[kind]) for one in records]
    gross = _sums(each)
    counts = "".join(f" {int(hit):3} {int(whole - hit):3}" for hit, whole in gross)
    wholes = [int(gross[k][1]) for k in (0, 2, 4)]
    return [
        "_" * 77,
        f"{'Sum':6}{counts}",
        f"{'Gross':54}{_whole_texts([value_of(part) for part in gross])}",
        f"{'Average':54}{_whole_texts(_averages(_rounded(each)))}",
        f"Total couplets: {wholes[0]}  Total short runs: {wholes[1]}  Total long runs: {wholes[2]}",
    ]


def _rounded(each: Sequence[Sequence[Fraction]]) -> list[list[Fraction]]:
    """The parts as whole percents, which is what sumstats reads."""
    return [
        [(int(whole_percent(part)), 100) if part[1] else (0, 0) for part in parts] for parts in each
    ]


def _whole_texts(values: Sequence[float | None]) -> str:
    texts = ["-" if value is None else str(int(100 * value + 0.5)) for value in values]
    return f" {texts[0]:>4}" + "".join(f" {text:>3}" for text in texts[1:])


def _episodes(records: Sequence[RecordPerformance], kind: str) -> Lines:
    ones = [one.episodes[kind] for one in records]
    names = ("hits", "missed", "right", "false")
    counts = "".join(f" {sum(getattr(one, name) for one in ones):4}" for name in names)
    each = [
        [*one.fractions[f"{kind} episodes"].values(), *one.fractions[f"{kind} duration"].values()]
        for one in records
    ]
    # sumstats knows times in whole ms, and overlaps as whole percents of them
    lasting = [[(_percents(part) * part[1], part[1]) for part in parts[2:]] for parts in each]
    times = [sum(int(1000 * parts[k][1] + 0.5) for parts in each) / 1000 for k in (2, 3)]
    gross = [value_of(part) for part in [*_sums(each)[:2], *_sums(lasting)]]
    return [
        "_" * 72,
        f"Sum   {counts}{'':17}  {_clock(times[0])}   {_clock(times[1])}",
        f"{'Gross':26}{_whole_texts(gross)}",
        f"{'Average':26}{_whole_texts(_averages(_rounded(each)))}",
    ]


def _percents(part: Fraction) -> float:
    """The value as a whole percentage, by 100; 0 where it has none."""
    return int(whole_percent(part)) / 100 if part[1] else 0.0


def _clock(seconds: float) -> str:
    text = time_text(seconds)
    return f"{'0:00.000':>12}" if text.strip() == "0.000" else text


def _measurements(records: Sequence[RecordPerformance]) -> Lines:
    rates = [rate for one in records if (rate := one.measurements.get(0)) is not None]
    errors = [value for one in rates if (value := one.error_percent) is not None]
    means = [value for one in rates if (value := one.mean) is not None]
    if not errors:
        return ["_" * 50]
    return ["_" * 50, f"Average {mean(errors):7.4f}\t\t{mean(means):g}"]


def write_reports(performance: Performance, folder: Path) -> None:
    """Write every report of `report_lines` as a text file in a folder.

    Raises
    ------
    EcgsynthError: it cannot be written.
    """
    with atomic_write(folder) as temporary:
        temporary.mkdir()
        for report, lines in report_lines(performance).items():
            text = "\n".join(lines) + "\n"
            (temporary / f"{report}.txt").write_text(text, encoding="utf-8")
