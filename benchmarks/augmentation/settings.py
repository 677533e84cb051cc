"""What the study is set to: everything that changes a number, and how often it is repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ecgsynth.augmentation.plan import Gating


@dataclass(frozen=True)
class Settings:
    """All that changes a cell's numbers; a folder belongs to one of these.

    train, validation, test: splits of a data set cut as the flagship's recipe says, or files.
    steps: of every classifier. ratios, curve_ratios: how far a rare class is filled, "x4" = to
    four times its real beats, "0.1N" = to a tenth of those of the largest class. weighted: whether
    every ratio is also tried with class weights on top.
    ns: real beats of every rare class on the curve. subsets: draws of each. recipe, examples: of
    the curve's generators; changes of the recipe may follow its name. gate_steps: of the networks
    by which the gate looks for the class. distinct: synthetic beats of a class that are made at
    most; where a ratio takes more of them they are repeated. precision: of the classifiers;
    "bf16-mixed" = they count in bfloat16, in .6 of the time.
    """

    train: str = "mitbih:train"
    validation: str = "mitbih:validation"
    test: str = "mitbih:test-literature"
    steps: int = 1500
    ratios: tuple[str, ...] = ("x2", "x4", "x10", "1N")
    weighted: bool = True
    ns: tuple[int, ...] = (10, 30, 100, 300)
    subsets: int = 3
    curve_ratios: tuple[str, ...] = ("0.1N", "1N")
    recipe: str = "mitbih-beats"
    examples: int = 600_000
    gate_steps: int = 400
    distinct: int = 8000
    precision: Literal["32-true", "bf16-mixed"] = "32-true"

    @property
    def gate(self) -> Gating:
        """The networks of the gate are fitted on the very beats that are filled up: the shipped
        classifier has seen all of them, and chose its weights by the validation patients."""
        return Gating(classifier="fitted", steps=self.gate_steps)


@dataclass(frozen=True)
class Seeds:
    """How often everything is repeated; more can be added to a folder at any time.

    generators: a generator arm has as many files, the Gaussian as many fits. classifiers: trained
    for each. scouts: trainings by which a ratio is chosen. curve: classifiers on the curve.
    """

    generators: int = 3
    classifiers: int = 5
    scouts: int = 2
    curve: int = 2
