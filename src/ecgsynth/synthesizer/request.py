"""What a caller asks for, checked: how many of which class, with which contexts and seed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import (
    MOST,
    as_list,
    as_real_number,
    check_integer,
    check_mapping,
    is_count,
    quote,
)
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.prior import ContextPrior, Prior, usual_ranges
from ecgsynth.signals.prior.kinds import expand, is_kind
from ecgsynth.signals.vocabulary import POSSIBLE
from ecgsynth.synthesizer.card import Card
from ecgsynth.synthesizer.ensemble import Sampler
from ecgsynth.synthesizer.sampler import NetworkSampler

log = logging.getLogger("ecgsynth")

MOST_PEOPLE = 10_000
"""Synthetic people of one set; each is kept in memory while it is made."""


class ClassPlan:
    """Which class each item has.

    turns: classes, in rotation; with `ends`, class k goes on until item ends[k] instead.
    """

    def __init__(
        self, turns: Sequence[str], total: int, ends: NDArray[np.int64] | None = None
    ) -> None:
        self.turns = np.array(turns, np.str_)
        self.total = total
        self.ends = ends

    def asked(self, items: NDArray[np.int64]) -> NDArray[np.str_]:
        """[item] the class of each of these items."""
        if self.ends is None:
            return self.turns[items % len(self.turns)]
        return self.turns[self._place(items)]

    def _place(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """[item] number of its class among `turns`, which has counts."""
        assert self.ends is not None
        return np.searchsorted(self.ends, np.minimum(items, self.total - 1), "right")

    def person(self, items: NDArray[np.int64], people: int) -> NDArray[np.int64]:
        """[item] number of the person of each: in every class, people take turns."""
        if self.ends is None:
            return items // len(self.turns) % people
        begin = np.concatenate([[0], self.ends[:-1]])[self._place(items)]
        return (items - begin) % people

    @property
    def most(self) -> int:
        """Items of the most frequent class."""
        if self.ends is None:
            return -(-self.total // len(self.turns))
        return int(np.diff(self.ends, prepend=0).max())


def plan_classes(
    sampler: Sampler, count: int | Mapping[str, int], label: str | list[str] | None
) -> ClassPlan:
    """Which class each item has, from counts per class or from classes that take turns.

    Raises
    ------
    EcgsynthError: an unknown class, or a count below 1.
    """
    if isinstance(count, Mapping):
        if label is not None:
            raise EcgsynthError("give counts per class or a label, not both.")
        turns = [_checked_class(sampler, name) for name in count]
        known = all(is_count(number) for number in count.values())
        if not known or not 1 <= sum(map(int, count.values())) <= MOST:
            raise EcgsynthError(
                f"counts must be whole numbers, at least one of them above 0; got {quote(count)}."
            )
        ends = np.cumsum([int(number) for number in count.values()])
        return ClassPlan(turns, int(ends[-1]), ends)
    if not is_count(count) or not 1 <= count <= MOST:
        raise EcgsynthError(f"the count must be a whole number of at least 1; got {quote(count)}.")
    if label is None:
        return ClassPlan(sampler.prior.turns, int(count))
    return ClassPlan([_checked_class(sampler, name) for name in label_list(label)], int(count))


def _checked_class(sampler: Sampler, name: str) -> str:
    """The class, or several labels of one item joined by "+", that a text names."""
    if not isinstance(name, str):
        raise EcgsynthError(
            f"{sampler.card.name} knows no class {quote(name)}; a class is named by a text."
            f"{did_you_mean(name, sampler.prior.classes)}"
        )
    for part in name.split("+") if sampler.spec.multilabel else (name,):
        if part in sampler.card.left_out:
            raise EcgsynthError(
                f"{sampler.card.name} does not make class '{part}': "
                f"{sampler.card.left_out[part]}. It makes {', '.join(sampler.prior.classes)}."
            )
    if name and not sampler.spec.classes:
        raise EcgsynthError(f"{sampler.card.name} makes no classes; leave '{name}' out.")
    if name in sampler.prior.classes or (sampler.spec.multilabel and "+" in name):
        sampler.prior.check(name)
        return name
    hint = did_you_mean(name, sampler.prior.classes)
    raise EcgsynthError(
        f"{sampler.card.name} knows no class {quote(name)}.{hint}"
        if name
        else f"{sampler.card.name} has classes; choose from {', '.join(sampler.prior.classes)}."
    )


def check_context(sampler: Sampler, context: Mapping[str, float | str] | None) -> dict[str, float]:
    """The contexts to hold fixed, as numbers.

    Raises
    ------
    EcgsynthError: an unknown context, or a value that is no finite number.
    """
    given = check_mapping({} if context is None else context, "context", "{'rr_before_s': 0.5}")
    given = expand(given, sampler.prior.contexts)
    for key, value in given.items():
        if key not in sampler.prior.contexts:
            raise EcgsynthError(
                f"{sampler.card.name} knows no context {quote(key)}."
                f"{did_you_mean(key, sampler.prior.contexts)}"
            )
        number = as_real_number(value)
        if number is None or not abs(number) <= float(np.finfo(np.float32).max):
            raise EcgsynthError(f"the context '{key}' must be a finite number; got {quote(value)}.")
        if key.endswith("_s") and value <= 0:
            raise EcgsynthError(f"the context '{key}' is a time: above 0 s; got {value:g}.")
        least, most = POSSIBLE.get(key, (-np.inf, np.inf))
        if not least <= value <= most:
            raise EcgsynthError(
                f"the context '{key}' lies between {least:g} and {most:g}; got {value:g}."
            )
        if is_kind(key):
            if value not in (0, 1):
                raise EcgsynthError(f"the context '{key}' is 1 or 0; got {value:g}.")
            continue
        low, _, high = usual_ranges(sampler.priors)[key]
        if np.isnan(low):
            log.warning("no training item had a number for '%s'; it changes nothing.", key)
        elif not low <= value <= high:
            log.warning(
                "%s=%g lies outside what was learned (%.2f to %.2f); do not trust such beats.",
                key, value, low, high,
            )  # fmt: skip
    fixed = {key: float(value) for key, value in given.items()}
    for prior in sampler.priors:
        if isinstance(prior, ContextPrior):
            prior.check_kinds(fixed)
    return fixed


def why_no_people(card: Card, prior: Prior | None) -> str:
    """Why a model makes no synthetic people; "" where it does. prior: None of a joined model."""
    if not isinstance(prior, ContextPrior):
        return "makes no beats of people: each item is of somebody else; leave people out."
    minutes = (card.run.get("training") or {}).get("style_minutes")
    codes = len(prior.home.styles)
    if minutes or card.styles < 2 or codes < PEOPLE:
        known = "no styles" if minutes or card.styles < 2 else f"styles of {codes} people"
        return (
            f"has {known}, and those of synthetic people are drawn from the styles of {PEOPLE} or "
            "more; choose a model that was trained with training.styles=true on more people, such "
            "as mitbih-beats."
        )
    return ""


def check_people(sampler: Sampler, people: int | None, plan: ClassPlan) -> int | None:
    """How many synthetic people a set is made of; None = items belong to nobody.

    Raises
    ------
    EcgsynthError: no such number, more people than items of a class, or a model without styles of
        enough people.
    """
    if people is None:
        return None
    name, count = sampler.card.name, check_integer(people, "people", 1)
    if count > MOST_PEOPLE:
        raise EcgsynthError(
            f"people={count:,} are more than one set may have ({MOST_PEOPLE:,}); make several sets "
            "with other seeds."
        )
    prior = sampler.prior if isinstance(sampler, NetworkSampler) else None
    if why := why_no_people(sampler.card, prior):
        raise EcgsynthError(f"{name} {why}")
    if count > plan.most:
        raise EcgsynthError(
            f"{count} people need {count} items of one class, so that each has one; the most "
            f"frequent class has {plan.most}. Raise the count, or ask for fewer people."
        )
    return count


def label_list(label: str | Iterable[str]) -> list[str]:
    """The classes that take turns; label: one, or several."""
    if isinstance(label, np.ndarray):
        label = label.tolist()
    if isinstance(label, str):
        return [label]
    names = as_list(label)
    if not names:
        raise EcgsynthError(
            "label is a class, or several that take turns, as in 'V' or ['N', 'V']; got "
            f"{quote(label)}."
        )
    return names


def check_seed(seed: int) -> int:
    """The seed as a plain number.

    Raises
    ------
    EcgsynthError: it is no whole number, or out of range.
    """
    return check_integer(seed, "the seed")
