"""The prior of contexts: the joint distribution of a class's RR intervals (or ages).

In addition to the contexts that a model sees, it holds hidden ones that only its scaler needs. It
is two laws: one over people for what is a person's (mean RR, age), and one over items for what is
an item's (RR before and after a beat, as ratios to the mean RR). `laws` explains what keeps a
single person out of them, `measured` how they come from a training set.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import quote
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.anonymity import PEOPLE, people_of, round_coarse, round_mean_and_sd
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior.classes import ClassPrior
from ecgsynth.signals.prior.columns import Columns
from ecgsynth.signals.prior.kinds import Kinds, columns_of, fit_kinds, law_of_kinds
from ecgsynth.signals.prior.laws import Values
from ecgsynth.signals.prior.measured import fit_classes, is_per_style
from ecgsynth.signals.spec import Spec


@dataclass(frozen=True)
class Drawn:
    """What items are asked to be.

    label: [item, class]. style: [item] codes, or [item, code] shares of them. context: [item,
    number], hidden ones last.
    more: further fields by name, a row an item, such as the events of a rhythm.
    """

    label: NDArray[np.float32]
    style: NDArray[np.int64] | NDArray[np.float32]
    context: Values
    more: Mapping[str, NDArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.style)

    def __getitem__(self, rows: Any) -> Drawn:
        more = {name: values[rows] for name, values in self.more.items()}
        return Drawn(self.label[rows], self.style[rows], self.context[rows], more)

    @staticmethod
    def cat(parts: Sequence[Drawn]) -> Drawn:
        """Several draws as one; all have the same fields."""
        label, style, context = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("label", "style", "context")
        )
        names = parts[0].more
        more = {name: np.concatenate([part.more[name] for part in parts]) for name in names}
        return Drawn(label, style, context, more)


class Prior(Protocol):
    """Distribution of what items are: labels, styles, contexts, and whatever else a model takes.

    spec: of the items. kind: its name in a card. hidden: contexts that no model sees. uniforms:
    numbers that an item takes. classes: what may be asked for. turns: what items are asked for in
    turn, when nothing is. contexts: what a caller may hold fixed. styles: codes that it draws.
    """

    @property
    def spec(self) -> Spec: ...
    @property
    def kind(self) -> str: ...
    @property
    def hidden(self) -> tuple[str, ...]: ...
    @property
    def uniforms(self) -> int: ...
    @property
    def classes(self) -> Collection[str]: ...
    @property
    def turns(self) -> tuple[str, ...]: ...
    @property
    def contexts(self) -> tuple[str, ...]: ...
    @property
    def styles(self) -> Sequence[int]: ...

    def check(self, name: str) -> None:
        """Refuse a class that cannot be asked for, with its true reason."""

    def draw(self, name: str, uniform: Values, fixed: Mapping[str, float]) -> Drawn:
        """Items of a class; uniform: [item, uniforms] in (0, 1); fixed: contexts to hold."""
        ...

    def standardise(self, context: NDArray) -> NDArray[np.float32]:
        """[item, context] as a model sees them, without the hidden ones."""
        ...

    def usual(self) -> dict[str, tuple[float, float, float]]:
        """Lowest, middle and highest usual value of every context; NaN where no one has it."""
        ...

    def to_json(self) -> dict[str, Any]: ...


USUAL = 1000
"""Draws of a class by which its usual contexts are known."""


@dataclass(frozen=True)
class ContextPrior:
    """Distribution of style and context per class, drawn from uniform numbers.

    mean, sd: [context], over the training set; by these contexts are standardised.
    hidden: names of contexts that follow those of `spec`; they are drawn together with them, but
        no model sees them.
    kinds: of contexts such as `lead:V4` the styles that have them; see `prior.kinds`.
    """

    spec: Spec
    classes: dict[str, ClassPrior]
    mean: Values
    sd: Values
    hidden: tuple[str, ...] = ()
    kinds: Kinds = field(default_factory=dict)

    kind = "contexts"

    @property
    def turns(self) -> tuple[str, ...]:
        """Every class in turn."""
        return tuple(self.classes)

    @property
    def contexts(self) -> tuple[str, ...]:
        """What a caller may hold fixed."""
        return self.spec.context

    @property
    def styles(self) -> list[int]:
        """The codes that it draws."""
        return [int(code) for law in self.classes.values() for code in law.styles]

    def check(self, name: str) -> None:
        """Refuse a class that it does not make.

        Raises
        ------
        EcgsynthError: it does not.
        """
        if name not in self.classes:
            raise EcgsynthError(f"no class named {quote(name)}.{did_you_mean(name, self.classes)}")

    @property
    def columns(self) -> Columns:
        """All contexts, the hidden ones last."""
        return Columns((*self.spec.context, *self.hidden))

    @property
    def uniforms(self) -> int:
        """How many uniform numbers an item takes: for its style, its person, itself."""
        return 1 + 2 * len(self.columns.names)

    @classmethod
    def fit(
        cls,
        ecg: Ecg,
        style: NDArray[np.int64],
        hidden: Mapping[str, NDArray[np.float64]] | None = None,
    ) -> ContextPrior:
        """Measure the prior of a training set; style: [item]; hidden: [item] under each name."""
        hidden = hidden or {}
        seen = np.asarray(ecg.context, np.float64)
        columns, person = Columns((*ecg.spec.context, *hidden)), people_of(ecg)
        numbers = np.column_stack([seen, *hidden.values()])
        kinds = fit_kinds(ecg.spec.context, seen, style) if is_per_style(person, style) else {}
        numbers[:, [columns.names.index(name) for name in kinds]] = np.nan
        classes = fit_classes(ecg, style, numbers, columns)
        mean, sd = (
            np.array([_rounded_moments(column, person) for column in seen.T]).reshape(-1, 2).T
        )
        return cls(ecg.spec, classes, mean, sd, tuple(hidden), kinds)

    def draw(self, name: str, uniform: Values, fixed: Mapping[str, float]) -> Drawn:
        """Labels, styles and contexts of items of one class.

        uniform: [item, uniforms] in (0, 1): the first column chooses the style.
        fixed: contexts that the caller sets; styles in which they are usual become likelier. Of
        contexts such as `lead:V4`, only styles that have them are drawn.

        Raises
        ------
        EcgsynthError: too few people have such contexts together.
        """
        law, columns = self.law(name, fixed), self.columns
        fixed = {key: value for key, value in fixed.items() if key not in self.kinds}
        at = [columns.names.index(key) for key in fixed]
        wanted = np.array(list(fixed.values()))
        context = np.full((len(uniform), len(columns.names)), np.nan)
        context[:, at] = wanted
        wanted[columns.times[at]] = np.log(wanted[columns.times[at]])
        loading = columns.loading(at)
        chosen = law.choose(uniform[:, 0], loading, wanted)
        for rows, part, items in law.kinds(chosen) if len(columns.names) else ():
            counted = law.draw(uniform[rows, 1:], part, items)
            if at:
                gap = wanted - np.nan_to_num(counted) @ loading.T
                counted = law.shift_to_fixed(counted, gap, loading, part, items)
            context[rows] = columns.from_working(counted, context[rows])
        style = law.styles[chosen]
        for k, values in columns_of(self.kinds, columns.names, style).items():
            context[:, k] = values
        label = np.zeros((len(uniform), len(self.spec.classes)), np.float32)
        if name:
            label[:, self.spec.class_index(name)] = 1
        return Drawn(label, style, context)

    def check_kinds(self, fixed: Mapping[str, float]) -> None:
        """Refuse fixed contexts that too few people have together.

        Raises
        ------
        EcgsynthError: they do.
        """
        for name in self.classes:
            self.law(name, fixed)

    def law(self, name: str, fixed: Mapping[str, float]) -> ClassPrior:
        """The law of a class for the styles that have what is fixed of `kinds`.

        Raises
        ------
        EcgsynthError: too few people have such contexts together.
        """
        wanted = {key: value for key, value in fixed.items() if key in self.kinds}
        law = self.classes[name]
        return law_of_kinds(law, self.home, self.kinds, wanted) if wanted else law

    @property
    def home(self) -> ClassPrior:
        """The law of the class that most people have."""
        return max(self.classes.values(), key=lambda law: len(law.styles))

    def usual(self) -> dict[str, tuple[float, float, float]]:
        """Lowest, middle and highest usual value of every context."""
        return usual_ranges([self])

    def standardise(self, context: NDArray) -> NDArray[np.float32]:
        """What a model sees: zero mean, unit SD; unknown becomes 0, outliers stop at 5 SD.

        context: [item, context], without the hidden ones.
        """
        z = (np.asarray(context, np.float64) - self.mean) / self.sd
        return np.clip(np.nan_to_num(z, nan=0.0), -5, 5).astype(np.float32)

    def everybody(self) -> ContextPrior:
        """A prior in which every class is of all people alike.

        The class that most people have stays as it is. The people of every other class become
        those, and the class keeps its ratios to the mean RR: an early beat is as early for its
        heart as before.
        """
        home = self.home
        classes = {
            name: law if law is home else law.with_all_styles(home)
            for name, law in self.classes.items()
        }
        return replace(self, classes=classes)

    def to_json(self) -> dict[str, Any]:
        return {
            "mean": self.mean.round(5).tolist(),
            "sd": self.sd.round(5).tolist(),
            "hidden": list(self.hidden),
            "classes": {name: law.to_json() for name, law in self.classes.items()},
        } | ({"kinds": {name: list(own) for name, own in self.kinds.items()}} if self.kinds else {})

    @classmethod
    def from_json(cls, spec: Spec, data: dict[str, Any]) -> ContextPrior:
        """What `to_json` gave.

        Raises
        ------
        EcgsynthError: it is damaged.
        """
        try:
            hidden = tuple(data.get("hidden", ()))
            width = len(spec.context) + len(hidden)
            classes = {
                name: ClassPrior.from_json(law, width) for name, law in data["classes"].items()
            }
            mean, sd = (np.asarray(data[key], np.float64) for key in ("mean", "sd"))
            if not len(spec.context) == len(mean) == len(sd):
                raise ValueError("it has a mean and an SD of other contexts")
            if not (np.isfinite(mean) & np.isfinite(sd) & (sd > 0)).all():
                raise ValueError("it has a mean or an SD that no contexts have")
            kinds = {name: tuple(map(int, own)) for name, own in data.get("kinds", {}).items()}
            if not set(kinds) <= set(spec.context):
                raise ValueError("it has kinds that are no contexts")
            return cls(spec, classes, mean, sd, hidden, kinds)
        except (KeyError, ValueError, TypeError, AttributeError) as problem:
            raise EcgsynthError(f"the context prior in the card is damaged: {problem}.") from None


def _rounded_moments(values: Values, person: NDArray[np.int64]) -> tuple[float, float]:
    """Mean and SD of one context, in steps that show no single person; values, person: [item]."""
    known = np.isfinite(values)
    if not known.any():
        return 0.0, 1.0
    mean, sd = float(values[known].mean()), float(values[known].std()) or 1.0
    if len(np.unique(person[known])) < PEOPLE:
        return round_coarse(mean), round_coarse(sd)
    return round_mean_and_sd(mean, sd)


def usual_ranges(priors: Sequence[Prior]) -> dict[str, tuple[float, float, float]]:
    """Lowest, middle and highest usual value of every context, over all classes of these priors
    alike; NaN where no one has it."""
    if priors[0].kind != ContextPrior.kind:  # of one that draws sets of labels there is one alone
        return priors[0].usual()
    drawn = []
    for prior in priors:
        uniform = np.random.default_rng(0).uniform(size=(USUAL, prior.uniforms))
        drawn += [prior.draw(name, uniform, {}).context for name in prior.classes]
    found = {}
    for k, name in enumerate(priors[0].spec.context):
        values = np.concatenate([context[:, k] for context in drawn])
        low, middle, high = np.quantile(values, [0.005, 0.5, 0.995])
        found[name] = float(low), float(middle), float(high)
    return found
