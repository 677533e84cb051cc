"""Runs over the wire: what a training writes is shown as it comes, and nothing else of the disk."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from filelock import FileLock
from serving import served, wait_for
from tiny import tiny_run

from ecgsynth.service.api import runs
from ecgsynth.service.runs import reader
from ecgsynth.service.settings import Settings
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.training.loop import train
from ecgsynth.training.monitoring.tracking import read_metrics


@pytest.fixture(scope="module")
def trained(simulated_beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs; after the last one there are 14 samples."""
    folder = tmp_path_factory.mktemp("trained") / "tiny"
    some = [simulated_beats.of_class(name)[:12] for name in simulated_beats.spec.classes]
    train(tiny_run(6, samples=1, snapshot_every=10**6), folder, data=concatenate(some))
    newest = folder / "samples" / "epoch_0002"
    for number in range(2, 15):  # as if drawn; their pictures would take seconds
        np.save(newest / f"sample_{number:02d}.npy", np.load(newest / "sample_01.npy") * number)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs") / "runs"


@pytest.fixture(scope="module")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    database = tmp_path_factory.mktemp("jobs") / "jobs.sqlite"
    with served(Settings(jobs_db=f"sqlite:///{database}", jobs=0, runs=folder)) as client:
        yield client


@pytest.fixture
def place(folder: Path, client: httpx.Client) -> Iterator[Path]:
    """The folder of runs, empty."""
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def line(number: int, **more: Any) -> dict[str, Any]:
    return {
        "examples": 100 * number, "critic/adversarial": 1 / (1 + number),
        "examples_per_second": 50.0, "seconds_left": 20.0 - 2 * number, "health/accuracy": 0.5,
    } | more  # fmt: skip


def run_of(place: Path, name: str, lines: list[dict[str, Any]]) -> Path:
    folder = place / name
    folder.mkdir()
    append(folder, *(json.dumps(one) + "\n" for one in lines))
    return folder


