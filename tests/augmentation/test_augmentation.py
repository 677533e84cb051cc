"""Augmentation: a plan fills up rare classes, and the file says which items are synthetic."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outcome import Command
from phantoms import Phantoms, halves

from ecgsynth.augmentation.augmenter import AugmentedSet, augment_set
from ecgsynth.augmentation.plan import Plan
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read, write
from ecgsynth.recipes import shipped
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fingerprint import fingerprint
from ecgsynth.signals.joining import concatenate
from ecgsynth.synthesizer import Synthesizer

GATE = {"adherence": False}


@pytest.fixture(scope="module")
def crowd() -> tuple[Ecg, Ecg]:
    return halves()


def plan(**changes: Any) -> Plan:
    classes = {"S": {"model": "phantoms", "times": 3}, "V": {"model": "phantoms", "count": 40}}
    content = {"name": "try", "seed": 5, "gate": GATE, "classes": classes}
    return Plan.from_dict(content | changes)


def made(crowd: tuple[Ecg, Ecg], model: Synthesizer | None = None, **changes: Any) -> AugmentedSet:
    real, pool = crowd
    return augment_set(real, plan(**changes), {"phantoms": model or Phantoms(pool)})


@pytest.fixture(scope="module")
def done(crowd: tuple[Ecg, Ecg]) -> AugmentedSet:
    return made(crowd)


def test_times_and_counts_are_what_is_added(crowd: tuple[Ecg, Ecg], done: AugmentedSet) -> None:
    before, after = crowd[0].counts(), done.ecg.counts()
    assert after == {"N": before["N"], "S": 3 * before["S"], "V": before["V"] + 40}


def test_the_real_items_stand_first_and_are_untouched(
    crowd: tuple[Ecg, Ecg], done: AugmentedSet
) -> None:
    real = crowd[0]
    for name in ("signal", "label", "context", "patient", "record", "onset_s"):
        np.testing.assert_array_equal(
            getattr(done.ecg, name)[: len(real)], getattr(real, name), err_msg=name
        )


def test_a_synthetic_item_has_the_person_of_its_class(
    crowd: tuple[Ecg, Ecg], done: AugmentedSet
) -> None:
    new = done.ecg[len(crowd[0]) :]
    assert new.patient is not None
    assert new.patient.tolist() == [f"GAN_{name}" for name in new.labels_str]
    assert np.isfinite(new.context).all()


def test_same_seed_same_items_and_another_seed_others(
    crowd: tuple[Ecg, Ecg], done: AugmentedSet
) -> None:
    np.testing.assert_array_equal(made(crowd).ecg.signal, done.ecg.signal)
    assert (made(crowd, seed=6).ecg.signal[-40:] != done.ecg.signal[-40:]).any()


@pytest.mark.parametrize("target", ["set.npz", "set.parquet", "set.csv", "set/"])
def test_every_format_keeps_who_is_synthetic_and_by_which_card(
    done: AugmentedSet, tmp_path: Path, target: str
) -> None:
    done.save(f"{tmp_path}/{target}")
    back = read(f"{tmp_path}/{target}")
    assert back.synthetic
    np.testing.assert_array_equal(back.patient, done.ecg.patient)
    np.testing.assert_array_equal(back.labels_str, done.ecg.labels_str)
    assert back.card["mixed"]["by"] == ["phantoms-1a2b3c4d"]
    assert back.card["mixed"]["synthetic"] == len(back) - back.card["mixed"]["real_items"]


def test_the_statement_of_a_mixed_file_says_how_many_are_synthetic(
    done: AugmentedSet, tmp_path: Path
) -> None:
    done.save(tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz") as archive:
        said, keys = str(archive["statement"]), set(archive.files)
        many = int(np.char.startswith(archive["pid"], "GAN_").sum())
        assert bool(archive["synthetic"])
    assert {"data", "labels_id", "labels_str", "pid", "classes"} <= keys
    assert f"{many} of {len(done.ecg)} items were made by phantoms-1a2b3c4d" in said
    done.save(f"{tmp_path}/records/")
    header = (tmp_path / "records" / "ecg_000000.hea").read_text()
    assert said in header


def test_the_manifest_tells_plan_input_counts_and_acceptance(
    crowd: tuple[Ecg, Ecg], done: AugmentedSet, tmp_path: Path
) -> None:
    path = done.save(tmp_path / "set.npz")
    told = json.loads(path.read_text())
    real = crowd[0].counts()
    assert path.name == "set.npz.manifest.json"
    assert Plan.from_dict(told["plan"]) == plan()
    assert told["classes"]["S"] == {"real": real["S"], "synthetic": 2 * real["S"]}
    assert told["classes"]["N"] == {"real": real["N"], "synthetic": 0}
    assert set(told["acceptance"]["V"]["met"]) == {"quality", "intervals", "copies", "outliers"}
    assert told["models"]["phantoms"]["card"] == "phantoms-1a2b3c4d"
    assert told["input"]["people"] == 6 and told["seed"] == 5


def test_the_hash_of_the_input_follows_what_is_in_it(crowd: tuple[Ecg, Ecg]) -> None:
    real = crowd[0]
    changed = np.array(real.signal)
    changed[3, 0, 7] += 0.001
    assert fingerprint(real) == fingerprint(replace(real, source="elsewhere"))
    assert fingerprint(real) != fingerprint(replace(real, signal=changed))


def test_spoilt_items_are_drawn_again(crowd: tuple[Ecg, Ecg]) -> None:
    done = made(crowd, Phantoms(crowd[1], every=3))
    assert done.acceptance["S"].accepted == done.acceptance["S"].wanted
    assert done.acceptance["S"].met["quality"] == pytest.approx(2 / 3, abs=0.05)
    assert np.ptp(done.ecg.signal, axis=2).min() > 0


def test_fewer_than_asked_is_said(crowd: tuple[Ecg, Ecg], caplog: Any) -> None:
    gate = GATE | {"most": 1}
    done = made(crowd, Phantoms(crowd[1], every=2), gate=gate)
    found = done.acceptance["V"]
    assert found.accepted < found.wanted == found.drawn == 40
    assert "class V: 40 items are wanted" in caplog.text
    assert done.manifest["classes"]["V"]["synthetic"] == found.accepted


def test_nothing_accepted_names_the_criterion(crowd: tuple[Ecg, Ecg]) -> None:
    with pytest.raises(EcgsynthError, match="none of 1000 items of class S.*'quality' refused"):
        made(
            crowd, Phantoms(crowd[1], every=1),
            classes={"S": {"model": "phantoms", "count": 200}},
        )  # fmt: skip


def test_without_a_gate_everything_passes(crowd: tuple[Ecg, Ecg]) -> None:
    done = made(crowd, Phantoms(crowd[1], every=1), gate={"enabled": False})
    assert done.acceptance["S"].rate == 1 and done.acceptance["S"].met == {}


def test_another_rate_is_resampled_and_said(crowd: tuple[Ecg, Ecg], caplog: Any) -> None:
    from ecgsynth.evaluation.inputs import at_rate

    real = at_rate(crowd[0], 250)
    done = augment_set(real, plan(), {"phantoms": Phantoms(crowd[1])})
    assert done.ecg.spec == real.spec
    assert "resampled from 360 to 250 Hz" in caplog.text
    # A beat at the wrong rate would be an outlier.
    assert done.acceptance["S"].rate > 0.8


def test_a_window_inside_the_models_is_cut_out(crowd: tuple[Ecg, Ecg]) -> None:
    real, pool = crowd
    spec = replace(real.spec, samples=200, r_sample=90)
    cut = replace(real, signal=real.signal[..., 6:206], spec=spec)
    done = augment_set(cut, plan(), {"phantoms": Phantoms(pool)})
    new = done.ecg[len(cut) :].signal[:, 0]
    at_r = np.abs(done.ecg.of_class("S").signal[:, 0, 85:96]).max(1)
    assert done.ecg.spec.samples == 200
    assert done.acceptance["S"].rate > 0.8
    assert new.shape[1] == 200 and (at_r > 0.3).mean() > 0.9


def refused(crowd: tuple[Ecg, Ecg], case: str) -> None:
    real, pool = crowd
    models = {"phantoms": Phantoms(pool)}
    if case == "no such class":
        augment_set(real, plan(classes={"X": {"model": "phantoms", "times": 2}}), models)
    elif case == "not made":
        wide = replace(real.spec, classes=("N", "S", "Q"))
        one = {"Q": {"model": "phantoms", "times": 2}}
        augment_set(replace(real, spec=wide), plan(classes=one), models)
    elif case == "no items":
        augment_set(real[real.labels_str != "V"], plan(), models)
    elif case == "few items":
        few = concatenate([real.of_class("N"), real.of_class("S")[:4], real.of_class("V")])
        augment_set(few, plan(), models)
    elif case == "window":
        long = replace(real.spec, samples=280, r_sample=120)
        signal = np.pad(real.signal, [(0, 0), (0, 0), (24, 0)])
        augment_set(replace(real, signal=signal, spec=long), plan(), models)
    elif case == "unit":
        augment_set(replace(real, spec=replace(real.spec, unit="normalised")), plan(), models)
    elif case == "uV":
        augment_set(replace(real, signal=real.signal * 1000), plan(), models)
    elif case == "lead":
        augment_set(replace(real, spec=replace(real.spec, leads=("V1",))), plan(), models)
    elif case == "twice":
        augment_set(augment_set(real, plan(), models).ecg, plan(), models)
    elif case == "unlabelled":
        bare = replace(real, spec=replace(real.spec, classes=()), label=None)
        augment_set(bare, plan(), models)
    elif case == "empty":
        augment_set(real[:0], plan(), models)
    elif case == "flat":
        augment_set(replace(real, signal=np.zeros_like(real.signal)), plan(), models)
    elif case == "flat class":
        flat = np.where((real.labels_str == "S")[:, None, None], 0, real.signal)
        augment_set(replace(real, signal=flat), plan(), models)
    elif case == "saved by others":  # nothing but the names is left of what they are
        mixed = augment_set(real, plan(), models).ecg
        augment_set(replace(mixed, card=None, source="saved.npz"), plan(), models)
    elif case == "beyond memory":
        augment_set(real, plan(classes={"S": {"model": "phantoms", "times": 1e300}}), models)


@pytest.mark.parametrize("case, said", [
    ("no such class", "no items of class X to fill up .it has N, S, V.; leave it out"),
    ("not made", "does not make class 'Q': nobody simulates them"),
    ("no items", "no items of class V to fill up"),
    ("few items", "class S has 4 real items"),
    ("window", r"280 samples at 360 Hz, R at 120\) does not lie within"),
    ("unit", "makes signals in mV, the real set is in normalised"),
    ("uV", r"Are they in uV\? Then divide by 1000"),
    ("lead", "not lead V1"),
    ("twice", "augmented already"),
    ("unlabelled", "has no classes"),
    ("empty", "real set is empty"),
    ("flat", "real signals are flat"),
    ("flat class", "real items of class S are flat"),
    ("saved by others", "augmented already .GAN_"),
    ("beyond memory", "e.302 synthetic items are asked for of class S; at most 5,000,000"),
])  # fmt: skip
def test_what_cannot_be_augmented_is_one_sentence(
    crowd: tuple[Ecg, Ecg], case: str, said: str
) -> None:
    with pytest.raises(EcgsynthError, match=said):
        refused(crowd, case)


@pytest.mark.parametrize("override, said", [
    ("classes.S.times=0.5", "greater than or equal to 1"),
    ("classes.S.count=5", "either times or count"),
    ("classes.S.modle=x", "no setting 'classes.S.modle'. Did you mean 'model'"),
    ("gate.qualty=true", "no setting 'gate.qualty'. Did you mean 'quality'"),
    ("gates=1", "no setting 'gates'. Did you mean 'gate'"),
    ("data.file=x.npz", "either the name of a data set or a file"),
    ("data.name=mitbh", "Did you mean 'mitbih'"),
    ("classes={}", "gives no class anything"),
])  # fmt: skip
def test_a_slip_in_a_plan_is_one_sentence(override: str, said: str) -> None:
    with pytest.raises(EcgsynthError, match=said):
        Plan.read("augment-svf", override)


def test_the_shipped_plan_has_the_published_factors() -> None:
    shares = Plan.read("augment-svf").shares
    assert {name: share.times for name, share in shares.items()} == {"S": 4, "V": 2, "F": 4}
    assert [share.items_to_add(100) for share in shares.values()] == [300, 100, 300]
    fewer = Plan.read("augment-svf", "classes.F.enabled=false", "classes.S.times=2")
    assert [*fewer.shares] == ["S", "V"] and fewer.shares["S"].items_to_add(100) == 100
    assert "augment-svf" in shipped("augmentation") and "augment-svf" not in shipped()


def test_a_training_and_an_augmentation_are_not_confused() -> None:
    with pytest.raises(EcgsynthError, match="an augmentation.*`ecgsynth augment augment-svf`"):
        Run.read("augment-svf")
    with pytest.raises(EcgsynthError, match="a training.*`ecgsynth train mitbih-beats`"):
        Plan.read("mitbih-beats")


def test_the_command_writes_the_set_and_its_manifest_and_the_same_again(
    command: Command, crowd: tuple[Ecg, Ecg], tmp_path: Path
) -> None:
    # Without a gate: simulated hearts are not those that the shipped model learned from.
    write(crowd[0], tmp_path / "real.npz")
    words = (
        "augment", "augment-svf", "classes.F.enabled=false", "classes.S.times=1.1",
        "classes.V.times=1.1", "gate.enabled=false", "--from", "real.npz",
    )  # fmt: skip
    code, out, err = command(*words, "--to", "one.npz")
    assert code == 0, err
    added = read("one.npz")
    new = np.char.startswith(added.patient, "GAN_").sum()
    assert f"{new} of {len(added)} items are synthetic: one.npz" in out
    assert json.loads(Path("one.npz.manifest.json").read_text())["plan"]["data"]["file"]
    command(*words, "--to", "two.npz")
    assert Path("one.npz").read_bytes() == Path("two.npz").read_bytes()


@pytest.mark.parametrize("words, said", [
    (["--to", "real.npz"], "is the real set itself"),
    (["data.classes=[N]"], "--from real.npz takes the place of the plan's data"),
    (["--to", "one.odd"], "no format is known"),
    (["--to", "one.txt"], "may be CSV; name it one.csv"),
    (["--to", "real.npz/x.npz"], "could not be"),
    (["--to", "."], "holds files that are not from ecgsynth"),
])  # fmt: skip
def test_what_cannot_be_written_is_said_before_anything_is_made(
    command: Command, crowd: tuple[Ecg, Ecg], tmp_path: Path, words: list[str], said: str
) -> None:
    write(crowd[0], tmp_path / "real.npz")
    before = Path("real.npz").read_bytes()
    code, _, err = command("augment", "augment-svf", "--from", "real.npz", "--dry-run", *words)
    assert code == 2 and said in err
    assert Path("real.npz").read_bytes() == before and [*Path().iterdir()] == [Path("real.npz")]


def test_the_command_refuses_a_training_recipe_and_lists_both_kinds(
    command: Command,
) -> None:
    code, _, err = command("augment", "mitbih-beats")
    assert code == 2 and "describes a training" in err
    _, out, _ = command("list", "recipes")
    lines = {line.split()[0]: line.split()[1] for line in out.splitlines() if line.strip()}
    assert lines["augment-svf"] == "augment" and lines["mitbih-beats"] == "train"
    assert "times: 4.0" in command("augment", "augment-svf", "--dry-run")[1]
