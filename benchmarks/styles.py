"""Whose rare beats help a classifier: those of the people who have them, or of everybody?

`python benchmarks/styles.py [MODEL]` fills S, V and F of the training people up with synthetic
beats, trains the judge's classifier on each set and prints F1 on the validation patients; nothing
of DS2 is looked at. A model with a code for each person can be asked for the ectopic beats of
people who never had any. Ways:

    none        real beats alone, classes weighted
    own         of the people who have such beats, as often as they have them (as `generate` does)
    transplant  of all people alike: a person's code beside RR of one who has such beats, stretched
                so that it is as premature against the person's own mean RR
    between     as transplant, of people half way between two: codes mixed by a random share
"""

from __future__ import annotations

import argparse
from copy import deepcopy

import numpy as np
import torch
from claims import estimate, table
from numpy.typing import NDArray
from torch import nn

import ecgsynth as es
from ecgsynth.augmentation.matching import beside
from ecgsynth.evaluation.classifiers import fit, predict
from ecgsynth.evaluation.judge import load_like
from ecgsynth.evaluation.scores import scores
from ecgsynth.progress import bar
from ecgsynth.signals.prior import LEVELS
from ecgsynth.signals.segments import RR
from ecgsynth.synthesizer.plan import Drawn

RARE = ("S", "V", "F")
MIXED = 1000
"""People half way between two that are drawn once."""


class Transplanting(es.Synthesizer):
    """The same generator, asked for the rare beats of everybody alike."""

    @property
    def people(self) -> NDArray[np.int64]:
        return np.array([group.style for group in self.prior.groups["N"]])

    @property
    def pace(self) -> NDArray[np.float64]:
        """[style] median over a person's N beats of the mean RR, s."""
        column = self.spec.context.index("rr_mean_s")
        found = np.full(int(self.people.max()) + 1, np.nan)
        for group in self.prior.groups["N"]:
            found[group.style] = np.interp(0.5, LEVELS, group.quantiles[column])
        return found

    def _drawn(
        self, first: int, labels: NDArray[np.int64], seed: int, fixed: dict[str, float]
    ) -> Drawn:
        drawn = super()._drawn(first, labels, seed, fixed)
        style = np.random.default_rng((seed, first)).choice(self.people, len(labels))
        return self.moved(drawn, style, self.pace[style])

    def moved(self, drawn: Drawn, style: NDArray[np.int64], pace: NDArray[np.float64]) -> Drawn:
        """The items in these styles, all RR of each stretched to its person's pace, s."""
        columns = [self.spec.context.index(name) for name in RR]
        context = drawn.context.copy()
        mean = context[:, self.spec.context.index("rr_mean_s")]
        context[:, columns] *= (pace / mean)[:, None]
        return Drawn(drawn.label, style, context, drawn.latent)


class Between(Transplanting):
    """Asked for people who are mixtures of two."""

    def __init__(self, generator: nn.Module, card: es.Card) -> None:
        super().__init__(generator, card)
        random = np.random.default_rng(0)
        self.pairs = random.choice(self.people, (MIXED, 2))
        self.share = random.uniform(size=(MIXED, 1))
        codes = self.generator.embed.style.weight.detach().numpy()
        mixed = self.share * codes[self.pairs[:, 0]] + (1 - self.share) * codes[self.pairs[:, 1]]
        self.generator.embed.style = nn.Embedding.from_pretrained(torch.from_numpy(mixed).float())

    def _drawn(
        self, first: int, labels: NDArray[np.int64], seed: int, fixed: dict[str, float]
    ) -> Drawn:
        drawn = es.Synthesizer._drawn(self, first, labels, seed, fixed)
        style = np.random.default_rng((seed, first)).integers(MIXED, size=len(labels))
        paces = self.pace[self.pairs[style]]
        pace = (self.share[style, 0] * paces[:, 0]) + (1 - self.share[style, 0]) * paces[:, 1]
        return self.moved(drawn, style, pace)


WAYS = {"none": None, "own": es.Synthesizer, "transplant": Transplanting, "between": Between}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="mitbih-beats")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=[*WAYS])
    parser.add_argument("--target", type=int, default=8000, help="beats of a rare class at the end")
    parser.add_argument("--steps", type=int, default=1500, help="of every classifier")
    parser.add_argument("--seeds", type=int, default=3, help="of generation and classifier")
    given = parser.parse_args()
    first = es.Synthesizer.load(given.model)
    train, validation = (load_like(f"mitbih:{s}", first.spec) for s in ("train", "validation"))
    random, lines = np.random.default_rng(0), []
    with bar("training classifiers") as advance:
        for k, way in enumerate(given.ways):
            said = []
            for seed in range(given.seeds):
                done = (k + seed / given.seeds) / len(given.ways)
                advance(f"{way}, seed {seed}", done)
                shown = filled(train, maker(way, first), given.target, seed).quantised()
                net = fit(shown, validation, steps=given.steps, seed=seed)
                said.append(predict(net, validation))
            found = scores(validation, np.stack(said), random)
            each = [found[name] for name in ("macro NSV", "all", *validation.spec.classes)]
            lines.append([way, *(estimate(one.value, one.low, one.high) for one in each)])
    print(
        f"F1 on {validation.source}, {given.seeds} seeds, {given.steps} steps; S, V and F filled "
        f"up to {given.target:,}:\n"
    )
    table(["beats added", "macro N, S, V", "macro N, S, V, F", *validation.spec.classes], lines)


def maker(way: str, model: es.Synthesizer) -> es.Synthesizer | None:
    kind = WAYS[way]
    return kind(deepcopy(model.generator), model.card) if kind else None


def filled(train: es.Ecg, model: es.Synthesizer | None, target: int, seed: int) -> es.Ecg:
    """The real beats with the rare classes filled up to `target`."""
    if model is None:
        return train
    counts = {name: target - train.counts()[name] for name in RARE}
    made = [model.generate(count, name, seed=seed + 1) for name, count in counts.items()]
    return es.concatenate([train, *(beside(train, m, n) for m, n in zip(made, RARE, strict=True))])


if __name__ == "__main__":
    main()
