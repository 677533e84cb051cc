"""A model that continues on own recordings: its set, its people, its mark, its end."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import stop_after, tiny_run

import ecgsynth as es
from ecgsynth.errors import EcgsynthError
from ecgsynth.models.layers.condition_weights import STYLE
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.own_use import SENTENCE
from ecgsynth.simulator.records import simulate_beats
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.finetune import finetuning_run
from ecgsynth.training.loop import train

SHORT = (
    "training.examples=96", "training.batch=16", "training.critic_first=32",
    "training.sheets=false", "training.snapshot_every=32", "training.log_every=1",
    "training.stop_after=0", "training.accelerator=cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of six simulated people that has learned next to nothing."""
    data = simulate_beats(160, patients=6, seed=1, beats={"N": 0.5, "V": 0.5})
    data = data.with_classes(["N", "V"])
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    train(tiny_run(2), data=data).save(path)
    return path


def ward(
    folder: Path, people: int, beats: Sequence[str] = ("N", "V"), name: str = "ward.npz"
) -> str:
    """Beats of a ward as a user's table; the override that names it."""
    shares = dict.fromkeys(beats, 1 / len(beats))
    data = simulate_beats(60 * people, patients=people, seed=9, beats=shares)
    assert data.patient is not None
    own = replace(data, source="ward", patient=np.char.add("ward-", data.patient))
    es.write(own.with_classes(list(beats)), folder / name)
    return f"data.path={folder / name}"


@pytest.mark.parametrize("people", [1, 6])
def test_a_model_continues_and_states_from_what(start: Path, tmp_path: Path, people: int) -> None:
    made = es.finetune(start, ward(tmp_path, people), *SHORT, to=tmp_path / "run", evaluate=False)
    assert made.card.started_from["id"] == Synthesizer.load(start).card.id
    assert made.card.examples_seen == 96 + Synthesizer.load(start).card.examples_seen
    assert made.card.styles == (people if people > 1 else 0)
    assert len(Synthesizer.load(tmp_path / "run").generate(4, "V")) == 4


def test_weights_at_rest_make_what_the_first_model_made(start: Path, tmp_path: Path) -> None:
    still = ("training.rate_generator=1e-12", "training.rate_critic=1e-12")
    made = es.finetune(start, ward(tmp_path, 6), *SHORT, *still)
    before = Synthesizer.load(start)
    assert made.sampler.scaler == before.sampler.scaler  # type: ignore[union-attr]
    for name, value in before.weights().items():
        if not name.startswith("embed."):
            torch.testing.assert_close(made.weights()[name], value, atol=1e-5, rtol=1e-3)
    at = [made.spec.class_index(name) for name in ("N", "V")]
    old = [before.spec.class_index(name) for name in ("N", "V")]
    new, known = (m.weights()["embed.label.weight"] for m in (made, before))
    torch.testing.assert_close(new[:, at], known[:, old], atol=1e-5, rtol=1e-3)


