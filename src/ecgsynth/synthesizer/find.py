"""Where models lie: shipped ones by name, files, run folders, versions kept by MLflow."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ecgsynth.arguments import check_path
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.files import describe_read_errors

FLAGSHIPS = ("mitbih-beats", "mitbih-beats-2lead", "heartbeat-beats")
"""Shipped models to begin with; the others are baselines."""


def shipped_models() -> dict[str, Path]:
    """Files of the shipped models by name, those to begin with first."""
    folder = Path(str(files("ecgsynth"))) / "pretrained"
    shipped = {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
    return {name: shipped[name] for name in dict.fromkeys((*FLAGSHIPS, *shipped))}


def find_model(model: str | Path) -> Path:
    """The weights file that a name, file, run folder or `models:/NAME@ALIAS` means.

    Raises
    ------
    EcgsynthError: there is none.
    """
    path = check_path(model, "a model")
    with describe_read_errors(path):
        return _find(model, path)


def _find(model: str | Path, path: Path) -> Path:
    if str(model).startswith("models:"):
        from ecgsynth.synthesizer.mlflow_models import fetch_model

        return fetch_model(str(model))
    if path.is_dir():
        path = path / "model.safetensors"
        if not path.is_file():
            raise EcgsynthError(f"the run {model} has no model yet; train it further.")
    if path.is_file():
        return path
    shipped = shipped_models()
    if str(model) in shipped:
        return shipped[str(model)]
    if path.suffix:
        raise EcgsynthError(f"there is no model file {path}.")
    if path.name != str(model):  # a path, not a name
        raise EcgsynthError(f"there is no run folder and no model file {path}.")
    raise EcgsynthError(f"no model named '{model}'.{did_you_mean(str(model), shipped)}")
