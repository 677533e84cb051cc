"""The prior of records: statements, age and sex, and a rhythm that goes with them, drawn anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm import Rhythm
from ecgsynth.rhythm.label_sets import LabelSets
from ecgsynth.rhythm.makers import (
    N,
    S,
    V,
    early_supraventricular,
    early_ventricular,
    fibrillation,
    sinus,
)
from ecgsynth.rhythm.parameters import (
    FEWEST,
    PARAMETERS,
    count_ectopic,
    measure_coupling,
    measure_rhythms,
)
from ecgsynth.rhythm.t_waves import t_peaks
from ecgsynth.signals.anonymity import PEOPLE, people_of, round_coarse, round_mean_and_sd
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import Events, T, stack_events
from ecgsynth.signals.prior import Drawn
from ecgsynth.signals.prior.laws import LEVELS, Law, Values, fit_law
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import POSSIBLE

RHYTHMS = ("AFIB", "STACH", "SBRAD", "SARRH", "SR")
"""Statements of rhythm, each with laws of its own; a record is of the first that it carries."""

ECTOPIC = {"PAC": S, "PVC": V}
"""Statements of ectopic beats."""

MOST_ECTOPIC = 6
"""Ectopic beats of one kind in a record are counted up to here."""

HEART_RATE = "heart_rate"
"""Context that fixes the mean heart rate, 1/min."""

RIDGE = 20.0
"""Of the effect of labels on numbers, in records."""

MOST_PER_S = 4.5
"""Room for beats in the events of an item, each second."""

PR_JITTER_S = 0.003
P_OF_S = 0.6
"""Share of supraventricular beats whose P stands apart from the T before it."""

COUPLING = {S: ((0.72, 0.09), (1.10, 0.12)), V: ((0.68, 0.09), (1.30, 0.12))}
"""RR intervals before and after ectopic beats as shares of the usual one, mean and SD, where fewer
than five people show them (PTB-XL, folds 1-8)."""

STEPS = {
    "age": 5.0, "sex": 1.0, "heart_rate": 5.0, "rr_spread": 0.1, "pr_s": 0.01, "p_share": 0.1,
    "rt_s": 0.005,
}  # fmt: skip
"""Least coarse steps of contexts and PARAMETERS."""


@dataclass(frozen=True)
class RecordPrior:
    """Distribution of statements, age, sex and rhythm of records.

    The numbers of a record (age, sex and `PARAMETERS`) have laws for each rhythm; the other labels
    move their normal scores. From the numbers a rhythm is made; no RR series of a person is kept.

    Attributes
    ----------
    labels: which occur together. laws: by rhythm, "" for none of them, of the numbers.
    moves: [class, number], by how much a label moves the normal score of a number.
    ectopic: [kind, stated, count], shares of records with so many ectopic beats, without and with
    the statement. coupling: [kind, before and after, mean and SD].
    mean, sd: [context], by which contexts are standardised.
    """

    spec: Spec
    labels: LabelSets
    laws: dict[str, Law]
    moves: Values
    ectopic: Values
    coupling: Values
    mean: Values
    sd: Values

    kind = "records"
    hidden: tuple[str, ...] = ()
    uniforms = 2
    turns = ("",)
    styles = (0,)

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that enough people have."""
        people = np.diag(self.labels.people)
        return tuple(name for name, count in zip(self.spec.classes, people, strict=True) if count)

    @property
    def contexts(self) -> tuple[str, ...]:
        """What a caller may hold fixed."""
        return (*self.spec.context, HEART_RATE)

    @property
    def columns(self) -> tuple[str, ...]:
        """The numbers of a record."""
        return (*self.spec.context, *PARAMETERS)

    @classmethod
    def fit(cls, ecg: Ecg, events: Events, *, own_use: bool = False) -> RecordPrior:
        """Measure the prior of a training set; events: of its records. own_use: see `LabelSets`."""
        person, spec = people_of(ecg), ecg.spec
        label, context = np.asarray(ecg.label) > 0, np.asarray(ecg.context, np.float64)
        labels = LabelSets.fit(spec.classes, label, person, own_use=own_use)
        measured = measure_rhythms(events)
        if not np.isfinite(measured[:, 0]).any():
            raise EcgsynthError(
                f"no item of {ecg.source} holds {FEWEST} beats, from which a rhythm is measured; "
                "give whole recordings or longer windows."
            )
        numbers = np.column_stack([context, measured])
        rhythm = _rhythm_of(spec, label)
        steps = np.array([STEPS.get(name, 0.0) for name in (*spec.context, *PARAMETERS)])
        every, laws = fit_law(numbers, person, steps), {}
        for name in ("", *RHYTHMS):
            rows = rhythm == name
            enough = len(np.unique(person[rows])) >= PEOPLE
            laws[name] = fit_law(numbers[rows], person[rows], steps) if enough else every
        score = np.full(numbers.shape, np.nan)
        for name, law in laws.items():
            score[rhythm == name] = _scores(law, numbers[rhythm == name])
        counts = count_ectopic(events)
        ectopic = [
            [_histogram(counts[:, at], _stated(spec, label, name) == with_it, person)
             for with_it in (False, True)]
            for at, name in enumerate(ECTOPIC)
        ]  # fmt: skip
        coupling = [_coupling(events, kind, person) for kind in ECTOPIC.values()]
        moments = [
            round_mean_and_sd(float(np.nanmean(column)), float(np.nanstd(column)) or 1.0)
            for column in context.T
        ]
        mean, sd = np.array(moments).reshape(-1, 2).T
        moves = _moves(label, rhythm, score, labels)
        return cls(spec, labels, laws, moves, np.array(ectopic), np.array(coupling), mean, sd)

    def check(self, name: str) -> None:
        """Refuse what cannot be asked for.

        Raises
        ------
        EcgsynthError: a label is unknown, or too few people have it or a pair of labels.
        """
        self.labels.ask(name)

    def draw(self, name: str, uniform: Values, fixed: Mapping[str, float]) -> Drawn:
        """Labels, contexts and events of records.

        name: labels to be carried, as in "AFIB+CRBBB"; "" for any. uniform: [item, uniforms].
        fixed: contexts to hold, `heart_rate` among them.
        """
        label = self.labels.choose(self.labels.ask(name), uniform[:, 0])
        numbers = np.zeros((len(label), len(self.columns)))
        events = []
        for k, rhythm in enumerate(_rhythm_of(self.spec, label)):
            random = np.random.Generator(np.random.Philox(key=int(uniform[k, 1] * 2**53)))
            numbers[k] = self._numbers(random, label[k], str(rhythm))
            for column, value in fixed.items():
                numbers[k, self.columns.index(column)] = value
            made = self._rhythm(random, label[k], rhythm == "AFIB", numbers[k])
            beats = made.events()
            beats[:, T] = t_peaks(random, made.time_s, made.kind, float(numbers[k, -1]))
            beats[beats[:, T] >= self.spec.seconds, T] = np.nan
            events.append(beats)
        return Drawn(
            label.astype(np.float32),
            np.zeros(len(label), np.int64),
            numbers[:, : len(self.spec.context)],
            {"events": stack_events(events, int(MOST_PER_S * self.spec.seconds) + 2)},
        )

    def _numbers(
        self, random: np.random.Generator, label: NDArray[np.bool_], rhythm: str
    ) -> Values:
        """Age, sex and PARAMETERS of one record."""
        from scipy.special import ndtr

        law = self.laws[rhythm]
        moved = self.moves[label].sum(0)
        own = np.linalg.cholesky(law.correlation) @ random.standard_normal(len(moved))
        score = moved + own * np.sqrt(np.maximum(1 - moved**2, 0.25))
        numbers: Values = law.whole(law.at(ndtr(score)[None]))[0]
        for name, ends in POSSIBLE.items():  # laws are widened beyond what anybody has
            if name in self.columns:
                k = self.columns.index(name)
                numbers[k] = np.clip(numbers[k], *ends)
        return numbers

    def _rhythm(
        self,
        random: np.random.Generator,
        label: NDArray[np.bool_],
        fibrillates: bool,
        numbers: Values,
    ) -> Rhythm:
        """A rhythm of these numbers, with the ectopic beats that go with the labels."""
        rate, spread, pr, share, _ = numbers[-len(PARAMETERS) :]
        make = fibrillation if fibrillates else sinus
        seconds = self.spec.seconds
        time = make(random, seconds, float(rate), float(np.exp(np.nan_to_num(spread, nan=-3.5))))
        kind = np.full(len(time), N)
        for at, (name, ectopic) in enumerate(ECTOPIC.items()):
            stated = int(_stated(self.spec, label[None], name)[0])
            count = int(random.choice(MOST_ECTOPIC + 1, p=self.ectopic[at, stated]))
            before, after = self.coupling[at].tolist()
            if ectopic == V:
                time, kind = early_ventricular(random, time, kind, count, before)
            elif not fibrillates:
                time, kind = early_supraventricular(random, time, kind, count, before, after)
        time, kind = time[time < seconds], kind[time < seconds]
        chance = np.where(kind == N, np.nan_to_num(share), np.where(kind == S, P_OF_S, 0.0))
        there = (random.uniform(size=len(time)) < chance) & (not fibrillates) & np.isfinite(pr)
        p = time - pr + PR_JITTER_S * random.standard_normal(len(time))
        return Rhythm(time, kind, np.where(there, p, np.nan), seconds)

    def standardise(self, context: NDArray) -> NDArray[np.float32]:
        """What a model sees: zero mean, unit SD; unknown becomes 0."""
        z = (np.asarray(context, np.float64) - self.mean) / self.sd
        return np.clip(np.nan_to_num(z, nan=0.0), -5, 5).astype(np.float32)

    def usual(self) -> dict[str, tuple[float, float, float]]:
        """Lowest, middle and highest usual value of every context."""
        found = {}
        for name in self.contexts:
            k = self.columns.index(name)
            rows = np.array([law.quantiles[k] for law in self.laws.values()])
            if np.isfinite(rows).any():
                middle = float(np.nanmedian(rows))
                low, high = POSSIBLE.get(name, (-np.inf, np.inf))
                ends = max(float(np.nanmin(rows)), low), min(float(np.nanmax(rows)), high)
                found[name] = ends[0], middle, ends[1]
            else:
                found[name] = (np.nan, np.nan, np.nan)
        return found

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "labels": self.labels.to_json(),
            "laws": {name: law.to_json() for name, law in self.laws.items()},
            "moves": self.moves.round(2).tolist(),
            "ectopic": self.ectopic.round(3).tolist(),
            "coupling": self.coupling.tolist(),
            "mean": self.mean.round(5).tolist(),
            "sd": self.sd.round(5).tolist(),
        }

    @classmethod
    def from_json(cls, spec: Spec, data: dict[str, Any]) -> RecordPrior:
        """What `to_json` gave.

        Raises
        ------
        EcgsynthError: it is damaged.
        """
        width = len(spec.context) + len(PARAMETERS)
        try:
            labels = LabelSets.from_json(spec.classes, data["labels"])
            laws = {name: Law.from_json(data["laws"][name], width) for name in ("", *RHYTHMS)}
            moves = np.asarray(data["moves"], np.float64).reshape(len(spec.classes), width)
            ectopic = np.asarray(data["ectopic"], np.float64)
            ectopic = ectopic.reshape(len(ECTOPIC), 2, MOST_ECTOPIC + 1)
            if (ectopic < 0).any() or not (ectopic.sum(2) > 0).all():
                raise ValueError("its shares of ectopic beats are none")
            ectopic = ectopic / ectopic.sum(2, keepdims=True)
            coupling = np.asarray(data["coupling"], np.float64).reshape(len(ECTOPIC), 2, 2)
            mean, sd = (np.asarray(data[key], np.float64) for key in ("mean", "sd"))
            if not len(mean) == len(sd) == len(spec.context) or not (sd > 0).all():
                raise ValueError("it has a mean or an SD that no contexts have")
            numbers = np.concatenate([part.ravel() for part in (moves, ectopic, coupling, mean)])
            if not np.isfinite(numbers).all():
                raise ValueError("it has numbers that are none")
            return cls(spec, labels, laws, moves, ectopic, coupling, mean, sd)
        except (KeyError, ValueError, TypeError, AttributeError, IndexError) as problem:
            raise EcgsynthError(f"the prior in the card is damaged: {problem}.") from None


