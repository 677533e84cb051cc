"""Makes the files of this folder, by the code of version 0.1.0.

In a checkout of that version (commit 51fe7a0): `PYTHONPATH=src python make.py TARGET`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from ecgsynth.app.service.store import Store
from ecgsynth.training.tuning.study import Folder

from ecgsynth.config import Run
from ecgsynth.registry import MODELS
from ecgsynth.training import versions
from ecgsynth.training.loop import train

RECIPE = {
    "name": "tiny",
    "seed": 3,
    "data": {"name": "simulated", "patients": 5, "beats": 40, "classes": ["N"]},
    "model": {"name": "vanilla", **MODELS.get("vanilla").tiny},
    "objective": {"name": "bce"},
    "training": {
        "examples": 64, "batch": 16, "snapshot_every": 32, "log_every": 1, "accelerator": "cpu",
        "sheets": False, "styles": False,
    },
    "tune": {
        "examples": 64, "measures": 2, "items": 20,
        "space": {"training.rate_generator": {"low": 1e-5, "high": 1e-2, "log": True}},
    },
}  # fmt: skip


def dump(database: Path, target: Path, here: Path) -> None:
    """The database as SQL, with @HERE@ in place of the folder that it was made in."""
    with closing(sqlite3.connect(database)) as base:
        text = "\n".join(base.iterdump())
    target.write_text(text.replace(str(here), "@HERE@") + "\n")


def make_jobs(here: Path, target: Path) -> None:
    """One job in every state; the one that runs belongs to a server that was killed."""
    keep = Store(f"sqlite:///{here}/jobs.sqlite")
    names = {}
    upload = Path(here / "upload.csv")
    asked = {
        "against": "simulated:test", "train": "", "metrics": ["amplitude_w1"], "quick": True,
        "seed": 0, "upload_kind": "csv", "name": "upload.csv",
    }  # fmt: skip
    upload.write_text("no set\n")

    def add() -> str:
        return keep.add("evaluation", asked, {"upload": iter([upload.read_bytes()])})

    names["done"] = add()
    keep.claim("one", 9, 60)
    keep.finish(names["done"], "one", {"rows": []}, {"report.html": iter([b"<html></html>"])})
    names["failed"] = add()
    keep.claim("one", 9, 60)
    keep.fail(names["failed"], "one", {"type": "about:blank", "title": "Not valid", "status": 422,
                                       "detail": "it has no data."})  # fmt: skip
    names["cancelled"] = add()
    keep.cancel(names["cancelled"])
    names["running"] = add()
    keep.claim("killed", 9, 0)
    names["queued"] = add()
    keep.engine.dispose()
    with closing(sqlite3.connect(here / "jobs.sqlite")) as base, base:
        for state, name in names.items():  # names that a test can know
            for table, column in (("ecgsynth_jobs", "id"), ("ecgsynth_job_files", "job")):
                base.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (state, name))
    dump(here / "jobs.sqlite", target / "jobs.sql", here)


def make_study(here: Path, target: Path) -> None:
    """A study with a whole trial, one cut short, one that lost its process, and one that runs."""
    from optuna.trial import TrialState

    folder = Folder.create(here / "study", Run.from_dict(RECIPE), resume=False)
    study = folder.open()
    study.set_user_attr("real", 1.5)
    for number in range(4):
        with folder.next(study, 9) as trial:
            trial.report(3.0 + number, 1)
            if number == 0:
                study.tell(trial, 3.0)
            elif number < 3:
                study.tell(trial, state=[TrialState.PRUNED, TrialState.FAIL][number - 1])
    dump(here / "study" / "study.sqlite3", target / "study.sql", here)
    shutil.copy(here / "study" / "study.yaml", target / "study.yaml")


def make_versions(here: Path, target: Path) -> None:
    """A run, and the store of versions with it."""
    os.environ["ECGSYNTH_TRACKING_URI"] = f"sqlite:///{here}/versions.sqlite3"
    train(Run.from_dict({**RECIPE, "tune": {}}), here / "run")
    version = versions.add(here / "run")
    versions.promote(str(version), "production")
    dump(here / "versions.sqlite3", target / "versions.sql", here)
    for name in ("run.yaml", "metrics.jsonl", "card.json", "model.safetensors",
                 "resume.safetensors"):  # fmt: skip
        (target / "run").mkdir(exist_ok=True)
        shutil.copy(here / "run" / name, target / "run" / name)
    print(*sorted(str(one.relative_to(here)) for one in (here / "versions").rglob("*")), sep="\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for make in (make_jobs, make_study, make_versions):
            make(Path(temporary), Path(sys.argv[1]))
