"""Figures of EC57 from counts: sensitivity, positive predictivity, false positive rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.scoring.rules import BEATS, CLASSES, F, O, Q, S, V, X

Fraction = tuple[float, float]
"""Part and whole of a figure; it has no value where the whole is 0."""

LEFT_OUT = {"VEB": (V, (F, Q)), "SVEB": (S, (Q,))}
"""Figure -> its class, and the true classes of which a false alarm is no error."""


def beat_table(confusion: NDArray[np.integer[Any]], classes: Sequence[str]) -> NDArray[np.int64]:
    """A confusion matrix [true, predicted] by some AAMI classes as a table by `CLASSES`."""
    table = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    at = [CLASSES.index(name) for name in classes]
    table[np.ix_(at, at)] = confusion
    return table


def qrs_counts(table: NDArray[np.int64]) -> dict[str, int]:
    """TP, FN and FP of beats of any class; those in a shutdown count."""
    paired = table[np.ix_(BEATS, BEATS)].sum()
    missed = table[np.ix_(BEATS, (O, X))].sum()
    extra = table[np.ix_((O, X), BEATS)].sum()
    return {"TP": int(paired), "FN": int(missed), "FP": int(extra)}


def ectopic_counts(table: NDArray[np.int64], name: str) -> dict[str, int]:
    """TP, FN, FP and TN of `VEB` or `SVEB` (EC57, 4.3.2 and 4.3.3).

    A fusion or unclassifiable beat that is called V enters no figure of VEB, an unclassifiable one
    that is called S none of SVEB. EC57 has no TN of SVEB; it is made as that of VEB.
    """
    own, left_out = LEFT_OUT[name]
    others = [k for k in range(len(CLASSES)) if k != own]
    counted = [k for k in others if k not in left_out]
    called = [k for k in BEATS if k != own]
    return {
        "TP": int(table[own, own]), "FN": int(table[own, others].sum()),
        "FP": int(table[counted, own].sum()), "TN": int(table[np.ix_(others, called)].sum()),
    }  # fmt: skip


def beat_rates(counts: Mapping[str, int]) -> dict[str, Fraction]:
    """Sensitivity, positive predictivity and, where TN is known, the false positive rate."""
    hit, miss, false = (counts[name] for name in ("TP", "FN", "FP"))
    found: dict[str, Fraction] = {
        "sensitivity": (hit, hit + miss), "predictivity": (hit, hit + false)
    }  # fmt: skip
    if "TN" in counts:
        found["false_positive_rate"] = (false, false + counts["TN"])
    return found


def value_of(fraction: Fraction) -> float | None:
    """Part by whole; None where the whole is 0."""
    return float(fraction[0] / fraction[1]) if fraction[1] else None


def summarise(
    whole: Mapping[str, Fraction], records: Iterable[Mapping[str, Fraction]]
) -> dict[str, dict[str, Any]]:
    """Gross and average of every figure.

    Gross: of the sums over all records (`whole`). Average: the plain mean of the records that have
    the figure; `records` is their number.
    """
    found, each = {}, list(records)
    for name, fraction in whole.items():
        values = [value for one in each if (value := value_of(one[name])) is not None]
        found[name] = {
            "gross": value_of(fraction), "average": mean(values), "records": len(values)
        }  # fmt: skip
    return found


def mean(values: Sequence[float]) -> float | None:
    """The plain mean; None of nothing."""
    return sum(values) / len(values) if values else None


def total(records: Sequence[Mapping[str, Fraction]]) -> dict[str, Fraction]:
    """The sums of parts and wholes over records."""
    names = records[0] if records else ()
    return {
        name: (sum(one[name][0] for one in records), sum(one[name][1] for one in records))
        for name in names
    }


def ectopic_of(
    tables: Sequence[NDArray[np.integer[Any]]],
    classes: Sequence[str] = CLASSES,
    whole: NDArray[np.integer[Any]] | None = None,
) -> dict[str, Any]:
    """Name -> counts, gross and average figures of VEB and SVEB, as far as `classes` has them.

    tables: [true class, predicted class] beats of every record, by `classes`. whole: those of all
    beats, where some are of no record; else the sum.
    """
    whole = np.sum(tables, axis=0) if whole is None else whole
    found: dict[str, Any] = {}
    for name, (label, _) in LEFT_OUT.items():
        if CLASSES[label] not in classes:
            continue
        counts = ectopic_counts(beat_table(whole, classes), name)
        each = [beat_rates(ectopic_counts(beat_table(one, classes), name)) for one in tables]
        found[name] = {"counts": counts, **summarise(beat_rates(counts), each)}
    return found
