"""A renderer's weights as a start for signals of other leads, labels or contexts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_renderer import BEATS, SPEC, tiny
from tiny import tiny_renderer

from ecgsynth.condition import Condition
from ecgsynth.errors import EcgsynthError
from ecgsynth.models.renderer import Renderer, RendererNet
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS
from ecgsynth.training.start import start_weights

TWO = Spec(("ECG1", "ECG2"), SPEC.fs, SPEC.samples, ("MI", "new"), True)


def fitted(before: RendererNet, after: Spec) -> RendererNet:
    net = tiny(after)
    net.load_state_dict(Renderer.fit_weights(before.state_dict(), SPEC, after))
    return net


def asked(spec: Spec, *names: str) -> Condition:
    label = torch.tensor([[float(name in names) for name in spec.classes]] * len(BEATS))
    context = torch.zeros(len(BEATS), len(spec.context))
    style = torch.zeros(len(BEATS), dtype=torch.int64)
    return Condition(label, context, style, {"events": torch.from_numpy(BEATS)})


@pytest.mark.parametrize("names", [(), ("MI",)])
def test_two_leads_begin_as_two_of_eight(names: tuple[str, ...]) -> None:
    eight, t = tiny(), torch.tensor([0.2, 0.7])
    two = fitted(eight, TWO)
    rows = [INDEPENDENT_LEADS.index(lead) for lead in ("II", "V1")]
    y = torch.zeros(len(BEATS), 8, eight.frames)
    y[:, rows] = torch.randn(len(BEATS), 2, eight.frames)
    with torch.inference_mode():
        whole, part = eight(y, asked(SPEC, *names), t), two(y[:, rows], asked(TWO, *names), t)
    torch.testing.assert_close(part, whole[:, rows], atol=1e-4, rtol=1e-4)


def test_a_new_label_begins_without_effect() -> None:
    two = fitted(tiny(), TWO)
    latent = torch.randn(len(BEATS), two.latent)
    with torch.inference_mode():
        made = [Renderer.sample(two, latent, asked(TWO, *names)) for names in ((), ("new",))]
    assert (made[0] == made[1]).all()


def test_the_same_signals_keep_all_weights() -> None:
    given = tiny().state_dict()
    kept = Renderer.fit_weights(given, SPEC, SPEC)
    assert kept.keys() == given.keys()
    assert all(torch.equal(kept[name], given[name]) for name in given)


def test_leads_that_nothing_stands_for_are_refused_by_their_shapes(tmp_path: Path) -> None:
    model = tiny_renderer(4.0)
    model.save(tmp_path / "m.safetensors")
    other = replace(model.spec, leads=("Frank x", "Frank y"))
    net = Renderer.generator(Renderer.Settings(**Renderer.tiny), other)
    with pytest.raises(EcgsynthError, match="its weights do not fit this model"):
        start_weights(net, str(tmp_path / "m.safetensors"), Renderer, other)
    start_weights(net, "", Renderer, other)


def test_a_training_on_strips_begins_with_a_model_of_twelve_leads(tmp_path: Path) -> None:
    model = tiny_renderer(4.0)
    model.save(tmp_path / "m.safetensors")
    spec = replace(model.spec, leads=("MLII", "V1"), classes=("AFIB",), context=())
    net = Renderer.generator(Renderer.Settings(**Renderer.tiny), spec)
    start = start_weights(net, str(tmp_path / "m.safetensors"), Renderer, spec)
    assert start.facts["id"]
    own, given = net.state_dict(), model.weights()
    np.testing.assert_array_equal(own["smooth.weight"], given["smooth.weight"][[1, 2]])
