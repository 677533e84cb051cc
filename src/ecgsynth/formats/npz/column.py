"""An array on the disk that grows along its first axis."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray


class Column:
    """One .npy file that grows along its first axis.

    Text is kept part by part until the end, because its width in bytes is that of the longest.
    """

    def __init__(self, path: Path, like: NDArray) -> None:
        self.path, self.like, self.count = path, like, 0
        self.text = like.dtype.kind == "U"
        self.widest = like.dtype
        self.parts = 0
        self.file: IO[bytes] = open(path, "w+b")  # noqa: SIM115 (closed by the writer)
        if not self.text:
            self._header()

    def _header(self) -> None:
        shape = (self.count, *self.like.shape[1:])
        described = npy.dtype_to_descr(self.widest)  # type: ignore[no-untyped-call]
        # NumPy pads the header for a first axis that grows: it keeps its length.
        npy.write_array_header_1_0(  # type: ignore[no-untyped-call]
            self.file, {"descr": described, "fortran_order": False, "shape": shape}
        )

    def append(self, values: NDArray) -> None:
        self.count += len(values)
        if self.text:
            np.save(self.file, values, allow_pickle=False)
            self.widest = max(self.widest, values.dtype, key=lambda kind: kind.itemsize)
            self.parts += 1
        else:
            self.file.write(np.ascontiguousarray(values, self.like.dtype).data)

    def finish(self) -> None:
        """Set the true count in the header."""
        self.file.seek(0)
        if not self.text:
            self._header()
            return
        with tempfile.TemporaryFile(dir=self.path.parent) as spool:
            shutil.copyfileobj(self.file, spool)
            spool.seek(0)
            self.file.seek(0)
            self._header()
            for _ in range(self.parts):
                part = np.load(spool, allow_pickle=False)
                self.file.write(part.astype(self.widest).tobytes())
            self.file.truncate()


class TimeColumn(Column):
    """One .npy file [item, lead, sample] whose items come piece by piece along time.

    like: [1, lead, sample], of the kind and shape of every item.
    """

    def __init__(self, path: Path, like: NDArray) -> None:
        super().__init__(path, like)
        self._begin = self.file.tell()

    def write(self, item: int, start: int, values: NDArray) -> None:
        """A piece of an item, [lead, sample], from this sample on."""
        leads, samples = self.like.shape[1:]
        self.count = max(self.count, item + 1)
        for lead, row in enumerate(values.astype(self.like.dtype, copy=False)):
            place = (item * leads + lead) * samples + start
            self.file.seek(self._begin + place * self.like.dtype.itemsize)
            self.file.write(np.ascontiguousarray(row).data)
