"""Measure the shipped reference: what is known of real held-out beats where no recordings are.

Run `python -m benchmarks.reference`; it needs the MIT-BIH recordings and takes an hour of one core.
The file holds moments, spectra, histograms and the figures of the controls and of 500 real samples;
no single beat.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ecgsynth.datasets import load
from ecgsynth.evaluation.baselines.calibration import Calibration
from ecgsynth.evaluation.baselines.statistics import Reference, histogram, rr_histogram
from ecgsynth.evaluation.judge import calibrate
from ecgsynth.registry import METRICS
from ecgsynth.signals.anonymity import PEOPLE, people_of
from ecgsynth.signals.ecg import Ecg

HOME = Path(__file__).parents[1] / "src" / "ecgsynth" / "pretrained" / "references"
CLASSES, BAND = ("N", "S", "V", "F"), (None, 40.0)
LARGEST = 1_500_000
"""Bytes that the file may take in the package."""
TIERS = ((1000, True), (1000, False))
"""Items a class, and whether by the quick procedures."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--source", default="mitbih:heldout")
    options.add_argument("--train", default="mitbih:train")
    options.add_argument("--to", type=Path, default=None)
    given = options.parse_args()
    path = given.to or HOME / f"{given.source.replace(':', '-')}.safetensors"
    console = Console()
    like = load(given.source, classes=CLASSES, band=BAND).spec
    calibrations = []
    for count, quick in TIERS:
        known, one = calibrate(given.source, given.train, like, count, quick=quick)
        calibrations.append(one)
        show(one, console)
    known = replace(known, calibrations=calibrations, train=given.train)
    of_many(known, load(given.source, classes=CLASSES, band=BAND)).save(path)
    size = path.stat().st_size
    console.print(f"{path}: {size} bytes")
    if size > LARGEST:
        raise SystemExit(f"the file is larger than {LARGEST} bytes")


def of_many(known: Reference, ecg: Ecg) -> Reference:
    """The statistics without those that fewer than PEOPLE people gave.

    A class of fewer has none. The items of a bin in which fewer have any stand in the nearest bin
    of enough people; where these are more than a tenth of all, the class has no such histogram.
    """
    ecg, statistics = ecg.quantised(), {}
    for name, parts in known.statistics.items():
        items = ecg.of_class(name)
        person = people_of(items)
        each = [items[np.flatnonzero(person == one)] for one in np.unique(person)]
        if len(each) < PEOPLE:
            continue
        kept = dict(parts)
        for part, measure in (("amplitude", histogram), ("rr", rr_histogram)):
            by_person = [found for one in each if (found := measure(one)) is not None]
            people = (np.array(by_person) > 0).sum(0)
            moved = in_bins_of_many(kept.pop(part), people)
            if moved is not None:
                kept[part] = moved
        statistics[name] = kept
    return replace(known, statistics=statistics)


def in_bins_of_many(shares: NDArray, people: NDArray) -> NDArray | None:
    """A histogram, [bin], with all its items in bins of PEOPLE people and more; None where over a
    tenth of them had to move."""
    enough = np.flatnonzero(people >= PEOPLE)
    if not len(enough) or shares[enough].sum() < 0.9 * shares.sum():
        return None
    nearest = enough[np.abs(np.arange(len(shares))[:, None] - enough).argmin(1)]
    return np.bincount(nearest, shares, len(shares))


def show(one: Calibration, console: Console) -> None:
    """The controls as a table, one row per metric and class."""
    counts = ", ".join(f"{name} {count}" for name, count in one.counts.items())
    table = Table(title=f"controls at {counts}" + (" (quick)" if one.quick else ""))
    for head in ("metric", "of", "goal", *one.figures):
        table.add_column(head)
    names = sorted({name for cells in one.figures.values() for name in cells})
    for name in names:
        groups = [*dict.fromkeys(g for c in one.figures.values() for g in c.get(name, {}))]
        for group in groups:
            values = [cells.get(name, {}).get(group) for cells in one.figures.values()]
            shown = ["-" if value is None else f"{value:.3g}" for value in values]
            table.add_row(name, group, METRICS.get(name).goal, *shown)
    console.print(table)


if __name__ == "__main__":
    main()
