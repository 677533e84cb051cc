"""Sets that nobody should give the judge: each is refused, or judged with a word about it."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from patience import PATIENCE_S

from ecgsynth.cli.evaluate import show
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Estimate, Metric, NotApplicable, Trial
from ecgsynth.evaluation.baselines import control_figures
from ecgsynth.evaluation.baselines.controls import CONTROLS
from ecgsynth.evaluation.judge import evaluate
from ecgsynth.evaluation.report import Report
from ecgsynth.evaluation.report.html import page
from ecgsynth.evaluation.report_rows import measure_all
from ecgsynth.formats import write
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

FEW = ["coverage", "coverage_signal", "memorisation", "mmd", "rmse_random", "spread"]


@pytest.fixture(scope="module")
def crowd() -> dict[str, Ecg]:
    return {part: load("simulated", part, patients=12, beats=120) for part in ("train", "heldout")}


@pytest.fixture(scope="module")
def made(crowd: dict[str, Ecg]) -> Ecg:
    part = crowd["train"][:300]
    return Ecg(part.signal, part.spec, part.label, part.context, source="synthetic:made")


def judged(synthetic: Ecg, test: Ecg, train: Ecg | None = None, **more: Any) -> Report:
    given = {"metrics": FEW, "quick": True, "controls": False} | more
    return evaluate(synthetic, test, train, **given)


def changed(ecg: Ecg, scale: float = 1.0) -> Ecg:
    return replace(ecg, signal=ecg.signal * np.float32(scale), marks=None)


def cut(ecg: Ecg, samples: int) -> Ecg:
    spec = replace(ecg.spec, samples=samples, r_sample=None)
    return replace(ecg, signal=ecg.signal[..., :samples], spec=spec, marks=None)


def several(ecg: Ecg) -> Ecg:
    """Every item has the class S beside its own."""
    label = np.array(ecg.label)
    label[:, ecg.spec.class_index("S")] = 1
    return replace(ecg, spec=replace(ecg.spec, multilabel=True), label=label)


# ---- metrics that do not apply -------------------------------------------------------------


def metric_of(outcome: Estimate | Exception, group: str = "all") -> Metric:
    def measure(_: Trial) -> dict[str, Estimate]:
        if isinstance(outcome, Exception):
            raise outcome
        return {group: outcome}

    return Metric("m", "1", "lower", (), "match", "", measure)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (NotApplicable("needs leads I and II"), "needs leads I and II"),
        (EcgsynthError("the sets differ."), "the sets differ."),
        (Estimate(float("nan"), note="3 items; 50 are needed"), "3 items; 50 are needed"),
        (Estimate(float("nan")), "no value"),
    ],
)
def test_a_metric_without_a_figure_leaves_the_table_with_its_reason(
    made: Ecg, outcome: Estimate | Exception, reason: str
) -> None:
    rows, left_out, _ = measure_all(Trial(made), [metric_of(outcome)], False, lambda *_: None)
    assert rows == []
    assert left_out == {"m": reason}


def test_a_fault_in_a_metric_is_no_reason(made: Ecg) -> None:
    with pytest.raises(ZeroDivisionError):
        measure_all(Trial(made), [metric_of(ZeroDivisionError())], False, lambda *_: None)


def test_a_metric_that_does_not_apply_to_a_control_has_no_value_there(
    made: Ecg, crowd: dict[str, Ecg], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(trial: Trial) -> dict[str, Estimate]:
        if trial.synthetic.source != made.source:
            raise NotApplicable("of the set alone")
        return {"all": Estimate(1.0)}

    monkeypatch.setattr(control_figures, "CONTROLS", {"noise": CONTROLS["noise"]})
    trial = Trial(made, crowd["heldout"], crowd["train"], quick=True, seed=77)
    alone = Metric("alone", "1", "lower", (), "match", "", measure)
    rows, left_out, _ = measure_all(trial, [alone], True, lambda *_: None)
    assert [(row.value, row.controls) for row in rows] == [(1.0, {})]
    assert left_out == {}


# ---- too few, too empty --------------------------------------------------------------------


def test_few_items_say_how_many_are_needed(
    made: Ecg, crowd: dict[str, Ecg], capsys: pytest.CaptureFixture
) -> None:
    report = judged(made[:5], crowd["heldout"], crowd["train"], metrics=[*FEW, "c2st"])
    assert report.rows == []
    assert "at least 10 are needed" in report.left_out["coverage"]
    assert report.left_out["c2st"].endswith("50 are needed")
    show(report, Path("r.html"))
    lines = [x for x in capsys.readouterr().out.splitlines() if x.startswith("left out: ")]
    count = len(report.left_out)
    assert lines == [f"left out: {count} figures; the reasons are in r.html"]
    assert "50 are needed" in page(report)


def test_a_class_without_synthetic_items_has_no_rows_and_is_named(
    made: Ecg, crowd: dict[str, Ecg]
) -> None:
    report = judged(made.of_class("N"), crowd["heldout"], crowd["train"])
    assert {row.group for row in report.rows} == {"N"}
    assert "The synthetic set has no items of class S, V, F." in report.notes
    with pytest.raises(EcgsynthError, match="no items of that class"):
        report["coverage", "V"]


def test_a_class_of_few_real_items_keeps_its_row_and_reason(
    made: Ecg, crowd: dict[str, Ecg]
) -> None:
    test = crowd["heldout"]
    rows = [*np.flatnonzero(test.labels_id == 0), *np.flatnonzero(test.labels_id == 2)[:4]]
    row = judged(made, test[rows])["coverage", "V"]
    assert row.value is None
    assert row.note == "4 items; at least 10 are needed"


@pytest.mark.parametrize(("part", "word"), [("test", "held-out"), ("train", "training")])
def test_an_empty_real_set_is_refused(
    made: Ecg, crowd: dict[str, Ecg], part: str, word: str
) -> None:
    sets = {"test": crowd["heldout"], "train": crowd["train"]}
    sets[part] = sets[part][:0]
    with pytest.raises(EcgsynthError, match=f"the {word} set is empty"):
        judged(made, **sets)


def test_sets_without_a_class_in_common_are_refused(made: Ecg, crowd: dict[str, Ecg]) -> None:
    with pytest.raises(EcgsynthError, match=r"items of N, the real one of V: no class has items"):
        judged(made.of_class("N"), crowd["heldout"].of_class("V"))


def test_items_of_a_few_samples_are_refused(made: Ecg, crowd: dict[str, Ecg]) -> None:
    with pytest.raises(EcgsynthError, match="7 samples long; an evaluation needs at least 8"):
        judged(cut(made, 7), cut(crowd["heldout"], 7))
    assert judged(cut(made, 8), cut(crowd["heldout"], 8)).rows


@pytest.mark.parametrize("which", [(True, True), (True, False), (False, True)])
def test_items_of_several_classes_are_judged(
    made: Ecg, crowd: dict[str, Ecg], which: tuple[bool, bool]
) -> None:
    sets = [
        several(e) if more else e for e, more in zip((made, crowd["heldout"]), which, strict=True)
    ]
    report = judged(*sets, crowd["train"])
    assert {row.metric for row in report.rows} == {*FEW}
    assert report["rmse_random", "N"].value is not None


# ---- broken numbers ------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf, 3e38, -1e12])
def test_broken_items_are_left_out_and_counted(
    made: Ecg, crowd: dict[str, Ecg], broken: float
) -> None:
    signal, real = np.array(made.signal), np.array(crowd["heldout"].signal)
    signal[:7, 0, 3] = real[:2, 0, 5] = broken
    report = judged(
        replace(made, signal=signal), replace(crowd["heldout"], signal=real), crowd["train"]
    )
    assert "7 of 300 items contain NaN or infinity and are left out." in report.notes
    assert "2 items of the held-out set contain NaN and are left out." in report.notes
    assert all(row.value is None or np.isfinite(row.value) for row in report.rows)
    signal[:] = broken
    with pytest.raises(EcgsynthError, match="every synthetic item contains NaN or infinity"):
        judged(replace(made, signal=signal), crowd["heldout"])
    with pytest.raises(EcgsynthError, match="every item of the held-out set contains NaN"):
        judged(made, replace(made, signal=signal))


@pytest.mark.parametrize("height", [0.0, 0.7])
def test_a_set_of_nothing_but_flat_lines_is_refused_before_any_real_one_is_loaded(
    made: Ecg, height: float
) -> None:
    flat = replace(made, signal=np.full_like(made.signal, height))
    with pytest.raises(EcgsynthError, match="every synthetic item is a flat line"):
        evaluate(flat, "no-such-set:test", "nor-this:train")


@pytest.mark.parametrize("flat", ["test", "train"])
def test_real_flat_lines_are_judged_with(made: Ecg, crowd: dict[str, Ecg], flat: str) -> None:
    sets = {"synthetic": made, "test": crowd["heldout"], "train": crowd["train"]}
    sets[flat] = changed(sets[flat], 0)
    report = judged(**sets, metrics=None)
    assert report.rows
    assert all(row.value is None or np.isfinite(row.value) for row in report.rows)


# ---- units ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "scale", "words"),
    [
        ("synthetic", 1e3, "the synthetic signals span 1,"),
        ("synthetic", 1e-3, "Are they in V? Then multiply by 1000"),
        ("test", 1e3, "the held-out signals"),
        ("train", 1e3, "the training signals"),
    ],
)
def test_a_wrong_unit_is_said_in_the_log_the_report_the_page_and_on_the_terminal(
    made: Ecg, crowd: dict[str, Ecg], which: str, scale: float, words: str,
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    sets = {"synthetic": made, "test": crowd["heldout"], "train": crowd["train"]}
    sets[which] = changed(sets[which], scale)
    with caplog.at_level(logging.WARNING, "ecgsynth"):
        report = judged(**sets, metrics=["spread"])
    show(report, Path("r.html"))
    places = {
        "log": caplog.text, "report": " ".join(report.notes), "page": page(report),
        "terminal": " ".join(capsys.readouterr().out.split()),
    }  # fmt: skip
    for text in places.values():
        assert "THE UNIT IS DOUBTFUL" in text
        assert words in text
    assert "until then every figure here is wrong" in places["page"].partition("<table")[0]


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_low_and_high_voltage_are_no_other_unit(
    made: Ecg, crowd: dict[str, Ecg], scale: float
) -> None:
    sets = [changed(e, scale) for e in (made, crowd["heldout"])]
    assert not any("UNIT" in note for note in judged(*sets, metrics=["spread"]).notes)


def test_signals_that_never_had_mv_have_no_doubtful_unit(made: Ecg, crowd: dict[str, Ecg]) -> None:
    sets = [
        replace(changed(e, 1000), spec=replace(e.spec, unit="normalised"))
        for e in (made, crowd["heldout"])
    ]
    assert not any("UNIT" in note for note in judged(*sets, metrics=["spread"]).notes)


# ---- size ----------------------------------------------------------------------------------

MANY = """
from pathlib import Path
import numpy as np
from ecgsynth.datasets import load
from ecgsynth.evaluation.judge import evaluate
from ecgsynth.signals.ecg import Ecg

