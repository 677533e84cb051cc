"""Which statements of a labelled set a generator can learn: by people, and by the ECG itself.

A generator of a statement needs people who have it, and signs of it in the signal. The first are
counted. The second is what a classifier of real items finds, tested on people whom it has not seen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_instance, check_integer, check_path, check_positive
from ecgsynth.datasets import load
from ecgsynth.datasets.store import cached_arrays
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.auc import auc_over
from ecgsynth.evaluation.intervals import units
from ecgsynth.evaluation.reference_models.classifiers import fit, predict
from ecgsynth.files import atomic_write
from ecgsynth.progress import count_bar
from ecgsynth.signals.anonymity import PEOPLE, people_of
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fingerprint import fingerprint
from ecgsynth.threads import limit_threads

LIMIT = 0.8
"""Least lower end of the interval of the AUROC of a statement that is worth making."""

STEPS = 1500
"""Steps of each classifier; on records a fifth of them."""

Verdict = Literal["can be made", "not found in the ECG", "uncertain", "too few people"]


@dataclass(frozen=True)
class Candidate:
    """One statement.

    people, records: who have it, and in how many items. auroc, low, high: of real items out of
    fold, with the 95 % interval over people; None where fewer than PEOPLE people have it.
    """

    name: str
    people: int
    records: int
    auroc: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    why: str


@dataclass(frozen=True)
class Candidates:
    """The statements of a set, those first whose AUROC is certainly highest.

    source: of the set. people, records: in all. folds, steps, seed: of the classifier.
    """

    source: str
    people: int
    records: int
    folds: int
    steps: int
    seed: int
    limit: float
    rows: list[Candidate]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def save(self, path: str | Path) -> Path:
        """Write them as JSON.

        Raises
        ------
        EcgsynthError: the file cannot be written.
        """
        target = check_path(path)
        with atomic_write(target) as temporary:
            temporary.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
        return target


@limit_threads()
def candidates(
    data: Ecg | str,
    *,
    folds: int = 5,
    steps: int = STEPS,
    limit: float = LIMIT,
    seed: int = 0,
) -> Candidates:
    """Rank the labels of a set by whether a generator can learn them.

    Every item is rated by a classifier that has not seen its person: people are drawn into folds
    so that each label is in all of them as evenly as it can be. What a fold gives is kept next to
    the parsed recordings, so that a call that was stopped continues.

    Parameters
    ----------
    data: a labelled set, or a split such as "ptbxl:train". folds: of people. steps: of training, of
    each classifier, as in `fit`. limit: least lower end of an AUROC.

    Raises
    ------
    EcgsynthError: no labels or no people, fewer people than folds; a test split.
    """
    if isinstance(data, str):
        data = load(check_split(data))
    check_instance(data, Ecg, "data is an Ecg, or a data set's split as in 'ptbxl:train'")
    folds, seed = check_integer(folds, "folds", 2), check_integer(seed, "the seed")
    steps, limit = check_integer(steps, "steps", 1), check_positive(limit, "the limit")
    person = people_of(data)
    everybody = len(np.unique(person))
    if not data.spec.classes or (data.patient is None and data.record is None):
        raise EcgsynthError(
            f"{data.source} has no {'people' if data.spec.classes else 'labels'}, and candidates "
            "are labels that people have; give a set with both."
        )
    if everybody < folds:
        raise EcgsynthError(
            f"{data.source} has {everybody} people, which are no {folds} folds; set folds to "
            f"{max(everybody, 2)} or less, or give more people."
        )
    label = np.asarray(data.label) > 0
    counts = [len(np.unique(person[column])) for column in label.T]
    usable = [k for k, count in enumerate(counts) if count >= PEOPLE and not label[:, k].all()]
    scores = _out_of_fold(data, usable, _folds(label[:, usable], person, folds, seed), steps, seed)
    rows = []
    for k, name in enumerate(data.spec.classes):
        found = None
        if k in usable:
            column = scores[:, usable.index(k)]
            found = auc_over(label[:, k], [column], [units(data)])
        rows.append(_candidate(name, counts[k], int(label[:, k].sum()), found, limit))
    rows.sort(key=lambda row: (-1.0 if row.low is None else row.low, row.people), reverse=True)
    return Candidates(data.source, everybody, len(data), folds, steps, seed, limit, rows)


def check_split(name: str) -> str:
    """The name of a split of which candidates may be chosen.

    Raises
    ------
    EcgsynthError: models are tested on it.
    """
    if name.partition(":")[2] in ("test", "fold-10", "all"):
        raise EcgsynthError(
            f"{name} holds people on whom models are tested, and nothing is chosen by them; take a "
            "training split, as in ptbxl:train."
        )
    return name


def _candidate(name: str, people: int, records: int, estimate: Any, limit: float) -> Candidate:
    """The verdict on one statement. estimate: estimate of its AUROC; None where it has none."""
    verdict: Verdict
    if estimate is None:
        few = people < PEOPLE
        why = f"{people} of the {PEOPLE} people who are needed" if few else "all items have it"
        verdict = "too few people" if few else "uncertain"
        return Candidate(name, people, records, None, None, None, verdict, why)
    value, low, high = (
        None if one is None or not np.isfinite(one) else round(float(one), 4)
        for one in (estimate.value, estimate.low, estimate.high)
    )
    if low is not None and low >= limit:
        verdict, why = "can be made", f"its AUROC is {low:.2f} or more"
    elif high is not None and high < limit:
        verdict, why = "not found in the ECG", f"its AUROC is below {limit:g}"
    else:
        ends = "unknown" if low is None or high is None else f"between {low:.2f} and {high:.2f}"
        verdict, why = "uncertain", f"its AUROC is {ends}; {limit:g} is needed"
    return Candidate(name, people, records, value, low, high, verdict, why)


def _folds(
    label: NDArray[np.bool_], person: NDArray[np.int64], folds: int, seed: int
) -> NDArray[np.int64]:
    """[item] fold of its person: those with the rarest label first, each into the fold that has
    fewest people with it (Sechidis et al. 2011, people in place of items)."""
    random = np.random.default_rng(seed)
    has = np.zeros((person.max() + 1, label.shape[1]), bool)
    np.logical_or.at(has, person, label)
    fold = np.full(len(has), -1)
    size, held = np.zeros(folds, int), np.zeros((folds, label.shape[1]), int)
    for k in np.argsort(has.sum(0), kind="stable"):
        for one in random.permutation(np.flatnonzero(has[:, k] & (fold < 0))):
            where = np.lexsort((size, held[:, k]))[0]
            fold[one], size[where] = where, size[where] + 1
            held[where] += has[one]
    for one in random.permutation(np.flatnonzero(fold < 0)):
        where = size.argmin()
        fold[one], size[where] = where, size[where] + 1
    return fold[person]


def _out_of_fold(
    data: Ecg, usable: Sequence[int], fold: NDArray[np.int64], steps: int, seed: int
) -> NDArray[np.float64]:
    """[item, label] what the classifier that has not seen the item's person gives it."""
    score = np.zeros((len(data), len(usable)))
    if not usable:
        return score
    names = [data.spec.classes[k] for k in usable]
    part = data if len(names) == len(data.spec.classes) else data.with_classes(names)
    rows = np.arange(len(data))
    if len(part) != len(data):  # of sets with one label an item, the others are left out
        rows = np.flatnonzero(np.asarray(data.label)[:, list(usable)].any(1))
    key = {"set": fingerprint(part), "steps": steps, "seed": seed}
    with count_bar("folds") as progress:
        numbers = np.unique(fold)
        task = progress.add_task("classifiers", total=len(numbers))
        for done, number in enumerate(numbers.tolist(), 1):
            inside = fold[rows] == number

            def build(inside: NDArray[np.bool_] = inside) -> tuple[dict[str, NDArray], dict]:
                net = fit(part[np.flatnonzero(~inside)], None, steps=steps, seed=seed)
                return {"score": predict(net, part[np.flatnonzero(inside)])}, {}

            digest = hashlib.sha256(inside.tobytes()).hexdigest()
            found, _ = cached_arrays("candidates", key | {"fold": digest}, build)
            score[rows[inside]] = found["score"]
            progress.update(task, completed=done)
    return score
