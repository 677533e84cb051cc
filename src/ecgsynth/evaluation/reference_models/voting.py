"""One set of fiducial points per record: all leads decide together."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.reference_models.delineation import (
    QRS,
    SHIPPED,
    SHORTEST_S,
    delineator,
    points_of_waves,
    wave_probabilities,
)
from ecgsynth.signals.fiducials import Fiducials

if TYPE_CHECKING:
    from ecgsynth.evaluation.reference_models.unet import MeanNetwork, Network

LEADS_DELINEATOR = SHIPPED.with_name("delineator-leads.safetensors")
"""A network that learned from LUDB and QTDB, with P waves at any distance from QRS; it votes beside
the judge's own (`benchmarks/train_delineator.py`)."""

P_RAISED = 0.5
"""By so much (natural logarithm) the odds of P are raised: it is rarer in the strips that the
network learned from than in people. Chosen on fold 9 of PTB-XL: more P waves are detected
in first-degree block, and still none in atrial fibrillation."""

AROUND_S = 4.0
"""How certain a lead is of its QRS complexes is averaged over so long, s."""

LEAST_UNCERTAIN, NO_QRS = 0.05, 0.01
"""A lead weighs 1 / (`LEAST_UNCERTAIN` + the uncertain share of its QRS probability); with a mean
of this probability below `NO_QRS` it shows no beats, and is as uncertain as can be."""

P_BEFORE_S = 0.5
"""Whether a beat has a P wave is unknown where less than this, s, of the item lies before it."""


def delineate_together(signal: NDArray, fs: float, net: Network | None = None) -> Fiducials:
    """The fiducial points of every beat, one set for all leads of an item.

    The probabilities of the waves are averaged over two networks and over the leads. A lead counts
    more where it is certain of its QRS complexes, so a noisy one does not decide. A peak is where
    the leads together are furthest from the lines between the ends of the wave.

    Parameters
    ----------
    signal: [item, lead, sample], mV. fs: Hz. net: a network to use instead of the shipped two.

    Returns
    -------
    Points [item, beat, 9], NaN if a wave is absent or cut off; see `p_presence`.

    Raises
    ------
    EcgsynthError: the items are not [item, lead, sample], or too short for a beat.
    """
    signal = np.asarray(signal, np.float32)
    if signal.ndim != 3 or not signal.shape[1] or signal.shape[-1] < SHORTEST_S * fs:
        raise EcgsynthError(
            f"a signal of shape {signal.shape} at {fs:g} Hz cannot be delineated by all leads "
            f"together; give [item, lead, sample] with {SHORTEST_S:g} s or more."
        )
    whole = np.nan_to_num(signal)
    flat = whole.reshape(-1, whole.shape[-1])
    of_leads = wave_probabilities(net or leads_delineator()[0], flat, fs)
    of_leads = of_leads.reshape(*whole.shape[:2], *of_leads.shape[1:])
    return Fiducials(vote(of_leads, whole, fs), fs)


def vote(
    probability: NDArray[np.float32], signal: NDArray[np.float32], fs: float
) -> NDArray[np.float64]:
    """[item, beat, 9] points in samples of the signal, one set for all leads.

    probability: [item, lead, wave, sample] at 250 Hz. signal: [item, lead, sample], without NaN.
    """
    weight = _weights(probability[:, :, QRS])
    average = np.einsum("ilws,ils->iws", probability, weight)
    shown = signal * weight.mean(-1, keepdims=True)  # noise has no part in where a peak is
    return points_of_waves(average, shown, fs)


@lru_cache(maxsize=1)
def leads_delineator() -> tuple[MeanNetwork, dict[str, Any]]:
    """The networks that vote, as one, and facts about them; `delineate` takes it, too."""
    from ecgsynth.evaluation.reference_models.unet import MeanNetwork, load_delineator

    judge, own = delineator()
    other, more = load_delineator(LEADS_DELINEATOR)
    trained_on = list(dict.fromkeys([*own["trained_on"], *more["trained_on"]]))
    facts = {"trained_on": trained_on, "hash": f"{own['hash']}+{more['hash']}"}
    return MeanNetwork([judge, other], P_RAISED).eval(), facts


def p_presence(points: NDArray, fs: float) -> NDArray[np.float64]:
    """[..., beat]: 1 = the beat has a P wave, 0 = it has none, NaN = no beat, or not known.

    points: [..., beat, 9] of `delineate` or `delineate_together`, in samples. It is not known of
    the first beat of an item whose P wave may lie before the beginning.
    """
    has_p = np.isfinite(points[..., :3]).any(-1)
    qrs = points[..., 3:6]
    beat = np.isfinite(qrs).any(-1)
    first = np.where(np.isfinite(qrs), qrs, np.inf).min(-1)
    known = beat & (has_p | (first >= P_BEFORE_S * fs))
    return np.where(known, has_p.astype(np.float64), np.nan)


def _weights(qrs: NDArray[np.float32]) -> NDArray[np.float32]:
    """[item, lead, sample] shares of the leads in the vote, 1 in sum.

    qrs: [item, lead, sample] at 250 Hz, probability of the QRS complex.
    """
    from ecgsynth.evaluation.reference_models.unet import FS

    window = max(1, round(AROUND_S * FS))
    uncertain = _moving_mean(2 * np.minimum(qrs, 1 - qrs), window)
    share = (uncertain + NO_QRS) / (_moving_mean(qrs, window) + NO_QRS)
    weight = 1 / (LEAST_UNCERTAIN + share)
    found: NDArray[np.float32] = (weight / weight.sum(1, keepdims=True)).astype(np.float32)
    return found


def _moving_mean(values: NDArray, window: int) -> NDArray[np.float64]:
    """Centred mean over a window that ends where the values do."""
    total = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, -1, out=total[..., 1:])
    at = np.arange(values.shape[-1])
    first = np.maximum(at - window // 2, 0)
    last = np.minimum(at + window // 2 + 1, values.shape[-1])
    mean: NDArray[np.float64] = (total[..., last] - total[..., first]) / (last - first)
    return mean
