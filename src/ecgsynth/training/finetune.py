"""A model trained on with a user's own recordings: of one person, of a ward, of a hospital."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecgsynth.arguments import check_flag, check_instance, check_path, quote
from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.datasets.folder.splits import split_of_person
from ecgsynth.errors import EcgsynthError
from ecgsynth.recipes import parse_override, put
from ecgsynth.registry import DATASETS, MODELS
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.own_use import SENTENCE
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.units import unit_problem
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.data.checks import collect_warnings
from ecgsynth.training.finetune_report import judge
from ecgsynth.training.loop import Report, train

log = logging.getLogger("ecgsynth")

OWN = "folder"
"""The data set of a user's own recordings."""

LEAVE_OUT_FROM = 12
"""People from which on some are left out of the training, to stop it by them."""

LEFT_OUT = 0.1
"""Share of the people who are left out then, two at the least."""

LONG_S = 3.0
"""Items are records from this length on; a training step of them is ten times as slow."""

BEATS: dict[str, Any] = {
    "examples": 200_000, "stop_after": 60_000, "critic_first": 12_800, "ema_half_life": 10_000,
    "snapshot_every": 20_000, "rate_generator": 1e-4, "rate_critic": 3e-4,
}  # fmt: skip
RECORDS: dict[str, Any] = {
    "examples": 6_000, "stop_after": 2_000, "critic_first": 1_600, "ema_half_life": 1_000,
    "snapshot_every": 1_000, "rate_generator": 2e-5, "rate_critic": 3e-4,
}  # fmt: skip
"""Settings of a training on beats, and on records, that begins with a good model."""

GAMMA = {"gamma": 0.1, "gamma_end": 0.02}
"""Weights of the penalties on the critic, at the start and at the end."""


def finetune(
    model: str | Path,
    *overrides: str,
    to: str | Path | None = None,
    resume: bool = False,
    report: Report | None = None,
    evaluate: bool = True,
) -> Synthesizer:
    """Continue the training of a model on own recordings, of one person up to some hundreds.

    The weights are fitted to the people and the classes of the set (`training.adapt`): a class that
    the model does not know is added, people have styles of their own, and the contexts are
    those of the new people. The training ends when items that it does not learn from are matched no
    better: those of people who are left out, from twelve people on, else the last minutes of each.

    Of fewer than five people a model may be made for their own use alone: card and files state that
    it must not be shared.

    Parameters
    ----------
    model: a shipped model, a run folder or a file. overrides: `key=value`, as of `Run.read`, such
        as "data.path=records/"; the data set is `folder` unless "data=NAME" names another.
    to: the run folder; None keeps nothing on disk. resume: continue from its snapshot.
    report: as of `train`. evaluate: whether a run folder gets `report.html`, privacy first.

    Raises
    ------
    EcgsynthError: the recordings do not fit the model (leads, length, unit), are of people on whom
        models are tested, or are too few; else as `train`.
    """
    check_flag(evaluate, "evaluate")
    folder = None if to is None else check_path(to, "the run folder")
    if check_flag(resume, "resume"):
        if folder is None:
            raise EcgsynthError("resume continues in a run folder; name it, as in to='runs/own'.")
        run = resumed_run(folder, overrides)
    else:
        run = finetuning_run(model, overrides)
    made = train(run, folder, resume=resume, report=report)
    if made.card.own_use:
        log.warning("%s", SENTENCE)
    if folder is not None and evaluate:
        judge(made, folder)
    return made


def resumed_run(folder: Path, overrides: Sequence[str] = ()) -> Run:
    """The run that a folder was begun with; the model that it began with need not be there.

    Raises
    ------
    EcgsynthError: it holds no run.
    """
    if not (folder / "run.yaml").is_file():
        raise EcgsynthError(f"{folder} holds no run to resume; leave out --resume.")
    content = Run.read(folder / "run.yaml").to_dict()
    for override in overrides:
        key, value = parse_override(_text(override))
        if key != "data":
            put(content, key, value)
    return Run.from_dict(content)


def finetuning_run(model: str | Path, overrides: Sequence[str] = ()) -> Run:
    """The training that continues a model: its own recipe, with another set, shorter and slower.

    Raises
    ------
    EcgsynthError: no such model, one joined of several, or recordings that do not fit it.
    """
    start = Synthesizer.load(model)
    if start.members:
        raise EcgsynthError(
            f"{start.card.name} was joined of several models; continue one of its members."
        )
    content = _recipe(start, str(model))
    chosen = [parse_override(_text(one)) for one in overrides]
    content["data"] = _data(start.spec, chosen)
    for key, value in chosen:
        if key not in ("data", "data.name"):
            put(content, key, value)
    if "training.epochs" in dict(chosen):
        content["training"].pop("examples")
    if content["data"]["name"] == OWN and "path" not in content["data"]:
        raise EcgsynthError(
            "data.path is missing: name the folder or file of your recordings, as in "
            "data.path=records/."
        )
    run = Run.from_dict(content)
    check_recordings(run, start)
    if run.data.name == OWN and not {"data.seed", "data.validation"} & dict(chosen).keys():
        run = _with_people_left_out(run)
    return run


def _text(override: Any) -> str:
    return check_instance(override, str, "an override is a text, as in 'data.path=records/'")


