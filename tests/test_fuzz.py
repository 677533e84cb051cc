"""No public call of Python ends otherwise than well or in one sentence, whatever it is given."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import odd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes
from phantoms import Phantoms, halves
from tiny import tiny_renderer, tiny_run, tiny_synthesizer

import ecgsynth as es
from ecgsynth.arguments import quote
from ecgsynth.corpus.plan import CorpusPlan
from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm.output import write_rhythm
from ecgsynth.simulator.records import Noise, simulate_beats
from ecgsynth.synthesizer import Synthesizer

Call = tuple[Callable[..., Any], dict[str, Any]]
"""What is called, and arguments with which it goes well."""

INWARD = re.compile(
    r"Traceback|NoneType|object is not|has no attribute|unexpected keyword|ambiguous|dtype\('"
)
"""What Python says to those who wrote the program."""


@pytest.fixture(scope="module")
def calls(tiny: Synthesizer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Call]:
    folder = tmp_path_factory.mktemp("fuzz")
    crowd, pool = halves(120)
    beats, phantoms = simulate_beats(12, patients=2, seed=1), Phantoms(pool)
    strip, records = es.simulate_record(4, 100, seed=3), tiny_renderer(4.0)
    few, marks, run = beats[:2], beats[:2].marks, tiny_run(1, sheets=False)
    assert marks is not None
    learned = simulate_beats(40, patients=2, seed=1, beats=dict.fromkeys("NSVF", 0.25))
    alone = tiny_synthesizer(learned.with_classes(["S"]))
    es.write(few, folder / "few.npz")
    es.write(replace(learned, source="ward"), folder / "ward.npz")
    tiny.save(folder / "tiny.safetensors")
    shortened = ("training.examples=16", "training.batch=16", "training.stop_after=0")
    write_rhythm(es.make_rhythm("sinus 5 s"), folder / "few.atr")
    part = {"rhythm": "sinus 1 s", "count": 1, "leads": 1, "fs": 100.0}
    corpus = CorpusPlan.from_dict({"parts": {"r": part}})
    es.make_corpus(corpus, folder / "corpus", workers=1)
    np.savez(folder / "other.npz", data=crowd.signal, y=crowd.labels_str, fs=360)
    judged = {"train": "none", "metrics": ["frechet"], "quick": True, "controls": False}
    report = es.evaluate(crowd, against=pool, **judged, advance=lambda *_: None)  # type: ignore[arg-type]
    mixed = es.MixedDataset(crowd[:9], phantoms)
    one = {"model": phantoms, "counts": {"S": 1}, "gate": False}
    rows = {"X": crowd.signal[:, 0], "y": crowd.labels_str, "fs": 360.0, "unit": "mV"}
    columns = {name: getattr(few, name) for name in few.__dataclass_fields__}
    content, card = run.to_dict(), tiny.card.model_dump()

    def sampled(X: Any, y: Any, **words: Any) -> Any:  # noqa: N803
        return es.SyntheticSampler(**words).fit_resample(X, y)

    def drawn(real: Any, **words: Any) -> Any:
        return es.MixedDataset(real, **words)[0]

    def assigned(**words: Any) -> None:
        changed = tiny_run(1)
        for name, value in words.items():
            setattr(changed if name in ("name", "seed") else changed.training, name, value)

    return {
        "Spec": (es.Spec, {**few.spec.to_json(), "band": (None, 40.0)}),
        "Spec.from_json": (es.Spec.from_json, {"data": few.spec.to_json()}),
        "Spec.class_index": (few.spec.class_index, {"name": "N"}),
        "Ecg": (es.Ecg, columns | {"valid": [3, 4], "card": None}),
        "Ecg[...]": (few.__getitem__, {"index": 0}),
        "Ecg == ...": (few.__eq__, {"other": few}),
        "Ecg.of_class": (few.of_class, {"name": "N"}),
        "Ecg.with_classes": (few.with_classes, {"classes": ["N"]}),
        "Ecg.quantised": (few.quantised, {"step_mv": 0.005}),
        "Marks": (es.Marks, dict(vars(marks))),
        "Marks == ...": (marks.__eq__, {"other": marks}),
        "Marks.of": (marks.of, {"item": 0, "symbol": "N"}),
        "Marks.select": (marks.select, {"items": [0]}),
        "Marks.join": (es.Marks.join, {"parts": [marks], "lengths": [2]}),
        "Annotations": (es.Annotations, {
            "sample": [1, 2], "symbol": ["N", "V"], "channel": [0, 0], "subtype": [0, 0],
            "number": [0, 0], "note": ("", ""),
        }),
        "Recording": (es.Recording, {
            "data": few.signal[0], "fs": 360, "leads": few.spec.leads,
            "annotations": es.Annotations([1], ["N"]), "comments": (), "assumptions": (),
            "name": "x",
            "person": "x", "start": None, "device": "x", "band": (None, 40), "source": "x",
        }),
        "pretrained": (es.pretrained, {}),
        "concatenate": (es.concatenate, {"parts": [few, few]}),
        "concatenate two": (lambda part: es.concatenate([few, part]), {"part": few}),
        "simulate_record": (es.simulate_record, {
            "seconds": 1, "fs": 100, "heart_rate": 60, "leads": ["II"], "beats": ["N"],
            "hrv": 0.03, "noise": None, "seed": 0, "patient": 0,
        }),
        "simulate_beats": (simulate_beats, {
            "count": 3, "fs": 360, "window": (96, 160), "leads": ["II"], "patients": 1, "seed": 0,
        }),
        "draw_rhythm": (es.draw_rhythm, {
            "rhythm": es.make_rhythm("af 2 s"), "leads": ["II"], "fs": 100, "waves": True,
            "seed": 0, "patient": 0,
        }),
        "make_rhythm": (es.make_rhythm, {
            "text": "sinus 5 s; af 5 s", "seconds": None, "seed": 0, "patient": 0,
        }),
        "replay": (es.replay, {"path": folder / "few.atr", "fs": None, "seconds": None, "seed": 0}),
        "Rhythm": (es.Rhythm, {
            "time_s": [0.5, 1.5], "kind": [0, 2], "p_s": [0.3, np.nan], "seconds": 2,
            "episodes": [(0, 2, "(N")], "lone_p_s": [1.0], "source": "",
        }),
        "score": (es.score, {
            "detected": folder / "few.atr", "truth": folder / "few.atr", "annotator": "atr",
            "truth_annotator": "atr", "fs": 360, "leave_out": (), "start_s": 0, "stop_s": 4,
            "window_s": 0.15, "escape": "S", "quirks": True,
        }),
        "complete": (es.complete, {
            "recording": strip, "model": records, "leads": ["I", "II"], "events": "found",
            "label": "NORM", "context": {"age": 50}, "prolong_s": 5, "draws": 1, "seed": 0,
        }),
        "record": (es.record, {
            "rhythm": es.make_rhythm("sinus 5 s"), "model": records, "leads": ["I", "II"],
            "fs": 100, "label": "NORM", "context": {"age": 50}, "seed": 0,
        }),
        "stream": (lambda **words: next(es.stream(**words)), {
            "rhythm": "sinus 5 s", "model": "simulator", "seconds": 5, "leads": ["II"], "fs": 100,
            "piece_s": 1, "noise": ["muscle"], "snr": 12, "like": None, "label": "",
            "context": None, "seed": 0,
        }),
        "make_corpus": (es.make_corpus, {
            "plan": corpus, "to": folder / "corpus", "workers": 1, "scheduler": "local",
            "shards": (0, 0),
        }),
        "verify_corpus": (es.verify_corpus, {"url": folder / "corpus", "repair": False}),
        "merge_corpora": (es.merge_corpora, {
            "corpora": [folder / "corpus"], "to": folder / "corpus.npz", "part": "r",
        }),
        "Noise": (Noise, {"wander_mv": 0, "muscle_mv": 0, "mains_mv": 0, "mains_hz": 50}),
        "read": (es.read, {"path": folder / "few.npz", "format": None}),
        "write_testpack": (es.write_testpack, {
            "to": "pack", "seed": 0, "day": False, "cases": ["half-second"], "formats": ["edf"],
        }),
        "write": (es.write, {"ecg": few, "target": "few.npz", "format": None}),
        "load": (es.load, {
            "name": "simulated", "split": "train", "beats": 10, "patients": 5, "fs": 360,
            "classes": ["N"], "window": [96, 160], "seed": 0, "samples": None, "band": (None, 40),
        }),
        "load folder": (es.load, {
            "name": "folder", "split": "all", "path": folder / "other.npz", "kind": "auto",
            "fs": 360, "label": "y", "signal": None, "patient": None, "unit": None, "seed": 0,
            "classes": None, "leads": None, "label_map": None, "samples": None, "test": 0.1,
        }),
        "draw": (es.draw, {
            "ecg": few, "target": "few.svg", "items": [0], "title": "x", "speed": 25, "gain": 10,
        }),
        "Synthesizer": (Synthesizer, {"generator": tiny.generator, "card": tiny.card}),
        "Synthesizer.load": (Synthesizer.load, {"model": "mitbih-beats"}),
        "Synthesizer.join": (Synthesizer.join, {"models": {"S": alone}, "name": "x"}),
        "Synthesizer.transplanted": (tiny.transplanted, {"name": "x"}),
        "Synthesizer.read_text": (tiny.read_text, {"text": tiny.spec.classes[0]}),
        "Synthesizer.with_rate": (tiny.with_rate, {"fs": tiny.spec.fs}),
        "Synthesizer.save": (tiny.save, {"path": "m.safetensors", "half": False}),
        "Synthesizer.generate": (tiny.generate, {
            "count": 1, "label": "N", "seed": 0, "context": {"rr_before_s": 0.8},
        }),
        "Synthesizer.stream": (lambda **words: list(tiny.stream(**words)), {
            "count": 2, "label": None, "seed": 0, "context": None, "chunk": 1, "start": 0,
            "stop": 1,
        }),
        "Card": (es.Card, card),
        "a card's synthesizer": (
            lambda **words: Synthesizer(tiny.generator, es.Card(**card | words)),
            {name: card[name] for name in ("run", "spec", "scaler", "prior", "styles")},
        ),
        "Run": (es.Run, content),
        "Run.from_dict": (es.Run.from_dict, {"content": content}),
        "Run.from_dict, a part": (lambda **words: es.Run.from_dict(content | words), content),
        "Run.read": (lambda recipe, override: es.Run.read(recipe, *[override]), {
            "recipe": "mitbih-beats", "override": "seed=1",
        }),
        "Run.model_settings": (run.model_settings, {"width": 8, "styles": 0}),
        "a run's settings": (assigned, {
            "name": "x", "seed": 1, "batch": 3, "betas": (0, 0.9), "augment": 0.0, "styles": True,
        }),
        "train": (es.train, {
            "run": run, "to": None, "data": learned, "resume": False, "report": None,
        }),
        "finetune": (
            lambda model, override, **words: es.finetune(model, override, *shortened, **words),
            {"model": folder / "tiny.safetensors", "override": f"data.path={folder / 'ward.npz'}",
             "to": None, "resume": False, "report": None, "evaluate": False},
        ),
        "candidates": (es.candidates, {
            "data": learned, "folds": 2, "steps": 1, "limit": 0.8, "seed": 0,
        }),
        "evaluate": (es.evaluate, {
            "synthetic": few, "against": None, "new_patients": None, "full": False, "seed": 0,
            "advance": lambda *_: None, **judged,
        }),
        "Report": (lambda **words: repr(es.Report(**words)), {
            "synthetic": "a", "against": "b", "counts": {}, "rows": [], "left_out": {},
            "notes": [],
        }),
        "Report[...]": (report.__getitem__, {"key": ("frechet", "N")}),
        "Report.save": (report.save, {"path": "report.json", "show_real": None}),
        "augment": (es.augment, rows | one | {
            "classes": None, "r_sample": 96, "seed": 0, "times": None,
        }),
        "augment by times": (
            lambda times: es.augment(crowd, model=phantoms, times=times, gate=False),
            {"times": {"S": 1.1}},
        ),
        "augment an Ecg": (es.augment, {"X": crowd} | one),
        "augment with a gate": (
            lambda **words: es.augment(crowd, **one | {"gate": {"adherence": False} | words}),
            {"enabled": False, "quality": True, "tail": 0.01, "most": 2, "classifier": "either"},
        ),
        "SyntheticSampler": (sampled, rows | {
            "model": phantoms, "gate": False, "leads": 1, "sampling_strategy": ["S"],
            "classes": None, "r_sample": 96, "random_state": None,
        }),
        "SyntheticSampler.set_params": (es.SyntheticSampler().set_params, {"model": "x"}),
        "MixedDataset": (drawn, {
            "real": crowd[:9], "model": phantoms, "ratio": 1.0, "label": "S", "seed": 0,
        }),
        "MixedDataset[...]": (mixed.__getitem__, {"index": 0}),
        "MixedDataset.set_epoch": (mixed.set_epoch, {"epoch": 1}),
    }  # fmt: skip


CALLBACKS = ("advance", "report")
"""What a function of the caller does is the caller's."""


