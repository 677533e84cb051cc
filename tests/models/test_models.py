"""Every registered family keeps the contract, and nothing that it makes lies above the band."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from scipy.signal import periodogram
from tiny import some_events
from torch import Tensor, nn

from ecgsynth.condition import Condition
from ecgsynth.registry import MODELS
from ecgsynth.signals.spec import Spec

STYLES = 3
BATCH = 4

SPECS = {
    "beat": Spec(
        ("MLII",), 360.0, 256, ("N", "S", "V", "F"), context=("rr_before_s", "rr_after_s"),
        band=(None, 40.0), r_sample=96,
    ),
    "eight-leads": Spec(
        ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"), 500.0, 1000, ("NORM", "MI"),
        multilabel=True, band=(0.5, 40.0),
    ),
    "bare": Spec(("II",), 125.0, 187),
    "context-only": Spec(("II",), 250.0, 199, context=("age",), band=(None, 35.0)),
}  # fmt: skip

WITH_STYLES = ["flow", "r3gan"]
"""Families that know whose style a beat has."""
WITHIN_BAND = ["flow", "r3gan"]
"""Families that promise nothing above the signals' band."""

each_model = pytest.mark.parametrize("name", MODELS.names())
each_critic = pytest.mark.parametrize(
    "name", [n for n in MODELS.names() if MODELS.get(n).adversarial]
)
each_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=[*SPECS])


def settings_of(name: str) -> Any:
    family = MODELS.get(name)
    assert family.tiny, f"the family {name} has no tiny settings, so that nothing tests it"
    return family.Settings(**family.tiny, styles=STYLES)


def condition_for(spec: Spec, seed: int = 0) -> Condition:
    random = torch.Generator().manual_seed(seed)
    return Condition(
        (torch.rand(BATCH, len(spec.classes), generator=random) > 0.5).float(),
        torch.randn(BATCH, len(spec.context), generator=random),
        torch.arange(BATCH) % STYLES,
        some_events(BATCH),
    )


