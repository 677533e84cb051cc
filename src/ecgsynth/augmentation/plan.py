"""Plan: the one typed object of an augmentation, read from YAML; which class gets what."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from ecgsynth.config import Data
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import read
from ecgsynth.recipes import read_recipe
from ecgsynth.registry import DATASETS
from ecgsynth.settings import Settings, TopLevelSettings
from ecgsynth.signals.ecg import Ecg

OF_A_FILE = {"fs", "leads", "unit"}
"""Settings of a file, as of `ecgsynth.read`."""


class Real(Data):
    """The real set: a data set's `name` and `split` with its settings, or a `file`, with `fs`,
    `leads` and `unit` where it leaves them open."""

    name: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _check_one_source(self) -> Real:
        if bool(self.name) == bool(self.file):
            raise ValueError("takes either the name of a data set or a file")
        if self.file and (other := self.settings.keys() - OF_A_FILE):
            raise ValueError(f"of a file has no setting {', '.join(sorted(other))}")
        return self

    def load(self) -> Ecg:
        """The items.

        Raises
        ------
        EcgsynthError: there is no such file, data set or split, or its recordings are not here.
        """
        if self.file:
            return read(self.file, **self.settings)
        return load(self.name, self.split, **self.settings)


class Share(Settings):
    """What a class gets: `times` of its real items in all, or `count` synthetic ones."""

    model: str = Field(min_length=1, description="name, file or run that makes it")
    label: str = Field("", description="the class as the model calls it, where that differs")
    times: float | None = Field(None, ge=1, allow_inf_nan=False)
    count: int | None = Field(None, ge=0)
    enabled: bool = True

    @model_validator(mode="after")
    def _check_one_source(self) -> Share:
        if (self.times is None) == (self.count is None):
            raise ValueError(
                "takes either times or count (null takes one away, as in classes.S.times=null)"
            )
        return self

    def items_to_add(self, real: int) -> int:
        """Synthetic items to add to so many real ones."""
        return self.count if self.times is None else round(real * (self.times - 1))  # type: ignore[return-value]


class Gating(Settings):
    """The quality gate: which criteria a synthetic item must meet, and how narrow they are.

    Every range is that of the class's own real items.
    """

    enabled: bool = True
    quality: bool = Field(True, description="finite, not flat or clipped, amplitude and slope")
    intervals: bool = Field(True, description="RR of the context, QRS duration as delineated")
    copies: bool = Field(True, description="no nearer to a real item than real ones")
    outliers: bool = Field(True, description="no farther from the real items than real ones")
    adherence: bool = Field(True, description="the classifier sees the class")
    classifier: Literal["shipped", "fitted", "either"] = Field(
        "either", description="of adherence: shipped, fitted on the real items, or whichever can"
    )
    tail: float = Field(0.005, ge=0, lt=0.5, description="share of real items beyond each range")
    widen: float = Field(0.2, ge=0, description="by so much of its width is each range widened")
    near: float = Field(0.01, ge=0, lt=1, description="quantile of the real distances below which")
    far: float = Field(0.99, gt=0, le=1, description="likewise above which an item is refused")
    least: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="quantile of the real items' probability of their class; .5 at most",
    )
    most: float = Field(5.0, ge=1, le=1000, description="items drawn at most per item wanted")
    steps: int = Field(400, ge=1, description="training steps of a fitted classifier")


class Plan(TopLevelSettings):
    """An augmentation, whole: what `ecgsynth augment` reads, and what the manifest keeps."""

    name: str = Field("plan", min_length=1)
    description: str = ""
    seed: int = Field(0, ge=0, lt=2**63)
    data: Real | None = None
    classes: dict[str, Share]
    gate: Gating = Gating()

    @classmethod
    def read(cls, recipe: str | Path, *overrides: str) -> Plan:
        """A shipped plan by its name, or a YAML file, with `key=value` overrides.

        Raises
        ------
        EcgsynthError: no such plan, not YAML, a recipe of a training, an unknown key, a value
            that does not fit.
        """
        return cls.from_dict(read_recipe(recipe, overrides, "augmentation"))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Plan:
        """A plan from what `to_dict` gave, or from the content of a YAML file."""
        plan = super().from_dict(content)
        if not plan.shares:
            raise EcgsynthError(
                f"the plan '{plan.name}' gives no class anything; enable one, as in "
                "classes.S.enabled=true."
            )
        if plan.data is not None and plan.data.name:
            DATASETS.get(plan.data.name)
        return plan

    @property
    def shares(self) -> dict[str, Share]:
        """The classes that get something."""
        return {name: share for name, share in self.classes.items() if share.enabled}

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values, without those that are not set."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_yaml(self) -> str:
        """The plan as YAML."""
        import yaml

        return yaml.safe_dump(self.to_dict(), sort_keys=False)
