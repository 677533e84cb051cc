"""Every registered objective gives named finite terms; penalties and losses meet closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from ecgsynth.condition import Condition
from ecgsynth.objectives.rpgan import RpGAN
from ecgsynth.registry import MODELS, OBJECTIVES
from ecgsynth.signals.ecg import Spec

BATCH, SAMPLES = 6, 50

each_objective = pytest.mark.parametrize("name", OBJECTIVES.names())


class LinearCritic(nn.Module):
    """logit = <weight, signal> + bias: its slope is `weight` everywhere."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(scale * torch.randn(1, SAMPLES, generator=random))
        self.bias = nn.Parameter(torch.zeros(()))

    def view(self, signal: Tensor) -> Tensor:
        return signal

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, None]:
        return (self.weight * view).sum((1, 2)) + self.bias, None


def items(seed: int, mean: float = 0.0) -> Tensor:
    return mean + torch.randn(BATCH, 1, SAMPLES, generator=torch.Generator().manual_seed(seed))


NOTHING = Condition(
    torch.zeros(BATCH, 0), torch.zeros(BATCH, 0), torch.zeros(BATCH, dtype=torch.int64)
)


def rpgan(**settings: float) -> RpGAN:
    return RpGAN(RpGAN.Settings(**settings))


@each_objective
def test_both_losses_are_named_finite_terms_per_item(name: str) -> None:
    kind = OBJECTIVES.get(name)
    objective = kind(kind.Settings())
    for loss in (objective.critic_loss, objective.generator_loss):
        terms = loss(LinearCritic(), items(1), items(2), NOTHING, progress=0.5, step=0)
        assert "adversarial" in terms
        for term in terms.values():
            assert term.shape == (BATCH,)
            assert term.isfinite().all()


@each_objective
@pytest.mark.parametrize("model", MODELS.names())
def test_losses_reach_every_parameter_of_every_family(name: str, model: str) -> None:
    spec = Spec(("MLII",), 360.0, 256, ("N", "V"), context=("rr",), band=(None, 40.0))
    family, kind = MODELS.get(model), OBJECTIVES.get(name)
    settings = family.Settings(**family.tiny, styles=2)
    torch.manual_seed(0)
    generator, critic = family.generator(settings, spec), family.critic(settings, spec)
    if critic is None:
        pytest.skip("a family without a critic")
    with torch.no_grad():  # parts that start at zero would stop the gradient
        for weight in (*generator.parameters(), *critic.parameters()):
            weight.add_(0.1 * torch.randn_like(weight))
    objective = kind(kind.Settings())
    condition = Condition(torch.eye(2).repeat(2, 1), torch.randn(4, 1), torch.arange(4) % 2)
    real, latent = torch.randn(4, 1, 256), torch.randn(4, generator.latent)
    synthetic = generator(latent, condition)
    for part, loss in ((critic, objective.critic_loss), (generator, objective.generator_loss)):
        terms = loss(critic, real, synthetic, condition, progress=0.0, step=0)
        torch.stack([term.mean() for term in terms.values()]).sum().backward()
        for label, weight in part.named_parameters():
            # A constant offset of all logits is nothing that a pairing loss could see.
            if part is critic and label == "logit.bias":
                continue
            assert weight.grad is not None, label
            assert weight.grad.isfinite().all(), label
            assert weight.grad.any(), label


@each_objective
def test_critics_loss_leaves_the_generator_alone(name: str) -> None:
    kind = OBJECTIVES.get(name)
    synthetic = items(2).requires_grad_()
    terms = kind(kind.Settings()).critic_loss(
        LinearCritic(), items(1), synthetic, NOTHING, progress=0.0, step=0
    )
    torch.stack([term.mean() for term in terms.values()]).sum().backward()
    assert synthetic.grad is None


@each_objective
def test_settings_go_to_json_and_back(name: str) -> None:
    kind = OBJECTIVES.get(name).Settings
    assert kind.model_validate_json(kind().model_dump_json()) == kind()


@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
def test_r1_and_r2_of_a_linear_critic_are_half_gamma_times_its_squared_weight(gamma: float) -> None:
    critic = LinearCritic()
    terms = rpgan(gamma=gamma).critic_loss(
        critic, items(1), items(2), NOTHING, progress=0.0, step=0
    )
    expected = torch.full((BATCH,), 0.5 * gamma * float(critic.weight.detach().square().sum()))
    assert torch.allclose(terms["r1"], expected, rtol=1e-5)
    assert torch.allclose(terms["r2"], expected, rtol=1e-5)


def test_gradient_of_the_penalty_of_a_linear_critic_is_gamma_times_its_weight() -> None:
    critic = LinearCritic()
    terms = rpgan(gamma=2.0).critic_loss(critic, items(1), items(2), NOTHING, progress=0.0, step=0)
    terms["r1"].mean().backward()
    assert critic.weight.grad is not None
    assert torch.allclose(critic.weight.grad, 2.0 * critic.weight.detach(), rtol=1e-5)


def test_pairing_loss_of_equal_logits_is_log_2() -> None:
    objective, same = rpgan(), items(1)
    for loss in (objective.critic_loss, objective.generator_loss):
        terms = loss(LinearCritic(), same, same.clone(), NOTHING, progress=0.0, step=0)
        assert torch.allclose(terms["adversarial"], torch.tensor(math.log(2)))


def test_pairing_loss_is_the_softplus_of_the_difference_of_each_pair() -> None:
    critic, real, synthetic = LinearCritic(), items(1), items(2)
    difference = (critic(real, NOTHING)[0] - critic(synthetic, NOTHING)[0]).detach()
    critics = rpgan().critic_loss(critic, real, synthetic, NOTHING, progress=0.0, step=0)
    ours = rpgan().generator_loss(critic, real, synthetic, NOTHING, progress=0.0, step=0)
    assert torch.allclose(critics["adversarial"], torch.log1p(torch.exp(-difference)), atol=1e-5)
    assert torch.allclose(ours["adversarial"], torch.log1p(torch.exp(difference)), atol=1e-5)


def test_what_the_critic_gains_from_the_pair_the_generator_loses() -> None:
    critic = LinearCritic()
    for mean in (-1.0, 0.0, 2.0):
        pair = (critic, items(1, mean), items(2))
        won = rpgan().critic_loss(*pair, NOTHING, progress=0.0, step=0)["adversarial"]
        lost = rpgan().generator_loss(*pair, NOTHING, progress=0.0, step=0)["adversarial"]
        difference = critic(pair[1], NOTHING)[0] - critic(pair[2], NOTHING)[0]
        assert torch.allclose(lost - won, difference, atol=1e-4)


def test_lazy_penalty_is_as_strong_on_average() -> None:
    lazy, eager = rpgan(penalty_every=4), rpgan()
    pair = (LinearCritic(), items(1), items(2), NOTHING)
    rare = [lazy.critic_loss(*pair, progress=0.0, step=step).get("r1") for step in range(8)]
    often = [eager.critic_loss(*pair, progress=0.0, step=step)["r1"] for step in range(8)]
    assert [step for step, term in enumerate(rare) if term is not None] == [0, 4]
    total = torch.stack([term for term in rare if term is not None]).sum(0)
    assert torch.allclose(total, torch.stack(often).sum(0))


def test_gamma_falls_from_its_start_to_its_end() -> None:
    objective = rpgan(gamma=1.0, gamma_end=0.1)
    values = [objective.gamma(progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)]
    assert values[0] == pytest.approx(1.0)
    assert values[2] == pytest.approx(0.55)
    assert values[4] == values[5] == pytest.approx(0.1)
    assert values == sorted(values, reverse=True)
