"""Synthetic people: a style, a rhythm, a lead and a database that all items of one have in common.

A style is drawn from the normal distribution that has mean and covariance of the styles of the
training people with the same database, lead and gain, five or more. So no synthetic person has the
style of one training person, or a kind of recording that fewer than five have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.prior import ContextPrior, Drawn
from ecgsynth.signals.prior.laws import Values

NAME = "synthetic-{}"
"""What a synthetic person is called, by number from 1 on."""


@dataclass(frozen=True)
class People:
    """What synthetic people are: a row each.

    number: [person], from 0 on. style: [person, code] shares of the training people's styles, of
    sum 1, some of them below 0. pace: [person, number] levels of what is a person's, such as the
    mean RR. items: [person] level by which one of the laws of items is his in every class. kinds:
    [person, context] 1 or 0 for contexts such as `lead:V4`, NaN for the others.
    """

    number: NDArray[np.int64]
    style: NDArray[np.float32]
    pace: Values
    items: Values
    kinds: Values

    def __len__(self) -> int:
        return len(self.number)

    def __getitem__(self, rows: NDArray[np.int64]) -> People:
        return People(*(getattr(self, column.name)[rows] for column in fields(self)))

    @property
    def names(self) -> NDArray[np.str_]:
        """[person] what each is called."""
        return np.array([NAME.format(number + 1) for number in self.number.tolist()], np.str_)


def uniforms_of(prior: ContextPrior) -> int:
    """How many uniform numbers a person takes."""
    return 2 + len(prior.columns.names) + len(prior.home.styles)


def draw_people(
    prior: ContextPrior, uniform: Values, fixed: Mapping[str, float], codes: int
) -> People:
    """Synthetic people from uniform numbers [person, `uniforms_of`] in (0, 1).

    codes: how many styles there are. fixed: contexts that are held; of those such as `lead:V4`, all
    people have these.

    Raises
    ------
    EcgsynthError: too few people have such contexts together.
    """
    from scipy.special import ndtri

    home, columns = prior.home, prior.columns.names
    group, kinds = _groups(prior, fixed)
    able = np.flatnonzero(group >= 0)
    one, items, pace, normal = np.split(uniform, np.cumsum([1, 1, len(columns)]), axis=1)
    # The person of the training by whom the group is chosen: all are alike likely.
    start = able[np.minimum((one[:, 0] * len(able)).astype(int), len(able) - 1)]
    style = np.zeros((len(uniform), codes), np.float32)
    part = np.empty((len(uniform), 2))
    for own in np.unique(group[start]):
        rows, places = np.flatnonzero(group[start] == own), np.flatnonzero(group == own)
        share = shares_of(ndtri(normal[rows][:, places]))
        style[rows[:, None], home.styles[places]] = share
        part[rows] = home.slices[places[share.argmax(1)]]
    if columns:  # about as fast as the one of whom the style has most
        pace = pace.copy()
        pace[:, home.by] = part[:, 0] + (part[:, 1] - part[:, 0]) * pace[:, home.by]
    return People(np.arange(len(uniform)), style, pace, items[:, 0], kinds[start])


def shares_of(normal: Values) -> Values:
    """[person, part] shares of sum 1, by which parts are summed so that the sum has their mean and
    their covariance; normal: [person, part], standard normal numbers."""
    count = normal.shape[1]
    return 1 / count + (normal - normal.mean(1, keepdims=True)) / np.sqrt(count - 1)


def draw_of_people(
    prior: ContextPrior, name: str, uniform: Values, fixed: Mapping[str, float], people: People
) -> Drawn:
    """Labels, styles and contexts of items of one class, of these people.

    uniform: [item, `prior.uniforms`] in (0, 1). fixed: contexts that the caller sets. people: of
    each item. A style is [item, code], shares of the styles of training people.
    """
    law, columns = prior.classes[name], prior.columns
    fixed = {key: value for key, value in fixed.items() if key not in prior.kinds}
    at = [columns.names.index(key) for key in fixed]
    wanted, held = np.array(list(fixed.values())), np.full(people.pace.shape, np.nan)
    held[:, at] = wanted
    wanted[columns.times[at]] = np.log(wanted[columns.times[at]])
    loading, context = columns.loading(at), np.zeros(people.pace.shape)
    own = law.people.draw(people.pace, law.by)
    own[:, at] = np.where(np.isnan(own[:, at]), np.nan, wanted)
    edges = np.cumsum(np.bincount(law.kin, law.shares, len(law.items)))
    chosen = np.minimum(np.searchsorted(edges / edges[-1], people.items), len(edges) - 1)
    for kin in np.unique(chosen) if len(columns.names) else ():
        rows, items = np.flatnonzero(chosen == kin), law.items[kin]
        drawn = items.draw(uniform[rows, 1 + len(columns.names) :])
        if at:
            drawn = law.shift_items(own[rows], drawn, wanted, loading, items)
        counted = np.where(np.isnan(own[rows]), drawn, own[rows])
        context[rows] = columns.from_working(counted, held[rows])
    context = np.where(np.isnan(people.kinds), context, people.kinds)
    label = np.zeros((len(uniform), len(prior.spec.classes)), np.float32)
    if name:
        label[:, prior.spec.class_index(name)] = 1
    return Drawn(label, people.style, context)


def _groups(prior: ContextPrior, fixed: Mapping[str, float]) -> tuple[NDArray[np.int64], Values]:
    """[style] number of the group of people who have the same kinds, -1 for groups of fewer than
    `PEOPLE` and for people without the kinds that are `fixed`; and [style, context] the kinds.

    Raises
    ------
    EcgsynthError: no group is left.
    """
    styles = prior.home.styles
    kinds = np.full((len(styles), len(prior.columns.names)), np.nan)
    for name, owners in prior.kinds.items():
        kinds[:, prior.columns.names.index(name)] = np.isin(styles, owners)
    _, group, count = np.unique(
        np.nan_to_num(kinds), axis=0, return_inverse=True, return_counts=True
    )
    group = group.reshape(-1)
    left_out = count[group] < PEOPLE
    for name, value in fixed.items():
        if name in prior.kinds:
            left_out |= kinds[:, prior.columns.names.index(name)] != value
    if left_out.all():
        wanted = " and ".join(name for name in fixed if name in prior.kinds and fixed[name])
        raise EcgsynthError(
            f"no {PEOPLE} people that the model learned from have the same database, lead and gain"
            f"{f' with {wanted}' if wanted else ''}, so that no synthetic person can be made of "
            "their styles; leave the people out."
        )
    return np.where(left_out, -1, group), kinds
