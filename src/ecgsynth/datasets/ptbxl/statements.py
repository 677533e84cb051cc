"""SCP-ECG statements of PTB-XL: a record's statements, their likelihoods, the superclasses."""

from __future__ import annotations

import ast
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecgsynth.errors import EcgsynthError

SUPERCLASSES = {
    "NORM": "normal ECG",
    "MI": "myocardial infarction",
    "STTC": "ST/T change",
    "CD": "conduction disturbance",
    "HYP": "hypertrophy",
}
"""The diagnostic superclasses of Wagner et al. 2020."""

NOT_STATED = 0.0
"""Percent; means "not stated" and never "absent". Every rhythm and form statement has it."""


@dataclass(frozen=True)
class Vocabulary:
    """The statements of `scp_statements.csv`.

    description: statement -> words. superclass: diagnostic statement -> its superclass.
    """

    description: Mapping[str, str]
    superclass: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Every word that a label may be: superclasses first, then statements."""
        return tuple(dict.fromkeys((*SUPERCLASSES, *self.description)))

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read the table of statements.

        Raises
        ------
        EcgsynthError: the file is not there or is not that table.
        """
        rows = read_table(path, ("", "description", "diagnostic", "diagnostic_class"))
        return cls(
            {row[""]: row["description"] for row in rows},
            {row[""]: row["diagnostic_class"] for row in rows if row["diagnostic"] == "1.0"},
        )

    def likelihoods(self, stated: Mapping[str, float]) -> dict[str, float]:
        """Statements and the superclasses that follow -> likelihood, percent (0 = not stated).

        A superclass is as likely as the likeliest of its statements. A statement without a
        likelihood still counts, so a superclass that has only such statements has 0, too.
        """
        found = dict(stated)
        for name, percent in stated.items():
            above = self.superclass.get(name)
            if above:
                found[above] = max(found.get(above, NOT_STATED), percent)
        return found


def parse(text: str) -> dict[str, float]:
    """`scp_codes` of a record, such as "{'NORM': 100.0, 'SR': 0.0}": statement -> percent.

    Raises
    ------
    EcgsynthError: it is not such a text.
    """
    try:
        stated = ast.literal_eval(text)  # a literal, never code
        return {str(name): float(percent) for name, percent in stated.items()}
    except (ValueError, SyntaxError, AttributeError, TypeError, RecursionError, MemoryError):
        raise EcgsynthError(
            f"statements should look like {{'NORM': 100.0, 'SR': 0.0}}; got {text[:60]!r}."
        ) from None


def read_table(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV file that has these columns.

    Raises
    ------
    EcgsynthError: the file is not there, is no text, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise EcgsynthError(f"{path} cannot be read ({reason}); fetch ptbxl again.") from None
    lacking = [name for name in needed if not rows or rows[0].get(name) is None]
    if lacking:
        raise EcgsynthError(
            f"{path} has no column '{lacking[0]}', so it is not PTB-XL's; fetch ptbxl again."
        )
    return rows
