"""A browser, and a service with a run and a model of twelve leads, for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from browsing import chromium, opened
from serving import served
from tiny import tiny_renderer, tiny_run

from ecgsynth.service.settings import Settings
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.simulator.records import simulate_record
from ecgsynth.training.loop import train

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="package")
def twelve() -> Ecg:
    """Eight people of the simulator: 12 leads, 10 s at 100 Hz."""
    people = [simulate_record(10, 100, seed=1, patient=k) for k in range(8)]
    return concatenate([replace(one, marks=None) for one in people])


@pytest.fixture(scope="package")
def runs(simulated_beats: Ecg, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of six steps."""
    folder = tmp_path_factory.mktemp("runs")
    train(tiny_run(6, health_every=2), folder / "mine", data=simulated_beats[:80])
    return folder


@pytest.fixture(scope="package")
def service(
    runs: Path, twelve: Ecg, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Shipped models and two of 12 leads, without training."""
    models = tmp_path_factory.mktemp("models")
    tiny_renderer(10.0).save(models / "records.safetensors")
    train(tiny_run(1), data=twelve).save(models / "twelve.safetensors")
    jobs = f"sqlite:///{tmp_path_factory.mktemp('jobs') / 'jobs.sqlite'}"
    with served(Settings(jobs_db=jobs, runs=runs, model_dir=models, job_nice=0)) as client:
        yield client


@pytest.fixture
def page(browser: Browser, service: httpx.Client) -> Iterator[Page]:
    with opened(browser, service) as page:
        yield page
