"""Versions: registered, promoted, put back, compared and generated from, in a real MLflow store."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from outcome import Command
from patience import PATIENCE_S, wait_for
from tiny import tiny_run

from ecgsynth import model_registry
from ecgsynth.errors import EcgsynthError
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.mlflow_models import PARTS, local_file, tracking_uri
from ecgsynth.synthesizer.mlflow_store import describe_error
from ecgsynth.training.loop import train

needs_mlflow = pytest.mark.skipif(
    not all(find_spec(name) for name in PARTS),
    reason="MLflow is not here: pip install 'ecgsynth[track]'",
)
needs_server = pytest.mark.skipif(
    find_spec("flask") is None, reason="MLflow's lean edition has no server (no Flask)"
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two run folders that differ in a learning rate."""
    folder = tmp_path_factory.mktemp("runs")
    for number, rate in enumerate((1e-3, 2e-3)):
        train(tiny_run(3, rate_generator=rate), folder / str(number))
    return [folder / "0", folder / "1"]


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as MLflow makes it; that takes seconds, so it is made once and copied."""
    path = tmp_path_factory.mktemp("empty") / "versions.sqlite3"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECGSYNTH_TRACKING_URI", f"sqlite:///{path}")
        assert model_registry.versions() == []
    return path


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and a cache of its own."""
    path = Path(shutil.copy(empty_store, tmp_path / "versions.sqlite3"))
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", f"sqlite:///{path}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path


@needs_mlflow
def test_version_keeps_all_that_a_run_left_behind(store: Path, runs: list[Path]) -> None:
    made = model_registry.add(runs[0])
    assert str(made) == "tiny/1"
    assert made.facts["training.rate_generator"] == "0.001"
    assert made.facts["examples"] == "48"
    assert "critic/adversarial" in made.facts
    assert len(made.facts["data.sha256"]) == 64
    kept = {path.name for path in store.with_suffix("").rglob("*") if path.is_file()}
    assert kept >= {"model.safetensors", "card.json", "run.yaml", "metrics.jsonl", "000000048.png"}


@needs_mlflow
def test_a_tracked_training_registers_itself_and_goes_on_without_its_store(
    store: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.yaml").write_text(tiny_run(3).to_yaml())
    done = command("train", "tiny.yaml", "--to", "here", "--track")
    assert "kept:  tiny/1 in sqlite:" in done.out
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    done = command("train", "tiny.yaml", "training.rate_critic=1e-3", "--to", "away", "--track")
    assert done.code == 0, done.err
    assert "the training continues, but cannot be registered" in done.err
    assert "The run is complete; `ecgsynth versions add away` registers it later." in done.err
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", f"sqlite:///{store}")
    assert "tiny/2" in command("versions", "add", "away").out


@needs_mlflow
def test_generate_takes_the_version_that_has_the_alias(store: Path, runs: list[Path]) -> None:
    first, second = (model_registry.add(run) for run in runs)
    model_registry.promote(str(first))
    model_registry.promote(str(second), "candidate")
    for name, run in (("production", runs[0]), ("candidate", runs[1])):
        mine = Synthesizer.load(f"models:/tiny@{name}").generate(5, seed=1)
        assert np.array_equal(mine.signal, Synthesizer.load(run).generate(5, seed=1).signal)
    assert Synthesizer.load("models:/tiny/2").card.id == Synthesizer.load(runs[1]).card.id


@needs_mlflow
def test_rollback_gives_an_alias_back_step_by_step(store: Path, runs: list[Path]) -> None:
    first, second = (model_registry.add(run) for run in runs)
    assert model_registry.promote(str(first))[1] is None
    assert model_registry.promote(str(second))[1] == 1
    assert model_registry.promote(str(second))[1] == 2  # again: nothing to go back to is added
    back, was = model_registry.rollback("tiny")
    assert (back.number, was) == (1, 2)
    assert back.aliases == ("production",)
    with pytest.raises(EcgsynthError, match="had the alias 'production' before 1"):
        model_registry.rollback("tiny")


@needs_mlflow
def test_compare_shows_what_differs_and_nothing_else(store: Path, runs: list[Path]) -> None:
    names = [str(model_registry.add(run)) for run in runs]
    _, rows = model_registry.compare(names)
    assert rows["training.rate_generator"] == ["0.001", "0.002"]
    assert not {"training.rate_critic", "data.sha256", "commit", "examples"} & set(rows)
    assert model_registry.compare(names[:1] * 2)[1] == {}


@needs_mlflow
def test_same_model_is_registered_once(store: Path, runs: list[Path]) -> None:
    assert str(model_registry.add(runs[0])) == str(model_registry.add(runs[0])) == "tiny/1"
    assert len(model_registry.versions("tiny")) == 1


@needs_mlflow
def test_figures_of_a_report_are_kept(store: Path, runs: list[Path], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text('{"rows": [{"metric": "coverage", "group": "V", "value": 0.5}]}')
    assert model_registry.add(runs[0], report=report).facts["judge/coverage/V"] == "0.5"
    report.write_text("[]")
    with pytest.raises(EcgsynthError, match="is no report in JSON"):
        model_registry.add(runs[1], report=report)


@needs_mlflow
def test_command_from_run_to_beats(
    store: Path, runs: list[Path], tmp_path: Path, command: Command
) -> None:
    assert "no versions yet" in command("versions", "list").out
    assert command("versions", "add", runs[0]).code == 0
    assert command("versions", "promote", "tiny/1").code == 0
    listed = command("versions", "list", "tiny").out
    assert "tiny/1" in listed and "production" in listed
    done = command("generate", "models:/tiny@production", "--count", 3, "--to", tmp_path / "x.npz")
    assert (done.code, (tmp_path / "x.npz").is_file()) == (0, True)


@needs_mlflow
@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("models:/tiny@producton", "no alias 'producton'. Did you mean 'production'"),
        ("models:/tini@production", "named 'tini'. Did you mean 'tiny'"),
        ("models:/tiny/7", "no version 7 that ecgsynth registered. Known: 1"),
        ("models:/tiny", "names no version; write NAME@ALIAS"),
    ],
)
def test_unknown_version_is_told(reference: str, says: str, store: Path, runs: list[Path]) -> None:
    model_registry.promote(str(model_registry.add(runs[0])))
    with pytest.raises(EcgsynthError) as told:
        Synthesizer.load(reference)
    assert says in str(told.value)


