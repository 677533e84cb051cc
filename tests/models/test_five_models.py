"""The five published families: their sizes, what was mended in them, and their attention."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ecgsynth.condition import Condition
from ecgsynth.datasets import make_settings
from ecgsynth.errors import EcgsynthError
from ecgsynth.models.layers import transformer
from ecgsynth.models.layers.transformer import Attend, Attention, attend
from ecgsynth.registry import MODELS
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12, limb_leads

BATCH = 4
FIVE = ("tcwgan", "vanilla", "inception", "biosgan", "bilstm")
AFTERTHOUGHT = ("tcwgan", "vanilla", "inception", "bilstm")
"""Families to which the publication gave no label."""

BEAT = Spec(("MLII",), 360.0, 200, ("N", "S", "V"), context=("rr_before_s",))
RECORD = Spec(LEADS_12, 100.0, 1000)

PUBLISHED = {
    "tcwgan": (Spec(("MLII",), 360.0, 200), {}, 39_681_665, 2_184_833),
    "vanilla": (Spec(("MLII",), 360.0, 200), {"bounded": True}, 1_206_472, 862_209),
    "inception": (RECORD, {"bounded": True, "derive": False}, 220_864, 63_361),
    "biosgan": (
        Spec(("II",), 125.0, 187, tuple("NSVFQ")), {"positions": False}, 211_621, 102_006,
    ),
    # 474,097 and the second bias of PyTorch's LSTM, 4 gates x 64 units x 2 directions.
    "bilstm": (Spec(("II",), 500.0, 400), {"bounded": True}, 474_097 + 512, 714_721),
}  # fmt: skip


def built(name: str, spec: Spec, part: str = "generator", **settings: Any) -> Any:
    torch.manual_seed(0)
    family = MODELS.get(name)
    return getattr(family, part)(family.Settings(**family.tiny | settings), spec)


def condition_for(spec: Spec, seed: int = 0) -> Condition:
    random = torch.Generator().manual_seed(seed)
    label = torch.eye(max(1, len(spec.classes)))[torch.arange(BATCH) % max(1, len(spec.classes))]
    context = torch.randn(BATCH, len(spec.context), generator=random)
    return Condition(label[:, : len(spec.classes)], context, torch.zeros(BATCH, dtype=torch.int64))


def other_label(condition: Condition) -> Condition:
    return Condition(condition.label.roll(1, 1), condition.context, condition.style)


def made_by(generator: nn.Module, spec: Spec) -> Tensor:
    latent = torch.randn(BATCH, generator.latent, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return generator.eval()(latent, condition_for(spec))


@pytest.mark.parametrize("name", FIVE)
@pytest.mark.parametrize("mended", [False, True])
def test_parameters_are_as_many_as_published(name: str, mended: bool) -> None:
    spec, as_published, *counts = PUBLISHED[name]
    family = MODELS.get(name)
    if mended:  # costs no parameter; only leads that are derived save some
        as_published = {key: False for key in as_published if key == "derive"}
    settings = family.Settings(**as_published)
    with torch.device("meta"):
        parts = family.generator(settings, spec), family.critic(settings, spec)
    assert [sum(w.numel() for w in part.parameters()) for part in parts] == counts


def test_inception_keeps_24_384_running_means_and_variances() -> None:
    family = MODELS.get("inception")
    generator = family.generator(family.Settings(derive=False), RECORD)
    total = sum(w.numel() for key, w in generator.state_dict().items() if "tracked" not in key)
    assert total == 245_248


@pytest.mark.parametrize("name", FIVE)
@pytest.mark.parametrize("samples", [7, 187, 374, 748, 1801])
def test_any_length_will_do(name: str, samples: int) -> None:
    spec = Spec(("I", "II", "V1"), 250.0, samples)
    made = made_by(built(name, spec), spec)
    assert made.shape == (BATCH, 3, samples)
    logit, _ = built(name, spec, "critic")(made, condition_for(spec))
    assert logit.shape == (BATCH,)


@pytest.mark.parametrize("name", AFTERTHOUGHT)
@pytest.mark.parametrize("part", ["generator", "critic"])
def test_label_matters_unless_the_model_is_as_published(name: str, part: str) -> None:
    condition = condition_for(BEAT)
    for conditional in (True, False):
        model = built(name, BEAT, part, conditional=conditional).eval()
        given = torch.randn(BATCH, model.latent) if part == "generator" else torch.randn(4, 1, 200)
        outputs = [model(given, asked) for asked in (condition, other_label(condition))]
        first, second = (each if part == "generator" else each[0] for each in outputs)
        assert torch.equal(first, second) is not conditional


@pytest.mark.parametrize("name", FIVE)
def test_critic_that_tells_the_class_is_not_shown_it(name: str) -> None:
    critic = built(name, BEAT, "critic", class_head=True)
    signal, condition = torch.randn(BATCH, 1, BEAT.samples), condition_for(BEAT)
    logit, classes = critic(signal, condition)
    again, again_classes = critic(signal, other_label(condition))
    assert classes.shape == (BATCH, 3)
    assert torch.equal(logit, again) and torch.equal(classes, again_classes)
    later = Condition(condition.label, condition.context + 1, condition.style)
    assert not torch.equal(critic(signal, later)[0], logit)
    assert built(name, BEAT, "critic", class_head=False)(signal, condition)[1] is None


@pytest.mark.parametrize("name", ["vanilla", "inception", "bilstm"])
def test_only_a_bounded_generator_stays_within_one(name: str) -> None:
    for bounded in (False, True):
        generator = built(name, BEAT, bounded=bounded)
        last = [m for m in generator.modules() if isinstance(m, nn.Linear | nn.Conv1d)][-1]
        with torch.no_grad():
            last.weight.mul_(1000)
        assert (made_by(generator, BEAT).abs().max() <= 1) == bounded


@pytest.mark.parametrize("leads", [LEADS_12, LEADS_12[::-1]])
def test_derived_limb_leads_obey_einthoven_to_the_last_bit(leads: tuple[str, ...]) -> None:
    spec = Spec(leads, 100.0, 300)
    by_name = dict(zip(leads, made_by(built("inception", spec), spec).unbind(1), strict=True))
    for name, expected in limb_leads(by_name["I"].numpy(), by_name["II"].numpy()).items():
        assert torch.equal(by_name[name], torch.from_numpy(expected)), name
    assert by_name["I"].std() > 0 and not torch.equal(by_name["I"], by_name["V6"])


def test_twelve_leads_as_published_miss_einthovens_law() -> None:
    spec = Spec(LEADS_12, 100.0, 300)
    made = made_by(built("inception", spec, derive=False), spec)
    assert (made[:, 2] - (made[:, 1] - made[:, 0])).abs().max() > 0.01


@pytest.mark.parametrize("positions", [False, True])
def test_tokens_that_know_no_time_make_a_flat_line(positions: bool) -> None:
    generator = built("biosgan", BEAT, positions=positions)
    nn.init.zeros_(generator.start.weight)
    nn.init.zeros_(generator.start.bias)
    assert (made_by(generator, BEAT).std(-1).max() > 1e-3) == positions


@pytest.mark.parametrize("samples", [187, 374, 748])
def test_tokens_of_several_samples_need_not_divide_the_window(samples: int) -> None:
    spec = Spec(("I", "II"), 125.0, samples, ("N", "V"), context=("rr_before_s",))
    generator, critic = (built("biosgan", spec, part, patch=15) for part in ("generator", "critic"))
    made = made_by(generator, spec)
    assert made.shape == (BATCH, 2, samples)
    made.requires_grad_()
    critic(made, condition_for(spec))[0].sum().backward()
    assert (made.grad.abs().amax((0, 1)) > 0).all(), "the critic looks at every sample"


def test_dropout_acts_in_training_alone() -> None:
    generator = built("biosgan", BEAT, dropout=0.5)
    latent, condition = torch.randn(BATCH, generator.latent), condition_for(BEAT)
    assert not torch.equal(generator(latent, condition), generator(latent, condition))
    generator.eval()
    assert torch.equal(generator(latent, condition), generator(latent, condition))


@pytest.mark.parametrize(
    "name, settings, says",
    [
        ("biosgan", {"width": 7}, "'heads' must divide width, which is 7"),
        ("biosgan", {"critic_heads": 3}, "'critic_heads' must divide critic_width, which is 50"),
        ("tcwgan", {"width": 24}, "'heads' must divide a quarter of width, 6"),
    ],
)
def test_heads_that_do_not_share_the_width_are_refused(
    name: str, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(EcgsynthError, match=says):
        make_settings(MODELS.get(name).Settings, settings, f"model '{name}'")


# Attention


@pytest.fixture(params=[1 << 18, 500], ids=["at-once", "in-chunks"])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "CHUNK", request.param)


@pytest.mark.parametrize("grad", [False, True])
def test_attention_is_that_of_pytorch(chunk: None, grad: bool) -> None:
    torch.manual_seed(0)
    ours = Attention(20, 5)
    theirs = nn.MultiheadAttention(20, 5, batch_first=True)
    theirs.in_proj_weight, theirs.in_proj_bias = ours.qkv.weight, ours.qkv.bias
    theirs.out_proj = ours.out
    x = torch.randn(3, 15, 20)
    with torch.set_grad_enabled(grad):
        torch.testing.assert_close(ours(x), theirs(x, x, x)[0], rtol=1e-5, atol=1e-5)


def naive(qkv: Tensor, keep: Tensor | None = None) -> Tensor:
    """[3, batch, head, position, width], one head of one item at a time."""
    heads = []
    for query, key, value in zip(*qkv.flatten(1, 2), strict=True):
        weight = torch.softmax(query @ key.T / query.shape[1] ** 0.5, 1)
        heads.append((weight if keep is None else weight * keep[len(heads)]) @ value)
    return torch.stack(heads).reshape(qkv.shape[1:])


def test_gradient_penalty_through_attention_is_that_of_a_plain_loop(chunk: None) -> None:
    torch.manual_seed(0)
    qkv = torch.randn(3, 2, 5, 15, 4, requires_grad=True)
    found = []
    for attention in (attend, naive):
        (slope,) = torch.autograd.grad(attention(qkv).sin().sum(), qkv, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().sum()
        found.append(torch.autograd.grad(penalty, qkv)[0])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dropping", [False, True])
def test_attention_can_be_differentiated_twice(chunk: None, dropping: bool) -> None:
    random = torch.Generator().manual_seed(0)
    items = [
        torch.randn(5, 11, 3, dtype=torch.double, generator=random).requires_grad_()
        for _ in range(3)
    ]
    keep = torch.rand(5, 11, 11, generator=random) < 0.6 if dropping else None

    def mixed(*items: Tensor) -> Tensor:
        return Attend.apply(*items, keep)

    assert torch.autograd.gradcheck(mixed, items, fast_mode=True)
    assert torch.autograd.gradgradcheck(mixed, items, fast_mode=True)


def test_dropout_of_weights_keeps_their_mean() -> None:
    torch.manual_seed(0)
    qkv = torch.randn(3, 1, 1, 8, 4)
    mean = torch.stack([attend(qkv, 0.3) for _ in range(4000)]).mean(0)
    torch.testing.assert_close(mean, naive(qkv), rtol=0, atol=0.08)
    assert not torch.equal(attend(qkv, 0.3), attend(qkv, 0.3))
