"""Every registered objective gives named finite terms; penalties and losses meet closed forms."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from tiny import some_events
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.condition import Condition
from ecgsynth.errors import EcgsynthError
from ecgsynth.objectives.rpgan import RpGAN
from ecgsynth.objectives.wgan import WGAN
from ecgsynth.registry import MODELS, OBJECTIVES
from ecgsynth.signals.spec import Spec

BATCH, SAMPLES, CLASSES = 6, 50, 3

ADVERSARIAL = [name for name in OBJECTIVES.names() if OBJECTIVES.get(name).adversarial]
each_objective = pytest.mark.parametrize("name", ADVERSARIAL)


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


class Reader(LinearCritic):
    """The first sample is the logit, the ones after it are the class logits."""

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return view[:, 0, 0], view[:, 0, 1 : 1 + CLASSES]


class AttentiveCritic(LinearCritic):
    """Attends over the samples, which is done in one fused kernel; tells classes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.head = nn.Linear(1, 8), nn.Linear(8, 1 + CLASSES)

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        tokens = self.embed(view.mT)[:, None]
        out = self.head(F.scaled_dot_product_attention(tokens, tokens, tokens).mean((1, 2)))
        return out[:, 0], out[:, 1:]


def items(seed: int, mean: float = 0.0) -> Tensor:
    return mean + torch.randn(BATCH, 1, SAMPLES, generator=torch.Generator().manual_seed(seed))


def reading(*logits: float) -> Tensor:
    """Items of which the `Reader` says just that, and nothing of their classes."""
    signal = torch.zeros(len(logits), 1, SAMPLES)
    signal[:, 0, 0] = torch.tensor(logits)
    return signal


def condition_of(label: Tensor) -> Condition:
    batch = len(label)
    return Condition(label, torch.zeros(batch, 0), torch.zeros(batch, dtype=torch.int64))


