"""Choose the strips of a kit: equally many synthetic and real ones of each class, shuffled."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import pick
from ecgsynth.evaluation.inputs import align_sets, check_synthetic
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.filters import lowpass
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.leads import rename_leads

log = logging.getLogger("ecgsynth")

LEAST, MOST = 2, 400
"""Fewest and most strips of a kit; nobody reads more carefully."""


@dataclass(frozen=True)
class Strips:
    """The strips in reading order, and the key, which the reader must not see.

    Attributes
    ----------
    ecg: the strips without any information about their origin.
    ids, groups: a random name and the class of each.
    synthetic: the key.
    """

    ecg: Ecg
    ids: list[str]
    groups: list[str]
    synthetic: list[bool]


def check_count(count: int) -> None:
    """Check the number of strips before anything is loaded.

    Raises
    ------
    EcgsynthError: the count is odd or out of range.
    """
    if not LEAST <= count <= MOST or count % 2:
        raise EcgsynthError(
            f"a kit holds an even number of strips, {LEAST} to {MOST}, half of them real; "
            f"got {count}."
        )


def choose_strips(
    synthetic: Ecg, real: Ecg, count: int, classes: Sequence[str], seed: int
) -> Strips:
    """Draw `count` strips: with one rate and band, quantised to 5 uV.

    Raises
    ------
    EcgsynthError: shapes differ, a class has too few items, a count that is odd or out of range.
    """
    check_count(count)
    made, parts = align_sets(check_synthetic(rename_leads(synthetic), []), {"test": real}, [])
    test = parts["test"]
    assert test is not None
    made, test = _one_band(made, test)
    groups = _groups(made, test, classes)
    pairs = {g: count // 2 // len(groups) + (k < count // 2 % len(groups))
             for k, g in enumerate(groups)}  # fmt: skip
    if not min(pairs.values()):
        raise EcgsynthError(
            f"{count} strips are too few for {len(groups)} classes with a real and a synthetic one "
            f"each; ask for at least {2 * len(groups)}, or for fewer classes."
        )
    random = np.random.default_rng([seed, *b"turing"])
    drawn = []
    for group, number in pairs.items():
        for ecg, side in ((made, "synthetic"), (test, "real")):
            items = ecg.of_class(group) if group else ecg
            if len(items) < number:
                raise EcgsynthError(
                    f"the {side} set has {len(items)} items{f' of class {group}' * bool(group)}, "
                    f"but {count} strips need {number}; ask for fewer strips, or for other classes."
                )
            drawn.append(pick(items, number, random))
    is_synthetic = np.concatenate([np.full(len(e), k % 2 == 0) for k, e in enumerate(drawn)])
    order = random.permutation(count)
    ecg = concatenate([_bare(part) for part in drawn])[order].quantised()
    return Strips(
        ecg=ecg,
        ids=[f"{number:08x}" for number in random.choice(2**32, count, replace=False)],
        groups=[str(name) for name in ecg.labels_str] if groups != [""] else [""] * count,
        synthetic=is_synthetic[order].tolist(),
    )


def _groups(synthetic: Ecg, test: Ecg, classes: Sequence[str]) -> list[str]:
    """Classes with items in both sets; one group without a name if items have none or several."""
    if not synthetic.spec.classes or synthetic.spec.multilabel:
        if classes:
            raise EcgsynthError(
                "the items have no class or several; leave out --label to draw from all items."
            )
        return [""]
    counts = {"synthetic": synthetic.counts(), "real": test.counts()}
    for name in classes:
        for side, known in counts.items():
            if not known.get(name):
                there = ", ".join(n for n, c in known.items() if c)
                raise EcgsynthError(
                    f"the {side} set has no items of class '{name}'; it has {there or 'none'}."
                )
    both = [n for n in synthetic.spec.classes if all(known.get(n) for known in counts.values())]
    if not both:
        raise EcgsynthError("no class has items in both sets; use the same class names.")
    if alone := [n for n in synthetic.spec.classes if n not in both and not classes]:
        log.warning("Left out, because one of the sets has no such items: %s.", ", ".join(alone))
    return list(dict.fromkeys(classes)) or both


def _one_band(synthetic: Ecg, test: Ecg) -> tuple[Ecg, Ecg]:
    """Low-pass both sets to the narrower band, so that noise does not reveal the origin."""
    edges = [ecg.spec.band[1] or np.inf for ecg in (synthetic, test)]
    high = min(edges)
    if synthetic.spec.band[0] != test.spec.band[0]:
        log.warning(
            "The bands of the sets have different lower edges: the baseline may reveal the origin."
        )
    found = []
    for ecg, edge in zip((synthetic, test), edges, strict=True):
        if edge > high:
            log.warning("%s is low-passed at %g Hz, like the other set.", ecg.source, high)
            ecg = replace(ecg, signal=lowpass(ecg.signal, ecg.spec.fs, high))
        found.append(ecg)
    return found[0], found[1]


def _bare(ecg: Ecg) -> Ecg:
    """Only signal, padding and class: no source, person, annotation, RR or band."""
    spec = replace(ecg.spec, context=(), band=(None, None), r_sample=None)
    if spec.multilabel:
        spec = replace(spec, classes=(), multilabel=False)
    label = ecg.label if spec.classes else None
    valid = ecg.valid if ecg.valid is not None else np.full(len(ecg), spec.samples, np.int32)
    return Ecg(signal=ecg.signal, spec=spec, label=label, valid=valid, source="blind")
