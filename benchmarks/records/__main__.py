"""The figures of systems that make 12-lead records, against real patients.

    python -m benchmarks.records MODEL [MODEL ...] [--only PART ...] [--statements] [--to JSON]

A system is a model by its name or file, also as NAME=FILE, or one of `real` (half of the training
people, the other half counts as the training set), `gaussian`, `simulator` and `deepfake-ecg`. Each
makes as many records as the training set has, at 100 Hz and .5-40 Hz, labelled by superclasses, and
is judged against the split (fold 9 is `validation`, fold 10 `test`, looked at once). The table has
each figure beside that of `real`, if the file has it, and what is wanted.

Each part is kept in the JSON as soon as it is measured; the same command continues where it was
stopped, and `--only` measures parts anew. The part `statements` (folds 9 and 10 together) is for
the end. Synthetic records are kept in the cache of the recordings.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ecgsynth as es
from benchmarks.records import reach
from benchmarks.records.figures import PARTS, Figures, measure
from benchmarks.records.systems import OTHERS, sets_of
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.threads import limit_threads

KEPT = Path("benchmarks/results/records.json")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("systems", nargs="+", metavar="MODEL")
    parser.add_argument("--split", default="validation", choices=("validation", "test"))
    parser.add_argument("--count", type=int, default=0, help="records; as many as trained")
    parser.add_argument("--seed", type=int, default=1)
    parts = [*PARTS, "statements"]
    parser.add_argument(
        "--only", nargs="+", choices=parts, metavar="PART", help=f"anew: {', '.join(parts)}"
    )
    parser.add_argument("--statements", action="store_true", help="folds 9 and 10; for the end")
    parser.add_argument("--to", type=Path, default=KEPT)
    asked = parser.parse_args(words)
    if asked.count < 0:
        parser.error(f"--count is a number of records, 0 for as many as trained; got {asked.count}")
    logging.getLogger("ecgsynth").setLevel(logging.ERROR)
    try:
        for system in asked.systems:
            one = judged(system, asked)
            print(f"\n{name_of(system)[0]}: {one['records']} records, {asked.split}\n")
            lines = reach.table(one, systems_of(asked.to).get("real"))
            print("\n".join(lines), flush=True)
    except EcgsynthError as problem:
        sys.exit(f"error: {problem}")


@limit_threads()
def judged(system: str, asked: argparse.Namespace) -> dict[str, Any]:
    """What is kept of a system after all parts that are asked for are measured."""
    name, where = name_of(system)
    facts = facts_of(where, asked)
    one = systems_of(asked.to).get(name, {})
    if one.get("facts") != facts:
        one = {"facts": facts, "parts": {}}
    wanted = asked.only or [*PARTS, *(["statements"] if asked.statements else [])]
    todo = [part for part in wanted if asked.only or part not in one["parts"]]
    if not todo:
        return one
    began = time.process_time()
    sets = sets_of(where, asked.split, asked.count, asked.seed)
    one["records"] = len(sets.synthetic)
    _report(name, "records", began)
    began = time.process_time()
    for part, figures in measure(Figures(where, sets, asked.seed), todo):
        one["parts"][part] = figures
        _report(name, part, began)
        keep(asked.to, name, one)
        began = time.process_time()
    return one


def _report(name: str, part: str, began: float) -> None:
    print(f"{name}: {part}, {time.process_time() - began:.0f} core-seconds", flush=True)


def name_of(system: str) -> tuple[str, str]:
    """Name and model of a word NAME=MODEL; a file is named by its stem."""
    name, equals, where = system.partition("=")
    return (name, where) if equals else (Path(system).stem, system)


def facts_of(where: str, asked: argparse.Namespace) -> dict[str, Any]:
    """What the figures depend on."""
    facts: dict[str, Any] = {"split": asked.split, "count": asked.count, "seed": asked.seed}
    if where in OTHERS:
        return facts
    card = es.Synthesizer.load(where).card
    return facts | {
        "id": card.id, "model": card.run["model"], "examples_seen": card.examples_seen,
        "core_seconds": card.core_seconds, "prior": digest_of(card.prior),
    }  # fmt: skip


def digest_of(content: Any) -> str:
    """Eight digits that change with the content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def systems_of(path: Path) -> dict[str, Any]:
    """Name -> what is kept of a system.

    Raises
    ------
    EcgsynthError: the file is not of this command.
    """
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))["systems"]
    except (ValueError, LookupError, TypeError):
        raise EcgsynthError(
            f"{path} is not a file of this command; remove it, or name another with --to."
        ) from None
    return found


def keep(path: Path, name: str, one: dict[str, Any]) -> None:
    """Write one system into the file, which may have got others meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        content = {"systems": systems_of(path) | {name: one}}
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