NOTHING = condition_of(torch.zeros(BATCH, 0))
CLASSED = condition_of(torch.eye(CLASSES).repeat(BATCH // CLASSES, 1))


def made(name: str, **settings: Any) -> Any:
    kind = OBJECTIVES.get(name)
    return kind(kind.Settings(**settings))


def rpgan(**settings: float) -> RpGAN:
    return RpGAN(RpGAN.Settings(**settings))


def backward(terms: dict[str, Tensor]) -> None:
    """As the loop does it."""
    torch.stack([term.mean() for term in terms.values()]).sum().backward()


@each_objective
@pytest.mark.parametrize("classes", [0.0, 1.0])
def test_both_losses_are_named_finite_terms_per_item(name: str, classes: float) -> None:
    objective = made(name, classes=classes)
    for loss in (objective.critic_loss, objective.generator_loss):
        terms = loss(Reader(), items(1), items(2), CLASSED, progress=0.5, step=0)
        assert "adversarial" in terms
        assert ("classes" in terms) == (classes > 0)
        for term in terms.values():
            assert term.shape == (BATCH,)
            assert term.isfinite().all()


@each_objective
@pytest.mark.parametrize("model", [n for n in MODELS.names() if MODELS.get(n).adversarial])
def test_losses_reach_every_parameter_of_every_family(name: str, model: str) -> None:
    spec = Spec(("MLII",), 360.0, 256, ("N", "V"), context=("rr",), band=(None, 40.0))
    family = MODELS.get(model)
    settings = family.Settings(**family.tiny, styles=2)
    torch.manual_seed(0)
    generator, critic = family.generator(settings, spec), family.critic(settings, spec)
    with torch.no_grad():  # parts that start at zero would stop the gradient
        for weight in (*generator.parameters(), *critic.parameters()):
            weight.add_(0.1 * torch.randn_like(weight))
    label, style = torch.eye(2).repeat(2, 1), torch.arange(4) % 2
    condition = Condition(label, torch.randn(4, 1), style, some_events(4))
    real, latent = torch.randn(4, 1, 256), torch.randn(4, generator.latent)
    with torch.no_grad():
        tells_classes = critic(critic.view(real), condition)[1] is not None
    objective = made(name, classes=float(tells_classes))
    synthetic = generator(latent, condition)
    for part, loss in ((critic, objective.critic_loss), (generator, objective.generator_loss)):
        backward(loss(critic, real, synthetic, condition, progress=0.0, step=0))
        for label, weight in part.named_parameters():
            # A bias that offsets all logits alike is nothing a difference of logits could see:
            # its gradient is zero, but for the rounding of some processors.
            if part is critic and label.endswith("bias"):
                continue
            assert weight.grad is not None, label
            assert weight.grad.isfinite().all(), label
            assert weight.grad.any(), label


@each_objective
def test_critics_loss_leaves_the_generator_alone(name: str) -> None:
    synthetic = items(2).requires_grad_()
    backward(
        made(name, classes=1.0).critic_loss(
            AttentiveCritic(), items(1), synthetic, CLASSED, progress=0.0, step=0
        )
    )
    assert synthetic.grad is None


@each_objective
def test_penalties_can_be_learned_from_through_attention(name: str) -> None:
    critic = AttentiveCritic()
    backward(made(name).critic_loss(critic, items(1), items(2), CLASSED, progress=0.0, step=0))
    assert critic.embed.weight.grad is not None
    assert critic.embed.weight.grad.isfinite().all()
    assert critic.embed.weight.grad.any()


@each_objective
def test_random_numbers_depend_on_the_step_alone(name: str) -> None:
    pair, when = (Reader(), items(1), items(2), CLASSED), {"progress": 0.0, "step": 7}
    torch.manual_seed(1)
    first = made(name).critic_loss(*pair, **when)
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    again = made(name).critic_loss(*pair, **when)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert torch.equal(torch.random.get_rng_state(), before)


# What the losses are, in numbers: logits 2 and -1 of real items, .5 and -3 of synthetic ones.

FORMULAS = {
    "bce": ([0.126928 + 0.974077, 1.313262 + 0.048587], [0.474077, 3.048587]),
    "lsgan": ([0.5 + 0.125, 2.0 + 4.5], [0.125, 8.0]),
    "hinge": ([0.0 + 1.5, 2.0 + 0.0], [-0.5, 3.0]),
    "wgan": ([0.5 - 2.0, -3.0 + 1.0], [-0.5, 3.0]),
    "wgan_gp": ([0.5 - 2.0, -3.0 + 1.0], [-0.5, 3.0]),
    "rpgan": ([0.201413, 0.126928], [1.701413, 2.126928]),
}
"""Objective -> the critic's and the generator's loss of the two pairs."""


@each_objective
def test_adversarial_loss_is_the_published_formula(name: str) -> None:
    pair = (Reader(), reading(2.0, -1.0), reading(0.5, -3.0), condition_of(torch.zeros(2, 0)))
    objective = made(name)
    critics = objective.critic_loss(*pair, progress=0.0, step=0)["adversarial"]
    ours = objective.generator_loss(*pair, progress=0.0, step=0)["adversarial"]
    assert critics.tolist() == pytest.approx(FORMULAS[name][0], abs=1e-5)
    assert ours.tolist() == pytest.approx(FORMULAS[name][1], abs=1e-5)


@each_objective
def test_critic_raises_real_items_and_lowers_synthetic_ones(name: str) -> None:
    real, synthetic = (reading(*[0.3] * BATCH) for _ in range(2))

    class Movable(Reader):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(2 * BATCH))

        def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
            logit, classes = super().forward(view, condition)
            return logit + self.shift[: len(view)], classes

    critic = Movable()
    terms = made(name).critic_loss(critic, real, synthetic, NOTHING, progress=0.0, step=0)
    terms["adversarial"].sum().backward()
    assert critic.shift.grad is not None
    of_real, of_synthetic = critic.shift.grad.chunk(2)
    assert (of_real < 0).all()
    assert (of_synthetic > 0).all()


@each_objective
def test_generator_raises_the_logit_of_synthetic_items(name: str) -> None:
    critic, synthetic = LinearCritic(0.1), items(2).requires_grad_()
    backward(made(name).generator_loss(critic, items(1), synthetic, NOTHING, progress=0.0, step=0))
    assert synthetic.grad is not None
    assert ((-synthetic.grad * critic.weight).sum((1, 2)) > 0).all()


class ToyCritic(LinearCritic):
    """A small network on two numbers; it is not told the class, and tells it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(2, 16), nn.Linear(16, 1 + classes)

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        out = self.head(F.leaky_relu(self.hidden(view[:, 0]), 0.2))
        return out[:, 0], out[:, 1:]


def places_learned(name: str, truth: list[list[float]], **settings: float) -> Tensor:
    """Unit noise about a place per class, [class, 2]: where training brings the synthetic ones.

    The average of the last fifty steps, for some of these games end on an orbit.
    """
    torch.manual_seed(0)
    target, place = torch.tensor(truth), nn.Parameter(torch.zeros(len(truth), 2))
    critic, objective = ToyCritic(len(truth)), made(name, **settings)
    for_generator = torch.optim.Adam([place], 0.03, betas=(0.0, 0.9))
    for_critic = torch.optim.Adam(critic.parameters(), 0.03, betas=(0.0, 0.9))
    label = torch.eye(len(truth)).repeat(32 // len(truth), 1)
    ends = []
    for step in range(250):
        real = torch.randn(32, 1, 2) + (label @ target)[:, None]
        synthetic = torch.randn(32, 1, 2) + (label @ place)[:, None]
        game = (critic, real, synthetic, condition_of(label))
        for_critic.zero_grad()
        backward(objective.critic_loss(*game, progress=0.0, step=step))
        for_critic.step()
        objective.constrain(critic)
        for_generator.zero_grad()
        backward(objective.generator_loss(*game, progress=0.0, step=step))
        for_generator.step()
        ends.append(place.detach().clone())
    return torch.stack(ends[-50:]).mean(0)


# At its full weight the penalty keeps the slope near 1, and with it the toy on a wide orbit.
GENTLE = {"wgan_gp": {"gradient_penalty": 1.0}}


@each_objective
def test_training_brings_synthetic_items_to_where_the_real_ones_lie(name: str) -> None:
    (place,) = places_learned(name, [[3.0, -2.0]], **GENTLE.get(name, {}))
    assert place.tolist() == pytest.approx([3.0, -2.0], abs=0.4)


def test_class_loss_tells_the_generator_which_class_lies_where() -> None:
    here, there = places_learned("bce", [[-2.0, 1.0], [2.0, 1.0]], classes=1.0)
    assert here[0] < -1
    assert there[0] > 1


# The class loss.


def class_terms(real: Tensor, synthetic: Tensor, label: Tensor, **settings: Any) -> list[Tensor]:
    """The class term of the critic and of the generator; class logits: [batch, class]."""
    signals = [F.pad(logits, (1, SAMPLES))[:, None] for logits in (real, synthetic)]
    objective = made("bce", **settings)
    return [
        loss(Reader(), *signals, condition_of(label), progress=0.0, step=0)["classes"]
        for loss in (objective.critic_loss, objective.generator_loss)
    ]


def test_critic_learns_classes_from_real_items_and_the_generator_from_its_own() -> None:
    real, synthetic = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 0.0]])
    critics, ours = class_terms(real, synthetic, torch.tensor([[1.0, 0.0, 0.0]]), classes=0.5)
    assert critics.item() == pytest.approx(0.5 * math.log(1 + 2 * math.exp(-2)))
    assert ours.item() == pytest.approx(0.5 * math.log(3))


def test_class_loss_of_items_with_several_classes_asks_every_class_by_itself() -> None:
    logits, label = torch.tensor([[2.0, -1.0, 0.0]]), torch.tensor([[1.0, 0.0, 1.0]])
    each = [math.log1p(math.exp(-2.0)), math.log1p(math.exp(-1.0)), math.log(2)]
    for term in class_terms(logits, logits, label, classes=1.0, multilabel=True):
        assert term.item() == pytest.approx(sum(each) / 3)


@pytest.mark.parametrize("multilabel", [False, True])
def test_class_loss_falls_as_the_right_class_is_told_more_clearly(multilabel: bool) -> None:
    label = torch.eye(CLASSES)
    steps = [
        class_terms(sure * label, sure * label, label, classes=1.0, multilabel=multilabel)
        for sure in (-1.0, 0.0, 1.0, 4.0)
    ]
    for less, more in pairwise(steps):
        assert all((b < a).all() for a, b in zip(less, more, strict=True))


@each_objective
@pytest.mark.parametrize("part", ["critic_loss", "generator_loss"])
def test_class_loss_without_class_logits_is_refused(name: str, part: str) -> None:
    loss = getattr(made(name, classes=2.0), part)
    with pytest.raises(
        EcgsynthError, match=r"objective.classes=2\) needs a critic that classifies"
    ):
        loss(LinearCritic(), items(1), items(2), CLASSED, progress=0.0, step=0)


# Clipping and penalties.


@each_objective
def test_only_clipping_changes_weights_and_then_bounds_them(name: str) -> None:
    critic, objective = LinearCritic(), made(name)
    before = [weight.detach().clone() for weight in critic.parameters()]
    objective.constrain(critic)
    bound = getattr(objective.settings, "clip", math.inf)
    for weight, old in zip(critic.parameters(), before, strict=True):
        assert torch.equal(weight.detach(), old.clamp(-bound, bound))


def test_clipping_bounds_the_weights_where_it_is_told_to() -> None:
    critic = LinearCritic()
    WGAN(WGAN.Settings(clip=0.2)).constrain(critic)
    assert float(critic.weight.detach().abs().max()) == pytest.approx(0.2)
    assert float(critic.weight.detach().abs().min()) < 0.2


def of_slope(norm: float) -> LinearCritic:
    critic = LinearCritic()
    with torch.no_grad():
        critic.weight.mul_(norm / critic.weight.norm())
    return critic


@pytest.mark.parametrize("norm, excess", [(1.0, 0.0), (3.0, 4.0), (0.5, 0.25), (0.0, 1.0)])
@pytest.mark.parametrize("weight", [10.0, 2.5])
def test_gradient_penalty_of_a_linear_critic_is_the_square_of_slope_less_one(
    norm: float, excess: float, weight: float
) -> None:
    terms = made("wgan_gp", gradient_penalty=weight).critic_loss(
        of_slope(norm), items(1), items(2), NOTHING, progress=0.0, step=0
    )
    assert terms["gradient_penalty"].tolist() == pytest.approx([weight * excess] * BATCH, abs=1e-4)


def test_gradient_penalty_pulls_a_steep_critic_down_and_a_flat_one_up() -> None:
    for norm, down in ((3.0, True), (0.5, False)):
        critic = of_slope(norm)
        made("wgan_gp").critic_loss(
            critic, items(1), items(2), NOTHING, progress=0.0, step=0
        )["gradient_penalty"].mean().backward()  # fmt: skip
        assert critic.weight.grad is not None
        assert bool((critic.weight.grad * critic.weight).sum() > 0) == down


def test_gradient_penalty_of_a_critic_without_slope_gives_finite_gradients() -> None:
    critic = LinearCritic(0.0)
    backward(made("wgan_gp").critic_loss(critic, items(1), items(2), NOTHING, progress=0.0, step=0))
    assert critic.weight.grad is not None
    assert critic.weight.grad.isfinite().all()


def test_gradient_penalty_is_taken_all_along_the_line_from_synthetic_to_real() -> None:
    class Bowl(LinearCritic):
        """Its slope at x is x: the penalty tells where it was taken."""

        def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, None]:
            return 0.5 * view.square().sum((1, 2)), None

    real, synthetic = reading(*[2.0] * 400), reading(*[6.0] * 400)
    nothing = condition_of(torch.zeros(400, 0))
    places = []
    for step in (0, 1):
        terms = made("wgan_gp", gradient_penalty=1.0).critic_loss(
            Bowl(), real, synthetic, nothing, progress=0.0, step=step
        )
        places.append(terms["gradient_penalty"].detach().sqrt() + 1)
        assert 2 <= float(places[-1].min()) < 2.1
        assert 5.9 < float(places[-1].max()) <= 6
        assert float(places[-1].mean()) == pytest.approx(4, abs=0.2)
    assert not torch.equal(*places)


@pytest.mark.parametrize("name, penalty", [("wgan_gp", "gradient_penalty"), ("rpgan", "r1")])
def test_penalty_is_on_the_slope_at_what_the_critic_saw_of_the_signal(
    name: str, penalty: str
) -> None:
    class Loud(LinearCritic):
        def view(self, signal: Tensor) -> Tensor:
            return 7 * signal

    def of(critic: LinearCritic) -> Tensor:
        terms = made(name).critic_loss(critic, items(1), items(2), NOTHING, progress=0.0, step=0)
        return terms[penalty]

    assert torch.allclose(of(Loud()), of(LinearCritic()), rtol=1e-4)


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