def said_by(call: Callable[..., Any], words: dict[str, Any]) -> str:
    """The sentence in which a call ends; "" where it goes well.

    Raises
    ------
    AssertionError: it ends in another way.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            call(**words)
    except EcgsynthError as problem:
        said = str(problem)
        assert said and said.encode() and "\n" not in said and not INWARD.search(said), said
        return said
    except Exception as problem:
        raise AssertionError(f"{type(problem).__name__}: {problem}") from problem
    return ""


def faults(call: Callable[..., Any], words: dict[str, Any], value: Any, word: str) -> list[str]:
    try:
        said_by(call, words | {word: value})
    except AssertionError as fault:
        return [f"{word}={quote(value)}: {fault}"]
    return []


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("ecgsynth"), "disabled", True)
    return tmp_path


def test_every_public_name_is_tried(calls: dict[str, Call]) -> None:
    tried = {re.split(r"[ .,\[]", name)[0] for name in calls}
    # Of these, a Performance is what `score` gives, and is made by nobody else.
    assert {*es.__all__} - {"EcgsynthError", "Performance"} <= tried


def test_the_arguments_that_are_changed_go_well_as_they_are(
    calls: dict[str, Call], here: Path
) -> None:
    said = {name: said_by(call, words) for name, (call, words) in calls.items()}
    assert said == dict.fromkeys(calls, "")


def test_one_odd_argument_is_taken_or_refused_in_a_sentence(
    calls: dict[str, Call], here: Path
) -> None:
    found = []
    for name, (call, words) in calls.items():
        for word in words:
            for value in odd.every():
                if word in CALLBACKS and callable(value):
                    continue
                found += [f"{name}: {fault}" for fault in faults(call, words, value, word)]
    assert found == []


DRAWN = st.one_of(
    st.text(), st.binary(), st.floats(), st.integers(), st.complex_numbers(), st.booleans(),
    st.none(), st.lists(st.text(max_size=3), max_size=3), st.lists(st.floats(), max_size=3),
    st.dictionaries(st.text(max_size=2), st.floats(), max_size=2),
    arrays(scalar_dtypes(), array_shapes(max_dims=3, max_side=3)),
)  # fmt: skip

SLOW = ("train", "augment by times", "Synthesizer.load")


@settings(
    max_examples=1200, derandomize=True, deadline=None, database=None,
    suppress_health_check=[*HealthCheck],
)  # fmt: skip
@given(data=st.data())
def test_several_drawn_arguments_are_taken_or_refused_in_a_sentence(
    calls: dict[str, Call], here: Path, data: st.DataObject
) -> None:
    tried = {
        name: [word for word in words if word not in CALLBACKS]
        for name, (_, words) in calls.items()
        if name not in SLOW
    }
    name = data.draw(st.sampled_from([name for name, words in tried.items() if words]))
    call, words = calls[name]
    open_to = st.sampled_from(tried[name])
    said_by(call, words | data.draw(st.dictionaries(open_to, DRAWN, min_size=1, max_size=3)))
