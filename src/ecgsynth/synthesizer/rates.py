"""The same model at another sampling rate."""

from __future__ import annotations

from dataclasses import replace

from ecgsynth.arguments import check_rate
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import MODELS
from ecgsynth.signals.spec import band_below
from ecgsynth.synthesizer.ensemble import EnsembleSampler, build_sampler
from ecgsynth.synthesizer.sampler import NetworkSampler


def with_rate(sampler: NetworkSampler | EnsembleSampler, fs: float) -> NetworkSampler:
    """The sampler with the same weights, whose items have another rate, Hz.

    Raises
    ------
    EcgsynthError: several models were joined, the family has one rate alone, or the band does not
        fit below half the rate.
    """
    spec, name = sampler.spec, sampler.card.name
    fs = check_rate(fs)
    if not isinstance(sampler, NetworkSampler):
        raise EcgsynthError(
            f"{name} was joined of several models; change the rate of each, or of what they make."
        )
    if fs == spec.fs:
        return sampler
    if not getattr(MODELS.get(sampler.card.run["model"]["name"]), "any_rate", False):
        raise EcgsynthError(
            f"{name} makes signals at {spec.fs:g} Hz alone; resample what it makes."
        )
    high = spec.band[1] or spec.fs / 2
    if fs < 2 * high:
        raise EcgsynthError(
            f"{name} makes signals up to {high:g} Hz, which needs a rate of {2 * high:g} Hz or "
            f"more; got {fs:g} Hz."
        )
    changed = replace(
        spec, fs=fs, samples=round(spec.seconds * fs), band=band_below(spec.band, fs),
        r_sample=None if spec.r_sample is None else round(spec.r_sample * fs / spec.fs),
    )  # fmt: skip
    card = sampler.card.model_copy(update={"spec": changed.to_json()})
    made = build_sampler(card, sampler.weights())
    assert isinstance(made, NetworkSampler)
    return made
