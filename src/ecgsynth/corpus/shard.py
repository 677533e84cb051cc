"""One shard: made from the plan alone, put at its place, and stated by its entry."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ecgsynth.corpus.items import items_of
from ecgsynth.corpus.maker import check_maker
from ecgsynth.corpus.plan import CorpusPlan, Shard
from ecgsynth.corpus.store import Store, open_store
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import write
from ecgsynth.signals.ecg import Ecg

ENTRIES = "entries/"
"""Where an entry a shard lies; a shard with an entry is whole."""


def entry_name(shard: str) -> str:
    """Where the entry of a shard lies."""
    return f"{ENTRIES}{shard}.json"


def make_shard(plan: CorpusPlan, shard: Shard, store: Store) -> dict[str, Any]:
    """Make a shard, put its files and then its entry; returns the entry.

    It is the same bytes whenever it is made, so two processes that make one do no harm.

    Raises
    ------
    EcgsynthError: the items cannot be made, or the place cannot be written.
    """
    from threadpoolctl import threadpool_limits
    from torch import get_num_threads, set_num_threads

    content = _Content()
    threads = get_num_threads()
    set_num_threads(1)  # sums of several threads are rounded otherwise
    try:
        with store.workplace() as folder, threadpool_limits(1):
            name = plan.file_of(shard)
            items = content.counted(items_of(plan, shard.part, shard.start, shard.stop))
            made = write(items, f"{folder}/{name.removeprefix('shards/')}", plan.format)
            files = _put_all(made, name, store)
    finally:
        set_num_threads(threads)
    entry = {
        "shard": shard.name, "part": shard.part, "start": shard.start, "stop": shard.stop,
        "seconds": round(content.seconds, 3), "labels": dict(sorted(content.labels.items())),
        "files": files,
    }  # fmt: skip
    store.write(entry_name(shard.name), json.dumps(entry, indent=1).encode())
    return entry


def make_ordered(order: dict[str, Any]) -> dict[str, Any]:
    """Make the shard that a worker is sent: plan, maker, URL and number, as JSON holds them.

    Raises
    ------
    EcgsynthError: as `make_shard`, or the worker is not like the maker of the others.
    """
    plan = CorpusPlan.from_dict(order["plan"])
    check_maker(order["maker"], plan, _own_name())
    shard = Shard(**order["shard"])
    return make_shard(plan, shard, open_store(order["to"]))


def is_whole(entry: dict[str, Any], sizes: dict[str, int]) -> bool:
    """Whether all files of a shard are there in full length."""
    return all(sizes.get(name) == one["bytes"] for name, one in entry["files"].items())


def read_entries(store: Store, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Name of a shard -> its entry, of those that have one; a damaged one counts as none."""
    found = {}
    for name, content in store.read_all([entry_name(one) for one in names]).items():
        with suppress(ValueError, KeyError, TypeError):
            entry = json.loads(content)
            if entry_name(entry["shard"]) == name and entry["files"]:
                found[entry["shard"]] = entry
    return found


class _Content:
    """Counts what a stream of items holds."""

    def __init__(self) -> None:
        self.seconds, self.labels = 0.0, Counter[str]()

    def counted(self, chunks: Iterable[Ecg]) -> Iterator[Ecg]:
        for chunk in chunks:
            self.seconds += len(chunk) * chunk.spec.seconds
            self.labels.update(chunk.counts())
            yield chunk


def _put_all(written: Path, name: str, store: Store) -> dict[str, dict[str, Any]]:
    """Put the file, or all files of the folder, that a shard is; their bytes and checksums."""
    paths = sorted(p for p in written.rglob("*") if p.is_file()) if written.is_dir() else [written]
    files = {}
    for path in paths:
        below = name
        if written.is_dir():
            below = f"{name.rstrip('/')}/{path.relative_to(written).as_posix()}"
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files[below] = {"bytes": path.stat().st_size, "sha256": digest}
        store.put(path, below)
    if not files:
        raise EcgsynthError(f"the shard {name} has no files; choose another format.")
    return files


def _own_name() -> str:
    """What this worker is called in a sentence."""
    try:
        from distributed import get_worker

        return f"the worker {get_worker().address}"
    except (ImportError, ValueError):
        return "this process"
