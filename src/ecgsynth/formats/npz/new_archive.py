"""An archive while it is written: one growing .npy file an array, which are packed at the end."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.files import atomic_write
from ecgsynth.formats.npz.column import Column, TimeColumn


class NewArchive:
    """The arrays of an archive on the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.columns: dict[str, Column] = {}

    def append(self, arrays: Mapping[str, NDArray]) -> None:
        """Items, or marks, behind those before."""
        for name, values in arrays.items():
            if name not in self.columns:
                self.columns[name] = Column(self._place(name), values)
            self.columns[name].append(values)

    def along_time(self, name: str, like: NDArray) -> TimeColumn:
        """An array [item, lead, sample] whose items come piece by piece; like: one of them."""
        column = self.columns.get(name)
        if not isinstance(column, TimeColumn):
            column = self.columns[name] = TimeColumn(self._place(name), like)
        return column

    def _place(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def finish(self, constants: Mapping[str, Any]) -> None:
        """The last of the growing arrays is there; constants: name -> value of the others."""
        for column in self.columns.values():
            column.finish()
        for name, value in constants.items():
            np.save(self._place(name), np.asarray(value), allow_pickle=False)

    def close(self) -> None:
        for column in self.columns.values():
            column.file.close()


@contextmanager
def new_archive(target: Path) -> Iterator[NewArchive]:
    """An archive that takes its name at the end; its arrays are then twice on the disk."""
    with (
        atomic_write(target) as temporary,
        tempfile.TemporaryDirectory(".part", f".{target.name}.", target.parent) as folder,
    ):
        archive = NewArchive(Path(folder))
        try:
            yield archive
        finally:
            archive.close()
        with zipfile.ZipFile(temporary, "w") as packed:
            for file in sorted(Path(folder).glob("*.npy")):
                # A member's date is left at its default: same content, same bytes.
                with (
                    open(file, "rb") as source,
                    packed.open(zipfile.ZipInfo(file.name), "w", force_zip64=True) as member,
                ):
                    shutil.copyfileobj(source, member, 1 << 20)
                file.unlink()
