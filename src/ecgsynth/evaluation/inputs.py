"""Check sets of any origin before an evaluation; resample them and select common classes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets.people import known_person
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import pick
from ecgsynth.evaluation.reference_models.own_beat import names_people
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.leads import in_order_of
from ecgsynth.signals.rates import at_rate
from ecgsynth.signals.units import scale_problem, unit_problem

log = logging.getLogger("ecgsynth")

MOST, QUICK_MOST = 5000, 2000
"""Most synthetic items of a class that are used: more cost time and hardly change a figure."""

LEAST_SAMPLES = 8
"""Least samples of an item, so that it has a shape and a spectrum."""

BROKEN_FROM = 1e9
"""Larger values are no signal, and their squares lose precision."""


WHOSE = {"test": "held-out", "train": "training", "new_patients": "new patients'"}

SAME_R_S = 0.02
"""Largest difference in the position of R, s: annotators differ by as much."""

SAME_SHARE = 0.01
"""With this share of identical items or more, a set is not a sample of a generator."""


def check_synthetic(ecg: Ecg, notes: list[str]) -> Ecg:
    """The synthetic set without items that contain NaN; warnings go to the log and to `notes`.

    Infinity and values of 1e9 and more count as NaN.

    Raises
    ------
    EcgsynthError: nothing is left, or nothing but flat lines.
    """
    if not len(ecg):
        raise EcgsynthError("the synthetic set is empty; generate some items first.")
    if ecg.spec.samples < LEAST_SAMPLES:
        raise EcgsynthError(
            f"the items are {ecg.spec.samples} samples long; an evaluation needs at least "
            f"{LEAST_SAMPLES}, so cut longer ones."
        )
    whole = _is_finite(ecg)
    if not whole.any():
        raise EcgsynthError(
            "every synthetic item contains NaN or infinity, so there is nothing to evaluate; "
            "correct the generator or the file."
        )
    if not whole.all():
        _warn(
            notes, f"{(~whole).sum()} of {len(ecg)} items contain NaN or infinity and are left out."
        )
        ecg = ecg[whole]
    heights = np.ptp(ecg.signal, axis=2).max(1)
    flat = int((heights == 0).sum())
    if flat == len(ecg):
        raise EcgsynthError(
            "every synthetic item is a flat line, so there is nothing to evaluate; correct the "
            "generator or the file."
        )
    if flat:
        _warn(
            notes, f"{flat} of {len(ecg)} items are flat lines; they are evaluated like the others."
        )
    _warn_of_unit(ecg, "synthetic", notes)
    return ecg


def warn_of_copies(synthetic: Ecg, parts: Mapping[str, Ecg | None], notes: list[str]) -> None:
    """Warn if synthetic items equal real ones, or each other, after quantisation to 5 uV."""

    def rows(ecg: Ecg) -> list[bytes]:
        return [item.tobytes() for item in ecg.quantised().signal]

    judged = rows(synthetic)
    least = max(1, SAME_SHARE * len(judged))
    repeated = len(judged) - len(set(judged))
    if repeated >= least:
        _warn(notes, f"ITEMS ARE REPEATED: {repeated} of {len(judged)} equal another one exactly.")
    for name, part in parts.items():
        known = set(rows(part)) if part is not None else set()
        same = sum(one in known for one in judged)
        if same >= least:
            _warn(
                notes,
                f"THE SET CONTAINS REAL ITEMS: {same} of {len(judged)} equal items of the "
                f"{WHOSE[name]} "
                "set exactly; the figures do not describe a generator.",
            )


def warn_of_trained_patients(train: Ecg | None, new: Ecg | None, notes: list[str]) -> None:
    """Warn if people of the new patients' set have the names of training people."""
    if train is None or new is None or train.patient is None or new.patient is None:
        return
    names, trained = (
        {known_person(source, name) for name in np.unique(patient).tolist()} - {""}
        for source, patient in ((new.source, new.patient), (train.source, train.patient))
    )
    if same := sorted(names & trained):
        _warn(
            notes,
            f"NEW PATIENTS MAY NOT BE NEW: {len(same)} of {len(names)} have names of trained "
            f"people, such as {same[0]}; if they are the same, figures of new patients are wrong.",
        )


def have_own_beats(synthetic: Ecg, parts: Mapping[str, Ecg | None], notes: list[str]) -> bool:
    """Whether the classifiers of utility see each beat beside its person's normal one."""
    real = [parts[name] for name in ("train", "new_patients")]
    if any(part is None or part.patient is None for part in real) or not names_people(synthetic):
        return False
    notes.append(
        "The set names people: classifiers of utility see each beat, and what differs from its "
        "person's own normal beat. Figures of sets without people are of another instrument."
    )
    return True