@needs_mlflow
def test_model_file_that_was_altered_is_refused(store: Path, runs: list[Path]) -> None:
    model_registry.add(runs[0])
    (kept,) = store.with_suffix("").rglob("model.safetensors")
    shutil.copy(runs[1] / "model.safetensors", kept)
    with pytest.raises(EcgsynthError, match="is not the one that was registered"):
        Synthesizer.load("models:/tiny/1")


@needs_mlflow
def test_run_without_a_model_is_told(store: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(EcgsynthError, match="has no model yet"):
        model_registry.add(tmp_path / "run")
    assert model_registry.versions() == []


@needs_mlflow
def test_locked_store_is_told(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecgsynth.synthesizer.mlflow_store.WAIT_S", 0.1)
    with closing(sqlite3.connect(store)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(EcgsynthError, match="database is locked"):
            model_registry.versions()


@needs_mlflow
@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("ffffffffffff", "newer MLflow (schema ffffffffffff); run `pip install -U"),
        ("451aebb31d03", "older MLflow (schema 451aebb31d03); keep a copy and run `mlflow db"),
    ],
)
def test_store_of_another_schema_is_told(schema: str, says: str, store: Path) -> None:
    with closing(sqlite3.connect(store)) as base, base:
        base.execute("UPDATE alembic_version SET version_num = ?", [schema])
    with pytest.raises(EcgsynthError) as told:
        model_registry.versions()
    assert says in str(told.value)


@needs_mlflow
def test_damaged_store_is_told(store: Path) -> None:
    store.write_bytes(b"no database" * 1000)
    with pytest.raises(EcgsynthError, match="is damaged"):
        model_registry.versions()


@needs_mlflow
@pytest.mark.parametrize("theirs", ["CREATE TABLE t (a)", "CREATE TABLE alembic_version (a)"])
def test_database_of_another_program_is_refused_and_left_alone(
    theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "theirs.sqlite3"
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(theirs.replace("(a)", "(version_num)"))
    before = path.read_bytes()
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", f"sqlite:///{path}")
    with pytest.raises(EcgsynthError, match="no whole store of versions"):
        model_registry.versions()
    assert path.read_bytes() == before


@needs_mlflow
def test_folder_in_place_of_a_store_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", f"sqlite:///{tmp_path}")
    with pytest.raises(EcgsynthError, match="cannot be opened"):
        model_registry.versions()


@needs_mlflow
def test_store_whose_making_is_stopped_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(uri: str, *_: object) -> None:
        Path(uri.removeprefix("sqlite:///")).write_bytes(b"half of it")
        raise KeyboardInterrupt

    path = tmp_path / "new" / "versions.sqlite3"
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", f"sqlite:///{path}")
    monkeypatch.setattr("mlflow.MlflowClient", stopped)
    with pytest.raises(KeyboardInterrupt):
        model_registry.versions()
    assert not path.exists()


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        ("(sqlite3.OperationalError) database or disk is full [SQL: ...", "free some space"),
        ("attempt to write a readonly database", "mend its permissions"),
        ("unable to open database file", "name another file"),
        ("Database migration in unexpected state. Run manual upgrade.", "is damaged"),
        ("something new", "the store is sqlite:///a.sqlite3: see to it"),
    ],
)
def test_trouble_with_a_store_is_told_with_its_mend(problem: str, says: str) -> None:
    sentence = describe_error("sqlite:///a.sqlite3", Path("a.sqlite3"), problem)
    assert says in sentence
    assert "\n" not in sentence


