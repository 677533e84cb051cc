"""Completing recordings: what is asked for, checked, and what came of it as an `Ecg`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_choice, check_integer, check_positive, check_text, quote
from ecgsynth.completion.beats import BeatSource
from ecgsynth.completion.known import KnownPart
from ecgsynth.completion.pieces import DRAWS, Completer, Piece
from ecgsynth.completion.windows import find_sampler
from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm.prior import HEART_RATE
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.events import marks_of
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL
from ecgsynth.synthesizer.rates import with_rate
from ecgsynth.synthesizer.request import check_context, check_seed, plan_classes
from ecgsynth.synthesizer.sampler import NetworkSampler

if TYPE_CHECKING:
    from ecgsynth.synthesizer import Synthesizer

log = logging.getLogger("ecgsynth")

FOUND = "found"
"""In place of annotations: the beats are detected."""

FASTEST = 2000.0
"""Rates beyond it, Hz, are refused: the model's matrices would fill the memory."""

LONGEST_S = 24 * 3600.0
"""Longest recording that is made, s."""

GATHERED = 250_000_000
"""Most samples that `complete` gathers in memory; more are taken as a stream."""


@dataclass(frozen=True)
class Completion:
    """A recording that is about to be completed: its parts come one after the other.

    known: what is given. samples: of the whole. card: of the model, with the entry `completed`.
    completer: makes the pieces. beats: of all of the time.
    """

    known: KnownPart
    completer: Completer
    beats: BeatSource
    card: dict[str, Any]
    model: str

    @property
    def samples(self) -> int:
        """Samples of the whole."""
        return self.completer.samples

    @property
    def source(self) -> str:
        """The source of what is made, as `Ecg.source` has it."""
        return SYNTHETIC + self.model

    def pieces(self, draw: int = 0) -> Iterator[Piece]:
        """The whole, stretch by stretch; draws differ in what is made."""
        for piece in self.completer.pieces(draw):
            if self.known.recording.synthetic:  # nothing of it is real
                piece = replace(piece, synthetic_mask=np.ones_like(piece.synthetic_mask))
            yield piece

    def ecg(self, draw: int = 0) -> Ecg:
        """The whole as one item.

        Raises
        ------
        EcgsynthError: it is too long to be gathered in memory.
        """
        if len(self.known.leads) * self.samples > GATHERED:
            raise EcgsynthError(
                f"{self.samples / self.known.fs / 3600:.1f} h of {len(self.known.leads)} leads are "
                "more than memory holds; write WFDB (a folder), which takes it piece by piece."
            )
        parts = list(self.pieces(draw))
        return replace(
            self.head(),
            signal=np.concatenate([part.signal for part in parts], 1)[None],
            synthetic_mask=np.concatenate([part.synthetic_mask for part in parts], 1)[None],
        )

    def head(self) -> Ecg:
        """The item with placeholders, which take no memory, for its samples and their mask."""
        spec = self.completer.sampler.spec
        shape = (1, len(self.known.leads), self.samples)
        return Ecg(
            np.broadcast_to(np.float32(0), shape),
            Spec(self.known.leads, self.known.fs, self.samples, spec.classes, spec.multilabel, "mV",
                 spec.context),
            label=self.completer.label[None],
            context=self.completer.context[None].astype(np.float32),
            record=np.array([self.known.name]),
            synthetic_mask=np.broadcast_to(np.False_, shape),
            marks=self.marks,
            source=self.source,
            card=self.card,
        )  # fmt: skip

    @cached_property
    def marks(self) -> Marks:
        """The beats by which it is made."""
        beats = self.beats.between(0, self.samples / self.known.fs)
        marks = marks_of(beats[None], self.known.fs)
        inside = marks.sample < self.samples
        return Marks(*(getattr(marks, n)[inside] for n in ("item", "lead", "sample", "symbol")))


def complete(
    recording: Recording | Ecg,
    model: Synthesizer | str | Path = "ptbxl-12lead-flow",
    *,
    leads: Sequence[str] | Mapping[str, str] | None = None,
    events: Annotations | str | None = None,
    label: str = "",
    context: Mapping[str, float | str] | None = None,
    prolong_s: float | None = None,
    draws: int = 1,
    seed: int = 0,
) -> Ecg:
    """Make what is missing of a recording: leads, gaps (NaN), and time after its end.

    What is known stays as it is, sample by sample, at its own rate. `Ecg.synthetic_mask` is True
    where a sample was made. Of the standard twelve leads III, aVR, aVL and aVF follow from I and
    II.

    Parameters
    ----------
    recording: one, or a set of which each item is completed. model: a `Synthesizer` of a family
        that takes a known part, or what `Synthesizer.load` finds.
    leads: the known leads, others of the recording are made anew; {"II": "MLII"} takes one lead
        for another. All that the model has, when left out.
    events: annotations of beats, up to the end that is asked for; "found" detects the beats. By
        default those of the recording where it has some, else they are detected.
    label: statements of the person, as in "AFIB+CRBBB"; "" = unknown.
    context: age, sex, and heart_rate, 1/min, of time that is made.
    prolong_s: length of the result, s. draws: completions of each recording, one after the other.
    seed: same seed, same result.

    Raises
    ------
    EcgsynthError: nothing is known, or nothing is missing; a lead, rate, unit, label, context or
        beat that does not fit; more than is held in memory.
    """
    draws, label = check_draws(draws), check_text(label, "the label")
    if callable(events):
        raise EcgsynthError("events are Annotations, 'found' or None; got a function.")
    parts = [
        one.ecg(draw)
        for one in plan(
            _recordings(recording), model, leads=leads, events=events, label=label,
            context=context, prolong_s=prolong_s, seed=seed,
        )
        for draw in range(draws)
    ]  # fmt: skip
    return concatenate(parts)


