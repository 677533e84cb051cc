"""Recipes, cards, runs, studies, job databases and registries of version 0.1.0 open.

The files in `old/` were made by the code of that version (`old/make.py`).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving import got, served, wait_for

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.jobs.store import Store
from ecgsynth.service.runs.reader import Runs
from ecgsynth.service.settings import Settings
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.loop import train

OLD = Path(__file__).parent / "old"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder."""
    return Path(shutil.copytree(OLD / "run", tmp_path / "runs" / "tiny"))


def database(name: str, target: Path) -> str:
    """The URL of a database from its SQL."""
    text = (OLD / f"{name}.sql").read_text().replace("@HERE@", str(target.parent))
    with closing(sqlite3.connect(target)) as base:
        base.executescript(text)
    return f"sqlite:///{target}"


def test_a_recipe_is_read(run: Path) -> None:
    recipe = Run.read(str(run / "run.yaml"))
    assert (recipe.name, recipe.model.name) == ("tiny", "vanilla")
    assert recipe.training.examples == 64


def test_a_model_with_its_card_makes_beats_that_are_marked_synthetic(run: Path) -> None:
    model = Synthesizer.load(run)
    made = model.generate(3, seed=1)
    assert np.isfinite(made.signal).all()
    assert made.card["name"] == model.card.name == "tiny"
    alone = Synthesizer.load(run / "model.safetensors")
    assert np.array_equal(alone.generate(3, seed=1).signal, made.signal)


def test_a_run_is_shown_and_a_finished_one_resumes(run: Path) -> None:
    runs = Runs(run.parent)
    assert runs.names() == ["tiny"]
    assert runs.log("tiny").last()
    model = train(Run.read(str(run / "run.yaml")), run, resume=True)
    assert model.card.examples_seen == 64


def test_a_job_database_opens_and_what_was_not_done_runs(tmp_path: Path) -> None:
    url = database("jobs", tmp_path / "jobs.sqlite")
    keep = Store(url)
    assert keep.counts() == dict.fromkeys(("queued", "running", "done", "failed", "cancelled"), 1)
    assert [*keep.file("done", "report.html")] == [b"<html></html>"]
    assert [*keep.file("running", "upload")] == [*keep.file("queued", "upload")] == [b"no set\n"]
    keep.engine.dispose()
    with served(Settings(jobs_db=url, job_nice=0)) as client:
        assert client.get("/v1/jobs/done/report").text == "<html></html>"
        for name in ("running", "queued"):
            wait_for(lambda name=name: client.get(f"/v1/jobs/{name}").json()["state"] == "failed")
        assert client.get("/v1/jobs/running").json()["starts"] == 2
        assert "no sampling rate" in client.get("/v1/jobs/queued").json()["problem"]["detail"]
        assert client.delete("/v1/jobs/failed").status_code == 204
    assert got(Store(url), "queued").starts == 1


def test_a_job_database_that_lacks_a_column_is_refused_with_what_to_do(tmp_path: Path) -> None:
    url = database("jobs", tmp_path / "jobs.sqlite")
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as base, base:
        base.execute("ALTER TABLE ecgsynth_jobs DROP COLUMN lease")
    with pytest.raises(EcgsynthError, match="lacks lease.*name another with --jobs-db"):
        Store(url)


def test_a_study_goes_on_with_the_trial_that_lost_its_process(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="Optuna is not here: pip install 'ecgsynth[tune]'")
    from ecgsynth.tuning import best_result
    from ecgsynth.tuning.runner import TrialRunner
    from ecgsynth.tuning.study import Folder

    path = tmp_path / "study"
    path.mkdir()
    database("study", path / "study.sqlite3")
    shutil.copy(OLD / "study.yaml", path)
    folder = Folder.create(path, Run.read(str(OLD / "study.yaml")), resume=True)
    study = folder.open()
    assert [one.state.name for one in study.trials] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]

    class Scored(TrialRunner):
        def follow(self, _job: Any, order: Any, hear: Any = None) -> Any:
            return {"score": 2.0 + order["trial"]}

    runner = Scored(folder, study, 4)
    while (job := runner.claim()) is not None:
        runner.run_job(job)
    values = [(one.state.name, one.value) for one in study.trials]
    assert values[3:] == [("COMPLETE", 5.0), ("COMPLETE", 6.0)]  # a lost one does not count
    assert best_result(folder, study).score == 3.0


def test_a_registry_of_versions_is_read_and_promoted_in(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not here: pip install 'ecgsynth[track]'")
    from ecgsynth import model_registry

    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", database("versions", tmp_path / "versions.sqlite3"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (old,) = model_registry.versions()
    artifacts = tmp_path / "versions" / "2953c9dfa6624f25bb0b82994d740e4e" / "artifacts"
    shutil.copytree(run, artifacts)
    os.remove(artifacts / "resume.safetensors")
    assert str(old) == "tiny/1"
    again = Synthesizer.load("models:/tiny@production").generate(2, seed=1)
    assert np.array_equal(again.signal, Synthesizer.load(run).generate(2, seed=1).signal)
    assert str(model_registry.add(run)) == "tiny/1"  # it is there already
    model_registry.promote("tiny/1", "candidate")
    assert Synthesizer.load("models:/tiny@candidate").card.id == Synthesizer.load(run).card.id
