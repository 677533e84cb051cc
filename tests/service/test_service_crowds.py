"""Many clients, slow ones and hostile ones: nobody takes all places, and the health is told."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from patience import PATIENCE_S
from serving import served, wait_for

from ecgsynth.jobs.store import Store
from ecgsynth.service.middleware import slots
from ecgsynth.service.middleware.connections import Connection
from ecgsynth.service.middleware.slots import Pace, Slots, client_of
from ecgsynth.service.models.store import ModelStore
from ecgsynth.service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "metrics.jsonl").write_text('{"examples": 1}\n')
    return Settings(
        jobs_db=f"sqlite:///{tmp_path / 'jobs.sqlite'}", jobs=0, runs=tmp_path / "runs",
        requests=4, watchers=2, client_share=1.0,
    )  # fmt: skip


def sentence(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


def alone(client: httpx.Client, path: str, **more: Any) -> httpx.Response:
    """The answer to a request by a connection of its own, however long it takes."""
    return httpx.get(f"{client.base_url}{path}", timeout=PATIENCE_S, **more)


def let_in(client: httpx.Client, path: str) -> httpx.Response:
    """The answer of one who comes back until there is a place."""
    while (answer := alone(client, path)).status_code in (429, 503):
        time.sleep(0.02)
    return answer


@contextlib.contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    place = (client.base_url.host, client.base_url.port or 80)
    with socket.create_connection(place, timeout=PATIENCE_S) as line:
        yield line


@contextlib.contextmanager
def stuck(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> Iterator[None]:
    """A method that does not return, as on a disk that does not answer."""
    going = threading.Event()
    usual = getattr(owner, name)

    def waits(*given: Any) -> Any:
        going.wait(120)
        return usual(*given)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, waits)
        try:
            yield
        finally:
            going.set()


# Health.


def test_health_is_told_while_every_place_is_taken(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(settings) as client, ThreadPoolExecutor(4) as pool:
        with stuck(monkeypatch, ModelStore, "scan"):
            asked = [pool.submit(let_in, client, "/v1/models") for _ in range(4)]
            wait_for(lambda: client.get("/v1/formats").status_code == 503)
            said = client.get("/v1/health")
            assert said.status_code == 200
            assert said.json()["status"] == "degraded"  # the folder of models does not answer
            assert said.json()["models"] is None
            assert said.json()["jobs"]["queued"] == 0
        assert [one.result().status_code for one in asked] == [200] * 4
        wait_for(lambda: client.get("/v1/health").json()["status"] == "ok")


def test_health_is_told_where_the_database_does_not_answer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stuck(monkeypatch, Store, "counts"), served(settings) as client:
        client.get("/v1/models")
        for _ in range(3):  # also to those who come while it is still looked up
            said = client.get("/v1/health").json()
            assert (said["status"], said["jobs"]) == ("degraded", None)
            assert said["models"] > 0
    monkeypatch.setattr(Store, "counts", lambda _: 1 / 0)
    with served(settings) as client:
        assert client.get("/v1/health").json()["jobs"] is None


# Places.


def test_streams_of_events_take_no_place_of_requests_and_have_a_limit_of_their_own(
    settings: Settings,
) -> None:
    with served(settings) as client, contextlib.ExitStack() as open_ones:
        streams = [
            open_ones.enter_context(client.stream("GET", "/v1/runs/mine/events")).iter_lines()
            for _ in range(2)
        ]
        assert [next(lines) for lines in streams] == ["event: history"] * 2
        refused = client.get("/v1/runs/mine/events")
        assert "too many streams of events" in sentence(refused, 503)
        with ThreadPoolExecutor(4) as pool:
            codes = [*pool.map(lambda _: client.get("/v1/formats").status_code, range(4))]
        assert codes == [200] * 4


def test_one_client_does_not_take_the_places_of_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = settings.model_copy(update={"client_share": 0.5})
    with served(shared) as client, ThreadPoolExecutor(2) as pool:
        other = httpx.HTTPTransport(local_address="127.0.0.2")
        with (
            httpx.Client(base_url=client.base_url, transport=other, timeout=PATIENCE_S) as second,
            stuck(monkeypatch, ModelStore, "scan"),
        ):
            asked = [pool.submit(let_in, client, "/v1/models") for _ in range(2)]
            wait_for(lambda: client.get("/v1/formats").status_code == 429)
            refused = client.get("/v1/formats")
            assert "this client has 2 requests open" in sentence(refused, 429)
            assert refused.headers["retry-after"] == "1"
            assert second.get("/v1/formats").status_code == 200
        assert [one.result().status_code for one in asked] == [200] * 2


def test_a_client_is_an_address_and_of_ipv6_its_network() -> None:
    hosts = {
        "192.0.2.7": "192.0.2.7",
        "::ffff:192.0.2.7": "192.0.2.7",
        "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
        "2001:db8:1:2:ffff::": "2001:db8:1:2::",
        "unix": "unix",
    }
    assert {host: client_of({"client": (host, 1)}) for host in hosts} == hosts
    assert client_of({"client": None}) == ""


def test_places_are_given_back_whatever_happens() -> None:
    places = Slots(2, 0.5, "requests")
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), places.held("a"):
            raise ZeroDivisionError
    with places.held("a"), places.held("b"):
        assert places._taken == {"a": 1, "b": 1}
    assert places._taken == {}


# Slow ones.


def test_patience_is_spent_by_waiting_and_grows_with_what_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(slots.time, "monotonic", lambda: now)

    def after(*steps: tuple[float, int]) -> float:
        nonlocal now
        pace = Pace(30)
        for seconds, moved in steps:
            pace.begin()
            now += seconds
            pace.end(moved)
        return pace.begin()

    assert after((29, 1)) == pytest.approx(1, abs=0.01)  # a byte now and then is no pace
    assert after(*[(10, 10_240)] * 100) == 30  # slow, and steady
    assert after((0.1, 50 << 20)) == 30  # nobody saves up patience
    assert after(*[(10, 5_120)] * 5) == pytest.approx(5)


def test_a_client_that_sends_byte_by_byte_is_told_and_left(settings: Settings) -> None:
    with (
        served(settings.model_copy(update={"stall_seconds": 0.5})) as client,
        connected(client) as line,
    ):
        line.sendall(
            b"POST /v1/ecgs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 60000\r\n\r\n"
        )
        line.settimeout(0.05)
        heard = b""
        with contextlib.suppress(ConnectionError):
            for _ in range(600):
                line.sendall(b" ")
                with contextlib.suppress(TimeoutError):
                    heard = line.recv(4096)
                    break
        assert heard.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "sent", [b"", b"GET /v1/mod", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "]
)
def test_a_connection_that_never_asks_is_closed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(Connection, "stall_s", 0.3)
    with served(settings) as client, connected(client) as line:
        line.sendall(sent)
        assert line.recv(100) == b""


def test_a_connection_that_begins_to_ask_again_and_does_not_end_is_closed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "stall_s", 0.5)
    with served(settings) as client, connected(client) as line:
        line.sendall(b"GET /docs HTTP/1.1\r\nHost: localhost\r\n\r\nGET /do")
        heard = b""
        while piece := line.recv(1 << 16):
            heard += piece
        assert heard.startswith(b"HTTP/1.1 200")
        assert heard.count(b"HTTP/1.1") == 1


def test_headers_without_end_are_refused(settings: Settings) -> None:
    with served(settings) as client:
        for headers in ({"X-A": "a" * 100_000}, {f"X-{k}": "a" * 1000 for k in range(100)}):
            answer = alone(client, "/v1/models", headers=headers)
            assert "headers are larger than 32 KiB" in sentence(answer, 431)
        with connected(client) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            heard = b""
            with contextlib.suppress(ConnectionError):
                for _ in range(1000):  # 100 MB, if nobody stops it
                    line.sendall(b"X-A: " + b"a" * 100_000 + b"\r\n")
                heard = line.recv(100)
            assert heard[:12] in (b"", b"HTTP/1.1 400")
        assert client.get("/v1/models", headers={"X-A": "a" * 1000}).status_code == 200


def test_a_client_holds_so_many_connections_and_no_more(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(settings) as client, contextlib.ExitStack() as lines:
        monkeypatch.setattr(Connection, "each", 5)
        kept = [lines.enter_context(connected(client)) for _ in range(4)]
        assert client.get("/v1/formats").status_code == 200  # by the fifth
        wait_for(lambda: is_closed(client))
        kept[0].close()
        wait_for(lambda: not is_closed(client))


def is_closed(client: httpx.Client) -> bool:
    """Whether a new connection is closed at once."""
    try:
        alone(client, "/docs")
    except httpx.HTTPError:
        return True
    return False


# Hostile ones.


def test_invented_methods_and_addresses_make_no_new_counters(settings: Settings) -> None:
    with served(settings) as client:

        def series() -> set[str]:
            lines = client.get("/metrics").text.splitlines()
            return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}

        def asked(word: str) -> None:
            client.request(word, "/v1/models")
            client.request(word, f"/v1/{word}")
            client.get(f"/v1/jobs/{word}")
            client.get("/v1/models", headers={"Host": f"{word}.example"})

        asked("BREW")
        series()
        before = series()
        for number in range(20):
            asked(f"BREW{number}")
        assert series() == before
        assert any('method="other"' in one for one in before)
