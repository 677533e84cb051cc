"""Several networks as one sampler, one a class: the families that are trained class by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import SYNTHETIC, Ecg, one_hot
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.prior import ContextPrior, Prior
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer.card import Card, card_from_json
from ecgsynth.synthesizer.sampler import NetworkSampler, build_generator

if TYPE_CHECKING:
    from torch import Tensor


class EnsembleSampler:
    """Every class is made by its own member; in a file its weights begin with the class and "/".

    Parameters
    ----------
    members: by class the sampler that makes it. card: of all of them together.
    """

    def __init__(self, members: Mapping[str, NetworkSampler], card: Card) -> None:
        self.members = dict(members)
        self.card = card
        self.spec = Spec.from_json(card.spec)
        # Only to know which classes and contexts there are: each member draws from its own.
        classes = {
            name: member.prior.classes[name]
            for name, member in self.members.items()
            if isinstance(member.prior, ContextPrior)
        }
        self.prior: Prior = ContextPrior(self.spec, classes, np.zeros(0), np.zeros(0))
        self.size = max(member.size for member in self.members.values())

    @property
    def priors(self) -> list[Prior]:
        """The prior of each member."""
        return [member.prior for member in self.members.values()]

    def weights(self) -> dict[str, Tensor]:
        """The weights of all members, by name."""
        return {
            f"{name}/{key}": value
            for name, member in self.members.items()
            for key, value in member.weights().items()
        }

    def block(self, first: int, asked: NDArray[np.str_], seed: int, fixed: dict[str, float]) -> Ecg:
        """Each member makes the whole block and gives the items of its class: an item is then the
        same whatever other classes are asked for."""
        parts = []
        for name in map(str, np.unique(asked)):
            rows, member = np.flatnonzero(asked == name), self.members[name]
            own = np.full(self.size, name)
            parts.append((name, rows, member.block(first, own, seed, fixed)[rows]))
        return self.assemble(parts)

    def assemble(self, parts: Sequence[tuple[str, NDArray[np.int64], Ecg]]) -> Ecg:
        """One set of what the members made; parts: class, places of its items in the set, items."""
        made = []
        for name, places, items in parts:
            label = one_hot(np.full(len(places), self.spec.class_index(name)), len(self.members))
            made.append(replace(items, spec=self.spec, label=label))
        whole = concatenate(made)[np.argsort(np.concatenate([places for _, places, _ in parts]))]
        source = SYNTHETIC + (self.card.id or self.card.name)
        return replace(whole, source=source, card=self.card.model_dump())


Sampler = NetworkSampler | EnsembleSampler


def join(models: Mapping[str, Sampler], name: str) -> EnsembleSampler:
    """One sampler of several; see `Synthesizer.join`."""
    if not models:
        raise EcgsynthError("there is nothing to join; name at least one trained model.")
    for label, model in models.items():
        if list(model.prior.classes) != [label] or not label:
            raise EcgsynthError(
                f"{model.card.name} makes {', '.join(model.prior.classes) or 'no class'}, not "
                f"class '{label}' alone; join models that make one class each."
            )
    first = next(iter(models.values()))
    for model in models.values():
        _check_alike(first, model)
    spec = replace(first.spec, classes=tuple(models))
    cards = [model.card for model in models.values()]
    made_by_none = {
        label: why for card in cards for label, why in card.left_out.items() if label not in models
    }
    card = Card(
        name=name,
        run={},
        spec=spec.to_json(),
        scaler={},
        prior={},
        members={label: model.card.model_dump(mode="json") for label, model in models.items()},
        data=_joined_data(models),
        examples_seen=sum(card.examples_seen for card in cards),
        core_seconds=sum(card.core_seconds for card in cards),
        versions=cards[0].versions,
        left_out=made_by_none,
    )
    return EnsembleSampler({name: _single_network(one) for name, one in models.items()}, card)


def _single_network(sampler: Sampler) -> NetworkSampler:
    """The one network of a sampler that makes one class."""
    if isinstance(sampler, NetworkSampler):
        return sampler
    return next(iter(sampler.members.values()))


def build_sampler(card: Card, weights: Mapping[str, Tensor]) -> Sampler:
    """The sampler that a card describes, with these weights.

    Raises
    ------
    EcgsynthError: a member has no weights. RuntimeError and others: they do not fit the card.
    """
    if not card.members:
        generator = build_generator(card)
        generator.load_state_dict(weights)
        return NetworkSampler(generator, card)
    members = {}
    for label, content in card.members.items():
        head = f"{label}/"
        own = {n.removeprefix(head): v for n, v in weights.items() if n.startswith(head)}
        if not own:
            raise EcgsynthError(
                f"the weights of class '{label}' are missing from {card.name}; join it again."
            )
        members[label] = _single_network(build_sampler(card_from_json(content), own))
    return EnsembleSampler(members, card)


def _check_alike(first: Sampler, other: Sampler) -> None:
    """Refuse models whose signals cannot stand in one set."""
    for part in fields(Spec):
        first_value, other_value = getattr(first.spec, part.name), getattr(other.spec, part.name)
        if part.name != "classes" and first_value != other_value:
            raise EcgsynthError(
                f"{first.card.name} and {other.card.name} cannot be joined: their {part.name} "
                f"differ ({first_value} and {other_value}); train both on signals cut alike."
            )


def _joined_data(models: Mapping[str, Sampler]) -> dict[str, Any]:
    """What the members learned from, class by class."""
    parts = [model.card.data for model in models.values()]

    def all_of(key: str) -> str:
        return "; ".join(dict.fromkeys(str(part.get(key, "unknown")) for part in parts))

    return {
        "source": all_of("source"),
        "licence": all_of("licence"),
        "citation": all_of("citation"),
        "public": all(part.get("public", False) for part in parts),
        "classes": {
            label: model.card.data.get("classes", {}).get(label, {})
            for label, model in models.items()
        },
    }
