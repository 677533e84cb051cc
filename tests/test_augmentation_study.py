"""The study of augmentation: what is kept is not made again, and the test side stays closed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tiny import tiny_run, tiny_synthesizer

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read, write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.simulator.records import Noise, simulate_beats

if TYPE_CHECKING:
    from benchmarks.augmentation.study import Study

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True, scope="module")
def benchmarks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT), *sys.path])
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beats of eight simulated people in three files, and a generator of one step."""
    folder = tmp_path_factory.mktemp("study")
    shares = {"N": 0.6, "S": 0.2, "V": 0.2}
    beats = simulate_beats(320, patients=8, beats=shares, noise=Noise(muscle_mv=0.01), seed=4)
    beats = replace(beats.with_classes((*shares,)), marks=None)
    people = np.unique(np.asarray(beats.patient))
    for name, part in (("train", people[:4]), ("validation", people[4:6]), ("test", people[6:])):
        write(beats[np.isin(np.asarray(beats.patient), part)], folder / f"{name}.npz")
    tiny_synthesizer(read(folder / "train.npz")).save(folder / "one-step.safetensors")
    (folder / "tiny.yaml").write_text(tiny_run(1).to_yaml())
    return folder


def words(folder: Path, *more: object) -> list[str]:
    """A study of two steps a classifier and one seed of everything."""
    sides = {"--train-on": "train", "--validation": "validation", "--test": "test"}
    given = [w for flag, name in sides.items() for w in (flag, f"{folder / name}.npz")]
    few = ["--steps", "2", "--gate-steps", "2", "--ratios", "x2,x3", "--no-weights-on-top"]
    curve = ["--ns", "10", "--subsets", "1", "--curve-ratios", "0.5N", "--examples", "16"]
    seeds = ["--generator-seeds", "1", "--classifier-seeds", "2", "--scouts", "1"]
    recipe = ["--curve-seeds", "1", "--recipe", str(folder / "tiny.yaml")]
    model = f"flagship={folder / 'one-step.safetensors'}"
    work = ["--work", str(folder / "work"), "--generator", model]
    return [*given, *few, *curve, *seeds, *recipe, *work, *map(str, more)]


def run(*given: str) -> None:
    from benchmarks.augmentation.__main__ import main

    main([*given])


def opened(*given: str) -> Study:
    from benchmarks.augmentation.__main__ import opened
    from benchmarks.augmentation.parser import parser

    return opened(parser(None).parse_args([*given]))


@pytest.fixture(scope="module")
def done(folder: Path) -> Path:
    """The whole study but for the curve's generator, which is trained too."""
    run(*words(folder, "--train"))
    return folder


@pytest.fixture
def again(done: Path) -> Iterator[Path]:
    """The same, put back afterwards."""
    shutil.copytree(done / "work", done / "kept")
    yield done
    shutil.rmtree(done / "work")
    (done / "kept").rename(done / "work")


def stamps(folder: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in (folder / "work" / "cells").glob("*")}


# What a cell learns from.


@pytest.mark.parametrize(
    ("word", "real", "wanted"),
    [("x4", 100, 300), ("x2+w", 100, 100), ("1N", 100, 900), ("0.1N", 100, 0), ("", 100, 0),
     ("0.5N", 200, 300)],
)  # fmt: skip
def test_a_ratio_is_of_the_real_beats_or_of_the_largest_class(
    word: str, real: int, wanted: int
) -> None:
    from benchmarks.augmentation.options import Option

    assert Option.of(word).wanted(real, 1000) == wanted
    assert Option.of(word).word == word


def test_the_recipe_of_the_curve_may_be_changed_in_its_word(folder: Path) -> None:
    from benchmarks.augmentation.trainings import curve_training

    study = opened(*words(folder, "--work", folder / "changed"))
    study.settings = replace(study.settings, recipe="simulated-beats model.width=8")
    training = curve_training(study, 10, 0)
    assert training.words[:3] == ["train", "simulated-beats", "model.width=8"]


def test_classes_that_are_filled_to_the_largest_are_not_weighted_as_well() -> None:
    from benchmarks.augmentation.options import options
    from benchmarks.augmentation.settings import Settings

    words = [one.word for one in options("smote", Settings(ratios=("x4", "1N")), 0)]
    assert words == ["x4", "x4+w", "1N"]


