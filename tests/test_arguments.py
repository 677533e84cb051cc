"""What is taken for a number, a name, a path; and that nothing is changed silently."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import odd
import pytest
from pydantic import Field

from ecgsynth import arguments
from ecgsynth.errors import EcgsynthError
from ecgsynth.settings import Rate, Settings, make_settings
from ecgsynth.signals.columns import name_array, number_array


@pytest.mark.parametrize("value", [7, np.int64(7), np.uint8(7), np.array(7)])
def test_a_whole_number_is_one_of_python(value: Any) -> None:
    assert type(arguments.check_integer(value, "it")) is int
    assert arguments.check_integer(value, "it") == 7


@pytest.mark.parametrize("value", [True, np.bool_(True), 7.0, np.float32(7), "7", None, [7], 7j])
def test_nothing_else_is_made_a_whole_number(value: Any) -> None:
    with pytest.raises(EcgsynthError, match="it must be a whole number between 0 and 2.63 - 1"):
        arguments.check_integer(value, "it")


@pytest.mark.parametrize("value", [True, "7", None, 7j, float("nan"), float("inf"), 10**400,
                                   Decimal(7), [7], np.array([7.0])])  # fmt: skip
def test_nothing_else_is_made_a_number(value: Any) -> None:
    with pytest.raises(EcgsynthError, match="it must be a finite number from 0 to 9"):
        arguments.check_number(value, "it", 0, 9)


@pytest.mark.parametrize(
    "value, hint",
    [
        (1 / 360, "Are these the seconds between two samples. Then give 360."),
        (0.004, "Are these the seconds between two samples. Then give 250."),
        (0.36, "Are these kHz. Then give 360."),
        (0.5, "Are these kHz. Then give 500."),
        (1e-9, "got 1e-09.$"),
        (360_000, "from 1 to 100,000; got 3.6e.05.$"),
    ],
)
def test_a_rate_at_which_no_ecg_is_recorded_is_met_by_what_may_be_meant(
    value: float, hint: str
) -> None:
    with pytest.raises(EcgsynthError, match=f"in Hz, samples per second.*{hint}"):
        arguments.check_rate(value)


@pytest.mark.parametrize("value", [["N", "N"], [], "NV", {"N": 1}, {"N"}, ["N", 2], [""], 5, None])
def test_names_are_a_list_of_distinct_texts(value: Any) -> None:
    with pytest.raises(EcgsynthError, match="classes"):
        arguments.check_names(value, "classes")


def test_a_path_that_no_file_system_takes_is_refused(tmp_path: Path) -> None:
    assert arguments.check_path(tmp_path / "not" / "yet") == tmp_path / "not" / "yet"
    for value in ("a\0b", "\ud800", "x" * 300, b"x", "", 3, None):
        with pytest.raises(EcgsynthError, match="the path"):
            arguments.check_path(value)
    if os.getuid():  # root may look everywhere
        (tmp_path / "shut").mkdir(mode=0)
        with pytest.raises(EcgsynthError, match="cannot be looked at"):
            arguments.check_path(tmp_path / "shut" / "file")


def test_whatever_is_shown_is_short_and_one_line() -> None:
    for value in odd.every():
        said = arguments.quote(value)
        assert 0 < len(said) < 200 and "\n" not in said


def test_a_sentence_is_one_line_that_every_terminal_can_show() -> None:
    said = str(EcgsynthError("no class 'a\nb\x1b[31m\ud800'."))
    assert said == r"no class 'a\nb\x1b[31m\ud800'."
    assert said.encode()


def test_arrays_of_numbers_are_not_made_of_other_things() -> None:
    assert number_array([1, None, 2.5], "it", np.float64)[[0, 2]].tolist() == [1, 2.5]
    assert number_array(np.array([1.0, 2.0]), "it", np.int32).tolist() == [1, 2]
    for value in (["1"], [1j], [True], [[1], [1, 2]], "text", None, {}, [1.5, "a"]):
        with pytest.raises(EcgsynthError, match="it is an array of real numbers"):
            number_array(value, "it")
    for value in ([1.5], [np.nan], [2**40], [1e300]):
        with pytest.raises(EcgsynthError, match="it is an array of whole numbers"):
            number_array(value, "it", np.int32)


def test_people_may_be_numbered_and_are_never_nobody() -> None:
    assert name_array([7, "8", np.str_("9")], "patient").tolist() == ["7", "8", "9"]
    for value in ([None], [np.nan], [1.5], [True], [b"x"]):
        with pytest.raises(EcgsynthError, match="patient"):
            name_array(value, "patient")


class Some(Settings):
    count: int = 1
    share: float = Field(0.5, ge=0)
    on: bool = True
    both: tuple[int, int] = (1, 2)
    names: tuple[str, ...] = ()
    fs: Rate = 360.0


@pytest.mark.parametrize(
    "given, said",
    [
        ({"count": True}, "'count' does not take True or False"),
        ({"count": np.bool_(True)}, "'count' does not take True or False"),
        ({"share": False}, "'share' does not take True or False"),
        ({"both": [1, True]}, "'both' does not take True or False"),
        ({"count": 2.7}, "'count' input should be a valid integer"),
        ({"share": float("inf")}, "'share' input should be a finite number"),
        ({"names": {"a", "b"}}, "'names' does not take a set"),
        ({"names": b"ab"}, "'names' does not take bytes"),
        ({"names": "ab"}, r"'names' takes a list in brackets, as in \[ab, \.\.\.\]"),
        ({"fs": 1 / 360}, "Then give 360"),
        ({"cuont": 2}, "no setting 'cuont'. Did you mean 'count'"),
        ({2: 2}, "keys should be strings"),
    ],
)
def test_settings_change_nothing_silently(given: dict[Any, Any], said: str) -> None:
    with pytest.raises(EcgsynthError, match=said):
        make_settings(Some, given, "it")


def test_settings_that_are_set_later_are_checked_too() -> None:
    from tiny import tiny_run

    run = tiny_run(1)
    with pytest.raises(EcgsynthError, match="'batch' does not take True or False"):
        run.training.batch = True
    with pytest.raises(EcgsynthError, match="frozen"):
        Some().count = 2
    assert Some(on=False).on is False


def test_what_would_be_ignored_is_refused() -> None:
    from tiny import tiny_run

    import ecgsynth as es

    with pytest.raises(EcgsynthError, match="the split is named twice"):
        es.load("simulated:train", split="test")
    with pytest.raises(EcgsynthError, match="no split ''"):
        es.load("simulated:")
    with pytest.raises(EcgsynthError, match="no setting 'clases'. Did you mean 'classes'"):
        es.load("simulated", clases=("N",))
    with pytest.raises(EcgsynthError, match="resume goes on from a run folder"):
        es.train(tiny_run(1), resume=True)
    with pytest.raises(EcgsynthError, match="metrics is empty"):
        es.evaluate(odd.sets()[0], metrics=[])
    with pytest.raises(EcgsynthError, match="metrics must be distinct"):
        es.evaluate(odd.sets()[0], metrics=["frechet", "frechet"])
