"""Files of models come and go while they are served; no file does harm or holds anybody up."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from serving import served, wait_for

from ecgsynth.service.models import files
from ecgsynth.service.models import store as model_store
from ecgsynth.service.models.store import ModelStore
from ecgsynth.service.settings import Settings
from ecgsynth.synthesizer import Synthesizer


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A service of the models that a test puts into `models`."""
    (tmp_path / "models").mkdir()
    return Settings(
        model_dir=tmp_path / "models", jobs_db=f"sqlite:///{tmp_path / 'jobs.sqlite'}", jobs=0
    )


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


def with_card(model: Path, target: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """The model with another card; `change` gives it, or changes the one that it is given."""
    with safe_open(model, "np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        card = json.loads(file.metadata()["card"])
    card = change(card) or card
    text = card if isinstance(card, str) else json.dumps(card)
    save_file(weights, target, {"card": text})


def test_a_model_replaced_while_serving_is_noticed(
    settings: Settings, models: Path, tiny: Synthesizer, tmp_path: Path
) -> None:
    shutil.copy(models / "tiny.safetensors", tmp_path / "mine.safetensors")
    mine = settings.model_copy(update={"model_dir": tmp_path})
    with served(mine) as client:
        old = client.post("/v1/ecgs", json={"model": "mine", "seed": 1})
        assert old.headers["x-ecgsynth-model"] == tiny.card.id
        other = Synthesizer.load(models / "tiny.safetensors")
        for value in other.generator.parameters():
            value.data.mul_(1.5)
        other.save(tmp_path / "mine.safetensors")
        new = client.post("/v1/ecgs", json={"model": "mine", "seed": 1})
        assert new.headers["x-ecgsynth-model"] == other.card.id != tiny.card.id
        assert new.headers["x-ecgsynth-sha256"] != old.headers["x-ecgsynth-sha256"]
        item = json.loads(new.text.splitlines()[1])
        expected = other.generate(1, seed=1).signal[0, 0]
        assert np.array_equal(np.float32(item["signal"]["MLII"]), expected)
        gone = client.post("/v1/ecgs", json={"model": tiny.card.id})
        assert "no model named" in problem(gone, 422)


def test_a_damaged_model_is_listed_with_its_reason_and_harms_no_other(
    settings: Settings, models: Path, tmp_path: Path
) -> None:
    shutil.copy(models / "tiny.safetensors", tmp_path / "good.safetensors")
    content = (models / "tiny.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.safetensors").write_text("no model")
    with served(settings.model_copy(update={"model_dir": tmp_path})) as client:
        said = client.get("/v1/models").json()
        assert {"half", "text"} == set(said["left_out"])
        answer = client.post("/v1/ecgs", json={"model": "half"})
        assert "copy or train it again" in problem(answer, 422)
        assert client.post("/v1/ecgs", json={"model": "good"}).status_code == 200


@pytest.mark.parametrize("id", ["../../way-out", "a/b-12345678", 'q"uote', "mod\xe8le", "a\r\nb"])
def test_a_model_whose_id_is_no_plain_name_is_not_served(
    settings: Settings, models: Path, tmp_path: Path, id: str
) -> None:
    """Files are named by it, and headers tell it."""
    with safe_open(models / "tiny.safetensors", "np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        card = json.loads(file.metadata()["card"])
    card = json.dumps(card | {"id": id})
    save_file(weights, tmp_path / "odd.safetensors", {"card": card})
    with served(settings.model_copy(update={"model_dir": tmp_path})) as client:
        assert "not a plain name" in client.get("/v1/models").json()["left_out"]["odd"]
        for word in (id, "odd"):
            problem(client.post("/v1/ecgs", json={"model": word, "format": "npz"}), 422)
        assert (tmp_path / "odd.safetensors").is_file()


def test_no_more_models_stay_in_memory_than_allowed(models: Path, tmp_path: Path) -> None:
    for scale in (1.1, 1.2, 1.3):
        other = Synthesizer.load(models / "tiny.safetensors")
        for value in other.generator.parameters():
            value.data.mul_(scale)
        other.save(tmp_path / f"m{scale}.safetensors")
    model_store = ModelStore(tmp_path, 2, 0.001)

    async def all_of_them() -> None:
        for name in ("m1.1", "m1.2", "m1.3", "m1.1"):
            await model_store.load(name)

    asyncio.run(all_of_them())
    assert len(model_store._loaded) == 2


# What no file may do.


@pytest.mark.skipif(os.name != "posix", reason="names of files are text here")
def test_a_file_whose_name_is_no_text_is_told_as_far_as_it_is(
    settings: Settings, models: Path
) -> None:
    assert settings.model_dir
    shutil.copy(models / "tiny.safetensors", os.fsencode(settings.model_dir) + b"/\xff.safetensors")
    (settings.model_dir / "a\n\x1b[31m.safetensors").write_text("no model")
    with served(settings) as client:
        said = client.get("/v1/models").json()
        assert {*said["left_out"]} == {"\\udcff", "a\n\x1b[31m"}
        answer = client.post("/v1/ecgs", json={"model": "\\udcff"})
        assert "bytes that are not text; rename it" in problem(answer, 422)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_file_is_told_and_never_opened(settings: Settings, models: Path) -> None:
    place = settings.model_dir
    assert place
    os.mkfifo(place / "pipe.safetensors")
    (place / "folder.safetensors").mkdir()
    (place / "zero.safetensors").symlink_to("/dev/zero")
    (place / "circle.safetensors").symlink_to(place / "circle.safetensors")
    (place / "nowhere.safetensors").symlink_to(place / "nothing")
    (place / "run").mkdir()
    os.mkfifo(place / "run" / "model.safetensors")
    shutil.copy(models / "tiny.safetensors", place / "good.safetensors")
    with served(settings) as client:
        left_out = client.get("/v1/models").json()["left_out"]
        assert {*left_out} == {"pipe", "folder", "zero", "run"}
        assert all("is a folder, a pipe or a device" in why for why in left_out.values())
        assert "a folder, a pipe" in problem(client.post("/v1/ecgs", json={"model": "pipe"}), 422)
        assert client.post("/v1/ecgs", json={"model": "good"}).status_code == 200


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_file_that_becomes_a_pipe_holds_nobody_up(models: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    shutil.copy(models / "tiny.safetensors", path)
    stamp = files.stamp_of(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a file any more"):
        files.read(stamp, "model", path, False)


def test_a_large_file_is_read_once_and_nobody_waits_for_it(
    settings: Settings, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of gigabytes is, which takes most of a minute."""
    assert settings.model_dir
    shutil.copy(models / "tiny.safetensors", settings.model_dir / "large.safetensors")
    going, usual, read = threading.Event(), files._digest, []

    def slowly(path: Path) -> str:
        if path.name == "large.safetensors":
            read.append(path)
            going.wait(300)
        return usual(path)

    monkeypatch.setattr(files, "_digest", slowly)
    monkeypatch.setattr(model_store, "AT_ONCE", (models / "tiny.safetensors").stat().st_size - 1)
    with served(settings) as client:
        for _ in range(3):
            wait_for(lambda: "large" in client.get("/v1/models").json()["left_out"])
            early = client.post("/v1/ecgs", json={"model": "large"})
            assert "still being read; try again" in problem(early, 503)
            assert early.headers["retry-after"] == "60"
            assert client.get("/v1/health").status_code == 200
        going.set()
        wait_for(lambda: client.post("/v1/ecgs", json={"model": "large"}).status_code == 200)
        assert len(read) == 1


def test_a_file_is_read_again_only_where_its_stamp_changed(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.safetensors"
    shutil.copy(models / "tiny.safetensors", path)
    read: list[Path] = []
    usual = files._digest
    monkeypatch.setattr(files, "_digest", lambda path: read.append(path) or usual(path))
    kept = ModelStore(tmp_path, 1, 0)
    for _ in range(3):
        served_one = kept.find("mine")
    assert served_one.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.count(path) == 1
    os.utime(path, ns=(1, 1))
    kept.find("mine")
    assert read.count(path) == 2
    kept.close()


def test_looking_at_files_is_no_work_of_the_event_loop(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(models / "tiny.safetensors", tmp_path / "mine.safetensors")
    threads: set[str] = set()
    for name in ("stamp_of", "read"):
        usual = getattr(files, name)

        def noted(*given: Any, usual: Any = usual) -> Any:
            threads.add(threading.current_thread().name)
            return usual(*given)

        monkeypatch.setattr(files, name, noted)
    kept = ModelStore(tmp_path, 1, 0)
    asyncio.run(kept.load("mine"))
    kept.close()
    assert threads
    assert threading.main_thread().name not in threads


# Cards that do not fit.


def without_n(card: dict[str, Any]) -> None:
    card["spec"]["classes"] = ["S", "V", "F"]


def crooked(card: dict[str, Any]) -> None:
    for one in card["prior"]["classes"].values():
        for law in (one["people"], *one["items"]):
            law["correlation"] = [[0.0 for _ in row] for row in law["correlation"]]


def short_mean(card: dict[str, Any]) -> None:
    card["prior"]["mean"] = card["prior"]["mean"][:1]


def without_styles(card: dict[str, Any]) -> None:
    for one in card["prior"]["classes"].values():
        one["styles"], one["shares"] = [], []


DAMAGED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "classes that the prior has not": without_n,
    "no classes": lambda card: card["spec"].update(classes=[]),
    "other classes": lambda card: card["spec"].update(classes=["A", "B", "C", "D"]),
    "no prior": lambda card: card.update(prior={}),
    "a prior of no classes": lambda card: card["prior"].update(classes={}),
    "a prior of another form": lambda card: card["prior"].update(classes={"N": []}),
    "a prior without styles": without_styles,
    "a correlation that is none": crooked,
    "a mean of other contexts": short_mean,
    "hidden numbers": lambda card: card["prior"].update(hidden=["a", "b"]),
    "a member of nothing": lambda card: card.update(members={"N": {}}),
    "left out": lambda card: card.update(left_out=5),
    "another scaler": lambda card: card.update(scaler={"kind": "none"}),
    "another family": lambda card: card["run"]["model"].update(name="nothing"),
    "a family that is a file": lambda card: card["run"]["model"].update(name="__init__"),
    "no run": lambda card: card.update(run={}),
    "a description that is none": lambda card: card["run"].update(description={"a": 1}),
    "examples that are no number": lambda card: card.update(examples_seen="many"),
    "not a number": lambda card: json.dumps(card | {"examples_seen": float("nan")}),
    "infinity": lambda card: json.dumps(card | {"seed": float("inf")}),
    "half a character": lambda card: card["data"].update(source="\ud800"),
    "brackets": lambda _: "[" * 100_000,
    "samples without end": lambda card: card["spec"].update(samples=10**12),
    "a rate of nothing": lambda card: card["spec"].update(fs=0),
    "leads that are none": lambda card: card["spec"].update(leads=[]),
    "control characters": lambda card: card.update(name="a\x00b\x1b[31m"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_card_is_no_fault_of_the_service(
    settings: Settings, models: Path, case: str
) -> None:
    """It is left out, or refused when it is asked for; every other model is served."""
    assert settings.model_dir
    target = settings.model_dir / "odd.safetensors"
    with_card(models / "tiny.safetensors", target, DAMAGED[case])
    shutil.copy(models / "tiny.safetensors", settings.model_dir / "good.safetensors")
    with served(settings) as client:
        said = client.get("/v1/models")
        assert said.status_code == 200, said.text
        for body in (
            {},
            {"label": "N"},
            {"label": "A"},
            {"count": {"N": 2, "V": 300}},
            {"count": 300, "format": "npz"},
            {"context": {"rr_before_s": 0.5}},
        ):
            answer = client.post("/v1/ecgs", json={"model": "odd", **body})
            assert answer.status_code in (200, 422), (body, answer.text)
            if answer.status_code == 422:
                assert str(settings.model_dir) not in problem(answer, 422)
        assert client.get("/v1/models/odd/card").status_code in (200, 422)
        assert client.post("/v1/ecgs", json={"model": "good"}).status_code == 200


def test_a_prior_of_other_classes_is_told_as_such(settings: Settings, models: Path) -> None:
    assert settings.model_dir
    with_card(models / "tiny.safetensors", settings.model_dir / "odd.safetensors", without_n)
    with served(settings) as client:
        why = client.get("/v1/models").json()["left_out"]["odd"]
        assert "its prior has the classes F, N, S, V, its spec S, V, F" in why
        assert why in problem(client.post("/v1/ecgs", json={"model": "odd"}), 422)
