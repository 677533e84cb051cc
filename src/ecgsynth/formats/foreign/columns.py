"""Foreign CSV and Parquet: one row an item, samples in numbered columns or in lists."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.foreign.items import TableOptions
from ecgsynth.formats.foreign.text import as_words

log = logging.getLogger("ecgsynth")

LEAST = 8
"""Numbered columns that make a signal; fewer are taken for something else."""

NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?")

INDEX = ("", "index", "Unnamed: 0")
"""Names of the column that pandas numbers rows in."""

MOST_CLASSES = 20
"""A column of more different whole numbers is none of labels."""


class Source(Protocol):
    """What columns are read from."""

    names: list[str]

    def texts(self, name: str) -> NDArray:
        """A column as it stands, [item], or [item, k] where its cells are lists."""
        ...

    def numbers(self, names: Sequence[str]) -> NDArray[np.float32]:
        """[item, column]; NaN where there is none.

        Raises
        ------
        ValueError: they are no numbers.
        """
        ...


class ColumnTable:
    """A foreign CSV or Parquet file as a table."""

    def __init__(self, path: Path, source: Source) -> None:
        self.path, self.source = path, source
        self._samples: set[str] = set()
        counts = Counter(name for name in source.names if name)
        twice = [name for name, count in counts.items() if count > 1]
        if all(map(NUMBER.fullmatch, counts)) and (twice or not all(map(str.isdecimal, counts))):
            raise EcgsynthError(
                f"the first line of {path.name} holds numbers and no names; write a line of names "
                "above it, as in ecg_0,ecg_1,...,label."
            )
        if twice:
            raise EcgsynthError(
                f"{path.name} has two columns of the name '{twice[0]}'; rename or drop one."
            )

    def __iter__(self) -> Iterator[str]:
        return iter(self.source.names)

    def __contains__(self, name: str) -> bool:
        return name in self.source.names

    def values(self, name: str) -> NDArray:
        return self.source.texts(name)

    def distinct_texts(self, name: str) -> list[str]:
        return [word for word in dict.fromkeys(as_words(self.values(name)).tolist()) if word]

    def classes(self) -> tuple[str, ...]:
        return ()

    def band(self) -> tuple[float | None, float | None]:
        return None, None

    def signal(
        self, asked: TableOptions, aside: Sequence[str], fs: float
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Columns `prefix0 ... prefixN`, or one column of lists, for every lead.

        asked.signal: the prefix, in which {lead} stands for the name of a lead; `{lead}_` or
        nothing at all where it is None.
        """
        columns = [name for name in self if name not in aside]
        pattern, leads = asked.signal, asked.leads
        if pattern is None and leads is None:
            leads = leads_in(columns)
            if not leads and sum(name.isdecimal() for name in columns) >= LEAST:
                pattern = ""
            elif not leads:
                raise EcgsynthError(
                    f"no columns of {self.path.name} are numbered like a signal; give their "
                    "prefix, as in data.signal=ecg_ for ecg_0, ecg_1, ..."
                )
        pattern = pattern if pattern is not None else "{lead}_"
        leads = leads or ("ECG",)
        if len(leads) > 1 and "{lead}" not in pattern:
            raise EcgsynthError(
                f"'{pattern}' is the beginning of the columns of one lead; with {len(leads)} leads "
                "write {lead} into it, as in {lead}_."
            )
        waves = [self._wave(pattern.replace("{lead}", lead), columns) for lead in leads]
        if len({wave.shape[1] for wave in waves}) > 1:
            lengths = {lead: wave.shape[1] for lead, wave in zip(leads, waves, strict=True)}
            each = ", ".join(f"{lead} {length}" for lead, length in lengths.items())
            longest = max(lengths, key=lengths.__getitem__)
            raise EcgsynthError(
                f"the leads of {self.path.name} differ in length ({each}); where some are no "
                f"leads, name those that are, as in data.leads=[{longest}]."
            )
        return np.stack(waves, axis=1), leads

    def unread(self, used: Collection[str]) -> list[str]:
        """Names of other columns; of leads that were not asked for only where they are few."""
        leads = leads_in(self.source.names)
        return [
            name for name in self.source.names
            if name not in used and name not in self._samples and name not in INDEX
            and not (name.rpartition("_")[0] in leads and name.rpartition("_")[2].isdecimal())
        ]  # fmt: skip

    def _wave(self, prefix: str, columns: list[str]) -> NDArray[np.float32]:
        """[item, sample] of one lead."""
        found = {
            name: int(number[1])
            for name in columns
            if (number := re.fullmatch(re.escape(prefix) + r"([0-9]+)", name))
        }
        lists = next((name for name in (prefix, prefix.rstrip("_.-")) if name in columns), None)
        if not found and lists is None:
            raise EcgsynthError(
                f"{self.path.name} has no columns {prefix}0, {prefix}1, ...; it begins with "
                f"{', '.join(columns[:6])}."
            )
        names = sorted(found, key=found.__getitem__)
        self._samples |= {*names, lists or ""}
        self._refuse_gaps(prefix, sorted(found.values()))
        try:
            wave = self.source.numbers(names) if found else self.source.texts(str(lists))
            wave = np.asarray(wave, np.float32)
            if wave.ndim != 2:
                raise ValueError("no lists of one length")
        except (ValueError, TypeError) as problem:
            raise EcgsynthError(
                f"the columns {prefix}... of {self.path.name} do not all hold numbers of one "
                f"length ({problem}); mend them."
            ) from None
        if found:
            self._warn_last_column(names[-1], wave)
        return wave

    def _refuse_gaps(self, prefix: str, numbers: list[int]) -> None:
        """Numbers run from 0 or 1 without a gap; a sample that is not there would shift others."""
        if not numbers:
            return
        for one, two in pairwise(numbers):
            if one == two:
                raise EcgsynthError(
                    f"{self.path.name} has two columns for sample {one} of {prefix}...; drop one."
                )
        lacking = sorted(set(range(min(numbers[0], 1), numbers[-1] + 1)) - set(numbers))
        if lacking:
            some = ", ".join(f"{prefix}{k}" for k in lacking[:5])
            raise EcgsynthError(
                f"{self.path.name} lacks the columns {some}{', ...' * (len(lacking) > 5)} between "
                f"{prefix}{min(numbers[0], 1)} and {prefix}{numbers[-1]}; mend the file, or number "
                "its samples anew."
            )

    def _warn_last_column(self, name: str, wave: NDArray[np.float32]) -> None:
        """Warn where the last column looks like a label that was not named."""
        rest, last = wave[:, :-1], wave[:, -1]
        classes = np.unique(last[np.isfinite(last)])
        if not 1 < len(classes) <= MOST_CLASSES or (classes % 1).any():
            return
        if (rest[np.isfinite(rest)] % 1).any():
            log.warning(
                "the column %s of %s holds whole numbers alone, as labels do, and is taken for a "
                "sample; if it is a label, name it, as in data.label=%s.",
                name, self.path.name, name,
            )  # fmt: skip


def leads_in(columns: list[str]) -> tuple[str, ...]:
    """Names before `_0`, `_1`, ... of which there are many; in the order of the columns."""
    counts: dict[str, int] = {}
    for name in columns:
        found = re.fullmatch(r"(.+)_[0-9]+", name)
        if found:
            counts[found[1]] = counts.get(found[1], 0) + 1
    return tuple(name for name, count in counts.items() if count >= LEAST)
