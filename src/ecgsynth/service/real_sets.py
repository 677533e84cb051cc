"""Registered data sets that requests may name, and whether they are on this server."""

from __future__ import annotations

from ecgsynth.errors import EcgsynthError, MissingRecordingsError, did_you_mean
from ecgsynth.registry import DATASETS


def known() -> list[str]:
    """Data sets that may be named; not `folder`, whose path would be on the server."""
    return [name for name in DATASETS.names() if name != "folder"]


def check(source: str) -> None:
    """Check that the source is a `NAME:SPLIT` with recordings on this server.

    Raises
    ------
    MissingRecordingsError: they are not. EcgsynthError: no such data set or split.
    """
    name, _, split = source.partition(":")
    if name not in known():
        raise EcgsynthError(f"no data set named '{name}'.{did_you_mean(name, known())}")
    splits = DATASETS.get(name).splits
    if split not in splits:
        raise EcgsynthError(
            f"the data set '{name}' has no split '{split}'.{did_you_mean(split, splits)}"
        )
    if not is_here(name):
        raise MissingRecordingsError(
            f"the server has no recordings of '{name}', so nothing can be compared with them; its "
            f"administrator gets them with `ecgsynth data fetch {name}` or sets "
            "ECGSYNTH_DATA."
        )


def is_here(name: str) -> bool:
    """Whether the recordings of a data set are on this machine; true for simulated ones."""
    from ecgsynth.datasets.fetching import SOURCES
    from ecgsynth.datasets.store import find_folder

    if name not in SOURCES:
        return True
    for marker in SOURCES[name].markers:
        try:
            find_folder(name, marker)
            return True
        except MissingRecordingsError:
            continue
    return False
