"""Runs the shards of a plan: in this process, or on Dask's workers, here or on a cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ecgsynth.corpus.plan import CorpusPlan, Shard
from ecgsynth.corpus.shard import make_ordered
from ecgsynth.errors import EcgsynthError, mask_passwords

if TYPE_CHECKING:
    from distributed import Client

DEATHS = 10
"""Workers of our own that a shard may lose before it is given up."""

AHEAD = 4
"""Shards that wait at a worker besides the one that it makes."""

PATIENCE_S = 20.0
"""So long an answer of a scheduler is waited for."""

Order = dict[str, Any]
Done = Callable[[dict[str, Any]], None]
Note = Callable[[str], None]


def orders_of(plan: CorpusPlan, shards: list[Shard], maker: dict[str, Any], to: str) -> list[Order]:
    """What a worker is sent for each shard."""
    content = plan.to_dict()
    return [{"plan": content, "shard": asdict(one), "maker": maker, "to": to} for one in shards]


def run_here(orders: list[Order], done: Done) -> None:
    """Make the shards one after the other in this process."""
    for order in orders:
        done(make_ordered(order))


def run_on_dask(orders: list[Order], scheduler: str, workers: int, done: Done, note: Note) -> None:
    """Make the shards on workers of Dask; a worker that is lost costs the shard that it made.

    scheduler: local, slurm, or the address of one that runs. workers: of local and slurm. note:
    called with the address of Dask's dashboard.

    Raises
    ------
    EcgsynthError: a shard cannot be made, a scheduler does not answer or goes away, or a shard
        ends every worker that makes it.
    """
    with _client(scheduler, workers) as client:
        if link := client.dashboard_link:
            note(f"dashboard: {mask_passwords(link)}")
        given_up = _run(client, orders, scheduler, done)
    if given_up:
        raise EcgsynthError(
            f"{', '.join(given_up[:5])} ended every worker that made them, probably for want of "
            "memory; lower items_per_shard, or give each worker more."
        )


def _run(client: Client, orders: list[Order], scheduler: str, done: Done) -> list[str]:
    """Send the shards, some ahead of the workers; names of those that were given up."""
    from distributed import KilledWorker, as_completed

    waiting = iter(orders)
    names: dict[Any, str] = {}
    given_up: list[str] = []

    def send(count: int) -> list[Any]:
        found = []
        for _, order in zip(range(count), waiting, strict=False):
            name = order["shard"]["name"]
            future = client.submit(make_ordered, order, pure=False)
            names[future.key] = name
            found.append(future)
        return found

    ahead = AHEAD * max(1, sum(client.nthreads().values()))
    running = as_completed(send(ahead))
    try:
        for future in running:
            name = names.pop(future.key)
            if future.status == "cancelled":
                raise _gone(scheduler)
            try:
                done(future.result(timeout=PATIENCE_S))
            except KilledWorker:
                given_up.append(name)
            for more in send(1):
                running.add(more)
    except (OSError, TimeoutError) as problem:
        raise _gone(scheduler) from problem
    return given_up


@contextmanager
def _client(scheduler: str, workers: int) -> Iterator[Client]:
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise EcgsynthError(
            "several workers need Dask, which is not installed; run `pip install "
            "'ecgsynth[corpus]'`, or use --workers 1."
        ) from None
    logging.getLogger("distributed").setLevel(logging.ERROR)
    if scheduler == "local":
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": DEATHS}),
            LocalCluster(n_workers=workers, threads_per_worker=1) as cluster,
            Client(cluster) as client,
        ):
            yield client
    elif scheduler == "slurm":
        with _slurm(workers) as cluster, Client(cluster) as client:
            yield client
    else:
        try:
            client = Client(scheduler, timeout=PATIENCE_S)
        except (OSError, ValueError, TypeError) as problem:
            reason = " ".join(str(problem).split())[:150]
            raise EcgsynthError(
                f"no scheduler answers at {scheduler} ({reason}); start one with `dask scheduler`, "
                "or leave --scheduler out."
            ) from None
        with client:
            yield client


def _slurm(workers: int) -> Any:
    """A cluster of SLURM jobs, as the user's configuration of dask-jobqueue describes one.

    Raises
    ------
    EcgsynthError: the package or its configuration is not there.
    """
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError:
        raise EcgsynthError(
            "--scheduler slurm needs dask-jobqueue; run `pip install dask-jobqueue`."
        ) from None
    try:
        cluster = SLURMCluster()
    except (ValueError, TypeError, OSError) as problem:
        raise EcgsynthError(
            f"dask-jobqueue has no complete configuration of SLURM ({problem}); set cores, memory "
            "and queue in ~/.config/dask/jobqueue.yaml."
        ) from None
    cluster.scale(jobs=workers)
    return cluster


def _gone(scheduler: str) -> EcgsynthError:
    return EcgsynthError(
        f"the scheduler ({mask_passwords(scheduler)}) is gone; shards that are made stay. Start it "
        "again and run the same command."
    )
