"""The process of one trial: trains it, and scores it at intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ecgsynth.errors import EcgsynthError, is_out_of_memory
from ecgsynth.jobs import child
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.loop import train
from ecgsynth.training.snapshots import SNAPSHOT
from ecgsynth.tuning.score import Scorer
from ecgsynth.tuning.space import trial_run
from ecgsynth.tuning.study import Folder


def work(order: dict[str, Any], send: child.Send) -> dict[str, Any]:
    """Train the trial that the order names; its score, or `why` it has none.

    Raises
    ------
    EcgsynthError: the recordings are not here, or no figure can be measured of them.
    """
    import torch

    if order["threads"]:
        torch.set_num_threads(order["threads"])
    folder = Folder.read(Path(order["folder"]))
    scorer = Scorer(folder.run, folder.tune)
    result = train_trial(folder, order["trial"], order["settings"], scorer, send)
    return result if order["real_known"] else {**result, "real": scorer.real}


def train_trial(
    folder: Folder, number: int, drawn: dict[str, Any], scorer: Scorer, send: child.Send
) -> dict[str, Any]:
    """Train one trial, from its last snapshot on; every new model is scored and sent.

    drawn: its settings, as Optuna has them.
    """
    tune = folder.tune
    run = trial_run(folder.run, tune, {key: tune.space[key].value(v) for key, v in drawn.items()})
    target = folder.trial(number)
    seen = _stamp(target)

    def watch(_examples: int, _total: int, _values: dict[str, float]) -> None:
        nonlocal seen
        if _stamp(target) == seen:
            return
        seen = _stamp(target)
        model = Synthesizer.load(target)
        measure = model.card.examples_seen // run.training.snapshot_every
        if measure < tune.measures:  # the last one is the result
            send(measure=measure, score=scorer.of(model))

    try:
        resume = (target / SNAPSHOT).is_file()
        return {"score": scorer.of(train(run, target, resume=resume, report=watch))}
    except EcgsynthError as reason:  # it diverged, or cannot be trained at all
        return {"why": str(reason)}
    except (MemoryError, RuntimeError) as reason:
        if not is_out_of_memory(reason):
            raise
        return {"why": "not enough memory for these settings"}


def _stamp(target: Path) -> Any:
    """What changes when a new model takes its name."""
    model = target / "model.safetensors"
    if not model.is_file():
        return None
    found = model.stat()
    return found.st_ino, found.st_mtime_ns


if __name__ == "__main__":
    child.run(work)
