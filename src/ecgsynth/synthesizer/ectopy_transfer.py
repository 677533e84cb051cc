"""Rare beats of everybody: a synthesizer asked for classes in the style of people who had none."""

from __future__ import annotations

from ecgsynth.errors import EcgsynthError
from ecgsynth.synthesizer import Synthesizer


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
    prior = model.prior.everybody()
    changes = {"name": name, "id": "", "prior": prior.to_json(), "transplanted": True}
    card = model.card.model_copy(update=changes)
    return Synthesizer(model.generator, card)
