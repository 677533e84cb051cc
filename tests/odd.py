"""Values that no caller means, each of which some caller has given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import ecgsynth as es
from ecgsynth.simulator.records import Noise, simulate_beats


class Unshowable:
    """Fails when it is shown or compared."""

    def __repr__(self) -> str:
        raise RuntimeError("not to be shown")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")

    __hash__ = object.__hash__


class Uncountable:
    """Says that it is a list, and is none."""

    def __len__(self) -> int:
        return -1  # noqa: PLE0303

    def __iter__(self) -> Iterator[Any]:
        raise KeyError(1)


def deep(depth: int = 200) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def nothings() -> list[Any]:
    return [
        None, ..., NotImplemented, object(), len, int, Unshowable(), Uncountable(),
        es.EcgsynthError("x"), es.Ecg, Noise(), datetime(2020, 1, 1), torch.tensor(3),
        torch.zeros(2, 1, 256, requires_grad=True), pd.NA, pd.NaT, pd.Timestamp("2020"),
    ]  # fmt: skip


def numbers() -> list[Any]:
    return [
        True, False, 0, -1, 1, 2, 10**30, -(10**30), 10**400, 2.7, -0.5, 1 / 360, 1e300, 1e-300,
        float("nan"), float("inf"), -float("inf"), 1j, 360 + 0j, complex("nan"), Decimal("2.5"),
        Fraction(1, 3), np.bool_(True), np.int64(3), np.int64(-3), np.uint8(200), np.float32(1.5),
        np.float64("nan"), np.complex64(1j), np.datetime64("2020"), np.array(3), np.array(2.7),
    ]  # fmt: skip


def texts() -> list[Any]:
    return [
        "", " ", "N", "2", "x", "a\0b", "a\nb", "\ud800", "\x1b[31m", "x" * 5000, "~nosuch/x",
        "mitbih:nosuch", "set.npz", "set.csv", "set.html", "picture.png", "folder/", b"N", b"\xff",
        bytearray(b"N"), np.str_("N"), np.bytes_(b"N"), np.array("N"), Path("a\0b"), Path(),
        Path("nosuch"), Path("x" * 300 + ".npz"),
    ]  # fmt: skip


def lists() -> list[Any]:
    return [
        [], (), {}, set(), [1], [None], ["N"], ["N", "N"], ("II", "a\0"), (1, 2), (-1, 2),
        (1, 2, 3), [float("nan")], [[1, 2], [3]], deep(), range(3), iter(["N"]), slice(0, 2),
        (one for one in ()), {"N"}, frozenset({"N"}), {1}, {"N": 1}, {"N": 2.7}, {"N": True},
        {"N": -1}, {"N": 10**30}, {"N": None}, {"S": {}}, {1: "N"}, {None: None},
    ]  # fmt: skip


def arrays() -> list[Any]:
    return [
        np.array([]), np.zeros(3), np.zeros((2, 2)), np.zeros((2, 1, 256)), np.zeros((0, 1, 256)),
        np.full((2, 1, 256), np.nan), np.array(["N", "V"]), np.array([None, "N"], object),
        np.array([1j, 2]), np.array(["2020"], "datetime64[D]"), np.zeros(2, [("a", int)]),
        np.array([True, False] * 40), np.array([b"N"]), pd.Series(["N", "V"]), pd.Series([1, 2]),
        pd.Series(["N", None], dtype="string"), pd.DataFrame({"a": [1.0, 2]}), pd.Index([1]),
        pd.Categorical(["N"]), torch.zeros(3),
    ]  # fmt: skip


def sets() -> list[Any]:
    beats = simulate_beats(3, patients=1, seed=1)
    return [beats, beats[:0], beats.spec, es.simulate_record(5, 250, leads=("II", "V1"), seed=1)]


def every() -> list[Any]:
    """All of them, made anew: some can be read but once."""
    return [*nothings(), *numbers(), *texts(), *lists(), *arrays(), *sets()]
