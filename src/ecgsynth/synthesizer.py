"""A trained generator with its scaler, its context prior and its card: load, generate, save."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.files import written_beside
from ecgsynth.registry import MODELS
from ecgsynth.signals.ecg import SYNTHETIC, Ecg, Spec, concatenate, one_hot
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.scaling import GlobalScaler

if TYPE_CHECKING:
    from torch import nn

log = logging.getLogger("ecgsynth")

SCHEMA = 1
"""Version of the card; a file of a newer one is refused."""

BLOCK = 256
"""Items computed together, always in the same blocks: an item's numbers then depend neither on
how many are asked for nor on how they are handed out."""

CHUNK = 4096
"""Items that `stream` hands out at a time."""


class Card(BaseModel):
    """What a model is, what it learned from and what it is for; inside every weights file."""

    model_config = ConfigDict(extra="allow")

    schema_version: int = SCHEMA
    name: str
    id: str = ""
    run: dict[str, Any]
    spec: dict[str, Any]
    scaler: dict[str, Any]
    prior: dict[str, Any]
    styles: int = 0
    data: dict[str, Any] = {}
    examples_seen: int = 0
    seed: int = 0
    commit: str = ""
    versions: dict[str, str] = {}
    metrics: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    intended_use: str = (
        "Research: augmentation of rare classes, tests of algorithms and devices, teaching."
    )
    warning: str = "Synthetic ECG. Not from a patient and not for diagnosis."


class Synthesizer:
    """Makes labelled synthetic ECG in mV.

    Parameters
    ----------
    generator: a module of a registered family. card: what it is; carries spec, scaler, prior.
    """

    def __init__(self, generator: nn.Module, card: Card) -> None:
        self.generator = generator.eval()
        self.card = card
        self.spec = Spec.from_json(card.spec)
        self.scaler = GlobalScaler.from_json(card.scaler)
        self.prior = ContextPrior.from_json(self.spec, card.prior)

    @classmethod
    def load(cls, model: str | Path) -> Synthesizer:
        """A shipped model by name, a `.safetensors` file, or a run folder.

        Raises
        ------
        EcgsynthError: not there, cut short, not a safetensors file of ours, of a newer schema.
        """
        from safetensors import SafetensorError, safe_open

        path = find_model(model)
        try:
            with safe_open(path, "pt") as file:  # safetensors: nothing is ever unpickled
                metadata = file.metadata() or {}
                weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as problem:
            raise EcgsynthError(
                f"{path} is not a whole safetensors file ({problem}); copy or train it again."
            ) from None
        if "card" not in metadata:
            raise EcgsynthError(f"{path} carries no card, so it is not a model of ecgsynth.")
        try:
            content = json.loads(metadata["card"])
            version = int(content.get("schema_version", 0))
            if version > SCHEMA:
                raise EcgsynthError(
                    f"{path} was written by a newer ecgsynth (schema {version}, this one reads up "
                    f"to {SCHEMA}); run `pip install -U ecgsynth`."
                )
            card = Card(**content)
            generator = build_generator(card)
            generator.load_state_dict(weights)
            synthesizer = cls(generator, card)
        except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as problem:
            reason = " ".join(str(problem).split())[:200]
            raise EcgsynthError(
                f"the weights and the card in {path} do not fit together ({reason}); copy or "
                "train it again."
            ) from None
        if not all(value.isfinite().all() for value in weights.values()):
            raise EcgsynthError(f"the weights in {path} hold NaN or infinity; train it again.")
        return synthesizer

    def save(self, path: str | Path, half: bool = False) -> Path:
        """Write weights and card as one safetensors file (half: in 16 bits, for shipping)."""
        from safetensors.torch import save

        weights = {
            name: (value.half() if half else value).detach().cpu().contiguous()
            for name, value in self.generator.state_dict().items()
        }
        digest = hashlib.sha256()
        for name, value in sorted(weights.items()):
            digest.update(name.encode() + value.numpy().tobytes())
        self.card.id = f"{self.card.name}-{digest.hexdigest()[:8]}"
        content = save(weights, {"card": self.card.model_dump_json()})
        with written_beside(path) as beside:
            beside.write_bytes(content)
        return Path(path)

    def generate(
        self,
        count: int | Mapping[str, int],
        label: str | list[str] | None = None,
        seed: int = 0,
        context: Mapping[str, float] | None = None,
    ) -> Ecg:
        """Synthetic items as one `Ecg`; see `stream` for the parameters."""
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
        label: the class, or several that take turns; all of them when left out.
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
        fixed = self._checked_context(context or {})
        if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
            raise EcgsynthError(
                f"the seed must be a whole number between 0 and 2^63 - 1; got {seed}."
            )
        end = plan.total if stop is None else stop
        if not 0 <= start < end <= plan.total:
            raise EcgsynthError(
                f"a slice must lie within the {plan.total} items; got {start} to {end}."
            )
        size = max(BLOCK, chunk // BLOCK * BLOCK)

        def chunks() -> Iterator[Ecg]:
            for begin in range(start // BLOCK * BLOCK, end, size):
                last = min(begin + size, end)
                blocks = [
                    self._block(first, plan, int(seed), fixed)
                    for first in range(begin, last, BLOCK)
                ]
                yield concatenate(blocks)[max(start - begin, 0) : last - begin]

        return chunks()

    def _block(self, first: int, plan: _Plan, seed: int, fixed: dict[str, float]) -> Ecg:
        """Items first ... first + BLOCK - 1, always computed as one full batch."""
        import torch
        from scipy.special import ndtri

        from ecgsynth.condition import Condition

        width = 1 + len(self.spec.context)
        items = np.arange(first, first + BLOCK)
        latent_size = int(getattr(self.generator, "latent"))  # noqa: B009
        uniform = counter_uniform(seed, first, BLOCK, width + latent_size)
        labels = plan.labels(items)
        style = np.zeros(BLOCK, np.int64)
        context = np.zeros((BLOCK, len(self.spec.context)))
        for k in np.unique(labels):
            rows = labels == k
            name = self.spec.classes[k] if self.spec.classes else ""
            style[rows], context[rows] = self.prior.draw(name, uniform[rows, :width], fixed)
        label = one_hot(labels, len(self.spec.classes))
        condition = Condition(
            torch.from_numpy(label),
            torch.from_numpy(self.prior.standardise(context)),
            torch.from_numpy(style),
        )
        device = next(self.generator.parameters()).device
        latent = torch.from_numpy(ndtri(uniform[:, width:]).astype(np.float32))
        family = MODELS.get(self.card.run["model"]["name"])
        with torch.inference_mode():
            scaled = family.sample(self.generator, latent.to(device), condition.to(device))
        signal = self.scaler.inverse(scaled.float().cpu().numpy())
        return Ecg(
            signal=np.round(signal, 3),  # to 1 uV
            spec=self.spec,
            label=label,
            context=context.astype(np.float32),
            source=SYNTHETIC + (self.card.id or self.card.name),
            card=self.card.model_dump(),
        )

    def _plan(self, count: int | Mapping[str, int], label: str | list[str] | None) -> _Plan:
        if isinstance(count, Mapping):
            if label is not None:
                raise EcgsynthError("give counts per class or a label, not both.")
            turns = np.array([self._class(name) for name in count], np.int64)
            if not all(_whole(number) for number in count.values()) or sum(count.values()) < 1:
                raise EcgsynthError(
                    f"counts must be whole numbers, at least one of them above 0; got {count}."
                )
            ends = np.cumsum([int(number) for number in count.values()])
            return _Plan(turns, int(ends[-1]), ends)
        if not _whole(count) or count < 1:
            raise EcgsynthError(f"the count must be a whole number of at least 1; got {count}.")
        names = [label] if isinstance(label, str) else list(label or self.prior.groups)
        return _Plan(np.array([self._class(name) for name in names], np.int64), int(count))

    def _class(self, name: str) -> int:
        if name in self.card.left_out:
            raise EcgsynthError(
                f"{self.card.name} does not make class '{name}': {self.card.left_out[name]}. "
                f"It makes {', '.join(self.prior.groups)}."
            )
        if name not in self.prior.groups:
            raise EcgsynthError(
                f"{self.card.name} knows no class '{name}'.{did_you_mean(name, self.prior.groups)}"
                if name
                else f"{self.card.name} has classes; choose from {', '.join(self.prior.groups)}."
            )
        return self.spec.classes.index(name) if self.spec.classes else -1

    def _checked_context(self, context: Mapping[str, float]) -> dict[str, float]:
        for key, value in context.items():
            if key not in self.spec.context:
                raise EcgsynthError(
                    f"{self.card.name} knows no context '{key}'."
                    f"{did_you_mean(key, self.spec.context)}"
                )
            if not isinstance(value, int | float | np.number) or not np.isfinite(value):
                raise EcgsynthError(f"the context '{key}' must be a finite number; got {value}.")
            if key.endswith("_s") and value <= 0:
                raise EcgsynthError(f"the context '{key}' is a time: above 0 s; got {value:g}.")
            low, high = self.prior.range_of(key)
            if not low <= value <= high:
                log.warning(
                    "%s=%g lies outside what was learned (%.2f to %.2f); do not trust such beats.",
                    key, value, low, high,
                )  # fmt: skip
        return {key: float(value) for key, value in context.items()}


class _Plan:
    """Which class each item has.

    turns: classes, in rotation; with `ends`, class k goes on until item ends[k] instead.
    """

    def __init__(
        self, turns: NDArray[np.int64], total: int, ends: NDArray[np.int64] | None = None
    ) -> None:
        self.turns = turns
        self.total = total
        self.ends = ends

    def labels(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.ends is None:
            return self.turns[items % len(self.turns)]
        items = np.minimum(items, self.total - 1)
        return self.turns[np.searchsorted(self.ends, items, "right")]


def _whole(number: object) -> bool:
    if isinstance(number, bool):
        return False
    return isinstance(number, int | np.integer) and int(number) >= 0


def counter_uniform(seed: int, first: int, count: int, width: int) -> NDArray[np.float64]:
    """[count, width] numbers in (0, 1) that depend on (seed, item, column) alone.

    A counter-based generator (Philox, Salmon et al. 2011) is set to the item's own position.
    """
    words = -(-width // 4) * 4  # Philox hands out four words per count
    philox = np.random.Philox(key=seed)
    philox.advance(first * (words // 4))
    raw = philox.random_raw(count * words).reshape(count, words)[:, :width]
    return ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def build_generator(card: Card) -> nn.Module:
    """The card's generator with random weights."""
    run = Run.from_dict(card.run)
    family = MODELS.get(run.model.name)
    spec = Spec.from_json(card.spec)
    generator: nn.Module = family.generator(run.model_settings(styles=card.styles), spec)
    return generator


def pretrained() -> dict[str, Path]:
    """Shipped models by name."""
    folder = Path(str(files("ecgsynth.pretrained")))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def find_model(model: str | Path) -> Path:
    """The weights file that a name, file or run folder means.

    Raises
    ------
    EcgsynthError: there is none.
    """
    path = Path(model)
    if path.is_dir():
        path = path / "model.safetensors"
        if not path.is_file():
            raise EcgsynthError(f"the run {model} has no model yet; train it further.")
    if path.is_file():
        return path
    shipped = pretrained()
    if str(model) in shipped:
        return shipped[str(model)]
    if path.suffix:
        raise EcgsynthError(f"there is no model file {path}.")
    raise EcgsynthError(f"no model named '{model}'.{did_you_mean(str(model), shipped)}")
