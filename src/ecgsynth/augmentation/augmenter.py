"""Carry out a plan: real and accepted synthetic items as one set, with a manifest."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ecgsynth.augmentation.gate import Gate
from ecgsynth.augmentation.matching import PERSON, add_columns, check_match
from ecgsynth.augmentation.plan import Plan
from ecgsynth.augmentation.sampling import Acceptance, draw_accepted
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats import write
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.fingerprint import fingerprint
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.units import check_is_ecg
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.find import find_model
from ecgsynth.threads import limit_threads
from ecgsynth.training.card import package_versions

log = logging.getLogger("ecgsynth")

MOST_BYTES = 5_120_000_000
"""Synthetic signals of a class in one set, which is held in memory: five million beats."""


@dataclass(frozen=True)
class AugmentedSet:
    """What came of a plan.

    Attributes
    ----------
    ecg: the real items, in their order, then the synthetic ones, class by class; the patient of
        these is "GAN_<class>". acceptance: by class. manifest: plan, input, counts, acceptance,
        models, seed and versions, as JSON.
    """

    ecg: Ecg
    acceptance: dict[str, Acceptance]
    manifest: dict[str, Any]

    def save(self, target: str | Path, format: str | None = None) -> Path:
        """Write the set in a format, that of the ending when left out, and the manifest beside
        it; returns where the manifest is."""
        manifest = manifest_path(target)
        with atomic_write(manifest) as part:  # it takes its name when the set has its own
            part.write_text(json.dumps(self.manifest, indent=1) + "\n", encoding="utf-8")
            write(self.ecg, target, format)
        return manifest


def manifest_path(target: str | Path) -> Path:
    """Where the manifest of a set at `target` is."""
    path = Path(target)
    return path.with_name(f"{path.name}.manifest.json")


@limit_threads()
def augment_set(
    real: Ecg,
    plan: Plan,
    models: Mapping[str, Synthesizer] | None = None,
    advance: Callable[[str, float], None] | None = None,
) -> AugmentedSet:
    """Carry out a plan on a real set.

    Parameters
    ----------
    real: the items; the gate is fitted on these alone.
    models: synthesizers by the names that the plan gives them; loaded where left out.
    advance: called with (what is done, share).

    Raises
    ------
    EcgsynthError: a class without real items or without a generator, signals that cannot stand in
        one set, nothing that the gate lets through.
    """
    shares = plan.shares
    check_real_set(real)
    loaded: dict[str, Synthesizer] = dict(models or {})
    for name, share in shares.items():
        _check_class(real, name)
        if share.model not in loaded:
            loaded[share.model] = Synthesizer.load(share.model)
        _check_model_class(loaded[share.model], share.label or name)
    notes: list[str] = []
    for share in shares.values():
        notes += check_match(loaded[share.model].spec, real.spec, loaded[share.model].card.name)
    notes = list(dict.fromkeys(notes))
    for note in notes:
        log.warning(note)
    counts = real.counts()
    wanted = {name: share.items_to_add(counts[name]) for name, share in shares.items()}
    wanted = {name: count for name, count in wanted.items() if count}
    most = MOST_BYTES // (4 * len(real.spec.leads) * real.spec.samples)
    for name, count in wanted.items():
        if count > most:
            raise EcgsynthError(
                f"{count:.3g} synthetic items are asked for of class {name}; at most {most:,} are "
                "made in one go, so lower times or count."
            )
    gate = None
    if plan.gate.enabled and wanted:
        if advance:
            advance("fitting the gate", 0.0)
        labels = {name: shares[name].label or name for name in wanted}
        gate = Gate.fit(real, labels, plan.gate, plan.seed)
    parts, acceptance = [], {}
    for done, (name, count) in enumerate(wanted.items()):

        def report_progress(share: float, done: int = done, name: str = name) -> None:
            if advance:
                advance(f"drawing {name}", (done + share) / len(wanted))

        items, acceptance[name] = draw_accepted(
            loaded[shares[name].model], name, count, real.spec, label=shares[name].label,
            gate=gate, seed=plan.seed, advance=report_progress,
        )  # fmt: skip
        parts.append(add_columns(real, items, name))
    used = {shares[name].model: loaded[shares[name].model] for name in wanted}
    mixed = _join_parts(real, parts, used)
    manifest = {
        "plan": plan.to_dict(),
        "input": {
            "source": real.source,
            "sha256": fingerprint(real),
            "items": len(real),
            "people": 0 if real.patient is None else len(np.unique(real.patient)),
        },
        "classes": {
            name: {"real": counts[name], "synthetic": _accepted_count(acceptance, name)}
            for name in real.spec.classes
        },
        "acceptance": {
            name: asdict(found) | {"rate": found.rate} for name, found in acceptance.items()
        },
        "classifier": gate.judge.name if gate is not None and gate.judge is not None else None,
        "models": {name: _model_facts(name, model) for name, model in used.items()},
        "seed": plan.seed,
        "notes": notes,
        "versions": package_versions(),
    }
    return AugmentedSet(mixed, acceptance, manifest)


def _accepted_count(acceptance: Mapping[str, Acceptance], name: str) -> int:
    return acceptance[name].accepted if name in acceptance else 0


def _join_parts(real: Ecg, parts: list[Ecg], models: Mapping[str, Synthesizer]) -> Ecg:
    """Join the parts; the card of the set counts the synthetic items of every model."""
    if not parts:
        return real
    if real.patient is None:  # the synthetic ones have a name, so these need one
        real = replace(real, patient=np.full(len(real), "unknown"))
    whole = concatenate([real, *parts])
    by = [model.card.id or model.card.name for model in models.values()]
    mixed = {
        "real": real.source,
        "real_items": len(real),
        "items": len(whole),
        "synthetic": len(whole) - len(real),
        "by": by,
        "patient": PERSON + "<class>",
    }
    cards = {
        one: model.card.model_dump(mode="json")
        for one, model in zip(by, models.values(), strict=True)
    }
    return replace(
        whole, source=f"{SYNTHETIC}mixed {real.source}", card={"mixed": mixed, "cards": cards}
    )


def check_real_set(real: Ecg) -> None:
    """Check that a real set can be augmented.

    Raises
    ------
    EcgsynthError: no items, classes or whole signals; a unit that is doubtful; synthetic items
        among the real ones.
    """
    if not len(real):
        raise EcgsynthError("the real set is empty; give one with items.")
    if not real.spec.classes:
        raise EcgsynthError("the real set has no classes, so that none can be filled up; label it.")
    named = real.patient is not None and np.char.startswith(real.patient, PERSON).any()
    if named or "mixed" in (real.card or {}):
        raise EcgsynthError(
            f"the set given as real is augmented already ({PERSON}... among its patients); give "
            "the real set that it was made from."
        )
    if real.synthetic:
        log.warning("The set given as real is synthetic itself (%s).", real.source)
    check_is_ecg(real, "the real")


def _check_class(real: Ecg, name: str) -> None:
    """Refuse a class of which there is nothing to be like."""
    there = real.of_class(name).signal if name in real.spec.classes else real.signal[:0]
    mend = f"leave it out, as in classes.{name}.enabled=false"
    if not len(there):
        raise EcgsynthError(
            f"the real set has no items of class {name} to fill up (it has "
            f"{', '.join(n for n, count in real.counts().items() if count)}); {mend}."
        )
    flat = ~np.ptp(there, axis=2).any(1)  # NaN counts as a height
    if 2 * flat.sum() > len(there):
        raise EcgsynthError(
            f"{flat.sum():,} of the {len(there):,} real items of class {name} are flat; give "
            f"heartbeats, or {mend}."
        )


def _check_model_class(model: Synthesizer, label: str) -> None:
    """Refuse a class that the model does not make (the model raises the error)."""
    model.stream(1, label)


def _model_facts(name: str, model: Synthesizer) -> dict[str, Any]:
    """Card id of a model, and its file's hash where it came from a file."""
    facts: dict[str, Any] = {"card": model.card.id or model.card.name}
    try:
        facts["sha256"] = hashlib.sha256(find_model(name).read_bytes()).hexdigest()
    except EcgsynthError:  # it was handed over as an object
        facts["sha256"] = None
    return facts