def test_a_new_class_is_added_and_one_that_is_not_there_is_gone(
    start: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = es.finetune(start, ward(tmp_path, 6, ("N", "S")), *SHORT)
    assert made.spec.classes == ("N", "S")
    assert "class S is new" in caplog.text and "no item of class 'V'" in caplog.text
    assert len(made.generate(3, "S")) == 3


def test_one_class_without_normal_beats_is_enough(
    start: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = es.finetune(start, ward(tmp_path, 6, ("V",)), *SHORT)
    assert tuple(made.prior.classes) == ("V",)
    assert "no normal beats" in caplog.text


def test_styles_are_found_from_the_beats_of_each_person(start: Path, tmp_path: Path) -> None:
    made = es.finetune(start, ward(tmp_path, 6), *SHORT, "training.rate_generator=1e-12")
    styles = made.weights()[STYLE]
    assert len(styles) == 6 and len({tuple(row.tolist()) for row in styles}) > 1


@pytest.mark.parametrize(("people", "marked"), [(4, True), (5, False)])
def test_fewer_than_five_people_are_for_own_use(
    start: Path, tmp_path: Path, people: int, marked: bool
) -> None:
    made = es.finetune(start, ward(tmp_path, people), *SHORT)
    assert made.card.own_use is marked
    assert (SENTENCE in made.card.warning) is marked


def test_the_report_has_privacy_first_and_states_the_mark(start: Path, tmp_path: Path) -> None:
    es.finetune(start, ward(tmp_path, 4), *SHORT, to=tmp_path / "run")
    rows = json.loads((tmp_path / "run" / "report.json").read_text())["rows"]
    private = [row["question"] == "privacy" for row in rows]
    assert any(private) and private == sorted(private, reverse=True)
    assert SENTENCE in (tmp_path / "run" / "report.html").read_text()


@pytest.fixture(scope="module")
def few(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Synthesizer:
    """A model of two people."""
    return es.finetune(start, ward(tmp_path_factory.mktemp("few"), 2), *SHORT)


@pytest.mark.parametrize(
    "name",
    ["a.npz", "a.csv", "a.parquet", "wfdb/", "a.edf", "a.dcm", "a.aecg.xml", "a.muse.xml", "a.ecg"],
)
def test_every_file_of_such_a_model_states_it(few: Synthesizer, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    es.write(few.generate(1, "N"), target)
    files = [target] if target.is_file() else [f for f in target.rglob("*") if f.is_file()]
    content = b" ".join(f.read_bytes() for f in files)
    if name.endswith(".npz"):
        with np.load(target) as arrays:
            content = " ".join(str(arrays[key]) for key in arrays.files).encode()
    letters = re.sub(rb"[^a-z]", b"", content)  # whatever breaks the lines
    assert b"mustnotbeshared" in letters


def test_the_mark_stays_in_what_is_made_of_such_a_model(start: Path, tmp_path: Path) -> None:
    first = es.finetune(start, ward(tmp_path, 3), *SHORT, to=tmp_path / "few", evaluate=False)
    again = es.finetune(tmp_path / "few", ward(tmp_path, 6, name="b.npz"), *SHORT)
    assert first.card.own_use and again.card.own_use
    assert first.transplanted("shared").card.own_use
    assert "own-use" in first.transplanted("shared").generate(1, "N").source
    beats = first.generate(3, "N")
    es.write(beats, tmp_path / "w" / "a.csv")
    assert "must not be shared" in (tmp_path / "w" / "a.csv").read_text()
    back = es.read(tmp_path / "w" / "a.csv")  # without a card the source names it still
    es.write(replace(back, card=None), tmp_path / "again.csv")
    assert "must not be shared" in (tmp_path / "again.csv").read_text()


def test_a_stopped_run_continues_without_its_first_model(start: Path, tmp_path: Path) -> None:
    words = (ward(tmp_path, 6), *SHORT[:-2], "training.stop_after=64", "training.accelerator=cpu")
    own = tmp_path / "start.safetensors"
    own.write_bytes(start.read_bytes())
    whole = es.finetune(own, *words, to=tmp_path / "whole", evaluate=False)
    with pytest.raises(KeyboardInterrupt):
        es.finetune(own, *words, to=tmp_path / "run", report=stop_after(3), evaluate=False)
    own.unlink()
    again = es.finetune(own, to=tmp_path / "run", resume=True, evaluate=False)
    for name, value in whole.weights().items():
        torch.testing.assert_close(again.weights()[name], value)
    assert again.card.metrics == whole.card.metrics


@pytest.mark.parametrize(("people", "left_out"), [(6, 0), (12, 2)])
def test_people_are_left_out_where_there_are_enough(
    start: Path, tmp_path: Path, people: int, left_out: int
) -> None:
    run = finetuning_run(start, [ward(tmp_path, people)])
    learned = es.load("folder:train", **run.data.settings)
    assert learned.patient is not None
    assert len(np.unique(learned.patient)) == people - left_out


def changed(ecg: Ecg, **spec: object) -> Ecg:
    return replace(ecg, spec=replace(ecg.spec, **spec))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words", "why"),
    [
        (lambda e: changed(e, leads=("V5",)), (), "no lead|makes MLII"),
        (lambda e: replace(e, signal=e.signal * 1000), (), "uV"),
        (lambda e: replace(e, signal=e.signal / 1000), (), "V"),
        (lambda e: e, ("data.samples=200",), "the rate of the items"),
        (lambda e: e, ("data.fs=180",), "rate|length"),
        (lambda e: changed(e, unit="normalised"), (), "the unit of the items"),
        (lambda e: e, ("data.split=test",), "take a training split"),
        (lambda e: replace(e, patient=np.full(len(e), "100")), (), "models are tested"),
        (lambda e: replace(e, signal=e.signal * np.nan), (), "none of the .* usable"),
        (lambda e: e, ("data.path=nowhere.npz",), "there is no file"),
        (lambda e: e, ("training.rat=1",), "rat"),
    ],
)  # fmt: skip
def test_recordings_that_do_not_fit_are_refused_in_a_sentence(
    start: Path, tmp_path: Path, change: object, words: tuple[str, ...], why: str
) -> None:
    ward(tmp_path, 6)
    es.write(change(es.read(tmp_path / "ward.npz")), tmp_path / "odd.npz")  # type: ignore[operator]
    with pytest.raises(EcgsynthError, match=why):
        es.finetune(start, f"data.path={tmp_path / 'odd.npz'}", *words, *SHORT)


def test_without_a_path_the_sentence_names_it(start: Path) -> None:
    with pytest.raises(EcgsynthError, match=r"data\.path"):
        es.finetune(start, *SHORT)


def test_nothing_to_resume_is_stated(tmp_path: Path, start: Path) -> None:
    with pytest.raises(EcgsynthError, match="no run to resume"):
        es.finetune(start, to=tmp_path / "none", resume=True)


def test_adapting_needs_a_model() -> None:
    with pytest.raises(EcgsynthError, match="name a model"):
        es.Run.read("mitbih-beats", "training.adapt=true")
