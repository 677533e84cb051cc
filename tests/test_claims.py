"""The checks of published claims measure what they say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgsynth.signals.ecg import Ecg, one_hot


@pytest.fixture(autouse=True, scope="module")
def benchmarks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(Path(__file__).parents[1] / "benchmarks"), *sys.path])
        yield


@pytest.fixture(scope="module")
def beats(simulated_beats: Ecg) -> Ecg:
    """The simulated beats in two classes, one of them rare."""
    spec = replace(simulated_beats.spec, classes=("N", "F"))
    rare = np.arange(len(simulated_beats)) % 20 == 0
    return replace(simulated_beats, spec=spec, label=one_hot(1 * rare, 2))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.7512, ".75"), (-0.034, "-.034"), (148.23, "148"), (14.82, "14.8"), (1.0, "1.00"),
     (9e-4, "9.0e-4"), (0.0, ".00"), (float("nan"), ""), (None, "")],
)  # fmt: skip
def test_a_figure_keeps_the_digits_that_count(value: float | None, shown: str) -> None:
    from claims import number

    assert number(value) == shown


def test_what_was_kept_is_not_made_again(tmp_path: Path) -> None:
    from claims import kept

    made = [np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)]
    first, second = (kept(tmp_path / "runs" / "said.npy", made.pop) for _ in range(2))
    assert np.array_equal(first, second) and len(made) == 1


def test_no_beat_is_drawn_twice_and_a_rare_class_gives_all_it_has(beats: Ecg) -> None:
    from claims_biosgan import split

    drawn, others = split(beats, 100, seed=3)
    assert drawn.counts() == {"N": 100, "F": 30}
    assert others.counts() == {"N": 470, "F": 0}
    whole = np.concatenate([drawn.signal, others.signal]).reshape(600, -1)
    assert len(np.unique(whole, axis=0)) == 600


def test_training_sets_hold_what_their_row_says(beats: Ecg) -> None:
    from claims_biosgan import ALL, ALONE, BOTH, CEILING, FEW_REAL, FLOOR, training_set

    counts = {
        (row, column): training_set(row, column, beats, 0).counts()
        for row, column in [
            (ALONE, FLOOR), (BOTH, FLOOR), (ALONE, CEILING), (BOTH, CEILING),
            (ALL, CEILING), (FEW_REAL, CEILING),
        ]
    }  # fmt: skip
    every = {"N": 570, "F": 30}
    assert counts[ALONE, FLOOR] == {"N": 800, "F": 800}
    assert counts[BOTH, FLOOR] == {"N": 1000, "F": 830}
    assert counts[ALONE, CEILING] == counts[BOTH, CEILING] == counts[ALL, CEILING] == every
    assert counts[FEW_REAL, CEILING] == {"N": 200, "F": 30}


def test_the_classifier_learns_to_separate_two_kinds_of_beat(beats: Ecg) -> None:
    from claims_biosgan import answers

    qrs = beats.signal[..., 64:128]
    upside_down = np.where(beats.labels_id[:, None, None] == 1, -qrs, qrs)
    turned = replace(beats, signal=upside_down, spec=replace(beats.spec, samples=64, r_sample=32))
    predicted = answers(turned[:400], turned[400:], seed=0, steps=50)
    assert (predicted.argmax(1) == turned[400:].labels_id).mean() > 0.95


def test_the_published_prd_is_a_tenth_of_the_right_one() -> None:
    from claims_bilstm import prd_as_published

    real, made = np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]])
    assert prd_as_published(real, made) == pytest.approx([10.0])  # 100 % wrong


def test_mmd_by_person_is_that_of_all_pairs_of_different_people(beats: Ecg) -> None:
    from claims_bilstm import by_person, mmd

    one, other = beats[::15], replace(beats[1::20], patient=None)
    kernel, first = by_person(one, other, width=2.0)
    wave = np.concatenate([one.signal[:, 0], other.signal[:, 0]])
    pairs = np.exp(-((wave[:, None] - wave) ** 2).sum(2) / 2.0)
    assert one.patient is not None
    different = one.patient[:, None] != one.patient
    within = pairs[:40, :40][different].mean() + pairs[40:, 40:][~np.eye(30, dtype=bool)].mean()
    expected = within - 2 * pairs[:40, 40:].mean()
    assert mmd(kernel, first, ~first) == pytest.approx(expected, abs=1e-5)


def test_mmd_of_more_windows_of_the_same_people_is_nought(beats: Ecg) -> None:
    from claims_bilstm import by_person, mmd

    random, found = np.random.default_rng(0), []
    for _ in range(40):
        half = random.permutation(600) < 300
        named = [replace(beats[rows], patient=None) for rows in (half, ~half)]
        kernel, first = by_person(*named, width=4.0)
        found.append(float(mmd(kernel, first, ~first)))
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_systems_stand_between_floor_and_ceiling_with_what_they_cost(
    beats: Ecg, capsys: pytest.CaptureFixture[str]
) -> None:
    from systems import show
    from tiny import tiny_synthesizer

    model = tiny_synthesizer(beats)
    row = {"metric": "coverage", "group": "N", "value": 0.5, "low": 0.4, "high": 0.6,
           "controls": {"gaussian": 0.3, "real": 0.74}}  # fmt: skip
    rows = {"one": [row], "other": [row | {"metric": "c2st", "group": "all", "controls": {}}]}
    show({name: (model, 63.4, {"rows": found}) for name, found in rows.items()})
    lines = capsys.readouterr().out.splitlines()
    size = sum(weight.numel() for weight in model.weights().values()) / 1e6
    assert lines[0] == "| system | examples | core-min | weights | coverage N | c2st |"
    assert lines[2:-1] == [
        "| floor: Gaussian |  |  |  | .30 |  |",
        f"| one | 16 | 63 | {size:.1f} M | .50 (.40-.60) |  |",
        f"| other | 16 | 63 | {size:.1f} M |  | .50 (.40-.60) |",
        "| ceiling: real |  |  |  | .74 |  |",
    ]
