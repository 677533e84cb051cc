"""Read plans of clients safely, and limit them to the models that are served."""

from __future__ import annotations

import json
from typing import Any

import yaml

from ecgsynth.augmentation.plan import Plan
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.recipes import events_of, read_recipe, read_yaml, shipped
from ecgsynth.service.models.store import ModelStore


def read(text: str, model_store: ModelStore, most: int) -> tuple[Plan, dict[str, str]]:
    """The plan of a shipped name, or of YAML or JSON, and the id of every model in it.

    A plan may only name models that are served: no file, run or registry of the server.

    Raises
    ------
    EcgsynthError: no such plan, invalid YAML, unknown keys, a model that is not served, a `data`
    section, longer than `most` bytes.
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
            raise EcgsynthError(
                "the plan has keys that are not strings; write every key as a string."
            )
        if content.get("data") is not None:
            raise EcgsynthError(
                "the plan must not have 'data': the uploaded file is the real set; leave it out."
            )
    plan = Plan.from_dict(content)
    return plan, {one.model: model_store.find(one.model).id for one in plan.shares.values()}


def _parsed(text: str, most: int) -> Any:
    if len(text.encode("utf-8", "replace")) > most:
        raise EcgsynthError(f"the plan is longer than {most >> 10} KiB; shorten it.")
    try:
        # A few bytes of aliases can expand to gigabytes, and plans do not need them.
        if any(isinstance(one, yaml.AliasEvent) for one in events_of(text)):
            raise ValueError("it has aliases, which are not allowed")
        content = read_yaml(text)
        json.dumps(content, ensure_ascii=False).encode()
        return content
    except (yaml.YAMLError, ValueError, TypeError) as problem:
        reason = getattr(problem, "problem", None) or getattr(problem, "reason", None) or problem
        reason_text = " ".join(str(reason).split())[:200]
        if isinstance(problem, yaml.constructor.ConstructorError | TypeError | UnicodeError):
            reason_text = "it contains values other than strings, numbers, lists and mappings"
        raise EcgsynthError(
            f"the plan is neither YAML nor JSON ({reason_text}); write it as docs/augmentation.md "
            "shows."
        ) from None
