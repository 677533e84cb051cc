"""The card of a model: where it comes from, what it was trained on, what it is for."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from ecgsynth.config import Run
from ecgsynth.recipes import shipped
from ecgsynth.registry import DATASETS
from ecgsynth.signals.anonymity import PEOPLE, has_few_people, people_of, round_coarse
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import Prior
from ecgsynth.signals.scaling import Scaler
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer import Card


def is_of_few(run: Run, data: Ecg) -> bool:
    """Whether a model of this set is for own use alone: of fewer than five people, not public."""
    public = DATASETS.get(run.data.name).public
    return not public and not data.synthetic and has_few_people(data)


def make_card(
    run: Run,
    data: Ecg,
    spec: Spec,
    scaler: Scaler,
    prior: Prior,
    styles: int,
    *,
    own_use: bool = False,
) -> Card:
    """The card before the first step; the loop adds examples seen and metrics.

    spec: of what the model makes. own_use: whether the model must not be shared.
    """
    dataset = DATASETS.get(run.data.name)
    return Card(
        name=run.name,
        own_use=own_use,
        run=run.to_dict(),
        spec=spec.to_json(),
        scaler=scaler.to_json(),
        prior=prior.to_json(),
        styles=styles,
        data={
            "source": data.source,
            "licence": dataset.licence,
            "citation": dataset.citation,
            "public": dataset.public,
            "items": int(round_coarse(len(data))),
            "classes": classes_of(data),
        }
        | (dataset.facts(run.data_settings()) if hasattr(dataset, "facts") else {}),
        seed=run.seed,
        commit=_git_commit(),
        versions=package_versions(),
        left_out=_left_out_classes(run, data) | rare_labels(data),
    )


def _left_out_classes(run: Run, data: Ecg) -> dict[str, str]:
    """Classes that the recipe leaves out, with its reasons, which hold for its own data alone."""
    meant = Run.read(run.name) if run.name in shipped() else run
    if meant.data.name != run.data.name:
        return {}
    return {name: why for name, why in run.left_out.items() if name not in data.spec.classes}


def classes_of(data: Ecg) -> dict[str, dict[str, float]]:
    """`Ecg.people_per_class` as a card may state it: the largest share, which is one person's, is
    rounded to a tenth, and items to a tenth of their number, since the difference between two cards
    can be one person's. Labels that too few people have are left out."""
    too_rare = rare_labels(data)
    return {
        name: facts
        | {"items": int(round_coarse(facts["items"]))}
        | ({"largest_share": round(facts["largest_share"], 1)} if "largest_share" in facts else {})
        for name, facts in data.people_per_class().items()
        if name not in too_rare
    }


def rare_labels(data: Ecg) -> dict[str, str]:
    """Labels that a model is not asked for: those of sets with several an item (statements about
    people) that fewer than PEOPLE people have."""
    person = people_of(data)
    if not data.spec.multilabel or has_few_people(data):
        return {}
    label = np.asarray(data.label) > 0
    return {
        name: f"fewer than {PEOPLE} of the people that it learned from have it"
        for k, name in enumerate(data.spec.classes)
        if len(np.unique(person[label[:, k]])) < PEOPLE
    }


def _git_commit() -> str:
    """The git commit of the source, where it runs from a checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
        return done.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def package_versions() -> dict[str, str]:
    """Versions of this package and of those that numbers depend on."""
    found = {}
    for package in ("ecgsynth", "torch", "numpy", "scipy", "wfdb"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
