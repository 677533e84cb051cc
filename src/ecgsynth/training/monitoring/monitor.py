"""The monitor of a training: it looks at its health, raises alarms and responds to them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.training.data.training_set import TrainingSet
from ecgsynth.training.monitoring.alarm_rules import LOWER_RATES
from ecgsynth.training.monitoring.alarms import Alarm, Alarms, alarm_of
from ecgsynth.training.monitoring.health import Health, Sample

log = logging.getLogger("ecgsynth")

MOST_RETURNS = 3
"""Times that a training goes back to its last good snapshot; then it is stopped."""
SLOWER = 0.5
"""Share of the rates that is left after each return."""
AUGMENT_WITHIN = 0.05
"""Share of the training in which an automatic chance may go from 0 to 1; Karras et al. took 500,000
of 25 million images."""
MOST_AUGMENT = 0.8
"""Beyond this chance augmentations leak into what is generated (Karras et al., NeurIPS 2020)."""


class TrainingMonitor:
    """Watches a training for the loop; all its decisions are in `state`.

    Parameters
    ----------
    run: the training. seen: its set. heldout: gives items to compare with, or None.
    nets: generator and critic, if there is one. sample: of the family.
    shares: of each class in what is drawn. chance: the loss of a critic that rates every item
    alike. total: examples in all.
    state: as a snapshot kept it. past: lines of metrics.jsonl up to there.

    Attributes
    ----------
    augment: chance of augmentation now. raised: alarms so far, as the card keeps them.

    Raises
    ------
    EcgsynthError: what the settings ask cannot be done with this set or without a folder.
    """

    def __init__(
        self,
        run: Run,
        seen: TrainingSet,
        heldout: Callable[[], TrainingSet | None] | None,
        nets: tuple[nn.Module, nn.Module | None],
        sample: Sample,
        shares: dict[str, float],
        chance: float,
        total: int,
        state: dict[str, float],
        past: Sequence[dict[str, Any]],
    ) -> None:
        settings = self._settings = run.training
        self._nets, self._total = nets, total
        every = settings.health_every
        latent = int(nets[0].latent)  # type: ignore[arg-type]
        self._health = None
        if every:
            self._health = Health(seen, heldout, settings, latent, sample, run.seed)
        self._automatic = settings.augment == "auto"
        if self._automatic and (self._health is None or not self._health.has_heldout):
            raise EcgsynthError(
                "training.augment=auto needs looks at held-out items, and there are none "
                f"(training.health_every={every}, {seen.data.source}); give a chance, as in "
                "training.augment=0.3."
            )
        self.augment = state.get("augment", 0.0) if self._automatic else float(settings.augment)
        self._returns = int(state.get("returns", 0))
        self._alarms = Alarms(shares, chance)
        self.raised = [alarm_of(line).to_json() for line in past if "alarm" in line]
        for line in past:
            self._see(line)

    @property
    def state(self) -> dict[str, float]:
        """What a snapshot keeps, so that resuming equals not stopping."""
        return {"augment": self.augment, "returns": self._returns}

    @property
    def rate(self) -> float:
        """Share of the learning rates that the returns have left."""
        return float(SLOWER**self._returns)

    @property
    def doubtful(self) -> bool:
        """Whether a snapshot of this moment is not good enough to go back to."""
        return self._settings.on_alarm == "restore" and self._alarms.doubtful

    def look_is_due(self, step: int) -> bool:
        """Whether a look is due after this step; rules compare what it finds with the losses."""
        return self._health is not None and step % self._settings.health_every == 0

    def look(self, step: int) -> dict[str, Any]:
        """The figures after this step, for the log; nothing between two looks."""
        if self._health is None or not self.look_is_due(step):
            return {}
        found: dict[str, Any] = dict(self._health.look(*self._nets))
        if self._automatic:
            found["health/augment"] = self.augment
        return found | {"samples": self._health.samples()}

    def respond(self, examples: int, values: dict[str, float], line: dict[str, Any]) -> list[Alarm]:
        """Alarms that begin here; an automatic augmentation follows.

        values: losses of this step. line: what the log gets of it, if anything.

        Raises
        ------
        EcgsynthError: a loss is not finite, and there is no way back.
        """
        if not all(math.isfinite(value) for value in values.values()):
            if not self._may_restore:
                raise divergence_error(examples)
            begun = [Alarm(examples, "divergence", "a loss is not finite", LOWER_RATES)]
        else:
            begun = self._see({"examples": examples} | line)
        for alarm in begun:
            log.warning("%s", alarm)
            self.raised.append(alarm.to_json())
        if self._automatic and "health/accuracy" in line:
            between = self._settings.health_every * self._settings.per_step
            step = between / (AUGMENT_WITHIN * self._total)
            # Where the critic sees no gap between real and synthetic items, nothing overfits.
            above = line.get("health/overfitting", 0.0) > self._settings.augment_target
            self.augment = min(max(self.augment + (step if above else -step), 0.0), MOST_AUGMENT)
        return begun

    def should_restore(self, begun: Sequence[Alarm]) -> bool:
        """Whether the training returns to its last good snapshot, from now on at lower rates.

        Raises
        ------
        EcgsynthError: an alarm is to stop it, or it went back too often.
        """
        if not begun or self._settings.on_alarm == "log":
            return False
        if not self._may_restore:
            often = f" after {self._returns} returns" if self._returns else ""
            raise EcgsynthError(
                f"the training was stopped{often} by the alarm {begun[0]}; what was saved before "
                "stays whole."
            )
        self._returns += 1
        return True

    def rewind(self, examples: int) -> None:
        """The training stands where it stood after so many examples."""
        self._alarms.rewind(examples)

    @property
    def _may_restore(self) -> bool:
        return self._settings.on_alarm == "restore" and self._returns < MOST_RETURNS

    def _see(self, line: dict[str, Any]) -> list[Alarm]:
        return self._alarms.see(line) if "health/amplitude" in line else []


def divergence_error(examples: int) -> EcgsynthError:
    """A loss or a weight is not finite."""
    return EcgsynthError(
        f"the training diverged after {examples:,} examples (a loss or a weight is not finite); "
        "what was saved before stays whole. Train into a new folder with lower rates, as in "
        "training.rate_generator=1e-4 training.rate_critic=1e-4."
    )
