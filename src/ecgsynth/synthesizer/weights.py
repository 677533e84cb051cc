"""A model's one file: weights and card as safetensors, of which nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.synthesizer.card import SCHEMA, Card, card_from_json, holds_single_people
from ecgsynth.synthesizer.ensemble import Sampler, build_sampler

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger("ecgsynth")


def load(path: Path) -> Sampler:
    """The sampler that a file holds; see `Synthesizer.load`.

    A card without an `id` gets that of its weights.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
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
        if holds_single_people(content):
            log.warning(
                "%s is of an earlier version, whose cards kept contexts of single people; they "
                "were widened while it was read. Save it again, so that the file holds none.", path,
            )  # fmt: skip
        card = card_from_json(content)
        stated, card.id = card.id, weights_id(card.name, stored)
        sampler = build_sampler(card, {name: value.float() for name, value in stored.items()})
    except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise EcgsynthError(
            f"the weights and the card in {path} do not fit together ({reason}); copy or "
            "train it again."
        ) from None
    if not all(value.isfinite().all() for value in stored.values()):
        raise EcgsynthError(f"the weights in {path} hold NaN or infinity; train it again.")
    if stated not in ("", card.id):
        raise EcgsynthError(
            f"the card in {path} states the weights {stated[:80]}, but they are {card.id}: "
            "one of the two was changed since; copy or train it again."
        )
    return sampler


def save(weights: Mapping[str, Tensor], card: Card, path: Path, half: bool) -> None:
    """Write weights and card; the card's identity becomes that of these weights."""
    from safetensors.torch import save as content_of

    weights = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    if half:  # whole numbers, such as batches counted, stay whole
        weights = {n: v.half() if v.is_floating_point() else v for n, v in weights.items()}
    card.id = weights_id(card.name, weights)
    content = content_of(weights, {"card": card.model_dump_json()})
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def weights_id(name: str, weights: Mapping[str, Tensor]) -> str:
    """The `id` of a model: its name and the beginning of the SHA-256 of its weights as stored."""
    from torch import uint8

    digest = hashlib.sha256()
    for key, value in sorted(weights.items()):
        digest.update(key.encode() + value.flatten().view(uint8).numpy().tobytes())
    return f"{name}-{digest.hexdigest()[:8]}"
