"""A recipe becomes a checked run, goes to YAML and back, and every slip is answered."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecgsynth.augmentation.plan import Plan
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.recipes import parse_override, put, read_yaml, shipped
from ecgsynth.registry import OBJECTIVES

SIMULATED = "simulated-beats"


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_recipe_is_whole_and_says_what_it_is(name: str) -> None:
    run = Run.read(name)
    assert run.name == name
    assert len(shipped()[name]) > 20
    run.model_settings()
    run.objective_settings()
    quick = run.quickened()
    assert quick.training.length(10_000) < run.training.length(10_000)


def test_run_to_yaml_and_back_is_the_same_run(tmp_path: Path) -> None:
    run = Run.read(SIMULATED, "model.width=64", "training.betas=[0.5, 0.9]")
    (tmp_path / "mine.yaml").write_text(run.to_yaml())
    assert Run.read(tmp_path / "mine.yaml") == run


def test_run_folder_can_be_read_as_a_recipe(tmp_path: Path) -> None:
    run = Run.read(SIMULATED, "seed=9")
    (tmp_path / "run.yaml").write_text(run.to_yaml())
    assert Run.read(tmp_path) == run


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("model.width=64", "model.width", 64),
        (
            "training.rate_critic=1e-4",
            "training.rate_critic",
            "1e-4",
        ),  # YAML 1.1; pydantic reads it
        ("data.classes=[N, V]", "data.classes", ["N", "V"]),
        ("description=", "description", None),
        ("description=a=b", "description", "a=b"),
    ],
)
def test_override_is_read_as_yaml(text: str, key: str, value: Any) -> None:
    assert parse_override(text) == (key, value)


def test_override_in_scientific_notation_is_a_number() -> None:
    assert Run.read(SIMULATED, "training.rate_critic=1e-4").training.rate_critic == 1e-4


def test_later_override_wins() -> None:
    assert Run.read(SIMULATED, "seed=4", "seed=5").seed == 5


@pytest.mark.parametrize("text", ["width", "=3", "", ".=1", "model.width=[1", "a=@b", "a={"])
def test_what_is_no_override_is_refused(text: str) -> None:
    with pytest.raises(EcgsynthError, match="is not an override; write key=value"):
        Run.read(SIMULATED, text)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("modle.width=3", "no setting 'modle'. Did you mean 'model'"),
        ("training.bacth=3", "no setting 'training.bacth'. Did you mean 'batch'"),
        ("data.patiens=9", "no setting 'patiens'. Did you mean 'patients'"),
        ("model.name=r3gam", "no model named 'r3gam'. Did you mean 'r3gan'"),
        ("objective.name=rpgann", "no objective named 'rpgann'. Did you mean 'rpgan'"),
        ("data.name=simulate", "no data set named 'simulate'. Did you mean 'simulated'"),
        ("training.batch=1", "'training.batch' input should be greater than 1"),
        ("training.examples=0", "'training.examples' input should be greater than 0"),
        ("training.examples=many", "valid integer"),
        ("training.rate_critic=.nan", "'training.rate_critic'"),
        ("training.rate_critic=.inf", "'training.rate_critic' input should be a finite number"),
        ("training.epochs=-1", "'training.epochs' input should be greater than or equal to 0"),
        ("training.optimiser=sgd", "'training.optimiser' input should be 'adam', 'adamw' or"),
        ("training.scaler=cubic", "'training.scaler' input should be 'global', 'range' or 'beat'"),
        ("training.clip_gradient=-1", "'training.clip_gradient' input should be greater than"),
        ("training.balance=1.5", "less than or equal to 1"),
        ("training.betas=[0.5]", "'training.betas"),
        ("training.betas=[0.5, 1.0]", "'training.betas.1' input should be less than 1"),
        ("training.accelerator=abacus", "'training.accelerator' input should be 'auto'"),
        ("training.precision=8", "'training.precision' input should be"),
        ("seed=-1", "'seed' input should be greater than or equal to 0"),
        ("training.batch.size=3", "'batch' is not a section of the recipe"),
    ],
)
def test_bad_setting_is_answered_in_one_sentence(override: str, sentence: str) -> None:
    with pytest.raises(EcgsynthError) as caught:
        Run.read(SIMULATED, override)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("model.widht=3", "model 'r3gan' has no setting 'widht'. Did you mean 'width'"),
        ("model.width=0", "model 'r3gan': 'width' input should be greater than or equal to 1"),
        ("model.width=wide", "model 'r3gan': 'width'"),
    ],
)
def test_models_own_settings_are_checked(override: str, sentence: str) -> None:
    with pytest.raises(EcgsynthError) as caught:
        Run.read(SIMULATED, override).model_settings()
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("objective.gama=3", "objective 'rpgan' has no setting 'gama'. Did you mean 'gamma'"),
        ("objective.gamma=-1", "'gamma' input should be greater than or equal to 0"),
        ("objective.penalty_every=0", "'penalty_every' input should be greater than"),
        ("objective.gamma=.nan", "'gamma'"),
    ],
)
def test_objectives_own_settings_are_checked(override: str, sentence: str) -> None:
    with pytest.raises(EcgsynthError) as caught:
        Run.read(SIMULATED, override).objective_settings()
    assert sentence in str(caught.value)


def test_length_is_given_in_epochs_or_in_examples_but_not_in_both() -> None:
    content = Run.read(SIMULATED).to_dict()
    content["training"]["epochs"] = 3
    with pytest.raises(EcgsynthError, match="'training' has both examples and epochs; leave one"):
        Run.from_dict(content)
    del content["training"]["examples"]
    run = Run.from_dict(content)
    assert run.training.length(1000) == 3000
    assert Run.from_dict(run.to_dict()) == run
    assert Run.from_dict(yaml.safe_load(run.to_yaml())) == run
    with pytest.raises(EcgsynthError, match="set training.epochs=0"):
        Run.read(SIMULATED, "training.epochs=3")
    assert Run.read(SIMULATED, "training.epochs=0").training.length(1000) == 500_000


def test_unknown_recipe_is_answered_with_the_nearest() -> None:
    with pytest.raises(EcgsynthError, match=r"no recipe named 'simulated-beat'. Did you mean"):
        Run.read("simulated-beat")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [1,", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"- a\n- b\n", "is not a mapping"),
        (b"", "is not a mapping"),
        (b"name: x\n", "needs 'data'"),
        (b"name: x\nmodle: {name: r3gan}\n", "Did you mean 'model'?"),
        (b"3: 4\n", "keys should be strings"),
        (b"!!python/object/apply:os.system ['true']", "cannot be read"),
    ],
)
def test_file_that_is_no_recipe_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(EcgsynthError) as caught:
        Run.read(tmp_path / "bad.yaml")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_absent_recipe_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EcgsynthError, match=r"absent\.yaml cannot be read .No such file"):
        Run.read(tmp_path / "absent.yaml")


def test_recipe_without_a_name_is_called_like_its_file(tmp_path: Path) -> None:
    content = Run.read(SIMULATED).to_dict()
    del content["name"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    assert Run.read(tmp_path / "mine.yaml").name == "mine"


def test_quickened_leaves_the_run_itself_alone() -> None:
    run = Run.read(SIMULATED)
    before = run.to_dict()
    run.quickened()
    assert run.to_dict() == before


def test_put_makes_sections_on_the_way() -> None:
    content: dict[str, Any] = {"a": {"b": 1}}
    put(content, "a.c", 2)
    put(content, "d.e.f", 3)
    assert content == {"a": {"b": 1, "c": 2}, "d": {"e": {"f": 3}}}


def test_quick_words_that_another_data_set_or_model_does_not_know_are_left_out() -> None:
    run = Run.read("biosgan-heartbeat", "data={name: simulated}", "model=vanilla").quickened()
    assert run.data.settings == {} and run.model.settings == {}
    assert run.training.epochs == Run.read("biosgan-heartbeat").quick["training.epochs"]


def test_name_that_leads_out_of_the_runs_is_refused() -> None:
    for name in ("../x", "a/b", "..", "", "a\nb"):
        with pytest.raises(EcgsynthError, match="'name' names a folder"):
            Run.from_dict(Run.read(SIMULATED).to_dict() | {"name": name})


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("data.classes=N", r"takes a list in brackets, as in \[N, \.\.\.\]"),
        ("data.window=[900]", r"'window' takes more values than that \(got \[900\]\)"),
        ("data.band=[45, 3]", "takes a lower and a higher edge above 0 Hz"),
        ("data.fs=0", "greater than 0"),
        ("data.samples=-3", "greater than or equal to 8"),
        ("data.window=[48000, 80000]", "longer than 10 s, which is no beat"),
    ],
)
def test_cutting_that_gives_no_beats_is_refused_before_anything_is_read(
    override: str, sentence: str
) -> None:
    with pytest.raises(EcgsynthError, match=sentence):
        Run.read(SIMULATED, override)


def test_what_was_given_is_told_shortly_however_long_it_is() -> None:
    content = Run.read(SIMULATED).to_dict()
    with pytest.raises(EcgsynthError) as caught:
        Run.from_dict(content | {"seed": list(range(10_000))})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", OBJECTIVES.names())
def test_any_objective_is_a_word_away(name: str) -> None:
    run = Run.read("tcwgan-s", f"objective={name}")
    assert run.objective.name == name and run.objective.settings == {}
    assert Run.from_dict(run.model_dump()).objective == run.objective


def test_a_word_that_is_no_objective_is_answered_with_the_nearest() -> None:
    with pytest.raises(EcgsynthError, match="no objective named 'hing'. Did you mean 'hinge'"):
        Run.read("tcwgan-s", "objective=hing")


def test_a_part_named_by_a_word_takes_settings_of_its_own() -> None:
    run = Run.read("mitbih-beats", "objective=rpgan", "objective.gamma=0.5", "model=vanilla")
    assert run.objective.settings == {"gamma": 0.5}
    assert run.model.settings == {}


LAUGHS = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED = "a: &a {x: 1, y: 2}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 10)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAUGHS, "its aliases unfold to more than 100,000 parts"),
        (MERGED, "its aliases unfold to more than 100,000 parts"),
        ("model: &m {name: vanilla, more: *m}", "its aliases unfold to more than"),
        ("model: " + "[" * 5000, "nested too deeply"),
        ("model: " + "[" * 200_000, "nested too deeply"),
        ("model: " + "{" * 200_000, "nested too deeply"),
        ("seed: 2024-13-45", "month must be in 1..12"),
        ("seed: " + "9" * 5000, "digits"),
        ("name: " + "x" * (1 << 20), "more than 1,048,576 bytes"),
    ],
)
def test_recipe_without_end_is_refused_before_it_is_unfolded(
    tmp_path: Path, text: str, reason: str
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text)
    for read in (Run.read, Plan.read):
        with pytest.raises(EcgsynthError, match=re.escape(reason)):
            read(recipe)
    key, _, value = text.partition(": ")
    if "\n" not in text and len(text) < 1 << 20:
        with pytest.raises(EcgsynthError, match="cannot be read"):
            Run.read("mitbih-beats", f"{key}={value}")


def test_alias_that_repeats_a_part_is_read(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("a: &a [1, 2]\nb: [*a, *a]\nc: {<<: &d {x: 1}, y: *d}\n")
    assert read_yaml(recipe.read_text()) == {
        "a": [1, 2], "b": [[1, 2], [1, 2]], "c": {"x": 1, "y": {"x": 1}}
    }  # fmt: skip


def test_key_without_end_is_refused() -> None:
    with pytest.raises(EcgsynthError, match="nested too deeply"):
        Run.read("mitbih-beats", "model." + "a." * 2000 + "b=1")


def test_pipe_is_no_recipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "recipe.yaml")
    with pytest.raises(EcgsynthError, match="it is a device or a pipe"):
        Run.read(tmp_path / "recipe.yaml")
