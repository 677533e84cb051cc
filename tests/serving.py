"""A service on a loopback port, in this process or as a command of its own; for several tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from patience import PATIENCE_S, wait_for

from ecgsynth.jobs.store import Store
from ecgsynth.jobs.tables import Job
from ecgsynth.service.application import create_app
from ecgsynth.service.middleware import connections
from ecgsynth.service.settings import Settings


@contextmanager
def served(settings: Settings, key: str = "") -> Iterator[httpx.Client]:
    """A client of a service that runs in a thread of this process; models are loaded when asked
    for, since most tests ask for none."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        app = create_app(settings, key)
        app.state.model_store.warm = _nothing
        config = uvicorn.Config(
            app, log_config=None, timeout_graceful_shutdown=2, **connections.options()
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=address, timeout=PATIENCE_S) as client:
            wait_for(lambda: server.started)
            try:
                yield client
            finally:
                client.close()
                server.should_exit = True
                thread.join(30)


async def _nothing() -> None:
    return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(port: int, log: Path, *words: str, **environment: str) -> subprocess.Popen[bytes]:
    """`ecgsynth serve` as a process; it answers when this returns."""
    command = [sys.executable, "-m", "ecgsynth", "serve", "--port", str(port), *words]
    with open(log, "ab") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **environment}
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/v1/health", timeout=PATIENCE_S)
            return answer.status_code == 200
        except httpx.HTTPError:
            return False

    wait_for(answers)
    return process


def got(keep: Store, name: str) -> Job:
    """The job of that name, which must be there."""
    job = keep.get(name)
    assert job is not None
    return job
