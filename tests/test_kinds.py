"""Contexts that go with a person: only styles that have them are drawn, never of too few people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.prior.kinds import expand
from ecgsynth.signals.spec import Spec

CONTEXT = ("rr_before_s", "rr_mean_s", "database:a", "database:b", "lead:x")
PEOPLE_OF = {"a": range(12), "b": range(12, 20)}
OF_X = range(9, 15)
"""People of lead x: three of database a, three of b."""


def crowd(rare: range = range(10, 17)) -> tuple[Ecg, np.ndarray]:
    """40 items of each of 20 people; only those of `rare` have some of class V."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(20), 40)
    mean = 0.7 + 0.02 * person
    label = ((np.arange(len(person)) % 4 == 0) & np.isin(person, rare)).astype(int)
    context = np.column_stack([
        mean * rng.normal(1 - 0.3 * label, 0.03), mean, np.isin(person, PEOPLE_OF["a"]),
        np.isin(person, PEOPLE_OF["b"]), np.isin(person, OF_X),
    ])  # fmt: skip
    spec = Spec(("ECG1",), 100, 8, ("N", "V"), context=CONTEXT)
    signal = rng.normal(size=(len(person), 1, 8)).astype(np.float32)
    ecg = Ecg(signal, spec, one_hot(label, 2), context, person.astype(np.str_))
    return ecg, np.unique(person.astype(np.str_), return_inverse=True)[1]


def person_of(style: np.ndarray) -> np.ndarray:
    """Styles are numbered by the names of people in the order of texts."""
    return np.unique(np.arange(20).astype(np.str_)).astype(int)[style]


PRIOR = ContextPrior.fit(*crowd())


def draw(name: str, fixed: dict[str, float], prior: ContextPrior = PRIOR):
    uniform = np.random.default_rng(1).uniform(size=(500, prior.uniforms))
    drawn = prior.draw(name, uniform, fixed)
    return person_of(drawn.style), drawn.context


@pytest.mark.parametrize("name", ["N", "V"])
def test_a_kind_is_that_of_the_style(name: str) -> None:
    person, context = draw(name, {})
    for k, of in ((2, PEOPLE_OF["a"]), (3, PEOPLE_OF["b"]), (4, OF_X)):
        assert (context[:, k] == np.isin(person, of)).all()


@pytest.mark.parametrize("database", ["a", "b"])
def test_only_people_of_the_wanted_database_are_drawn(database: str) -> None:
    person, context = draw("N", {f"database:{database}": 1.0})
    assert set(person) == set(PEOPLE_OF[database])
    assert (context[:, 2] + context[:, 3] == 1).all()


def test_the_kind_0_is_that_of_all_others() -> None:
    assert set(draw("N", {"lead:x": 0.0})[0]) == set(range(20)) - set(OF_X)


def test_five_people_with_a_class_are_enough_and_fewer_give_it_to_all_of_the_kind() -> None:
    assert set(draw("V", {"database:b": 1.0})[0]) == set(range(12, 17))  # these five have it
    person, context = draw("V", {"database:a": 1.0})  # two of these have it
    assert set(person) == set(PEOPLE_OF["a"])
    early = context[:, 0] / context[:, 1]
    assert 0.6 < np.median(early) < 0.8  # as early as the class is in everybody


def test_a_class_that_nobody_of_the_kind_has_is_made_for_all_of_it() -> None:
    prior = ContextPrior.fit(*crowd(rare=range(13, 20)))
    assert set(draw("V", {"database:a": 1.0}, prior)[0]) == set(PEOPLE_OF["a"])


@pytest.mark.parametrize(
    "fixed",
    [{"database:a": 1.0, "lead:x": 1.0}, {"database:a": 1.0, "database:b": 1.0},
     {"database:a": 0.0, "database:b": 0.0}],
)  # fmt: skip
def test_what_fewer_than_five_people_have_together_is_refused(fixed: dict[str, float]) -> None:
    with pytest.raises(EcgsynthError, match=f"fewer than {PEOPLE} people"):
        draw("N", fixed)


@given(st.sampled_from(["N", "V"]), st.sampled_from([{}, {"database:a": 1.0}, {"lead:x": 1.0}]))
def test_a_prior_is_the_same_after_it_was_written_and_read(name, fixed) -> None:
    again = ContextPrior.from_json(PRIOR.spec, PRIOR.to_json())
    for one, other in zip(draw(name, fixed), draw(name, fixed, again), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)
    assert again.kinds == PRIOR.kinds


def test_numbers_may_be_fixed_with_a_kind() -> None:
    person, context = draw("N", {"database:b": 1.0, "rr_before_s": 0.9})
    assert set(person) <= set(PEOPLE_OF["b"])
    assert (context[:, 0] == 0.9).all()


def test_without_a_style_of_each_person_a_kind_is_a_number_like_others() -> None:
    ecg, style = crowd()
    prior = ContextPrior.fit(ecg, np.zeros_like(style))
    assert not prior.kinds
    uniform = np.random.default_rng(1).uniform(size=(500, prior.uniforms))
    context = prior.draw("N", uniform, {"database:a": 1.0}).context
    assert set(np.unique(context[:, 2:])) <= {0.0, 1.0}
    assert (context[:, 2] == 1).all()


def test_a_wanted_value_is_written_out() -> None:
    assert expand({"database": "a", "rr_before_s": 0.5}, CONTEXT) == {
        "database:a": 1.0, "database:b": 0.0, "rr_before_s": 0.5,
    }  # fmt: skip
    with pytest.raises(EcgsynthError, match="no value 'c'"):
        expand({"database": "c"}, CONTEXT)
    assert expand({"age": 50}, CONTEXT) == {"age": 50}


@pytest.mark.parametrize("kinds", [{"lead:y": [0]}, {"lead:x": ["one"]}, [1], {"lead:x": 3}])
def test_damaged_kinds_are_refused(kinds) -> None:
    with pytest.raises(EcgsynthError, match="prior in the card is damaged"):
        ContextPrior.from_json(PRIOR.spec, PRIOR.to_json() | {"kinds": kinds})
