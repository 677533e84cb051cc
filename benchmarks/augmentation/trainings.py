"""The generators that the study trains, as `ecgsynth train` commands that are shown or run."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ecgsynth as es
from benchmarks.augmentation.generators import FLAGSHIP, finished
from benchmarks.augmentation.subsets import subset
from ecgsynth.errors import EcgsynthError

if TYPE_CHECKING:
    from benchmarks.augmentation.study import Study


@dataclass(frozen=True)
class Training:
    """A recipe with its overrides, and the run folder that it goes to."""

    recipe: str
    overrides: tuple[str, ...]
    folder: Path

    @property
    def words(self) -> list[str]:
        """What follows `ecgsynth`; a run that was begun is resumed."""
        begun = ["--resume"] if (self.folder / "resume.safetensors").is_file() else []
        return ["train", self.recipe, *self.overrides, "--to", str(self.folder), *begun]

    @property
    def command(self) -> str:
        return shlex.join(["ecgsynth", *self.words])

    def run(self) -> None:
        """Carry it out; Ctrl-C and SIGTERM leave a run that goes on where it stopped.

        Raises
        ------
        EcgsynthError: it failed; it has printed the reason.
        """
        from filelock import FileLock, Timeout

        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder.with_name(f".{self.folder.name}.lock"))
        try:
            held = lock.acquire(timeout=0)
        except Timeout:  # another process trains it
            return
        with held, subprocess.Popen([sys.executable, "-m", "ecgsynth", *self.words]) as process:
            try:
                code = process.wait()
            except KeyboardInterrupt:  # it has heard the same Ctrl-C and writes its snapshot
                process.wait()
                raise
            except SystemExit:
                process.terminate()
                process.wait()
                raise
        if code:
            raise EcgsynthError(f"the training ended with code {code}: {self.command}")


def trainings(study: Study) -> list[Training]:
    """Those that are not finished: of generators given by recipe, and of the curve's flagship."""
    return [one for one in _all(study) if not finished(one.folder)]


def _all(study: Study) -> Iterator[Training]:
    for generator in study.generators.values():
        for k, model in enumerate(generator.models[: study.seeds.generators]):
            if generator.recipe:
                words = (f"seed={k + 1}", "training.threads=1")
                yield Training(generator.recipe, words, Path(model))
    if FLAGSHIP in study.curve_arms:
        for n in study.settings.ns:
            for k in range(study.settings.subsets):
                yield curve_training(study, n, k)


def curve_training(study: Study, n: int, k: int) -> Training:
    """The flagship's recipe on subset k of n beats of every rare class, and on nothing else."""
    path = study.folder / "subsets" / f"n{n}-s{k}.npz"
    recipe, *changes = shlex.split(study.settings.recipe)
    words = (
        *changes,
        f"data={{name: folder, split: all, path: {json.dumps(str(path))}}}",
        f"seed={k + 1}",
        f"training.examples={study.settings.examples}",
        "training.keep_every=0",
        "training.threads=1",
    )
    folder = study.folder / "generators" / f"{FLAGSHIP}-n{n}-s{k}"
    return Training(recipe, words, folder)


def write_subsets(study: Study) -> None:
    """The files that the curve's trainings read."""
    from filelock import FileLock

    real = study.recordings
    with FileLock(study.folder / ".subsets.lock"):
        for n in study.settings.ns:
            for k in range(study.settings.subsets):
                path = study.folder / "subsets" / f"n{n}-s{k}.npz"
                if not path.is_file():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    es.write(subset(real.train, real.rare, n, k), path)
