"""What a study searches: the section `tune` of a recipe, and the run that a trial trains."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.recipes import put
from ecgsynth.registry import METRICS
from ecgsynth.settings import Settings, TopLevelSettings

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SECTIONS = ("data", "model", "objective", "training")
"""Of a recipe, in which a setting can be searched."""
LENGTH = ("training.examples", "training.epochs")
"""Set by the study: what a trial may see is the same for all."""


class Axis(Settings):
    """Where one setting is searched: from `low` to `high`, or among `choices`."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = Field(False, description="evenly over the orders of magnitude")
    choices: list[Any] = Field([], description="instead of low and high")

    @model_validator(mode="after")
    def _one_kind(self) -> Axis:
        if self.choices:
            if self.low is not None or self.high is not None or self.log:
                raise ValueError("has choices, or low and high; not both")
            if len({json.dumps(one) for one in self.choices}) < max(2, len(self.choices)):
                raise ValueError("needs two choices or more, each once")
        elif self.low is None or self.high is None or not self.low < self.high:
            raise ValueError("needs choices, or low below high")
        elif self.log and self.low <= 0:
            raise ValueError("is searched by its logarithm, so low must be above 0")
        return self

    @property
    def ends(self) -> list[Any]:
        """Values between or among which all others are."""
        return self.choices or [self.low, self.high]

    def distribution(self) -> BaseDistribution:
        """As Optuna has it; a choice is written as JSON, since it may be a list."""
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        if self.choices:
            return CategoricalDistribution([json.dumps(one) for one in self.choices])
        assert self.low is not None and self.high is not None
        if isinstance(self.low, int) and isinstance(self.high, int):
            return IntDistribution(self.low, self.high, log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def value(self, drawn: Any) -> Any:
        """The setting that a drawn value means."""
        return json.loads(drawn) if self.choices else drawn

    def drawn(self, value: Any) -> Any:
        """What would have to be drawn for this setting; None where it lies outside."""
        if self.choices:
            return json.dumps(value) if value in self.choices else None
        assert self.low is not None and self.high is not None
        is_number = isinstance(value, int | float)
        return value if is_number and self.low <= value <= self.high else None


class Tune(TopLevelSettings):
    """The section `tune` of a recipe."""

    space: dict[str, Axis] = Field(min_length=1, description="setting -> where it is searched")
    examples: int = Field(60_000, gt=0, description="that a trial sees")
    measures: int = Field(4, ge=1, description="times that a trial is scored, the end included")
    score: list[str] = Field(
        ["frechet_ratio", "coverage"], min_length=1, description="the judge's figures it is made of"
    )
    against: str = Field("", description="split to score on; the held-out one when left out")
    items: int = Field(200, ge=20, description="most items of a class, real and synthetic")

    @classmethod
    def _title(cls) -> str:
        return "the section `tune`"

    @model_validator(mode="after")
    def _settings_of_a_recipe(self) -> Tune:
        for key in self.space:
            section, _, word = key.partition(".")
            if section not in SECTIONS or not word or key in LENGTH:
                raise ValueError(
                    f"searches '{key}', which is no setting of {', '.join(SECTIONS)}, or is the "
                    "length of a trial (tune.examples)"
                )
        return self


def tuning_settings(run: Run) -> Tune:
    """The recipe's section, checked: its words, its figures, and the settings at every end.

    Raises
    ------
    EcgsynthError: there is none, or something in it cannot be.
    """
    if not run.tune:
        raise EcgsynthError(
            f"the recipe '{run.name}' has nothing to search; give it a section `tune`, as "
            "that of vanilla-mitbih has it."
        )
    tune = Tune.from_dict(run.tune)
    for name in tune.score:
        if METRICS.get(name).goal == "match":
            better = [n for n in METRICS.names() if METRICS.get(n).goal != "match"]
            raise EcgsynthError(
                f"tune.score: '{name}' is neither to be raised nor to be lowered."
                f"{did_you_mean(name, better)}"
            )
    for key, axis in tune.space.items():
        for end in axis.ends:
            _check(trial_run(run, tune, {key: end}))
    return tune


def trial_run(run: Run, tune: Tune, settings: dict[str, Any]) -> Run:
    """What a trial trains: the recipe with these settings, as long as all trials."""
    content = with_settings(run, settings).to_dict()
    every = -(-tune.examples // tune.measures)
    put(content, "training.epochs", 0)
    put(content, "training.examples", tune.examples)
    put(content, "training.snapshot_every", every)
    put(content, "training.keep_every", 0)
    put(content, "training.samples", 0)
    put(content, "training.sheets", False)  # four of them cost a tenth of a trial
    found = Run.from_dict(content)
    # What is scored is what the log has come past: four lines between two scores at least.
    steps = max(1, every // found.training.per_step // 4)
    found.training.log_every = min(found.training.log_every, steps)
    return found


def recipe_settings(run: Run, tune: Tune) -> dict[str, Any]:
    """What would have to be drawn for the recipe itself; nothing where it lies outside the search.

    With this trial a study shows its gain, and its best is never worse than the recipe.
    """
    parts = {
        "data": run.data_settings(), "model": run.model_settings(),
        "objective": run.objective_settings(), "training": run.training,
    }  # fmt: skip
    found = {}
    for key, axis in tune.space.items():
        section, *inner = key.split(".")
        value: Any = parts[section].model_dump(mode="json")
        for word in inner:
            value = value[word]
        found[key] = axis.drawn(value)
    return {} if None in found.values() else found


def with_settings(run: Run, settings: dict[str, Any]) -> Run:
    """The recipe with other settings and nothing more to search."""
    content = run.to_dict() | {"tune": {}}
    for key, value in settings.items():
        put(content, key, value)
    return Run.from_dict(content)


def _check(run: Run) -> None:
    run.model_settings()
    run.objective_settings()
