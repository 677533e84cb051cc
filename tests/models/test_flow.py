"""Flow matching: what the loss is of, where the path ends, and what it is trained beside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny import tiny_run
from torch import Tensor, nn

from ecgsynth.condition import Condition
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.models.flow import Denoiser, Flow, whitening
from ecgsynth.objectives.flow import FlowMatching
from ecgsynth.registry import MODELS, OBJECTIVES
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.training.loop import train

SPEC = Spec(("MLII",), 360.0, 256, ("N", "V"), band=(None, 40.0))
CONDITION = Condition(torch.eye(2), torch.zeros(2, 0), torch.zeros(2, dtype=torch.int64))


def denoiser(steps: int = 2) -> Denoiser:
    torch.manual_seed(0)
    return Flow.generator(Flow.Settings(**Flow.tiny | {"steps": steps}), SPEC)


class Sure(nn.Module):
    """Knows the one clean signal that there is."""

    def __init__(self, clean: Tensor, like: Denoiser) -> None:
        super().__init__()
        self.clean, self.steps = clean, like.steps
        self.shaped, self.encode, self.decode = like.shaped, like.encode, like.decode

    def forward(self, y: Tensor, condition: Condition, t: Tensor) -> Tensor:
        return self.clean.expand_as(y)


def beat() -> Tensor:
    """A smooth wave within the band, [2, 1, 256]."""
    place = torch.linspace(-3, 3, 256)
    return torch.stack([torch.exp(-4 * place**2), torch.exp(-((place - 1) ** 2))])[:, None]


def test_whitening_loses_nothing_within_the_band() -> None:
    analysis, synthesis = whitening(SPEC)
    signal = beat().numpy()[:, 0]
    np.testing.assert_allclose(signal @ analysis @ synthesis, signal, atol=2e-3)
    np.testing.assert_allclose(synthesis @ analysis, np.eye(len(synthesis)), atol=2e-3)


@pytest.mark.parametrize("steps", [1, 2, 20])
def test_path_of_one_that_is_sure_ends_where_it_is_sure_of(steps: int) -> None:
    like = denoiser(steps)
    sure = Sure(like.encode(beat()), like)
    made = Flow.sample(sure, torch.randn(2, like.latent), CONDITION)  # type: ignore[arg-type]
    torch.testing.assert_close(made, beat(), atol=5e-3, rtol=0)


def test_loss_is_nothing_for_one_that_is_right_and_finite_for_any() -> None:
    like, objective = denoiser(), FlowMatching(FlowMatching.Settings())
    noise = torch.randn(2, like.latent)
    sure = Sure(like.encode(beat()), like)
    right = objective.matching_loss(sure, beat(), noise, CONDITION, step=3)
    assert right["matching"].shape == (2,)
    assert float(right["matching"].max()) < 1e-6
    other = objective.matching_loss(like, beat(), noise, CONDITION, step=3)["matching"]
    assert other.isfinite().all()
    assert (other > 0.01).all()


def test_untrained_it_counts_all_times_alike() -> None:
    """Of unit variance, what y tells is taken out; the rest has variance 1 at any time."""
    like = denoiser()
    random = torch.Generator().manual_seed(1)
    clean = torch.randn(4000, 1, like.frames, generator=random)
    none = Condition(
        torch.zeros(4000, 2), torch.zeros(4000, 0), torch.zeros(4000, dtype=torch.int64)
    )
    for mean in (-2.0, 0.0, 2.0):
        settings = FlowMatching.Settings(time_mean=mean, time_sd=0.1)
        noise = torch.randn(4000, like.latent, generator=random)
        with torch.no_grad():
            terms = FlowMatching(settings).matching_loss(
                like, like.decode(clean), noise, none, step=0
            )
        assert float(terms["matching"].mean()) == pytest.approx(1, rel=0.1)


def test_it_is_trained_like_any_other(simulated_beats: Ecg) -> None:
    run = tiny_run(30, health_every=10, rate_generator=3e-3)
    run.model = type(run.model)(name="flow", **Flow.tiny | {"width": 16})
    run.objective = type(run.objective)(name="flow")
    losses: list[float] = []

    def report(examples: int, total: int, values: dict[str, float]) -> None:
        losses.append(values["generator/matching"])

    made = train(run, data=simulated_beats, report=report)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:3])
    first, again = (made.generate(3, seed=1).signal for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("model", "objective", "words"),
    [
        ("flow", "rpgan", "objective 'rpgan' does not fit the model 'flow', which has no critic"),
        ("r3gan", "flow", "objective 'flow' does not fit the model 'r3gan', which has a critic"),
    ],
)
def test_a_critic_without_its_objective_is_refused(model: str, objective: str, words: str) -> None:
    content: dict[str, Any] = tiny_run(2).to_dict()
    content |= {"model": {"name": model, **MODELS.get(model).tiny}, "objective": objective}
    with pytest.raises(EcgsynthError, match=words):
        train(Run.from_dict(content))


def test_augmentation_without_a_critic_is_refused() -> None:
    content = tiny_run(2, augment=0.3).to_dict()
    content |= {"model": {"name": "flow", **Flow.tiny}, "objective": "flow"}
    with pytest.raises(EcgsynthError, match=r"has none: it would make altered items"):
        train(Run.from_dict(content))


def test_kinds_are_known_of_all() -> None:
    kinds = {name: OBJECTIVES.get(name).adversarial for name in OBJECTIVES.names()}
    assert [name for name, kind in kinds.items() if not kind] == ["flow", "pairs"]
