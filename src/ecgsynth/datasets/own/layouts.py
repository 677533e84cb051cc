"""Where signals, labels and people lie in the tables of others: arrays of an NPZ, or columns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.formats.npz_foreign import MICROVOLT, band_of, labels_of, r_sample_of

if TYPE_CHECKING:
    import pandas as pd

SIGNALS = ("data", "signal", "signals", "X", "x")
"""Names of an NPZ's signals, looked for in this order where the settings say none."""

UNITS = ("mV", "uV", "normalised")

LEAST = 8
"""Numbered columns that make a signal; fewer are taken for something else."""


class Arrays:
    """An NPZ of others."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.arrays = arrays_of(path)

    def signal(
        self, key: str | None, leads: tuple[str, ...] | None
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        key = key or next((name for name in SIGNALS if name in self.arrays), None)
        if key is None or key not in self.arrays:
            raise _absent(self.path, key or SIGNALS[0], self.arrays, "signal")
        raw = self.arrays[key]
        if raw.dtype.kind not in "fiu" or raw.ndim not in (2, 3):
            raise EcgsynthError(
                f"'{key}' in {self.path.name} is {raw.dtype} of {raw.ndim} dimensions; signals are "
                "numbers, [item, sample] or [item, lead, sample]."
            )
        signal = (raw[:, None] if raw.ndim == 2 else raw).astype(np.float32)
        if leads is None and "leads" in self.arrays:
            leads = tuple(str(name) for name in np.atleast_1d(self.arrays["leads"]))
        if leads is None:
            if signal.shape[1] > 1:
                swapped = signal.shape[1] > signal.shape[2]
                mend = (
                    f"the axes are [item, lead, sample], and '{key}' has {list(raw.shape)}: "
                    "swap the last two"
                    if swapped
                    else "give them, as in data.leads=[I,II]"
                )
                raise EcgsynthError(
                    f"{self.path.name} does not name its {signal.shape[1]} leads; {mend}."
                )
            leads = ("ECG",)
        if signal.shape[1] != len(leads):
            raise EcgsynthError(
                f"{self.path.name} holds {signal.shape[1]} leads and {len(leads)} are named "
                f"({', '.join(leads)}); the axes are [item, lead, sample]."
            )
        return signal, leads

    def column(self, name: str | None, usual: tuple[str, ...], what: str) -> NDArray | None:
        if name is not None and name not in self.arrays:
            raise _absent(self.path, name, self.arrays, what)
        name = name or next((n for n in usual if n in self.arrays), None)
        if name is not None and self.arrays[name].ndim > 1 and self.arrays[name].size > 1:
            raise EcgsynthError(
                f"'{name}' in {self.path.name} is {list(self.arrays[name].shape)}; one word or "
                "number an item is needed (of one-hot labels: label.argmax(1))."
            )
        return None if name is None else _words(self.arrays[name].ravel())

    def number(self, name: str) -> float | None:
        value = self.arrays.get(name)
        return float(value.ravel()[0]) if value is not None and value.size == 1 else None

    def stated(self, samples: int) -> Stated:
        """What else `formats.read` takes from such a file."""
        unit = str(self.arrays["unit"]) if "unit" in self.arrays else None
        if unit is not None and unit.lower() in MICROVOLT:
            unit = "uV"
        if unit not in (None, *UNITS):
            raise EcgsynthError(
                f"{self.path.name} states the unit '{unit}'; known are {', '.join(UNITS)}."
            )
        return Stated(
            unit,
            band_of(self.arrays, self.path),
            r_sample_of(self.arrays, samples, self.path),
            bool("synthetic" in self.arrays and self.arrays["synthetic"].any()),
        )

    def classes(self, count: int) -> tuple[tuple[str, ...], NDArray[np.int64]] | None:
        """Names and a number an item, where the file names its classes."""
        if "classes" not in self.arrays:
            return None
        names, ids = labels_of(self.arrays, count, self.path)
        return tuple(names), ids


@dataclass(frozen=True)
class Stated:
    """What a table says of itself, or nothing; unit: as in `Folder.Settings`."""

    unit: str | None = None
    band: tuple[float | None, float | None] = (None, None)
    r_sample: int | None = None
    synthetic: bool = False


class Frame:
    """A CSV or Parquet file of others: one row an item."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self.frame = _frame(path, kind)

    def signal(
        self, pattern: str | None, leads: tuple[str, ...] | None
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Columns `prefix0 ... prefixN`, or one column of lists, for every lead.

        pattern: the prefix, in which {lead} stands for the name of a lead.
        """
        columns = [str(name) for name in self.frame.columns]
        if pattern is None and leads is None:
            leads = _leads_in(columns)
            if not leads:
                raise EcgsynthError(
                    f"no columns of {self.path.name} are numbered like a signal; say how they "
                    "begin, as in data.signal=ecg_ for ecg_0, ecg_1, ..."
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
            lengths = ", ".join(str(wave.shape[1]) for wave in waves)
            raise EcgsynthError(f"the leads of {self.path.name} differ in length ({lengths}).")
        return np.stack(waves, axis=1), leads

    def _wave(self, prefix: str, columns: list[str]) -> NDArray[np.float32]:
        numbered = {
            int(found[1]): name
            for name in columns
            if (found := re.fullmatch(re.escape(prefix) + r"(\d+)", name))
        }
        try:
            if numbered:
                names = [numbered[k] for k in sorted(numbered)]
                return np.asarray(self.frame[names].to_numpy(np.float32))
            for name in (prefix, prefix.rstrip("_.-")):
                if name in columns:
                    return np.stack([np.asarray(row, np.float32) for row in self.frame[name]])
        except (ValueError, TypeError) as problem:
            raise EcgsynthError(
                f"the columns {prefix}... of {self.path.name} do not all hold numbers of one "
                f"length ({problem}); mend them."
            ) from None
        raise EcgsynthError(
            f"{self.path.name} has no columns {prefix}0, {prefix}1, ...; it begins with "
            f"{', '.join(columns[:6])}."
        )

    def column(self, name: str | None, usual: tuple[str, ...], what: str) -> NDArray | None:
        if name is not None and name not in self.frame:
            raise _absent(self.path, name, self.frame.columns, what)
        name = name or next((n for n in usual if n in self.frame), None)
        return None if name is None else _words(self.frame[name].to_numpy())

    def number(self, name: str) -> float | None:
        if name not in self.frame or self.frame[name].nunique() != 1:
            return None
        return float(self.frame[name].iloc[0])

    def stated(self, samples: int) -> Stated:
        return Stated()

    def classes(self, count: int) -> None:
        return None


def arrays_of(path: Path, only: str | None = None) -> dict[str, NDArray]:
    import zipfile
    import zlib

    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files if only in (None, key)}
    except (OSError, ValueError, EOFError, AttributeError, TypeError) as problem:
        raise damaged(path, problem) from None
    except (zipfile.BadZipFile, zlib.error) as problem:
        raise damaged(path, problem) from None


def _frame(path: Path, kind: str) -> pd.DataFrame:
    import pandas as pd

    try:
        if kind == "parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, comment="#")
    except Exception as problem:  # pandas and pyarrow raise many kinds
        raise damaged(path, problem) from None


def damaged(path: Path, problem: object) -> EcgsynthError:
    text = str(problem).split("\n")[0].rstrip(". ")
    if "allow_pickle" in text:
        text = "pickled objects, which are never opened; save arrays of numbers and text"
    return EcgsynthError(f"{path.name} is damaged or not what its ending says ({text}).")


def _absent(path: Path, name: str, known: Iterable[Any], what: str) -> EcgsynthError:
    """The error for a name that the table has not; said together with the nearest."""
    names = [str(n) for n in known]
    shown = names if len(names) <= 20 else [n for n in names if not re.search(r"\d$", n)][:20]
    return EcgsynthError(
        f"{path.name} has no '{name}' to take the {what} from.{did_you_mean(name, shown)} "
        f"Name it, as in data.{what}=NAME."
    )


def _leads_in(columns: list[str]) -> tuple[str, ...]:
    """Names before `_0`, `_1`, ... of which there are many; in the order of the columns."""
    counts: dict[str, int] = {}
    for name in columns:
        found = re.fullmatch(r"(.+)_\d+", name)
        if found:
            counts[found[1]] = counts.get(found[1], 0) + 1
    return tuple(name for name, count in counts.items() if count >= LEAST)


def _words(values: NDArray) -> NDArray[np.str_]:
    """Labels and names as text: 1.0 and 1 are the same word, nothing is ""."""

    def word(value: Any) -> str:
        if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
            return ""
        if isinstance(value, float | np.floating) and float(value).is_integer():
            return str(int(value))
        return value.decode() if isinstance(value, bytes) else str(value)

    return np.array([word(value) for value in values], np.str_)
