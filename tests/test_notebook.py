"""Public objects in Python and in a notebook: a line, a sheet, a verdict, a card in words."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tiny import tiny_run

import ecgsynth as es
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.judge import evaluate
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.recording import Recording
from ecgsynth.synthesizer import Synthesizer, shipped_models

LONGEST = 300
"""Letters of the line by which an object presents itself."""


@pytest.fixture(scope="module")
def report(simulated_beats: es.Ecg) -> es.Report:
    return evaluate(
        simulated_beats[:200], simulated_beats[200:], metrics=["smoothness", "spread"], quick=True,
        controls=False,
    )  # fmt: skip


@pytest.fixture
def objects(
    simulated_beats: es.Ecg, simulated_record: es.Ecg, tiny: Synthesizer, report: es.Report
) -> dict[str, Any]:
    """One object of every public class, and some that these give."""
    recording = Recording.of(simulated_record)
    return {
        "Annotations": recording.annotations,
        "Card": tiny.card,
        "Ecg": simulated_beats,
        "Marks": simulated_record.marks,
        "MixedDataset": es.MixedDataset(simulated_beats, tiny),
        "Recording": recording,
        "Report": report,
        "Rhythm": es.make_rhythm("sinus 5 s; af 5 s"),
        "Performance": es.score(recording.annotations, recording.annotations, fs=500, start_s=0),
        "Run": tiny_run(6),
        "Spec": simulated_beats.spec,
        "SyntheticSampler": es.SyntheticSampler(),
        "Synthesizer": tiny,
        "Row": report.rows[0],
        "ShippedModel": es.pretrained()[0],
    }


def test_every_public_object_presents_itself_in_one_line(objects: dict[str, Any]) -> None:
    classes = {name for name in es.__all__ if inspect.isclass(getattr(es, name))}
    assert classes - {"EcgsynthError"} <= {*objects}
    for name, thing in objects.items():
        for text in (repr(thing), str(thing)):
            assert text.startswith(f"{name}("), text
            assert text.endswith(")"), text
            assert "\n" not in text
            assert len(text) <= LONGEST


def test_many_classes_and_symbols_are_counted_and_not_listed() -> None:
    names = tuple(f"C{k}" for k in range(71))
    ecg = es.Ecg(np.zeros((1, 1, 20)), es.Spec(("II",), 100, 20, names))
    assert repr(ecg).endswith("C6 0, C7 0 and 63 classes more)")
    assert "C7 and 63 more" in repr(ecg.spec)
    marks = Annotations(np.arange(30), [f"s{k:02}" for k in range(29)] + ["s05"])
    assert repr(marks).startswith("Annotations(30: s05 2, s00 1")
    assert repr(marks).endswith("and 23 symbols more)")
    assert repr(Annotations()) == "Annotations(0: none)"


def test_a_line_has_the_facts(objects: dict[str, Any], report: es.Report) -> None:
    assert "MLII; 256 samples at 360 Hz; mV; classes N, S, V, F" in repr(objects["Spec"])
    assert "N, S, V, F in MLII, 256 samples at 360 Hz, mV; trained on" in repr(objects["Card"])
    assert "2 figures" not in repr(report)  # of several classes
    assert f"{len(report.rows)} figures" in repr(report)
    assert "better: match" in repr(report["spread", "N"])


def test_a_report_shows_its_verdict(report: es.Report) -> None:
    shown = report._repr_html_()
    for entry in report.to_json()["questions"]:
        assert entry["mark"] in shown
    assert shown.count("<table>") == shown.count("</table>") == 1
    assert report.synthetic in shown
    evil = replace(report, synthetic="<script>alert(1)</script>")
    assert "<script>" not in evil._repr_html_()


def test_a_card_is_shown_in_words(tiny: Synthesizer) -> None:
    words = tiny._repr_markdown_()
    assert words == tiny.card._repr_markdown_()
    for part in (tiny.card.id, "It was trained on", "rr_before_s", "not for diagnosis"):
        assert part in words
    assert es.Card(name="x", run={}, spec={}, scaler={}, prior={})._repr_markdown_()


@pytest.mark.parametrize(
    "bad",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://a/b.png)", "$\\frac{1$",
     "a\n\n# b", "`**c**`"],
)  # fmt: skip
def test_hostile_names_are_shown_in_a_notebook_and_not_obeyed(
    tiny: Synthesizer, simulated_beats: es.Ecg, bad: str
) -> None:
    spec = tiny.card.spec | {"classes": [bad], "leads": [bad], "context": [bad]}
    data = {"source": bad, "items": bad, "citation": bad, "licence": bad}
    card = tiny.card.model_copy(
        update={"id": bad, "spec": spec, "data": data, "doubts": [bad], "warning": bad}
    )
    shown = card._repr_markdown_().replace("\\\\", "")
    for odd in ("<", "(?<!\\\\)\\[", "(?<!\\\\)\\$", "(?<!\\\\)`", "\n#"):
        assert not re.search(odd, shown)
    assert "\n" not in repr(card)
    one_line = " ".join(bad.split())
    named = replace(simulated_beats[:2].spec, classes=(one_line,), leads=(one_line,))
    ecg = es.Ecg(simulated_beats.signal[:2], replace(named, context=()), source=one_line)
    assert (ecg._repr_png_() or b"").startswith(b"\x89PNG")


@pytest.mark.parametrize("field", ["fs", "samples", "leads", "classes", "context", "unit"])
def test_a_card_of_odd_values_is_shown_all_the_same(tiny: Synthesizer, field: str) -> None:
    for odd in (None, "x", 5, [1, None], {}):
        card = tiny.card.model_copy(update={"spec": tiny.card.spec | {field: odd}})
        assert repr(card) and card._repr_markdown_()


def test_shipped_models_are_a_table_that_names_what_loads() -> None:
    models = es.pretrained()
    assert [one.name for one in models] == [*shipped_models()]
    lines = repr(models).splitlines()
    assert len(lines) == len(models) + 1
    assert lines[0].split()[:3] == ["name", "classes", "leads"]
    first = models[0]
    assert (first.name, first.classes, first.leads) == ("mitbih-beats", (*"NSVF",), ("MLII",))
    assert (first.samples, first.fs, first.source) == (256, 360, "mitbih:train")
    assert "mitbih-beats" in models._repr_html_()
    assert Synthesizer.load(models[0].name).card.name == models[0].name
    assert callable(es.pretrained)  # and not the folder of that name


def test_an_ecg_is_an_array_of_its_signal(simulated_beats: es.Ecg) -> None:
    assert np.shares_memory(np.asarray(simulated_beats), simulated_beats.signal)
    assert np.asarray(simulated_beats, np.float64).dtype == np.float64
    assert not np.shares_memory(np.array(simulated_beats), simulated_beats.signal)
    assert np.array_equal(np.asarray(simulated_beats), simulated_beats.signal)


def test_a_table_has_a_row_per_item_with_facts_and_samples(simulated_beats: es.Ecg) -> None:
    table = simulated_beats.to_dataframe()
    spec = simulated_beats.spec
    assert len(table) == len(simulated_beats)
    assert table["label"].tolist() == simulated_beats.labels_str.tolist()
    assert table["patient"].tolist() == simulated_beats.patient.tolist()
    for k, name in enumerate(spec.context):
        assert np.array_equal(table[name], simulated_beats.context[:, k], equal_nan=True)
    samples = table[[f"MLII_{k}" for k in range(spec.samples)]].to_numpy()
    assert np.array_equal(samples, simulated_beats.signal[:, 0])
    facts = simulated_beats.to_dataframe(signal=False)
    assert list(facts) == [name for name in table if not str(name).startswith("MLII_")]
    bare = es.Ecg(np.zeros((2, 1, 20)), es.Spec(("II",), 100, 20))
    assert bare.to_dataframe(signal=False).shape == (2, 0)
    assert bare[:0].to_dataframe().shape == (0, 20)


def test_epochs_of_mne_have_volts_classes_and_the_time_of_r(simulated_beats: es.Ecg) -> None:
    pytest.importorskip("mne")
    epochs = simulated_beats[:50].to_mne()
    assert np.allclose(epochs.get_data(), simulated_beats.signal[:50] / 1e3)
    assert epochs.times[simulated_beats.spec.r_sample] == 0
    assert [*epochs.event_id] == list(dict.fromkeys(simulated_beats[:50].labels_str.tolist()))
    assert len(epochs["N"]) == simulated_beats[:50].counts()["N"]
    assert epochs.get_channel_types() == ["ecg"]
    assert "SYNTHETIC" in epochs.info["description"]
    assert list(epochs.metadata) == list(simulated_beats.to_dataframe(signal=False))
    bare = es.Ecg(np.zeros((2, 1, 20)), es.Spec(("II",), 100, 20))
    assert [*bare.to_mne().event_id] == ["unlabelled"]
    for wrong, words in (
        (simulated_beats[:0], "empty"),
        (replace(simulated_beats, spec=replace(simulated_beats.spec, unit="normalised")), "in mV"),
    ):
        with pytest.raises(EcgsynthError, match=words):
            wrong.to_mne()


def test_a_recording_for_mne_has_its_annotations(simulated_record: es.Ecg) -> None:
    pytest.importorskip("mne")
    recording = Recording.of(simulated_record)
    raw = recording.to_mne()
    assert np.allclose(raw.get_data(), recording.signal / 1e3)
    assert raw.ch_names == list(recording.leads)
    assert np.allclose(raw.annotations.onset, recording.annotations.sample / recording.fs)
    assert raw.annotations.description.tolist() == recording.annotations.symbol.tolist()


def test_without_mne_one_sentence_names_what_to_install(
    simulated_beats: es.Ecg, simulated_record: es.Ecg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mne", None)
    for convert in (simulated_beats.to_mne, Recording.of(simulated_record).to_mne):
        with pytest.raises(EcgsynthError, match=r"pip install 'ecgsynth\[mne\]'"):
            convert()


def test_wfdb_gets_a_record_and_its_annotations(simulated_record: es.Ecg) -> None:
    recording = Recording.of(simulated_record)
    record, marks = recording.to_wfdb()
    assert np.allclose(record.p_signal.T, recording.signal)
    assert (record.fs, record.sig_name, record.units) == (500, [*recording.leads], ["mV"] * 12)
    assert any("SYNTHETIC" in line for line in record.comments)
    assert marks.sample.tolist() == recording.annotations.sample.tolist()
    names = [note or code for code, note in zip(marks.symbol, marks.aux_note, strict=True)]
    assert names == recording.annotations.symbol.tolist()


def test_figures_that_were_not_measured_have_a_line_too(report: es.Report) -> None:
    row = replace(report.rows[0], value=None, low=None, high=None, note="too few items")
    assert repr(row).startswith(f"Row({row.metric} {row.group}: - ")
    assert "too few items" in repr(row)
    assert json.loads(json.dumps(row.__dict__))["note"] == "too few items"
