"""Foreign NPZ archives: arrays under many names, with axes in several orders."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.foreign.items import TableOptions, missing_name_error
from ecgsynth.formats.foreign.labels import KEYS
from ecgsynth.formats.foreign.text import as_words
from ecgsynth.formats.stream import damaged

SIGNALS = ("data", "signal", "signals", "X", "x")
"""Names of the signals, looked for in this order."""

MOST_LEADS = 15
"""As many rows, or samples, may be the leads of one recording."""

STRIP_S = 2.0
"""Rows that are as long may be; shorter ones are beats."""

OF_THE_FILE = ("classes", "leads", "band")
"""Arrays whose entries are not of items."""

_read_longer_header = np.lib.format.read_array_header_2_0


class Archive:
    """The arrays of an NPZ, each read when it is asked for; nothing is ever unpickled.

    Raises
    ------
    EcgsynthError: no whole archive, or an array that is damaged or holds Python objects.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _errors_as_damage(path):
            if not zipfile.is_zipfile(path):  # a single array, a pickle, the half of an archive
                raise damaged(path, "it is not a whole NPZ archive")
            self.file = np.load(path, allow_pickle=False)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self.file.files)

    def __contains__(self, name: str) -> bool:
        return name in self.file.files

    def __getitem__(self, name: str) -> NDArray:
        with _errors_as_damage(self.path, name):
            array = self.file[name]
        if not isinstance(array, np.ndarray):  # NumPy hands out what it does not know
            raise damaged(self.path, f"'{name}' is no array")
        return array

    def length(self, name: str) -> int:
        """Entries along the first axis, by the header of the array; 0 where it states none."""
        try:
            with _errors_as_damage(self.path), self.file.zip.open(f"{name}.npy") as member:
                first = np.lib.format.read_magic(member) == (1, 0)
                read = np.lib.format.read_array_header_1_0 if first else _read_longer_header
                shape = read(member)[0]
        except EcgsynthError:
            return 0  # nobody asks for it, so its damage does no harm
        return shape[0] if shape else 0

    @property
    def own(self) -> bool:
        """Whether ecgsynth wrote it: it states a spec as text."""
        return "spec" in self and self["spec"].dtype.kind == "U" and not self["spec"].shape


@contextmanager
def _errors_as_damage(path: Path, name: str = "") -> Iterator[None]:
    """Whatever NumPy and zipfile raise over a file becomes the error of a damaged one."""
    try:
        yield
    except Exception as problem:  # of many kinds, as of a header that is no Python
        if name and "allow_pickle" in str(problem):
            raise EcgsynthError(
                f"'{name}' in {path.name} holds Python objects, which are never opened; save "
                "numbers of one length as np.stack(...), and text as np.array(..., str)."
            ) from None
        raise damaged(path, problem) from None


