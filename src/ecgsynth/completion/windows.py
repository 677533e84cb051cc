"""Windows of a recording as a renderer makes them: some of it known, its beats asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.events import P, R, T, stack_events
from ecgsynth.signals.prior import Drawn
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS, LEADS_12
from ecgsynth.synthesizer.inputs import Inputs, counter_uniform
from ecgsynth.synthesizer.sampler import NetworkSampler

if TYPE_CHECKING:
    from ecgsynth.models.renderer import RendererNet
    from ecgsynth.synthesizer import Synthesizer


def find_sampler(synthesizer: Synthesizer) -> NetworkSampler:
    """The one network of a model that takes beats and a known part.

    Raises
    ------
    EcgsynthError: it takes none, or learned without one.
    """
    sampler = synthesizer.sampler
    takes = getattr(getattr(sampler, "family", None), "takes", ())
    if not isinstance(sampler, NetworkSampler) or not {"known", "mask", "events"} <= {*takes}:
        raise EcgsynthError(
            f"{synthesizer.card.name} takes no known part of a recording; a model of the family "
            "renderer does, such as ptbxl-12lead-flow."
        )
    objective = synthesizer.card.run["objective"]
    if not (isinstance(objective, dict) and objective.get("show", 0) > 0):
        teacher = synthesizer.card.teacher.rpartition("-")[0] or "ptbxl-12lead-flow"
        raise EcgsynthError(
            f"{synthesizer.card.name} has not learned to continue a known part of a recording "
            f"(objective.show is 0); take a model that has, such as {teacher}."
        )
    return sampler


def drawn_leads(leads: tuple[str, ...]) -> list[int]:
    """The rows of the leads that a renderer makes; of the standard twelve, four follow."""
    return [leads.index(lead) for lead in (INDEPENDENT_LEADS if leads == LEADS_12 else leads)]


def beats_from(beats: NDArray, start_s: float) -> NDArray:
    """A copy of beats [beat, EVENT] with times from a start on, and no P before it."""
    beats = beats.copy()
    beats[:, [R, P, T]] -= start_s
    beats[~(beats[:, P] >= 0), P] = np.nan
    return beats


def normal_noise(seed: int, first: int, count: int, generator: Any) -> NDArray[np.float32]:
    """[window, latent] normal numbers, which depend on seed and number of the window alone."""
    from scipy.special import ndtri

    uniform = counter_uniform(seed, first, count, generator.latent)
    return np.asarray(ndtri(uniform), np.float32)


def draw_windows(
    sampler: NetworkSampler, drawn: Sequence[int], clean: NDArray[np.float32],
    there: NDArray[np.bool_], beats: Sequence[NDArray], label: NDArray[np.float32],
    context: NDArray[np.float64], noise: NDArray[np.float32],
) -> NDArray[np.float32]:  # fmt: skip
    """[window, drawn lead, sample] mV of windows as the model makes them.

    drawn: rows of these leads among the model's. clean: [window, drawn lead, sample] mV, of the
    model's band; there: of the same shape, where it is known. beats: of each window, from its
    start. label: [window, class]. context: [window, context], NaN = unknown. noise: [window,
    latent].
    """
    import torch

    generator = cast("RendererNet", sampler.generator)
    windows, leads, width = clean.shape
    mask = _frames_known(there.reshape(-1, width), generator.frames).reshape(windows, leads, -1)
    filled = np.where(there, clean, np.nan).reshape(-1, width)
    shown = np.zeros((windows, len(sampler.spec.leads), width), np.float32)
    shown[:, drawn] = np.array([bridged(row) for row in filled]).reshape(clean.shape)
    framed = generator.framed(torch.from_numpy(sampler.scaler.forward(shown, {}))).numpy()
    more = {
        "events": stack_events(beats, 1),  # a row at least, also without a beat
        "known": (framed * mask).astype(np.float32),
        "mask": mask.astype(np.float32),
    }
    asked = Drawn(label, np.zeros(windows, np.int64), context, more)
    made = sampler.scaler.inverse(sampler.scaled(Inputs(asked, noise)), {})
    return np.asarray(made[:, drawn], np.float32)


def _frames_known(there: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """[lead, frame]: whether all samples of a frame are known; there: [lead, sample]."""
    edges = np.arange(frames + 1) * there.shape[1] / frames
    unknown = np.concatenate([np.zeros((len(there), 1)), np.cumsum(~there, 1)], 1)
    first, last = np.floor(edges[:-1]).astype(int), np.ceil(edges[1:] - 1e-9).astype(int)
    known: NDArray[np.bool_] = unknown[:, last] == unknown[:, first]
    return known


def bridged(row: NDArray[np.float32]) -> NDArray[np.float32]:
    """A lead whose missing samples lie on lines between their neighbours."""
    there = np.isfinite(row)
    if not there.any():
        return np.zeros_like(row)
    at = np.arange(len(row))
    return np.interp(at, at[there], row[there]).astype(np.float32)
