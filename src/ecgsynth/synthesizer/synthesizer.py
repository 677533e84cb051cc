"""A trained generator with its scaler, its context prior and its card: load, generate, save."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ecgsynth.arguments import (
    check_flag,
    check_integer,
    check_mapping,
    check_path,
    check_text,
    is_count,
    quote,
)
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.prior import Prior
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer import card_text
from ecgsynth.synthesizer.card import Card
from ecgsynth.synthesizer.ectopy_transfer import transplant_card
from ecgsynth.synthesizer.ensemble import EnsembleSampler, join
from ecgsynth.synthesizer.find import find_model
from ecgsynth.synthesizer.rates import with_rate
from ecgsynth.synthesizer.request import (
    check_context,
    check_people,
    check_seed,
    label_list,
    plan_classes,
)
from ecgsynth.synthesizer.sampler import NetworkSampler
from ecgsynth.synthesizer.weights import load, save
from ecgsynth.synthesizer.wording import read_wording

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger("ecgsynth")

GATHERED_BYTES = 64_000_000_000
"""Most signals that `generate` gathers in memory."""

CHUNK = 4096
"""Items that `stream` hands out at a time."""


class Synthesizer:
    """Makes labelled synthetic ECG in mV.

    Parameters
    ----------
    generator: a module of a registered family. card: what it is; carries spec, scaler, prior.

    Raises
    ------
    EcgsynthError: either is of another kind, or parts of the card do not fit together.
    """

    def __init__(self, generator: nn.Module, card: Card) -> None:
        self.sampler: NetworkSampler | EnsembleSampler = NetworkSampler(generator, card)

    @classmethod
    def of(cls, sampler: NetworkSampler | EnsembleSampler) -> Synthesizer:
        """The synthesizer that hands out what a sampler makes."""
        made = cls.__new__(cls)
        made.sampler = sampler
        return made

    def __repr__(self) -> str:
        return f"Synthesizer({card_text.summary(self.card)})"

    def _repr_markdown_(self) -> str:
        """The card in words, in a notebook."""
        return card_text.markdown(self.card)

    @property
    def card(self) -> Card:
        """What the model is, where it comes from, what it is for."""
        return self.sampler.card

    @property
    def spec(self) -> Spec:
        """Shape and meaning of the items that it makes."""
        return self.sampler.spec

    @property
    def prior(self) -> Prior:
        """Which classes it makes, and with which contexts."""
        return self.sampler.prior

    @property
    def generator(self) -> nn.Module:
        """Its one network.

        Raises
        ------
        EcgsynthError: it was joined of several.
        """
        if isinstance(self.sampler, EnsembleSampler):
            raise EcgsynthError(
                f"{self.card.name} was joined of {len(self.members)} models; take the generator of "
                "one of its members."
            )
        return self.sampler.generator

    @property
    def members(self) -> dict[str, Synthesizer]:
        """By class the synthesizers that it was joined of; none of a single network."""
        if isinstance(self.sampler, NetworkSampler):
            return {}
        return {name: Synthesizer.of(member) for name, member in self.sampler.members.items()}

    @classmethod
    def load(cls, model: str | Path) -> Synthesizer:
        """A shipped model by name, a `.safetensors` file, or a run folder.

        Raises
        ------
        EcgsynthError: not there, cut short, not a safetensors file of ours, of a newer schema, or
            weights that are not those that the card's `id` names.
        """
        return cls.of(load(find_model(model)))

    @staticmethod
    def join(models: Mapping[str, Synthesizer | str | Path], name: str = "joined") -> Synthesizer:
        """One synthesizer of several, each of which makes one class.

        Parameters
        ----------
        models: by class the synthesizer that makes it, or where `load` finds it.
        name: what the joined one is called.

        Raises
        ------
        EcgsynthError: no models, one that makes more than its class, models of different signals.
        """
        models = check_mapping(models, "what is joined", "{'S': 'runs/s', 'V': 'runs/v'}")
        loaded = {
            label: model if isinstance(model, Synthesizer) else Synthesizer.load(model)
            for label, model in models.items()
        }
        samplers = {label: model.sampler for label, model in loaded.items()}
        return Synthesizer.of(join(samplers, check_text(name, "the name")))

    def transplanted(self, name: str = "") -> Synthesizer:
        """The same generator, asked for its rare beats in the style of everybody it knows.

        On its own a model makes the ectopic beats of the people who have some, as often as these
        have them. The transplanted one makes them for all people alike, also for those who had
        none. They are as premature, against a person's mean RR, as in the people who have them.

        Parameters
        ----------
        name: what it is called; as before and "-transplanted" when left out.

        Raises
        ------
        EcgsynthError: the model has no codes of people, or is transplanted already.
        """
        name = check_text(name, "the name") or f"{self.card.name}-transplanted"
        card = transplant_card(self.card, self.prior, name)
        return Synthesizer(self.generator, card)

    def with_rate(self, fs: float) -> Synthesizer:
        """The same model, whose items have another sampling rate; same seed, same items.

        Parameters
        ----------
        fs: the rate, Hz, at least twice the upper end of the band.

        Raises
        ------
        EcgsynthError: the model makes one rate alone, was joined of several, or the rate is too
            low.
        """
        return Synthesizer.of(with_rate(self.sampler, fs))

    def read_text(self, text: str) -> tuple[str | None, dict[str, float]]:
        """The label and the contexts that words ask for, as `generate` takes them.

        Parameters
        ----------
        text: such as "woman of 70, AFIB with CRBBB, 90 bpm"; a label is a class or its usual name.

        Raises
        ------
        EcgsynthError: words that nobody knows, each named, or what this model does not make.
        """
        return read_wording(text, self.prior.classes, self.prior.contexts)

    @property
    def priors(self) -> list[Prior]:
        """Those that contexts are drawn from."""
        return self.sampler.priors

    def weights(self) -> dict[str, Tensor]:
        """All numbers of the generator by name, as they stand in a file."""
        return self.sampler.weights()

    @property
    def halved(self) -> bool:
        """Whether the weights lose nothing in 16 bits: those of a file that was saved so."""
        numbers = (value for value in self.weights().values() if value.is_floating_point())
        return all(bool((value.half() == value).all()) for value in numbers)

    def save(self, path: str | Path, half: bool = False) -> Path:
        """Write weights and card as one safetensors file (half: in 16 bits, for shipping).

        Raises
        ------
        EcgsynthError: the file cannot be written.
        """
        target = check_path(path)
        save(self.weights(), self.card, target, check_flag(half, "half"))
        return target

    def generate(
        self,
        count: int | Mapping[str, int],
        label: str | list[str] | None = None,
        seed: int = 0,
        context: Mapping[str, float | str] | None = None,
        people: int | None = None,
    ) -> Ecg:
        """Synthetic items as one `Ecg`; see `stream` for the parameters.

        Raises
        ------
        EcgsynthError: as `stream`, or more than a computer holds in memory.
        """
        label = label if label is None else label_list(label)
        total = plan_classes(self.sampler, count, label).total
        size = 4 * total * len(self.spec.leads) * self.spec.samples
        if size > GATHERED_BYTES:
            raise EcgsynthError(
                f"{total:,} items are {size / 1e9:,.0f} GB of signals, more than are held in "
                "memory; take them as `stream` hands them out."
            )
        return concatenate(list(self.stream(count, label, seed, context, people=people)))

    def stream(
        self,
        count: int | Mapping[str, int],
        label: str | list[str] | None = None,
        seed: int = 0,
        context: Mapping[str, float | str] | None = None,
        chunk: int = CHUNK,
        start: int = 0,
        stop: int | None = None,
        people: int | None = None,
    ) -> Iterator[Ecg]:
        """Synthetic items in chunks, so that a million never stand in memory at once.

        Parameters
        ----------
        count: how many; a mapping {"N": 1000, "S": 200} asks class by class.
        label: the class, or several that take turns, in a list or an array; all of them when left
            out.
        seed: same seed, same items, whatever `chunk` is.
        context: values to hold fixed, such as {"rr_before_s": 0.5}; the rest is drawn from the
            class's own distribution. Of contexts such as `database:svdb` also
            {"database": "svdb"}.
        chunk: how many at a time, in whole blocks.
        start, stop: only this slice of the whole set, so that several processes can share it.
        people: of so many synthetic people, who take turns in every class; `Ecg.patient` names
            them. Each has a style, a mean RR, a lead and a database of his own, and his normal and
            rare beats. Styles are drawn from a distribution over those of the training people.

        Raises
        ------
        EcgsynthError: unknown class or context, a count below 1, a context that is not a number,
            a seed out of range, a slice that holds nothing, more people than items of a class, a
            model without styles of people.
        """
        plan = plan_classes(self.sampler, count, label)
        fixed = check_context(self.sampler, context)
        seed, chunk = check_seed(seed), check_integer(chunk, "chunk", 1)
        end = plan.total if stop is None else stop
        if not is_count(start) or not is_count(end) or not start < end <= plan.total:
            raise EcgsynthError(
                f"a slice must lie within the {plan.total} items; got {quote(start)} to "
                f"{quote(end)}."
            )
        block = self.sampler.size
        size = max(block, chunk // block * block)
        persons = check_people(self.sampler, people, plan)
        everybody = None
        if persons is not None:
            assert isinstance(self.sampler, NetworkSampler)
            everybody = self.sampler.people(persons, seed, fixed)

        def make_block(first: int) -> Ecg:
            items = np.arange(first, first + block)
            if everybody is None:
                return self.sampler.block(first, plan.asked(items), seed, fixed)
            assert isinstance(self.sampler, NetworkSampler)
            whose = everybody[plan.person(items, len(everybody))]
            return self.sampler.block(first, plan.asked(items), seed, fixed, whose)

        def chunks() -> Iterator[Ecg]:
            for begin in range(start // block * block, end, size):
                last = min(begin + size, end)
                blocks = [make_block(first) for first in range(begin, last, block)]
                made = concatenate(blocks)
                cut = start > begin or last - begin < len(made)
                yield made[max(start - begin, 0) : last - begin] if cut else made

        return chunks()
