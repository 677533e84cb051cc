"""Several leads give one set of fiducial points, and a beat without P is stated to have none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.reference_models.delineation import delineate
from ecgsynth.evaluation.reference_models.unet import WAVES, MeanNetwork, UNet1D
from ecgsynth.evaluation.reference_models.voting import (
    delineate_together,
    leads_delineator,
    p_presence,
)
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.vocabulary import FIDUCIALS
from ecgsynth.simulator.records import Noise, simulate_record

R = FIDUCIALS.index("r_peak")


def record(seconds: float = 10.0, **more: object) -> Ecg:
    given: dict = {"leads": ("I", "II", "V5"), "heart_rate": 72, "seed": 1} | more
    return simulate_record(seconds, 250.0, **given)


def true_r(ecg: Ecg) -> np.ndarray:
    assert ecg.marks is not None
    at = ecg.marks.sample[ecg.marks.symbol == "r_peak"]
    return at[(at > 50) & (at < ecg.spec.samples - 50)]


def found_r(ecg: Ecg, signal: np.ndarray | None = None) -> np.ndarray:
    at = delineate_together(ecg.signal if signal is None else signal, 250.0)["r_peak"][0]
    return at[np.isfinite(at)]


def assert_every_beat_once(found: np.ndarray, true: np.ndarray) -> None:
    away = np.abs(found[:, None] - true)
    assert away.min(0).max() <= 5
    assert len(true) <= len(found) <= len(true) + 2


def test_one_lead_votes_as_it_is_delineated_alone() -> None:
    ecg = record(leads=("II",))
    alone = delineate(ecg.signal[:, 0], 250.0, leads_delineator()[0]).sample
    together = delineate_together(ecg.signal, 250.0).sample
    ends = [k for k, name in enumerate(FIDUCIALS) if "peak" not in name]
    np.testing.assert_allclose(together[..., ends], alone[..., ends], atol=0.1)
    assert together.shape == alone.shape


def test_neither_the_order_of_leads_nor_their_units_matter() -> None:
    ecg = record(noise=Noise(muscle_mv=0.02))
    points = delineate_together(ecg.signal, 250.0).sample
    turned = delineate_together(2 * ecg.signal[:, ::-1], 250.0).sample
    np.testing.assert_allclose(turned, points, atol=0.1)


@pytest.mark.parametrize("bad", ["noise", "flat", "missing"])
def test_a_lead_without_a_heart_does_not_decide(bad: str) -> None:
    ecg = record()
    lead = {
        "noise": 0.5 * np.random.default_rng(0).standard_normal(ecg.spec.samples),
        "flat": np.zeros(ecg.spec.samples),
        "missing": np.full(ecg.spec.samples, np.nan),
    }[bad]
    signal = np.concatenate([ecg.signal, lead[None, None].astype(np.float32)], 1)
    assert_every_beat_once(found_r(ecg, signal), true_r(ecg))


def test_a_long_record_has_every_beat_once() -> None:
    ecg = record(65.0, hrv=0.1)
    assert_every_beat_once(found_r(ecg), true_r(ecg))


def test_items_keep_to_themselves() -> None:
    one, other = record(), record(seed=2)
    both = delineate_together(np.concatenate([one.signal, other.signal]), 250.0).sample
    alone = delineate_together(other.signal, 250.0).sample[0]
    np.testing.assert_allclose(both[1, : len(alone)], alone, atol=0.1)


def test_a_beat_without_p_is_stated_to_have_none() -> None:
    ecg = record(beats=("N", "N", "V"), seconds=20.0)
    assert ecg.marks is not None
    points = delineate_together(ecg.signal, 250.0).sample[0]
    present = p_presence(points, 250.0)
    share = {}
    for kind in ("N", "V"):
        at = ecg.marks.sample[ecg.marks.symbol == kind]
        rows = [int(np.nanargmin(np.abs(points[:, R] - r))) for r in at if 250 < r < 4750]
        share[kind] = np.nanmean(present[rows])
    assert share["N"] >= 0.8
    assert share["V"] <= 0.2


def test_what_lies_before_the_item_is_not_known() -> None:
    points = np.full((4, 9), np.nan)
    points[0, 3:6] = 20, 30, 40  # its P may lie before the beginning
    points[1, 3:6] = 400, 410, 420
    points[2] = np.arange(600, 690, 10)
    np.testing.assert_array_equal(p_presence(points, 250.0), [np.nan, 0, 1, np.nan])
    points[0, 2] = 5  # the end of its P is there
    assert p_presence(points, 250.0)[0] == 1


@pytest.mark.parametrize("shape", [(1, 2500), (1, 0, 2500), (1, 2, 50)])
def test_what_cannot_vote_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(EcgsynthError, match=r"\[item, lead, sample\]"):
        delineate_together(np.zeros(shape), 250.0)
    assert delineate_together(np.zeros((0, 2, 500)), 250.0).sample.shape[0] == 0


def test_the_mean_of_one_network_twice_is_that_network_with_p_raised() -> None:
    torch.manual_seed(0)
    net = UNet1D((4, 6)).eval()
    signal = torch.randn(2, 300)
    alone = net(signal).softmax(1)
    mean = MeanNetwork([net, net], 0.0)(signal).softmax(1)
    torch.testing.assert_close(mean, alone)
    raised = MeanNetwork([net], 0.5)(signal).softmax(1)
    p = WAVES.index("p")
    odds = [part[:, p] / (1 - part[:, p]) for part in (raised, alone)]
    torch.testing.assert_close(odds[0], odds[1] * np.exp(0.5), rtol=1e-4, atol=1e-5)


def test_nobody_who_tests_was_learned_from() -> None:
    trained_on = leads_delineator()[1]["trained_on"]
    assert {"ludb:train", "qtdb:train"} <= set(trained_on)
    assert not any("test" in name or "heldout" in name for name in trained_on)