def _is_finite(ecg: Ecg) -> NDArray[np.bool_]:
    """[item] whether all of its values are below `BROKEN_FROM`; a NaN compares as False."""
    highest = np.maximum(ecg.signal.max((1, 2)), -ecg.signal.min((1, 2)))
    return np.asarray(highest < BROKEN_FROM)


def _warn_of_unit(ecg: Ecg, what: str, notes: list[str]) -> None:
    """Warn if signals in mV have amplitudes as if in uV or V, or as if scaled."""
    if problem := unit_problem(ecg) or scale_problem(ecg):
        _warn(
            notes,
            f"THE UNIT IS DOUBTFUL: the {what} {problem} and evaluate again: until then every "
            "figure here is wrong.",
        )


def limit_items(ecg: Ecg, quick: bool, seed: int, notes: list[str]) -> Ecg:
    """At most 5,000 random items of a class (2,000 if quick)."""
    most = QUICK_MOST if quick else MOST
    random = np.random.default_rng([seed, len(ecg)])
    if not ecg.spec.classes or ecg.spec.multilabel:
        if len(ecg) > most:
            notes.append(f"Evaluated on a random {most} of {len(ecg)} items.")
        return pick(ecg, most, random)
    large = {name: count for name, count in ecg.counts().items() if count > most}
    if not large:
        return ecg
    words = ", ".join(f"{count} {name}" for name, count in large.items())
    notes.append(f"Evaluated on a random {most} of {words}.")
    return concatenate([pick(ecg.of_class(name), most, random) for name in ecg.spec.classes])


def align_sets(
    synthetic: Ecg, parts: Mapping[str, Ecg | None], notes: list[str]
) -> tuple[Ecg, dict[str, Ecg | None]]:
    """Synthetic and real sets at one rate, with leads in one order and with the same classes.

    All sets are resampled to the lowest rate, so that no set gets a band that it did not have.
    Classes that synthetic and test set do not share are left out and named in `notes`; if one of
    the two has no labels, no labels are used.

    parts: "test", "train", "new_patients" to a set or None.

    Raises
    ------
    EcgsynthError: leads, unit or length differ, or no class is shared.
    """
    known = {
        name: _check_real(part, name, notes) for name, part in parts.items() if part is not None
    }
    known = {name: in_order_of(part, synthetic.spec.leads) for name, part in known.items()}
    rates = {synthetic.spec.fs, *(part.spec.fs for part in known.values())}
    if len(rates) > 1:
        fs = min(rates)
        words = " and ".join(f"{rate:g}" for rate in sorted(rates))
        notes.append(f"The sets differ in rate ({words} Hz); all are compared at {fs:g} Hz.")
        synthetic = at_rate(synthetic, fs)
        known = {name: at_rate(part, fs) for name, part in known.items()}
        sizes = {synthetic.spec.samples, *(part.spec.samples for part in known.values())}
        if max(sizes) - min(sizes) == 1:  # resampling rounds lengths up
            synthetic = _cut(synthetic, min(sizes))
            known = {name: _cut(part, min(sizes)) for name, part in known.items()}
    for name, part in known.items():
        check_same_shape(synthetic, part, name)
    synthetic, known = _one_vocabulary(synthetic, known, notes)
    return synthetic, {name: known.get(name) for name in parts}


def select_classes(ecg: Ecg, classes: Sequence[str]) -> Ecg:
    """The items of these classes; a class that the set does not have is empty.

    Multilabel sets keep items without a class; () removes all labels.
    """
    named = ecg.spec.multilabel or bool((ecg.labels_id >= 0).all())
    if named and tuple(classes) == ecg.spec.classes:
        return ecg
    assert ecg.label is not None
    label = np.zeros((len(ecg), len(classes)), np.float32)
    for k, name in enumerate(classes):
        if name in ecg.spec.classes:
            label[:, k] = ecg.label[:, ecg.spec.class_index(name)]
    changed = replace(ecg, spec=replace(ecg.spec, classes=tuple(classes)), label=label)
    if not classes or ecg.spec.multilabel or bool(label.any(1).all()):
        return changed
    return changed[label.any(1)]


