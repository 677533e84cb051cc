"""Rare beats of everybody: a synthesizer asked for classes in the style of people who had none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.prior import LEVELS, ContextPrior, Group
from ecgsynth.signals.segments import RR
from ecgsynth.synthesizer import Synthesizer

PACE = ("rr_mean_s", "rr_before_s")
"""By which a person's pace is known, the best first."""


def transplant(model: Synthesizer, name: str) -> Synthesizer:
    """The same generator with another prior; see `Synthesizer.transplanted`."""
    if model.card.members or model.card.styles < 2:
        raise EcgsynthError(
            f"{model.card.name} has no codes of people, so that no beat of one can be given to "
            "another; train a model with training.styles=true on a set that names its patients."
        )
    if model.card.transplanted:
        raise EcgsynthError(
            f"the rare beats of {model.card.name} are everybody's already; transplant the model "
            "that it came from."
        )
    prior = everybody(model.prior)
    changes = {"name": name, "id": "", "prior": prior.to_json(), "transplanted": True}
    card = model.card.model_copy(update=changes)
    return Synthesizer(model.generator, card)


def everybody(prior: ContextPrior) -> ContextPrior:
    """A prior in which every class is of all people alike.

    The class that most people have stays as it is and says at what pace each of them goes. In
    every other class a person takes over the RR intervals of each who has such beats, as often as
    these have them, stretched to the own pace: an early beat is as early for its heart as before.
    """
    home = max(prior.groups.values(), key=len)
    column = next((prior.spec.context.index(c) for c in PACE if c in prior.spec.context), None)
    times = [k for k, context in enumerate(prior.spec.context) if context in RR]

    def pace(group: Group) -> float:
        return 1.0 if column is None else float(np.interp(0.5, LEVELS, group.quantiles[column]))

    at_home = {group.style: pace(group) for group in home}

    def given(donor: Group, style: int) -> Group:
        quantiles = donor.quantiles.copy()
        quantiles[times] *= at_home[style] / at_home.get(donor.style, pace(donor))
        return Group(style, donor.share / len(home), quantiles, donor.correlation)

    groups = {
        name: own if own is home else tuple(given(d, s) for s in at_home for d in own)
        for name, own in prior.groups.items()
    }
    return replace(prior, groups=groups)
