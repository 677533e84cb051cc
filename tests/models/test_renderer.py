"""The renderer: beats in time become leads of any length."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from ecgsynth.condition import Condition
from ecgsynth.errors import EcgsynthError
from ecgsynth.models import renderer
from ecgsynth.models.layers.event_track import BUMP_S, LONGEST_S, PLACES, beat_places, event_track
from ecgsynth.models.layers.frames import Frames
from ecgsynth.models.layers.joints import join_known
from ecgsynth.models.layers.resampling import cosines, resample
from ecgsynth.models.renderer import BeatMean, Renderer, RendererNet
from ecgsynth.models.renderer_student import RendererStudent
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import (
    check_events,
    events_of,
    marks_of,
    shift_events,
    stack_events,
)
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12, limb_leads

SPEC = Spec(LEADS_12, 500.0, 2000, ("NORM", "MI"), True, context=("age",))
BEATS = stack_events([
    np.array([[0.5, 0, 0.35, 0.8], [1.3, 2, np.nan, 1.65], [2.4, 0, 2.25, np.nan]]),
    np.array([[1.0, 1, 0.9, 1.3]]),
])  # fmt: skip


def tiny(spec: Spec = SPEC, **changes: Any) -> RendererNet:
    torch.manual_seed(0)
    net = Renderer.generator(Renderer.Settings(**{**Renderer.tiny, **changes}), spec)
    for weights in net.head.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    return net.eval()


def condition(**more: torch.Tensor) -> Condition:
    events = torch.tensor(BEATS)
    return Condition(
        torch.eye(2),
        torch.zeros(2, 1),
        torch.zeros(2, dtype=torch.int64),
        {"events": events, **more},
    )


def test_the_track_has_a_bump_at_every_beat_in_the_channel_of_its_kind() -> None:
    track = event_track(torch.from_numpy(BEATS), 400, 100.0)
    normal, ventricular, waves = track[0, 0], track[0, 2], track[0, 5:7]
    assert normal[[49, 50, 239, 240]] == pytest.approx(
        np.exp(-0.5 * (0.005 / BUMP_S) ** 2), abs=1e-3
    )
    assert ventricular.argmax() in (129, 130)
    assert normal[129] < 1e-3
    assert int((waves[0] > 0.9).sum()) == 2 * 2  # the ventricular beat has no P
    assert int((waves[1] > 0.9).sum()) == 2 * 2  # of the last one T is not known


def test_the_track_counts_the_time_since_the_last_beat_and_to_the_next() -> None:
    track = event_track(torch.from_numpy(BEATS), 400, 100.0)
    since, to = track[0, 7] + 0.5, track[0, 8] + 0.5
    assert since[100] == pytest.approx(1.005 - 0.5, abs=1e-4)
    assert to[100] == pytest.approx(1.3 - 1.005, abs=1e-4)
    assert since[0] == LONGEST_S
    assert to[399] == LONGEST_S


def test_events_become_annotations_and_come_back() -> None:
    marks = marks_of(BEATS, SPEC.fs, waves=True)
    ecg = Ecg(np.zeros((2, 12, 2000)), SPEC, marks=marks)
    np.testing.assert_allclose(events_of(ecg), BEATS, atol=0.5 / SPEC.fs, equal_nan=True)


def test_events_of_a_window_count_from_its_start() -> None:
    moved = shift_events(BEATS, np.array([1.0, 0.95]), 1.0)
    np.testing.assert_allclose(moved[0, 1], [0.3, 2, np.nan, 0.65], atol=1e-6)
    assert np.isnan(moved[0, [0, 2]]).all()
    np.testing.assert_allclose(moved[1, 0, :2], [0.05, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("beats", "why"),
    [
        ([[0.5, 0, 0, 0], [0.6, 0, 0, 0]], "100 ms apart"),
        ([[0.9, 0, 0, 0], [0.5, 0, 0, 0]], "in order of time"),
        ([[4.5, 0, 0, 0]], "lies outside"),
        ([[-0.1, 0, 0, 0]], "lies outside"),
        ([[0.5, 7, 0, 0]], "the kind of a beat"),
        ([[0.5, 0, 0]], "got shape"),
    ],
)
def test_beats_that_no_heart_has_are_refused(beats: list[list[float]], why: str) -> None:
    with pytest.raises(EcgsynthError, match=why):
        check_events(np.array([beats]), SPEC.seconds)


def test_signals_within_the_band_are_whitened_without_loss() -> None:
    net, time = tiny(), np.arange(2000) / 500
    signal = np.array([[np.cos(np.pi * (time + 0.001) * 2 * hz * 0.25 * 2) for hz in range(1, 13)]])
    eight = torch.tensor(signal, dtype=torch.float32)
    back = net.decode(net.encode(eight))
    rows = [LEADS_12.index(name) for name in ("I", "II", "V1", "V6")]
    np.testing.assert_allclose(back[:, rows], eight[:, rows], atol=2e-3)


@pytest.mark.parametrize(("samples", "to"), [(60, 60), (60, 145), (145, 60), (61, 20), (7, 8)])
def test_a_window_is_resampled_by_its_cosines(samples: int, to: int) -> None:
    shared = min(samples, to)
    gain = torch.rand(shared, generator=torch.Generator().manual_seed(0)) + 0.5
    x = torch.randn(3, samples, generator=torch.Generator().manual_seed(1))
    ends = (torch.from_numpy(cosines(shared, n)).float() for n in (samples, to))
    one, other = ends
    matrix = one.T * gain * (to / samples) ** 0.5 @ other
    torch.testing.assert_close(resample(x, to, gain), x @ matrix, atol=1e-5, rtol=1e-4)


def test_the_end_of_the_band_falls_off_by_the_gains_of_each_hertz() -> None:
    gains = (0.8, 0.4, 0.1)
    spec = Spec(leads=("II",), samples=1000, fs=100)
    plain, rolled = Frames(spec, 100, 20), Frames(spec, 100, 20, gains)
    seconds = torch.arange(1000) / 100
    for hz, gain in ((5, 1.0), (40, 1.0), (48, 0.8), (49, 0.4)):
        tone = torch.cos(2 * torch.pi * hz * (seconds + 0.005))[None, None]
        before, after = (one.sampled(one.framed(tone))[..., 200:800] for one in (plain, rolled))
        assert after.std() / before.std() == pytest.approx(gain, abs=0.02)


def test_limb_leads_follow_einthoven_and_goldberger() -> None:
    net = tiny()
    made = Renderer.sample(net, torch.randn(2, net.latent), condition()).detach().numpy()
    assert made.shape == (2, 12, 2000)
    for name, wanted in limb_leads(made[:, 0], made[:, 1]).items():
        np.testing.assert_allclose(made[:, LEADS_12.index(name)], wanted, atol=1e-5)


def test_what_is_known_stays_as_it_is() -> None:
    net = tiny()
    known = net.framed(torch.randn(2, 12, 2000).cumsum(2) / 50)
    mask = torch.zeros_like(known)
    mask[:, :2] = 1
    with torch.no_grad():
        made = Renderer.sample(net, torch.randn(2, net.latent), condition(known=known, mask=mask))
        free = Renderer.sample(net, torch.randn(2, net.latent), condition())
    np.testing.assert_allclose(net.framed(made)[:, :2], known[:, :2], atol=1e-4)
    assert (net.framed(free)[:, :2] - known[:, :2]).abs().max() > 0.1


def test_the_events_change_what_is_drawn() -> None:
    net = tiny()
    noise = torch.randn(2, net.latent)
    with torch.no_grad():
        here = Renderer.sample(net, noise, condition())
        other = condition()
        other.more["events"][:, 0, 0] += 0.2
        assert (Renderer.sample(net, noise, other) - here).abs().max() > 1e-4
        assert torch.equal(Renderer.sample(net, noise, condition()), here)


@pytest.mark.parametrize("guidance", [1.0, 1.5, 3.0])
def test_guidance_takes_an_item_farther_from_one_without_labels(guidance: float) -> None:
    net = tiny()
    for weights in net.parameters():  # labels change nothing at the beginning of a training
        torch.nn.init.normal_(weights, std=0.3)
    net.steps, noise = 1, torch.randn(2, net.latent)
    asked = condition()
    with torch.no_grad():
        plain = Renderer.sample(net, noise, asked)
        nameless = Renderer.sample(net, noise, asked.hidden(torch.tensor([True, True])))
        net.guidance = guidance
        guided = Renderer.sample(net, noise, asked)
    assert (plain - nameless).abs().max() > 1e-3
    torch.testing.assert_close(
        guided, nameless + guidance * (plain - nameless), atol=1e-4, rtol=1e-3
    )


def student(spec: Spec = SPEC, **changes: Any) -> tuple[torch.nn.Module, torch.nn.Module]:
    settings = RendererStudent.Settings(**RendererStudent.tiny, **changes)
    return RendererStudent.generator(settings, spec), RendererStudent.critic(settings, spec)


def test_a_student_is_the_first_step_of_its_teacher() -> None:
    teacher, (pupil, _) = tiny(), student()
    pupil.load_state_dict(teacher.state_dict())
    noise = torch.randn(2, teacher.latent)
    with torch.no_grad():
        start = teacher(teacher.shaped(noise, condition()), condition(), torch.zeros(2))
        np.testing.assert_allclose(
            pupil.eval()(noise, condition()), teacher.decode(start), atol=1e-5
        )
        np.testing.assert_allclose(
            RendererStudent.sample(pupil, noise, condition()), teacher.decode(start), atol=1e-5
        )


def test_the_critic_sees_the_leads_and_what_was_asked() -> None:
    _, critic = student()
    signal = torch.randn(2, 12, 2000)
    view = critic.view(signal)
    assert view.shape == (2, 8, 400)
    logit, classes = critic(view, condition())
    assert logit.shape == (2,)
    assert classes is None
    other = condition()
    other.more["events"][:, 0, 0] += 0.2
    assert (critic(view, other)[0] - logit).abs().max() > 1e-6
    _, naming = student(class_head=True)
    assert naming(view, condition())[1].shape == (2, len(SPEC.classes))


def test_records_are_the_same_to_some_microvolts_where_the_network_counts_in_bfloat16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    generator = RendererNet(Renderer.Settings(widths=(32, 32, 32), depths=(1, 1, 1), steps=2), SPEC)
    for part in generator.parameters():  # every layer gives something
        torch.nn.init.normal_(part, std=0.05)
    noise = torch.randn(2, generator.latent)
    made = []
    for supported in (False, True):
        monkeypatch.setattr(renderer, "multiplies_bfloat16", partial(bool, supported))
        assert renderer.counts_in_bfloat16(generator) is supported
        made.append(Renderer.sample(generator, noise, condition()).detach())
    exact, rounded = made
    assert 0 < (exact - rounded).square().mean().sqrt() < 0.01 * exact.std()
    assert not renderer.counts_in_bfloat16(tiny())


def test_positions_have_their_places_in_the_beats_around_them() -> None:
    events = np.full((1, 5, 4), np.nan, np.float32)
    events[0, 1:4, 0] = 1.0, 1.8, 3.2
    events[0, 1:4, 1] = 0, 2, 0  # the second one is ventricular
    places = beat_places(torch.from_numpy(events), 80, 20.0)[0].tolist()
    assert places[:14] == [PLACES - 1] * 14  # .3 s before the first R nothing has begun
    assert places[14:30] == [*range(16)]
    assert places[30:48] == [*range(18, 36)]  # places of their own
    assert places[48:58] == [PLACES - 1] * 10
    assert places[58:76] == [*range(18)]
    assert places[76:] == [PLACES - 1] * 4
    nothing = np.full((1, 2, 4), np.nan, np.float32)
    assert set(beat_places(torch.from_numpy(nothing), 9, 20.0)[0].tolist()) == {PLACES - 1}


def test_beats_are_given_the_mean_of_what_is_at_their_place_in_others() -> None:
    torch.manual_seed(0)
    layer = BeatMean(8)
    x, places = torch.randn(1, 8, 1, 6), torch.tensor([[0, 1, 0, 1, 0, 2]])
    np.testing.assert_array_equal(layer(x, places).detach(), x)  # it starts as if it were not there
    torch.nn.init.normal_(layer.second.conv.weight)
    added = (layer(x, places) - x).detach()[0, :, 0]
    np.testing.assert_allclose(added[:, 0], added[:, 2], atol=1e-6)
    np.testing.assert_allclose(added[:, 1], added[:, 3], atol=1e-6)
    assert (added[:, 0] - added[:, 5]).abs().max() > 1e-3


def test_a_known_part_and_what_is_drawn_around_it_meet_without_a_step() -> None:
    time = torch.arange(200) / 20
    known = torch.sin(time).expand(1, 3, 200)
    drawn = known + 0.4
    mask = torch.zeros(1, 3, 200)
    mask[:, 0, :80] = 1
    mask[:, 1, 120:] = 1
    mask[:, 2, :60] = mask[:, 2, 140:] = 1
    joined = join_known(drawn, known, mask, 8.0)
    assert (joined == known)[mask > 0].all()
    assert joined.diff(dim=-1).abs().max() < 0.12
    np.testing.assert_allclose(joined[:, 0, 150:], drawn[:, 0, 150:], atol=1e-3)
    unknown = torch.zeros_like(mask)
    assert (join_known(drawn, known, unknown, 8.0) == drawn).all()


def test_items_without_a_beat_have_a_track_of_none() -> None:
    track = event_track(torch.zeros(2, 0, 4), 50, 100.0)
    assert (track[:, :7] == 0).all()
    assert (track[:, 7:] == LONGEST_S - 0.5).all()


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_the_noise_of_beats_is_shared_place_by_place(shared: float) -> None:
    generator = tiny(shared=shared)
    events = np.full((1, 9, 4), np.nan, np.float32)
    events[0, :, 0], events[0, :, 1] = np.arange(9) * 0.4 + 0.3, 0
    asked = Condition(
        condition().label[:1], condition().context[:1], condition().style[:1],
        {"events": torch.from_numpy(events)},
    )  # fmt: skip
    torch.manual_seed(0)
    noise = torch.cat(
        [generator.shaped(torch.randn(1, generator.latent), asked) for _ in range(40)]
    )
    beats = noise[:, :, :360].reshape(40, generator.leads, 9, 40)
    assert noise.std() == pytest.approx(1, abs=0.02)
    together = (beats[:, :, 0] * beats[:, :, 4]).mean()
    assert together == pytest.approx(shared, abs=0.03)
    assert (beats[..., 3] * beats[..., 9]).mean() == pytest.approx(0, abs=0.1)
