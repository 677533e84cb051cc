"""Figures of a classifier on other people, with intervals over people."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate
from ecgsynth.evaluation.auc import auc, auc_over
from ecgsynth.evaluation.intervals import DOMINANT_SHARE, units
from ecgsynth.evaluation.scores import scores
from ecgsynth.scoring.figures import ectopic_of
from ecgsynth.signals.ecg import Ecg

BINS = 15
"""Of confidence, equally wide; as Guo et al., ICML 2017."""

LARGE_RECORD = "232"
"""The MIT-BIH record with three quarters of the S beats of DS2; S is also reported without it."""

ONE_PATIENT = "one patient"


def report(test: Ecg, probability: NDArray[np.floating]) -> dict[str, Any]:
    """Every figure of a classifier on a test set, JSON-able.

    Per class: items, people, the largest one's share, sensitivity, positive predictivity, F1 and
    AUROC (with 95 % intervals over people; none where one of them gives over 80 % of the
    class). Macro F1 over N, S, V and over all classes; confusion matrix; calibration; records; VEB
    and SVEB by the rules of EC57 (`ectopic`). Of items that carry several classes: AUROC alone.

    test: [item] with the classifier's classes. probability: [item, class].
    """
    estimates = scores(test, probability[None])
    found: dict[str, Any] = {
        "source": test.source,
        "items": len(test),
        "people": count_people(test),
        "classes": _classes(test, probability, estimates),
        "macro": _macro(test, estimates),
    }
    if test.spec.multilabel:
        return found
    found["confusion"] = confusion(test, probability).tolist()
    found["calibration"] = calibration(test, probability)
    found["records"] = _records(test, probability)
    found["ec57"] = ectopic(test, probability)
    if test.record is not None and "S" in test.spec.classes and LARGE_RECORD in test.record:
        rest = test.record != LARGE_RECORD
        some = scores(test[rest], probability[None, rest])
        found["without_232"] = {
            "S": _classes(test[rest], probability[rest], some)["S"],
            "macro": _macro(test[rest], some),
        }
    return found


def confusion(test: Ecg, probability: NDArray[np.floating]) -> NDArray[np.int64]:
    """[true class, predicted class] items."""
    count = len(test.spec.classes)
    cell = test.labels_id * count + probability.argmax(1)
    return np.bincount(cell, minlength=count * count).reshape(count, count)


def ectopic(test: Ecg, probability: NDArray[np.floating]) -> dict[str, Any]:
    """VEB and SVEB by the rules of ANSI/AAMI EC57: see `ecgsynth.scoring.figures.ectopic_of`.

    Every beat was detected, so nothing is missed or extra.
    """
    names = test.record if test.record is not None else test.patient
    rows = [np.flatnonzero(names == one) for one in np.unique(names)] if names is not None else []
    tables = [confusion(test[at], probability[at]) for at in rows]
    return ectopic_of(tables, test.spec.classes, confusion(test, probability))


def calibration(test: Ecg, probability: NDArray[np.floating]) -> dict[str, Any]:
    """Expected calibration error and the table that it comes from.

    Of the likeliest class: how sure the classifier is, and how often it is right, by bins of
    confidence; the error is the mean gap, weighted by items (Guo et al., ICML 2017).
    """
    sure, right = probability.max(1), probability.argmax(1) == test.labels_id
    place = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    items = np.bincount(place, minlength=BINS)
    some = np.maximum(items, 1)
    confidence = np.bincount(place, sure, BINS) / some
    accuracy = np.bincount(place, right, BINS) / some
    error = float((items * np.abs(confidence - accuracy)).sum() / len(test))
    table = [
        {"from": k / BINS, "to": (k + 1) / BINS, "items": int(items[k]),
         "confidence": float(confidence[k]), "accuracy": float(accuracy[k])}
        for k in np.flatnonzero(items)
    ]  # fmt: skip
    return {"expected_error": error, "bins": table}


def _macro(test: Ecg, estimates: dict[str, Estimate]) -> dict[str, Any]:
    """Means over N, S, V and over all classes; none where a class of them has no items."""
    counts, found = test.counts(), {}
    for group, name, over in (("NSV", "macro NSV", "NSV"), ("all", "all", test.spec.classes)):
        if name in estimates and all(counts[one] for one in over):
            found[group] = estimate_json(estimates[name])
    return found


def count_people(test: Ecg) -> int | None:
    """The number of people of a set; None where it names none."""
    return None if test.patient is None else len(np.unique(test.patient))


def _classes(
    test: Ecg, probability: NDArray[np.floating], estimates: dict[str, Estimate]
) -> dict[str, dict[str, Any]]:
    table = None if test.spec.multilabel else confusion(test, probability)
    found = {}
    for k, (name, facts) in enumerate(test.people_per_class().items()):
        row: dict[str, Any] = dict(facts)
        truth = np.asarray(test.label)[:, k] > 0
        row["auroc"] = estimate_json(auroc(truth, probability[:, k], test, facts))
        if table is not None:
            row["sensitivity"] = _ratio(table[k, k], table[k].sum())
            row["predictivity"] = _ratio(table[k, k], table[:, k].sum())
            row["f1"] = estimate_json(estimates[name]) if facts["items"] else None
        found[name] = row
    return found


def auroc(truth: NDArray, score: NDArray, test: Ecg, facts: dict[str, float]) -> Estimate:
    """AUROC of a class with its interval over people; facts: as of `people_per_class`."""
    value = auc(truth, score)
    if not np.isfinite(value):
        return Estimate(value)
    if facts.get("largest_share", 0) > DOMINANT_SHARE:
        return Estimate(value, note=ONE_PATIENT)
    return auc_over(truth, [score], [units(test)])


def _records(test: Ecg, probability: NDArray[np.floating]) -> list[dict[str, Any]]:
    """Per record (or person): items, share that is right, and both rates of every class there."""
    names = test.record if test.record is not None else test.patient
    found = []
    for name in np.unique(names) if names is not None else ():
        rows = np.flatnonzero(names == name)
        table = confusion(test[rows], probability[rows])
        classes = {
            one: {
                "items": int(table[k].sum()),
                "sensitivity": _ratio(table[k, k], table[k].sum()),
                "predictivity": _ratio(table[k, k], table[:, k].sum()),
            }
            for k, one in enumerate(test.spec.classes)
        }
        right = float(np.trace(table) / table.sum())
        found.append({"record": str(name), "items": len(rows), "right": right, "classes": classes})
    return found


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def estimate_json(estimate: Estimate) -> dict[str, Any] | None:
    """The estimate as JSON; None where it has no value."""
    if not np.isfinite(estimate.value):
        return None
    found: dict[str, Any] = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return found | ({"note": estimate.note} if estimate.note else {})
