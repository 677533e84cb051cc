"""The words of the command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args, get_type_hints

from benchmarks.augmentation.settings import Seeds, Settings

CHANGED = ("validation", "test", "steps", "ratios", "weighted", "ns", "subsets",
           "curve_ratios", "recipe", "examples", "gate_steps", "distinct", "precision")  # fmt: skip
"""Options that are settings of the same name."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in _words(text))


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is below one")
    return number


def parser(about: str | None) -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m benchmarks.augmentation", description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = found.add_argument
    add("--work", type=Path, default=Path("runs/augmentation"), help="folder of the cells")
    add("--generator", action="append", default=[], metavar="NAME=FILE,...|NAME=recipe:RECIPE",
        help="an arm; one file a generator seed, or a recipe that --train trains")  # fmt: skip
    add("--only", default="", metavar="ARM", help="work on one arm")
    add("--list", action="store_true", help="what is missing, and how long it takes")
    add("--train", action="store_true", help="train the generators that are missing, first")
    add("--final", action="store_true", help="look at the test side, once per shipped version")
    add("--to", type=Path, help="folder for the pictures")
    add(
        "--threads", type=_positive, default=1, help="of one process; run several processes instead"
    )
    usual = Seeds()
    add("--generator-seeds", type=_positive, default=usual.generators)
    add("--classifier-seeds", type=_positive, default=usual.classifiers)
    add("--scouts", type=_positive, default=usual.scouts, help="trainings that judge a ratio")
    add("--curve-seeds", type=_positive, default=usual.curve, help="classifiers on the curve")
    settings = found.add_argument_group("settings (a folder keeps those it was begun with)")
    add = settings.add_argument
    add("--train-on", dest="learned", help="mitbih:train, or a file")
    add("--validation", help="mitbih:validation, or a file")
    add("--test", help="mitbih:test-literature, or a file")
    add("--steps", type=_positive, help="of every classifier")
    add("--ratios", type=_words, help="as in x2,x4,x10,1N")
    add("--no-weights-on-top", dest="weighted", action="store_false", default=None)
    add("--ns", type=_numbers, help="as in 10,30,100,300; of the curve")
    add("--subsets", type=_positive, help="draws of every point of the curve")
    add("--curve-ratios", type=_words, help="as in 0.1N,1N")
    add("--recipe", help="of the curve's generators, and changes of it, in one word")
    add("--examples", type=_positive, help="that each of them sees")
    add("--gate-steps", type=_positive, help="of the networks of the gate")
    add("--precision", choices=get_args(get_type_hints(Settings)["precision"]),
        help="bf16-mixed = the classifiers count in bfloat16")  # fmt: skip
    add("--distinct", type=_positive, help="synthetic beats of a class that are made at most")
    return found
