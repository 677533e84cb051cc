"""A stream over the wire: its lines, its refusals, its slots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from patience import wait_for
from serving import served

from ecgsynth.service.settings import Settings


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("streams")
    limits = Settings(jobs_db=f"sqlite:///{folder}/jobs.sqlite", jobs=0, watchers=1, runs=folder)
    with served(limits) as client:
        yield client


def events(text: str) -> list[tuple[str, dict]]:
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    return [(kind[7:], json.loads(data[6:])) for kind, data in blocks]


def test_events_are_the_lines_of_the_command(service: httpx.Client) -> None:
    asked = {"rhythm": "sinus", "seconds": 2, "speed": 10, "leads": "II,V1", "fs": 100, "snr": "12"}
    answer = service.get("/v1/stream", params=asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    kinds, lines = zip(*events(answer.text), strict=True)
    assert kinds == ("header", *["piece"] * 10, "end")
    assert lines[0]["leads"] == ["II", "V1"]
    assert lines[-1] == {"samples": 200}
    assert sum(len(one["beats"]) for one in lines[1:-1]) >= 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"rhythm": "sinis"}, "column 1"), ({"leads": "V9"}, "no lead 'V9'"),
        ({"fs": "nan"}, "fs"), ({"speed": 11}, "speed"), ({"noise": "em"}, "no noise is named"),
        ({"noise": "muscle"}, "needs a ratio"), ({"leads": "12", "fs": 10000, "speed": 10}, "less"),
        ({"model": "nothing"}, "no model named"), ({"model": "mitbih-beats"}, "no known"),
        ({"rhythm": "vf 9 s", "snr": "6", "seconds": 9}, "no marked beats"), ({"seed": -1}, "seed"),
    ],
)  # fmt: skip
def test_what_cannot_be_streamed_is_a_problem(
    service: httpx.Client, words: dict, sentence: str
) -> None:
    answer = service.get("/v1/stream", params=words)
    assert answer.status_code in (404, 422)
    assert sentence in answer.json()["detail"]


def test_a_stream_takes_the_place_of_a_watcher_and_frees_it(service: httpx.Client) -> None:
    with service.stream("GET", "/v1/stream") as one:
        lines = one.iter_lines()  # a generator that is not kept would end the stream
        next(lines)
        second = service.get("/v1/stream", params={"seconds": 1})
        assert second.status_code in (429, 503)
        assert service.get("/v1/formats").status_code == 200
    asked = {"seconds": 1, "speed": 10}
    wait_for(lambda: service.get("/v1/stream", params=asked).status_code == 200)
