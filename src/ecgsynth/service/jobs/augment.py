"""Run an augmentation job, in its own process: augment the uploaded set by the plan."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import contract
from ecgsynth.service.files import uploads
from ecgsynth.signals.ecg import Ecg

NAME = "augmented"
"""Name of the resulting file, without the ending."""


def augment(
    folder: Path, asked: Mapping[str, Any], advance: Callable[[str, float], None]
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Write the augmented set to `folder`; returns counts, acceptance and manifest, and the file.

    Raises
    ------
    EcgsynthError: the file cannot be read, the plan does not fit it, or a model was replaced after
    the request.
    """
    from ecgsynth.augmentation.plan import Plan

    advance("reading", 0.0)
    real = uploads.read(folder, asked)
    plan = Plan.from_dict(asked["plan"])
    _check_size(real, plan, asked["most_items"], asked["most_signal"])
    from ecgsynth.augmentation.augmenter import augment_set
    from ecgsynth.synthesizer import Synthesizer

    advance("loading models", 0.0)
    models = {name: Synthesizer.load(path) for name, path in asked["paths"].items()}
    for name, model in models.items():
        if model.card.id and model.card.id != asked["models"][name]:
            raise EcgsynthError(
                f"the model '{name}' was replaced in the meantime; send the request again."
            )
    done = augment_set(real, plan, models, advance)
    for name, facts in done.manifest["models"].items():
        with open(asked["paths"][name], "rb") as weights:
            facts["sha256"] = hashlib.file_digest(weights, "sha256").hexdigest()
    advance("writing", 1.0)
    file = _written(folder, done, asked["format"])
    synthetic = sum(facts["synthetic"] for facts in done.manifest["classes"].values())
    result = {
        "file": file.name,
        "bytes": file.stat().st_size,
        "items": len(done.ecg),
        "synthetic": synthetic,
        "classes": done.manifest["classes"],
        "acceptance": done.manifest["acceptance"],
        "notes": done.manifest["notes"],
        "manifest": done.manifest,
    }
    return result, {"result": file}


def _check_size(real: Ecg, plan: Any, most: int, most_bytes: int) -> None:
    """Reject a plan that would take days, before the work starts."""
    counts = real.counts()
    wanted = sum(
        share.count if share.times is None else counts.get(name, 0) * (share.times - 1)
        for name, share in plan.shares.items()
    )
    if not math.isfinite(wanted) or wanted > most:
        raise EcgsynthError(
            f"the plan requests {wanted:.3g} synthetic items, more than the limit of a job "
            f"({most:,}); lower times or count."
        )
    size = wanted * 4 * len(real.spec.leads) * real.spec.samples
    if size > most_bytes:
        raise EcgsynthError(
            f"the plan requests {wanted:.0f} synthetic items, {size / (1 << 20):,.0f} MiB of "
            f"signal, more than the limit of a job ({most_bytes >> 20:,} MiB); lower times or "
            "count."
        )


def _written(folder: Path, done: Any, format: str) -> Path:
    """The file for the client; a folder, including the manifest, becomes a zip."""
    from ecgsynth.service.api.responses import zipped

    kind = contract.named(format)
    if not contract.in_folder(kind):
        path = folder / f"{NAME}{kind.endings[0]}"
        done.save(path, format)
        return path
    place = folder / "made" / NAME
    place.parent.mkdir()
    manifest = done.save(f"{place}/", format)
    manifest.rename(place / "manifest.json")
    path = folder / f"{NAME}.zip"
    with open(path, "wb") as file:
        for piece in zipped(place):
            file.write(piece)
    return path
