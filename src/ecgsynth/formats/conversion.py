"""What became of files that were converted: a row for each, and the manifest of all."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats import contract
from ecgsynth.formats.cells import guarded
from ecgsynth.formats.contract import Format
from ecgsynth.formats.digitise import AUGMENTED
from ecgsynth.signals.columns import start_of
from ecgsynth.signals.ecg import Ecg

MANIFEST = "manifest.csv"
"""In the folder that files are converted to: a row a recording."""


@dataclass
class Row:
    """What became of an item, for the manifest.

    source: its file. file: what was written. rounds: whether amplitudes are rounded. lost: what
    the format does not keep, of `contract.KEEPABLE`. problem: why it was not converted.
    """

    source: str
    file: str = ""
    leads: str = ""
    fs: float = 0.0
    seconds: float = 0.0
    annotations: int = 0
    start: str = ""
    synthetic: bool = False
    rounds: bool = False
    lost: tuple[str, ...] = ()
    problem: str = ""

    def describe(self, ecg: Ecg, kind: type[Format]) -> None:
        """Fill in what the items are, and what the format loses of them."""
        spec, start = ecg.spec, start_of(ecg)
        self.leads, self.fs, self.seconds = " ".join(spec.leads), spec.fs, spec.seconds
        self.annotations = 0 if ecg.marks is None else len(ecg.marks)
        self.start = start.isoformat() if start else ""
        self.synthetic = ecg.synthetic
        self.lost = tuple(contract.lost(kind, ecg))
        if kind.step_mv:
            halves = np.array([2 if lead in AUGMENTED and kind.bits else 1 for lead in spec.leads])
            steps = ecg.signal.astype(np.float64) * halves[:, None] / kind.step_mv
            self.rounds = bool((np.abs(steps - np.round(steps)) > 0.01).any())


@dataclass
class Conversion:
    """What was converted, or would be: a row a recording or set, in the order of the sources."""

    target: str
    kind: type[Format]
    rows: list[Row] = field(default_factory=list)

    @property
    def done(self) -> list[Row]:
        """The rows of what could be converted."""
        return [row for row in self.rows if not row.problem]

    def losses(self) -> Iterator[str]:
        """A sentence for each kind of loss."""
        if any(row.rounds for row in self.done):
            step_uv = 1000 * (self.kind.step_mv or 0)
            yield f"{self.target} has amplitudes in whole steps of {step_uv:g} uV."
        lost = {name for row in self.done for name in row.lost}
        names = [name for name in contract.KEEPABLE if name in lost]
        yield from contract.loss_sentences(names, self.target)

    def check_done(self) -> None:
        """Check that anything could be converted.

        Raises
        ------
        EcgsynthError: nothing could.
        """
        if not self.done:
            reason = next((row.problem for row in self.rows), "it holds no recording.")
            raise EcgsynthError(f"nothing was converted to {self.target}: {reason}")


def write_manifest(rows: list[Row], place: Path) -> None:
    """A row for each recording, with what it lost or why it was left out."""
    with atomic_write(place) as temporary, open(temporary, "w", newline="", encoding="utf-8") as f:
        table = csv.writer(f)
        table.writerow([one.name for one in fields(Row)])
        for row in rows:
            values = ["; ".join(v) if isinstance(v, tuple) else v for v in astuple(row)]
            table.writerow([guarded(v) if isinstance(v, str) else v for v in values])