@needs_mlflow
@pytest.mark.parametrize("uri", ["nonsense", "htp://localhost:1", "databricks", "mysql://a/b"])
def test_address_that_is_no_store_is_told(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", uri)
    with pytest.raises(EcgsynthError, match="names no store of versions"):
        model_registry.versions()


@needs_mlflow
@pytest.mark.parametrize("name", ["a/b", "a:b", "x@y", "it's", " a", 'a"b', "a\nb"])
def test_name_that_nothing_could_be_called_by_later_is_refused(
    name: str, store: Path, runs: list[Path]
) -> None:
    with pytest.raises(EcgsynthError, match="cannot name a model"):
        model_registry.add(runs[0], name)


@needs_mlflow
@pytest.mark.parametrize("alias", ["", "v1", "Latest", "a b", "a@b"])
def test_alias_that_mlflow_keeps_for_itself_is_refused(
    alias: str, store: Path, runs: list[Path]
) -> None:
    with pytest.raises(EcgsynthError, match="cannot be an alias"):
        model_registry.promote("tiny/1", alias)


@needs_mlflow
def test_models_that_others_registered_are_passed_over(store: Path, runs: list[Path]) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{store}", f"sqlite:///{store}")
    client.create_registered_model("theirs")
    client.create_model_version("theirs", "file:///nowhere", None)
    assert str(model_registry.add(runs[0])) == "tiny/1"
    assert [str(one) for one in model_registry.versions()] == ["tiny/1"]
    with pytest.raises(EcgsynthError, match="no version 1 that ecgsynth registered"):
        Synthesizer.load("models:/theirs/1")


@needs_mlflow
def test_version_whose_run_is_gone_is_listed_and_its_file_told(
    store: Path, runs: list[Path]
) -> None:
    """As `mlflow gc` leaves it."""
    made = model_registry.add(runs[0])
    with closing(sqlite3.connect(store)) as base, base:
        for table in ("params", "metrics", "latest_metrics", "tags", "runs"):
            base.execute(f"DELETE FROM {table}")
    assert [one.facts for one in model_registry.versions()] == [{"card": made.facts["card"]}]
    with pytest.raises(EcgsynthError, match="cannot be fetched .* add the run again"):
        Synthesizer.load("models:/tiny/1")


@needs_mlflow
def test_promotion_that_broke_off_does_not_spoil_the_way_back(
    store: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    first, second = (model_registry.add(run) for run in runs)
    model_registry.promote(str(first))
    model_registry.promote(str(second))
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model_registry.promote(str(first))
    assert model_registry.rollback("tiny")[0].number == 1


@needs_mlflow
def test_server_out_of_reach_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(EcgsynthError, match="cannot be reached"):
        model_registry.versions()


@needs_mlflow
def test_store_that_fails_halfway_gets_the_run_later(
    store: Path, runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun counts for nothing; the run folder has all that is needed to add it again."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    def out_of_reach(*_: object, **__: object) -> None:
        raise MlflowException("API request failed: Max retries exceeded")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "create_model_version", out_of_reach)
        with pytest.raises(EcgsynthError, match="Max retries"):
            model_registry.add(runs[0])
    assert model_registry.versions() == []
    assert str(model_registry.add(runs[0])) == "tiny/1"
    assert [one.number for one in model_registry.versions("tiny")] == [1]


def test_training_asks_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is locked or out of reach cannot stop it; what was trained is added afterwards."""
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("ecgsynth.synthesizer.mlflow_models.open_client", None)  # not to be called
    assert train(tiny_run(2), tmp_path / "run").card.examples_seen == 32


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def server(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a tracking server of this machine."""

    def answers() -> bool:
        with closing(socket.socket()) as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    path, port = shutil.copy(empty_store, tmp_path / "served.sqlite3"), free_port()
    words = [
        sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{path}",
        "--artifacts-destination", str(tmp_path / "art"),
    ]  # fmt: skip
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", f"{PATIENCE_S:.0f}")
    process = subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(answers)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 9)
        process.wait()


@needs_mlflow
@needs_server
def test_server_keeps_versions_as_a_file_does(
    server: str, runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", server)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model_registry.promote(str(model_registry.add(runs[0])))
    card = Synthesizer.load("models:/tiny@production").card
    assert card.id == Synthesizer.load(runs[0]).card.id


# Without MLflow.


def test_without_mlflow_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    with pytest.raises(EcgsynthError, match=r"pip install 'ecgsynth\[track\]'"):
        Synthesizer.load("models:/mitbih-beats@production")


def test_models_of_other_names_never_touch_mlflow() -> None:
    code = (
        "import sys; from ecgsynth.synthesizer.find import find_model; import ecgsynth.cli.main; "
        "import ecgsynth.model_registry; find_model('mitbih-beats'); "
        "print('mlflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert done.stdout.strip() == "False"


def test_store_is_among_the_users_data_unless_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ECGSYNTH_TRACKING_URI", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    file = local_file(tracking_uri())
    assert file is not None and file.name == "versions.sqlite3" and "ecgsynth" in file.parts
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", "http://host:5000")
    assert (tracking_uri(), local_file(tracking_uri())) == ("http://host:5000", None)
