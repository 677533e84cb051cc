"""The line-format reports of WFDB's bxb, rxr, epicmp and mxm, character by character."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ecgsynth.scoring.figures import (
    Fraction,
    beat_rates,
    ectopic_counts,
    qrs_counts,
    value_of,
)
from ecgsynth.scoring.performance import RecordPerformance
from ecgsynth.scoring.rules import BEATS, F, N, O, Q, S, V, X
from ecgsynth.scoring.runs import GROUPS, RunComparison

NORMAL, OTHER = (N, F, Q), (O, X)

Rows = int | tuple[int, ...]
"""One class, or several as one."""

CELLS: dict[str, tuple[Rows, Rows]] = {
    "Nn'": (N, NORMAL), "Sn'": (S, NORMAL), "Vn'": (V, NORMAL), "Fn'": ((F, Q), NORMAL),
    "On'": (OTHER, NORMAL), "Ns": (N, S), "Ss": (S, S), "Vs": (V, S), "Fs'": ((F, Q), S),
    "Os'": (OTHER, S), "Nv": (N, V), "Sv": (S, V), "Vv": (V, V), "Fv'": ((F, Q), V),
    "Ov'": (OTHER, V), "No'": (N, OTHER), "So'": (S, OTHER), "Vo'": (V, OTHER),
    "Fo'": ((F, Q), OTHER),
}  # fmt: skip
"""Column -> rows and columns of the table of beats."""

WITHOUT_S = ("Nn'", "Vn'", "Fn'", "On'", "Nv", "Vv", "Fv'", "Ov'", "No'", "Vo'", "Fo'")

WIDTHS = {"Nn'": 5, "Vv": 4}
"""Of columns that are not three characters wide."""

EPISODES = "Record  TPs   FN  TPp   FP  ESe E+P DSe D+P  Ref duration  Test duration "

HEADINGS = {
    "beats": ["Record Nn' Sn' Vn' Fn' On'  Ns  Ss  Vs  Fs' Os' Nv  Sv   Vv  Fv' Ov' No' So' Vo'"
              " Fo'  Q Se   Q +P   V Se   V +P   S Se   S +P RR err"],
    "shutdown": ["Record Nx   Sx   Vx   Fx   Qx  % beats  % N    % S    % V    % F   Total"
                 " Shutdown",
                 "                                missed missed missed missed missed      Time"],
    "beats-without-s": ["Record Nn' Vn' Fn' On'  Nv   Vv  Fv' Ov' No' Vo' Fo'  Q Se   Q +P   V Se  "
                        " V +P  V FPR"],
    "shutdown-without-s": ["Record Nx   Vx   Fx   Qx  % beats  % N    % V    % F   Total Shutdown",
                           "                           missed missed missed missed      Time"],
    "runs-ve": ["Record CTs CFN CTp CFP STs SFN STp SFP LTs LFN LTp LFP  CSe C+P SSe S+P LSe L+P"],
    "runs-sve": ["(SVE run detection)",
                 "Record CTs CFN CTp CFP STs SFN STp SFP LTs LFN LTp LFP  CSe C+P SSe S+P LSe L+P"],
    "af": ["(AF detection)", EPISODES],
    "vf": ["(VF detection)", EPISODES],
    "st": ["(Ischemic ST detection, both signals)", EPISODES],
    "measurements": ["(Measurement errors)", "Measurement 0",
                     "Record\tRMS error (%)\tMean reference measurement"],
}  # fmt: skip


def cell(table: np.ndarray, rows: Rows, columns: Rows) -> int:
    """The sum of some cells of a table of beats."""
    return int(table[np.ix_(np.atleast_1d(rows), np.atleast_1d(columns))].sum())


def merged(table: np.ndarray) -> np.ndarray:
    """The table with S as N, as bxb has it without SVEB."""
    table = table.copy()
    table[N] += table[S]
    table[:, N] += table[:, S]
    table[S] = 0
    table[:, S] = 0
    return table


def record_lines(one: RecordPerformance) -> dict[str, list[str]]:
    """Report -> the lines of a record."""
    table, name = one.beats.table, f"{one.record:>4}"
    plain = merged(table)
    found = {
        "beats": [name + counts_text(table, CELLS) + _beat_rates(one)],
        "shutdown": [name + _shutdown(table, one, BEATS)],
        "beats-without-s": [name + counts_text(plain, WITHOUT_S) + _plain_rates(plain)],
        "shutdown-without-s": [name + _shutdown(plain, one, (N, V, F, Q))],
    }
    for kind, runs in one.runs.items():
        found[f"runs-{kind.lower()}"] = [name + _runs(runs)]
    for kind, episodes in one.episodes.items():
        parts = one.fractions[f"{kind} episodes"], one.fractions[f"{kind} duration"]
        shares = [whole_percent(part) for group in parts for part in group.values()]
        counts = (episodes.hits, episodes.missed, episodes.right, episodes.false)
        found[kind.lower()] = [
            f"{one.record:>6}" + "".join(f" {count:4}" for count in counts) + f" {shares[0]:>4}"
            + "".join(f" {share:>3}" for share in shares[1:])
            + f"  {time_text(episodes.ref_time / one.fs)}"
            + f"   {time_text(episodes.test_time / one.fs)}"
        ]  # fmt: skip
    rate = one.measurements.get(0)
    if rate is not None:
        error = "-" if rate.error_percent is None else f"{rate.error_percent:7.4f}"
        mean = "-" if rate.mean is None else f"{rate.mean:g}"
        found["measurements"] = [f"{one.record:>6}\t{error}\t\t{mean}"]
    return found


def counts_text(table: np.ndarray, columns: Iterable[str]) -> str:
    """The counts of some columns."""
    return "".join(f" {cell(table, *CELLS[name]):{WIDTHS.get(name, 3)}}" for name in columns)


def _beat_rates(one: RecordPerformance) -> str:
    parts = [
        one.fractions[group][rate]
        for group in ("QRS", "VEB", "SVEB")
        for rate in ("sensitivity", "predictivity")
    ]
    error = one.beats.rr_error_ms
    return (
        "".join(percent(part) for part in parts) + f" {'-' if error is None else f'{error:.2f}':>6}"
    )


def plain_parts(table: np.ndarray) -> list[Fraction]:
    """Se and +P of QRS and VEB, and FPR of VEB."""
    qrs, veb = beat_rates(qrs_counts(table)), beat_rates(ectopic_counts(table, "VEB"))
    return [*qrs.values(), *veb.values()]


def _plain_rates(table: np.ndarray) -> str:
    *parts, false = plain_parts(table)
    return "".join(percent(part) for part in parts) + percent(false, 3)


def _shutdown(table: np.ndarray, one: RecordPerformance, classes: Sequence[int]) -> str:
    """Beats missed in shutdown, as counts and shares, the time, and all beats by class."""
    missed = {k: int(table[k, X]) for k in classes}
    totals = [int(table[k].sum()) for k in BEATS]
    counted = sum(count for k, count in missed.items() if k != S)
    shares = [(counted, sum(totals)), *((missed[k], totals[k]) for k in classes if k != Q)]
    texts = [percent(part) for part in shares]
    seconds = int(one.beats.shutdown / one.fs + 0.5)
    return (
        "".join(f" {count:4}" for count in missed.values()) + "  " + "".join(texts)
        + f" {seconds:4} seconds " + " ".join(map(str, totals))
    )  # fmt: skip


def run_parts(runs: RunComparison) -> list[Fraction]:
    """Se and +P of couplets, short and long runs."""
    found: list[Fraction] = []
    for least, most in GROUPS.values():
        for table in (runs.sensitivity, runs.predictivity.T):
            rows = table[least : most + 1]
            found.append((int(rows[:, least:].sum()), int(rows.sum())))
    return found


def _runs(runs: RunComparison) -> str:
    parts = run_parts(runs)
    counts = "".join(f" {int(hit):3} {int(whole - hit):3}" for hit, whole in parts)
    first, *rest = map(whole_percent, parts)
    return counts + f" {first:>4}" + "".join(f" {text:>3}" for text in rest)


def percent(part: Fraction, digits: int = 2) -> str:
    """A percentage, seven characters wide; - where it has no value."""
    value = value_of(part)
    return " " + (f"{100 * part[0] / part[1]:6.{digits}f}" if value is not None else f"{'-':>6}")


def whole_percent(part: Fraction) -> str:
    """A percentage without decimals, half up; - where it has no value."""
    return "-" if not part[1] else str(int(100 * part[0] / part[1] + 0.5))


def time_text(seconds: float) -> str:
    """Time as WFDB has it, twelve characters wide: 1:02:03.250."""
    ms = int(1000 * seconds + 0.5)
    if not ms:
        return f"{'0.000':>12}"
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    text = f"{rest // 1000:02}.{rest % 1000:03}"
    return f"{f'{hours}:{minutes:02}:{text}' if hours else f'{minutes}:{text}':>12}"
