"""A study on disk: what it searches, and its trials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write, holds_files
from ecgsynth.training.snapshots import flatten_settings
from ecgsynth.tuning.space import Tune, recipe_settings, tuning_settings

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

DATABASE = "study.sqlite3"
RECIPE = "study.yaml"
PATIENCE_S = 60
"""So long a process waits for another that writes to the database."""
STARTUP = 5
"""Whole trials before any is cut short."""
FREE = ("training.threads", "training.accelerator", "training.devices")
"""Settings that a resumed study may change; descriptions and `quick` are no matter either."""


@dataclass(frozen=True)
class Folder:
    """A study's folder, opened; run: its recipe, with the section `tune`."""

    path: Path
    run: Run
    tune: Tune

    @classmethod
    def create(cls, path: Path, run: Run, resume: bool) -> Folder:
        """Make a folder for a study, or go on in one that searches the same.

        Raises
        ------
        EcgsynthError: it holds a study and `resume` is not asked; there is none to resume; it
            searches something else; it holds files of others.
        """
        tune = tuning_settings(run)
        begun = (path / RECIPE).is_file()
        if begun and not resume:
            raise EcgsynthError(
                f"{path} already holds a study; go on with --resume, or choose another --to."
            )
        if not begun and resume:
            raise EcgsynthError(f"{path} holds no study to resume; leave out --resume.")
        if not begun and holds_files(path):
            raise EcgsynthError(
                f"{path} holds files that no study wrote; choose a new or an empty --to."
            )
        if begun:
            differences = _differences(Run.read(path / RECIPE), run)
            if differences:
                raise EcgsynthError(
                    f"the study in {path} searches otherwise ({'; '.join(differences)}); resume "
                    "with the same recipe, or take a new --to."
                )
        with atomic_write(path / RECIPE) as temporary:
            temporary.write_text(run.to_yaml())
        return cls(path, run, tune)

    @classmethod
    def read(cls, path: Path) -> Folder:
        """The folder of a study that was made before."""
        run = Run.read(path / RECIPE)
        return cls(path, run, tuning_settings(run))

    def trial(self, number: int) -> Path:
        """The run folder of a trial."""
        return self.path / "trials" / f"{number:04d}"

    def open(self) -> Study:
        """Its trials, in sqlite.

        Raises
        ------
        EcgsynthError: the database is held by another program, damaged, or of another version
            of Optuna.
        """
        import optuna
        from sqlalchemy.exc import SQLAlchemyError

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        waits = {"connect_args": {"timeout": PATIENCE_S}}
        try:
            with self.lock():  # two that make the tables at once stumble over each other
                storage = optuna.storages.RDBStorage(
                    f"sqlite:///{self.path / DATABASE}", engine_kwargs=waits
                )
                study = optuna.create_study(
                    storage=storage, study_name="study", load_if_exists=True, direction="minimize",
                    # Scores of a GAN go up and down: a trial must be worse than half of the others
                    # at its best so far, and a quarter of a training is too early.
                    pruner=optuna.pruners.MedianPruner(
                        n_startup_trials=STARTUP, n_warmup_steps=self.tune.measures // 4 + 1
                    ),
                )  # fmt: skip
                own = recipe_settings(self.run, self.tune)
                if own and not study.get_trials(deepcopy=False):
                    study.enqueue_trial(own)
                return study
        except (SQLAlchemyError, RuntimeError, optuna.exceptions.StorageInternalError) as problem:
            reason = " ".join(str(problem).split())[:160]
            if "database is locked" in reason:
                raise EcgsynthError(
                    f"another program holds {self.path / DATABASE} (database is locked); wait for "
                    "it and try again."
                ) from None
            raise EcgsynthError(
                f"{self.path / DATABASE} is damaged, or of another version of Optuna ({reason}); "
                "take a new --to."
            ) from None

    def ask(self, study: Study) -> int:
        """The number of a new trial, with its settings."""
        import optuna

        number = len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(seed=(self.run.seed + number) % 2**32)
        return study.ask({key: axis.distribution() for key, axis in self.tune.space.items()}).number

    def lock(self) -> FileLock:
        """A lock on the study, for steps that no other command may come between."""
        return FileLock(self.path / ".lock")


def is_asked(trial: FrozenTrial) -> bool:
    """Whether a trial is one of those asked for: not one that waits, nor one that lost its
    process (in studies of version 0.1.0; nothing else fails a trial)."""
    return trial.state.name not in ("WAITING", "FAIL")


def _differences(old: Run, new: Run) -> list[str]:
    """`key: old -> new` of all settings that change what a trial is."""
    before, after = flatten_settings(old.to_dict()), flatten_settings(new.to_dict())
    return [
        f"{key}: {before.get(key, 'not there')} -> {after.get(key, 'not there')}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
        and key not in FREE
        and key.split(".")[0] not in ("quick", "description")
    ]