def append(folder: Path, *texts: str) -> None:
    with open(folder / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.writelines(texts)


def got(client: httpx.Client, path: str) -> Any:
    answer = client.get(f"/v1/runs{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def sentence(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


# What there is.


def test_without_a_folder_there_are_no_runs(client: httpx.Client) -> None:
    assert got(client, "") == {"runs": []}


def test_a_training_is_shown_as_it_is(client: httpx.Client, place: Path, trained: Path) -> None:
    shutil.copytree(trained, place / "tiny")
    (shown,) = got(client, "")["runs"]
    assert (shown["id"], shown["name"], shown["state"]) == ("tiny", "tiny", "finished")
    assert shown["examples"] == shown["of"] == 96
    assert shown["examples_per_second"] > 0
    last = got(client, "/tiny")["last"]
    lines = read_metrics(trained / "metrics.jsonl")
    assert last["critic/adversarial"] == lines[-1]["critic/adversarial"]
    assert all(isinstance(value, float) for value in last.values())


def test_a_run_is_running_while_its_training_holds_its_lock(
    client: httpx.Client, place: Path
) -> None:
    folder = run_of(place, "mine", [line(1), line(2)])
    with FileLock(folder / ".lock"):
        shown = got(client, "/mine")
        assert (shown["state"], shown["examples"], shown["of"]) == ("running", 200, 1000)
    (folder / ".lock").touch()  # as a training leaves it that was killed
    assert got(client, "/mine")["state"] == "stopped"
    append(folder, json.dumps(line(10)) + "\n")
    assert got(client, "/mine")["state"] == "finished"


def test_the_run_written_to_last_comes_first(client: httpx.Client, place: Path) -> None:
    for number, name in enumerate(("a", "b", "c")):
        folder = run_of(place, name, [line(1)])
        os.utime(folder / "metrics.jsonl", (1e9, 1e9 + number * (-1) ** number))
    assert [one["id"] for one in got(client, "")["runs"]] == ["c", "a", "b"]


def test_alarms_are_told_with_what_to_try(client: httpx.Client, place: Path) -> None:
    alarm = {"examples": 200, "alarm": "saturation", "saw": "clipped tops", "try": "a wider range"}
    run_of(place, "mine", [line(1), line(2), alarm])
    assert got(client, "/mine")["alarms"] == [alarm]
    run_of(place, "odd", [line(1), {"examples": 200, "alarm": "saturation", "saw": "", "try": 5}])
    (said,) = got(client, "/odd")["alarms"]
    assert said == {"examples": 200, "alarm": "saturation", "saw": "", "try": "5"}


# What must not be.


OUTSIDE = ("..", "%2e%2e", ".", "%2e", "..%2fsecret", "away", "%00", "a" * 400)


@pytest.mark.parametrize("rest", ["", "/samples", "/events"])
def test_no_id_leads_out_of_the_folder(
    client: httpx.Client, place: Path, tmp_path: Path, rest: str
) -> None:
    run_of(tmp_path, "secret", [line(1)])
    (place / "away").symlink_to(tmp_path / "secret")
    shutil.copytree(tmp_path / "secret", place.parent / "secret", dirs_exist_ok=True)
    wire = HTTPConnection(client.base_url.host, client.base_url.port or 80, timeout=300)
    for id in OUTSIDE:  # as they stand: a client of httpx would take the dots away
        wire.request("GET", f"/v1/runs/{id}{rest}")
        answer = wire.getresponse()
        said = json.loads(answer.read())
        assert (answer.status, said["title"]) == (404, "Not found")
    wire.close()
    assert got(client, "") == {"runs": []}


def test_a_misspelt_run_is_told_with_the_one_that_is_meant(
    client: httpx.Client, place: Path
) -> None:
    run_of(place, "mitbih-1", [line(1)])
    assert "Did you mean 'mitbih-1'?" in sentence(client.get("/v1/runs/mitbih-2"), 404)


def test_a_link_in_a_run_shows_nothing_of_what_it_leads_to(
    client: httpx.Client, place: Path, tmp_path: Path, trained: Path
) -> None:
    secret = run_of(tmp_path, "secret", [line(7, **{"critic/secret": 1.0})])
    shutil.copytree(trained / "samples", secret / "samples")
    folder = run_of(place, "mine", [])
    (folder / "metrics.jsonl").unlink()
    for name in ("metrics.jsonl", "samples", "run.yaml", "card.json", ".lock"):
        (folder / name).symlink_to(secret / name)
    shown = got(client, "/mine")
    assert (shown["examples"], shown["last"]) == (0, {})
    assert got(client, "/mine/samples")["items"] == []


GARBAGE = {
    "bytes": bytes(range(256)),
    "brackets": b"[" * 100_000 + b"\n",
    "other": b'7\n"x"\n[1]\n{}\n{"examples": "many"}\n{"examples": true}\n{"examples": null}\n',
    "numbers": b'{"examples": 1e999}\n{"examples": NaN}\n{"examples": -Infinity}\n',
    "long": b'{"examples": ' + b"9" * 5000 + b"}\n",
    "empty": b"",
}


ODD = {
    "halves of characters": '{"examples": 1, "a\\ud800": 3, "alarm": "\\ud800"}\n',
    "halves in samples": '{"examples": 1, "samples": {"\\ud800": [0.5, 1]}}\n',
    "beyond numbers": '{"examples": 1, "examples_per_second": 1e200, "seconds_left": 1e200}\n',
    "below numbers": '{"examples": -5, "examples_per_second": -1e299, "seconds_left": 1e99}\n',
    "deep samples": '{"examples": 1, "samples": ' + "[" * 900 + "]" * 900 + "}\n",
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_log_is_no_fault(client: httpx.Client, place: Path, kind: str) -> None:
    (run_of(place, "mine", []) / "metrics.jsonl").write_text(ODD[kind])
    (place / "mine" / "run.yaml").write_text('name: "\\ud800"\n')
    assert len(got(client, "")["runs"]) == 1
    got(client, "/mine")
    got(client, "/mine/samples")
    assert next(told(client, "mine"))[0] == "history"


@pytest.mark.skipif(os.name != "posix", reason="names of folders are text here")
def test_a_run_whose_name_is_no_text_is_passed_over(client: httpx.Client, place: Path) -> None:
    os.mkdir(os.fsencode(place) + b"/\xff")
    (place / os.fsdecode(b"\xff") / "metrics.jsonl").write_text('{"examples": 1}\n')
    run_of(place, "mine", [line(1)])
    assert [one["id"] for one in got(client, "")["runs"]] == ["mine"]


@pytest.mark.parametrize("seconds", [1e300, -1e300, float("nan"), 1e15])
def test_a_time_that_no_calendar_has_is_none(seconds: float) -> None:
    assert reader.moment(seconds) is None


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_log_of_garbage_is_a_run_without_figures(
    client: httpx.Client, place: Path, kind: str
) -> None:
    (run_of(place, "mine", []) / "metrics.jsonl").write_bytes(GARBAGE[kind])
    assert len(got(client, "")["runs"]) == 1
    assert got(client, "/mine")["last"] == {}
    assert next(told(client, "mine"))[2]["curves"] == {}


def test_figures_that_are_no_numbers_are_left_out(client: httpx.Client, place: Path) -> None:
    odd = {"a": None, "b": [1], "c": {"d": 2}, "e": True, "f": 10**400, "critic/r1": 0.5}
    folder = run_of(place, "mine", [line(1, **odd)])
    append(folder, '{"examples": 200, "a": NaN, "b": Infinity, "critic/r1": 0.25}\n')
    last = got(client, "/mine")["last"]
    assert last["critic/r1"] == 0.25
    assert not {"a", "b", "c", "e", "f"} & set(last)


def test_a_log_that_is_too_large_is_told(
    client: httpx.Client, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MOST_LOG", 10)
    run_of(place, "mine", [line(1)])
    assert "larger than" in got(client, "/mine")["reason"]


# As it goes on.


def told(client: httpx.Client, id: str, last: str = "") -> Iterator[tuple[str, str, Any]]:
    """The events of a run: kind, id, data; a comment is of the kind "" with its text."""
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", f"/v1/runs/{id}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        found: dict[str, str] = {}
        for text in answer.iter_lines():
            if text:
                name, _, value = text.partition(": ")
                found[name] = value
                continue
            data = json.loads(found["data"]) if "data" in found else None
            yield found.get("event", ""), found.get("id", ""), data
            found = {}


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "LOOK_S", 0.02)


@pytest.mark.usefixtures("quickly")
def test_events_begin_with_the_history_and_go_on_line_by_line(
    client: httpx.Client, place: Path
) -> None:
    folder = run_of(place, "mine", [line(k) for k in range(1, 1501)])
    lock = FileLock(folder / ".lock")
    lock.acquire()
    events = told(client, "mine")
    kind, _, history = next(events)
    assert (kind, history["run"]["state"]) == ("history", "running")
    curve = history["curves"]["critic/adversarial"]
    assert len(curve) == reader.MOST_POINTS
    assert curve[0] == [100, 0.5]
    assert curve[-1] == [150_000, pytest.approx(1 / 1501)]

    text = json.dumps(line(1501)) + "\n"
    append(folder, text[:25])  # cut short: no line yet
    append(folder, text[25:])
    kind, _, data = next(events)
    assert (kind, data["examples"], data["alarm"]) == ("metrics", 150_100, None)
    assert data["values"]["critic/adversarial"] == pytest.approx(1 / 1502)

    alarm = {"examples": 150_100, "alarm": "divergence", "saw": "x", "try": "y"}
    append(folder, json.dumps(alarm) + "\n")
    assert next(events)[2]["alarm"] == alarm

    lock.release()
    kind, _, data = next(events)
    assert (kind, data["state"]) == ("state", "finished")
    events.close()
    wait_for(lambda: "in_flight 1.0" in client.get("/metrics").text)


@pytest.mark.usefixtures("quickly")
def test_a_watcher_that_comes_back_goes_on_where_it_was(client: httpx.Client, place: Path) -> None:
    folder = run_of(place, "mine", [line(1), line(2)])
    events = told(client, "mine")
    _, mark, _ = next(events)
    events.close()
    append(folder, json.dumps(line(3)) + "\n", json.dumps(line(4)) + "\n")
    events = told(client, "mine", mark)
    assert [next(events)[2]["examples"] for _ in range(2)] == [300, 400]
    events.close()


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("last", ["", "9", "2.00000000", "-1.x", "99999999999999999999.1", "x\xe9"])
def test_an_id_that_is_not_ours_begins_with_the_history(
    client: httpx.Client, place: Path, last: str
) -> None:
    run_of(place, "mine", [line(1), line(2)])
    headers = {"Last-Event-ID": last.encode("latin-1")}
    with client.stream("GET", "/v1/runs/mine/events", headers=headers) as answer:
        assert next(answer.iter_lines()) == "event: history"


@pytest.mark.usefixtures("quickly")
def test_a_training_that_went_back_is_shown_anew(client: httpx.Client, place: Path) -> None:
    folder = run_of(place, "mine", [line(1), line(2), line(3)])
    events = told(client, "mine")
    next(events)
    again = [json.dumps(line(k, **{"critic/adversarial": 9.0})) + "\n" for k in (1, 2, 3, 4)]
    (folder / "new").write_text("".join(again))
    (folder / "new").rename(folder / "metrics.jsonl")
    kind, _, data = next(events)
    assert kind == "history"
    assert data["curves"]["critic/adversarial"] == [[100 * k, 9.0] for k in (1, 2, 3, 4)]
    shutil.rmtree(folder)
    assert list(events) == []  # the run is gone, and the stream ends


@pytest.mark.usefixtures("quickly")
def test_silence_is_broken_by_a_comment(
    client: httpx.Client, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "HEARTBEAT_S", 0.05)
    run_of(place, "mine", [line(1)])
    events = told(client, "mine")
    assert [next(events)[0] for _ in range(2)] == ["history", ""]
    events.close()


# Samples.


def test_the_newest_samples_are_shown(client: httpx.Client, place: Path, trained: Path) -> None:
    shutil.copytree(trained, place / "tiny")
    said = got(client, "/tiny/samples")
    assert (said["fs"], said["leads"], said["unit"]) == (360.0, ["MLII"], "mV")
    assert len(said["items"]) == runs.runsamples.MOST_ITEMS
    assert [one["label"] for one in said["items"][:5]] == ["N", "S", "V", "F", "N"]
    last = np.load(trained / "samples" / "epoch_0002" / "sample_03.npy")
    assert said["items"][2]["signal"] == last.astype(float).round(4).tolist()
    assert said["examples"] == 96


def test_without_a_card_samples_have_no_unit(
    client: httpx.Client, place: Path, trained: Path
) -> None:
    shutil.copytree(trained, place / "tiny")
    (place / "tiny" / "card.json").write_text('{"spec": {"leads": 5}, "prior": [], "data": 3}')
    said = got(client, "/tiny/samples")
    assert (said["fs"], said["unit"]) == (None, None)
    assert len(said["items"][0]["signal"][0]) == 256


def test_a_run_that_draws_no_samples_shows_what_its_health_was_seen_on(
    client: httpx.Client, place: Path
) -> None:
    run_of(place, "mine", [line(1, samples={"V": [0.0, 1.0, 0.5], "x": "no", "y": [[1]]}), line(2)])
    said = got(client, "/mine/samples")
    assert (said["examples"], said["unit"]) == (100, "normalised")
    assert said["items"] == [{"label": "V", "signal": [[0.0, 1.0, 0.5]]}]


class Harm:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


def saved(array: Any, **more: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, **more)
    return out.getvalue()


def promising(shape: str) -> bytes:
    """An .npy whose header says more than follows."""
    return saved(np.zeros((1, 9), np.float32)).replace(b"(1, 9), ", shape.encode())


def test_no_file_among_the_samples_does_harm(
    client: httpx.Client, place: Path, tmp_path: Path
) -> None:
    folder = run_of(place, "mine", [line(1)])
    epoch = folder / "samples" / "epoch_0001"
    epoch.mkdir(parents=True)
    harm = np.empty((1, 1), object)
    harm[0, 0] = Harm(tmp_path / "harm")
    files = [
        saved(harm, allow_pickle=True), pickle.dumps(Harm(tmp_path / "harm")), b"", b"\x93NUMPY",
        promising("(9, 9999999999), "), promising("(0, 9), "), saved(np.zeros((2, 3, 4), "f4")),
        saved(np.zeros((2, 3), int)), saved(np.full((1, 3), np.nan)), saved(np.zeros((99, 3))),
    ]  # fmt: skip
    for number, content in enumerate(files):
        (epoch / f"sample_{number:02d}.npy").write_bytes(content)
    (epoch / "sample_10.npy").mkdir()
    assert got(client, "/mine/samples")["items"] == []
    np.save(epoch / "sample_11.npy", np.ones((1, 3), np.float32))
    assert got(client, "/mine/samples")["items"] == [{"label": "", "signal": [[1.0] * 3]}]
    assert not (tmp_path / "harm").exists()


def test_a_sample_that_is_too_large_is_left_out(
    client: httpx.Client, place: Path, monkeypatch: pytest.MonkeyPatch, trained: Path
) -> None:
    monkeypatch.setattr(runs.runsamples, "MOST_BYTES", 100)
    shutil.copytree(trained, place / "tiny")
    said = got(client, "/tiny/samples")
    assert all(len(one["signal"][0]) != 256 for one in said["items"])
