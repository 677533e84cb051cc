"""Names by which the service may be called: a page of elsewhere whose name leads here gets none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serving import served

from ecgsynth.cli.serve import serve
from ecgsynth.service.settings import Settings

OTHERS = (
    "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example",
    "evil.example@127.0.0.1", "127.0.0.1/evil", "[::1", "[evil.example]", "a b", "*",
)  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(jobs_db=f"sqlite:///{tmp_path_factory.mktemp('db') / 'jobs.sqlite'}", jobs=0)


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    with served(settings) as client:
        yield client


@pytest.mark.parametrize("host", OTHERS)
def test_a_name_that_is_not_the_services_own_is_refused(client: httpx.Client, host: str) -> None:
    named = {"Host": host, "Origin": f"http://{host}"}
    answers = [client.get(p, headers=named) for p in ("/", "/v1/models", "/static/page.js")]
    answers.append(client.post("/v1/ecgs", json={"model": "mitbih-beats"}, headers=named))
    for answer in answers:
        assert answer.status_code == 421
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:ecgsynth:problem:not-this-host"
        assert "this service does not have the host name" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "localhost.", "10.0.0.7:80", "[::1]"])
def test_this_machine_and_numbers_may_be_named(client: httpx.Client, host: str) -> None:
    assert client.get("/v1/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("hosts", "host", "status"),
    [
        ("ecg.example, ECG2.example", "ecg2.example:443", 200),
        ("ecg.example", "example", 421),
        ("*", "anything.example", 200),
    ],
)
def test_named_hosts_may_be_used(settings: Settings, hosts: str, host: str, status: int) -> None:
    with served(settings.model_copy(update={"hosts": hosts})) as client:
        assert client.get("/v1/health", headers={"Host": host}).status_code == status


def test_the_name_that_is_served_is_one_of_the_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    heard: dict[str, str] = {}
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: heard.update(os.environ))
    monkeypatch.setattr("ecgsynth.cli.serve._check_free", lambda *_: None)
    for name, value in Settings().to_environment().items():  # what the command sets goes again
        monkeypatch.setenv(name, value)
    database = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    for word in ("ecg.example", "*", "10.5", "a: b", "yes"):  # as it stands, and not as YAML
        serve([f"hosts={word}"], "ward", 8000, None, None, 1, database)
        assert heard["ECGSYNTH_SERVE_HOSTS"] == f"{word},ward"
