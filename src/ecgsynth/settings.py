"""Settings that a user may set: they are checked, and an error is one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Annotated, Any, Self, get_args, get_origin

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ecgsynth.arguments import check_rate, quote
from ecgsynth.errors import EcgsynthError, did_you_mean

Rate = Annotated[float, Field(gt=0), AfterValidator(check_rate)]
"""A sampling rate, Hz."""


class Settings(BaseModel):
    """Settings refuse words that they do not know, infinity, and values that would have to be
    changed: True and False for a number, bytes for a text, a set for a list."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_conversions(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[info.field_name or ""].annotation
        if _contains_bool(value) and not _accepts_bool(kind):
            raise ValueError("does not take True or False (a name that YAML reads so needs quotes)")
        if isinstance(value, bytes | bytearray):
            raise ValueError("does not take bytes")
        if isinstance(value, Set):
            raise ValueError("does not take a set, which has no order")
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except ValidationError as problem:
            raise EcgsynthError(explain(problem, type(self), "the settings")) from None


class TopLevelSettings(Settings):
    """Settings that are not part of others, and are reported as a whole.

    Raises
    ------
    EcgsynthError: a word is missing or unknown, or a value does not fit.
    """

    def __init__(self, **content: Any) -> None:
        try:
            super().__init__(**content)
        except ValidationError as problem:
            raise EcgsynthError(explain_nested(problem, type(self), self._title())) from None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The settings that a mapping of names to values holds.

        Raises
        ------
        EcgsynthError: it is none, a word is missing or unknown, or a value does not fit.
        """
        if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
            raise EcgsynthError(
                f"{cls._title()} is a mapping of words to values; got {quote(content)}."
            )
        return cls(**content)

    @classmethod
    def _title(cls) -> str:
        return "the recipe"


def _contains_bool(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_contains_bool, (*value.keys(), *value.values())))
    if isinstance(value, list | tuple):
        return any(map(_contains_bool, value))
    return isinstance(value, bool | np.bool_)


def _accepts_bool(kind: Any) -> bool:
    """Whether True or False may stand in such a field."""
    if kind in (bool, Any) or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return True
    return any(_accepts_bool(one) for one in get_args(kind))


def make_settings(kind: type[Any], values: Mapping[str, Any], owner: str) -> Any:
    """Validate settings; a misspelt word is answered with the nearest one.

    Raises
    ------
    EcgsynthError: a word is unknown or a value does not fit.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as problem:
        raise EcgsynthError(explain(problem, kind, owner)) from None


def explain(problem: ValidationError, kind: type[Any], owner: str) -> str:
    """A pydantic error as one sentence."""
    error = _most_helpful_error(problem)
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = kind.model_fields
        return f"{owner} has no setting '{where}'.{did_you_mean(str(error['loc'][-1]), known)}"
    if error["type"] == "missing" and isinstance(error["loc"][-1], int):
        where, given = where.rpartition(".")[0], quote(error["input"])
        return f"{owner}: '{where}' takes more values than that (got {given})."
    if error["type"] == "missing":
        return f"{owner} needs '{where}'; write {where}=... with the others."
    if error["type"] == "tuple_type" and isinstance(error["input"], str):
        first = quote(error["input"])[1:-1]
        return f"{owner}: '{where}' takes a list in brackets, as in [{first}, ...]."
    sentence = error["msg"].removeprefix("Value error, ")
    sentence = re.sub(
        r" or instance of \w+", "", sentence
    )  # names of classes are no words of a recipe
    if not where:  # several settings do not go together: the sentence names them
        return f"{owner}: {sentence}."
    return f"{owner}: '{where}' {sentence[:1].lower()}{sentence[1:]} (got {quote(error['input'])})."


def explain_nested(problem: ValidationError, kind: type[BaseModel], owner: str) -> str:
    """A pydantic error of nested settings as one sentence; the words of its section are known."""
    error = _most_helpful_error(problem)
    section: Any = kind
    for part in error["loc"][:-1]:
        inside = section
        if isinstance(section, type) and issubclass(section, BaseModel):
            field = section.model_fields.get(str(part))
            inside = field.annotation if field else None
        elif get_origin(section) is dict:  # of a section whose words the user chooses
            inside = get_args(section)[1]
        section = inside
    is_model = isinstance(section, type) and issubclass(section, BaseModel)
    return explain(problem, section if is_model else kind, owner)


def _most_helpful_error(problem: ValidationError) -> Any:
    """The error to report of several: a misspelt name before the setting that is then missing."""
    errors = problem.errors()
    return next((e for e in errors if e["type"] in ("extra_forbidden", "invalid_key")), errors[0])
