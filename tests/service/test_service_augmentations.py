"""Augmentations over the wire: what the library makes, of models that are served, and no more."""

from __future__ import annotations

import json
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from serving import served, wait_for

from ecgsynth.augmentation.augmenter import augment_set
from ecgsynth.augmentation.plan import Plan
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read, write
from ecgsynth.jobs.store import Store
from ecgsynth.service.jobs import augment, worker
from ecgsynth.service.settings import Settings
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer import Synthesizer

PLAN = {
    "seed": 4,
    "classes": {"S": {"model": "tiny", "times": 2}, "F": {"model": "tiny", "count": 5}},
    "gate": {"enabled": False},  # the tiny model has hardly learned
}


@pytest.fixture(scope="module")
def real(simulated_beats: Ecg) -> Ecg:
    return simulated_beats[:80]


@pytest.fixture(scope="module")
def file(real: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(real, tmp_path_factory.mktemp("real") / "real.npz")


@pytest.fixture(scope="module")
def settings(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    database = tmp_path_factory.mktemp("db") / "jobs.sqlite"
    return Settings(
        model_dir=models,
        jobs_db=f"sqlite:///{database}",
        jobs=0,
        most_upload_mib=1,
        most_items=500,
        job_nice=0,
    )


@pytest.fixture(scope="module")
def idle(settings: Settings) -> Iterator[httpx.Client]:
    """A service that takes augmentations and runs none."""
    with served(settings) as client:
        yield client


def posted(client: httpx.Client, file: Path, plan: Any = PLAN, **form: str) -> httpx.Response:
    text = plan if isinstance(plan, str) else json.dumps(plan)
    with open(file, "rb") as content:
        return client.post(
            "/v1/augmentations", data={"plan": text, **form}, files={"file": content}
        )


def sentence(answer: httpx.Response, status: int = 422) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


# What goes well.


def test_a_set_is_filled_up_as_the_library_does_it(
    settings: Settings, real: Ecg, tiny: Synthesizer, file: Path, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with served(settings.model_copy(update={"jobs": 1, "jobs_db": database})) as client:
        where = posted(client, file, format="npz").headers["location"]
        wait_for(lambda: client.get(where).json()["state"] not in ("queued", "running"), every=0.5)
        job = client.get(where).json()
        assert job["state"] == "done", job
        content = client.get(job["file"])
        assert content.headers["content-type"] == "application/octet-stream"
        assert 'filename="augmented.npz"' in content.headers["content-disposition"]
        assert job["report"] is None
        assert "which has no report" in sentence(client.get(f"{where}/report"), 404)
        assert [*Store(database).file(job["id"], "upload")] == []
        assert client.delete(where).status_code == 204
        assert client.get(job["file"]).status_code == 404
    (tmp_path / "made.npz").write_bytes(content.content)
    made = read(tmp_path / "made.npz")
    expected = augment_set(real, Plan.from_dict(PLAN), {"tiny": tiny})
    assert np.array_equal(made.signal, expected.ecg.signal)
    assert made.labels_str.tolist() == expected.ecg.labels_str.tolist()
    assert made.patient is not None and real.patient is not None
    assert made.patient[: len(real)].tolist() == real.patient.tolist()
    assert set(made.patient[len(real) :]) == {"GAN_S", "GAN_F"}
    result = job["result"]
    assert result["classes"] == expected.manifest["classes"]
    assert result["synthetic"] == real.counts()["S"] + 5 == len(made) - len(real)
    assert result["manifest"]["models"]["tiny"]["card"] == tiny.card.id
    assert result["bytes"] == len(content.content)


def work_on(
    folder: Path,
    ecg: Ecg,
    models: Path,
    kind: str,
    plan: Any = PLAN,
    format: str = "npz",
    id: str = "",
    most_signal: int = 1 << 30,
) -> tuple[dict[str, Any], Path]:
    """The work of a job, in this process."""
    name = {"npz": "upload.npz", "csv": "upload.csv", "wfdb": "upload.zip"}[kind]
    if kind == "wfdb":
        import shutil

        write(ecg, folder / "sent/")
        shutil.make_archive(str(folder / "upload"), "zip", folder / "sent")
    else:
        write(ecg, folder / name)
    path = models / "tiny.safetensors"
    asked = {
        "plan": Plan.from_dict(plan).to_dict(), "format": format, "name": name, "upload_kind": kind,
        "models": {"tiny": id or Synthesizer.load(path).card.id}, "paths": {"tiny": str(path)},
        "most_items": 500, "most_signal": most_signal,
    }  # fmt: skip
    heard: list[str] = []
    result, kept = augment.augment(folder, asked, lambda doing, _: heard.append(doing))
    assert heard[0] == "reading" and heard[-1] == "writing"
    return result, kept["result"]


@pytest.mark.parametrize("kind", ["npz", "csv", "wfdb"])
@pytest.mark.parametrize("people", [True, False], ids=["people", "nobody"])
def test_every_kind_of_upload_is_filled_up(
    real: Ecg, models: Path, tmp_path: Path, kind: str, people: bool
) -> None:
    sent = real if people else replace(real, patient=None)
    result, path = work_on(tmp_path, sent, models, kind)
    made = read(path)
    assert result["items"] == len(made) == len(real) + real.counts()["S"] + 5
    assert np.abs(made.signal[: len(real)] - real.signal).max() < 0.0011
    assert made.patient is not None
    assert made.patient[-1] == "GAN_F"
    if not people and kind != "wfdb":
        assert set(made.patient[: len(real)]) == {"unknown"}


def test_a_folder_comes_as_a_zip_with_its_manifest(real: Ecg, models: Path, tmp_path: Path) -> None:
    result, path = work_on(tmp_path, real, models, "npz", format="wfdb")
    assert path.name == result["file"] == "augmented.zip"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "augmented" / "manifest.json").read_text())
    assert manifest["classes"] == result["classes"]
    assert len(read(tmp_path / "out" / "augmented", "wfdb")) == result["items"]


# What goes wrong.


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("augment-sfv", "no plan named 'augment-sfv'. Did you mean 'augment-svf'?"),
        ("mitbih-beats", "no plan named 'mitbih-beats'"),
        ("../plan.yaml", "no plan named '../plan.yaml'"),
        ("/etc/passwd", "no plan named '/etc/passwd'"),
        ("[1, 2]", "no plan named"),
        ("{", "neither YAML nor JSON"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ("x: !!python/object/apply:os.system [ls]", "neither YAML nor JSON"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nclasses: [*b, *b]", "aliases, which are not allowed"),
        ("a: &a {times: 2}\nclasses: {S: {<<: *a, model: tiny}}", "aliases, which are not allowed"),
        ("name: &a x\ndescription: *a", "aliases, which are not allowed"),
        ("seed: " + "9" * 5000, "neither YAML nor JSON"),
        ("x: " + "y" * 70_000, "longer than 64 KiB"),
        ("1: 2", "keys that are not strings"),
        ('{"classes": {"\\ud800": {"model": "tiny", "times": 2}}}', "values other than strings"),
        ("name: 2001-01-01", "values other than strings"),
        ("name: !!set {a, b}", "values other than strings"),
        ({"classes": {}}, "gives no class anything"),
        ({"clases": {"S": 1}}, "no setting 'clases'. Did you mean 'classes'?"),
        ({"classes": {"S": {"model": "tiny", "tims": 2}}}, "Did you mean 'times'?"),
        ({"classes": {"S": {"model": "tiny"}}}, "either times or count"),
        ({"classes": {"S": {"model": "tiny", "times": 1e999}}}, "finite"),
        ({"classes": {"S": {"model": "tinny", "times": 2}}}, "Did you mean 'tiny'?"),
        ({"classes": {"S": {"model": "tiny.safetensors", "times": 2}}}, "no model named"),
        ({"classes": {"S": {"model": "runs/mine", "times": 2}}}, "no model named 'runs/mine'"),
        ({"classes": {"S": {"model": "/tmp/x.safetensors", "times": 2}}}, "no model named '/tmp"),
        ({"classes": {"S": {"model": "models:/x@y", "times": 2}}}, "no model named 'models:/x@y'"),
        ({**PLAN, "data": {"file": "/etc/passwd"}}, "must not have 'data'"),
        ({**PLAN, "data": {"name": "mitbih"}}, "must not have 'data'"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_carried_out_is_told(
    idle: httpx.Client, file: Path, plan: Any, expected: str
) -> None:
    assert expected in sentence(posted(idle, file, plan))
    assert idle.get("/v1/health").json()["jobs"]["queued"] == 0


def test_other_slips_are_told(idle: httpx.Client, file: Path, tmp_path: Path) -> None:
    assert "Did you mean 'parquet'?" in sentence(posted(idle, file, format="parket"))
    assert "no field 'plam'. Did you mean 'plan'?" in sentence(posted(idle, file, plam="x"))
    (tmp_path / "x.pkl").write_bytes(b"")
    assert "no kind that is read here" in sentence(posted(idle, tmp_path / "x.pkl"))
    (tmp_path / "x.npz").write_bytes(bytes(2 << 20))
    assert "larger than 1 MiB" in sentence(posted(idle, tmp_path / "x.npz"), 413)
    assert "send multipart/form-data" in sentence(idle.post("/v1/augmentations", json={}), 415)


def test_a_job_names_models_by_what_they_are_and_no_file_of_the_server(
    settings: Settings, tiny: Synthesizer, file: Path, models: Path, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with served(settings.model_copy(update={"jobs_db": database})) as client:
        answer = posted(client, file)
        assert answer.status_code == 202
        assert answer.json()["asked"]["models"] == {"tiny": tiny.card.id}
        assert str(models) not in answer.text
        assert "no file (yet)" in sentence(client.get(f"{answer.headers['location']}/result"), 409)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"S": {"model": "tiny", "times": 1e300}}, "more than the limit of a job (500)"),
        ({"S": {"model": "tiny", "count": 10**9}}, "more than the limit of a job (500)"),
        ({"X": {"model": "tiny", "times": 2}}, "no items of class X"),
        ({"S": {"model": "tiny", "times": 2, "label": "X"}}, "knows no class 'X'"),
    ],
)
def test_what_shows_only_in_the_file_is_told_by_the_job(
    real: Ecg, models: Path, tmp_path: Path, change: Any, expected: str
) -> None:
    with pytest.raises(EcgsynthError) as problem:
        work_on(tmp_path, real, models, "npz", {**PLAN, "classes": change})
    assert expected in str(problem.value)


def test_what_a_job_makes_is_bounded_by_its_bytes(real: Ecg, models: Path, tmp_path: Path) -> None:
    made = real.counts()["S"] + 5
    each = 4 * real.signal[0].size
    for name, most in (("fits", made * each), ("does-not", made * each - 1)):
        (tmp_path / name).mkdir()
        if name == "fits":
            work_on(tmp_path / name, real, models, "npz", most_signal=most)
            continue
        with pytest.raises(EcgsynthError, match="MiB of signal, more than the limit of a job"):
            work_on(tmp_path / name, real, models, "npz", most_signal=most)


def test_a_set_that_was_augmented_is_no_real_one(real: Ecg, models: Path, tmp_path: Path) -> None:
    _, path = work_on(tmp_path, real, models, "npz")
    again = tmp_path / "again"
    again.mkdir()
    with pytest.raises(EcgsynthError, match="augmented already"):
        work_on(again, read(path), models, "npz")


def test_a_model_that_was_replaced_is_not_taken_for_the_one_asked_for(
    real: Ecg, models: Path, tmp_path: Path
) -> None:
    with pytest.raises(EcgsynthError, match="'tiny' was replaced"):
        work_on(tmp_path, real, models, "npz", id="tiny-00000000")


def test_a_sentence_shows_files_and_no_folders() -> None:
    told = "/srv/a-b/model.safetensors and (/x/y.npz) of https://a.b/c and 1/2 are 'S/x'"
    assert worker.FOLDERS.sub("", told) == (
        "model.safetensors and (y.npz) of https://a.b/c and 1/2 are 'S/x'"
    )


# Jobs of other times.

OLD_LAYOUT = """
CREATE TABLE ecgsynth_jobs (
    id VARCHAR(32) NOT NULL, kind VARCHAR(32) NOT NULL, state VARCHAR(16) NOT NULL,
    asked JSON NOT NULL, created FLOAT NOT NULL, started FLOAT, ended FLOAT, share FLOAT NOT NULL,
    doing VARCHAR(200) NOT NULL, starts INTEGER NOT NULL, owner VARCHAR(64), lease FLOAT,
    slot INTEGER, result JSON, problem JSON, PRIMARY KEY (id), UNIQUE (slot)
);
CREATE TABLE ecgsynth_job_files (
    job VARCHAR(32) NOT NULL, name VARCHAR(64) NOT NULL, part INTEGER NOT NULL,
    content BLOB NOT NULL, PRIMARY KEY (job, name, part),
    FOREIGN KEY(job) REFERENCES ecgsynth_jobs (id) ON DELETE CASCADE
);
"""
"""As the first version of the service made it, which knew evaluations alone."""


def test_jobs_of_an_older_service_are_done_and_unknown_ones_are_told(
    settings: Settings, tmp_path: Path
) -> None:
    np.savez(tmp_path / "wrong.npz", other=np.ones(3), fs=360)
    asked = {
        "against": "simulated:test", "train": "", "metrics": [], "quick": True, "seed": 0,
        "upload_kind": "npz", "name": "upload.npz",
    }  # fmt: skip
    gone = asked | {"models": {"tiny": "tiny-gone"}, "plan": PLAN, "format": "npz"}
    rows = {"evaluation": asked, "augmentation": gone, "prophecy": asked}
    with sqlite3.connect(tmp_path / "jobs.sqlite") as db:
        db.executescript(OLD_LAYOUT)
        for kind, words in rows.items():
            db.execute(
                "INSERT INTO ecgsynth_jobs (id, kind, state, asked, created, share, doing, starts)"
                " VALUES (?, ?, 'queued', ?, ?, 0, '', 0)",
                (kind, kind, json.dumps(words), time.time()),
            )
            content = (tmp_path / "wrong.npz").read_bytes()
            db.execute("INSERT INTO ecgsynth_job_files VALUES (?, 'upload', 0, ?)", (kind, content))
    mine = {"jobs": 1, "jobs_db": f"sqlite:///{tmp_path / 'jobs.sqlite'}"}
    with served(settings.model_copy(update=mine)) as client:

        def said(kind: str) -> str:
            wait_for(lambda: client.get(f"/v1/jobs/{kind}").json()["state"] == "failed")
            return str(client.get(f"/v1/jobs/{kind}").json()["problem"]["detail"])

        assert "has no 'data'" in said("evaluation")
        assert "no model named 'tiny-gone'" in said("augmentation")
        assert "no job of kind 'prophecy'" in said("prophecy")


def test_a_database_of_another_layout_is_told_before_a_job_is_lost(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "jobs.sqlite") as db:
        db.executescript(OLD_LAYOUT.replace("lease FLOAT,", ""))
    with pytest.raises(EcgsynthError, match="another version .ecgsynth_jobs lacks lease.; name an"):
        Store(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
