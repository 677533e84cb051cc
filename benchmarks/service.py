"""The service under load on the loopback: start, latency, many clients, throughput, memory.

python -m benchmarks.service [--workers 1] [--requests 2000]
python -m benchmarks.service --endure 100000 --stream 1000000 --jobs 20    (these take half an hour)

Clients and server share this machine's cores; over a network of its own it is rather quicker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np

MODEL = "mitbih-beats"
CLIENTS = 50
STREAMED = 10_000
FORMS = ("ndjson", "parquet", "npz", "wfdb")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--endure", type=int, default=0, help="requests while memory is watched")
    parser.add_argument("--stream", type=int, default=0, help="beats of one answer, likewise")
    parser.add_argument("--jobs", type=int, default=0, help="jobs over which the server is killed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        server, address = start(Path(folder), asked.workers)
        try:
            figures = measure(server, address, begun, asked.requests)
            if asked.endure:
                figures |= endured(server, address, asked.endure)
            if asked.stream:
                figures |= streamed(server, address, asked.stream)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        if asked.jobs:
            figures |= killed(Path(folder), asked.workers, asked.jobs)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {asked.workers} worker(s)"
    print(json.dumps({"machine": machine, **figures}, indent=1))


def start(folder: Path, workers: int, *words: str) -> tuple[subprocess.Popen[bytes], str]:
    """A server of its own, which need not answer yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "ecgsynth", "serve", "--port", str(port), "--workers", str(workers),
        "--jobs-db", f"sqlite:///{folder / 'jobs.sqlite'}", *words,
    ]  # fmt: skip
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet), f"http://127.0.0.1:{port}"


def measure(
    server: subprocess.Popen[bytes], address: str, begun: float, requests: int
) -> dict[str, Any]:
    """All figures, times in ms but for the start."""
    with httpx.Client(base_url=address, timeout=120) as client:
        health_s = first_answer(lambda: client.get("/v1/health"), begun)
        beat_s = first_answer(lambda: beat(client, 0), begun)
        alone = [timed(client, seed) for seed in range(200)]
        before, cpu_s = memory_mib(server.pid), cpu_seconds(server.pid)
        together, wall_s, errors = asyncio.run(many(address, requests))
        after = memory_mib(server.pid)
        _, wall_again_s, errors_again = asyncio.run(many(address, requests))
        last, cpu_s = memory_mib(server.pid), cpu_seconds(server.pid) - cpu_s
        streams = {form: beats_per_s(client, form) for form in FORMS}
        streamed = memory_mib(server.pid)
        for form in FORMS:
            beats_per_s(client, form)
        memory = [streamed, memory_mib(server.pid)]
    return {
        "start to health, s": round(health_s, 2),
        "start to first beat, s": round(beat_s, 2),
        "one beat alone, p50 ms": percentile(alone, 50),
        "one beat alone, p99 ms": percentile(alone, 99),
        f"{CLIENTS} clients, p50 ms": percentile(together, 50),
        f"{CLIENTS} clients, p99 ms": percentile(together, 99),
        f"{CLIENTS} clients, requests/s": round(2 * requests / (wall_s + wall_again_s), 1),
        f"{CLIENTS} clients, CPU of the server per request, ms": round(500 * cpu_s / requests, 1),
        f"{CLIENTS} clients, errors": errors + errors_again,
        **{f"{form}, beats/s": value for form, value in streams.items()},
        "memory before, after N, after 2 N requests, MiB": [before, after, last],
        "memory after the streams, after them again, MiB": memory,
    }


