"""Cells: one classifier training each; which are needed, and the files of each."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.augmentation.options import Option, options
from ecgsynth.files import atomic_write

if TYPE_CHECKING:
    from benchmarks.augmentation.study import Study

log = logging.getLogger("ecgsynth")

Side = Literal["validation", "test"]


@dataclass(frozen=True, order=True)
class Cell:
    """n: real beats of every rare class, 0 = all there are. subset: which draw of these.
    generator, classifier: seeds from 0 on. option: see `options.Option`."""

    n: int
    subset: int
    arm: str
    generator: int
    option: str
    classifier: int

    @property
    def pool(self) -> str:
        """What its synthetic beats are called."""
        return f"{self.arm}-n{self.n or 'all'}-s{self.subset}-g{self.generator}"

    @property
    def name(self) -> str:
        return f"{self.pool}-{self.option or 'as-is'}-c{self.classifier}"


def scouts(study: Study, arm: str, n: int, option: Option) -> list[Cell]:
    """The trainings by which an option is judged on validation: generators, then classifiers, in
    turn; on the curve one for every subset."""
    word = option.word
    if n:
        return [Cell(n, k, arm, 0, word, 0) for k in range(study.settings.subsets)]
    generators = study.repeats(arm)
    most = generators * study.seeds.classifiers
    return [
        Cell(0, 0, arm, k % generators, word, k // generators)
        for k in range(min(study.seeds.scouts, most))
    ]


def full(study: Study, arm: str, n: int, option: Option) -> list[Cell]:
    """All trainings of an option that was chosen."""
    word, seeds = option.word, study.seeds
    if n:
        each = product(range(study.settings.subsets), range(seeds.curve))
        return [Cell(n, k, arm, 0, word, c) for k, c in each]
    each = product(range(study.repeats(arm)), range(seeds.classifiers))
    return [Cell(0, 0, arm, g, word, c) for g, c in each]


def points(study: Study) -> Iterator[tuple[str, int]]:
    """(arm, n) of the whole study: every arm with all real beats, then the curve."""
    for arm in study.arms:
        yield arm, 0
    for n, arm in product(study.settings.ns, study.curve_arms):
        yield arm, n


def chosen(study: Study, arm: str, n: int) -> Option | None:
    """The option with the best mean macro F1 of N, S, V on validation, the lesser one of equals;
    None as long as a scout is missing.

    Only scouts count, so that the choice stays what it was when the other seeds follow.
    """
    from benchmarks.augmentation.figures import merit

    tried = options(arm, study.settings, n)
    if len(tried) == 1:
        return tried[0]
    score = []
    for option in tried:
        kept = [load(study, cell, "validation") for cell in scouts(study, arm, n, option)]
        if any(said is None for said in kept):
            return None
        merits = [merit(study.recordings.validation, said) for said in kept if said is not None]
        score.append(float(np.mean(merits)))
    return tried[int(np.argmax(score))]


def wanted(study: Study, only: str = "") -> tuple[list[Cell], int]:
    """Cells that are known to be needed, done or not, and how many more follow once options are
    chosen."""
    found: list[Cell] = []
    later = 0
    for arm, n in points(study):
        if only and arm != only:
            continue
        tried = options(arm, study.settings, n)
        best = chosen(study, arm, n)
        if len(tried) > 1:
            found += [cell for option in tried for cell in scouts(study, arm, n, option)]
        if best is not None:
            known = set(found)
            found += [cell for cell in full(study, arm, n, best) if cell not in known]
        else:
            later += len(set(full(study, arm, n, tried[0])) - set(scouts(study, arm, n, tried[0])))
    return found, later


def path_of(study: Study, cell: Cell, ending: str) -> Path:
    return study.folder / "cells" / f"{cell.name}{ending}"


def keep(
    study: Study, cell: Cell, said: dict[Side, NDArray[np.floating]], facts: dict[str, Any]
) -> None:
    """Write the predictions of a cell's classifier; the JSON is last and marks the cell as done."""
    digests = {}
    for side, probabilities in said.items():
        path = path_of(study, cell, f".{side}.npz")
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, said=probabilities.astype(np.float16))
        digests[side] = hashlib.sha256(path.read_bytes()).hexdigest()
    content = {"cell": asdict(cell), **facts, "sha256": digests}
    with atomic_write(path_of(study, cell, ".json")) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def facts_of(study: Study, cell: Cell) -> dict[str, Any] | None:
    """The JSON of a cell whose files are whole; None where it is to be made, or made again."""
    path = path_of(study, cell, ".json")
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for side, digest in facts["sha256"].items():
            content = path_of(study, cell, f".{side}.npz").read_bytes()
            if hashlib.sha256(content).hexdigest() != digest:
                raise ValueError(side)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        log.warning("the cell %s is damaged and is made again.", path)
        path.unlink(missing_ok=True)
        return None
    return facts


def load(study: Study, cell: Cell, side: Side) -> NDArray[np.float32] | None:
    """[item, class] probabilities of a cell on one side; None where it is not there."""
    if facts_of(study, cell) is None:
        return None
    with np.load(path_of(study, cell, f".{side}.npz"), allow_pickle=False) as archive:
        return np.asarray(archive["said"], np.float32)
