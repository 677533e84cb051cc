"""The manifest of a corpus: plan, maker, and every file with its checksum."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from ecgsynth.corpus.plan import CorpusPlan, check_same
from ecgsynth.corpus.store import Store
from ecgsynth.errors import EcgsynthError

FILE = "corpus.json"
SCHEMA = 1
"""Version of the manifest; a newer one is refused."""

STATEMENT = "SYNTHETIC ECG. Not from a patient and not for diagnosis."


def read_manifest(store: Store) -> dict[str, Any] | None:
    """The manifest of the corpus at a place; None where there is none.

    Raises
    ------
    EcgsynthError: it is damaged, or of a newer version.
    """
    content = store.read(FILE)
    if content is None:
        return None
    try:
        found = json.loads(content)
        schema, plan, maker = int(found["ecgsynth_corpus"]), found["plan"], found["maker"]
        whole = isinstance(plan, dict) and isinstance(maker, dict)
        whole = whole and isinstance(found["shards"], list)
    except (ValueError, KeyError, TypeError, RecursionError):
        whole, schema = False, 0
    if not whole:
        raise EcgsynthError(
            f"{store.url}/{FILE} is damaged; remove it, and run the command again: the shards stay."
        )
    if schema > SCHEMA:
        raise EcgsynthError(
            f"{store.url} was made by a newer ecgsynth (schema {schema}, this one reads up to "
            f"{SCHEMA}); run `pip install -U ecgsynth`."
        )
    return dict(found)


def need_manifest(store: Store) -> dict[str, Any]:
    """The same, of a corpus that is there.

    Raises
    ------
    EcgsynthError: there is none.
    """
    found = read_manifest(store)
    if found is None:
        raise EcgsynthError(
            f"there is no corpus at {store.url}; make one, as in `ecgsynth corpus PLAN --to "
            f"{store.url}`."
        )
    return found


def begin(store: Store, plan: CorpusPlan, maker: dict[str, Any]) -> None:
    """State whose corpus this is, or check that it is this one.

    Raises
    ------
    EcgsynthError: another plan or maker began it, or files of others are there.
    """
    before = read_manifest(store)
    if before is None:
        others = [n for n in store.sizes() if not n.startswith(("shards/", "entries/"))]
        if others:
            raise EcgsynthError(
                f"{store.url} holds files that are not of a corpus ({others[0]}); name a new place."
            )
        write_manifest(store, plan, maker, [])
        return
    check_same(
        before["plan"], plan.to_dict(),
        f"{store.url} was begun with another plan ({{}}); take that one, or another --to.",
    )  # fmt: skip
    check_same(
        before["maker"], maker,
        f"this machine is refused: {store.url} was begun otherwise, and its shards would be other "
        "bytes ({}); use the same versions, weights and kind of processor, or another --to.",
    )  # fmt: skip


def write_manifest(
    store: Store, plan: CorpusPlan, maker: dict[str, Any], entries: list[dict[str, Any]]
) -> dict[str, Any]:
    """Write the manifest; entries: of all shards, in order, or none while some are missing."""
    manifest = {
        "ecgsynth_corpus": SCHEMA,
        "synthetic": True,
        "statement": STATEMENT,
        "complete": bool(entries),
        "checksum": checksum_of(entries),
        "plan": plan.to_dict(),
        "maker": maker,
        "parts": _parts(entries),
        "shards": entries,
    }
    store.write(FILE, json.dumps(manifest, indent=1).encode())
    return manifest


def checksum_of(entries: list[dict[str, Any]]) -> str:
    """SHA-256 over the names and checksums of all files: equal corpora have the same."""
    digest = hashlib.sha256()
    for entry in entries:
        for name, one in sorted(entry["files"].items()):
            digest.update(f"{one['sha256']}  {name}\n".encode())
    return digest.hexdigest()


def _parts(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of each part items, seconds, bytes and labels."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        one = found.setdefault(
            entry["part"], {"shards": 0, "items": 0, "seconds": 0.0, "bytes": 0, "labels": {}}
        )
        one["shards"] += 1
        one["items"] += entry["stop"] - entry["start"]
        one["seconds"] = round(one["seconds"] + entry["seconds"], 3)
        one["bytes"] += sum(file["bytes"] for file in entry["files"].values())
        one["labels"] = dict(Counter(one["labels"]) + Counter(entry["labels"]))
    return found
