"""Evaluation: how close synthetic ECG is to real ECG, with floor, ceiling and interval."""

from ecgsynth.evaluation.metric import (
    MIN_ITEMS,
    Estimate,
    Goal,
    Metric,
    NotApplicable,
    metric,
    too_few,
)
from ecgsynth.evaluation.trial import Trial, is_record, match_counts, members, once, pick

__all__ = [
    "MIN_ITEMS", "Estimate", "Goal", "Metric", "NotApplicable", "Trial", "is_record",
    "match_counts", "members", "metric", "once", "pick", "too_few",
]  # fmt: skip