def test_few_beats_come_from_as_few_people_as_have_them(folder: Path) -> None:
    from benchmarks.augmentation.subsets import people_of, subset

    train = read(folder / "train.npz")
    each = [np.unique(np.asarray(train.of_class(n).patient), return_counts=True)[1] for n in "SV"]
    few = subset(train, ("S", "V"), 3, seed=0)
    assert few.counts() == {"N": train.counts()["N"], "S": 3, "V": 3}
    assert people_of(few, ("S", "V")) == {"S": 1, "V": 1}
    more = int(max(size.max() for size in each)) + 1
    assert min(people_of(subset(train, ("S", "V"), more, 0), ("S", "V")).values()) == 2
    draws = {subset(train, ("S", "V"), 3, seed).signal.tobytes() for seed in (0, 0, 1, 2, 3)}
    assert len(draws) > 2
    assert np.array_equal(subset(train, ("S", "V"), 3, 0).signal, few.signal)


def test_a_class_with_fewer_beats_gives_all_of_them(folder: Path) -> None:
    from benchmarks.augmentation.subsets import subset

    train = read(folder / "train.npz")
    assert subset(train, ("S", "V"), 10_000, 0).counts() == train.counts()


def test_every_arm_adds_what_its_ratio_says(done: Path) -> None:
    from benchmarks.augmentation.cells import Cell
    from benchmarks.augmentation.work import training_set

    study = opened(*words(done))
    real = study.recordings.train.counts()
    for arm in ("jitter", "smote", "gaussian"):
        for option, times in (("x2", 2), ("x3", 3)):
            shown, told = training_set(study, Cell(0, 0, arm, 0, option, 0), lambda _: None)
            for name in ("S", "V"):
                assert told[name]["added"] == (times - 1) * real[name]
            assert told["N"] == {"real": real["N"], "added": 0}
            assert np.array_equal(shown.signal[: len(study.recordings.train)],
                                  study.recordings.train.signal)  # fmt: skip


def test_a_smaller_ratio_takes_the_first_beats_of_a_larger_one(done: Path) -> None:
    from benchmarks.augmentation.cells import Cell
    from benchmarks.augmentation.work import training_set

    study = opened(*words(done))
    few, more = (
        training_set(study, Cell(0, 0, "gaussian", 0, option, 0), lambda _: None)[0].of_class("S")
        for option in ("x2", "x3")
    )
    assert np.array_equal(more.signal[: len(few)], few.signal)


def test_beats_are_repeated_where_fewer_are_made_than_a_ratio_takes(folder: Path) -> None:
    from benchmarks.augmentation.pools import taken

    pool = {"S": read(folder / "train.npz").of_class("S")[:5]}
    assert np.array_equal(taken(pool, "S", 3).signal, pool["S"].signal[:3])
    twelve = taken(pool, "S", 12).signal
    assert np.array_equal(twelve[5:10], pool["S"].signal) and len(twelve) == 12


def test_on_the_curve_nothing_is_learned_from_other_rare_beats(done: Path) -> None:
    from benchmarks.augmentation.cells import Cell
    from benchmarks.augmentation.pools import real_of

    study = opened(*words(done))
    cell = Cell(10, 0, "flagship", 0, "0.5N", 0)
    kept, known = real_of(study, cell), read(done / "work" / "subsets" / "n10-s0.npz")
    assert {n: kept.counts()[n] for n in "SV"} == {"S": 10, "V": 10}
    assert np.allclose(kept.signal, known.signal, atol=1e-6)


# What is done, and what is not done twice.


