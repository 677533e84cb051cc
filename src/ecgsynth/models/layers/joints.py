"""A known part and what a network draws around it, joined without a step."""

from __future__ import annotations

import torch
from torch import Tensor


def join_known(drawn: Tensor, known: Tensor, mask: Tensor, reach: float) -> Tensor:
    """[batch, lead, frame]: the known part where the mask is 1, what was drawn elsewhere.

    A network draws the known part too, not exactly. Its error where the known part ends is taken
    off what follows, less and less with the distance; so there is no step.

    drawn, known, mask: [batch, lead, frame]. reach: frames after which a third of the error is
    left.
    """
    there = mask > 0
    error = torch.where(there, known - drawn, 0.0)
    before, away = _nearest(error, there)
    after, gone = (one.flip(-1) for one in _nearest(error.flip(-1), there.flip(-1)))
    near = away / (away + gone).clamp_min(1)  # 0 at the known part before, 1 at the one after
    near = torch.where(torch.isinf(away), 1.0, torch.where(torch.isinf(gone), 0.0, near))
    correction = (1 - near) * before * torch.exp(-away / reach) + near * after * torch.exp(
        -gone / reach
    )
    return torch.where(there, known, drawn + correction)


def _nearest(error: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """The error at the last known frame, and frames since then: infinite where there is none."""
    at = torch.arange(error.shape[-1], device=error.device).expand(error.shape)
    last = torch.where(there, at, -1).cummax(-1).values
    value = error.gather(-1, last.clamp_min(0)) * (last >= 0)
    return value, torch.where(last >= 0, (at - last).to(error), torch.inf)
