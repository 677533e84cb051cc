"""Synthetic items of one class, drawn until enough of them pass the gate."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ecgsynth.augmentation.gate import Gate
from ecgsynth.augmentation.matching import match_items
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.spec import Spec
from ecgsynth.synthesizer import Synthesizer

log = logging.getLogger("ecgsynth")

AT_ONCE = 1024
"""Items that are drawn and judged at a time."""


@dataclass(frozen=True)
class Acceptance:
    """What became of a class: items wanted, drawn and accepted; by criterion the share that met it.

    An item is accepted where it meets every criterion; each of them looked at every item drawn.
    """

    wanted: int
    drawn: int
    accepted: int
    met: dict[str, float]

    @property
    def rate(self) -> float:
        """Share of the drawn items that were accepted."""
        return self.accepted / self.drawn if self.drawn else 1.0


def class_seed(seed: int, name: str) -> int:
    """A seed of the class's own, so that classes of one model do not share latents."""
    words = np.random.SeedSequence([seed, *name.encode()]).generate_state(2, np.uint32)
    return int(words[0]) << 31 | int(words[1]) >> 1


def draw_accepted(
    model: Synthesizer,
    name: str,
    wanted: int,
    real: Spec,
    *,
    label: str = "",
    gate: Gate | None = None,
    seed: int = 0,
    advance: Callable[[float], None] | None = None,
) -> tuple[Ecg, Acceptance]:
    """The first `wanted` items of the model's stream that pass, cut and named as the real ones.

    Parameters
    ----------
    name: class of the real set. label: what the model calls it, where that differs.
    gate: None = every item passes. advance: called with the share that is done.

    Returns
    -------
    The items, fewer where `gate.settings.most` times as many did not hold enough (with a
    warning), and what became of the class.

    Raises
    ------
    EcgsynthError: the model does not make the class, or nothing was accepted.
    """
    limit = wanted if gate is None else math.ceil(wanted * gate.settings.most)
    own, kept = class_seed(seed, name), []
    drawn = accepted = 0
    met: dict[str, int] = {}
    for start in range(0, limit, AT_ONCE):
        stop = min(start + AT_ONCE, limit)
        made = concatenate(list(model.stream(limit, label or name, own, start=start, stop=stop)))
        items = match_items(made, real, name)
        verdict = gate.passes(items, name) if gate else {}
        good = np.logical_and.reduce([np.ones(len(items), bool), *verdict.values()])
        rows = np.flatnonzero(good)[: wanted - accepted]
        accepted += len(rows)
        # What lies behind the last item that was needed is not counted.
        looked = len(items) if accepted < wanted else int(rows[-1]) + 1
        drawn += looked
        for criterion, held in verdict.items():
            met[criterion] = met.get(criterion, 0) + int(held[:looked].sum())
        kept.append(items[rows])
        if advance:
            advance(max(accepted / wanted, stop / limit))
        if accepted == wanted:
            break
    found = Acceptance(wanted, drawn, accepted, {n: count / drawn for n, count in met.items()})
    if not accepted:
        worst = min(found.met, key=lambda criterion: found.met[criterion])
        raise EcgsynthError(
            f"none of {drawn} items of class {name} passed the gate; '{worst}' refused most "
            f"({1 - found.met[worst]:.0%}), so take a better model, or set gate.{worst}=false."
        )
    if accepted < wanted:
        log.warning(
            "class %s: %d items are wanted, %d of the %d that were drawn passed the gate.",
            name, wanted, accepted, drawn,
        )  # fmt: skip
    return concatenate(kept), found
