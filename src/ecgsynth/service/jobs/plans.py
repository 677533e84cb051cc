"""Plans that clients send: read without trust, and bound to the models that are served here."""

from __future__ import annotations

import json
from typing import Any

import yaml

from ecgsynth.augmentation.plan import Plan
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.recipes import events_of, read_recipe, read_yaml, shipped
from ecgsynth.service.models.store import Shelf


def read(text: str, shelf: Shelf, most: int) -> tuple[Plan, dict[str, str]]:
    """The plan of a shipped name or of YAML or JSON, and the id of every model that it names.

    A plan names models that are served, and nothing else: no file, run or registry of the server.

    Raises
    ------
    EcgsynthError: no such plan, no YAML, unknown words, a model that is not served, data of its
        own, longer than `most` bytes.
    """
    known = shipped("augmentation")
    if text.strip() in known:
        content = read_recipe(text.strip(), [], "augmentation")
        content.pop("data", None)
    else:
        content = _parsed(text, most)
        if not isinstance(content, dict):
            raise EcgsynthError(f"no plan named '{text[:80]}'.{did_you_mean(text[:80], known)}")
        if not all(isinstance(key, str) for key in content):
            raise EcgsynthError("the plan has keys that are no words; keys should be strings.")
        if content.get("data") is not None:
            raise EcgsynthError(
                "'data' has no place in the plan: the uploaded file is the real set; leave it out."
            )
    plan = Plan.from_dict(content)
    return plan, {one.model: shelf.find(one.model).id for one in plan.shares.values()}


def _parsed(text: str, most: int) -> Any:
    if len(text.encode("utf-8", "replace")) > most:
        raise EcgsynthError(f"the plan is longer than {most >> 10} KiB; plans are short.")
    try:
        # Some bytes of them can stand for gigabytes, and nobody who sends a plan needs any.
        if any(isinstance(one, yaml.AliasEvent) for one in events_of(text)):
            raise ValueError("it has aliases, which are not read here")
        content = read_yaml(text)
        json.dumps(content, ensure_ascii=False).encode()
        return content
    except (yaml.YAMLError, ValueError, TypeError) as problem:
        reason = getattr(problem, "problem", None) or getattr(problem, "reason", None) or problem
        told = " ".join(str(reason).split())[:200]
        if isinstance(problem, yaml.constructor.ConstructorError | TypeError | UnicodeError):
            told = "it holds more than words, numbers and lists of them"
        raise EcgsynthError(
            f"the plan is neither YAML nor JSON ({told}); write it as docs/augmentation.md shows."
        ) from None
