"""The items of a part, from any one to any other; each depends on the plan and its number alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ecgsynth.corpus.plan import SIMULATOR, CorpusPlan, Part
from ecgsynth.datasets.noise_stress import KINDS, read_noise
from ecgsynth.formats.stream import marks_of
from ecgsynth.noise import add_recording_noise
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate

if TYPE_CHECKING:
    from ecgsynth.noise.sources import Recorded
    from ecgsynth.rhythm import Rhythm
    from ecgsynth.synthesizer import Synthesizer

RECORD_FS = 250.0
"""Hz of recordings for which none is set."""


def items_of(plan: CorpusPlan, name: str, start: int, stop: int) -> Iterator[Ecg]:
    """Items start ... stop - 1 of a part, in chunks.

    Raises
    ------
    EcgsynthError: the part asks for what its model or rhythm does not have.
    """
    part, seed = plan.parts[name], plan.seed_of(name)
    chunks: Iterator[Ecg]
    if part.rhythm:
        chunks = (_recording(part, name, seed, number) for number in range(start, stop))
    else:
        chunks = _generated(part, name, seed, start, stop)
    return _noisy(chunks, part, seed, start) if part.noise else chunks


def check_part(plan: CorpusPlan, name: str) -> Ecg:
    """The first item of a part.

    Raises
    ------
    EcgsynthError: the part asks for what its model or rhythm does not have.
    """
    return next(iter(items_of(plan, name, 0, 1)))


def _generated(part: Part, name: str, seed: int, start: int, stop: int) -> Iterator[Ecg]:
    synthesizer = _model(part.model, part.fs)
    label = list(part.label) or None
    chunks = synthesizer.stream(
        part.count, label, seed, part.context, start=start, stop=stop, people=part.people
    )
    return (_named(chunk, name) for chunk in chunks)


def _named(chunk: Ecg, name: str) -> Ecg:
    """People of two parts are two people, so their names begin with that of the part."""
    if chunk.patient is None:
        return chunk
    return replace(chunk, patient=np.array([f"{name}-{one}" for one in chunk.patient.tolist()]))


def _recording(part: Part, name: str, seed: int, number: int) -> Ecg:
    """One recording of a synthetic person of his own."""
    from ecgsynth.rhythm.compose import make_rhythm

    seconds = None if part.hours is None else part.hours * 3600
    rhythm = make_rhythm(part.rhythm, seconds, seed, number)
    ecg = _drawn(part, rhythm, seed, number)
    own = np.array([f"{name}-{number:06d}"])
    return replace(ecg, record=own, patient=own)


def _drawn(part: Part, rhythm: Rhythm, seed: int, number: int) -> Ecg:
    fs = part.fs or RECORD_FS
    if part.model == SIMULATOR:
        from ecgsynth.simulator.drawing import draw_rhythm

        leads = 2 if part.leads is None else part.leads
        return draw_rhythm(rhythm, leads, fs, waves=part.waves, seed=seed, patient=number)
    from ecgsynth.completion.record import record

    own = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)
    return record(
        rhythm, _model(part.model, None), leads=part.leads, fs=fs, label="+".join(part.label),
        context=part.context, seed=own,
    )  # fmt: skip


def _noisy(chunks: Iterator[Ecg], part: Part, seed: int, start: int) -> Iterator[Ecg]:
    """The items with noise of their own each, whatever chunk they come in."""
    recorded = {kind: _recorded(kind) for kind in part.noise if kind in KINDS}
    number = start
    for chunk in chunks:
        whole = replace(chunk, marks=marks_of(chunk))
        noisy = []
        for row in range(len(whole)):
            own = int(np.random.SeedSequence([seed, number, 1]).generate_state(1)[0])
            one = whole[row : row + 1]
            noisy.append(add_recording_noise(one, part.noise, part.snr, own, recorded).noisy)
            number += 1
        yield concatenate(noisy)


@lru_cache(maxsize=2)
def _model(model: str, fs: float | None) -> Synthesizer:
    from ecgsynth.synthesizer import Synthesizer

    loaded = Synthesizer.load(model)
    return loaded if fs is None else loaded.with_rate(fs)


@lru_cache
def _recorded(kind: str) -> Recorded:
    return read_noise(kind)
