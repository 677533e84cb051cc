"""A corpus verified, file by file, and corpora of one plan merged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgsynth.arguments import as_list, check_callback, check_flag, check_path, check_text, quote
from ecgsynth.corpus import manifest as manifests
from ecgsynth.corpus.describe import CROISSANT, FILES, croissant_problem
from ecgsynth.corpus.make import Corpus, check_plan, finish, whole_entries
from ecgsynth.corpus.plan import CorpusPlan, check_same
from ecgsynth.corpus.shard import ENTRIES, entry_name, read_entries
from ecgsynth.corpus.store import Store, open_store
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read, write
from ecgsynth.signals.ecg import Ecg

Count = Callable[[int, int], None]


@dataclass(frozen=True)
class Verification:
    """What is at a place, against its manifest.

    shards, files, bytes: that are whole. problems: a sentence each. damaged: shards with one.
    """

    url: str
    shards: int
    files: int
    bytes: int
    problems: list[str]
    damaged: list[str]


def verify_corpus(
    url: str | Path, *, repair: bool = False, advance: Count | None = None
) -> Verification:
    """Compare every file with its checksum, and the metadata with its schema.

    repair: whether entries of damaged shards are removed, so that the command that made the corpus
    makes them again. advance: called with the shards that are done and those of all.

    Raises
    ------
    EcgsynthError: there is no corpus, or it cannot be read.
    """
    repair = check_flag(repair, "repair")
    check_callback(advance, "advance")
    store = open_store(url)
    found = manifests.need_manifest(store)
    plan = CorpusPlan.from_dict(found["plan"])
    every = list(plan.shards())
    stated = {entry["shard"]: entry for entry in found["shards"]}
    entries = read_entries(store, [one.name for one in every])
    sizes = store.sizes()
    problems, damaged, files, size = [], [], 0, 0
    for number, shard in enumerate(every):
        entry = entries.get(shard.name)
        problem = _problem(store, shard.name, entry, stated.get(shard.name), sizes)
        if problem:
            problems.append(problem)
            damaged.append(shard.name)
            if repair:
                store.remove(entry_name(shard.name))
        else:
            assert entry is not None
            files += len(entry["files"])
            size += sum(one["bytes"] for one in entry["files"].values())
        if advance is not None:
            advance(number + 1, len(every))
    problems += _odd_files(found, entries, sizes)
    content = store.read(CROISSANT)
    if content is not None and (reason := croissant_problem(content)):
        problems.append(f"{CROISSANT} is not valid: {reason}.")
    return Verification(store.url, len(every) - len(damaged), files, size, problems, damaged)


def _problem(
    store: Store, name: str, entry: dict[str, Any] | None, stated: dict[str, Any] | None,
    sizes: dict[str, int],
) -> str:  # fmt: skip
    """What is wrong with a shard; "" if nothing is."""
    if entry is None:
        return f"{name} is missing."
    if stated is not None and stated["files"] != entry["files"]:
        return f"{name} is not what the manifest states."
    for file, one in entry["files"].items():
        if file not in sizes:
            return f"{name}: {file} is missing."
        if sizes[file] != one["bytes"]:
            return f"{name}: {file} has {sizes[file]:,} bytes and not {one['bytes']:,}."
        if store.digest(file) != one["sha256"]:
            return f"{name}: {file} has another checksum."
    return ""


def _odd_files(
    manifest: dict[str, Any], entries: dict[str, dict[str, Any]], sizes: dict[str, int]
) -> Iterator[str]:
    """Files that belong to no shard, and cards that a complete corpus lacks."""
    known = {manifests.FILE, *FILES, *(file for one in entries.values() for file in one["files"])}
    for name in sorted({*sizes} - known):
        if not name.startswith(ENTRIES):
            yield f"{name} belongs to no whole shard."
    if manifest["complete"]:
        yield from (f"{name} is missing." for name in FILES if name not in sizes)


def merge_corpora(
    corpora: Sequence[str | Path], to: str | Path, *, part: str = "", advance: Count | None = None
) -> Corpus | Path:
    """Merge corpora of one plan that have some of its shards each, or write a part as one file.

    Parameters
    ----------
    corpora: places. to: a place for the merged corpus; or a file of any format, which gets the
    items of a part. part: its name, where the plan has several. advance: called with the shards
    that are done and those of all.

    Raises
    ------
    EcgsynthError: the plans, versions or weights differ; a shard differs between two corpora; the
        place cannot be written.
    """
    places = as_list(corpora)
    if not places:
        raise EcgsynthError(
            f"what is merged is a list of corpora, as in ['a/', 'b/']; got {quote(corpora)}."
        )
    check_callback(advance, "advance")
    part, to = check_text(part, "the part"), to if isinstance(to, str) else check_path(to)
    stores = [open_store(one) for one in places]
    found = [manifests.need_manifest(one) for one in stores]
    plan, maker = CorpusPlan.from_dict(found[0]["plan"]), found[0]["maker"]
    for store, other in zip(stores[1:], found[1:], strict=True):
        for key in ("plan", "maker"):
            check_same(
                found[0][key], other[key],
                f"{stores[0].url} and {store.url} are of two {key}s ({{}}); merge corpora of one.",
            )  # fmt: skip
    sources = _sources(stores, plan)
    if _is_file(to):
        return write(_items(plan, sources, part, advance), Path(to))
    if part:
        raise EcgsynthError(f"a part goes into a file; name one, as in --to {part}.parquet.")
    return _copy(plan, maker, sources, open_store(to), advance)


Source = tuple[Store, dict[str, Any]]


def _is_file(to: str | Path) -> bool:
    """Whether the target is a file of ECG, as its ending has it."""
    from ecgsynth.formats.contract import kind_of_file

    text = str(to)
    return "://" not in text and not text.endswith("/") and kind_of_file(text) is not None


def _sources(stores: list[Store], plan: CorpusPlan) -> dict[str, Source]:
    """Shard -> a store that has it whole, and its entry."""
    found: dict[str, Source] = {}
    for store in stores:
        for name, entry in whole_entries(store, list(plan.shards())).items():
            if name in found and found[name][1]["files"] != entry["files"]:
                raise EcgsynthError(
                    f"{name} differs between {found[name][0].url} and {store.url}; verify both."
                )
            found.setdefault(name, (store, entry))
    return found


def _items(
    plan: CorpusPlan, sources: dict[str, Source], part: str, advance: Count | None
) -> Iterator[Ecg]:
    """The items of a part, shard by shard."""
    if not part and len(plan.parts) > 1:
        raise EcgsynthError(
            f"one file holds one part; name it, as in --part {next(iter(plan.parts))}."
        )
    part = part or next(iter(plan.parts))
    if part not in plan.parts:
        raise EcgsynthError(f"the plan has no part {quote(part)}: {', '.join(plan.parts)}.")
    own = [one for one in plan.shards() if one.part == part]
    if missing := [one.name for one in own if one.name not in sources]:
        raise EcgsynthError(f"{len(missing)} shards are missing ({missing[0]}); make them first.")
    for number, shard in enumerate(own):
        with sources[shard.name][0].local(plan.file_of(shard)) as path:
            yield read(path, plan.format)
        if advance is not None:
            advance(number + 1, len(own))


def _copy(
    plan: CorpusPlan, maker: dict[str, Any], sources: dict[str, Source], target: Store,
    advance: Count | None,
) -> Corpus:  # fmt: skip
    first = check_plan(plan)
    manifests.begin(target, plan, maker)
    every = list(plan.shards())
    there = whole_entries(target, every)
    missing = [one for one in every if one.name in sources and one.name not in there]
    for number, shard in enumerate(missing):
        store, entry = sources[shard.name]
        for file in entry["files"]:
            with store.local(file) as path, target.workplace() as folder:
                shutil.copyfile(path, folder / "file")
                target.put(folder / "file", file)
        content = store.read(entry_name(shard.name))
        assert content is not None
        target.write(entry_name(shard.name), content)
        if advance is not None:
            advance(number + 1, len(missing))
    return finish(target, plan, maker, first, len(missing))
