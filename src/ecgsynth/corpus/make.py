"""Make, verify and merge corpora."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgsynth.arguments import as_list, check_callback, check_integer, check_text, quote
from ecgsynth.corpus import manifest as manifests
from ecgsynth.corpus.describe import describe
from ecgsynth.corpus.engine import orders_of, run_here, run_on_dask
from ecgsynth.corpus.items import check_part
from ecgsynth.corpus.maker import maker_of
from ecgsynth.corpus.plan import CorpusPlan, Shard
from ecgsynth.corpus.shard import is_whole, read_entries
from ecgsynth.corpus.store import Store, open_store
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import contract
from ecgsynth.signals.ecg import Ecg
from ecgsynth.threads import available_cores

log = logging.getLogger("ecgsynth")

MOST_WORKERS = 10_000

Count = Callable[[int, int], None]
"""Called with (items that are there, items of all)."""


@dataclass(frozen=True)
class Corpus:
    """A corpus as far as it is made.

    url: where it lies. manifest: what `corpus.json` holds. new, missing: shards that this call
    made, and that no call made so far.
    """

    url: str
    manifest: dict[str, Any]
    new: int
    missing: int

    @property
    def checksum(self) -> str:
        """SHA-256 over all files; of an incomplete corpus that of none."""
        return str(self.manifest["checksum"])


def make_corpus(
    plan: CorpusPlan | str | Path,
    to: str | Path,
    *,
    workers: int | None = None,
    scheduler: str = "local",
    shards: tuple[int, int] | None = None,
    advance: Count | None = None,
    note: Callable[[str], None] = log.info,
) -> Corpus:
    """Make a corpus, or what is missing of it.

    A script that calls it with several workers does so under `if __name__ == "__main__":`, as
    each is a process.

    Parameters
    ----------
    plan: a `CorpusPlan`, a shipped plan's name or a YAML file. to: a folder, or a URL of fsspec.
    workers: processes; 1 = this process, without Dask; cores when left out. scheduler: local,
    slurm, or the address of a Dask scheduler, as in tcp://host:8786. shards: only these, from the
    first to the last, as several machines share a plan without a scheduler. advance: called with
    the items that are there and those of all. note: called with the address of Dask's dashboard.

    Raises
    ------
    EcgsynthError: the plan asks for what cannot be made; the place holds a corpus of another plan
        or maker, is full or cannot be written; the scheduler does not answer.
    """
    plan = plan if isinstance(plan, CorpusPlan) else CorpusPlan.read(plan)
    check_callback(advance, "advance")
    check_callback(note, "note")
    scheduler = check_text(scheduler, "the scheduler")
    if scheduler not in ("local", "slurm") and "://" not in scheduler:
        raise EcgsynthError(
            f"the scheduler is local, slurm or an address, as in tcp://host:8786; got {scheduler}."
        )
    count = available_cores() if workers is None else check_integer(workers, "workers", 1)
    store, every = open_store(to), list(plan.shards())
    wanted = _wanted(every, shards)
    first = check_plan(plan)
    maker = maker_of(plan)
    manifests.begin(store, plan, maker)
    entries = whole_entries(store, every)
    missing = [one for one in wanted if one.name not in entries]
    total = sum(map(len, wanted))
    there = total - sum(map(len, missing))

    def done(entry: dict[str, Any]) -> None:
        nonlocal there
        there += entry["stop"] - entry["start"]
        if advance is not None:
            advance(there, total)

    if advance is not None:
        advance(there, total)
    orders = orders_of(plan, missing, maker, store.url)
    if scheduler == "local" and min(count, len(missing)) < 2:
        run_here(orders, done)
    else:
        most = min(count, MOST_WORKERS, max(1, len(missing)))
        run_on_dask(orders, scheduler, most, done, note)
    return finish(store, plan, maker, first, len(missing))


def check_plan(plan: CorpusPlan) -> dict[str, Ecg]:
    """The first item of every part, so that a plan fails before and not within long work.

    Raises
    ------
    EcgsynthError: a part asks for what its model, rhythm or format does not have.
    """
    kind, first = contract.named(plan.format), {}
    for name in plan.parts:
        try:
            first[name] = check_part(plan, name)
            contract.refuse(kind, first[name].spec, None)
            kind.check(first[name])
        except EcgsynthError as problem:
            raise EcgsynthError(f"part {name} of the plan: {problem}") from None
    return first


def _wanted(every: list[Shard], shards: tuple[int, int] | None) -> list[Shard]:
    if shards is None:
        return every
    pair = as_list(shards)
    if pair is None or len(pair) != 2:
        raise EcgsynthError(
            f"shards are the first and the last, as in (0, 99); got {quote(shards)}."
        )
    first = check_integer(pair[0], "the first shard", 0, len(every) - 1)
    last = check_integer(pair[1], "the last shard", first, len(every) - 1)
    return every[first : last + 1]


def whole_entries(store: Store, every: list[Shard]) -> dict[str, dict[str, Any]]:
    """Entries of the shards that are whole, by name."""
    sizes = store.sizes()
    there = [one for one in every if f"entries/{one.name}.json" in sizes]
    found = read_entries(store, [one.name for one in there])
    return {name: entry for name, entry in found.items() if is_whole(entry, sizes)}


def finish(
    store: Store, plan: CorpusPlan, maker: dict[str, Any], first: dict[str, Ecg], new: int
) -> Corpus:
    """The corpus as it lies there now; once all shards are there, with its manifest and cards.

    first: the first item of every part.
    """
    every = list(plan.shards())
    entries = whole_entries(store, every)
    missing = len(every) - len(entries)
    if missing:
        return Corpus(store.url, manifests.need_manifest(store), new, missing)
    manifest = manifests.write_manifest(store, plan, maker, [entries[one.name] for one in every])
    describe(store, plan, manifest, first)
    return Corpus(store.url, manifest, new, 0)