real = {part: load("simulated", part, patients=12, beats=120) for part in ("train", "heldout")}
part, rows = real["train"], np.arange(100_000) % len(real["train"])
made = Ecg(part.signal[rows], part.spec, part.label[rows], part.context[rows], source="synthetic:m")
metrics = ["c2st", "coverage", "frechet", "memorisation", "mmd", "domias", "nn_membership"]
report = evaluate(
    made, real["heldout"], real["train"], metrics=metrics, quick=True, controls=False
)
assert report.left_out == {}, report.left_out
# Not getrusage, whose peak a child inherits from the process that started it.
status = Path("/proc/self/status").read_text()
peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
print(len(report.rows), int(peak.split()[1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_a_hundred_thousand_items_are_judged_in_less_than_a_gigabyte() -> None:
    """The set itself takes 98 MB, Python with torch and scikit-learn some 400 MB."""
    done = subprocess.run(
        [sys.executable, "-c", MANY], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    rows, megabytes = map(int, done.stdout.split()[-2:])
    assert rows > 7
    assert megabytes < 1000


def test_every_registered_metric_survives_a_set_of_one_item(
    made: Ecg, crowd: dict[str, Ecg]
) -> None:
    report = judged(made[:1], crowd["heldout"], crowd["train"], metrics=None)
    assert report.rows == []
    assert {*report.left_out} == {*METRICS.names()}


def test_a_set_that_holds_real_items_is_found_out(crowd: dict[str, Ecg]) -> None:
    bare = replace(crowd["heldout"], spec=replace(crowd["heldout"].spec, r_sample=None))
    report = judged(bare, crowd["heldout"], crowd["train"], metrics=["coverage_signal"])
    assert any(
        note.startswith("THE SET CONTAINS REAL ITEMS") and "held-out" in note
        for note in report.notes
    )


def test_a_generator_that_repeats_itself_is_named(made: Ecg, crowd: dict[str, Ecg]) -> None:
    twice = made[np.arange(2 * len(made)) % len(made)]
    report = judged(twice, crowd["heldout"], crowd["train"], metrics=["spread"])
    assert any(note.startswith("ITEMS ARE REPEATED") for note in report.notes)
    report = judged(made, crowd["heldout"], crowd["train"], metrics=["spread"])
    assert any("equal items of the training set" in note for note in report.notes)
    noisy = replace(made, signal=made.signal + 0.02 * np.float32(np.indices(made.signal.shape)[0]))
    report = judged(noisy[1:], crowd["heldout"], crowd["train"], metrics=["spread"])
    assert not any("REPEATED" in note or "REAL ITEMS" in note for note in report.notes)


def test_a_class_without_real_items_is_named(made: Ecg, crowd: dict[str, Ecg]) -> None:
    less = crowd["heldout"]
    less = less[np.flatnonzero(less.labels_id != less.spec.class_index("V"))]
    report = judged(made, less, crowd["train"], metrics=["spread"])
    assert any("no items of class V" in note for note in report.notes)


@pytest.mark.parametrize("name", ["against", "train", "new_patients"])
@pytest.mark.parametrize("given", ["gone.npz", "gone/"])
def test_a_real_set_that_is_not_there_is_an_error(made: Ecg, name: str, given: str) -> None:
    with pytest.raises(EcgsynthError, match="there is no file or folder gone"):
        evaluate(made, **{name: given}, quick=True)


def bare(ecg: Ecg, **spec: Any) -> Ecg:
    """Without contexts and times, as tables of others are."""
    spec = replace(ecg.spec, context=(), **spec)
    return replace(ecg, spec=spec, context=None, record=None, onset_s=None)


@pytest.mark.parametrize("which", ["synthetic", "test", "train"])
def test_contexts_that_a_set_lacks_leave_out_what_needs_them_alone(
    made: Ecg, crowd: dict[str, Ecg], which: str
) -> None:
    sets = {"synthetic": made, "test": crowd["heldout"], "train": crowd["train"]}
    metrics = [*FEW, "copy_share", "rr_w1"]
    whole = judged(**sets, metrics=metrics)
    sets[which] = bare(sets[which], band=(None, 40.0))
    report = judged(**sets, metrics=metrics)
    assert {*report.left_out} - {*whole.left_out} == ({"rr_w1"} if which != "train" else set())
    assert report["copy_share", "N"].value == pytest.approx(1.0, abs=0.05)  # made of trained ones
    if which != "train":
        assert "needs the context rr_before_s" in report.left_out["rr_w1"]


def test_the_ceiling_of_people_without_times_is_of_the_same_people(
    made: Ecg, crowd: dict[str, Ecg]
) -> None:
    ceiling = CONTROLS["real"](Trial(made, bare(crowd["heldout"]), bare(crowd["train"])))
    assert ceiling.train is not None
    assert ceiling.train.patient is not None and ceiling.synthetic.patient is not None
    assert {*ceiling.train.patient} == {*ceiling.synthetic.patient}
    assert len({*ceiling.train.patient}) > 5


def test_items_with_r_at_another_place_are_refused(made: Ecg, crowd: dict[str, Ecg]) -> None:
    test = crowd["heldout"]
    assert test.spec.r_sample is not None
    moved = replace(test, spec=replace(test.spec, r_sample=test.spec.r_sample - 30))
    with pytest.raises(EcgsynthError, match="differ in the place of R"):
        judged(made, moved)
    near = replace(test, spec=replace(test.spec, r_sample=test.spec.r_sample - 2))
    assert judged(made, near, metrics=["spread"]).rows


def test_without_the_training_set_no_set_is_called_free_of_copies(
    made: Ecg, crowd: dict[str, Ecg]
) -> None:
    report = judged(made, crowd["train"][300:], "none", metrics=["copy_share"])
    assert report["copy_share", "N"].value < 0.1  # all of them are trained items
    asked = next(q for q in report.to_json()["questions"] if "copies" in q["question"])
    assert asked["mark"] == "unknown"
    assert "without the training set, copies of training beats" in asked["rule"]
    assert "a held-out one" in asked["sentence"]
    assert any("among the held-out items only" in note for note in report.notes)


def test_no_figure_without_a_mark_is_called_the_furthest_off(
    made: Ecg, crowd: dict[str, Ecg]
) -> None:
    report = judged(made, crowd["heldout"], "none", metrics=["amplitude_w1"])
    asked = next(q for q in report.to_json()["questions"] if "intervals" in q["question"])
    assert asked["mark"] == "unknown"
    assert asked["sentence"].startswith("For example: peak to peak")


def test_a_doubtful_unit_of_a_file_is_said_once(
    made: Ecg, crowd: dict[str, Ecg], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = str(write(changed(crowd["heldout"], 1000), tmp_path / "heldout.npz"))
    with caplog.at_level(logging.WARNING, "ecgsynth"):
        judged(made, file, metrics=["spread"])
    assert caplog.text.count("THE UNIT IS DOUBTFUL") == 1


def test_leads_without_names_are_told(made: Ecg) -> None:
    bare = replace(made, spec=replace(made.spec, leads=("lead1",)))
    with pytest.raises(EcgsynthError, match="does not name its leads"):
        evaluate(bare, "mitbih:heldout", quick=True)
