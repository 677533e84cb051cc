"""A run folder on disk: opening it, and the snapshot from which a training goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch import nn

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write, make_folder

SNAPSHOT = "resume.safetensors"
"""Models, optimisers and position in one file, replaced in one rename: never half-written."""

MODEL = "model.safetensors"

WRITTEN = ("run.yaml", "metrics.jsonl", "card.json", "samples", "tensorboard", "kept")
"""What else a training writes into its folder."""

FREE = tuple(
    f"training.{name}"
    for name in (
        "examples",
        "epochs",
        "samples",
        "sheets",
        "snapshot_every",
        "keep_every",
        "log_every",
        "on_alarm",
        "threads",
        "accelerator",
        "devices",
    )
)
"""Settings that a resumed run may change: how long it goes on, and what is kept of it."""


def check_folder(to: str | Path, run: Run, resume: bool) -> None:
    """Refuse a folder that this run must not go into, before anything is written.

    Raises
    ------
    EcgsynthError: it holds a run and `resume` is not set, or there is nothing to resume. Or it
        holds a model without a snapshot, or files that no training wrote. Or the recipe differs
        from that of the snapshot.
    """
    folder = Path(to)
    begun, trained = ((folder / name).is_file() for name in (SNAPSHOT, MODEL))
    if begun and not resume:
        raise EcgsynthError(
            f"{folder} already holds a run; go on with --resume, or choose another --to."
        )
    if not begun and trained:
        raise EcgsynthError(
            f"{folder} holds a trained model but no snapshot ({SNAPSHOT}) to go on from; choose "
            "another --to."
        )
    if not begun and resume:
        raise EcgsynthError(f"{folder} holds no snapshot to resume; leave out --resume.")
    there = [name for name in WRITTEN if os.path.lexists(folder / name)]
    if not begun and there and not _is_own_recipe(folder / "run.yaml"):
        raise EcgsynthError(
            f"{folder} holds {there[0]}, which no training wrote; choose a new or an empty --to."
        )
    if begun:
        differences = _differences(Run.read(folder / "run.yaml"), run)
        if differences:
            raise EcgsynthError(
                f"the recipe differs from the one that {folder} was begun with "
                f"({'; '.join(differences)}); resume with the same one, or train into a new folder."
            )


def _is_own_recipe(recipe: Path) -> bool:
    """Whether a training that ended before its first snapshot wrote this `run.yaml`."""
    try:
        return Run.read(recipe).to_yaml() == recipe.read_text(encoding="utf-8")
    except (EcgsynthError, OSError, UnicodeDecodeError):
        return False


def check_data(folder: str | Path, digest: str) -> None:
    """Refuse to go on with other data than the snapshot's: scaler, prior and warnings would be of
    the new data, and the weights of the old. digest: `fingerprint` of the training set.

    Raises
    ------
    EcgsynthError: it is another set.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(Path(folder) / SNAPSHOT, "pt") as file:
            begun_with = (file.metadata() or {}).get("data", digest)
    except (SafetensorError, OSError):
        return  # `load_snapshot` reports what is wrong with it
    if begun_with != digest:
        raise EcgsynthError(
            f"the training set is not the one that {folder} was begun with: its items have "
            "changed; put them back, or train into a new folder."
        )


@contextmanager
def open_run_folder(folder: Path, run: Run, resume: bool) -> Iterator[None]:
    """A run folder for one training alone: made or re-opened, cleared of what a killed process
    left, with `run.yaml` in it. The hold on it dies with the process, however that ends.

    Raises
    ------
    EcgsynthError: it cannot be made or written, or another training writes into it, or has done
        so since it was checked.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        make_folder(folder)
        lock.acquire(timeout=0)
    except Timeout:
        raise EcgsynthError(
            f"another training writes into {folder}; wait for it, or choose another --to."
        ) from None
    except OSError as problem:
        raise EcgsynthError(
            f"the run folder {folder} cannot be made ({problem.strerror}); choose another --to."
        ) from None
    try:
        check_folder(folder, run, resume)
        for left in [*folder.glob(".*.part"), *folder.glob("samples/.*.part")]:
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
        with atomic_write(folder / "run.yaml") as temporary:
            temporary.write_text(run.to_yaml())
        yield
    finally:
        with suppress(PermissionError):  # Windows keeps a file that is open
            (folder / ".lock").unlink(missing_ok=True)  # while held: afterwards it may be another's
        lock.release()


def save_snapshot(
    folder: Path,
    step: int,
    run: Run,
    parts: dict[str, nn.Module],
    optimisers: dict[str, torch.optim.Optimizer],
    decided: dict[str, float],
    digest: str,
) -> None:
    """Write the snapshot, then replace the old one.

    decided: `TrainingMonitor.state`. digest: `fingerprint` of the training set.
    """
    from safetensors.torch import save

    tensors = {
        f"{part}/{name}": value.detach().cpu().contiguous()
        for part, module in parts.items()
        for name, value in module.state_dict().items()
    }
    for part, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"{part}/{index}/{name}"] = torch.as_tensor(value).detach().cpu().clone()
    position = {"step": str(step), "examples": str(step * run.training.per_step)}
    position |= {"decided": json.dumps(decided), "data": digest}
    # Not save_file: its errors do not report a full disk.
    with atomic_write(folder / SNAPSHOT) as temporary, temporary.open("wb") as file:
        file.write(save(tensors, metadata=position))
        file.flush()
        os.fsync(file.fileno())


def load_snapshot(
    folder: Path, parts: dict[str, nn.Module], optimisers: dict[str, torch.optim.Optimizer]
) -> tuple[int, dict[str, float]]:
    """Load the snapshot into models and optimisers; step and `TrainingMonitor.state`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / SNAPSHOT, "pt") as file:
            position = file.metadata()
            step, decided = int(position["step"]), json.loads(position.get("decided", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for part, module in parts.items():
            module.load_state_dict(_tensors_of(tensors, part))
        for part, optimiser in optimisers.items():
            state: dict[int, dict[str, torch.Tensor]] = {}
            for name, value in _tensors_of(tensors, part).items():
                index, _, key = name.partition("/")
                state.setdefault(int(index), {})[key] = value
            optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
    except (
        SafetensorError, OSError, RuntimeError, KeyError, ValueError, TypeError,
    ) as problem:  # fmt: skip
        reason = " ".join(str(problem).split())[:200]
        if isinstance(problem, KeyError):
            reason = f"it has no {reason}"
        raise EcgsynthError(
            f"the snapshot in {folder} is damaged ({reason}); train again into a new folder."
        ) from None
    return step, decided


def _tensors_of(tensors: dict[str, torch.Tensor], part: str) -> dict[str, torch.Tensor]:
    head = part + "/"
    return {n.removeprefix(head): v for n, v in tensors.items() if n.startswith(head)}


def _differences(old: Run, new: Run) -> list[str]:
    """`key: old -> new` of all settings that change what is learned."""
    before, after = flatten_settings(old.to_dict()), flatten_settings(new.to_dict())
    return [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
        and key not in FREE
        and key.split(".")[0] not in ("quick", "description", "tune")
    ]


def flatten_settings(content: dict, prefix: str = "") -> dict[str, str]:
    """Nested settings as `a.b` -> value in JSON."""
    found: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found |= flatten_settings(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = json.dumps(value)
    return found
