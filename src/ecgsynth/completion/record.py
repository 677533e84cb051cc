"""Recordings of any length by a renderer: a rhythm becomes a signal, its beats the annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_instance, check_names, check_rate, check_text, quote
from ecgsynth.completion.complete import FASTEST, GATHERED
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
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import EVENT, KIND, P, R, T
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer.inputs import counter_uniform
from ecgsynth.synthesizer.rates import with_rate
from ecgsynth.synthesizer.request import check_context, check_seed
from ecgsynth.synthesizer.sampler import NetworkSampler

if TYPE_CHECKING:
    from ecgsynth.synthesizer import Synthesizer

BY_PLACE = ("ECG1", "ECG2")
"""Leads of a model whose names differ from person to person; a label such as ECG1:MLII names
one."""


@dataclass(frozen=True)
class Draft:
    """A recording that is about to be made.

    head: its one item, with a placeholder, which takes no memory, for its samples. recorder: makes
    them. rows: of the leads among the model's.
    """

    head: Ecg
    recorder: Recorder
    rows: list[int]

    def pieces(self) -> Iterator[NDArray[np.float32]]:
        """[lead, sample] mV, piece by piece along time."""
        for piece in self.recorder.pieces():
            yield piece[self.rows]

    def ecg(self) -> Ecg:
        """The whole as one item.

        Raises
        ------
        EcgsynthError: it is too long to be gathered in memory.
        """
        leads, samples = self.head.signal.shape[1:]
        if leads * samples > GATHERED:
            raise EcgsynthError(
                f"{samples / self.head.spec.fs / 3600:.1f} h of {leads} leads are more than memory "
                "holds; write WFDB (a folder) without noise, which takes it piece by piece."
            )
        signal = np.concatenate([*self.pieces()], 1)[None]
        head = self.head
        return Ecg(
            signal, head.spec, head.label, head.context, record=head.record, marks=head.marks,
            source=head.source, card=head.card,
        )  # fmt: skip


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
    return draft(
        rhythm, model, leads=leads, fs=fs, like=like, label=label, context=context, seed=seed
    ).ecg()


def draft(
    rhythm: Rhythm,
    model: Synthesizer | str | Path,
    *,
    leads: Sequence[str] | int | None = None,
    fs: float = 250.0,
    like: Recording | Ecg | None = None,
    label: str = "",
    context: Mapping[str, float | str] | None = None,
    seed: int = 0,
) -> Draft:
    """A recording that is about to be made; parameters and errors are those of `record`."""
    from ecgsynth.synthesizer import Synthesizer

    check_instance(rhythm, Rhythm, "what is recorded is a Rhythm, as make_rhythm gives it")
    synthesizer = model if isinstance(model, Synthesizer) else Synthesizer.load(model)
    sampler, seed = find_sampler(synthesizer), check_seed(seed)
    prior = cast("RecordPrior", sampler.prior)
    check_shown(sampler, prior, rhythm)
    if check_rate(fs) > FASTEST:
        raise EcgsynthError(f"{fs:g} Hz are asked for; at most {FASTEST:g} Hz are made.")
    sampler = with_rate(sampler, fs)
    samples = round(rhythm.seconds * fs)
    if samples < 1:
        raise EcgsynthError("the rhythm is shorter than a sample; give it some seconds.")
    rows, asked = _choose_leads(sampler, leads)
    fixed = check_context(sampler, context)
    if HEART_RATE in fixed:
        raise EcgsynthError("the rhythm has the heart rate; leave heart_rate out of the context.")
    names = [check_text(label, "the label"), *asked]
    names += [AFIB] * any(one.code == "(AFIB" for one in rhythm.episodes)
    uniform = counter_uniform(seed, 0, 1, prior.uniforms)
    person = prior.draw("+".join(dict.fromkeys(filter(None, names))), uniform, fixed)
    strip, source = None, source_of(rhythm, sampler.card.id or sampler.card.name)
    card = sampler.card.model_dump()
    if like is not None:
        strip, of = find_strip(like, sampler)
        source, card["like"] = f"{source} (in the manner of {of})", of
    times = measure_rhythms(person.more["events"])[0, PARAMETERS.index("rt_s")]
    recorder = Recorder(
        sampler, _beats(rhythm, seed, float(times)), samples,
        label_at=_Labels(sampler.spec, person.label[0], rhythm).at, context=person.context[0],
        seed=seed, strip=strip,
    )  # fmt: skip
    spec = sampler.spec
    own = tuple(_lead_name(spec, row, person.label[0]) for row in rows)
    head = Ecg(
        np.broadcast_to(np.float32(0), (1, len(rows), samples)),
        Spec(own, fs, samples, spec.classes, spec.multilabel, "mV", spec.context, spec.band),
        label=recorder.label_at(0, rhythm.seconds)[None], context=person.context.astype(np.float32),
        record=np.array(["recording"]), marks=_marks(rhythm, fs, samples), source=source, card=card,
    )  # fmt: skip
    return Draft(head, recorder, rows)


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
    rhythm: Rhythm

    def at(self, start: float, stop: float) -> NDArray[np.float32]:
        """[class] of what lies between two times, s."""
        label, rhythm = self.person.copy(), self.rhythm
        rows = slice(*np.searchsorted(rhythm.time_s, [start, stop]))
        fibrillates = sum(
            max(0.0, min(one.stop_s, stop) - max(one.start_s, start))
            for one in rhythm.episodes if one.code == "(AFIB"
        ) > (stop - start) / 2  # fmt: skip
        stated = dict.fromkeys(RHYTHMS, False) | {
            AFIB: fibrillates, "SR": not fibrillates,
            **{name: kind in rhythm.kind[rows] for name, kind in ECTOPIC.items()},
        }  # fmt: skip
        for name, on in stated.items():
            if name in self.spec.classes:
                label[self.spec.classes.index(name)] = on
        return label


def _beats(rhythm: Rhythm, seed: int, rt_s: float) -> NDArray[np.float64]:
    """[beat, EVENT] in double precision, which holds milliseconds after a day, too."""
    beats = np.full((len(rhythm), len(EVENT)), np.nan)
    beats[:, R], beats[:, KIND], beats[:, P] = rhythm.time_s, rhythm.kind, rhythm.p_s
    random = np.random.default_rng([seed, 5])
    beats[:, T] = t_peaks(random, rhythm.time_s, rhythm.kind, rt_s)
    return beats


def _marks(rhythm: Rhythm, fs: float, samples: int) -> Marks:
    """Beats and changes of rhythm, in order of time."""
    other = changes(rhythm)
    sample = np.round(np.concatenate([[one[0] for one in other], rhythm.time_s]) * fs)
    symbol = np.concatenate([np.array([one[2] or one[1] for one in other], "<U9"), rhythm.symbol])
    at = sample.astype(np.int64)
    rows = np.flatnonzero(at < samples)
    rows = rows[np.argsort(at[rows], kind="stable")]
    return Marks(np.zeros(len(rows), np.int64), np.full(len(rows), -1), at[rows], symbol[rows])
