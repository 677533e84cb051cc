"""Rare beats of everybody: a synthesizer asked for classes in the style of people who had none."""

from __future__ import annotations

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.own_use import own_use_name
from ecgsynth.signals.prior import ContextPrior, Prior
from ecgsynth.synthesizer.card import Card


def transplant_card(card: Card, prior: Prior, name: str) -> Card:
    """The card of the same generator with the prior of everybody; see `Synthesizer.transplanted`.

    Raises
    ------
    EcgsynthError: the model has no codes of people, or is transplanted already.
    """
    if card.members or card.styles < 2 or not isinstance(prior, ContextPrior):
        raise EcgsynthError(
            f"{card.name} has no codes of people, so that no beat of one can be given to "
            "another; train a model with training.styles=true on a set that names its patients."
        )
    if card.transplanted:
        raise EcgsynthError(
            f"the rare beats of {card.name} are everybody's already; transplant the model "
            "that it came from."
        )
    name = own_use_name(name) if card.own_use else name
    changes = {"name": name, "id": "", "prior": prior.everybody().to_json(), "transplanted": True}
    return card.model_copy(update=changes)
