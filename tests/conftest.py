"""What all tests share: simulated ECGs, a data root of their own, and the `data` mark."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from outcome import Command, Outcome
from tiny import tiny_synthesizer

from ecgsynth.datasets import store
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.simulator.records import Noise, simulate_beats, simulate_record
from ecgsynth.synthesizer import Synthesizer


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "data(*names): needs the real recordings of these sets; mitbih when none is named",
    )


MARKS_OF = {
    "mitbih": "100.hea", "svdb": "800.hea", "qtdb": "sel100.hea", "ludb": "1.hea",
    "ptbxl": "ptbxl_database.csv",
}  # fmt: skip
"""A file by which the recordings of a set are known."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    absent: dict[str, str] = {}
    for name, file in MARKS_OF.items():
        try:
            store.find_folder(name, file)
        except EcgsynthError as reason:
            absent[name] = str(reason)
    for item in items:
        for mark in item.iter_markers("data"):
            for name in mark.args or ("mitbih",):
                if name in absent:
                    item.add_marker(pytest.mark.skip(reason=absent[name]))


@pytest.fixture(autouse=True)
def usual_logging() -> Iterator[None]:
    """What a command of an earlier test made silent is heard in the next one."""
    yield
    logging.getLogger("ecgsynth").setLevel(logging.NOTSET)
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session", autouse=True)
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data root that is thrown away: recordings are linked into it, the cache begins empty, and
    no version that the user of this machine registered is seen."""
    real = store.data_root()
    root = tmp_path_factory.mktemp("data")
    if real.is_dir():
        for folder in real.iterdir():
            if folder.is_dir() and folder.name != "cache":
                (root / folder.name).symlink_to(folder, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECGSYNTH_DATA", str(root))
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("user-data")))
        yield root


@pytest.fixture(scope="session")
def simulated_beats() -> Ecg:
    """600 beats of 8 simulated people: MLII, 360 Hz, 96 + 160 samples, a little noise."""
    return simulate_beats(600, patients=8, noise=Noise(muscle_mv=0.01), seed=1)


@pytest.fixture(scope="session")
def simulated_record() -> Ecg:
    """10 s of a simulated person at 72 beats/min: 12 leads, 500 Hz, no noise, every beat normal."""
    return simulate_record(10.0, 500.0, heart_rate=72, seed=1)


@pytest.fixture(scope="module")
def models(simulated_beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds one model, `tiny`, as a service is given it."""
    folder = tmp_path_factory.mktemp("models")
    tiny_synthesizer(simulated_beats).save(folder / "tiny.safetensors")
    return folder


@pytest.fixture(scope="module")
def tiny(models: Path) -> Synthesizer:
    return Synthesizer.load(models / "tiny.safetensors")


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `ecgsynth ...` here, in an empty folder."""
    from ecgsynth import progress
    from ecgsynth.cli import main

    monkeypatch.chdir(tmp_path)
    for name in ("FIRST_S", "LATEST_S"):  # a busy machine adds no lines of progress
        monkeypatch.setattr(progress, name, 3600.0)
    monkeypatch.setenv("COLUMNS", "400")  # tables in one line a row

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["ecgsynth", *map(str, words)])
        capsys.readouterr()
        try:
            main.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Outcome(code, *capsys.readouterr())

    return run