class ArrayTable:
    """A foreign archive as a table."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.path = archive, archive.path
        self._signal, self._items = "", 0

    def __iter__(self) -> Iterator[str]:
        return iter(self.archive)

    def __contains__(self, name: str) -> bool:
        return name in self.archive

    def values(self, name: str) -> NDArray:
        return self.archive[name]

    def distinct_texts(self, name: str) -> list[str]:
        return [
            word for word in dict.fromkeys(as_words(self.archive[name].ravel()).tolist()) if word
        ]

    def _names(self, key: str) -> tuple[str, ...]:
        return tuple(as_words(np.atleast_1d(self.archive[key])).tolist()) if key in self else ()

    def classes(self) -> tuple[str, ...]:
        return self._names("classes")

    def band(self) -> tuple[float | None, float | None]:
        band = self.archive["band"] if "band" in self else np.zeros(2)
        if band.shape != (2,) or band.dtype.kind not in "iuf":
            raise EcgsynthError(
                f"'band' of {self.path.name} must be two numbers in Hz, 0 for an open edge."
            )
        low, high = (float(edge) if edge > 0 else None for edge in band)  # NaN is open, too
        return low, high

    def signal(
        self, asked: TableOptions, aside: Sequence[str], fs: float
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Takes [item, sample], [item, lead, sample], [item, sample, lead], and of one recording
        whose leads are named [lead, sample] and [sample, lead]."""
        key = asked.signal or next((name for name in SIGNALS if name in self), None)
        if key is None or key not in self:
            raise missing_name_error(self, key or SIGNALS[0], "signal")
        raw = self.archive[key]
        if raw.dtype.kind not in "fiu" or raw.ndim not in (2, 3):
            raise EcgsynthError(
                f"'{key}' in {self.path.name} is {raw.dtype} of shape {list(raw.shape)}; signals "
                "are numbers, [item, sample] or [item, lead, sample]."
            )
        own = self._names("leads")
        names = own or asked.leads
        if raw.ndim == 2 and not names:
            self._refuse_one_recording(raw, key, aside, fs)
        signal = self._to_item_lead_sample(raw, key, names)
        with np.errstate(over="ignore"):
            signal = np.ascontiguousarray(signal, np.float32)
        self._signal, self._items = key, len(signal)
        leads = names or _default_leads(signal.shape[1])
        if not own or asked.leads in (None, own):
            return signal, leads
        assert asked.leads is not None
        return signal[:, _lead_rows(own, asked.leads, self.path)], asked.leads

    def _refuse_one_recording(
        self, raw: NDArray, key: str, aside: Sequence[str], fs: float
    ) -> None:
        """Rows without names of leads are items, unless they may as well be one recording."""
        shape = f"'{key}' in {self.path.name} is {list(raw.shape)}"
        rows, samples = raw.shape
        if samples <= MOST_LEADS:
            raise EcgsynthError(
                f"{shape}: {rows} items of {samples / fs:.2g} s, or one recording [sample, lead] "
                f"of {samples} leads? Save the recording as data.T[None], with leads=[...]."
            )
        per_item = any(self.values(name).shape[:1] == (rows,) for name in aside)
        if 1 < rows <= MOST_LEADS and samples >= STRIP_S * fs and not per_item:
            raise EcgsynthError(
                f"{shape}: {rows} items, or one recording of {rows} leads? Save items as data[:, "
                "None], and a recording as data[None] with leads=[...]."
            )

    def unread(self, used: Collection[str]) -> list[str]:
        """Names of arrays with an entry per item that are neither used nor the signal."""
        aside = {*used, *SIGNALS, *KEYS, *OF_THE_FILE, self._signal}
        others = [name for name in self if name not in aside]
        return [name for name in others if self.archive.length(name) == self._items]

    def _to_item_lead_sample(
        self, raw: NDArray, key: str, names: tuple[str, ...] | None
    ) -> NDArray:
        """[item, lead, sample] of whatever order."""
        shape = f"'{key}' in {self.path.name} is {list(raw.shape)}"
        if not names or (len(names) == 1 and raw.ndim == 2):
            if raw.ndim == 2:
                return raw[:, None]
            if raw.shape[2] == 1 < raw.shape[1]:
                return raw.swapaxes(1, 2)
            if raw.shape[1] > raw.shape[2]:
                raise EcgsynthError(
                    f"{shape}: {raw.shape[1]} leads of {raw.shape[2]} samples? The axes are [item, "
                    "lead, sample]; swap the last two, or name the leads."
                )
            return raw
        places = [k for k in range(raw.ndim) if raw.shape[k] == len(names) and (k or raw.ndim == 2)]
        if not places or (raw.ndim == 2 and len(places) > 1):
            raise EcgsynthError(
                f"{shape}, which does not fit {len(names)} leads ({', '.join(names)}); its axes "
                "must be [item, lead, sample]."
            )
        raw = raw[None] if raw.ndim == 2 else raw
        return raw if raw.shape[1] == len(names) else raw.swapaxes(1, 2)


def _default_leads(leads: int) -> tuple[str, ...]:
    """Names of leads that have none."""
    return ("ECG",) if leads == 1 else tuple(f"lead{k + 1}" for k in range(leads))


def _lead_rows(own: tuple[str, ...], asked: tuple[str, ...], path: Path) -> list[int]:
    lacking = [lead for lead in asked if lead not in own]
    if lacking:
        raise EcgsynthError(
            f"{path.name} has no lead {', '.join(lacking)}; it has {', '.join(own)}."
        )
    return [own.index(lead) for lead in asked]
