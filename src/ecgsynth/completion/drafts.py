"""A recording of a rhythm by the simulator or a model, with noise and faults where wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ecgsynth.arguments import check_names, check_text
from ecgsynth.datasets.noise_stress import KINDS, read_noise
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.noise import add_noise
from ecgsynth.noise.faults import RAIL_MV, Faults
from ecgsynth.rhythm import Rhythm
from ecgsynth.rhythm.track import Track
from ecgsynth.signals.draft import Draft
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.recording import Recording
from ecgsynth.simulator.drawing import draft_rhythm

if TYPE_CHECKING:
    from ecgsynth.synthesizer import Synthesizer

SIMULATOR = "simulator"
"""The name of what draws a rhythm without a model."""


def draft_by(
    model: Synthesizer | str | Path,
    rhythm: Rhythm | Track,
    *,
    leads: Sequence[str] | int | None = None,
    fs: float = 250.0,
    waves: bool = False,
    like: Recording | Ecg | None = None,
    label: str = "",
    context: Mapping[str, float | str] | None = None,
    seed: int = 0,
) -> Draft:
    """A recording that the simulator, or a model, is about to make.

    waves: whether P, QRS and T of the simulator are marked; leads: two of the simulator, or all of
    a model, when left out. The others are as in `ecgsynth.record`.

    Raises
    ------
    EcgsynthError: what is asked for is for a model, or there is no such model; others as in
        `record` and `draw_rhythm`.
    """
    if isinstance(model, str) and model == SIMULATOR:
        wanted = context is not None and not (isinstance(context, Mapping) and not context)
        if like is not None or check_text(label, "the label") or wanted:
            raise EcgsynthError(
                "--like, --label and --context are for a model; name one, as in "
                "--model ptbxl-12lead-flow."
            )
        return draft_rhythm(rhythm, 2 if leads is None else leads, fs, waves=waves, seed=seed)
    from ecgsynth.completion.record import draft

    if isinstance(model, str):
        check_model(model)
    return draft(
        rhythm, model, leads=leads, fs=fs, like=like, label=label, context=context, seed=seed
    )


def check_model(model: str) -> None:
    """Refuse a model that is not there; the simulator is among the names that may be meant."""
    from ecgsynth.synthesizer.find import find_model

    try:
        find_model(model)
    except EcgsynthError:
        if "Did you mean" in (meant := did_you_mean(model, [SIMULATOR])):
            raise EcgsynthError(f"no model named '{model}'.{meant}") from None
        raise


def add_faults(
    draft: Draft,
    *,
    noise: Sequence[str] = (),
    snr: str | float = "",
    lead_off: float = 0.0,
    range_mv: float | None = None,
    step_mv: float | None = None,
    seed: int = 0,
) -> Draft:
    """The recording with the noise and the faults that are asked for; see `ecgsynth.noise`.

    Raises
    ------
    EcgsynthError: noise without a ratio, an unknown kind, a fault in the schedule or a number; the
        recordings of noise are not on this machine.
    """
    kinds = [] if isinstance(noise, list | tuple) and not noise else [*check_names(noise, "noise")]
    clean = isinstance(snr, str) and not snr
    if kinds and clean:
        raise EcgsynthError("--noise needs a ratio of signal to noise, as in --snr 12.")
    if not clean:
        recorded = {name: read_noise(name) for name in kinds if name in KINDS}
        draft = add_noise(draft, kinds or ["electrode"], snr, seed, recorded)
    if not lead_off and range_mv is None and step_mv is None:
        return draft
    return Faults(lead_off, range_mv or RAIL_MV, range_mv, step_mv, seed).draft(draft)
