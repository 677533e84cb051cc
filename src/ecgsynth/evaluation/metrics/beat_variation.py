"""How much the QRS varies from beat to beat within a record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate, NotApplicable, Trial, is_record, metric, pick
from ecgsynth.evaluation.medians import median_difference, people_of_items
from ecgsynth.evaluation.metrics.annotations import MOST, QUICK_MOST, events_in
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import KIND, Events, R
from ecgsynth.signals.vocabulary import AAMI_CLASSES

LEADS = ("II", "V2", "V5")
"""Leads in which it is measured; the first of the set where it has none of them."""

REACH_S = 0.05
"""The height of the QRS is its range within this time of R, s."""

FEWEST_BEATS = 5
"""Normal beats of a record in which it is measured."""


@METRICS.register("beat_variation")
@metric(
    "beat_variation", unit="share", goal="match", needs=("test",), question="match",
    reference="SD of the height of the QRS over its mean, of the normal beats of a record; the "
    "medians over records, synthetic minus real; interval by bootstrap over people",
)  # fmt: skip
def beat_variation(trial: Trial) -> dict[str, Estimate]:
    """Variation of the QRS of normal beats within a record minus the real one, by lead.

    Raises
    ------
    NotApplicable: single beats.
    """
    assert trial.test is not None
    spec = trial.synthetic.spec
    if not is_record(spec):
        raise NotApplicable("needs records of several beats")
    most = QUICK_MOST if trial.quick else MOST
    sets = [pick(ecg, most, trial.random("beats")) for ecg in (trial.synthetic, trial.test)]
    beats = [events_in(ecg) for ecg in sets]
    found = {}
    for lead in [name for name in LEADS if name in spec.leads] or spec.leads[:1]:
        one, other = (
            (variation(ecg, events, lead), people_of_items(ecg))
            for ecg, events in zip(sets, beats, strict=True)
        )
        found[lead] = median_difference(one, other, trial.random(f"variation {lead}"), 3)
    return found


def variation(ecg: Ecg, events: Events, lead: str) -> NDArray[np.float64]:
    """[item] SD of the height of the QRS over its mean, NaN where there are too few beats."""
    reach, normal = round(REACH_S * ecg.spec.fs), AAMI_CLASSES.index("N")
    window = np.arange(-reach, reach + 1)
    found = np.full(len(ecg), np.nan)
    for item, beats in enumerate(events):
        at = beats[beats[:, KIND] == normal, R] * ecg.spec.fs
        at = np.rint(at[np.isfinite(at)]).astype(int)
        at = at[(at >= reach) & (at < ecg.spec.samples - reach)]
        if len(at) >= FEWEST_BEATS:
            signal = ecg.signal[item, ecg.spec.leads.index(lead)]
            height = np.ptp(signal[at[:, None] + window], axis=1)
            found[item] = height.std() / max(float(height.mean()), 1e-6)
    return found
