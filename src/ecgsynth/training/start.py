"""A training that begins with the weights of another model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer import Card, Synthesizer


@dataclass(frozen=True)
class Start:
    """What a generator brings from the model that it began with.

    examples, core_seconds: that its training took. facts: as the card keeps them.
    """

    examples: int = 0
    core_seconds: float = 0.0
    facts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_run(cls, folder: Path, examples: int, core_seconds: float) -> Start:
        """What a run began with that is resumed; its model need not be there any more.

        examples, core_seconds: of the run itself.
        """
        path = folder / "card.json"
        if not path.is_file():
            return cls()
        card = Card.model_validate_json(path.read_text())
        if not card.started_from:
            return cls()
        return cls(
            card.examples_seen - examples, card.core_seconds - core_seconds, card.started_from
        )


def start_weights(generator: nn.Module, model: str, family: Any, spec: Spec) -> Start:
    """Give a generator the weights of a model; "" leaves it as it is.

    family: of the generator; one that has `fit_weights` takes those of other leads and labels.
    spec: of what the generator makes.

    Raises
    ------
    EcgsynthError: the model cannot be read, or its weights are of other names or shapes.
    """
    if not model:
        return Start()
    other = Synthesizer.load(model)
    given, own = other.weights(), generator.state_dict()
    if all(hasattr(one, "fit_weights") for one in (family, getattr(other.sampler, "family", None))):
        given = family.fit_weights(given, other.spec, spec)
    odd = next(
        (
            name
            for name in sorted({*given, *own})
            if name not in given or name not in own or given[name].shape != own[name].shape
        ),
        None,
    )
    if odd is not None:
        had, wanted = (
            "none" if odd not in part else "x".join(map(str, part[odd].shape))
            for part in (given, own)
        )
        raise EcgsynthError(
            f"training.start={model}: its weights do not fit this model ({odd} is {had}, and must "
            f"be {wanted}); train with the same model settings, leads, classes and contexts."
        )
    generator.load_state_dict(given)
    card = other.card
    facts = {"id": card.id or card.name, "source": str(card.data.get("source", "unknown"))}
    return Start(card.examples_seen, card.core_seconds, facts)