def _one_vocabulary(
    synthetic: Ecg, known: dict[str, Ecg], notes: list[str]
) -> tuple[Ecg, dict[str, Ecg]]:
    judge = known.get("test")
    bare = not synthetic.spec.classes or not bool((synthetic.labels_id >= 0).any())
    if bare or (judge is not None and not judge.spec.classes):
        if synthetic.spec.classes or any(part.spec.classes for part in known.values()):
            whose = "The synthetic set has" if bare else "The real set has"
            _warn(notes, f"{whose} no labels: all items are evaluated as one class.")
        known = {name: select_classes(part, ()) for name, part in known.items()}
        return select_classes(synthetic, ()), known
    classes = synthetic.spec.classes
    if judge is not None:
        classes = tuple(name for name in classes if name in judge.spec.classes)
        own = ", ".join(synthetic.spec.classes)
        if not classes:
            raise EcgsynthError(
                f"the synthetic set ({own}) and the real one ({', '.join(judge.spec.classes)}) "
                "share no class; use the same class names, or evaluate without labels."
            )
        counts, real_counts = synthetic.counts(), judge.counts()
        if not any(counts[name] and real_counts[name] for name in classes) and not bare:
            have = [", ".join(n for n in classes if c[n]) or "none" for c in (counts, real_counts)]
            raise EcgsynthError(
                f"the synthetic set has items of {have[0]}, the real one of {have[1]}: no class "
                "has items in both; generate some of a class that the real set has."
            )
        alone = [n for n, c in counts.items() if c and not real_counts.get(n)]
        if alone:
            _warn(notes, f"The real set has no items of class {', '.join(alone)}: left out.")
    absent = [name for name, count in synthetic.counts().items() if name in classes and not count]
    if absent:
        notes.append(f"The synthetic set has no items of class {', '.join(absent)}.")
    for name in [n for n, part in known.items() if not part.spec.classes]:
        _warn(notes, f"The set given as {name} has no labels and is left out.")
        del known[name]
    return select_classes(synthetic, classes), {
        n: select_classes(p, classes) for n, p in known.items()
    }


def check_same_shape(synthetic: Ecg, part: Ecg, name: str) -> None:
    """Reject sets whose items cannot be compared; name: of the real set, as in `WHOSE`.

    Raises
    ------
    EcgsynthError: leads, unit, length or the place of R differ.
    """
    one, other = synthetic.spec, part.spec
    what = WHOSE[name]
    if one.leads != other.leads:
        problem = f"leads ({', '.join(one.leads)} against {', '.join(other.leads)})"
    elif one.unit != other.unit:
        problem = f"unit ({one.unit} against {other.unit})"
    elif one.samples != other.samples:
        problem = f"length ({one.samples} against {other.samples} samples at {one.fs:g} Hz)"
    elif abs((one.r_sample or 0) - (other.r_sample or 0)) > SAME_R_S * one.fs and None not in (
        one.r_sample, other.r_sample,
    ):  # fmt: skip
        problem = f"the place of R (sample {one.r_sample} against {other.r_sample})"
    else:
        return
    raise EcgsynthError(
        f"the synthetic and the {what} set differ in {problem}; load the real set with the "
        "synthetic one's own leads, unit and window."
    )


def _check_real(part: Ecg, name: str, notes: list[str]) -> Ecg:
    if not len(part):
        raise EcgsynthError(f"the {WHOSE[name]} set is empty; give one with items, or none.")
    whole = _is_finite(part)
    if not whole.any():
        raise EcgsynthError(f"every item of the {WHOSE[name]} set contains NaN; correct the file.")
    if not whole.all():
        _warn(
            notes, f"{(~whole).sum()} items of the {WHOSE[name]} set contain NaN and are left out."
        )
        part = part[whole]
    _warn_of_unit(part, WHOSE[name], notes)
    return part


def _cut(ecg: Ecg, samples: int) -> Ecg:
    if ecg.spec.samples == samples:
        return ecg
    r_sample = ecg.spec.r_sample if (ecg.spec.r_sample or 0) < samples else None
    spec = replace(ecg.spec, samples=samples, r_sample=r_sample)
    return replace(ecg, signal=ecg.signal[..., :samples], spec=spec, valid=None, marks=None)


def _warn(notes: list[str], sentence: str) -> None:
    """Note what makes figures wrong, or what the user did not expect; the log has it at once."""
    log.warning(sentence)
    notes.append(sentence)


def contexts_of(ecg: Ecg, names: Sequence[str]) -> NDArray[np.float64]:
    """[item, name] the contexts with these names."""
    assert ecg.context is not None
    columns = np.array([ecg.spec.context.index(name) for name in names], np.int64)
    return np.asarray(ecg.context, np.float64)[:, columns]
