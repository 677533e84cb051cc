"""What the bytes of a shard depend on beside its plan: versions, weights, kind of processor."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ecgsynth.corpus.plan import SIMULATOR, CorpusPlan, check_same
from ecgsynth.files import describe_read_errors

PACKAGES = ("ecgsynth", "numpy", "scipy", "torch")

OF_FORMAT = {"parquet": "pyarrow", "hdf5": "h5py", "dicom": "pydicom"}
"""Packages that write a format."""

BACKEND = "torch"


def maker_of(plan: CorpusPlan) -> dict[str, Any]:
    """Versions, weights, backend and kind of processor with which this process makes shards.

    Raises
    ------
    EcgsynthError: a model is not here.
    """
    packages = [*PACKAGES, *filter(None, [OF_FORMAT.get(plan.format)])]
    models = sorted({part.model for part in plan.parts.values()} - {SIMULATOR})
    return {
        "versions": {name: _version(name) for name in packages},
        "backend": BACKEND,
        "processor": _processor(),
        "models": {model: _digest(model) for model in models},
    }


def check_maker(expected: dict[str, Any], plan: CorpusPlan, where: str) -> None:
    """Check that this process makes the same bytes as the one that began the corpus.

    where: what this process is called in the sentence.

    Raises
    ------
    EcgsynthError: it has other versions, weights, backend or kind of processor.
    """
    check_same(
        expected, maker_of(plan),
        f"{where} is refused, as its shards would be other bytes than the manifest states "
        "({}); use the same versions, weights and kind of processor, or another --to.",
    )  # fmt: skip


def _version(name: str) -> str:
    from ecgsynth import __version__

    try:
        return __version__ if name == "ecgsynth" else version(name)
    except PackageNotFoundError:
        return "not installed"


@cache
def _processor() -> str:
    """The instructions for which PyTorch and NumPy choose their loops."""
    import torch

    from ecgsynth.models.layers.blocks import multiplies_bfloat16

    parts = [platform.machine(), torch.backends.cpu.get_cpu_capability()]
    return " ".join([*parts, *["bfloat16"] * multiplies_bfloat16()])


def _digest(model: str) -> str:
    """SHA-256 of a model's file, weights and card."""
    from ecgsynth.synthesizer.find import find_model

    path = find_model(model)
    with describe_read_errors(path):
        return _digest_of(path, path.stat().st_mtime_ns)


@cache
def _digest_of(path: Path, _: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
