"""Recordings of any length by a renderer: a rhythm becomes a signal, its beats the annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_instance, check_names, check_rate, check_text, quote
from ecgsynth.completion.complete import FASTEST
from ecgsynth.completion.manner import find_strip
from ecgsynth.completion.recorder import Recorder
from ecgsynth.completion.refusals import AFIB, check_shown
from ecgsynth.completion.windows import find_sampler
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.rhythm import Rhythm
from ecgsynth.rhythm.output import changes, source_of
from ecgsynth.rhythm.parameters import PARAMETERS, measure_rhythms
from ecgsynth.rhythm.prior import ECTOPIC, HEART_RATE, RHYTHMS, RecordPrior
from ecgsynth.rhythm.t_waves import t_peaks
from ecgsynth.rhythm.track import Track
from ecgsynth.signals.draft import Draft, Piece, marks_from, no_marks, placeholder
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import EVENT, KIND, P, R, T
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec, band_below
from ecgsynth.synthesizer.inputs import counter_uniform
from ecgsynth.synthesizer.rates import with_rate
from ecgsynth.synthesizer.request import check_context, check_seed
from ecgsynth.synthesizer.sampler import NetworkSampler

if TYPE_CHECKING:
    from ecgsynth.synthesizer import Synthesizer

BLOCK_S, AROUND_S = 60.0, 30.0
"""T waves are placed in blocks of so many seconds, by the beats of so many around them."""

MOST_BLOCKS = 64
"""Blocks of beats in memory; a window is shorter than any of them."""

BY_PLACE = ("ECG1", "ECG2")
"""Leads of a model whose names differ from person to person; a label such as ECG1:MLII names
one."""


@dataclass(frozen=True)
class LearnedDraft(Draft):
    """A recording that a model is about to make; recorder: makes its windows."""

    recorder: Recorder


def record(
    rhythm: Rhythm,
    model: Synthesizer | str | Path = "ptbxl-12lead-flow",
    *,
    leads: Sequence[str] | int | None = None,
    fs: float = 250.0,
    like: Recording | Ecg | None = None,
    label: str = "",
    context: Mapping[str, float | str] | None = None,
    seed: int = 0,
) -> Ecg:
    """A recording with these beats, of any length and without seams, by a model.

    Parameters
    ----------
    model: a `Synthesizer` of a family that draws beats in time (`renderer`), or what
        `Synthesizer.load` finds.
    leads: names, or how many of the first; all of the model's when left out.
    fs: Hz. like: a recording of the person in whose manner it is made; a stretch of normal beats
        is taken from it. label, context: of the synthetic person, as `Synthesizer.generate` takes
        them. seed: same seed, same result.

    Returns
    -------
    One item of the length of the rhythm. Marks: a beat code at every R, and the name of a rhythm
    where it begins.

    Raises
    ------
    EcgsynthError: fewer than five of the people that the model learned from show a rhythm; a lead,
        rate, label or context that it does not have; a strip without normal beats; more than is
        held in memory.
    """
    check_instance(rhythm, Rhythm, "what is recorded is a Rhythm, as make_rhythm gives it")
    return draft(
        rhythm, model, leads=leads, fs=fs, like=like, label=label, context=context, seed=seed
    ).ecg()


def draft(
    rhythm: Rhythm | Track,
    model: Synthesizer | str | Path,
    *,
    leads: Sequence[str] | int | None = None,
    fs: float = 250.0,
    like: Recording | Ecg | None = None,
    label: str = "",
    context: Mapping[str, float | str] | None = None,
    seed: int = 0,
) -> LearnedDraft:
    """A recording that is about to be made; parameters and errors are those of `record`."""
    from ecgsynth.synthesizer import Synthesizer

    track = Track.of(rhythm)
    synthesizer = model if isinstance(model, Synthesizer) else Synthesizer.load(model)
    sampler, seed = find_sampler(synthesizer), check_seed(seed)
    prior = cast("RecordPrior", sampler.prior)
    check_shown(sampler, prior, track.first)
    if check_rate(fs) > FASTEST:
        raise EcgsynthError(f"{fs:g} Hz are asked for; at most {FASTEST:g} Hz are made.")
    sampler = with_rate(sampler, fs)
    samples = round(track.seconds * fs)
    if samples < 1:
        raise EcgsynthError("the rhythm is shorter than a sample; give it some seconds.")
    rows, asked = _choose_leads(sampler, leads)
    fixed = check_context(sampler, context)
    if HEART_RATE in fixed:
        raise EcgsynthError("the rhythm has the heart rate; leave heart_rate out of the context.")
    names = [check_text(label, "the label"), *asked]
    names += [AFIB] * any(one.code == "(AFIB" for one in track.first.episodes)
    uniform = counter_uniform(seed, 0, 1, prior.uniforms)
    person = prior.draw("+".join(dict.fromkeys(filter(None, names))), uniform, fixed)
    strip, source = None, source_of(track.source, sampler.card.id or sampler.card.name)
    card = sampler.card.model_dump()
    if like is not None:
        strip, of = find_strip(like, sampler)
        source, card["like"] = f"{source} (in the manner of {of})", of
    times = measure_rhythms(person.more["events"])[0, PARAMETERS.index("rt_s")]
    label_at = _Labels(sampler.spec, person.label[0], track).at
    beats = _Beats(track, seed, float(times))
    recorder = Recorder(
        sampler,
        beats.between,
        samples,
        label_at=label_at,
        context=person.context[0],
        seed=seed,
        strip=strip,
    )
    spec = sampler.spec
    own = tuple(_lead_name(spec, row, person.label[0]) for row in rows)
    head = Ecg(
        placeholder(len(rows), samples),
        Spec(own, fs, samples, spec.classes, spec.multilabel, "mV", spec.context,
             band_below(spec.band, fs)),
        label=label_at(0, min(track.seconds, track.first.seconds))[None],
        context=person.context.astype(np.float32),
        record=np.array(["recording"]), marks=no_marks(), source=source, card=card,
    )  # fmt: skip

    def pieces() -> Iterator[Piece]:
        start = 0
        for piece in recorder.pieces():
            count = piece.shape[1]
            yield Piece(piece[rows], _marks(track, start, count, fs))
            start += count

    return LearnedDraft(head, pieces, recorder)


def _choose_leads(
    sampler: NetworkSampler, leads: Sequence[str] | int | None
) -> tuple[list[int], list[str]]:
    """Rows of the leads among the model's, and labels of people who have these leads."""
    spec, name = sampler.spec, sampler.card.name
    if leads is None:
        return [*range(len(spec.leads))], []
    if isinstance(leads, int):
        if not 1 <= leads <= len(spec.leads):
            raise EcgsynthError(
                f"{leads} leads are asked for, and {name} has {len(spec.leads)}: "
                f"{', '.join(spec.leads)}."
            )
        return [*range(leads)], []
    known = {lead: (row, "") for row, lead in enumerate(spec.leads)}
    for one in spec.classes:  # the place of a lead, and its name
        place, colon, lead = one.partition(":")
        if colon and place in BY_PLACE and place in spec.leads and lead not in known:
            known[lead] = spec.leads.index(place), one
    rows, asked = [], []
    for lead in check_names(leads, "leads"):
        if lead not in known:
            raise EcgsynthError(f"{name} has no lead {quote(lead)}.{did_you_mean(lead, known)}")
        row, own = known[lead]
        rows.append(row)
        asked += [own] * bool(own)
    if len(set(rows)) < len(rows):
        raise EcgsynthError(
            f"{name} has one of the leads {', '.join(leads)} at a time, since they stand in the "
            "same place; name one of them."
        )
    return rows, asked