def _recipe(start: Synthesizer, model: str) -> dict[str, Any]:
    """The content of a recipe that continues a model, but for its data."""
    content = Run.from_dict(start.card.run).to_dict()
    family = MODELS.get(content["model"]["name"])
    usual = RECORDS if start.spec.seconds >= LONG_S else BEATS
    content["name"] = f"{start.card.name.split('-own-use')[0]}-finetuned"
    content["description"] = f"{start.card.name}, trained on with own recordings."
    content["quick"], content["tune"], content["left_out"] = {}, {}, {}
    training = content["training"]
    training.pop("epochs", None)
    training |= usual | {
        "start": model, "adapt": True, "teacher": "", "keep_every": 0, "window_s": 0.0,
        "batch": min(training["batch"], 128), "threads": 0,
    }  # fmt: skip
    if not family.adversarial:
        training |= {"critic_first": 0, "rate_generator": training["rate_generator"]}
    objective = content["objective"]
    if objective.get("regression"):
        objective["regression"] = 0.0
    if "gamma" in objective and usual is BEATS:
        objective |= GAMMA
    return content


def _data(spec: Spec, chosen: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The section `data` of the recipe: the set that is named, cut as the model's items are."""
    names = [value for key, value in chosen if key in ("data", "data.name")]
    name = names[-1] if names else OWN
    kind = DATASETS.get(name)
    settings = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in kind.settings_like(spec).items()
        if key != "classes" and value is not None
    }
    if name == OWN:
        settings |= {"validation": 0.0, "test": 0.0}
        if spec.r_sample is None:  # whole records are filtered as they come
            settings = {k: v for k, v in settings.items() if k not in ("window", "samples")}
            settings |= {"baseline": False, "samples": spec.samples}
    return {"name": name, "split": "train", **settings}


def check_recordings(run: Run, start: Synthesizer) -> Ecg:
    """The training set, checked against the model that is to learn from it.

    Raises
    ------
    EcgsynthError: a test split, leads that the model does not know, another unit, rate or length,
        no item of a class that both know.
    """
    if run.data.split.startswith("test"):
        raise EcgsynthError(
            f"data.split={run.data.split} holds people on whom models are tested; take a training "
            "split, as in data.split=train."
        )
    with collect_warnings():
        data = load(run.data.name, run.data.split, **run.data.settings)
    wanted, found, name = start.spec, data.spec, start.card.name
    if found.leads != wanted.leads:
        raise EcgsynthError(
            f"{name} makes {', '.join(wanted.leads)}, and the recordings have "
            f"{', '.join(found.leads)}; leave out data.leads, or rename one that is alike, as in "
            f"data.rename={{{found.leads[0]}: {wanted.leads[0]}}}."
        )
    for what, one, other in (
        ("rate", f"{found.fs:g} Hz", f"{wanted.fs:g} Hz"),
        ("length", f"{found.samples} samples", f"{wanted.samples} samples"),
        ("unit", found.unit, wanted.unit),
    ):
        if one != other:
            raise EcgsynthError(
                f"the {what} of the items is {one}, and {name} makes {other}; leave out the "
                "setting of the data that changes it, or cut the recordings alike."
            )
    if problem := unit_problem(data):
        raise EcgsynthError(
            f"the {problem}, before {name} learns from them (in a table: data.unit=uV or V)."
        )
    if found.multilabel != wanted.multilabel and found.classes:
        raise EcgsynthError(
            f"{name} makes items with {'several labels' if wanted.multilabel else 'one label'} "
            "each, and those of the recordings have "
            f"{'several' if found.multilabel else 'one'}; take data with labels of that kind."
        )
    _warn_of_classes(data, start)
    return data


def _warn_of_classes(data: Ecg, start: Synthesizer) -> None:
    """State which classes are new, and which are no longer made."""
    known, there = start.spec.classes, data.spec.classes
    if new := [name for name in there if name not in known]:
        log.warning(
            "class %s is new to %s: it begins as the mean of those that it knows.",
            ", ".join(new), start.card.name,
        )  # fmt: skip
    if gone := [name for name in known if name not in there]:
        log.warning(
            "the recordings have no item of class %s, which the finetuned model will not make.",
            ", ".join(map(quote, gone)),
        )
    if "N" in known and "N" not in there:
        log.warning("there are no normal beats: people's styles are found by their other beats.")


def _with_people_left_out(run: Run) -> Run:
    """The run with some people left out of the training where there are enough: as their share and
    the first seed of the split by which it is so many."""
    with collect_warnings():
        patient = load(OWN, "all", **run.data.settings).patient
    people = [] if patient is None else np.unique(patient).tolist()
    count = max(2, round(LEFT_OUT * len(people))) if len(people) >= LEAVE_OUT_FROM else 0
    if not count or len(people) - count < PEOPLE:
        return run
    share = round(count / len(people), 3)

    def left_out(seed: int) -> int:
        splits = (split_of_person(one, seed, share, 0.0) for one in people)
        return sum(split == "validation" for split in splits)

    seed = next((seed for seed in range(1000) if left_out(seed) == count), 0)
    content = run.to_dict()
    content["data"] |= {"validation": share, "seed": seed}
    return Run.from_dict(content)