def test_the_study_is_whole_and_the_test_side_is_closed(
    done: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.augmentation import cells

    sides, load = set(), cells.load

    def watched(study: Study, cell: Any, side: Any) -> Any:
        sides.add(side)
        return load(study, cell, side)

    monkeypatch.setattr(cells, "load", watched)
    before = stamps(done)
    run(*words(done))
    out = capsys.readouterr().out
    assert stamps(done) == before
    assert sides == {"validation"}
    assert "nothing of the test side is read" in out and "looked at on" not in out
    for title in ("none", "class weights", "SMOTE", "PCA-Gaussian (floor)", "flagship"):
        assert f"| {title} |" in out
    assert "| 10 | S 1, V 1 |" in out


def test_the_list_tells_what_is_missing_and_how_long_it_takes(
    again: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (again / "work" / "cells").glob("smote-nall-*-x2-*.json"):
        path.unlink()
    run(*words(again, "--list"))
    out = capsys.readouterr().out
    assert "SMOTE: 1 missing" in out and "1 more follow once ratios are chosen" in out
    assert "from those done" in out


def test_a_torn_cell_is_made_again_and_no_other(again: Path, caplog: Any) -> None:
    before = stamps(again)
    torn = again / "work" / "cells" / "none-nall-s0-g0-as-is-c1.test.npz"
    torn.write_bytes(torn.read_bytes()[:40])
    run(*words(again))
    changed = {name for name, at in stamps(again).items() if before[name] != at}
    assert "damaged and is made again" in caplog.text
    assert {name.split(".")[0] for name in changed} == {"none-nall-s0-g0-as-is-c1"}
    assert len(torn.read_bytes()) > 40


def test_a_torn_pool_is_made_again(again: Path, caplog: Any) -> None:
    from benchmarks.augmentation.cells import Cell
    from benchmarks.augmentation.pools import pool_of

    study, cell = opened(*words(again)), Cell(0, 0, "gaussian", 0, "x2", 0)
    first = pool_of(study, cell, lambda _: None)
    path = again / "work" / "pools" / f"{cell.pool}.npz"
    path.write_bytes(path.read_bytes()[:1000])
    second = pool_of(study, cell, lambda _: None)
    assert "is damaged" in caplog.text
    assert np.array_equal(first["S"].signal, second["S"].signal)


def test_ctrl_c_leaves_no_half_cell_and_the_same_command_goes_on(
    again: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.augmentation import work

    cells, name = again / "work" / "cells", "weights-nall-s0-g0-+w-c1"
    for path in cells.glob(f"{name}*"):
        path.unlink()

    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(work, "fit", pressed)
        with pytest.raises(SystemExit) as end:
            run(*words(again))
    assert end.value.code == 130
    assert not [*cells.glob(f"*{name}*")]
    run(*words(again))
    assert len([*cells.glob(f"{name}*")]) == 3


def test_a_cell_that_another_process_holds_is_waited_for_not_made(
    again: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    from benchmarks.augmentation import work

    name = "none-nall-s0-g0-as-is-c0"
    path = again / "work" / "cells" / f"{name}.json"
    content = path.read_bytes()
    path.unlink()
    other = FileLock(again / "work" / "locks" / f"{name}.lock")
    other.acquire()

    def finish(_: float) -> None:
        path.write_bytes(content)
        other.release()

    monkeypatch.setattr(work.time, "sleep", finish)
    monkeypatch.setattr(work, "fit", lambda *_, **__: pytest.fail("it was made twice"))
    run(*words(again))
    assert path.read_bytes() == content


def test_points_of_the_curve_can_be_added_and_not_taken_away(again: Path, capsys: Any) -> None:
    assert opened(*words(again, "--ns", "10,30")).settings.ns == (10, 30)
    with pytest.raises(SystemExit):
        run(*words(again))
    assert "another study (settings.ns: [10, 30] -> [10])" in capsys.readouterr().err


def test_classifiers_in_bfloat16_learn_and_say_the_same_within_its_rounding(folder: Path) -> None:
    from benchmarks.augmentation.work import counting
    from ecgsynth.evaluation.reference_models.classifiers import fit, predict

    beats = read(folder / "train.npz")
    exact = predict(fit(beats, None, steps=20), beats)
    try:
        with counting("bf16-mixed"):
            net = fit(beats, None, steps=20)
            rounded = predict(net, beats)
    except EcgsynthError as problem:
        pytest.skip(str(problem))
    assert rounded.dtype == np.float32
    assert np.abs(exact - rounded).mean() < 0.05
    outside = predict(net, beats)
    assert 0 < np.abs(rounded - outside).max() < 0.05  # of the last weights, not of the first
    with counting("32-true"):
        np.testing.assert_array_equal(predict(net, beats), outside)


# The look at the test side.


def test_the_last_look_is_refused_until_all_is_there(
    again: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (again / "work" / "cells" / "none-nall-s0-g0-as-is-c0.json").unlink()
    with pytest.raises(SystemExit):
        run(*words(again, "--final"))
    assert "1 classifiers are missing, and the test side is looked at once" in (
        capsys.readouterr().err
    )
    assert not (again / "work" / "looks.json").exists()


def test_the_last_look_says_so_with_date_versions_and_pictures(
    again: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run(*words(again, "--final", "--to", tmp_path))
    out, err = capsys.readouterr()
    assert "This looks at" in err
    assert "looked at on 2" in out and "torch" in out and "flagship" in out
    assert "Gain over class weights (paired 95 %)" in out
    assert "- With all real beats, macro NSV against class weights: " in out
    assert {p.name for p in tmp_path.iterdir()} == {
        f"augmentation-{name}.{ending}" for name in ("curve", "gain") for ending in ("svg", "png")
    }
    run(*words(again, "--final"))
    assert "was looked at before" in capsys.readouterr().err


# What is refused.


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--steps", "3"], "another study (settings.steps: 2 -> 3)"),
        (["--ratios", "x2,x4"], "settings.ratios"),
        (["--ratios", "x2,4"], "'4' is no ratio"),
        (["--ns", "5,100"], "the gate needs 10 real beats of a class"),
        (["--only", "smot"], "no arm 'smot'"),
        (["--generator", "jitter=a.safetensors"], "'jitter' is there already"),
        (["--generator", "mine"], "names no generator"),
        (["--generator", "mine=nowhere.safetensors"], "no model file nowhere.safetensors"),
        (["--generator", "flagship=mitbih-beats"], "flagship.models"),
    ],
)
def test_a_slip_is_one_sentence(
    done: Path, more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = words(done, *more)
    if "flagship=mitbih-beats" in more:  # another file under a name that is known
        other = tiny_synthesizer(read(done / "train.npz"))
        other.save(done / "other.safetensors")
        given = [*words(done), "--generator", f"flagship={done / 'other.safetensors'}"]
    with pytest.raises(SystemExit) as end:
        run(*given)
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert says in err and err.count("\n") == 1, err


def test_a_damaged_memory_of_the_study_is_refused(again: Path, capsys: Any) -> None:
    (again / "work" / "study.json").write_text('{"settings"')
    with pytest.raises(SystemExit):
        run(*words(again, "--list"))
    assert "study.json is damaged" in capsys.readouterr().err


def test_people_on_both_sides_are_refused(folder: Path, capsys: Any) -> None:
    given = words(folder, "--work", folder / "elsewhere")
    given[given.index("--validation") + 1] = str(folder / "train.npz")
    with pytest.raises(SystemExit):
        run(*given)
    assert "people are in both sets" in capsys.readouterr().err
    assert not (folder / "elsewhere").exists()


def test_a_generator_that_cannot_stand_in_the_study_is_refused(folder: Path) -> None:
    from benchmarks.augmentation.generators import check_generator, learned_from

    train: Ecg = read(folder / "train.npz")
    model = tiny_synthesizer(train.with_classes(("N", "S")))
    with pytest.raises(EcgsynthError, match="makes N, S, not V, which the study fills up"):
        check_generator(model, "mine", train, ("S", "V"))
    whole = tiny_synthesizer(train)
    check_generator(whole, "mine", train, ("S", "V"))
    learned_from(whole, "mine", train.source)
    with pytest.raises(EcgsynthError, match="learned from .*, the classifiers learn from mitbih"):
        learned_from(whole, "mine", "mitbih:train")
    names = (*train.spec.context, "mood")
    more = replace(
        train, spec=replace(train.spec, context=names),
        context=np.zeros((len(train), len(names)), np.float32),
    )  # fmt: skip
    with pytest.raises(EcgsynthError, match="does not make mood, which the real beats carry"):
        check_generator(whole, "mine", more, ("S", "V"))


def test_a_generator_of_other_beats_has_no_place_on_the_curve(again: Path) -> None:
    from benchmarks.augmentation.cells import Cell
    from benchmarks.augmentation.pools import model_of, real_of
    from benchmarks.augmentation.subsets import subset

    study, cell = opened(*words(again)), Cell(10, 0, "flagship", 0, "0.5N", 0)
    model_of(study, cell, real_of(study, cell))
    more = subset(study.recordings.train, ("S", "V"), 12, 0)
    with pytest.raises(EcgsynthError, match="not from the .* beats of this point of the curve"):
        model_of(study, cell, more)


# Trainings are commands.


def test_a_training_is_a_command_that_is_resumed_where_it_was_begun(folder: Path) -> None:
    from benchmarks.augmentation.trainings import Training

    training = Training("mitbih-beats", ("seed=2",), folder / "begun")
    assert training.command == f"ecgsynth train mitbih-beats seed=2 --to {folder / 'begun'}"
    (folder / "begun").mkdir()
    (folder / "begun" / "resume.safetensors").touch()
    assert training.command.endswith(" --resume")


def test_a_training_that_fails_ends_the_study_with_its_command(tmp_path: Path) -> None:
    from benchmarks.augmentation.trainings import Training

    with pytest.raises(EcgsynthError, match="ended with code 2: ecgsynth train nonsense --to"):
        Training("nonsense", (), tmp_path / "run").run()


def test_an_unfinished_training_is_no_generator(folder: Path) -> None:
    from benchmarks.augmentation.generators import finished

    model = tiny_synthesizer(read(folder / "train.npz"))
    for seen, whole in ((0, False), (16, True)):
        model.card.examples_seen = seen
        model.save(folder / "half" / "model.safetensors")
        assert finished(folder / "half") == whole


# Figures.


def said(test: Ecg, wrong: float, seed: int) -> np.ndarray:
    """Sure answers, a share of them wrong."""
    random = np.random.default_rng(seed)
    count = len(test.spec.classes)
    off = random.random(len(test)) < wrong
    answer = np.where(off, random.integers(count, size=len(test)), test.labels_id)
    return np.eye(count, dtype=np.float32)[answer]


def test_an_arm_gains_nothing_over_itself(folder: Path) -> None:
    from benchmarks.augmentation.figures import MACRO, Figures

    test = read(folder / "test.npz")
    one = Figures.of(test, [[said(test, 0.3, k) for k in range(3)]])
    gain = one.gain(one, MACRO)
    assert (gain.value, gain.low, gain.high) == (0, 0, 0)


def test_a_gain_is_paired_by_people(folder: Path) -> None:
    from benchmarks.augmentation.figures import MACRO, Figures

    train = read(folder / "train.npz")
    people = replace(
        train, patient=np.char.add(train.patient, (np.arange(len(train)) % 5).astype(str))
    )
    hard = np.isin(people.patient, np.unique(people.patient)[::2])
    base = np.where(hard[:, None], said(people, 0.7, 1), said(people, 0.05, 1))
    better = np.where((np.arange(len(people)) % 10 == 0)[:, None], said(people, 0, 0), base)
    one, other = (Figures.of(people, [[each]]) for each in (better, base))
    gain = one.gain(other, MACRO)
    alone = one.estimate(MACRO)
    assert gain.low is not None and gain.high is not None and gain.value > 0
    assert alone.low is not None and alone.high is not None
    assert gain.high - gain.low < 0.5 * (alone.high - alone.low)


def test_a_class_of_one_person_has_no_interval(folder: Path) -> None:
    from benchmarks.augmentation.figures import Figures

    test = read(folder / "test.npz")
    lone = np.unique(np.asarray(test.patient))[0]
    test = test[(test.labels_str != "V") | (np.asarray(test.patient) == lone)]
    found = Figures.of(test, [[said(test, 0.2, 0)]])
    assert (found.estimate("V").low, found.estimate("V").note) == (None, "one patient")
    assert found.gain(found, "V").note == "one patient"
    assert found.estimate("S").low is not None


def test_generators_that_differ_widen_the_interval(folder: Path) -> None:
    from benchmarks.augmentation.figures import MACRO, Figures

    test = read(folder / "test.npz")
    alike = [[said(test, 0.3, 3 * g + c) for c in range(3)] for g in range(3)]
    unlike = [[said(test, wrong, 3 * g + c) for c in range(3)]
              for g, wrong in enumerate((0.0, 0.3, 0.6))]  # fmt: skip
    widths = []
    for each in (alike, unlike):
        one = Figures.of(test, each).estimate(MACRO)
        assert one.low is not None and one.high is not None
        widths.append(one.high - one.low)
    assert widths[1] > 1.5 * widths[0]