def _lead_name(spec: Spec, row: int, label: NDArray[np.float32]) -> str:
    """The name of a lead: of one that is known by its place, what the person's label names."""
    place = spec.leads[row]
    own = [n.partition(":")[2] for n, on in zip(spec.classes, label, strict=True)
           if on and place in BY_PLACE and n.startswith(f"{place}:")]  # fmt: skip
    others = {n.partition(":")[2] for n in own} - {place}
    return own[0] if own and own[0] not in BY_PLACE and others else place


@dataclass
class _Labels:
    """The labels of windows: the person's, and those of rhythm and ectopic beats as they come."""

    spec: Spec
    person: NDArray[np.float32]
    track: Track

    def at(self, start: float, stop: float) -> NDArray[np.float32]:
        """[class] of what lies between two times, s."""
        label, rhythm = self.person.copy(), self.track.between(start, stop)
        fibrillates = sum(
            max(0.0, min(one.stop_s, stop) - max(one.start_s, start))
            for one in rhythm.episodes if one.code == "(AFIB"
        ) > (stop - start) / 2  # fmt: skip
        stated = dict.fromkeys(RHYTHMS, False) | {
            AFIB: fibrillates, "SR": not fibrillates,
            **{name: kind in rhythm.kind for name, kind in ECTOPIC.items()},
        }  # fmt: skip
        for name, on in stated.items():
            if name in self.spec.classes:
                label[self.spec.classes.index(name)] = on
        return label


@dataclass
class _Beats:
    """The beats that a model is asked for; the T waves of a block come of random numbers of its
    own. rt_s: from R to the peak of T, of the person."""

    track: Track
    seed: int
    rt_s: float
    _blocks: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def between(self, start: float, stop: float) -> NDArray[np.float64]:
        """[beat, EVENT] in double precision, which holds milliseconds after a day, too."""
        numbers = range(max(0, int(start // BLOCK_S)), int(max(stop, 0) // BLOCK_S) + 1)
        for number in numbers:
            if number not in self._blocks:
                self._blocks[number] = self._block(number)
        beats = np.concatenate([self._blocks[number] for number in numbers])
        while len(self._blocks) > MOST_BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        return beats[slice(*np.searchsorted(beats[:, R], [start, stop]))]

    def _block(self, number: int) -> NDArray[np.float64]:
        start, stop = number * BLOCK_S, (number + 1) * BLOCK_S
        rhythm = self.track.between(start - AROUND_S, stop + AROUND_S)
        beats = np.full((len(rhythm), len(EVENT)), np.nan)
        beats[:, R], beats[:, KIND], beats[:, P] = rhythm.time_s, rhythm.kind, rhythm.p_s
        random = np.random.default_rng([self.seed, 5, number])
        beats[:, T] = t_peaks(random, rhythm.time_s, rhythm.kind, self.rt_s)
        return beats[(beats[:, R] >= start) & (beats[:, R] < stop)]


def _marks(track: Track, start: int, samples: int, fs: float) -> Marks:
    """Beats and changes of rhythm of a piece, in order of time."""
    rhythm = track.between(start / fs - 1, (start + samples) / fs + 1)
    other = changes(rhythm)
    sample = np.round(np.concatenate([[one[0] for one in other], rhythm.time_s]) * fs)
    symbol = np.concatenate([np.array([one[2] or one[1] for one in other], "<U9"), rhythm.symbol])
    return marks_from(sample.astype(np.int64) - start, symbol, samples)
