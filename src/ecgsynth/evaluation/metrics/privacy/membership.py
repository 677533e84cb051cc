"""Membership inference attacks on beats and on people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    NotApplicable,
    Trial,
    metric,
    pick,
    too_few,
)
from ecgsynth.evaluation.auc import auc_over
from ecgsynth.evaluation.intervals import Units, blocks, group_units, joint
from ecgsynth.evaluation.metrics.privacy.memorisation import nearest, shift_of
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

MOST, QUICK_MOST = 5000, 2000
"""Most items of a set and class in an attack."""

ENOUGH_PEOPLE = 100
"""Least people per set for a verdict on the membership of people."""


@METRICS.register("nn_membership")
@metric(
    "nn_membership", unit="AUC", goal="match", needs=("test", "train"), question="privacy",
    by_size=True,
    reference="nearest-neighbour attack (Hilprecht et al., PoPETs 2019; Chen et al., CCS 2020): "
    "the nearer a synthetic beat, the likelier a member; .50 = guessing, 1 = copies; compare "
    "with the real control, which includes the drift between minutes",
)  # fmt: skip
def nn_membership(trial: Trial) -> dict[str, Estimate]:
    """AUC of an attack by the distance to the synthetic set: training against held-out beats.

    A set cannot reveal more beats than it contains. If it is smaller than the training set, the
    attack uses only this share of either set: the nearest beats.
    """
    found = {}
    for name in trial.groups:
        random = trial.random("nn_membership" + name)
        parts = _sets_of_class(trial, name)
        if isinstance(parts, Estimate):
            found[name or "all"] = parts
            continue
        synthetic, train, test = (pick(part, _most(trial), random) for part in parts)
        share = min(1.0, len(synthetic) / len(parts[1]))
        made, shift = synthetic.quantised().signal, shift_of(trial)
        scores = [-nearest(e.quantised().signal, made, shift)[0] for e in (train, test)]
        found[name or "all"] = attack((scores[0], scores[1]), (train, test), share)
    return found


@METRICS.register("domias")
@metric(
    "domias", unit="AUC", goal="match", needs=("test", "train"), question="privacy", by_size=True,
    reference="van Breugel et al., AISTATS 2023: score p_synthetic(x) / p_reference(x), densities "
    "from the nearest neighbour; .50 = guessing, 1 = copies; compare with the real control, "
    "which includes the drift between minutes",
)  # fmt: skip
def domias(trial: Trial) -> dict[str, Estimate]:
    """AUC of an attack by local overfitting of the synthetic density (DOMIAS).

    The reference is every second time block of both sets; the other blocks are attacked. So a
    training and a held-out beat are equally near to the reference. A reference of held-out blocks
    only would be nearer to held-out beats and take drift for membership. Densities are those of the
    nearest neighbour (Loftsgaarden & Quesenberry 1965), whose ratio has the same rank in any
    dimension; a smooth kernel would not detect copies. As in `nn_membership`, distances allow small
    shifts, and only the share that the set could reveal is used.
    """
    found = {}
    for name in trial.groups:
        random = trial.random("domias" + name)
        parts = _sets_of_class(trial, name)
        if isinstance(parts, Estimate):
            found[name or "all"] = parts
            continue
        synthetic = pick(parts[0], _most(trial), random)
        share = min(1.0, len(synthetic) / len(parts[1]))
        halves = [blocks(part) % 2 == 0 for part in parts[1:]]
        attacked = [part[half] for part, half in zip(parts[1:], halves, strict=True)]
        others = [part[~half] for part, half in zip(parts[1:], halves, strict=True)]
        fewest = min(len(part) for part in (*attacked, *others))
        if fewest < MIN_ITEMS:
            note = f"{fewest} items in every second block; at least {MIN_ITEMS} are needed"
            found[name or "all"] = Estimate(float("nan"), note=note)
            continue
        # Both sets are reduced by the same factor, to keep the reference balanced.
        kept = min(1.0, _most(trial) / sum(len(part) for part in others))
        reference = [pick(part, max(1, round(kept * len(part))), random) for part in others]
        train, test = (pick(part, _most(trial), random) for part in attacked)
        known = np.concatenate([part.quantised().signal for part in reference])
        made, shift = synthetic.quantised().signal, shift_of(trial)
        scores = [
            np.log(nearest(one, known, shift)[0] + 1e-9)
            - np.log(nearest(one, made, shift)[0] + 1e-9)
            for one in (part.quantised().signal for part in (train, test))
        ]
        found[name or "all"] = attack((scores[0], scores[1]), (train, test), share)
    return found


ATTACKED = 20
"""Least items of either set to attack, if there are enough."""


def attack(
    scores: tuple[NDArray[np.float64], NDArray[np.float64]],
    items: tuple[Ecg, Ecg],
    share: float,
) -> Estimate:
    """AUC of the scores of members against non-members, for the highest `share` of either.

    scores: of members (training) and non-members (held out); higher = likelier a member.
    """
    counts = [len(values) for values in scores]
    share = min(1.0, max(share, ATTACKED / min(counts)))
    truth, score = np.repeat([1, 0], counts), np.concatenate(scores)
    judged = [round(share * count) for count in counts]
    note = f"{judged[0]} training against {judged[1]} held-out items"
    return auc_over(truth, [score], joint(*items), share, note)


@METRICS.register("patient_membership")
@metric(
    "patient_membership", unit="AUC", goal="match", needs=("train", "new_patients"),
    question="privacy",
    reference="a person's score is the mean over the beats of the share of all beats of the class "
    "that are farther from the synthetic set; .50 = guessing, 1 = every person is found",
)  # fmt: skip
def patient_membership(trial: Trial) -> dict[str, Estimate]:
    """AUC of an attack on people: training people against new people.

    A generator that fits few people cannot hide them; the figure has no target then.

    Raises
    ------
    NotApplicable: a set does not name its people, or all of them are in both sets.
    """
    assert trial.train is not None
    assert trial.new_patients is not None
    if trial.train.patient is None or trial.new_patients.patient is None:
        raise NotApplicable("needs the person of each item ('patient' of the sets)")
    random, values, person, side = trial.random("patient_membership"), [], [], []
    people = [set(p.tolist()) for p in (trial.train.patient, trial.new_patients.patient)]
    both = [*(people[0] & people[1])]
    if not all(names - set(both) for names in people):
        raise NotApplicable("all people of one set are in the other too")
    for name in trial.groups:
        sets = [trial.part(e, name) for e in (trial.train, trial.new_patients)]
        sets = [e[~np.isin(np.asarray(e.patient), both)] for e in sets]
        synthetic = trial.part(trial.synthetic, name)
        if min(len(part) for part in (synthetic, *sets)) < MIN_ITEMS:
            continue
        made = pick(synthetic, _most(trial), random).quantised().signal
        sets = [pick(part, _most(trial), random) for part in sets]
        far = [nearest(part.quantised().signal, made, shift_of(trial))[0] for part in sets]
        values.append(_rank_from_far(np.concatenate(far)))
        person += [np.asarray(part.patient) for part in sets]
        side.append(np.repeat([1, 0], [len(part) for part in sets]))
    if not values:
        return {"all": Estimate(float("nan"), note="no class has 10 items in all three sets")}
    names, which = np.unique(np.concatenate(person), return_inverse=True)
    score = np.bincount(which, np.concatenate(values)) / np.bincount(which)
    truth = np.zeros(len(names))
    truth[which] = np.concatenate(side)
    trained = int(truth.sum())
    note = f"{trained} people against {len(names) - trained}"
    if min(trained, len(names) - trained) < ENOUGH_PEOPLE:
        note += "; a generator that fits so few people cannot hide them: without a target"
    everybody = Units(group_units(len(names)), f"{len(names)} people")
    return {"all": auc_over(truth, [score], [everybody], note=note)}


def _rank_from_far(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 for the farthest, 1 for the nearest: a common scale for classes with different spread."""
    from scipy.stats import rankdata

    return np.asarray(1 - (rankdata(distance) - 0.5) / len(distance))


def _sets_of_class(trial: Trial, name: str) -> list[Ecg] | Estimate:
    """The synthetic, training and held-out items of a class, or the reason if there are too few."""
    sets = (trial.synthetic, trial.train, trial.test)
    parts = [trial.part(e, name) for e in sets if e is not None]
    fewest = min(len(part) for part in parts)
    return too_few(fewest) if fewest < MIN_ITEMS else parts


def _most(trial: Trial) -> int:
    """Most items; fewer if items are large, since the time of a search grows with both."""
    most = QUICK_MOST if trial.quick else MOST
    return max(MIN_ITEMS, int(most * min(1.0, 1024 / trial.synthetic.signal[:1].size)))
