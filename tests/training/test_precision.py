"""Networks that count in bfloat16 while they learn: what is rounded and what is not."""

from __future__ import annotations

import pytest
import torch
from tiny import BATCH, tiny_run
from torch import Tensor, nn

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import MODELS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.training.engine import check_bfloat16, make_fabric
from ecgsynth.training.loop import train


@pytest.fixture(scope="module")
def beats(simulated_beats: Ecg) -> Ecg:
    return simulated_beats[:120]


def run_of(family: str, **training: object) -> Run:
    content = tiny_run(1).to_dict()
    content["model"] = {"name": family, **MODELS.get(family).tiny}
    content["objective"] = (
        {"name": "rpgan", "gamma": 0.1} if MODELS.get(family).adversarial else {"name": "flow"}
    )
    content["training"] |= {"health_every": 0, "snapshot_every": 10**6, **training}
    return Run.from_dict(content)


def losses(run: Run, beats: Ecg) -> dict[str, float]:
    """Of the last step."""
    told: dict[str, float] = {}

    def report(examples: int, total: int, values: dict[str, float]) -> None:
        told.update(values)

    train(run, data=beats, report=report)
    return told


@pytest.mark.parametrize(
    "family", [name for name in MODELS.names() if "events" not in MODELS.get(name).takes]
)
def test_every_family_learns_the_same_within_the_rounding(family: str, beats: Ecg) -> None:
    exact = losses(run_of(family), beats)
    try:
        rounded = losses(run_of(family, precision="bf16-mixed"), beats)
    except EcgsynthError as problem:
        pytest.skip(str(problem))  # that it is so is what the guard has measured
    for name in exact:
        if name.startswith(("critic/", "generator/")):
            assert rounded[name] == pytest.approx(exact[name], rel=0.05, abs=0.01), name


class Wrong(nn.Conv1d):
    """As a broken kernel computes it."""

    def forward(self, x: Tensor) -> Tensor:
        found = super().forward(x)
        return found.roll(1, 1) if torch.is_autocast_enabled("cpu") else found


def test_convolution_that_comes_out_wrong_is_refused() -> None:
    fabric = make_fabric(tiny_run().training)
    check_bfloat16(fabric, "bf16-mixed", nn.Conv1d(32, 16, 5), nn.Conv2d(12, 8, (1, 3)), None)
    check_bfloat16(fabric, "32-true", Wrong(32, 16, 5))
    with pytest.raises(EcgsynthError, match="of 32 channels and 5 samples come out wrong"):
        check_bfloat16(fabric, "bf16-mixed", nn.Sequential(Wrong(32, 16, 5)))


def test_rounding_changes_something(beats: Ecg) -> None:
    exact, rounded = (
        losses(run_of("r3gan", precision=word), beats) for word in ("32-true", "bf16-mixed")
    )
    assert exact["critic/adversarial"] != rounded["critic/adversarial"]


def test_weights_and_what_is_generated_stay_float32(beats: Ecg) -> None:
    made = train(run_of("r3gan", precision="bf16-mixed", examples=4 * BATCH), data=beats)
    assert {weight.dtype for weight in made.weights().values()} == {torch.float32}
    signal = torch.from_numpy(made.generate(8, "N", seed=1).signal)
    assert signal.dtype == torch.float32
    assert not torch.equal(signal, signal.bfloat16().float())


def test_samples_of_a_generator_that_learns_are_not_rounded(beats: Ecg) -> None:
    """Rounded samples have steps that the critic's view of slopes would know them by."""
    made = train(run_of("r3gan", precision="bf16-mixed"), data=beats)
    generator, rows = made.generator, torch.arange(4) % len(beats.spec.classes)
    from ecgsynth.condition import Condition

    condition = Condition(
        label=torch.eye(len(beats.spec.classes))[rows],
        context=torch.zeros(4, len(beats.spec.context)),
        style=torch.zeros(4, dtype=torch.long),
    )
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        signal = generator(torch.randn(4, generator.latent), condition)
    assert signal.dtype == torch.float32
    assert (signal != signal.bfloat16().float()).float().mean() > 0.9


def test_another_precision_is_refused_with_those_there_are() -> None:
    with pytest.raises(EcgsynthError, match="precision.*'32-true' or 'bf16-mixed'"):
        run_of("r3gan", precision="16-mixed")
