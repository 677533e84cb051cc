"""A student learns in one pass what its teacher makes in many."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import ecgsynth as es
from ecgsynth.cli.main import app
from ecgsynth.completion.windows import find_sampler
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import MODELS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.rates import at_rate
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.ensemble import build_sampler
from ecgsynth.training.data.pairs import make_pairs
from ecgsynth.training.loop import train

RATE = 100.0


@pytest.fixture(scope="module")
def records() -> Ecg:
    """Twelve leads of 24 simulated people, half of them with NORM."""
    parts = [es.simulate_record(4.0, 500.0, seed=k, patient=k) for k in range(24)]
    whole = at_rate(concatenate(parts), RATE)
    spec = replace(whole.spec, classes=("NORM", "SR"), multilabel=True, context=())
    label = np.column_stack([np.arange(24) % 2, np.ones(24)])
    who = np.arange(24).astype(str)
    return Ecg(whole.signal, spec, label, patient=who, marks=whole.marks, source="simulated:train")


def run_of(
    steps: int,
    objective: str | dict[str, object] = "flow",
    family: str = "renderer",
    **training: object,
) -> Run:
    return Run.from_dict({
        "name": "tiny-records",
        "data": {"name": "simulated", "fs": RATE},
        "model": {"name": family, **MODELS.get(family).tiny},
        "objective": objective,
        "training": {
            "examples": 8 * steps, "batch": 8, "styles": False, "sheets": False,
            "health_every": 0, "log_every": 1, "accelerator": "cpu", **training,
        },
    })  # fmt: skip


@pytest.fixture(scope="module")
def teacher(records: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "teacher.safetensors"
    return train(run_of(3), data=records).save(path)


def test_a_trained_renderer_makes_annotated_records(teacher: Path) -> None:
    made = Synthesizer.load(teacher).generate(5, seed=1)
    assert made.signal.shape == (5, 12, 400)
    assert made.marks is not None
    assert set(made.marks.symbol) <= {"N", "S", "V"}
    assert len(made.marks) >= 5 * 3
    i, ii, iii = (made.signal[:, k].astype(np.float64) for k in range(3))
    np.testing.assert_allclose(iii, ii - i, atol=1e-6)


def test_pairs_are_what_the_teacher_makes_of_that_very_noise(
    teacher: Path, data_root: Path
) -> None:
    pairs = make_pairs(str(teacher), 40, RATE, seed=3)
    rows = torch.tensor([1, 33])
    noise = pairs.latents(rows)
    inputs = replace(pairs.inputs[rows.numpy()], latent=noise.numpy())
    again = pairs.teacher.items(inputs, pairs.teacher.scaled(inputs)).signal
    np.testing.assert_allclose(pairs.data.signal[[1, 33]], again, atol=2e-3)
    assert list((data_root / "cache").glob("pairs-*/*.npy"))


def test_pairs_that_were_made_before_are_read(teacher: Path, data_root: Path) -> None:
    first = make_pairs(str(teacher), 40, RATE, seed=4)
    kept = sorted((data_root / "cache").glob("pairs-*/*.npy"))
    times = [path.stat().st_mtime_ns for path in kept]
    again = make_pairs(str(teacher), 40, RATE, seed=4)
    assert [path.stat().st_mtime_ns for path in kept] == times
    np.testing.assert_array_equal(first.data.signal, again.data.signal)


@pytest.mark.parametrize("changed", ["prior", "model"])
def test_pairs_of_the_same_weights_with_another_card_are_made_anew(
    teacher: Path, data_root: Path, tmp_path: Path, changed: str
) -> None:
    first = make_pairs(str(teacher), 40, RATE, seed=5)
    model = Synthesizer.load(teacher)
    card = model.card.model_copy(deep=True)
    if changed == "prior":
        for law in card.prior["laws"].values():
            law["quantiles"][0] = [rate * 1.2 for rate in law["quantiles"][0]]
    else:
        card.run["model"]["shared"] = 0.2
    other = Synthesizer.of(build_sampler(card, model.weights())).save(
        tmp_path / "other.safetensors"
    )
    again = make_pairs(str(other), 40, RATE, seed=5)
    assert not np.array_equal(first.data.signal, again.data.signal)


def test_a_student_begins_with_its_teacher_and_says_whose_it_is(
    teacher: Path, data_root: Path
) -> None:
    run = run_of(
        4, "pairs", teacher=str(teacher), start=str(teacher), pairs=32, rate_generator=3e-3
    )
    losses: list[float] = []
    student = train(run, report=lambda *line: losses.append(line[2]["generator/pairs"]))
    card = Synthesizer.load(teacher).card
    assert student.card.teacher == card.id
    assert student.card.data == card.data
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    assert student.generate(3, seed=2).signal.shape == (3, 12, 400)


def test_a_renderer_makes_signals_of_any_rate(teacher: Path) -> None:
    model = Synthesizer.load(teacher)
    fast, slow = (one.generate(3, seed=5) for one in (model.with_rate(500.0), model))
    assert fast.signal.shape == (3, 12, 2000)
    np.testing.assert_allclose(fast.signal[:, :, 2::5], slow.signal, atol=0.02)


@pytest.mark.parametrize(
    ("objective", "family", "teacher", "why"),
    [
        ("pairs", "renderer", "", "needs a teacher"),
        ("flow", "renderer", "x", "=pairs"),
        ({"name": "rpgan", "regression": 1}, "renderer-student", "", "needs a teacher"),
        ({"name": "rpgan", "regression": 1}, "inception", "x", "is for students"),
        ({"name": "rpgan"}, "renderer-student", "x", "objective.regression"),
        ({"name": "rpgan", "show": 0.2}, "inception", "", "families that take a known part"),
        ({"name": "flow", "show": 0.2}, "flow", "", "families that take a known part"),
    ],
)
def test_a_teacher_and_an_objective_that_asks_it_go_together(
    objective: str | dict[str, object], family: str, teacher: str, why: str
) -> None:
    with pytest.raises(EcgsynthError, match=why):
        train(run_of(1, objective, family, teacher=teacher))


def test_a_student_that_plays_against_a_critic_keeps_to_its_teacher(
    teacher: Path, records: Ecg, data_root: Path
) -> None:
    losses: dict[float, float] = {}
    for weight in (1e-6, 300.0):
        run = run_of(
            8, {"name": "rpgan", "regression": weight}, "renderer-student", pairs=32,
            teacher=str(teacher), start=str(teacher), rate_generator=3e-3, betas=[0.0, 0.99],
        )  # fmt: skip
        lines: list[dict[str, float]] = []
        student = train(run, data=records, report=lambda *line, kept=lines: kept.append(line[2]))
        losses[weight] = lines[-1]["generator/regression"] / weight
    assert losses[300.0] < losses[1e-6]
    assert student.card.teacher == Synthesizer.load(teacher).card.id
    assert student.card.data["source"] == "simulated:train"


def test_a_part_of_another_signal_of_the_same_beats_is_known_of_some_pairs(
    teacher: Path, data_root: Path
) -> None:
    pairs = make_pairs(str(teacher), 64, RATE, seed=6, show=0.5)
    assert pairs.known is not None
    given = pairs.known(torch.arange(64))
    known, mask = given["known"].numpy(), given["mask"].numpy()
    assert not mask[:32].any() and not known[:32].any()
    shares = mask[32:].mean((1, 2))
    assert ((shares > 0) & (shares < 1)).all()
    events = pairs.events
    assert events is not None
    assert np.array_equal(events[:32], events[32:], equal_nan=True)
    scaled = pairs.teacher.scaler.forward(np.asarray(pairs.data.signal, np.float32), {})
    framed = pairs.teacher.generator.framed(torch.from_numpy(scaled)).numpy()  # type: ignore[operator]
    there = mask[32:] > 0
    np.testing.assert_allclose(framed[:32][there], known[32:][there], atol=5e-3)
    np.testing.assert_allclose(framed[32:][there], known[32:][there], atol=5e-3)
    assert np.abs(framed[:32][~there] - framed[32:][~there]).mean() > 0.05  # its noise is its own
    again = make_pairs(str(teacher), 64, RATE, seed=6, show=0.5)
    assert np.array_equal(again.data.signal, pairs.data.signal)
    assert again.known is not None
    assert torch.equal(again.known(torch.arange(64))["known"], given["known"])


def test_a_student_that_was_shown_parts_continues_recordings(
    teacher: Path, records: Ecg, data_root: Path
) -> None:
    learned = train(run_of(
        2, {"name": "rpgan", "regression": 10, "show": 0.5}, "renderer-student", pairs=64,
        teacher=str(teacher), start=str(teacher), betas=[0.0, 0.99],
    ), data=records)  # fmt: skip
    assert find_sampler(learned)
    other = train(run_of(2, {"name": "pairs", "show": 0.5}, teacher=str(teacher), pairs=64))
    assert find_sampler(other)


@pytest.mark.parametrize("fs", [0.0, 1e9, float("nan")])
def test_rates_that_no_signal_has_are_refused(teacher: Path, fs: float) -> None:
    with pytest.raises(EcgsynthError):
        Synthesizer.load(teacher).with_rate(fs)


def test_a_family_of_one_rate_is_not_asked_for_another(tiny: Synthesizer) -> None:
    with pytest.raises(EcgsynthError, match="Hz alone"):
        tiny.with_rate(250.0)


def test_the_critic_learns_alone_first_and_the_generator_then_starts_slowly(
    teacher: Path, records: Ecg
) -> None:
    run = run_of(4, "rpgan", "renderer-student", start=str(teacher), critic_first=16)
    losses: list[dict[str, float]] = []
    began = Synthesizer.load(teacher).weights()
    moved = train(run, data=records, report=lambda *line: losses.append(line[2])).weights()
    assert ["generator/adversarial" in line for line in losses] == [False, False, False, True]
    assert any(not torch.equal(moved[name], began[name]) for name in began)
    still = train(
        run.model_copy(update={"training": run.training.model_copy(update={"critic_first": 64})}),
        data=records,
    ).weights()
    assert all(torch.equal(still[name], began[name]) for name in began)


def test_the_command_makes_records_at_the_rate_asked(teacher: Path, tmp_path: Path) -> None:
    target = tmp_path / "slow.npz"
    words = ["generate", str(teacher), "--count", "3", "--to", str(target), "--fs"]
    assert CliRunner().invoke(app, [*words, "250"]).exit_code == 0
    made = es.read(target)
    assert (made.spec.fs, made.signal.shape) == (250.0, (3, 12, 1000))
    refused = CliRunner().invoke(app, [*words, "50", "--force"])
    assert "Hz or more" in str(refused.exception)
    assert es.read(target).spec.fs == 250.0


def test_the_command_takes_its_request_in_words(teacher: Path, tmp_path: Path) -> None:
    target = tmp_path / "asked.npz"
    words = ["generate", str(teacher), "--count", "2", "--to", str(target), "--force", "--text"]
    assert CliRunner().invoke(app, [*words, "normal ECG in sinus rhythm, 80 bpm"]).exit_code == 0
    assert es.read(target).label.tolist() == [[1, 1], [1, 1]]
    twice = CliRunner().invoke(app, [*words, "NORM", "--label", "SR"])
    assert "leave one of them out" in str(twice.exception)
    unknown = CliRunner().invoke(app, [*words, "NORM with hiccups"])
    assert "'hiccups'" in str(unknown.exception)


@pytest.mark.parametrize("rate", [400, 0, -60, float("nan")])
def test_a_heart_rate_that_no_heart_has_is_refused(teacher: Path, rate: float) -> None:
    with pytest.raises(EcgsynthError, match="heart_rate"):
        Synthesizer.load(teacher).generate(1, context={"heart_rate": rate})
