"""Tuning: what is searched, how it is scored, and a study that no kill can spoil."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from patience import wait_for

from ecgsynth.cli import main
from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.training.snapshots import check_folder
from ecgsynth.tuning import best_result, tune
from ecgsynth.tuning.score import Scorer
from ecgsynth.tuning.space import recipe_settings, trial_run, tuning_settings
from ecgsynth.tuning.study import is_asked

needs_optuna = pytest.mark.skipif(
    find_spec("optuna") is None, reason="Optuna is not here: pip install 'ecgsynth[tune]'"
)
SPACE: dict[str, Any] = {
    "training.rate_generator": {"low": 1e-5, "high": 1e-2, "log": True},
    "training.betas": {"choices": [[0.0, 0.9], [0.5, 0.999]]},
}


def recipe(space: dict[str, Any] = SPACE, **section: Any) -> Run:
    """Eight steps a trial on simulated people."""
    return Run.from_dict({
        "name": "tiny",
        "seed": 3,
        "data": {"name": "simulated", "patients": 5, "beats": 100, "classes": ["N"]},
        "model": {"name": "vanilla"},
        "objective": "bce",
        "training": {
            "epochs": 3, "batch": 16, "styles": False, "health_every": 0, "accelerator": "cpu"
        },
        "tune": {"examples": 128, "measures": 2, "items": 20, "space": space, **section},
    })  # fmt: skip


class Told:
    """Stands for the scorer: these scores, one after the other, the last one for ever."""

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)

    def of(self, _model: object) -> float:
        return self.scores.pop(0) if len(self.scores) > 1 else self.scores[0]


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    run = recipe()
    return Scorer(run, tuning_settings(run))


# What is searched.


def test_shipped_example_searches_rates_betas_batch_and_average() -> None:
    found = tuning_settings(Run.read("vanilla-mitbih"))
    words = {key.partition(".")[2] for key in found.space}
    assert words == {"rate_generator", "rate_critic", "betas", "batch", "ema_half_life"}


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"space": {"training.rate_generatr": {"low": 1, "high": 2}}}, "'rate_generator'"),
        ({"space": {"model.widht": {"low": 1, "high": 2}}}, "no setting 'widht'"),
        ({"space": {"training.batch": {"low": 64, "high": 32}}}, "low below high"),
        ({"space": {"training.batch": {"low": 0, "high": 32}}}, "training.batch"),
        ({"space": {"training.rate_end": {"low": 0, "high": 1, "log": True}}}, "logarithm"),
        ({"space": {"training.batch": {"choices": [32]}}}, "two choices"),
        ({"space": {"training.batch": {"choices": [32, 64], "low": 1}}}, "not both"),
        ({"space": {"training.batch": {"lowest": 1, "high": 2}}}, "no setting"),
        ({"space": {"training.epochs": {"low": 1, "high": 2}}}, "tune.examples"),
        ({"space": {}}, "space"),
        ({"exampels": 100}, "Did you mean 'examples'"),
        ({"score": ["coverige"]}, "Did you mean 'coverage'"),
        ({"score": ["density"]}, "neither to be raised nor to be lowered"),
    ],
)
def test_slip_in_the_section_is_told_at_the_door(section: dict[str, Any], says: str) -> None:
    with pytest.raises(EcgsynthError) as told:
        tuning_settings(recipe(**section))
    assert says in str(told.value)


def test_recipe_that_searches_nothing_is_refused() -> None:
    with pytest.raises(EcgsynthError, match="has nothing to search"):
        tuning_settings(Run.read("simulated-beats"))


def test_trial_is_the_recipe_with_its_settings_as_long_as_the_study_says() -> None:
    run = recipe()
    found = trial_run(run, tuning_settings(run), {"training.betas": [0.5, 0.999]})
    assert found.training.betas == (0.5, 0.999)
    assert found.training.length(10**6) == 128
    assert found.training.snapshot_every == 64
    assert not found.training.sheets
    assert found.tune == {}


def test_number_written_as_yaml_takes_for_a_word_is_a_number() -> None:
    run = recipe({"training.rate_critic": {"low": "1e-5", "high": "1e-3", "log": True}})
    assert tuning_settings(run).space["training.rate_critic"].ends == [1e-5, 1e-3]


def test_what_is_searched_does_not_stop_a_training_from_resuming(tmp_path: Path) -> None:
    (tmp_path / "resume.safetensors").touch()
    (tmp_path / "run.yaml").write_text(recipe().to_yaml())
    check_folder(tmp_path, recipe(examples=999), resume=True)


# How it is scored.


def test_real_items_score_near_one_and_noise_far_from_it(scorer: Scorer) -> None:
    items = load("simulated:train", patients=5, beats=100, classes=("N",))[::2]
    random = np.random.default_rng(0)
    noise = random.normal(size=items.signal.shape).astype(np.float32)
    assert 0.7 < scorer.real < 2.5
    assert scorer(replace(items, signal=noise)) > 10 * scorer.real


def test_one_beat_over_and_over_scores_worse_than_beats_that_differ(scorer: Scorer) -> None:
    items = load("simulated:train", patients=5, beats=100, classes=("N",))[::2]
    same = np.repeat(items.signal[:1], len(items), 0)
    assert scorer(replace(items, signal=same)) > 3 * scorer(items)


def test_same_set_has_the_same_score(scorer: Scorer) -> None:
    items = load("simulated:train", patients=5, beats=100, classes=("N",))[::2]
    assert scorer(items) == scorer(items)


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ("test", "neither training nor test"),
        ("train", "neither training nor test"),
        ("heldaut", "Did you mean 'heldout'"),
    ],
)
def test_study_scores_on_no_test_items(split: str, says: str) -> None:
    run = recipe(against=split)
    with pytest.raises(EcgsynthError, match=says):
        Scorer(run, tuning_settings(run))


# A study.


@pytest.fixture
def study(tmp_path: Path) -> Any:
    """(folder, Optuna's study) in an empty folder."""
    from ecgsynth.tuning.study import Folder

    folder = Folder.create(tmp_path / "study", recipe(), resume=False)
    return folder, folder.open()


class CutError(Exception):
    """The runner ends a trial."""


def run_trials(folder: Any, study: Any, scorer: Any, trials: int) -> None:
    """Trials in this very process."""
    from ecgsynth.tuning.runner import TrialRunner
    from ecgsynth.tuning.worker import train_trial

    class InProcess(TrialRunner):
        def follow(self, _job: Any, order: Any, hear: Any = None) -> Any:
            def send(**message: Any) -> None:
                if end := hear(message):
                    raise CutError(end)

            try:
                return train_trial(folder, order["trial"], order["settings"], scorer, send)
            except CutError as cut:
                return cut.args[0]

    run_all(InProcess(folder, study, trials))


def run_all(runner: Any) -> None:
    while (job := runner.claim()) is not None:
        runner.run_job(job)


def tell_trials(folder: Any, study: Any, scores: list[float]) -> None:
    """Trials of these scores that nobody trained."""
    from ecgsynth.tuning.runner import TrialRunner

    class Scored(TrialRunner):
        def follow(self, _job: Any, _order: Any, hear: Any = None) -> Any:
            hear({"measure": 1, "score": scores[0]})
            return {"score": scores.pop(0)}

    run_all(Scored(folder, study, sum(map(is_asked, study.trials)) + len(scores)))


@needs_optuna
def test_same_seed_makes_the_same_trials(tmp_path: Path) -> None:
    from ecgsynth.tuning.study import Folder

    found = []
    for name in ("one", "other"):
        folder = Folder.create(tmp_path / name, recipe(), resume=False)
        study = folder.open()
        tell_trials(folder, study, [3.0] * 2)
        tell_trials(folder, folder.open(), [3.0])  # stopped and taken up again
        found.append([one.params for one in study.get_trials()])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


@needs_optuna
def test_trial_worse_than_the_others_half_way_is_cut_short(study: Any) -> None:
    folder, optuna = study
    tell_trials(folder, optuna, [1.0] * 5)
    run_trials(folder, optuna, Told(9.0), 6)
    last = optuna.trials[-1]
    assert last.state.name == "PRUNED"
    assert list(last.intermediate_values) == [1]  # of two
    assert "worse than half" in last.user_attrs["why"]


@needs_optuna
def test_trial_that_diverges_ends_itself_alone(tmp_path: Path) -> None:
    from ecgsynth.tuning.study import Folder

    space = {"training.rate_generator": {"low": 1e30, "high": 1e31}}
    folder = Folder.create(tmp_path / "study", recipe(space), resume=False)
    study = folder.open()
    run_trials(folder, study, Told(1.0), 2)
    assert [one.state.name for one in study.trials] == ["PRUNED"] * 2
    with pytest.raises(EcgsynthError, match="came to its end; .* diverged"):
        best_result(folder, study)


@needs_optuna
@pytest.mark.parametrize(
    "problem", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_trial_for_which_there_is_not_enough_memory_ends_itself_alone(
    study: Any, problem: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object, **__: object) -> None:
        raise problem

    folder, optuna = study
    with monkeypatch.context() as patch:
        patch.setattr("ecgsynth.tuning.worker.train", too_large)
        run_trials(folder, optuna, Told(1.0), 1)
    run_trials(folder, optuna, Told(1.0), 2)
    assert [one.state.name for one in optuna.trials] == ["PRUNED", "COMPLETE"]
    assert "not enough memory" in optuna.trials[0].user_attrs["why"]


@needs_optuna
def test_two_trials_are_enough_for_a_picture_of_them(study: Any) -> None:
    folder, optuna = study
    tell_trials(folder, optuna, [5.0, 2.0])
    optuna.set_user_attr("real", 1.5)
    assert [path.name for path in best_result(folder, optuna).pictures] == ["parallel.png"]


@needs_optuna
def test_best_trial_is_a_whole_recipe(study: Any) -> None:
    folder, optuna = study
    tell_trials(folder, optuna, [5.0, 2.0, 4.0, 3.0])
    optuna.set_user_attr("real", 1.5)
    found = best_result(folder, optuna)
    best = Run.read(folder.path / "best.yaml")
    assert found.score == 2.0
    assert best.training.rate_generator == optuna.trials[1].params["training.rate_generator"]
    assert best.training.epochs == 3  # as long as the recipe, not as a trial
    assert best.tune == {}
    assert {path.name for path in found.pictures} == {"importance.png", "parallel.png"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in found.pictures)


@needs_optuna
def test_study_is_not_mixed_with_another(tmp_path: Path) -> None:
    from ecgsynth.tuning.study import Folder

    Folder.create(tmp_path / "study", recipe(), resume=False)
    with pytest.raises(EcgsynthError, match="already holds a study; go on with --resume"):
        Folder.create(tmp_path / "study", recipe(), resume=False)
    wider = SPACE | {"training.rate_generator": {"low": 1e-6, "high": 1e-2, "log": True}}
    with pytest.raises(EcgsynthError, match=r"rate_generator\.low: 1e-05 -> 1e-06"):
        Folder.create(tmp_path / "study", recipe(wider), resume=True)
    with pytest.raises(EcgsynthError, match="no study to resume"):
        Folder.create(tmp_path / "elsewhere", recipe(), resume=True)


@needs_optuna
def test_damaged_database_is_told(study: Any) -> None:
    folder, _ = study
    (folder.path / "study.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(EcgsynthError, match="is damaged"):
        folder.open()


@needs_optuna
def test_database_that_another_program_holds_is_told(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecgsynth.tuning.study.PATIENCE_S", 0.1)
    folder, _ = study
    with closing(sqlite3.connect(folder.path / "study.sqlite3")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(EcgsynthError, match="another program holds .*study.sqlite3"):
            folder.open()
    folder.open()


@needs_optuna
def test_database_of_a_newer_optuna_is_told(study: Any) -> None:
    folder, _ = study
    with closing(sqlite3.connect(folder.path / "study.sqlite3")) as base, base:
        base.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")
    with pytest.raises(EcgsynthError, match="or of another version of Optuna"):
        folder.open()


@needs_optuna
def test_first_trial_is_the_recipe_itself_where_it_lies_within_the_search(tmp_path: Path) -> None:
    from ecgsynth.tuning.study import Folder

    space = {
        "training.rate_generator": {"low": 1e-5, "high": 1e-2, "log": True},  # the recipe's: 3e-4
        "training.betas": {"choices": [[0.5, 0.999], [0.0, 0.99]]},
        "model.width": {"choices": [256, 512]},  # not in the recipe: the family's own
    }
    folder = Folder.create(tmp_path / "study", recipe(space), resume=False)
    study = folder.open()
    tell_trials(folder, study, [5.0, 2.0])
    folder.open()  # taken up again it is not asked for twice
    tell_trials(folder, study, [4.0])
    own = {"training.rate_generator": 3e-4, "training.betas": "[0.0, 0.99]", "model.width": "512"}
    assert [one.params == own for one in study.trials] == [True, False, False]
    study.set_user_attr("real", 1.5)
    found = best_result(folder, study)
    assert (found.own, found.score) == (5.0, 2.0)
    assert "the recipe itself 5" in found.best.description


def test_recipe_outside_its_own_search_is_no_trial() -> None:
    assert recipe_settings(recipe(), tuning_settings(recipe())) == {}  # its betas are no choice


@needs_optuna
def test_trial_of_a_killed_command_is_taken_over_when_its_lease_is_over(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ecgsynth.tuning.runner import TrialRunner

    folder, optuna = study
    now = [1e9]
    monkeypatch.setattr("ecgsynth.jobs.store.time.time", lambda: now[0])
    killed, living = (TrialRunner(folder, optuna, 2) for _ in range(2))
    first, second = killed.claim(), living.claim()
    assert first is not None and second is not None
    assert first.id != second.id
    assert living.claim() is None  # the other may live
    now[0] += 16
    again = living.claim()
    assert again is not None
    assert (again.id, again.starts) == (first.id, 2)
    assert not killed.store.renew(first.id, first.owner, 15, 0.5, "")


@needs_optuna
def test_trial_that_kills_its_process_is_given_up(study: Any) -> None:
    from ecgsynth.tuning.runner import TrialRunner

    class Dying(TrialRunner):
        def follow(self, *_: Any) -> Any:
            return {}

    folder, optuna = study
    runner = Dying(folder, optuna, 2)
    seen = []
    for _ in range(6):
        job = runner.claim()
        assert job is not None
        seen.append(job.asked["trial"])
        runner.run_job(job)
    assert seen == [0, 0, 0, 1, 1, 1]
    assert runner.claim() is None and runner.finished()
    assert [one.state.name for one in optuna.trials] == ["PRUNED"] * 2
    assert "its process died" in optuna.trials[0].user_attrs["why"]


@needs_optuna
def test_score_that_was_stored_before_a_kill_reaches_the_study(study: Any) -> None:
    """Killed between the two: the job has its result, and Optuna does not know of it."""
    from ecgsynth.tuning.runner import TrialRunner

    folder, optuna = study
    runner = TrialRunner(folder, optuna, 1)
    job = runner.claim()
    assert job is not None
    assert runner.store.finish(job.id, job.owner, {"score": 2.5, "real": 1.5}, {})
    assert TrialRunner(folder, optuna, 1).claim() is None
    assert [one.value for one in optuna.trials] == [2.5]
    assert optuna.user_attrs["real"] == 1.5


def processes_of(word: str) -> set[int]:
    """Living processes with a word in their command or environment."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if word.encode() in words and int(process.name) != os.getpid():
            found.add(int(process.name))
    return found


@needs_optuna
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc on this system")
def test_killed_study_leaves_no_process_and_goes_on(
    tmp_path: Path,
) -> None:
    """First a trial's process is killed, then the command."""
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(recipe(examples=1280).to_dict()))
    words = ["tune", "tiny.yaml", "--trials", "1", "--to", "study"]
    mark = f"MARK={tmp_path}"
    command = subprocess.Popen(
        [sys.executable, "-m", "ecgsynth", *words], cwd=tmp_path, stderr=subprocess.PIPE,
        env={**os.environ, "MARK": str(tmp_path)},
    )  # fmt: skip
    trials = tmp_path / "study" / "trials"

    def child() -> set[int]:
        return processes_of(mark) & processes_of("ecgsynth.tuning.worker")

    try:
        wait_for(child, every=0.2)
        (first,) = child()
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: child() - {first}, every=0.2)
        wait_for((trials / "0000" / "run.yaml").is_file)
    finally:
        command.kill()
    assert b"trial 0 lost its process" in command.communicate()[1]
    wait_for(lambda: not processes_of(mark))
    with closing(sqlite3.connect(tmp_path / "study" / "study.sqlite3")) as base, base:
        base.execute("UPDATE ecgsynth_jobs SET lease = 0")  # as after 15 s
    found = tune(Run.read(str(tmp_path / "tiny.yaml")), tmp_path / "study", 1, resume=True)
    assert [one.number for one in found.trials] == [0]
    assert [path.name for path in trials.iterdir()] == ["0000"]


@needs_optuna
def test_study_whose_set_cannot_be_scored_ends_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(EcgsynthError, match="'c2st_trained' needs|cannot be measured"):
        tune(recipe(score=["c2st_trained"]), tmp_path / "study", 3)


@needs_optuna
def test_two_processes_make_one_study(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    found = tune(
        recipe(), tmp_path / "study", 2, processes=2, advance=lambda *now: told.append(now)
    )
    assert len(found.trials) == 2
    assert found.score == min(one.value or 0.0 for one in found.trials)
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] <= 1
    assert len(list((tmp_path / "study" / "trials").glob("*/model.safetensors"))) == 2


# The command.


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["simulated-beats"], "has nothing to search"),
        (["{recipe}", "--trials", "0"], "trials must be 1 or more"),
        (["{recipe}", "--resume"], "no study to resume"),
    ],
)
@needs_optuna
def test_slip_is_one_sentence(
    words: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(recipe().to_dict()))
    monkeypatch.chdir(tmp_path)
    words = [word.format(recipe=path) for word in words]
    monkeypatch.setattr(sys, "argv", ["ecgsynth", "tune", *words])
    with pytest.raises(SystemExit) as end:
        main.main()
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert says in err and "Traceback" not in err


def test_without_optuna_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    with pytest.raises(EcgsynthError, match=r"pip install 'ecgsynth\[tune\]'"):
        tune(recipe(), tmp_path / "study")