def _stated(spec: Spec, label: NDArray[np.bool_], name: str) -> NDArray[np.bool_]:
    """[item] whether a record carries a statement; none does where the spec has it not."""
    if name not in spec.classes:
        return np.zeros(len(label), bool)
    return label[:, spec.classes.index(name)]


def _rhythm_of(spec: Spec, label: NDArray[np.bool_]) -> NDArray[np.str_]:
    """[item] the first of RHYTHMS that a record carries, or ""."""
    rhythm = np.full(len(label), "", "<U8")
    for name in reversed(RHYTHMS):
        rhythm[_stated(spec, label, name)] = name
    return rhythm


def _scores(law: Law, values: Values) -> Values:
    """[item, number] normal scores of values under a law."""
    from scipy.special import ndtri

    score = np.full(values.shape, np.nan)
    for k, row in enumerate(law.quantiles):
        if np.isfinite(row).all() and np.ptp(row) > 0:
            level = np.interp(values[:, k], row + 1e-9 * np.arange(len(row)), LEVELS)
            score[:, k] = np.where(np.isfinite(values[:, k]), ndtri(level), np.nan)
    return score


def _moves(
    label: NDArray[np.bool_], rhythm: NDArray[np.str_], score: Values, labels: LabelSets
) -> Values:
    """[class, number] effects of labels on scores, by ridge regression within rhythms."""
    y = label.astype(float)
    for name in np.unique(rhythm):
        y[rhythm == name] -= y[rhythm == name].mean(0)
    moves = np.zeros((label.shape[1], score.shape[1]))
    for k in range(score.shape[1]):
        known = np.isfinite(score[:, k])
        if known.sum() > label.shape[1]:
            x, target = y[known], score[known, k] - score[known, k].mean()
            moves[:, k] = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ target)
    moves[np.diag(labels.people) == 0] = 0
    return np.asarray(np.round(moves, 2))


def _histogram(
    count: NDArray[np.int64], rows: NDArray[np.bool_], person: NDArray[np.int64]
) -> Values:
    """[count] shares of records with so many beats; a number that fewer than five people have is
    counted with the next lower one."""
    shares, carried = np.zeros(MOST_ECTOPIC + 1), 0
    for number in range(MOST_ECTOPIC, -1, -1):
        here = rows & (np.minimum(count, MOST_ECTOPIC) == number)
        carried += int(here.sum())
        if number == 0 or len(np.unique(person[here])) >= PEOPLE:
            shares[number], carried = round_coarse(carried), 0
    return shares / shares.sum() if shares.any() else np.eye(len(shares))[0]


def _coupling(events: Events, kind: int, person: NDArray[np.int64]) -> Values:
    """[before and after, mean and SD] of the RR intervals around beats of a kind."""
    shares, item = measure_coupling(events, kind)
    if len(np.unique(person[item])) < PEOPLE:
        return np.array(COUPLING[kind])
    moments = [round_mean_and_sd(float(np.median(one)), float(one.std())) for one in shares.T]
    return np.array(moments)
