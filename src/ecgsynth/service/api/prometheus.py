"""`/metrics`: counters for Prometheus, over all workers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

REQUESTS = Counter("ecgsynth_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "ecgsynth_request_seconds", "Time to the end of the answer", ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)  # fmt: skip
IN_FLIGHT = Gauge(
    "ecgsynth_requests_in_flight", "Requests being answered", multiprocess_mode="livesum"
)
ITEMS = Counter("ecgsynth_items", "Synthetic items sent", ["model", "format"])
TOGETHER = Histogram(
    "ecgsynth_orders_together", "Small requests computed in one pass",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)  # fmt: skip

router = APIRouter()


class _Jobs(Collector):
    """Jobs by state, counted in the shared database."""

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts = counts

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("ecgsynth_jobs", "Jobs by state", labels=["state"])
        for state, count in self.counts.items():
            family.add_metric([state], count)
        yield family


@router.get(
    "/metrics", tags=["service"], summary="Counters in the Prometheus format",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def metrics(request: Request) -> Response:
    """`GET /metrics`, in the text format of Prometheus."""
    counts = await asyncio.to_thread(request.app.state.store.counts)
    registry = CollectorRegistry()
    registry.register(_Jobs(counts))
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.MultiProcessCollector(registry)
        text = generate_latest(registry)
    else:
        text = generate_latest(REGISTRY) + generate_latest(registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
