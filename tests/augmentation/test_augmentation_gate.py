"""The gate: real beats of the same hearts pass, copies, strangers and artefacts do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from phantoms import halves

import ecgsynth as es
from ecgsynth.augmentation.criteria import Range, quality, spacing
from ecgsynth.augmentation.gate import Gate
from ecgsynth.augmentation.plan import Gating, Plan
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.synthesizer import Synthesizer

FITTED = Gating(classifier="fitted", steps=60)


@pytest.fixture(scope="module")
def crowd() -> tuple[Ecg, Ecg]:
    return halves()


@pytest.fixture(scope="module")
def gate(crowd: tuple[Ecg, Ecg]) -> Gate:
    return Gate.fit(crowd[0], ["S", "V"], FITTED)


def share(gate: Gate, items: Ecg, criterion: str, name: str = "V") -> float:
    return float(gate.passes(items, name)[criterion].mean())


def changed(ecg: Ecg, change: Callable[[Any], Any]) -> Ecg:
    return replace(ecg, signal=change(np.array(ecg.signal)).astype(np.float32))


@pytest.mark.parametrize("name", ["S", "V"])
def test_other_beats_of_the_same_hearts_pass(crowd: tuple[Ecg, Ecg], gate: Gate, name: str) -> None:
    met = gate.passes(crowd[1].of_class(name), name)
    assert set(met) == {"quality", "intervals", "copies", "outliers", "adherence"}
    assert {criterion: held.mean() > 0.85 for criterion, held in met.items()} == dict.fromkeys(
        met, True
    )


def test_a_copy_is_refused_and_so_is_one_moved_by_a_sample(
    crowd: tuple[Ecg, Ecg], gate: Gate
) -> None:
    real = crowd[0].of_class("V")
    assert share(gate, real, "copies") == 0
    assert share(gate, changed(real, lambda x: np.roll(x, 1, axis=2)), "copies") < 0.05
    assert share(gate, real, "outliers") == 1


def flat(x: Any) -> Any:
    return np.zeros_like(x)


def flat_stretch(x: Any) -> Any:
    x[..., 60:140] = x[..., 60:61]
    return x


def clipped(x: Any) -> Any:
    top = 0.3 * np.abs(x).max(2, keepdims=True)
    return np.clip(x, -top, top)


def not_a_number(x: Any) -> Any:
    x[:, 0, 50] = np.nan
    return x


def noisy(x: Any) -> Any:
    return x + 0.3 * np.random.default_rng(0).standard_normal(x.shape)


@pytest.mark.parametrize(
    "spoil, criterion",
    [
        (flat, "quality"), (flat_stretch, "quality"), (clipped, "quality"),
        (not_a_number, "quality"), (noisy, "quality"), (noisy, "outliers"),
        (lambda x: 5 * x, "quality"), (lambda x: x / 5, "quality"),
    ],
)  # fmt: skip
def test_an_artefact_is_refused(
    crowd: tuple[Ecg, Ecg], gate: Gate, spoil: Callable[[Any], Any], criterion: str
) -> None:
    assert share(gate, changed(crowd[1].of_class("V"), spoil), criterion) < 0.1


def test_a_flipped_beat_is_refused(crowd: tuple[Ecg, Ecg], gate: Gate) -> None:
    flipped = changed(crowd[1].of_class("S"), np.negative)
    assert np.logical_and.reduce([*gate.passes(flipped, "S").values()]).mean() < 0.1


def test_nan_is_refused_even_where_quality_is_off(crowd: tuple[Ecg, Ecg]) -> None:
    off = Gating(quality=False, intervals=False, outliers=False, copies=False, adherence=False)
    gate = Gate.fit(crowd[0], ["V"], off)
    part = crowd[1].of_class("V")
    assert [*gate.passes(part, "V")] == ["quality"]
    assert gate.passes(part, "V")["quality"].all()
    assert not gate.passes(changed(part, not_a_number), "V")["quality"].any()


def test_an_rr_that_the_class_never_has_is_refused(crowd: tuple[Ecg, Ecg], gate: Gate) -> None:
    part = crowd[1].of_class("S")
    late = replace(part, context=np.full_like(part.context, 2.9))
    assert share(gate, part, "intervals", "S") > 0.9
    assert share(gate, late, "intervals", "S") == 0


def test_a_wide_qrs_is_none_of_a_supraventricular_beat(crowd: tuple[Ecg, Ecg], gate: Gate) -> None:
    supra, ventricular = (crowd[1].of_class(name) for name in "SV")
    rr = supra.context[np.arange(len(ventricular)) % len(supra)]
    wide = replace(ventricular, context=rr)  # so that the QRS alone can tell
    assert share(gate, wide, "intervals", "S") < 0.3


def test_a_beat_of_another_class_does_not_adhere(crowd: tuple[Ecg, Ecg], gate: Gate) -> None:
    assert share(gate, crowd[1].of_class("N"), "adherence") < 0.1


def test_the_shipped_classifier_judges_beats_that_it_knows(crowd: tuple[Ecg, Ecg]) -> None:
    gate = Gate.fit(crowd[0], ["V"], Gating(classifier="shipped"))
    assert gate.judge is not None and gate.judge.name == "the shipped classifier"
    assert share(gate, crowd[1].of_class("N"), "adherence") < 0.2
    # Beat codes mean their AAMI class to it.
    codes = replace(crowd[0], spec=replace(crowd[0].spec, classes=("N", "A", "V")))
    coded = Gate.fit(codes, ["V", "A"], Gating(classifier="shipped"))
    assert coded.judge is not None and coded.judge.column["A"] == gate.judge.column["S"]
    assert coded.bounds["V"].least == pytest.approx(gate.bounds["V"].least)


def test_what_the_shipped_classifier_does_not_know_is_said(crowd: tuple[Ecg, Ecg]) -> None:
    short = replace(crowd[0].spec, samples=200, r_sample=90)
    cut = replace(crowd[0], signal=crowd[0].signal[..., 6:206], spec=short)
    with pytest.raises(EcgsynthError, match="does not know such items"):
        Gate.fit(cut, ["V"], Gating(classifier="shipped"))
    with pytest.raises(EcgsynthError, match="two classes"):
        Gate.fit(crowd[0].of_class("V"), ["V"], FITTED)


def test_bounds_come_from_the_real_items_alone(crowd: tuple[Ecg, Ecg]) -> None:
    one = Gate.fit(crowd[0], ["V"], Gating(adherence=False)).bounds["V"]
    twice = changed(crowd[0], lambda x: 2 * x)
    other = Gate.fit(twice, ["V"], Gating(adherence=False)).bounds["V"]
    assert other.near == pytest.approx(2 * one.near, rel=1e-3)
    assert other.quality["height"].low == pytest.approx(one.quality["height"].low + np.log(2))
    assert other.quality["standstill"] == one.quality["standstill"]


def test_widening_lets_more_through(crowd: tuple[Ecg, Ecg]) -> None:
    part = crowd[1].of_class("V")
    narrow, wide = (
        Gate.fit(crowd[0], ["V"], Gating(adherence=False, widen=by, tail=0.1)) for by in (0, 1)
    )
    assert share(narrow, part, "quality") < 0.8 < share(wide, part, "quality")


def test_a_measurement_that_fails_on_real_items_refuses_nothing() -> None:
    half = np.array([1.0, np.nan] * 50)
    assert Range.of(half, 0.0, 0.0).holds(np.array([np.nan, 1.0, 2.0])).tolist() == [
        True, True, False,
    ]  # fmt: skip
    assert not Range.of(np.ones(50), 0.0, 0.0).holds(np.array([np.nan]))[0]
    assert Range.of(np.full(9, np.nan), 0.0, 0.0).holds(np.array([np.nan, 7.0])).all()


def test_standstill_is_told_in_seconds(crowd: tuple[Ecg, Ecg]) -> None:
    part = changed(crowd[1].of_class("N")[:5], flat_stretch)
    np.testing.assert_allclose(quality(part)["standstill"], 80 / 360, atol=3 / 360)


def test_a_twin_among_the_real_items_makes_the_spacing_nought(crowd: tuple[Ecg, Ecg]) -> None:
    part = crowd[0].of_class("V")
    twins = part[np.repeat(np.arange(10), 2)]
    np.testing.assert_allclose(spacing(twins, np.arange(20)), 0, atol=1e-6)
    assert spacing(part, np.arange(len(part))).min() > 0


@pytest.mark.data("mitbih")
def test_beats_of_the_shipped_model_pass_beside_those_it_learned_from_and_copies_do_not() -> None:
    plan = Plan.read("augment-svf", "classes.F.enabled=false", "classes.V.enabled=false")
    assert plan.data is not None
    real = plan.data.load()
    gate = Gate.fit(real, ["S"], plan.gate, seed=1)
    made = Synthesizer.load("mitbih-beats").generate(256, label="S", seed=3)
    every = np.logical_and.reduce([*gate.passes(made, "S").values()])
    assert every.mean() > 0.85
    noise = 0.01 * np.random.default_rng(0).standard_normal(real.of_class("S").signal.shape)
    copies = changed(real.of_class("S"), lambda x: x + noise)
    assert not gate.passes(copies, "S")["copies"].any()
    assert share(gate, real.of_class("N")[:500], "adherence", "S") < 0.02


@pytest.mark.parametrize(
    "name, common, inside, outside",
    [
        ("height", 0.0, [-0.09, 0.09], [-0.11, 0.11]),
        ("slope", -2.5, [-2.59, -2.41], [-2.61, -2.39]),
        ("standstill", 0.0, [0.019], [0.021]),
        ("rr_mean_s", 0.92, [0.901, 0.939], [0.899, 0.941]),
        ("qrs", 90.0, [81, 99], [79, 101]),
        ("heart_rate", 70.0, [68.1, 71.9], [67.9, 72.1]),
        ("age", 63.0, [62, 64], [61, 65]),
        ("of another kind", 0.0, [0.0005], [0.0006]),
        ("of another kind", 4000.0, [3996, 4004], [3995, 4005]),
    ],
)
def test_where_all_real_items_share_a_number_the_range_has_its_smallest_width(
    name: str, common: float, inside: list[float], outside: list[float]
) -> None:
    found = Range.of(np.full(30, common), 0.005, 0.2, name)
    assert found.holds(np.array(inside)).all()
    assert not found.holds(np.array(outside)).any()
    wide = Range.of(np.linspace(0, 1000, 101), 0, 0.2, name)
    assert (wide.low, wide.high) == (-200, 1200)  # a range that is wide is its own


def test_a_few_real_items_tell_no_narrow_height_whatever_their_unit() -> None:
    for level in (-6.9, 0.0, 6.9):  # the logarithm of a height in V, mV and uV
        found = Range.of(np.full(6, level), 0.005, 0.2, "height")
        assert found.holds(level + np.array([-0.16, -0.14, 0.14, 0.16])).tolist() == [
            False, True, True, False,
        ]  # fmt: skip


def scaled(ecg: Ecg) -> Ecg:
    """Every item from 0 to 1, as in the public CSV files."""
    low = ecg.signal.min(2, keepdims=True)
    signal = (ecg.signal - low) / np.ptp(ecg.signal, axis=2, keepdims=True)
    return replace(ecg, signal=signal, spec=replace(ecg.spec, unit="normalised"))


def test_beats_scaled_to_one_height_pass_and_other_heights_do_not(crowd: tuple[Ecg, Ecg]) -> None:
    gate = Gate.fit(scaled(crowd[0]), ["V"], Gating(adherence=False))
    other = scaled(crowd[1]).of_class("V")
    met = gate.passes(changed(other, lambda x: 1.05 * x), "V")
    assert {name: bool(held.mean() > 0.85) for name, held in met.items()} == dict.fromkeys(
        met, True
    )
    for factor in (0.8, 1.3):
        assert share(gate, changed(other, lambda x, by=factor: by * x), "quality") == 0


def test_real_items_that_repeat_one_beat_refuse_its_copies_and_take_its_likes(
    crowd: tuple[Ecg, Ecg],
) -> None:
    one = crowd[0].of_class("V")[np.zeros(40, np.int64)]
    gate = Gate.fit(one, ["V"], Gating(adherence=False))
    height = np.ptp(one.signal[0])
    random = np.random.default_rng(0).standard_normal(one.signal.shape)
    near, alike, far = (
        changed(one, lambda x, k=k: x + k * height * random) for k in (0, 0.01, 0.1)
    )
    assert [share(gate, items, "copies") for items in (near, alike)] == [0, 1]
    assert [share(gate, items, "outliers") for items in (near, alike, far)] == [1, 1, 0]


def test_twins_among_the_real_items_let_no_copy_through(crowd: tuple[Ecg, Ecg]) -> None:
    real = crowd[0].of_class("V")
    twins = real[np.concatenate([np.arange(len(real)), np.arange(10)])]
    gate = Gate.fit(twins, ["V"], Gating(adherence=False))
    assert share(gate, real, "copies") == 0
    assert share(gate, crowd[1].of_class("V"), "copies") > 0.85


@pytest.mark.data("mitbih")
def test_the_shipped_model_fills_up_the_public_beats_in_0_to_1() -> None:
    real = es.load("heartbeat_csv", split="train")
    random = np.random.default_rng(0)
    sizes = dict(zip("NSVFQ", (100, 40, 50, 30, 60), strict=True))
    rows = [random.choice(np.flatnonzero(real.labels_str == c), n, False) for c, n in sizes.items()]
    some = real[np.concatenate(rows)]
    more = es.augment(
        some.signal[:, 0], some.labels_id, counts={1: 20}, fs=125, model="heartbeat-beats",
        classes=some.spec.classes, unit="normalised", r_sample=0, gate={"adherence": False},
    )  # fmt: skip
    assert more[0].shape == (300, 187)
    assert (more[1][280:] == 1).all()


def test_the_gate_knows_no_single_persons_mean_rr(crowd: tuple[Ecg, Ecg]) -> None:
    """Items are accepted in a range that a prior of the set fills, and not around one number."""
    context = np.array(crowd[0].context)
    column = crowd[0].spec.context.index("rr_mean_s")
    of_one = crowd[0].labels_str == "S"
    context[of_one, column] = 0.6007435
    person = np.where(of_one, "one", np.asarray(crowd[0].patient))
    real = replace(crowd[0], context=context, patient=person)
    gate = Gate.fit(real, ["S"], Gating(adherence=False, copies=False, outliers=False))
    found = gate.bounds["S"].intervals["rr_mean_s"]
    assert found.low < 0.9 * 0.6007435
    assert found.high > 1.1 * 0.6007435
    prior = ContextPrior.fit(real, np.zeros(len(real), np.int64))
    uniform = np.random.default_rng(0).uniform(size=(500, prior.uniforms))
    drawn = prior.draw("S", uniform, {}).context
    for k, name in enumerate(real.spec.context):
        assert gate.bounds["S"].intervals[name].holds(drawn[:, k]).mean() > 0.98
