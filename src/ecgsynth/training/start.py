"""A training that begins with the weights of another model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ecgsynth.config import Training
from ecgsynth.errors import EcgsynthError
from ecgsynth.models.layers.condition_weights import Tables, fit_condition
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import Prior
from ecgsynth.signals.scaling import Scaler, fit_scaler, scaler_from_json
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer import Card, Synthesizer
from ecgsynth.training.data.training_set import TrainingSet
from ecgsynth.training.person_styles import find_styles


@dataclass(frozen=True)
class Start:
    """What a generator brings from the model that it began with.

    examples, core_seconds: that its training took. facts: as the card keeps them. own_use: whether
    that model must not be shared.
    """

    examples: int = 0
    core_seconds: float = 0.0
    facts: dict[str, str] = field(default_factory=dict)
    own_use: bool = False

    @classmethod
    def of_run(cls, folder: Path, examples: int, core_seconds: float) -> Start:
        """What a run began with that is resumed; its model need not be there any more.

        examples, core_seconds: of the run itself.
        """
        card = _card_of_run(folder)
        if card is None or not card.started_from:
            return cls()
        return cls(
            card.examples_seen - examples,
            card.core_seconds - core_seconds,
            card.started_from,
            card.own_use,
        )


def _card_of_run(folder: Path) -> Card | None:
    path = folder / "card.json"
    return Card.model_validate_json(path.read_text()) if path.is_file() else None


def choose_scaler(settings: Training, data: Ecg, resumed: Path | None) -> Scaler:
    """The scaler of a training: fitted to its set, or with `training.adapt` that of the model which
    it begins with, whose weights are for no other.

    resumed: the folder of a run that is resumed.

    Raises
    ------
    EcgsynthError: see `fit_scaler` and `Synthesizer.load`.
    """
    if not settings.adapt:
        return fit_scaler(settings.scaler, data)
    fit_scaler(settings.scaler, data)  # refuses flat signals
    card = _card_of_run(resumed) if resumed else None
    return scaler_from_json((card or Synthesizer.load(settings.start).card).scaler)


def start_weights(
    generator: nn.Module,
    model: str,
    family: Any,
    spec: Spec,
    adapt_to: tuple[TrainingSet, Prior, int] | None = None,
) -> Start:
    """Give a generator the weights of a model; "" leaves it as it is.

    family: of the generator; one that has `fit_weights` takes those of other leads and labels.
    spec: of what the generator makes. adapt_to: the training set, its prior and its count of
    styles, where the weights are to be fitted to these (`training.adapt`).

    Raises
    ------
    EcgsynthError: the model cannot be read, or its weights are of other names or shapes.
    """
    if not model:
        return Start()
    other = Synthesizer.load(model)
    given, own, before = other.weights(), generator.state_dict(), other.spec
    if adapt_to is not None:
        given = _adapted(given, other, spec, *adapt_to)
        before = replace(before, classes=spec.classes, context=spec.context)
    if all(hasattr(one, "fit_weights") for one in (family, getattr(other.sampler, "family", None))):
        given = family.fit_weights(given, before, spec)
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
    return Start(card.examples_seen, card.core_seconds, facts, card.own_use)


def _adapted(
    weights: dict[str, Tensor],
    model: Synthesizer,
    spec: Spec,
    items: TrainingSet,
    prior: Prior,
    styles: int,
) -> dict[str, Tensor]:
    """The weights of a model for the classes, the contexts and the people of a set."""
    before, after = _tables(model.spec, model.prior), _tables(spec, prior)
    found = find_styles(model, items) if styles or model.card.styles else None
    return fit_condition(weights, before, after, found)


def _tables(spec: Spec, prior: Any) -> Tables:
    return Tables(spec, prior.mean, prior.sd)
