"""Augmentation alters what an ECG forgives, and nothing else."""

from __future__ import annotations

import pytest
import torch

from ecgsynth.training.data.augment import GAIN, WANDER, augment

FS = 360.0


@pytest.fixture
def beats() -> torch.Tensor:
    return torch.randn((512, 2, 256), generator=torch.Generator().manual_seed(1))


def drawn(signal: torch.Tensor, chance: float, seed: int = 0) -> torch.Tensor:
    return augment(signal, FS, chance, torch.Generator().manual_seed(seed))


def test_without_chance_nothing_changes(beats: torch.Tensor) -> None:
    assert torch.equal(drawn(beats, 0.0), beats)


def test_about_as_many_items_change_as_the_chance_says(beats: torch.Tensor) -> None:
    same = (drawn(beats, 0.3) == beats).flatten(1).all(1).float().mean()
    # A shift of zero samples, one in seven, changes nothing.
    assert float(same) == pytest.approx(0.7**2 * (0.7 + 0.3 / 7), abs=0.06)


def test_a_flat_line_gets_a_slow_wander_alike_in_all_leads() -> None:
    wave = drawn(torch.zeros((64, 2, 256)), 1.0)
    assert torch.equal(wave[:, 0], wave[:, 1])
    assert float(wave.abs().max()) <= WANDER
    assert float(wave.diff(dim=2).abs().max()) < WANDER * 3.1416 / 255 * 1.01  # half a wave a beat


def test_a_peak_moves_by_three_samples_at_most_and_keeps_its_sign() -> None:
    peak = torch.zeros((256, 1, 256))
    peak[:, :, 100] = 10.0
    at = drawn(peak, 1.0).argmax(2)
    assert int(at.min()) == 97
    assert int(at.max()) == 103
    height = drawn(peak, 1.0).amax(2)
    assert float(height.min()) > 10 * 2.718281828**-GAIN - WANDER
    assert float(height.max()) < 10 * 2.718281828**GAIN + WANDER


def test_the_gradient_reaches_the_generator(beats: torch.Tensor) -> None:
    beats.requires_grad_(True)
    drawn(beats, 1.0).square().sum().backward()
    assert beats.grad is not None
    assert bool((beats.grad.abs().sum((1, 2)) > 0).all())
