"""Upgrade of priors of earlier versions, which held the contexts of single people.

They held quantiles of every context for each class and style, and a style was mostly a person: the
mean RR of everyone stood in the card.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ecgsynth.signals.anonymity import round_to_steps
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.prior.laws import LEAST, LEVELS, Law, Values
from ecgsynth.signals.spec import Spec

DRAWS = 400
"""Items that stand for a class in a style."""


def is_old_prior(data: dict[str, Any]) -> bool:
    """Whether a prior is of that form."""
    return "groups" in data


def upgrade_prior(spec: Spec, data: dict[str, Any], styles_are_people: bool = True) -> ContextPrior:
    """A prior in the present form, fitted to items drawn from one of the earlier form.

    styles_are_people: where it is not so, the number of people is unknown, and the items
    count as one person's.

    Raises
    ------
    KeyError, TypeError, ValueError: it is damaged.
    """
    hidden = tuple(data.get("hidden", ()))
    width = len(spec.context) + len(hidden)
    names = [*data["groups"]]
    rng = np.random.default_rng(0)
    contexts, labels, styles = [], [], []
    counts: dict[str, dict[int, float]] = {}
    for k, (name, groups) in enumerate(data["groups"].items()):
        count: dict[int, float] = {}
        for group in groups:
            contexts.append(_draw_items(group, width, rng))
            labels += [k] * DRAWS
            styles += [int(group["style"])] * DRAWS
            count[styles[-1]] = count.get(styles[-1], 0.0) + float(group["share"])
        counts[name] = count
    context, style = np.concatenate(contexts), np.array(styles)
    seen, known = len(spec.context), len(set(styles)) > 1 and styles_are_people
    classes = tuple(names) if spec.classes else ()
    drawn = Ecg(
        signal=np.zeros((len(style), 1, 1), np.float32),
        spec=Spec(("any",), 1, 1, classes, context=spec.context),
        label=one_hot(labels, len(classes)) if classes else None,
        context=context[:, :seen].astype(np.float32),
        patient=style.astype(np.str_) if known else None,
    )
    prior = ContextPrior.fit(drawn, style, dict(zip(hidden, context.T[seen:], strict=True)))
    laws = {}
    for name, law in prior.classes.items():
        shares = round_to_steps(np.array([max(counts[name][code], LEAST) for code in law.styles]))
        laws[name] = replace(law, shares=shares / shares.sum())
    mean, sd = (np.asarray(data[key], np.float64)[:seen] for key in ("mean", "sd"))
    return ContextPrior(spec, laws, mean, sd, hidden)


def _draw_items(group: dict[str, Any], width: int, rng: np.random.Generator) -> Values:
    """[item, context] of a class in a style."""
    quantiles = np.asarray(group["quantiles"], np.float64).reshape(width, len(LEVELS))
    correlation = np.asarray(group["correlation"], np.float64).reshape(width, width)
    return Law(quantiles, correlation).draw(rng.uniform(size=(DRAWS, width)))
