"""Archives of arrays with one fault."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO

import numpy as np

from ecgsynth.formats.breaking import (
    CUT,
    HARMFUL,
    WRONG,
    Broken,
    Files,
    main_of,
    with_main,
)


def archive_faults(files: Files) -> Iterator[Broken]:
    """Arrays that are absent, are cut short, contradict each other, or hold objects."""
    with zipfile.ZipFile(BytesIO(main_of(files))) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    data = arrays["data.npy"]
    without = {name: content for name, content in arrays.items() if name != "data.npy"}
    objects = BytesIO()
    np.save(objects, np.array([{"a": 1}], object), allow_pickle=True)
    half = np.load(BytesIO(data))[..., ::2]
    shorter = BytesIO()
    np.save(shorter, half)
    for name, held, kind, reason in (
        ("no-signal", without, WRONG, "the archive has no signal"),
        ("cut-array", arrays | {"data.npy": data[: len(data) // 2]}, CUT, "an array is cut short"),
        ("fewer-samples", arrays | {"data.npy": shorter.getvalue()}, WRONG,
         "the signal has fewer samples than are stated"),
        ("objects", arrays | {"data.npy": objects.getvalue()}, HARMFUL,
         "an array of objects of Python is not unpickled"),
    ):  # fmt: skip
        yield Broken(name, with_main(files, _zip(held)), kind, reason)


def _zip(arrays: dict[str, bytes]) -> bytes:
    place = BytesIO()
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in arrays.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return place.getvalue()
