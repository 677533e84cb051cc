"""One network with its scaler and its prior of contexts: items in mV, block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_instance, quote
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError, reason_of
from ecgsynth.registry import MODELS
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.events import marks_of
from ecgsynth.signals.prior import ContextPrior, Drawn, Prior
from ecgsynth.signals.prior.people import People, draw_of_people, draw_people, uniforms_of
from ecgsynth.signals.scaling import VALID, scaler_from_json, zero_padding
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS, LEADS_12, twelve_leads
from ecgsynth.synthesizer.card import Card
from ecgsynth.synthesizer.inputs import OF_PEOPLE, Inputs, counter_uniform
from ecgsynth.synthesizer.prior import prior_from_json

if TYPE_CHECKING:
    from torch import Tensor, nn


class NetworkSampler:
    """Draws what a network is asked for, and makes mV of what it gives.

    Parameters
    ----------
    generator: a module of a registered family. card: what it is; carries spec, scaler, prior.

    Raises
    ------
    EcgsynthError: either is of another kind, or parts of the card do not fit together.
    """

    def __init__(self, generator: nn.Module, card: Card) -> None:
        if not hasattr(generator, "latent"):
            raise EcgsynthError(
                "a generator is a module of a registered family, as Synthesizer.load has it; got "
                f"{quote(generator)}."
            )
        self.generator = generator.eval()
        self.card = check_instance(card, Card, "a card is a Card, as that of a Synthesizer")
        self.spec = Spec.from_json(card.spec)
        try:
            self.scaler = scaler_from_json(card.scaler)
        except (KeyError, TypeError, ValueError) as problem:
            raise EcgsynthError(
                f"the card of {card.name} is damaged: its scaler cannot be read "
                f"({reason_of(problem)}); train it again."
            ) from None
        self.prior = prior_from_json(self.spec, card.prior)
        self.family = _family_of(card)
        # Items are computed in the same blocks always: an item's numbers then depend neither on how
        # many are asked for nor on how they are handed out.
        self.size: int = self.family.block
        known = self.spec.classes or ("",)
        for name in self.prior.classes:
            if name not in known:
                raise EcgsynthError(
                    f"the card of {card.name} is damaged: its prior makes class {quote(name)}, and "
                    f"its spec has {', '.join(map(quote, known))}; train or join it again."
                )
        self._refuse_prior_of_another()

    def _refuse_prior_of_another(self) -> None:
        """Check that prior, generator and scaler belong together.

        Raises
        ------
        EcgsynthError: the prior draws styles that the generator has not, or lacks what the scaler
            needs.
        """
        codes = max(self.card.styles, 1)
        odd = [code for code in self.prior.styles if not 0 <= code < codes]
        lacks = [name for name in self.scaler.hides if name not in self.prior.hidden]
        if odd or lacks:
            why = f"style {odd[0]} of {codes}" if odd else f"no {lacks[0]}, which its scaler needs"
            raise EcgsynthError(
                f"the card of {self.card.name} is damaged: its prior has {why}; train it again."
            )

    @property
    def priors(self) -> list[Prior]:
        """Those that contexts are drawn from."""
        return [self.prior]

    def weights(self) -> dict[str, Tensor]:
        """All numbers of the generator by name, as they stand in a file."""
        return self.generator.state_dict()

    def people(self, count: int, seed: int, fixed: Mapping[str, float]) -> People:
        """Synthetic people, each of whom depends on the seed and his number alone.

        Raises
        ------
        EcgsynthError: too few people that the model learned from have the fixed contexts together.
        """
        assert isinstance(self.prior, ContextPrior)
        uniform = counter_uniform(seed + OF_PEOPLE, 0, count, uniforms_of(self.prior))
        return draw_people(self.prior, uniform, fixed, self.card.styles)

    def block(
        self,
        first: int,
        asked: NDArray[np.str_],
        seed: int,
        fixed: dict[str, float],
        people: People | None = None,
    ) -> Ecg:
        """Items first ... first + size - 1, always computed as one full batch.

        asked: [size], the class of each. people: [size], the synthetic person of each.
        """
        inputs = self.draw(first, asked, seed, fixed, people)
        made = self.items(inputs, self.scaled(inputs))
        return made if people is None else replace(made, patient=people.names)

    def draw(
        self,
        first: int,
        asked: NDArray[np.str_],
        seed: int,
        fixed: dict[str, float],
        people: People | None = None,
    ) -> Inputs:
        """All that is random in a block."""
        from scipy.special import ndtri

        width = self.prior.uniforms
        latent_size = int(getattr(self.generator, "latent"))  # noqa: B009
        uniform = counter_uniform(seed, first, self.size, width + latent_size)
        names, kind = np.unique(asked, return_inverse=True)
        parts, rows = [], []
        for k, name in enumerate(names):
            rows.append(np.flatnonzero(kind == k))
            own = uniform[rows[-1], :width]
            if people is None:
                parts.append(self.prior.draw(str(name), own, fixed))
            else:
                assert isinstance(self.prior, ContextPrior)
                whose = people[rows[-1]]
                parts.append(draw_of_people(self.prior, str(name), own, fixed, whose))
        drawn = Drawn.cat(parts)[np.argsort(np.concatenate(rows))]
        return Inputs(drawn, ndtri(uniform[:, width:]).astype(np.float32))

    def scaled(self, inputs: Inputs) -> NDArray[np.float32]:
        """[item, lead, sample] as the network gives it, before its scale is undone."""
        import torch

        from ecgsynth.condition import Condition

        drawn = inputs.drawn
        context = self.prior.standardise(drawn.context[:, : len(self.spec.context)])
        condition = Condition(
            torch.from_numpy(drawn.label),
            torch.from_numpy(context),
            torch.from_numpy(drawn.style),
            {name: torch.from_numpy(values) for name, values in drawn.more.items()},
        )
        device = next(self.generator.parameters()).device
        latent = torch.from_numpy(inputs.latent)
        with torch.inference_mode():
            scaled = self.family.sample(self.generator, latent.to(device), condition.to(device))
        numbers: NDArray[np.float32] = scaled.float().cpu().numpy()
        return numbers

    def items(self, inputs: Inputs, scaled: NDArray[np.float32]) -> Ecg:
        """The items in mV; scaled: [item, lead, sample], as the network gave them."""
        drawn = inputs.drawn
        context, hidden = np.split(drawn.context, [len(self.spec.context)], 1)
        by_name = dict(zip(self.prior.hidden, hidden.T, strict=True))
        with np.errstate(over="ignore"):
            signal, known = self.scaler.inverse(scaled, by_name), context.astype(np.float32)
        if not np.isfinite(signal).all() or np.isinf(known).any():
            raise EcgsynthError(
                f"{self.card.name} makes numbers that no ECG has (NaN or infinity): its card or "
                "its weights are damaged; train it again."
            )
        valid = None
        if VALID in by_name:
            valid = by_name[VALID].round().clip(1, self.spec.samples).astype(np.int32)
        signal = zero_padding(np.round(signal, 3), valid)  # to 1 uV
        if "events" in self.family.takes and self.spec.leads == LEADS_12:
            made = [LEADS_12.index(name) for name in INDEPENDENT_LEADS]
            signal = twelve_leads(signal[:, made])  # so that Einthoven's law holds exactly
        events = drawn.more.get("events")
        return Ecg(
            signal=signal,
            spec=self.spec,
            label=drawn.label,
            context=known,
            valid=valid,
            marks=None if events is None else marks_of(events, self.spec.fs),
            source=SYNTHETIC + (self.card.id or self.card.name),
            card=self.card.model_dump(),
        )


def _family_of(card: Card) -> Any:
    """The registered family that a card names.

    Raises
    ------
    EcgsynthError: it names none.
    """
    model = card.run.get("model")
    if not isinstance(model, Mapping) or "name" not in model:
        raise EcgsynthError(
            f"the card of {card.name} is damaged: its run names no model; train it again."
        )
    return MODELS.get(model["name"])


def build_generator(card: Card) -> nn.Module:
    """The card's generator with random weights."""
    run = Run.from_dict(card.run)
    family = MODELS.get(run.model.name)
    spec = Spec.from_json(card.spec)
    generator: nn.Module = family.generator(run.model_settings(styles=card.styles), spec)
    return generator
