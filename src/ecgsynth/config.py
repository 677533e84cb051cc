"""Run: the one typed object that describes a training, read from YAML and written back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from ecgsynth.arguments import as_real_number
from ecgsynth.errors import EcgsynthError
from ecgsynth.recipes import put, read_recipe
from ecgsynth.registry import DATASETS, MODELS, OBJECTIVES
from ecgsynth.settings import Settings, TopLevelSettings, make_settings


class _Section(Settings):
    model_config = ConfigDict(frozen=False, validate_assignment=True)


class NamedPart(BaseModel):
    """A registered thing and its own settings, side by side in the YAML; a name alone takes the
    settings that it has by itself, as in `objective=hinge`."""

    model_config = ConfigDict(extra="allow")
    name: str = Field(description="a registered name, as `ecgsynth list` prints it")

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def settings(self) -> dict[str, Any]:
        """What is set besides the name."""
        return dict(self.__pydantic_extra__ or {})


class Data(NamedPart):
    """Which recordings: `name`, `split`, and the data set's own settings."""

    split: str = Field("train", description="which part of the data set, by patient")


Beta = Annotated[float, Field(ge=0, lt=1)]


class Training(_Section):
    """How long, how fast, how often. Progress is counted in examples (items) seen."""

    examples: int = Field(
        1_000_000, gt=0, le=10**15, description="training length, real items seen"
    )
    epochs: float = Field(0.0, ge=0, description="passes over the set, instead of examples")
    batch: int = Field(128, gt=1, description="real items per step")
    critic_steps: int = Field(1, ge=1, description="critic steps per generator step")
    critic_first: int = Field(
        0, ge=0, description="examples of the critic alone; the generator's rate rises over as many"
    )
    optimiser: Literal["adam", "adamw", "rmsprop"] = Field(
        "adam", description="adam | adamw | rmsprop, of both networks"
    )
    rate_generator: float = Field(3e-4, gt=0, description="learning rate at the start")
    rate_critic: float = Field(3e-4, gt=0, description="likewise for the critic")
    rate_end: float = Field(0.1, gt=0, le=1, description="final share of the rates (cosine)")
    rate_halved_every: float = Field(
        0.0, ge=0, description="epochs after which flat rates halve, instead of the cosine; 0 = not"
    )
    betas: tuple[Beta, Beta] = Field((0.0, 0.99), description="of adam and adamw")
    weight_decay: float = Field(0.0, ge=0, description="decoupled from the gradient in adamw")
    clip_gradient: float = Field(0.0, ge=0, description="largest norm, of both nets; 0 = any")
    ema_half_life: int = Field(20_000, ge=0, description="of the weights' average, examples")
    scaler: Literal["global", "range", "beat"] = Field(
        "global", description="mV divided by the set's SD, its range to [-1, 1], or every beat's"
    )
    balance: float = Field(0.6, ge=0, le=1, description="0 = classes as they come, 1 = equal")
    augment: float | Literal["auto"] = Field(
        0.0, description="chance of gain, shift, wander; 0 = none, auto = as the critic overfits"
    )
    augment_target: float = Field(
        0.5, gt=0, lt=1, description="of augment=auto: the critic's overfitting that is held"
    )
    window_s: float = Field(
        0.0,
        ge=0,
        description="windows of so many s at random places; 0 = whole items",
    )
    styles: bool = Field(True, description="give the model a code per training person")
    style_minutes: float = Field(
        0.0, ge=0, description="a code per so many minutes of a recording instead; 0 = per person"
    )
    start: str = Field(
        "", description="a model, run or file whose weights the generator begins with; '' = none"
    )
    adapt: bool = Field(
        False, description="fit the weights of training.start to the set's classes and people"
    )
    stop_after: int = Field(
        0, ge=0, description="examples without better held-out items, to stop early; 0 = never"
    )
    teacher: str = Field(
        "", description="a model whose pairs of noise and signal are learned from; '' = real items"
    )
    pairs: int = Field(18_000, gt=0, description="pairs that a teacher makes")
    snapshot_every: int = Field(50_000, gt=0, description="examples between resumable snapshots")
    keep_every: int = Field(0, ge=0, description="examples between kept copies of the model")
    samples: int = Field(0, ge=0, description="items drawn and kept after every epoch")
    sheets: bool = Field(True, description="a sheet of samples with every snapshot")
    log_every: int = Field(50, gt=0, description="steps between lines of metrics.jsonl")
    health_every: int = Field(100, ge=0, description="steps between looks at its health; 0 = none")
    on_alarm: Literal["log", "stop", "restore"] = Field(
        "log", description="log | stop | restore = back to the last good snapshot, at half rates"
    )
    precision: Literal["32-true", "bf16-mixed"] = Field(
        "32-true", description="bf16-mixed = the networks count in bfloat16 while they learn"
    )
    matmul: Literal["highest", "high", "medium"] = Field(
        "highest", description="precision of float32 matrix products: highest | high | medium"
    )
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="auto | cpu | cuda | mps; auto = the fastest that is there"
    )
    devices: int | str = Field(1, description="how many of these; each is a process")
    threads: int = Field(0, ge=0, le=1024, description="CPU threads; 0 = of all cores")

    @field_validator("augment", mode="before")
    @classmethod
    def _check_chance(cls, value: Any) -> Any:
        if isinstance(value, str) and value == "auto":
            return value
        if as_real_number(value) is not None and 0 <= value <= 1:
            return value
        raise ValueError("is a chance from 0 to 1, or auto")

    @model_validator(mode="after")
    def _check_length(self) -> Training:
        if self.epochs and "examples" in self.model_fields_set:
            raise ValueError(
                "has both examples and epochs; leave one out, or set training.epochs=0"
            )
        if self.adapt and not self.start:
            raise ValueError("has adapt=true and no start; name a model, as in training.start=NAME")
        return self

    @model_serializer(mode="wrap")
    def _dump_one_length(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = dump(self)
        if self.epochs:
            del content["examples"]
        return content

    @property
    def per_step(self) -> int:
        """Examples of a step: real items that the critic sees before the generator moves."""
        return self.batch * self.critic_steps

    def length(self, items: int) -> int:
        """Examples of the whole training on a set of so many items."""
        return math.ceil(self.epochs * items) if self.epochs else self.examples


class Run(TopLevelSettings):
    """A training, whole: what is in `run.yaml` of a run folder and in every card."""

    model_config = ConfigDict(frozen=False, validate_assignment=True)

    name: str = Field(description="of the model and of its folder in runs/")
    description: str = Field("", description="a line for `ecgsynth list recipes`")
    seed: int = Field(0, ge=0, lt=2**63, description="same seed, same training")
    data: Data
    model: NamedPart
    objective: NamedPart
    training: Training = Training()
    quick: dict[str, Any] = Field(default_factory=dict, description="overrides of --quick")
    tune: dict[str, Any] = Field(default_factory=dict, description="what `tune` searches")
    left_out: dict[str, str] = Field(default_factory=dict, description="class -> why it is not")

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not name.strip(". ") or any(mark in name for mark in "/\\") or not name.isprintable():
            raise ValueError("names a folder of runs/ and holds no / or \\")
        return name

    def __repr__(self) -> str:
        return (
            f"Run({self.name}: {self.model.name} with {self.objective.name} on {self.data.name}:"
            f"{self.data.split})"
        )

    __str__ = __repr__

    @classmethod
    def read(cls, recipe: str | Path, *overrides: str) -> Run:
        """A shipped recipe by its name, or a YAML file, with `key=value` overrides.

        Raises
        ------
        EcgsynthError: no such recipe, not YAML, an unknown key, a value that does not fit.
        """
        content = read_recipe(recipe, overrides, "training")
        return cls.from_dict(content)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Run:
        """A run from what `to_dict` gave, or from the content of a recipe."""
        run = super().from_dict(content)
        run.data_settings()
        for registry, part in ((MODELS, run.model), (OBJECTIVES, run.objective)):
            if part.name not in registry.names():
                registry.get(part.name)  # raises with the nearest name
        return run

    def data_settings(self) -> Any:
        """The data set's settings, checked."""
        kind = DATASETS.get(self.data.name).Settings
        return make_settings(kind, self.data.settings, f"data set '{self.data.name}'")

    def model_settings(self, **more: Any) -> Any:
        """The model's settings, checked; imports the model and with it torch."""
        kind = MODELS.get(self.model.name).Settings
        return make_settings(kind, self.model.settings | more, f"model '{self.model.name}'")

    def objective_settings(self, **more: Any) -> Any:
        """The objective's settings, checked with the model; imports both and with them torch."""
        objective, name = OBJECTIVES.get(self.objective.name), f"objective '{self.objective.name}'"
        adversarial = MODELS.get(self.model.name).adversarial
        if objective.adversarial != adversarial:
            raise EcgsynthError(
                f"{name} does not fit the model '{self.model.name}', which has "
                f"{'a' if adversarial else 'no'} critic; choose both with one, or both without."
            )
        if self.training.augment and not adversarial:
            raise EcgsynthError(
                f"training.augment={self.training.augment} hides from a critic how items were "
                f"altered, and the model '{self.model.name}' has none: it would make altered "
                "items; set training.augment=0."
            )
        settings = make_settings(objective.Settings, self.objective.settings | more, name)
        takes = getattr(MODELS.get(self.model.name), "takes", ())
        if getattr(settings, "show", 0.0) > 0 and "known" not in takes:
            raise EcgsynthError(
                f"objective.show is for families that take a known part, and '{self.model.name}' "
                "takes none; set it to 0, or take model.name=renderer."
            )
        of_pairs = getattr(objective, "of_pairs", False)
        kept = getattr(settings, "regression", 0.0) > 0
        if kept and not getattr(MODELS.get(self.model.name), "student", False):
            raise EcgsynthError(
                f"objective.regression is for students, and '{self.model.name}' is none; set it "
                "to 0, or take model.name=renderer-student."
            )
        if (of_pairs or kept) != bool(self.training.teacher):
            raise EcgsynthError(
                f"{name} needs a teacher; name a model, as in training.teacher=runs/teacher."
                if of_pairs or kept
                else "training.teacher goes with objective.name=pairs, or with an "
                "objective.regression above 0; set both, or neither."
            )
        return settings

    def quickened(self) -> Run:
        """The same run with the recipe's `quick` overrides: a try-out of a minute or two.

        Words that another data set, model or objective than the recipe's does not know are left
        out.
        """
        content = self.to_dict()
        kinds = {"data": DATASETS, "model": MODELS, "objective": OBJECTIVES}
        for key, value in self.quick.items():
            section, _, word = key.partition(".")
            if section in kinds:
                part = kinds[section].get(content[section]["name"])
                if word not in {"split", *part.Settings.model_fields}:
                    continue
            put(content, key, value)
        return Run.from_dict(content)

    def to_dict(self) -> dict[str, Any]:
        """The run as plain values."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """The run as YAML, as in `run.yaml`."""
        import yaml

        return yaml.safe_dump(self.to_dict(), sort_keys=False)
