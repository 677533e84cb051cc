"""What settings of joined data sets choose from: leads by their place, databases each once."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from ecgsynth.datasets.leads import MAIN, SECOND


def _by_place(leads: tuple[str, ...]) -> tuple[str, ...]:
    if leads not in ((MAIN,), (MAIN, SECOND), (SECOND,)):
        raise ValueError(f"takes {MAIN}, or {MAIN} and {SECOND}, since names differ")
    return leads


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or len(set(names)) < len(names):
        raise ValueError("takes one or more databases, each once")
    return names


Places = Annotated[tuple[str, ...], AfterValidator(_by_place)]
Distinct = AfterValidator(_each_once)
