"""A model's one file: weights and card as safetensors, of which nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import written_beside
from ecgsynth.synthesizer.card import SCHEMA, Card

if TYPE_CHECKING:
    from torch import Tensor

    from ecgsynth.synthesizer import Synthesizer


def load(path: Path) -> Synthesizer:
    """The synthesizer that a file holds; see `Synthesizer.load`."""
    from safetensors import SafetensorError, safe_open

    from ecgsynth.synthesizer.joined import assemble

    try:
        with safe_open(path, "pt") as file:
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
        synthesizer = assemble(Card(**content), weights)
    except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise EcgsynthError(
            f"the weights and the card in {path} do not fit together ({reason}); copy or "
            "train it again."
        ) from None
    if not all(value.isfinite().all() for value in weights.values()):
        raise EcgsynthError(f"the weights in {path} hold NaN or infinity; train it again.")
    return synthesizer


def save(weights: Mapping[str, Tensor], card: Card, path: Path, half: bool) -> None:
    """Write weights and card; the card's identity becomes that of these weights."""
    from safetensors.torch import save as content_of

    weights = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    if half:  # whole numbers, such as batches counted, stay whole
        weights = {n: v.half() if v.is_floating_point() else v for n, v in weights.items()}
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode() + value.numpy().tobytes())
    card.id = f"{card.name}-{digest.hexdigest()[:8]}"
    content = content_of(weights, {"card": card.model_dump_json()})
    with written_beside(path) as beside:
        beside.write_bytes(content)
