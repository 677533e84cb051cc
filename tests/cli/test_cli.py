"""The command: what it makes can be read back; every slip is one sentence and exit code 2."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from outcome import Command, Outcome
from patience import PATIENCE_S
from tiny import tiny_run, tiny_synthesizer

import ecgsynth
from ecgsynth.cli import listing
from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.formats import read, write
from ecgsynth.registry import DATASETS, MODELS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer import Synthesizer


@pytest.fixture(scope="module")
def model(simulated_beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    return tiny_synthesizer(simulated_beats).save(folder / "tiny.safetensors")


@pytest.fixture(scope="module")
def beats(model: Path) -> Path:
    """A file of 24 synthetic beats."""
    from ecgsynth.formats import write

    return write(Synthesizer.load(model).generate(24), model.with_name("beats.npz"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "tiny.yaml"
    path.write_text(tiny_run(6).to_yaml())
    return path


def listed(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*")}


# What goes well.


@pytest.mark.parametrize("kind", listing.KINDS)
def test_list_names_what_there_is(command: Command, kind: str) -> None:
    done = command("list", kind)
    assert done.code == 0
    assert done.err == ""
    expected = {
        "datasets": "simulated", "models": "r3gan", "objectives": "rpgan", "metrics": "coverage",
        "formats": "wfdb", "recipes": "simulated-beats", "pretrained": "what",
    }  # fmt: skip
    assert expected[kind] in done.out


def test_list_alone_names_every_kind(command: Command) -> None:
    out = command("list").out
    assert all(kind.upper() in out for kind in listing.KINDS)


def test_version_is_told(command: Command) -> None:
    assert command("--version") == (0, f"{ecgsynth.__version__}\n", "")


@pytest.mark.parametrize("target", ["pvc.npz", "pvc.csv", "pvc.parquet", "records/"])
def test_generated_file_reads_back_as_what_was_asked_for(
    command: Command, model: Path, tmp_path: Path, target: str
) -> None:
    done = command("generate", model, "--label", "V,N", "--count", 9, "--seed", 7, "--to", target)
    assert done.code == 0, done.err
    assert "9 synthetic items of tiny-" in done.out
    ecg = read(tmp_path / target)
    expected = Synthesizer.load(model).generate(9, label=["V", "N"], seed=7)
    assert ecg.synthetic
    assert ecg.labels_str.tolist() == [*"VNVNVNVNV"]
    assert ecg.spec.leads == expected.spec.leads
    assert ecg.spec.fs == 360
    assert np.abs(ecg.signal - expected.signal).max() < 0.0011  # 1 uV, the finest step of a file
    assert {path.name for path in tmp_path.iterdir()} == {target.rstrip("/")}


def test_generate_without_to_writes_beside_under_the_models_name(
    command: Command, model: Path, tmp_path: Path
) -> None:
    assert command("generate", model, "--count", "N=3,V=1_0").code == 0
    assert read(tmp_path / "tiny.npz").counts() == {"N": 3, "S": 0, "V": 10, "F": 0}


def test_generate_holds_contexts_fixed(command: Command, model: Path, tmp_path: Path) -> None:
    words = ["--context", "rr_before_s=0.5", "--context", "rr_after_s=.75", "--to", "set.npz"]
    assert command("generate", model, "--count", 5, *words).code == 0
    made = read(tmp_path / "set.npz")
    held = [made.spec.context.index(name) for name in ("rr_before_s", "rr_after_s")]
    assert np.asarray(made.context)[:, held].tolist() == [[0.5, 0.75]] * 5


def test_training_by_steps_leaves_a_model_that_generates(
    command: Command, recipe: Path, tmp_path: Path
) -> None:
    done = command("train", recipe, "model.width=4", "--to", "run", "--steps", 3)
    assert done.code == 0, done.err
    assert "model: run/model.safetensors" in done.out
    assert command("generate", "run", "--count", 4, "--to", "set.npz").code == 0
    card = read(tmp_path / "set.npz").card
    assert card is not None
    assert card["examples_seen"] == 48
    assert card["run"]["model"]["width"] == 4


def test_simulated_recipe_trains_as_it_is(command: Command, tmp_path: Path) -> None:
    small = ["data.patients=6", "data.beats=40", "training.batch=8", "training.accelerator=cpu"]
    done = command("train", "simulated-beats", *small, "--quick", "--steps", 3, "--to", "run")
    assert done.code == 0, done.err
    assert Run.read(tmp_path / "run").data.settings["patients"] == 6


def test_dry_run_shows_the_run_and_touches_nothing(
    command: Command, recipe: Path, tmp_path: Path
) -> None:
    done = command("train", recipe, "model.width=6", "--dry-run", "--steps", 5)
    assert done.code == 0
    content = yaml.safe_load(done.out)
    assert content["model"]["width"] == 6
    assert content["training"]["examples"] == 80
    assert "would train into runs/tiny" in done.out
    assert not [*tmp_path.iterdir()]


def test_quick_takes_the_recipes_short_cuts_and_overrides_win(command: Command) -> None:
    done = command("train", "simulated-beats", "training.examples=777", "--quick", "--dry-run")
    content = yaml.safe_load(done.out)
    quick = Run.read("simulated-beats").quick
    assert content["training"]["snapshot_every"] == quick["training.snapshot_every"]
    assert content["training"]["examples"] == 777


def test_resume_goes_on_where_the_snapshot_stands(
    command: Command, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ecgsynth.training.monitoring.tracking import Tracker

    healthy, left = Tracker.write, [3]

    def interrupt(self: Tracker, examples: int, values: dict[str, Any], *alarms: Any) -> None:
        healthy(self, examples, values, *alarms)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(Tracker, "write", interrupt)
    stopped = command("train", recipe, "--to", tmp_path / "run")
    assert stopped.code == 130
    assert "the same command with --resume continues" in stopped.err
    done = command("train", recipe, "--to", tmp_path / "run", "--resume")
    assert done.code == 0, done.err
    assert Synthesizer.load(tmp_path / "run").card.examples_seen == 96


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_plot_draws_a_file(command: Command, beats: Path, tmp_path: Path, ending: str) -> None:
    done = command("plot", beats, "--to", f"sheet.{ending}", "--item", 0, "--item", 3)
    assert done.code == 0, done.err
    heads = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert (tmp_path / f"sheet.{ending}").read_bytes().startswith(heads[ending])


def test_plot_draws_the_curves_of_a_run(command: Command, recipe: Path, tmp_path: Path) -> None:
    assert command("train", recipe, "--steps", 3, "--to", "run").code == 0
    assert command("plot", "run", "--to", "curves.svg").code == 0
    text = (tmp_path / "curves.svg").read_text()
    assert "<svg" in text
    assert len(text) > 5000


def test_of_several_records_plot_says_which_one_it_draws(
    command: Command, simulated_record: Ecg
) -> None:
    write(simulated_record[[0, 0]], "records.npz")
    done = command("plot", "records.npz", "--to", "sheet.svg")
    assert "the first of 2 records; --item selects another, 0 to 1" in done.out
    assert "records" not in command("plot", "records.npz", "--item", 1, "--to", "one.svg").out


def test_data_check_counts_people_and_items(command: Command) -> None:
    done = command("data", "check", "simulated", "patients=5", "beats=40")
    assert done.code == 0, done.err
    assert "5 records read, 0 damaged" in done.out
    settings = DATASETS.get("simulated").Settings(patients=5, beats=40)
    total = DATASETS.get("simulated").load("test", settings).counts()["N"]
    row = next(line for line in done.out.splitlines() if line.split()[:2] == ["test", "N"])
    assert row.split()[2:4] == [str(total), "1"]


def test_data_check_names_some_of_many_and_counts_the_rest(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ecgsynth.datasets import NOT_STATED, Inventory

    many = [f"r{k}" for k in range(3000)]
    found = Inventory(
        records=3, missing=many, damaged=dict.fromkeys(many, "cut short"), notes=["once", "once"],
        counts={("train", NOT_STATED, "N"): 7},
    )  # fmt: skip
    dataset = DATASETS.get("simulated")
    monkeypatch.setattr(dataset, "check", staticmethod(lambda _: found))
    done = command("data", "check", "simulated")
    assert "r19 and 2,980 more" in done.out and "r20:" not in done.out
    assert "2,980 more that are damaged" in done.out
    assert done.out.count("once") == 1
    assert "not stated" in done.out and "100%" not in done.out


def test_data_save_writes_a_split(command: Command, tmp_path: Path) -> None:
    done = command("data", "save", "simulated:test", "patients=5", "beats=40", "--to", "test.npz")
    assert done.code == 0, done.err
    assert len(read(tmp_path / "test.npz")) > 20


def test_data_build_writes_every_split_with_people_and_classes(
    command: Command, tmp_path: Path
) -> None:
    words = ("data", "build", "simulated", "patients=5", "beats=40", "--window", "90,110")
    done = command(*words, "--to", "sets")
    assert done.code == 0, done.err
    for split in ("train", "test"):
        expected = load("simulated", split, patients=5, beats=40, window=(90, 110))
        with np.load(tmp_path / "sets" / f"simulated_{split}.npz") as archive:
            assert archive["data"].shape == (len(expected), 1, 200)
            assert archive["classes"].tolist() == ["N", "S", "V", "F"]
            assert archive["labels_str"].tolist() == expected.labels_str.tolist()
            assert archive["labels_id"].tolist() == expected.labels_id.tolist()
            assert archive["pid"].tolist() == expected.patient.tolist()
            assert (archive["fs"], archive["unit"]) == (360, "mV")
            assert archive["leads"].tolist() == ["MLII"]


def test_data_build_replaces_only_when_told_to(command: Command, tmp_path: Path) -> None:
    words = ("data", "build", "simulated", "patients=5", "--splits", "test", "--to", tmp_path)
    assert command(*words, "beats=20").code == 0
    assert "simulated_test.npz would be overwritten" in refused(command, tmp_path, *words)
    before = len(read(tmp_path / "simulated_test.npz"))
    assert command(*words, "beats=40", "--force").code == 0
    assert len(read(tmp_path / "simulated_test.npz")) > before


# What goes wrong.


def refused(command: Command, folder: Path, *words: object) -> str:
    """The one line on standard error; nothing was written and nothing touched."""
    before = listed(folder)
    done = command(*words)
    assert done.code == 2, done
    assert "Traceback" not in done.err
    lines = done.err.strip().splitlines()
    assert len(lines) == 1, done.err
    assert lines[0].startswith("ecgsynth: ")
    assert listed(folder) == before
    return lines[0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("list modles", "no list of 'modles'. Did you mean 'models'"),
        ("generate mitbih-beat", "no model named 'mitbih-beat'"),
        ("generate absent.safetensors", "no model file absent.safetensors"),
        ("train simulated-beat", "no recipe named 'simulated-beat'. Did you mean"),
        ("train absent.yaml", "absent.yaml cannot be read"),
        ("train simulated-beats modle.width=3", "no setting 'modle'. Did you mean 'model'"),
        ("train simulated-beats model.widht=3", "no setting 'widht'. Did you mean 'width'"),
        ("train simulated-beats model.widht=3 --dry-run", "Did you mean 'width'"),
        ("train simulated-beats objective.gama=3", "no setting 'gama'. Did you mean 'gamma'"),
        ("train simulated-beats width", "'width' is not an override"),
        ("train simulated-beats model.width=[1", "'model.width=[1' is not an override"),
        ("train simulated-beats model.width=[1 --quick", "'model.width=[1' is not an override"),
        ("train simulated-beats data.name=mitbhi", "no data set named 'mitbhi'"),
        ("train simulated-beats data.split=trian", "no split 'trian'. Did you mean 'train'"),
        ("train simulated-beats --steps -3", "--steps must be a positive number"),
        ("train simulated-beats --resume", "holds no snapshot to resume"),
        ("train simulated-beats data.classes=[N,W]", "W"),
        ("data check mitbhi", "no data set named 'mitbhi'. Did you mean 'mitbih'"),
        ("data check simulated patiens=3", "no setting 'patiens'. Did you mean 'patients'"),
        ("data check simulated patients", "'patients' is not an override"),
        ("data build simulated --splits test,tset --to .", "no split 'tset'. Did you mean 'test'"),
        ("data build simulated --splits , --to .", "--splits is empty"),
        ("data build simulated --window 90,x --to .", "'window"),
        ("data save simulated:tset --to x.npz", "no split 'tset'. Did you mean 'test'"),
        ("data save simulated:test patients=5 --to x.xyz", "no format is known for '.xyz'"),
        ("plot absent.npz", "there is no file or folder absent.npz"),
        ("evaluate absent.npz", "there is no file or folder absent.npz"),
    ],
)
def test_slip_is_one_sentence(command: Command, tmp_path: Path, words: str, sentence: str) -> None:
    assert sentence in refused(command, tmp_path, *words.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--count 0", "count must be a whole number of at least 1"),
        ("--count -5", "count must be a whole number of at least 1"),
        ("--count many", "--count takes a whole number or counts per class"),
        ("--count 1.5", "--count takes a whole number"),
        ("--count N=", "--count takes a whole number"),
        ("--count N=1,N=2", "--count takes a whole number"),
        ("--count N=1,W=2", "knows no class 'W'"),
        ("--count N=1 --label N", "counts per class or a label, not both"),
        ("--label Q", "knows no class 'Q'"),
        ("--seed -1", "seed must be a whole number between 0"),
        ("--context rr_before_s", "is not a context; write name=value"),
        ("--context rr_before_s=fast", "must be a finite number; got 'fast'"),
        ("--context rr_before_s=nan", "must be a finite number"),
        ("--context rr_befor_s=1", "Did you mean 'rr_before_s'"),
        ("--to beats.xyz", "no format is known for '.xyz'"),
        ("--to /proc/beats.npz", "could not be written"),
        ("--to /dev/null/beats.npz", "could not be written"),
        ("--to /dev/null/records/", "could not be written"),
    ],
)
def test_impossible_wish_to_generate_is_one_sentence(
    command: Command, model: Path, tmp_path: Path, words: str, sentence: str
) -> None:
    assert sentence in refused(command, tmp_path, "generate", model, *words.split())


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_truncated_weights_are_one_sentence(
    command: Command, model: Path, tmp_path: Path, share: float
) -> None:
    content = model.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: int(share * len(content))])
    line = refused(command, tmp_path, "generate", "cut.safetensors")
    assert "cut.safetensors is not a whole safetensors file" in line


@pytest.mark.parametrize("ending", ["npz", "csv", "parquet"])
def test_truncated_file_to_plot_is_one_sentence(
    command: Command, model: Path, tmp_path: Path, ending: str
) -> None:
    command("generate", model, "--count", 20, "--to", f"set.{ending}")
    content = (tmp_path / f"set.{ending}").read_bytes()
    (tmp_path / f"set.{ending}").write_bytes(content[: len(content) // 2])
    assert "damaged" in refused(command, tmp_path, "plot", f"set.{ending}", "--to", "sheet.png")


def test_unknown_metric_is_one_sentence(command: Command, beats: Path, tmp_path: Path) -> None:
    words = ["--against", beats, "--train", beats, "--metrics", "fidd"]
    assert "fidd" in refused(command, tmp_path, "evaluate", beats, *words)


@pytest.mark.parametrize("to", ["sheet.bmp", "sheet", "/dev/null/sheet.png"])
def test_picture_that_cannot_be_made_is_one_sentence(
    command: Command, beats: Path, tmp_path: Path, to: str
) -> None:
    assert to.rpartition("/")[2] in refused(command, tmp_path, "plot", beats, "--to", to)


@pytest.mark.parametrize("item", [24, -25, 10**9])
def test_item_that_is_not_there_is_one_sentence(
    command: Command, beats: Path, tmp_path: Path, item: int
) -> None:
    assert "item" in refused(command, tmp_path, "plot", beats, "--item", item)


def test_used_run_folder_is_refused_and_another_recipe_too(
    command: Command, recipe: Path, tmp_path: Path
) -> None:
    assert command("train", recipe, "--steps", 2, "--to", "run").code == 0
    line = refused(command, tmp_path, "train", recipe, "--steps", 2, "--to", "run")
    assert "already holds a run; go on with --resume" in line
    more = ("seed=9", "--steps", 9, "--to", "run", "--resume")
    line = refused(command, tmp_path, "train", recipe, *more)
    assert "seed: 3 -> 9" in line


@pytest.mark.parametrize("to", ["/proc/run", "/dev/null/run", "file", "file/run"])
def test_run_folder_that_cannot_be_made_is_one_sentence(
    command: Command, recipe: Path, tmp_path: Path, to: str
) -> None:
    (tmp_path / "file").write_text("not a folder")
    line = refused(command, tmp_path, "train", recipe, "--steps", 2, "--to", to)
    assert "run folder" in line


def test_recordings_that_are_not_here_are_one_sentence(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path / "nothing"))
    line = refused(command, tmp_path, "train", "mitbih-beats", "--to", "run")
    assert "ecgsynth data fetch mitbih" in line


def elsewhere(folder: Path, *words: object, largest: int | None = None) -> Outcome:
    """Run the command as a process of its own, that can write files of `largest` bytes at most."""

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    done = subprocess.run(
        [sys.executable, "-m", "ecgsynth", *(str(word) for word in words)],
        capture_output=True, text=True, check=False, cwd=folder, preexec_fn=limit,
        timeout=PATIENCE_S,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("target", ["beats.npz", "records/", "beats.parquet"])
def test_disk_that_fills_up_is_one_sentence_and_leaves_nothing(
    model: Path, tmp_path: Path, target: str
) -> None:
    words = ["generate", model, "--count", 3000, "--to", target]
    done = elsewhere(tmp_path, *words, largest=50_000)
    assert done.code == 2
    assert len(done.err.strip().splitlines()) == 1, done.err
    assert "could not be written" in done.err
    assert not [*tmp_path.iterdir()]


def test_disk_that_fills_up_while_training_leaves_no_half_written_model(
    recipe: Path, tmp_path: Path
) -> None:
    done = elsewhere(tmp_path, "train", recipe, "--steps", 4, "--to", "run", largest=20_000)
    assert done.code == 2
    assert "could not be" in done.err.strip().splitlines()[-1]
    assert "Traceback" not in done.err
    assert {p.name for p in (tmp_path / "run").iterdir()} <= {
        "run.yaml", "metrics.jsonl", "tensorboard",
    }  # fmt: skip


def test_process_that_is_asked_to_stop_finishes_its_step_and_can_go_on(
    recipe: Path, tmp_path: Path
) -> None:
    """SIGTERM, as a scheduler sends it before it takes the machine away."""
    words = [recipe, "training.examples=160000", "--to", "run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ecgsynth", "train", *(str(word) for word in words)],
        cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        while not (tmp_path / "run" / "model.safetensors").exists():
            assert process.poll() is None, process.communicate()[1]
        process.terminate()
        err = process.communicate(timeout=PATIENCE_S)[1]
    finally:
        process.kill()
    assert process.returncode == 130
    assert "the same command with --resume continues" in err
    assert "Traceback" not in err
    seen = Synthesizer.load(tmp_path / "run").card.examples_seen
    assert 0 < seen < 160000


def test_generation_that_is_asked_to_stop_leaves_nothing(model: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ecgsynth", "generate", str(model), "--count", "5_000_000",
         "--to", "beats.npz"],
        cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not [*tmp_path.glob(".beats.npz.*/data.npy")]:
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        assert process.wait(timeout=PATIENCE_S) == 143
    finally:
        process.kill()
    assert not [*tmp_path.iterdir()]


def test_model_that_no_memory_holds_is_one_sentence(command: Command, recipe: Path) -> None:
    done = command("train", recipe, "model.width=100000000000", "--to", "run")
    assert done.code == 2
    assert "not enough memory; take a smaller model" in done.err.strip().splitlines()[-1]


def test_settings_of_recordings_may_be_named_as_in_a_recipe(command: Command) -> None:
    done = command("data", "check", "simulated", "data.patients=5", "data.beats=20")
    assert done.code == 0 and "5 records read" in done.out


def test_models_are_listed_without_being_imported(command: Command) -> None:
    assert all(name in command("list", "models").out for name in MODELS.names())