def built(name: str, spec: Spec, part: str = "generator", seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return getattr(MODELS.get(name), part)(settings_of(name), spec)


def awake(module: nn.Module) -> nn.Module:
    """Every weight moved a little: parts that start at zero are then no dead ends."""
    torch.manual_seed(5)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return module


def made(name: str, generator: nn.Module, latent: Tensor, condition: Condition) -> Tensor:
    signal: Tensor = MODELS.get(name).sample(generator, latent, condition)
    return signal


def settled(name: str, generator: nn.Module, spec: Spec) -> nn.Module:
    """After a batch in training, which batch norms remember, as it is when it generates."""
    made(name, generator, latent_for(generator, seed=7), condition_for(spec, seed=7))
    return generator.eval()


def latent_for(generator: nn.Module, batch: int = BATCH, seed: int = 1) -> Tensor:
    return torch.randn(batch, generator.latent, generator=torch.Generator().manual_seed(seed))


def unreached(module: nn.Module) -> list[str]:
    """Parameters without a gradient, or with one that is zero or not finite."""
    return [
        name
        for name, weight in module.named_parameters()
        if weight.grad is None or not weight.grad.isfinite().all() or not weight.grad.any()
    ]


@each_model
@each_spec
def test_generator_makes_the_shape_of_its_spec(name: str, spec: Spec) -> None:
    generator = built(name, spec)
    signal = made(name, generator, latent_for(generator), condition_for(spec))
    assert signal.shape == (BATCH, len(spec.leads), spec.samples)
    assert signal.dtype == torch.float32
    assert signal.isfinite().all()


@each_critic
@each_spec
def test_critic_gives_one_logit_per_item(name: str, spec: Spec) -> None:
    critic = built(name, spec, "critic")
    signal = torch.randn(BATCH, len(spec.leads), spec.samples)
    logit, classes = critic(critic.view(signal), condition_for(spec))
    assert logit.shape == (BATCH,)
    assert logit.isfinite().all()
    assert classes is None or classes.shape == (BATCH, len(spec.classes))


@each_model
@each_spec
def test_every_parameter_of_the_generator_gets_a_gradient(name: str, spec: Spec) -> None:
    generator = awake(built(name, spec))
    signal = made(name, generator, latent_for(generator), condition_for(spec))
    signal.square().sum().backward()
    assert not unreached(generator)


@each_critic
@each_spec
def test_every_parameter_of_the_critic_gets_a_gradient(name: str, spec: Spec) -> None:
    critic = built(name, spec, "critic")
    awake(critic)
    signal = torch.randn(BATCH, len(spec.leads), spec.samples)
    outputs = critic(critic.view(signal), condition_for(spec))
    torch.cat([each.flatten() for each in outputs if each is not None]).square().sum().backward()
    assert not unreached(critic)


@each_critic
def test_critics_view_has_no_parameters_and_passes_gradients(name: str) -> None:
    spec = SPECS["beat"]
    critic = built(name, spec, "critic")
    signal = torch.randn(2, 1, spec.samples, requires_grad=True)
    view = critic.view(signal)
    assert torch.equal(view, built(name, spec, "critic", seed=9).view(signal))
    view.square().sum().backward()
    assert signal.grad is not None
    assert (signal.grad != 0).all()


@each_model
@each_spec
def test_same_seed_makes_the_same_model_and_the_same_output(name: str, spec: Spec) -> None:
    first, second, other = (awake(built(name, spec, seed=seed)).eval() for seed in (0, 0, 1))
    latent, condition = latent_for(first), condition_for(spec)
    one, same, another = (made(name, g, latent, condition) for g in (first, second, other))
    assert torch.equal(one, same)
    assert not torch.equal(one, another)


@each_model
@each_spec
def test_loaded_weights_make_what_the_saved_ones_made(name: str, spec: Spec) -> None:
    generator = settled(name, awake(built(name, spec)), spec)
    again = built(name, spec, seed=1).eval()
    again.load_state_dict(load(save(generator.state_dict())))
    latent, condition = latent_for(generator), condition_for(spec)
    assert torch.equal(
        made(name, generator, latent, condition), made(name, again, latent, condition)
    )


@each_model
def test_settings_go_to_json_and_back(name: str) -> None:
    settings = settings_of(name)
    text = settings.model_dump_json()
    assert type(settings)(**json.loads(text)) == settings


def moved_latent(latent: Tensor, condition: Condition) -> tuple[Tensor, Condition]:
    return latent.flip(0), condition


def moved_label(latent: Tensor, condition: Condition) -> tuple[Tensor, Condition]:
    return latent, replace(condition, label=1 - condition.label)


def moved_context(latent: Tensor, condition: Condition) -> tuple[Tensor, Condition]:
    return latent, replace(condition, context=condition.context + 1)


def moved_style(latent: Tensor, condition: Condition) -> tuple[Tensor, Condition]:
    return latent, replace(condition, style=(condition.style + 1) % STYLES)


MOVES = (moved_latent, moved_label, moved_context, moved_style)


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        (name, moved)
        for name in MODELS.names()
        for moved in MOVES
        if moved is not moved_style or name in WITH_STYLES
    ],
)
def test_output_follows_all_that_it_is_asked_to_be(
    name: str, moved: Callable[[Tensor, Condition], tuple[Tensor, Condition]]
) -> None:
    spec = SPECS["beat"]
    generator = settled(name, awake(built(name, spec)), spec)
    latent, condition = latent_for(generator), condition_for(spec)
    before = made(name, generator, latent, condition)
    change = made(name, generator, *moved(latent, condition)) - before
    assert (change.abs().amax((1, 2)) > 1e-4).all()


@each_model
def test_item_does_not_depend_on_its_neighbours_in_the_batch(name: str) -> None:
    spec = SPECS["beat"]
    generator = settled(name, awake(built(name, spec)), spec)
    latent, condition = latent_for(generator), condition_for(spec)
    together = made(name, generator, latent, condition)
    for k in range(BATCH):
        alone = made(name, generator, latent[k : k + 1], condition[k : k + 1])
        assert torch.allclose(alone[0], together[k], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", WITHIN_BAND)
@pytest.mark.parametrize("fs", [250.0, 360.0, 500.0])
def test_nothing_lies_above_the_band(name: str, fs: float) -> None:
    spec = Spec(("MLII",), fs, 2000, ("N", "V"), band=(None, 40.0))
    generator = awake(built(name, spec)).eval()
    condition = Condition(torch.eye(2), torch.zeros(2, 0), torch.zeros(2, dtype=torch.int64))
    with torch.no_grad():
        signal = made(name, generator, latent_for(generator, 2), condition)
    wave = signal.double().numpy()[:, 0]
    frequency, power = periodogram(wave, fs, window="blackmanharris")
    share = power[:, frequency > 55].sum(1) / power.sum(1)
    assert (10 * np.log10(share) < -50).all()
    assert (power[:, (frequency > 20) & (frequency < 35)].sum(1) / power.sum(1) > 1e-4).all()


def test_conditions_join_and_split() -> None:
    condition = condition_for(SPECS["beat"])
    both = Condition.cat([condition, condition])
    assert len(both) == 2 * BATCH
    assert torch.equal(both[BATCH:].label, condition.label)
    assert torch.equal(both[BATCH:].context, condition.context)
    assert torch.equal(both[torch.tensor([1])].style, condition.style[1:2])
