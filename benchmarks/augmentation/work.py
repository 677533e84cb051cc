"""The cells carried out: several processes may share a folder, and any of them may be stopped."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

import ecgsynth as es
from benchmarks.augmentation import cells
from benchmarks.augmentation.cells import Cell, Side
from benchmarks.augmentation.figures import f1s
from benchmarks.augmentation.generators import PLAIN, finished
from benchmarks.augmentation.options import Option
from benchmarks.augmentation.pools import pool_of, real_of, taken
from benchmarks.augmentation.trainings import curve_training
from ecgsynth.augmentation.baselines import make_training_set
from ecgsynth.augmentation.matching import add_columns
from ecgsynth.evaluation.reference_models.classifiers import fit, predict
from ecgsynth.evaluation.reference_models.resnet import ResNet1D
from ecgsynth.progress import Advance, share_bar
from ecgsynth.training.card import package_versions
from ecgsynth.training.engine import check_bfloat16

if TYPE_CHECKING:
    from benchmarks.augmentation.study import Study

USUAL_S = 120.0
"""A cell's time as long as none is done, s."""

WAIT_S = 3.0
"""Between looks at cells that other processes hold."""


def work(study: Study, only: str = "") -> None:
    """Train whatever is missing and can be trained; returns when nothing is left.

    Every cell is locked while it is made; the lock dies with the process. Cells whose generator
    is not trained yet are left out.
    """
    from filelock import FileLock, Timeout

    pace = Pace(study)
    (study.folder / "locks").mkdir(parents=True, exist_ok=True)
    with share_bar("augmentation") as advance:
        while True:
            missing, later = left(study, only)
            able = [cell for cell in missing if ready(study, cell)]
            if not able:
                return
            worked = False
            for k, cell in enumerate(able):
                lock = FileLock(study.folder / "locks" / f"{cell.name}.lock")
                try:
                    held = lock.acquire(timeout=0)
                except Timeout:
                    continue
                with held:
                    if cells.facts_of(study, cell) is not None:  # another was quicker
                        continue
                    progress = _report_progress(advance, pace, cell, able[k:], later)
                    pace.add(cell, make(study, cell, progress))
                    worked = True
            if not worked:
                advance("waiting for other processes", 0.0)
                time.sleep(WAIT_S)


def left(study: Study, only: str = "") -> tuple[list[Cell], int]:
    """Cells that are missing, and how many more follow once options are chosen."""
    found, later = cells.wanted(study, only)
    return sorted(c for c in found if cells.facts_of(study, c) is None), later


def ready(study: Study, cell: Cell) -> bool:
    """Whether what makes its synthetic beats is trained."""
    if cell.arm not in study.generators:
        return True
    if cell.n:
        return finished(curve_training(study, cell.n, cell.subset).folder)
    generator = study.generators[cell.arm]
    return generator.models[cell.generator] in study.digests[cell.arm]


def training_set(
    study: Study, cell: Cell, advance: Callable[[float], None]
) -> tuple[es.Ecg, dict[str, dict[str, int]]]:
    """Real beats and what the arm adds, on the converter's grid; by class how many of each."""
    real, option = real_of(study, cell), Option.of(cell.option)
    counts, largest = real.counts(), real.counts()[study.recordings.largest]
    rare = study.recordings.rare
    more = {name: option.wanted(counts[name], largest) for name in rare}
    if cell.arm in PLAIN:
        shown = real
    elif cell.arm in ("jitter", "smote"):
        shown = make_training_set(real, cell.arm, cell.classifier, more)[0]  # type: ignore[arg-type]
    else:
        pool = pool_of(study, cell, advance)
        added = [
            add_columns(real, taken(pool, name, more[name]), name) for name in pool if more[name]
        ]
        shown = es.concatenate([real, *added])
    after = shown.counts()
    counts_added = {
        name: {"real": counts[name], "added": after[name] - counts[name]} for name in counts
    }
    return shown.quantised(), counts_added


def make(study: Study, cell: Cell, advance: Callable[[str, float], None]) -> float:
    """Train a cell's classifier and keep what it says; returns the seconds that it took."""
    began, real, steps = time.perf_counter(), study.recordings, study.settings.steps
    shown, counts = training_set(study, cell, lambda share: advance("beats", 0.2 * share))
    begun = time.perf_counter()
    weighted = cell.option.endswith("+w")
    with counting(study.settings.precision):
        net = fit(
            shown, real.validation, weighted=weighted, steps=steps, seed=cell.classifier,
            advance=lambda step: advance("training", step / steps),
        )  # fmt: skip
        said: dict[Side, Any] = {
            "validation": predict(net, real.validation), "test": predict(net, real.test)
        }  # fmt: skip
    seconds = time.perf_counter() - begun
    names = real.train.spec.classes
    on_validation = f1s(real.validation, said["validation"].astype(np.float16))
    facts = {
        "beats": counts,
        "validation_f1": dict(zip(names, on_validation.round(4).tolist(), strict=True)),
        "seconds": round(seconds, 1),
        "seconds_of_beats": round(begun - began, 1),
        "steps": steps,
        "date": date.today().isoformat(),
        "versions": package_versions(),
    }
    cells.keep(study, cell, said, facts)
    return time.perf_counter() - began


@contextmanager
def counting(precision: str) -> Iterator[None]:
    """Where the classifiers count as the settings say; their logits are float32 in any case.

    Raises
    ------
    EcgsynthError: this machine's bfloat16 is wrong.
    """
    if precision != "bf16-mixed":
        yield
        return
    check_bfloat16(Fabric(accelerator="cpu"), precision, ResNet1D(1, 2, 1.0))

    def whole(net: nn.Module, _given: Any, said: Any) -> Any:
        return tuple(x.float() for x in said) if isinstance(net, ResNet1D) else None

    hook = register_module_forward_hook(whole)
    try:
        # Without the cache: weights that were rounded once would be those of the first step.
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            yield
    finally:
        hook.remove()


class Pace:
    """How long cells take: the median of those that are done, by arm, else of all arms."""

    def __init__(self, study: Study) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        for cell in cells.wanted(study)[0]:
            facts = cells.facts_of(study, cell)
            if facts is not None:
                self.add(cell, facts["seconds"] + facts["seconds_of_beats"])

    def add(self, cell: Cell, seconds: float) -> None:
        self.seconds[cell.arm].append(seconds)

    def of(self, arm: str = "") -> float:
        every = [one for each in self.seconds.values() for one in each]
        known = self.seconds.get(arm) or every
        return float(np.median(known)) if known else USUAL_S

    @property
    def known(self) -> bool:
        return any(self.seconds.values())


def _report_progress(
    advance: Advance, pace: Pace, cell: Cell, ahead: list[Cell], later: int
) -> Callable[[str, float], None]:
    """The bar's words and share, by the seconds that are done and those that are expected."""
    done = sum(len(one) * pace.of(arm) for arm, one in pace.seconds.items())
    rest = sum(pace.of(one.arm) for one in ahead) + later * pace.of()
    own = pace.of(cell.arm)

    def report(what: str, share: float) -> None:
        words = f"{cell.name}: {what}; {pace.of():.0f} s a cell, {len(ahead) + later} left"
        advance(words, (done + own * share) / (done + rest))

    return report
