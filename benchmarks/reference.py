"""Measure the shipped reference: what is known of real held-out beats where no recordings are.

Run `python benchmarks/reference.py`; it needs the MIT-BIH recordings and takes about a minute.
The file holds moments, spectra, histograms and the figures of the controls; no single beat.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ecgsynth.datasets import load
from ecgsynth.evaluation.judge import calibrate
from ecgsynth.evaluation.reference import Reference
from ecgsynth.registry import METRICS

HOME = Path(__file__).parents[1] / "src" / "ecgsynth" / "pretrained" / "references"
CLASSES = ("N", "S", "V", "F")
LARGEST = 300_000
"""Bytes that the file may take in the package."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--source", default="mitbih:heldout")
    options.add_argument("--train", default="mitbih:train")
    options.add_argument("--count", type=int, default=1000, help="items per class, at most")
    options.add_argument("--to", type=Path, default=None)
    given = options.parse_args()
    path = given.to or HOME / f"{given.source.replace(':', '-')}.safetensors"
    console = Console()
    like = load(given.source, classes=CLASSES).spec
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("judging the controls", total=1.0)
        known = calibrate(
            given.source, given.train, like, given.count,
            advance=lambda what, share: bar.update(task, description=what, completed=share),
        )  # fmt: skip
    known.save(path)
    show(known, console)
    size = path.stat().st_size
    console.print(f"{path}: {size} bytes")
    if size > LARGEST:
        raise SystemExit(f"the file is larger than {LARGEST} bytes")


def show(known: Reference, console: Console) -> None:
    """The controls as a table, one row per metric and class."""
    sizes = ", ".join(f"{name} {count}" for name, count in known.calibrated.items())
    table = Table(title=f"{known.source}: controls at {sizes}")
    for head in ("metric", "of", "goal", *known.calibration):
        table.add_column(head)
    names = sorted({name for cells in known.calibration.values() for name in cells})
    for name in names:
        groups = [*dict.fromkeys(g for c in known.calibration.values() for g in c.get(name, {}))]
        for group in groups:
            values = [cells.get(name, {}).get(group) for cells in known.calibration.values()]
            shown = ["-" if value is None else f"{value:.3g}" for value in values]
            table.add_row(name, group, METRICS.get(name).goal, *shown)
    console.print(table)


if __name__ == "__main__":
    main()
