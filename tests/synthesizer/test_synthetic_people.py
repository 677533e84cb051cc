"""Synthetic people: each has one style, rhythm and lead, and the style is no training person's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from outcome import Command
from tiny import tiny_run

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read, write
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.prior.people import shares_of
from ecgsynth.simulator.records import simulate_beats
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.loop import train

RHYTHM = ("rr_before_s", "rr_after_s", "rr_mean_s")
KINDS = ("database:a", "database:b", "lead:V1")
OWNERS = {"database:a": range(7), "database:b": range(7, 14), "lead:V1": range(5, 9)}
"""Who has which kind: five have a without V1, five b without V1, and two each have the rest."""


def crowd(people: int) -> Ecg:
    """Beats N and V of so many people, each with a pace of his own."""
    drawn = simulate_beats(200, patients=1, seed=1)
    at = [drawn.spec.context.index(name) for name in RHYTHM]
    parts = []
    for who, pace in enumerate(np.linspace(0.6, 1.1, people)):
        beats = concatenate([drawn.of_class("N")[:30], drawn.of_class("V")[:6]])
        context = np.array(beats.context)
        early = np.random.default_rng(who).normal(1, 0.02, len(beats))
        early[30:] = 0.6
        context[:, at] = pace * np.column_stack([early, 2 - early, np.ones(len(beats))])
        kinds = np.tile([float(who in OWNERS[name]) for name in KINDS], (len(beats), 1))
        names = np.full(len(beats), f"p{who:02d}")
        spec = replace(beats.spec, context=(*beats.spec.context, *KINDS))
        parts.append(
            replace(beats, spec=spec, context=np.column_stack([context, kinds]), patient=names,
                    record=names)
        )  # fmt: skip
    return concatenate(parts).with_classes(["N", "V"])


@pytest.fixture(scope="module")
def model() -> Synthesizer:
    return train(tiny_run(1), data=crowd(14))


def column(ecg: Ecg, name: str) -> np.ndarray:
    assert ecg.context is not None
    return ecg.context[:, ecg.spec.context.index(name)]


def test_everybody_has_normal_and_rare_beats(model: Synthesizer) -> None:
    made = model.generate({"N": 60, "V": 20}, people=10)
    for name, each in (("N", 6), ("V", 2)):
        who, count = np.unique(made.of_class(name).patient, return_counts=True)
        assert len(who) == 10
        assert (count == each).all()
    in_turns = model.generate(41, people=20)  # N and V in turn
    assert len(np.unique(in_turns.of_class("N").patient)) == 20


def test_a_person_has_one_pace_database_and_lead(model: Synthesizer) -> None:
    made = model.generate({"N": 80, "V": 40}, people=20, seed=3)
    assert made.patient is not None
    for name in ("rr_mean_s", *KINDS):
        levels = [np.ptp(column(made, name)[made.patient == who]) for who in set(made.patient)]
        assert max(levels) < 1e-6
    assert len(np.unique(column(made, "rr_mean_s"))) > 10


def test_rare_beats_are_early_for_their_own_person(model: Synthesizer) -> None:
    made = model.generate({"N": 400, "V": 400}, people=40, seed=3)
    early = column(made, "rr_before_s") / column(made, "rr_mean_s")
    assert np.median(early[made.labels_str == "V"]) == pytest.approx(0.6, abs=0.05)
    assert np.median(early[made.labels_str == "N"]) == pytest.approx(1.0, abs=0.05)


def test_kinds_are_those_of_five_people_or_more(model: Synthesizer) -> None:
    everybody = model.sampler.people(200, 1, {})
    assert set(np.unique(everybody.kinds[:, -3:], axis=0).argmax(1)) == {0, 1}
    assert not everybody.kinds[:, -1].any()  # four have V1: two of each database
    owners = [np.flatnonzero(row) for row in everybody.style]
    assert all(len(row) >= PEOPLE and not set(row) & {5, 6, 7, 8} for row in owners)
    with pytest.raises(EcgsynthError, match="lead:V1"):
        model.generate(20, people=2, context={"lead:V1": 1})
    of_a = model.generate(20, people=2, context={"database": "a"})
    assert column(of_a, "database:a").all()


def test_styles_have_mean_and_covariance_of_the_training_people() -> None:
    normal = np.random.default_rng(0).standard_normal((20_000, 9))
    style = np.random.default_rng(1).normal(size=(9, 4))
    share = shares_of(normal)
    np.testing.assert_allclose(share.sum(1), 1)
    drawn = share @ style
    np.testing.assert_allclose(drawn.mean(0), style.mean(0), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(style.T), atol=0.08)


def test_no_person_has_a_training_persons_style(model: Synthesizer) -> None:
    style = model.sampler.people(500, 2, {}).style
    away = np.abs(style - np.eye(len(style[0]))[style.argmax(1)]).sum(1)
    assert away.min() > 0.1


def test_a_person_depends_on_seed_and_number_alone(model: Synthesizer) -> None:
    few, many = model.sampler.people(3, 7, {}), model.sampler.people(30, 7, {})
    np.testing.assert_array_equal(few.style, many.style[:3])
    whole = model.generate(300, people=12, seed=7)
    parts = [*model.stream(300, people=12, seed=7, chunk=1, start=10)]
    assert concatenate(parts) == whole[10:]
    assert whole != model.generate(300, people=12, seed=8)


def test_what_is_fixed_holds_for_everybody(model: Synthesizer) -> None:
    made = model.generate(40, people=10, context={"rr_mean_s": 0.8, "rr_before_s": 0.7})
    assert set(column(made, "rr_mean_s").tolist()) == {np.float32(0.8)}
    assert set(column(made, "rr_before_s").tolist()) == {np.float32(0.7)}
    paces = model.generate(40, people=10, context={"rr_before_s": 0.7})
    assert len(np.unique(column(paces, "rr_mean_s"))) == 10


@pytest.mark.parametrize(
    ("people", "words"),
    [(0, "people"), (-3, "people"), (2.5, "people"), (True, "people"), ("x", "people"),
     (21, "most frequent class has 20"), (10**9, "10,000")],
)  # fmt: skip
def test_a_wrong_number_of_people_is_refused(
    model: Synthesizer, people: object, words: str
) -> None:
    with pytest.raises(EcgsynthError, match=words):
        model.generate({"N": 20, "V": 5}, people=people)  # type: ignore[arg-type]


def test_models_without_styles_of_five_people_make_no_people() -> None:
    few = train(tiny_run(1), data=crowd(4))
    with pytest.raises(EcgsynthError, match="styles of 4 people"):
        few.generate(20, people=2)
    alike = train(tiny_run(1, styles=False), data=crowd(6))
    with pytest.raises(EcgsynthError, match="no styles"):
        alike.generate(20, people=2)
    both = Synthesizer.join(
        {"N": train(tiny_run(1), data=crowd(6).of_class("N").with_classes(["N"]))}
    )
    with pytest.raises(EcgsynthError, match="no beats of people"):
        both.generate(20, people=2)


@pytest.mark.parametrize("target", ["a.npz", "a.csv", "a.parquet", "a/"])
def test_every_file_names_the_person(model: Synthesizer, tmp_path: Path, target: str) -> None:
    made = model.generate({"N": 12, "V": 6}, people=6)
    write(made, tmp_path / target)
    np.testing.assert_array_equal(read(tmp_path / target).patient, made.patient)


def test_the_command_makes_people(model: Synthesizer, tmp_path: Path, command: Command) -> None:
    model.save(tmp_path / "m.safetensors")
    asked = ("generate", str(tmp_path / "m.safetensors"), "--count", "N=40,V=40", "--people")
    found = command(*asked, "40", "--to", str(tmp_path / "a.npz"))
    assert found.code == 0, found.err
    made = read(tmp_path / "a.npz")
    assert len(np.unique(made.patient)) == 40
    alone = command(*asked[:2], "--people", "3", "--to", str(tmp_path / "c.npz"))
    assert alone.code == 0, alone.err
    assert len(read(tmp_path / "c.npz")) == 300
    refused = command(*asked, "41", "--to", str(tmp_path / "b.npz"))
    assert refused.code == 2
    assert not (tmp_path / "b.npz").exists()


def test_the_prior_of_everybody_makes_people_too(model: Synthesizer) -> None:
    everybody = model.transplanted()
    assert isinstance(everybody.prior, ContextPrior)
    assert len(np.unique(everybody.generate(40, people=8).patient)) == 8
