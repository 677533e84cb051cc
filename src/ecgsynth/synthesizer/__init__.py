"""A trained generator with its scaler, its context prior and its card: load, generate, save."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import (
    MOST,
    flag,
    instance,
    is_count,
    listed,
    mapping,
    place,
    plain,
    shown,
    text,
    whole,
)
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError, did_you_mean, reason_of
from ecgsynth.registry import MODELS
from ecgsynth.signals.ecg import SYNTHETIC, Ecg, concatenate, one_hot
from ecgsynth.signals.prior import ContextPrior, usual
from ecgsynth.signals.scaling import VALID, masked, scaler_from_json
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer.card import Card as Card
from ecgsynth.synthesizer.find import find_model
from ecgsynth.synthesizer.find import pretrained as pretrained
from ecgsynth.synthesizer.inputs import Drawn, Plan, checked_seed, counter_uniform

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger("ecgsynth")

BLOCK = 256
"""Items computed together, always in the same blocks: an item's numbers then depend neither on
how many are asked for nor on how they are handed out."""

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
        if not hasattr(generator, "latent"):
            raise EcgsynthError(
                "a generator is a module of a registered family, as Synthesizer.load has it; got "
                f"{shown(generator)}."
            )
        self.generator = generator.eval()
        self.card = instance(card, Card, "a card is a Card, as that of a Synthesizer")
        self.spec = Spec.from_json(card.spec)
        try:
            self.scaler = scaler_from_json(card.scaler)
        except (KeyError, TypeError, ValueError) as problem:
            raise EcgsynthError(
                f"the card of {card.name} is damaged: its scaler cannot be read "
                f"({reason_of(problem)}); train it again."
            ) from None
        self.prior = ContextPrior.from_json(self.spec, card.prior)
        known = self.spec.classes or ("",)
        for name in self.prior.classes:
            if name not in known:
                raise EcgsynthError(
                    f"the card of {card.name} is damaged: its prior makes class {shown(name)}, and "
                    f"its spec has {', '.join(map(shown, known))}; train or join it again."
                )
        self._refuse_prior_of_another()

    def _refuse_prior_of_another(self) -> None:
        """
        Raises
        ------
        EcgsynthError: the prior draws styles that the generator has not, or lacks what the scaler
            needs.
        """
        codes = max(self.card.styles, 1)
        drawn = [code for law in self.prior.classes.values() for code in law.styles]
        odd = [code for code in drawn if not 0 <= code < codes]
        lacks = [name for name in self.scaler.hides if name not in self.prior.hidden]
        if odd or lacks:
            why = f"style {odd[0]} of {codes}" if odd else f"no {lacks[0]}, which its scaler needs"
            raise EcgsynthError(
                f"the card of {self.card.name} is damaged: its prior has {why}; train it again."
            )

    @classmethod
    def load(cls, model: str | Path) -> Synthesizer:
        """A shipped model by name, a `.safetensors` file, or a run folder.

        Raises
        ------
        EcgsynthError: not there, cut short, not a safetensors file of ours, of a newer schema, or
            weights that are not those that the card's `id` names.
        """
        from ecgsynth.synthesizer.weights import load

        return load(find_model(model))

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
        from ecgsynth.synthesizer.ensemble import join

        models = mapping(models, "what is joined", "{'S': 'runs/s', 'V': 'runs/v'}")
        loaded = {
            label: model if isinstance(model, Synthesizer) else Synthesizer.load(model)
            for label, model in models.items()
        }
        return join(loaded, text(name, "the name"))

    def transplanted(self, name: str = "") -> Synthesizer:
        """The same generator, asked for its rare beats in the style of everybody it knows.

        On its own a model makes the ectopic beats of the people who have some, as often as these
        have them. This one makes them of all people alike, also of those who never had any, as
        premature against a person's own mean RR as they are in those who have them.

        Parameters
        ----------
        name: what it is called; as before and "-transplanted" when left out.

        Raises
        ------
        EcgsynthError: the model has no codes of people, or is transplanted already.
        """
        from ecgsynth.synthesizer.ectopy_transfer import transplant

        return transplant(self, text(name, "the name") or f"{self.card.name}-transplanted")

    @property
    def priors(self) -> list[ContextPrior]:
        """Those that contexts are drawn from."""
        return [self.prior]

    def weights(self) -> dict[str, Tensor]:
        """All numbers of the generator by name, as they stand in a file."""
        return self.generator.state_dict()

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
        from ecgsynth.synthesizer.weights import save

        target = place(path)
        save(self.weights(), self.card, target, flag(half, "half"))
        return target

    def generate(
        self,
        count: int | Mapping[str, int],
        label: str | list[str] | None = None,
        seed: int = 0,
        context: Mapping[str, float] | None = None,
    ) -> Ecg:
        """Synthetic items as one `Ecg`; see `stream` for the parameters.

        Raises
        ------
        EcgsynthError: as `stream`, or more than a computer holds in memory.
        """
        label = label if label is None else _in_turn(label)
        total = self._plan(count, label).total
        size = 4 * total * len(self.spec.leads) * self.spec.samples
        if size > GATHERED_BYTES:
            raise EcgsynthError(
                f"{total:,} items are {size / 1e9:,.0f} GB of signals, more than are held in "
                "memory; take them as `stream` hands them out."
            )
        return concatenate(list(self.stream(count, label, seed, context)))

    def stream(
        self,
        count: int | Mapping[str, int],
        label: str | list[str] | None = None,
        seed: int = 0,
        context: Mapping[str, float] | None = None,
        chunk: int = CHUNK,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[Ecg]:
        """Synthetic items in chunks, so that a million never stand in memory at once.

        Parameters
        ----------
        count: how many; a mapping {"N": 1000, "S": 200} asks class by class.
        label: the class, or several that take turns, in a list or an array; all of them when left
            out.
        seed: same seed, same items, whatever `chunk` is.
        context: values to hold fixed, such as {"rr_before_s": 0.5}; the rest is drawn from the
            class's own distribution.
        chunk: how many at a time, in whole blocks of BLOCK.
        start, stop: only this slice of the whole set, so that several processes can share it.

        Raises
        ------
        EcgsynthError: unknown class or context, a count below 1, a context that is not a number,
            a seed out of range, a slice that holds nothing.
        """
        plan = self._plan(count, label)
        fixed = self._checked_context(context)
        seed, chunk = checked_seed(seed), whole(chunk, "chunk", 1)
        end = plan.total if stop is None else stop
        if not is_count(start) or not is_count(end) or not start < end <= plan.total:
            raise EcgsynthError(
                f"a slice must lie within the {plan.total} items; got {shown(start)} to "
                f"{shown(end)}."
            )
        size = max(BLOCK, chunk // BLOCK * BLOCK)

        def chunks() -> Iterator[Ecg]:
            for begin in range(start // BLOCK * BLOCK, end, size):
                last = min(begin + size, end)
                blocks = [
                    self._block(first, plan.labels(np.arange(first, first + BLOCK)), seed, fixed)
                    for first in range(begin, last, BLOCK)
                ]
                yield concatenate(blocks)[max(start - begin, 0) : last - begin]

        return chunks()

    def _block(
        self, first: int, labels: NDArray[np.int64], seed: int, fixed: dict[str, float]
    ) -> Ecg:
        """Items first ... first + BLOCK - 1, always computed as one full batch; labels: [BLOCK]."""
        drawn = self._drawn(first, labels, seed, fixed)
        return self._made(drawn, self._scaled(drawn))

    def _drawn(
        self, first: int, labels: NDArray[np.int64], seed: int, fixed: dict[str, float]
    ) -> Drawn:
        """All that is random in a block."""
        from scipy.special import ndtri

        width = self.prior.uniforms
        latent_size = int(getattr(self.generator, "latent"))  # noqa: B009
        uniform = counter_uniform(seed, first, BLOCK, width + latent_size)
        style = np.zeros(BLOCK, np.int64)
        drawn = np.zeros((BLOCK, len(self.prior.columns.names)))
        for k in np.unique(labels):
            rows = labels == k
            name = self.spec.classes[k] if self.spec.classes else ""
            style[rows], drawn[rows] = self.prior.draw(name, uniform[rows, :width], fixed)
        latent = ndtri(uniform[:, width:]).astype(np.float32)
        return Drawn(one_hot(labels, len(self.spec.classes)), style, drawn, latent)

    def _scaled(self, drawn: Drawn) -> NDArray[np.float32]:
        """[item, lead, sample] as the network gives it, before its scale is undone."""
        import torch

        from ecgsynth.condition import Condition

        context = drawn.context[:, : len(self.spec.context)]
        condition = Condition(
            torch.from_numpy(drawn.label),
            torch.from_numpy(self.prior.standardise(context)),
            torch.from_numpy(drawn.style),
        )
        device = next(self.generator.parameters()).device
        latent = torch.from_numpy(drawn.latent)
        family = MODELS.get(self.card.run["model"]["name"])
        with torch.inference_mode():
            scaled = family.sample(self.generator, latent.to(device), condition.to(device))
        numbers: NDArray[np.float32] = scaled.float().cpu().numpy()
        return numbers

    def _made(self, drawn: Drawn, scaled: NDArray[np.float32]) -> Ecg:
        """The items in mV; scaled: [item, lead, sample], as the network gave them."""
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
        return Ecg(
            signal=masked(np.round(signal, 3), valid),  # to 1 uV
            spec=self.spec,
            label=drawn.label,
            context=known,
            valid=valid,
            source=SYNTHETIC + (self.card.id or self.card.name),
            card=self.card.model_dump(),
        )

    def _plan(self, count: int | Mapping[str, int], label: str | list[str] | None) -> Plan:
        if isinstance(count, Mapping):
            if label is not None:
                raise EcgsynthError("give counts per class or a label, not both.")
            turns = np.array([self._class(name) for name in count], np.int64)
            known = all(is_count(number) for number in count.values())
            if not known or not 1 <= sum(map(int, count.values())) <= MOST:
                raise EcgsynthError(
                    "counts must be whole numbers, at least one of them above 0; got "
                    f"{shown(count)}."
                )
            ends = np.cumsum([int(number) for number in count.values()])
            return Plan(turns, int(ends[-1]), ends)
        if not is_count(count) or not 1 <= count <= MOST:
            raise EcgsynthError(
                f"the count must be a whole number of at least 1; got {shown(count)}."
            )
        names = list(self.prior.classes) if label is None else _in_turn(label)
        return Plan(np.array([self._class(name) for name in names], np.int64), int(count))

    def _class(self, name: str) -> int:
        if not isinstance(name, str):
            raise EcgsynthError(
                f"{self.card.name} knows no class {shown(name)}; a class is named by a text."
                f"{did_you_mean(name, self.prior.classes)}"
            )
        if name in self.card.left_out:
            raise EcgsynthError(
                f"{self.card.name} does not make class '{name}': {self.card.left_out[name]}. "
                f"It makes {', '.join(self.prior.classes)}."
            )
        if name and not self.spec.classes:
            raise EcgsynthError(f"{self.card.name} makes no classes; leave '{name}' out.")
        if name not in self.prior.classes:
            hint = did_you_mean(name, self.prior.classes)
            raise EcgsynthError(
                f"{self.card.name} knows no class {shown(name)}.{hint}"
                if name
                else f"{self.card.name} has classes; choose from {', '.join(self.prior.classes)}."
            )
        return self.spec.classes.index(name) if self.spec.classes else -1

    def _checked_context(self, context: Mapping[str, float] | None) -> dict[str, float]:
        given = mapping({} if context is None else context, "context", "{'rr_before_s': 0.5}")
        for key, value in given.items():
            if key not in self.spec.context:
                raise EcgsynthError(
                    f"{self.card.name} knows no context {shown(key)}."
                    f"{did_you_mean(key, self.spec.context)}"
                )
            number = plain(value)
            if number is None or not abs(number) <= float(np.finfo(np.float32).max):
                raise EcgsynthError(
                    f"the context '{key}' must be a finite number; got {shown(value)}."
                )
            if key.endswith("_s") and value <= 0:
                raise EcgsynthError(f"the context '{key}' is a time: above 0 s; got {value:g}.")
            low, _, high = usual(self.priors)[key]
            if np.isnan(low):
                log.warning("no training item had a number for '%s'; it changes nothing.", key)
            elif not low <= value <= high:
                log.warning(
                    "%s=%g lies outside what was learned (%.2f to %.2f); do not trust such beats.",
                    key, value, low, high,
                )  # fmt: skip
        return {key: float(value) for key, value in given.items()}


def _in_turn(label: str | Iterable[str]) -> list[str]:
    """The classes that take turns; label: one, or several."""
    if isinstance(label, np.ndarray):
        label = label.tolist()
    if isinstance(label, str):
        return [label]
    names = listed(label)
    if not names:
        raise EcgsynthError(
            "label is a class, or several that take turns, as in 'V' or ['N', 'V']; got "
            f"{shown(label)}."
        )
    return names


def build_generator(card: Card) -> nn.Module:
    """The card's generator with random weights."""
    run = Run.from_dict(card.run)
    family = MODELS.get(run.model.name)
    spec = Spec.from_json(card.spec)
    generator: nn.Module = family.generator(run.model_settings(styles=card.styles), spec)
    return generator