def check_draws(draws: int) -> int:
    """How many completions of each recording."""
    return check_integer(draws, "the number of draws", 1, DRAWS)


def plan(
    recordings: Iterator[Recording] | Sequence[Recording],
    model: Synthesizer | str | Path,
    *,
    leads: Sequence[str] | Mapping[str, str] | None = None,
    events: Annotations | str | Callable[[Recording], Annotations | str | None] | None = None,
    label: str = "",
    context: Mapping[str, float | str] | None = None,
    prolong_s: float | None = None,
    seed: int = 0,
) -> Iterator[Completion]:
    """Recordings that are about to be completed; parameters and errors are those of `complete`.

    events: or a function of the recording that gives them.
    """
    from ecgsynth.synthesizer import Synthesizer

    synthesizer = model if isinstance(model, Synthesizer) else Synthesizer.load(model)
    sampler = find_sampler(synthesizer)
    seed, label_row = check_seed(seed), _label(sampler, label)
    fixed = check_context(sampler, context)
    rate = fixed.get(HEART_RATE)
    numbers = np.array([fixed.get(name, np.nan) for name in sampler.spec.context])
    at_rates = {sampler.spec.fs: sampler}
    for number, recording in enumerate(recordings):
        known = KnownPart(recording, sampler.spec.leads, leads)
        samples = _samples(known, prolong_s)
        notes = _events(events, recording)
        if notes is None and np.isin(recording.annotations.symbol, list(AAMI_OF_SYMBOL)).any():
            notes = recording.annotations
        beats = BeatSource(
            known, None if isinstance(notes, str) else notes, samples / known.fs, seed=seed,
            heart_rate=rate, fibrillates="AFIB" in label.split("+") or None,
        )  # fmt: skip
        if rate is not None and not beats.silent:
            log.warning(
                "%s: heart_rate changes nothing, since the beats of all of its time are known.",
                known.name,
            )
        if known.fs not in at_rates:
            at_rates[known.fs] = _at_rate(sampler, known)
        completer = Completer(
            at_rates[known.fs], known, beats, samples, label=label_row, context=numbers,
            seed=seed, number=number,
        )  # fmt: skip
        yield Completion(known, completer, beats, _card(sampler, known), _id(sampler))


def _events(events: Any, recording: Recording) -> Annotations | str | None:
    found = events(recording) if callable(events) else events
    if isinstance(found, str):
        return check_choice(found, "events", (FOUND,))
    if found is not None and not isinstance(found, Annotations):
        raise EcgsynthError(f"events are Annotations, or 'found'; got {quote(found)}.")
    return found


def _recordings(recording: Any) -> Iterator[Recording]:
    if isinstance(recording, Recording):
        yield recording
        return
    if not isinstance(recording, Ecg):
        raise EcgsynthError(
            f"what is completed is a Recording or an Ecg, as es.read gives it; got "
            f"{quote(recording)}."
        )
    if not len(recording):
        raise EcgsynthError("an empty set has nothing to complete; give one with items.")
    for item in range(len(recording)):
        yield Recording.of(recording, item)


def _label(sampler: NetworkSampler, label: str) -> NDArray[np.float32]:
    """[class], zeros where nothing is known."""
    row = np.zeros(len(sampler.spec.classes), np.float32)
    if label:
        plan_classes(sampler, 1, label)
        for name in label.split("+") if sampler.spec.multilabel else (label,):
            row[sampler.spec.class_index(name)] = 1
    return row


def _samples(known: KnownPart, prolong_s: float | None) -> int:
    """Of the whole, in samples."""
    if prolong_s is None:
        if not known.missing:
            raise EcgsynthError(
                f"nothing of {known.name} is missing: it has all {len(known.leads)} leads without "
                "gaps; prolong it, or name the leads that are known (--leads I,II)."
            )
        samples = known.samples
    else:
        seconds = check_positive(prolong_s, "the length to prolong to, in s,")
        samples = round(seconds * known.fs)
        if samples <= known.samples:
            raise EcgsynthError(
                f"{known.name} lasts {known.samples / known.fs:g} s already; prolong it to more "
                f"than that, not to {seconds:g} s."
            )
    if samples > LONGEST_S * known.fs:
        raise EcgsynthError(
            f"{samples / known.fs / 3600:.1f} h are asked for; at most {LONGEST_S / 3600:g} h are "
            "made."
        )
    return samples


def _at_rate(sampler: NetworkSampler, known: KnownPart) -> NetworkSampler:
    if known.fs > FASTEST:
        raise EcgsynthError(
            f"{known.name} is at {known.fs:,.0f} Hz; resample it to {FASTEST:,.0f} Hz or less."
        )
    high = sampler.spec.band[1] or 0.0
    if known.fs < 2 * high:
        raise EcgsynthError(
            f"{known.name} is at {known.fs:g} Hz, and {sampler.card.name} makes signals up to "
            f"{high:g} Hz, which need {2 * high:g} Hz or more; resample it first."
        )
    return with_rate(sampler, known.fs)


def _id(sampler: NetworkSampler) -> str:
    return sampler.card.id or sampler.card.name


def _card(sampler: NetworkSampler, known: KnownPart) -> dict[str, Any]:
    """The card of the model, with what it completed."""
    completed = {
        "by": _id(sampler),
        "real": known.recording.source if not known.recording.synthetic else "",
        "of": known.name,
        "known": list(known.names),
    }
    return {**sampler.card.model_dump(), "completed": completed}
