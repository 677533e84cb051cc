"""Do the contexts of synthetic items lead to the people that a model learned from?

`python -m benchmarks.linkability` prints for every shipped model both figures of
`metrics.privacy.linkability`, trained people against the validation people, who were never learned
from, and keeps them in `benchmarks/results/linkability.json`. The mean RR of a person of
MIT-BIH is that of the trained minutes, and in a second row that of the whole recording, which an
attacker is likelier to know.

Four validation people are few. So the prior alone is also measured on 100 other splits of the
same 22 people, 18 of them trained: the row `refits`, whose intervals are over splits.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claims import estimate, table
from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.evaluation import Estimate, NotApplicable, Trial
from ecgsynth.evaluation.auc import auc
from ecgsynth.evaluation.metrics.privacy.linkability import (
    Number,
    context_hits,
    context_linkability,
)
from ecgsynth.files import atomic_write
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.synthesizer import Synthesizer, shipped_models

KEPT = Path(__file__).parent / "results" / "linkability.json"

FIGURES = (context_linkability, context_hits)

ITEMS = {"N": 5000, "S": 579, "V": 2748, "F": 379}
"""Beats of a set, as in the results of `mitbih-beats`; of another class OTHERS."""

OTHERS = 500

REFITS, TRAINED = 100, 18

Found = dict[str, dict[str, Any]]
"""Figure -> value, low, high and note, or the reason why there is none."""


def main() -> None:
    logging.getLogger("ecgsynth").setLevel(logging.ERROR)
    found = {name: one for path in shipped_models().values() for name, one in of_model(path)}
    found["refits"] = refits()
    KEPT.parent.mkdir(exist_ok=True)
    with atomic_write(KEPT) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    table(
        ["model", "AUC by contexts (95 %)", "more hits of trained people (95 %)", "of"],
        [
            [name, *(cell(one[figure.name]) for figure in FIGURES), one[FIGURES[0].name]["note"]]
            for name, one in found.items()
        ],
    )


def cell(figure: dict[str, Any]) -> str:
    return estimate(figure["value"], figure["low"], figure["high"])


def of_model(path: Path) -> Iterator[tuple[str, Found]]:
    """Both figures of a model: name of the row and figures; of MIT-BIH by both mean RRs."""
    model = Synthesizer.load(path)
    data = Run.from_dict(model.card.run).data
    made = (
        model.generate({name: ITEMS.get(name, OTHERS) for name in model.prior.classes})
        if (model.spec.classes)
        else model.generate(OTHERS)
    )
    train = load(data.name, data.split, **data.settings)
    if "validation" not in DATASETS.get(data.name).splits:
        note = f"{data.name} holds nobody back: everybody was learned from"
        yield (
            model.card.name,
            {figure.name: to_json(Estimate(np.nan, note=note)) for figure in FIGURES},
        )
        return
    new = load(data.name, "validation", **data.settings)
    yield model.card.name, measured(Trial(made, train=train, new_patients=new))
    if data.name == "mitbih":
        whole = load("mitbih", "ds1", **data.settings)
        whole = whole[np.isin(np.asarray(whole.patient), np.unique(np.asarray(train.patient)))]
        trial = Trial(made, train=whole, new_patients=new)
        yield f"{model.card.name}, whole recordings", measured(trial)


def measured(trial: Trial) -> Found:
    found = {}
    for figure in FIGURES:
        try:
            found[figure.name] = to_json(figure.measure(trial)["all"])
        except NotApplicable as reason:
            found[figure.name] = to_json(Estimate(np.nan, note=str(reason)))
    return found


def to_json(figure: Estimate) -> dict[str, Any]:
    value = None if np.isnan(figure.value) else figure.value
    return {"value": value, "low": figure.low, "high": figure.high, "note": figure.note}


def refits() -> Found:
    """Means over splits of the people of DS1, with intervals of the means."""
    beats = load("mitbih", "ds1", classes=tuple(ITEMS))
    person = np.unique(np.asarray(beats.patient), return_inverse=True)[1]
    own = np.array([mean_rr(beats, person == one) for one in range(person.max() + 1)])
    random = np.random.default_rng(0)
    areas, more = np.empty(REFITS), np.empty(REFITS)
    for k in range(REFITS):
        order = random.permutation(len(own))
        trained, new = order[:TRAINED], order[TRAINED:]
        rows = np.isin(person, trained)
        prior = ContextPrior.fit(beats[rows], person[rows])
        column = beats.spec.context.index("rr_mean_s")
        drawn = [
            prior.draw(name, random.uniform(size=(count, prior.uniforms)), {}).context[:, column]
            for name, count in ITEMS.items() if name in prior.classes
        ]  # fmt: skip
        number = Number("rr_mean_s", 1e-3, own[trained], own[new], np.concatenate(drawn))
        areas[k] = auc(number.truth, -number.distance)
        more[k] = number.hits[:TRAINED].mean() - number.hits[TRAINED:].mean()
    note = f"{REFITS} splits of {len(own)} people, {TRAINED} of them trained"
    return {
        figure.name: to_json(mean_of(values, note))
        for figure, values in zip(FIGURES, (areas, more), strict=True)
    }


def mean_rr(beats: Ecg, rows: np.ndarray) -> float:
    return float(np.asarray(beats.context)[rows, beats.spec.context.index("rr_mean_s")][0])


def mean_of(values: np.ndarray, note: str) -> Estimate:
    mean, half = float(values.mean()), 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5
    return Estimate(mean, mean - half, mean + half, note)


if __name__ == "__main__":
    main()
