"""Where recordings lie on this machine, and the cache of what was parsed from them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import MissingRecordingsError
from ecgsynth.files import expand_home, make_folder

log = logging.getLogger("ecgsynth")

CACHE_VERSION = 3
"""Part of every cache key; raise it when parsing changes."""


def data_root() -> Path:
    """`ECGSYNTH_DATA`, or the user's cache folder."""
    named = os.environ.get("ECGSYNTH_DATA")
    if named:
        return expand_home(named)
    from platformdirs import user_cache_path

    return user_cache_path("ecgsynth") / "data"


def find_folder(name: str, marker: str, root: Path | None = None) -> Path:
    """The folder of a data set: the one below the data root that holds the file `marker`.

    Raises
    ------
    EcgsynthError: the data set is not on this machine.
    """
    root = root or data_root()
    for folder in (root / name, root):
        if (folder / marker).is_file():
            return folder
    for folder in (root / name, root):
        found = sorted(folder.glob(f"*/{marker}"))
        if found:
            return found[0].parent
    raise MissingRecordingsError(
        f"no recordings of '{name}' below {root} (looked for {marker}); get them with "
        f"`ecgsynth data fetch {name}`, or point ECGSYNTH_DATA to a folder that has them."
    )


def stamp(files: Iterable[Path]) -> list[list[Any]]:
    """Name, size and time of change of files: a cache key that notices a repaired recording."""
    rows = []
    for file in sorted(files):
        status = file.stat()
        rows.append([file.name, status.st_size, status.st_mtime_ns])
    return rows


def cached_arrays(
    name: str, key: dict[str, Any], build: Callable[[], tuple[dict[str, NDArray], dict[str, Any]]]
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """The arrays that `build` makes, memory-mapped from the cache when they were made before.

    name: prefix of the cache folder; key: everything that the arrays depend on;
    build: returns (arrays, facts), where facts is a JSON-able dict.
    A cache that cannot be written costs time, not the result.
    """
    text = json.dumps([CACHE_VERSION, key], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    folder = data_root() / "cache" / f"{name}-{digest}"
    if os.path.isfile(folder / "facts.json"):
        try:
            facts = json.loads((folder / "facts.json").read_text())
            arrays = {n: np.load(folder / f"{n}.npy", mmap_mode="r") for n in facts["arrays"]}
            return arrays, facts["facts"]
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            log.warning("the cache %s is damaged and is made anew.", folder)
            shutil.rmtree(folder, ignore_errors=True)
    arrays, facts = build()
    try:
        make_folder(folder.parent)
        temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
        try:
            for part, array in arrays.items():
                np.save(temporary / f"{part}.npy", array)
            (temporary / "facts.json").write_text(json.dumps({"arrays": [*arrays], "facts": facts}))
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as problem:
        if not os.path.isdir(folder):  # another process may have been first; that is as good
            log.warning("the parsed recordings could not be cached in %s: %s", folder, problem)
    return arrays, facts