def endured(server: subprocess.Popen[bytes], address: str, requests: int) -> dict[str, Any]:
    """Memory over many requests of `CLIENTS`, in ten parts."""
    memory, errors = [memory_mib(server.pid)], 0
    for _ in range(10):
        errors += asyncio.run(many(address, requests // 10))[2]
        memory.append(memory_mib(server.pid))
    return {
        f"{requests} requests, errors": errors,
        f"{requests} requests, memory at every tenth, MiB": memory,
    }


def streamed(server: subprocess.Popen[bytes], address: str, beats: int) -> dict[str, Any]:
    """Memory while one answer is read to its end."""
    memory, lines, begun = [memory_mib(server.pid)], 0, time.perf_counter()
    body = {"model": MODEL, "count": beats}
    with (
        httpx.Client(base_url=address, timeout=120) as client,
        client.stream("POST", "/v1/ecgs", json=body) as answer,
    ):
        answer.raise_for_status()
        for piece in answer.iter_bytes(1 << 20):
            before, lines = lines, lines + piece.count(b"\n")
            if lines * 20 // beats > before * 20 // beats:
                memory.append(memory_mib(server.pid))
    assert lines == beats + 2, "the stream was cut short"
    return {
        f"{beats} beats in one stream, beats/s": round(beats / (time.perf_counter() - begun)),
        f"{beats} beats in one stream, memory at every twentieth, MiB": memory,
    }


def killed(folder: Path, workers: int, jobs: int) -> dict[str, Any]:
    """Small evaluations, over which the server is killed when the first has ended."""
    from ecgsynth.formats import write
    from ecgsynth.simulator.records import simulate_beats

    file = write(simulate_beats(120, patients=4, seed=1), folder / "beats.npz")
    form = {"against": "simulated:test", "train": "", "metrics": "amplitude_w1"}
    server, address = start(folder, workers, "lease_seconds=2")
    with httpx.Client(base_url=address, timeout=120) as client:
        first_answer(lambda: client.get("/v1/health"), 0)
        where = []
        for _ in range(jobs):
            with open(file, "rb") as content:
                answer = client.post("/v1/evaluations", data=form, files={"file": content})
            where.append(answer.raise_for_status().headers["location"])
        wait_until(lambda: client.get("/v1/health").json()["jobs"]["done"] > 0)
    for one in [*children(server.pid), server.pid]:
        os.kill(one, signal.SIGKILL)
    server.wait()
    server, address = start(folder, workers, "lease_seconds=2")
    try:
        with httpx.Client(base_url=address, timeout=120) as client:
            first_answer(lambda: client.get("/v1/health"), 0)
            wait_until(lambda: client.get("/v1/health").json()["jobs"]["done"] == jobs)
            starts = [client.get(one).raise_for_status().json()["starts"] for one in where]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    return {f"{jobs} jobs, done after kill -9": jobs, f"{jobs} jobs, begun twice": starts.count(2)}


def wait_until(ready: Callable[[], bool]) -> None:
    until = time.monotonic() + 3600
    while not ready():
        assert time.monotonic() < until, "this did not come about in an hour"
        time.sleep(0.2)


def first_answer(ask: Callable[[], httpx.Response], begun: float) -> float:
    while True:
        try:
            ask().raise_for_status()
            return time.perf_counter() - begun
        except httpx.TransportError:
            time.sleep(0.02)


def beat(client: httpx.Client, seed: int) -> httpx.Response:
    return client.post("/v1/ecgs", json={"model": MODEL, "label": "V", "seed": seed})


def timed(client: httpx.Client, seed: int) -> float:
    begun = time.perf_counter()
    beat(client, seed).raise_for_status()
    return time.perf_counter() - begun


async def many(address: str, requests: int) -> tuple[list[float], float, int]:
    """Times of all requests of `CLIENTS` at once, s; the wall time; how many were no success."""
    seeds = iter(range(requests))
    times: list[float] = []
    errors = 0
    limits = httpx.Limits(max_connections=CLIENTS)

    async def one(client: httpx.AsyncClient) -> None:
        nonlocal errors
        for seed in seeds:
            begun = time.perf_counter()
            answer = await client.post("/v1/ecgs", json={"model": MODEL, "seed": seed})
            errors += answer.status_code != 200
            times.append(time.perf_counter() - begun)

    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as client:
        # Connections are made before the clock runs.
        await asyncio.gather(*(client.get("/v1/health") for _ in range(CLIENTS)))
        begun = time.perf_counter()
        await asyncio.gather(*(one(client) for _ in range(CLIENTS)))
        return times, time.perf_counter() - begun, errors


def beats_per_s(client: httpx.Client, form: str) -> int:
    begun = time.perf_counter()
    body = {"model": MODEL, "count": STREAMED, "format": form}
    with client.stream("POST", "/v1/ecgs", json=body) as answer:
        answer.raise_for_status()
        for _ in answer.iter_bytes():
            pass
    return round(STREAMED / (time.perf_counter() - begun))


def memory_mib(pid: int) -> int:
    """Resident memory of a process and its children (Linux)."""
    total = 0
    for one in [pid, *children(pid)]:
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                total += int(line.split()[1]) // 1024
    return total


def cpu_seconds(pid: int) -> float:
    """Time that a process and its children were computing, s (Linux)."""
    ticks = 0
    for one in [pid, *children(pid)]:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [child for one in text.split() for child in [int(one), *children(int(one))]]


def percentile(times: list[float], share: float) -> float:
    return round(1000 * float(np.percentile(times, share)), 1)


if __name__ == "__main__":
    main()
