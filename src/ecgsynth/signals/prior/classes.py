"""The contexts of one class: those that are a person's, and those that are an item's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.prior.laws import LEAST, Law, Values


@dataclass(frozen=True)
class ClassPrior:
    """Style, person and item of one class; all numbers as `Columns` counts them.

    A number is a person's or an item's; the law of the other has NaN for it.

    styles: [style] their numbers. shares: [style] of the class. slices: [style, 2] levels of the
    number `by` between which those people lie who are about as fast as this style's. kin: [style]
    which of `items` it has. people: law of what is a person's. items: laws of what is an item's,
    each of people whose items are alike.
    """

    styles: NDArray[np.int64]
    shares: Values
    slices: Values
    kin: NDArray[np.int64]
    by: int
    people: Law
    items: tuple[Law, ...]

    def choose(self, uniform: Values, loading: Values, wanted: Values) -> NDArray[np.int64]:
        """[item] place of a style among `styles`, from uniform numbers [item].

        loading: [fixed, number] of what each fixed number is the sum; wanted: [fixed], what it is.
        Styles in which that is usual become likelier, as of normal distributions.
        """
        log = np.log(np.maximum(self.shares, LEAST**2))
        for rows, part, items in self.kinds(np.arange(len(log))) if len(wanted) else ():
            middle, covariance = self._about(part, items)
            spread = np.sqrt(np.diag(loading @ covariance @ loading.T)) + LEAST
            log[rows] -= (0.5 * ((wanted - loading @ middle) / spread) ** 2 + np.log(spread)).sum()
        edges = np.cumsum(np.exp(log - log.max()))
        return np.minimum(np.searchsorted(edges / edges[-1], uniform), len(edges) - 1)

    def kinds(self, chosen: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Values, Law]]:
        """Places of items whose styles have slice and law of items in common, with both;
        chosen: [item] as `choose` gives it."""
        kind = np.column_stack([self.slices, self.kin])[chosen]
        for one in np.unique(kind, axis=0):
            yield np.flatnonzero((kind == one).all(axis=1)), one[:2], self.items[int(one[2])]

    def draw(self, uniform: Values, part: Values, items: Law) -> Values:
        """Numbers of items of one kind, [item, number]; uniform: [item, 2 number]."""
        of_person, of_item = np.split(uniform, 2, axis=1)
        of_person = of_person.copy()
        of_person[:, self.by] = part[0] + (part[1] - part[0]) * of_person[:, self.by]
        return _first_known(self.people.draw(of_person, self.by), items.draw(of_item))

    def shift_to_fixed(
        self, counted: Values, gap: Values, loading: Values, part: Values, items: Law
    ) -> Values:
        """What `draw` gave, moved so that a gap [item, fixed] between what fixed numbers are
        wanted to be and what they are closes in the likeliest way (Matheron's rule)."""
        _, covariance = self._about(part, items)
        total = loading @ covariance @ loading.T + LEAST**2 * np.eye(len(loading))
        moved = counted + np.linalg.solve(total, gap.T).T @ loading @ covariance
        return _first_known(self.people.whole(moved), items.whole(moved))

    def shift_items(
        self, own: Values, items: Values, wanted: Values, loading: Values, law: Law
    ) -> Values:
        """Numbers of items of people who stay as they are, moved to what fixed numbers are wanted
        to be.

        own, items: [item, number] of the person and of the item. wanted: [fixed]. law: of items.
        """
        sds = np.array([law.moments(k)[1] for k in range(len(law.quantiles))])
        covariance = law.correlation * np.outer(sds, sds)
        gap = wanted - np.nan_to_num(_first_known(own, items)) @ loading.T
        total = loading @ covariance @ loading.T + LEAST**2 * np.eye(len(loading))
        return law.whole(items + np.linalg.solve(total, gap.T).T @ loading @ covariance)

    def _about(self, part: Values, items: Law) -> tuple[Values, Values]:
        """[number] means and [number, number] covariances in one kind; people and their items are
        independent of each other."""
        numbers = range(len(items.quantiles))
        person = [self.people.moments(k, *(part if k == self.by else ())) for k in numbers]
        means, sds = np.array([person, [items.moments(k) for k in numbers]]).transpose(2, 0, 1)
        of_person = self.people.correlation * np.outer(sds[0], sds[0])
        return means.sum(0), of_person + items.correlation * np.outer(sds[1], sds[1])

    def with_all_styles(self, home: ClassPrior) -> ClassPrior:
        """The same class given to all styles of another one, with the items of everybody."""
        count, kins = len(home.styles), len(self.items)
        return replace(
            self,
            styles=np.repeat(home.styles, kins),
            slices=np.repeat(home.slices, kins, axis=0),
            kin=np.tile(np.arange(kins), count),
            shares=np.tile(np.bincount(self.kin, self.shares, kins), count) / count,
        )

    def of_styles(self, rows: NDArray[np.bool_]) -> ClassPrior:
        """The same class in some of its styles; rows: [style]."""
        return replace(
            self,
            styles=self.styles[rows],
            slices=self.slices[rows],
            kin=self.kin[rows],
            shares=self.shares[rows] / self.shares[rows].sum(),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "styles": self.styles.tolist(),
            "shares": self.shares.round(4).tolist(),
            "slices": self.slices.round(4).tolist(),
            "kin": self.kin.tolist(),
            "by": self.by,
            "people": self.people.to_json(),
            "items": [law.to_json() for law in self.items],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], width: int) -> ClassPrior:
        """What `to_json` gave; width: how many numbers there are.

        Raises
        ------
        KeyError, TypeError, ValueError: something is missing or of another form.
        """
        styles, kin = (np.asarray(data[name], np.int64) for name in ("styles", "kin"))
        shares, by = np.asarray(data["shares"], np.float64), int(data["by"])
        slices = np.asarray(data["slices"], np.float64).reshape(len(styles), 2)
        items = tuple(Law.from_json(law, width) for law in data["items"])
        if not 0 < len(styles) == len(shares) == len(kin) or not (shares >= 0).all():
            raise ValueError("its styles and their shares do not fit together")
        if not np.isfinite(shares).all() or not ((slices >= 0) & (slices <= 1)).all():
            raise ValueError("its shares or slices are none")
        if not 0 <= kin.min() <= kin.max() < len(items) or not 0 <= by < max(width, 1):
            raise ValueError("it points at laws or numbers that are not there")
        people = Law.from_json(data["people"], width)
        return cls(styles, shares, slices, kin, by, people, items)


def _first_known(person: Values, item: Values) -> Values:
    """What is a person's, and else what is an item's."""
    return np.where(np.isnan(person), item, person)
