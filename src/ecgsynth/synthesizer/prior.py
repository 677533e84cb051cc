"""The prior that a card holds, of whatever kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecgsynth.rhythm.prior import RecordPrior
from ecgsynth.signals.prior import ContextPrior, Prior
from ecgsynth.signals.spec import Spec


def prior_from_json(spec: Spec, data: Mapping[str, Any]) -> Prior:
    """What `to_json` of a prior gave.

    Raises
    ------
    EcgsynthError: it is damaged.
    """
    if data.get("kind") == RecordPrior.kind:
        return RecordPrior.from_json(spec, dict(data))
    return ContextPrior.from_json(spec, dict(data))
