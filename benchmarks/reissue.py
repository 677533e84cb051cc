"""Shipped models with their priors of contexts measured anew; their weights stay as they are.

`python -m benchmarks.reissue [NAME ...]` reads each model of `src/ecgsynth/pretrained`, loads the
recordings that its card names, measures the prior as a training does today, and writes the file
again. What the network was trained to see stays: the mean and SD by which contexts are
standardised, the scaler, the style codes. `--steps` rounds that mean and SD too, as a training does
today: for a model whose people are those of another one less some, since the difference between two
exact means is a number of those.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.signals.anonymity import people_of, round_coarse
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.scaling import measure_hidden, scaler_from_json
from ecgsynth.synthesizer import Synthesizer, shipped_models
from ecgsynth.training.card import classes_of, rare_labels
from ecgsynth.training.data.batches import style_codes
from ecgsynth.training.data.checks import collect_warnings, training_set_warnings


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="NAME", help="all shipped ones if left out")
    parser.add_argument("--steps", action="store_true", help="round the mean and SD of contexts")
    given = parser.parse_args()
    chosen = given.models
    logging.getLogger("ecgsynth").setLevel(logging.ERROR)
    for name, path in shipped_models().items():
        if not chosen or name in chosen:
            print(f"{name}: {reissued(path, given.steps)}")


def reissued(path: Path, steps: bool) -> str:
    """Write a model's file again with a prior of today; returns what was done in words."""
    model = Synthesizer.load(path)
    run = Run.from_dict(model.card.run)
    with collect_warnings() as messages:
        data = load(run.data.name, run.data.split, **run.data.settings)
    styles, style = style_codes(data, run.training)
    assert styles == model.card.styles, "the recordings are of other people than the model's"
    fitted = ContextPrior.fit(
        data, style, measure_hidden(scaler_from_json(model.card.scaler), data)
    )
    known = model.prior
    assert isinstance(known, ContextPrior), "a prior of records is measured by its own training"
    prior = fitted if steps else replace(fitted, mean=known.mean, sd=known.sd)
    card, before = model.card, model.card.id
    card.prior = prior.to_json()
    card.data |= {"items": int(round_coarse(len(data))), "classes": classes_of(data)}
    card.left_out |= rare_labels(data)
    card.doubts = [*messages, *training_set_warnings(run, data)]
    model.save(path, half=model.halved)
    assert card.id == before, "the weights have changed"
    return f"{len(prior.classes)} classes of {len(np.unique(people_of(data)))} people"


if __name__ == "__main__":
    main()
