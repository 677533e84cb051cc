"""Folders that may not be written or read: one sentence, and nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from unprivileged import mode, run_unprivileged

from ecgsynth import files
from ecgsynth.errors import EcgsynthError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of files")

CALLS = """
import json, logging, os, sys
from pathlib import Path
import ecgsynth as es
from ecgsynth.datasets.fetching import fetch
from ecgsynth.jobs.store import Store
from ecgsynth.synthesizer.mlflow_store import prepare_store

place, archive = Path(sys.argv[1]), Path(sys.argv[2])
beats = es.load("simulated", split="train", beats=20)
os.environ["ECGSYNTH_DATA"] = str(place)
calls = {
    "write": lambda: es.write(beats, place / "a.npz"),
    "write a folder": lambda: es.write(beats, place / "records/"),
    "read": lambda: es.read(place / "there.npz"),
    "read a folder": lambda: es.read(place),
    "a model": lambda: es.Synthesizer.load(place / "there.safetensors"),
    "a data set": lambda: es.load("mitbih"),
    "a folder": lambda: es.load("folder", path=place / "records"),
    "fetch": lambda: fetch("mitbih", source=archive),
    "jobs": lambda: Store(f"sqlite:///{place}/jobs.sqlite"),
    "versions": lambda: prepare_store(place / "versions.sqlite3"),
}
results = {}
for name, call in calls.items():
    try:
        results[name] = str(call())
    except es.EcgsynthError as problem:
        results[name] = "refused: " + str(problem)
    except Exception as problem:
        results[name] = f"fault: {type(problem).__name__}: {problem}"
print(json.dumps(results))
"""


@pytest.mark.parametrize(("bits", "reads"), [(0o555, True), (0o000, False)])
def test_what_may_not_be_written_or_read_is_refused_in_a_sentence(
    tmp_path: Path, bits: int, reads: bool
) -> None:
    place, archive = tmp_path / "place", tmp_path / "archive"
    place.mkdir()
    archive.mkdir()
    (archive / "100.hea").write_text("100 1 360 0\n")
    np.savez(place / "there.npz", data=np.eye(60, dtype=np.float32), fs=100, labels=["N"] * 60)
    before = {one.name: one.read_bytes() for one in place.iterdir()}
    with mode(place, bits):
        results = run_unprivileged(CALLS, place, archive)
    assert {one.name: one.read_bytes() for one in place.iterdir()} == before
    if reads:
        assert "60 items" in results.pop("read")
    for name, sentence in results.items():
        assert sentence.startswith("refused: ") and "\n" not in sentence, f"{name}: {sentence}"
        if name in ("write", "write a folder", "fetch", "jobs", "versions") or not reads:
            assert "Permission denied" in sentence, f"{name}: {sentence}"


CACHES = """
import json, logging, os, sys
import numpy as np
from ecgsynth.datasets.store import cached_arrays
lines = []
logging.getLogger("ecgsynth").addFilter(lambda record: lines.append(record.getMessage()))
arrays, facts = cached_arrays("x", {}, lambda: ({"a": np.arange(3)}, {"fs": 360}))
print(json.dumps([arrays["a"].tolist(), facts, lines]))
"""


@pytest.mark.parametrize("bits", [0o555, 0o000])
def test_a_cache_that_may_not_be_written_costs_time_and_not_the_result(
    tmp_path: Path, bits: int
) -> None:
    with mode(tmp_path, bits):
        values, facts, lines = run_unprivileged(CACHES, ECGSYNTH_DATA=str(tmp_path))
    assert values == [0, 1, 2] and facts == {"fs": 360}
    assert len(lines) == 1 and "could not be cached" in lines[0]


HOME = """
import json, os, sys
from pathlib import Path
import ecgsynth as es
from ecgsynth.datasets.fetching import fetch
from ecgsynth.jobs.store import Store
from ecgsynth.service.settings import default_jobs_db
from ecgsynth.synthesizer.mlflow_models import local_file, tracking_uri
from ecgsynth.synthesizer.mlflow_store import prepare_store

for name in [*os.environ]:
    if name.startswith(("XDG_", "ECGSYNTH_")):
        del os.environ[name]
sentences = []
for call in (
    lambda: es.load("mitbih"),
    lambda: fetch("mitbih", source=Path(sys.argv[1])),
    lambda: Store(default_jobs_db()),
    lambda: prepare_store(local_file(tracking_uri())),
):
    try:
        call()
    except es.EcgsynthError as problem:
        sentences.append(str(problem))
print(json.dumps(sentences))
"""


@pytest.mark.parametrize("home", ["file", "closed", "closed/at/all"])
def test_a_home_that_is_no_folder_or_may_not_be_written_is_no_fault(
    tmp_path: Path, home: str
) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "100.hea").write_text("100 1 360 0\n")
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir(0o555)
    sentences = run_unprivileged(HOME, archive, HOME=str(tmp_path / home))
    assert len(sentences) == 4
    for sentence in sentences:
        assert home in sentence and "\n" not in sentence
        assert "File exists" not in sentence


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to(path)])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path, make) -> None:
    make(tmp_path / "home")
    writing = files.atomic_write(tmp_path / "home" / "cache" / "a.npz")
    with pytest.raises(EcgsynthError, match=r"home is not a folder\)"), writing as temporary:
        temporary.touch()
