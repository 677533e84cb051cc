"""The rules of the alarms: how a training that goes wrong is recognised, and what to try.

A rule is a function of all measurements of a training's health so far. It returns a sentence about
what it found, or "". docs/training.md gives the sources of the thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Look = dict[str, Any]
"""One line of metrics: examples, the figures of `monitoring.health`, losses where due."""

LOOKS = 3
"""Looks in a row in which a rule must see the same: one alone may be chance."""

LOWER_RATES = "try lower rates, as in training.rate_generator=1e-4 training.rate_critic=1e-4"

LARGE = 10.0
"""Amplitude, real items' own being 1; untrained generators stand at 3.6 or less."""
HIGH = 1000.0
"""Loss, whatever the objective; healthy ones stay below a tenth of it."""
SURE = 0.99
"""Share of real items that a critic rates above their synthetic ones when it is never wrong."""
NO_LOSS = 0.03
"""Adversarial loss from which a critic learns no more, where the loss cannot go below 0."""
BEYOND_CHANCE = 1.05
"""Share of what a critic loses that rates every item alike: healthy ones stay below 1."""
BEGUN = 1000
"""Examples after which a critic is expected to know more than at first."""
UNDECIDED = 0.05
"""Distance from one half within which a critic's accuracy is a coin's."""
FAR, NARROW = 1.3, 0.7
"""Distance and spread, real items' own being 1, beyond which the items are plainly not real."""
AWAY, WORSE = 2.5, 1.25
"""Distance, that of real items being 1, and its growth over the least so far, from which items move
away. In healthy trainings it falls, and rises by a tenth at most."""
STILL = 1e-3
"""Share of themselves by which an idle generator's figures change from look to look."""
IDLE_FOR = 500
"""Examples over which it must last, thirty steps of sixteen: at the lowest published rate, 1e-5,
Adam has by then moved a weight by a hundredth of its usual size."""
STEADY = ("health/amplitude", "health/spread/", "health/distance/")
"""Figures of the items made of the same noise at every look."""
SAME = 0.1
"""Spread within a class, real items' own being 1, below which items are copies of each other."""
GROWN = 0.5
"""Amplitude from which items are grown: before that they differ little because they are small."""
LEARNT_BY_HEART = 0.5
"""Share of the critic's gap that held-out real items do not have."""
IGNORED, FOLLOWED = 0.1, 0.5
"""Class adherence below which the generator ignores a class, and above which it knows another."""
SEEN = 5000
"""Examples of a class after which a generator can be expected to know it: the flagship does after
250 steps, 3,000 of the rarest class and 19,000 of the commonest."""
AT_BOUNDS = 0.05
"""Share of samples at the ends of the range, above that of real items."""


@dataclass(frozen=True)
class Rule:
    """saw: of all looks so far a sentence, or "". looks: how many it needs."""

    saw: Callable[[Sequence[Look]], str]
    advice: str
    looks: int


RULES: dict[str, Rule] = {}


def register_rule(name: str, advice: str, looks: int = LOOKS) -> Callable[[Any], Any]:
    """Registers a rule under its public name."""

    def decorate(saw: Any) -> Any:
        RULES[name] = Rule(saw, advice, looks)
        return saw

    return decorate


@register_rule("divergence", LOWER_RATES, looks=1)
def divergence(past: Sequence[Look]) -> str:
    """Losses or signals grow without bound; NaN comes next."""
    look = past[-1]
    losses = {n: abs(v) for n, v in look.items() if n.startswith(("critic/", "generator/"))}
    worst = max(losses, key=losses.__getitem__, default="")
    if losses and not losses[worst] <= HIGH:
        return f"the loss {worst} stands at {losses[worst]:.2g}"
    large = look["health/amplitude"]
    return "" if large <= LARGE else f"synthetic items are {large:.2g} times as large as real ones"


@register_rule(
    "dominating-critic",
    "try a smaller training.critic_steps or training.rate_critic, a larger penalty "
    "(objective.gamma, objective.gradient_penalty), or look whether the generator learns at all",
)
def dominating_critic(past: Sequence[Look]) -> str:
    """The critic is never wrong, and has nothing left to learn.

    A Wasserstein critic's loss has no bottom; it cannot be too good, and raises no alarm.
    """
    last = past[-LOOKS:]
    if min(look.get("health/accuracy", 0.0) for look in last) < SURE:
        return ""
    losses = [look.get("critic/adversarial", 1.0) for look in last]
    if not all(0 <= loss < NO_LOSS for loss in losses):
        return ""
    return f"the critic was right of {SURE:.0%} or more, and its loss is down to {losses[-1]:.1g}"


@register_rule("lost-critic", LOWER_RATES)
def lost_critic(past: Sequence[Look]) -> str:
    """The critic is worse than one that rates every item alike, or it guesses while the items are
    unlike real ones.

    A generator learns nothing from it."""
    last = past[-LOOKS:]
    if last[0]["examples"] < BEGUN:
        return ""
    chance = last[-1]["chance"]
    losses = [look.get("critic/adversarial", 0.0) for look in last]
    if HIGH > min(losses) > BEYOND_CHANCE * chance > 0:
        return f"the critic loses {losses[-1]:.2g}, and one that guesses loses {chance:.2g}"
    accuracies = [look.get("health/accuracy", 1.0) for look in last]
    if max(abs(accuracy - 0.5) for accuracy in accuracies) > UNDECIDED:
        return ""
    for look in last:
        spread, distance = (by_class(look, f"health/{kind}") for kind in ("spread", "distance"))
        if not spread or not distance:
            return ""
        if median(spread.values()) > NARROW and median(distance.values()) < FAR:
            return ""
    return f"the critic was right of {accuracies[-1]:.0%}, while the items are unlike real ones"


@register_rule("moving-away", LOWER_RATES)
def moving_away(past: Sequence[Look]) -> str:
    """From look to look the items are less like real ones."""
    distances = [median(found.values()) for look in past
                 if (found := by_class(look, "health/distance"))]  # fmt: skip
    last = distances[-LOOKS:]
    if len(last) < LOOKS or not last[0] < last[1] < last[2] or last[0] < AWAY:
        return ""
    if last[-1] < WORSE * min(distances):
        return ""
    return (
        f"synthetic items lie {last[-1]:.1f} times as far from the nearest real one as real ones "
        f"do, and once lay {min(distances):.1f} times as far"
    )


@register_rule(
    "idle-generator",
    "try a larger training.rate_generator; a rate of 0 or a net that no gradient reaches learns "
    "nothing",
)
def idle_generator(past: Sequence[Look]) -> str:
    """The same noise gives the same items, look after look."""
    last = past[-LOOKS:]
    if last[-1]["examples"] - last[0]["examples"] < IDLE_FOR:
        return ""
    looks = [{n: v for n, v in look.items() if n.startswith(STEADY)} for look in last]
    changes = [
        abs(look[name] - before) / max(abs(before), STILL)
        for look in looks[1:]
        for name, before in looks[0].items()
        if name in look
    ]
    if not changes or max(changes) >= STILL:
        return ""
    return f"no figure of what is made has changed by more than {max(changes):.1%} of itself"


@register_rule(
    "mode-collapse",
    "try an objective that compares pairs (objective=rpgan, model.pairs=true), a lower "
    "training.rate_generator, or more training.critic_steps",
)
def mode_collapse(past: Sequence[Look]) -> str:
    """All noise gives the same items."""
    last = past[-LOOKS:]
    spreads = [by_class(look, "health/spread").values() for look in last]
    if not all(spreads) or min(look["health/amplitude"] for look in last) < GROWN:
        return ""
    if max(median(spread) for spread in spreads) >= SAME:
        return ""
    return f"synthetic items of a class differ by {median(spreads[-1]):.1%} of what real ones do"


@register_rule(
    "overfitting-critic",
    "try training.augment=auto or 0.3, more data, a smaller model.critic_width, or stop here",
)
def overfitting_critic(past: Sequence[Look]) -> str:
    """The critic knows the training items by heart and rates others like them as synthetic."""
    last = past[-LOOKS:]
    known = [look.get("health/overfitting", 0.0) for look in last]
    if min(known) < LEARNT_BY_HEART:
        return ""
    return (
        f"held-out real items lack {known[-1]:.0%} of what the critic sees between the training "
        "items and synthetic ones"
    )


@register_rule(
    "dead-class",
    "try a larger training.balance, look at the class's items, or leave it out of data.classes",
)
def dead_class(past: Sequence[Look]) -> str:
    """The generator makes one class's items as it makes the others', or always the same one."""
    last = past[-LOOKS:]
    adherence = [by_class(look, "health/told") for look in last]
    spread = [by_class(look, "health/spread") for look in last]
    dead = [
        name
        for name, drawn in by_class(last[0], "drawn").items()
        if drawn >= SEEN
        and (
            all(t.get(name, 1.0) < IGNORED and max(t.values()) > FOLLOWED for t in adherence)
            or all(s.get(name, 1.0) < SAME / 3 and median(s.values()) > 3 * SAME for s in spread)
        )
    ]
    if not dead:
        return ""
    return f"items asked for as {', '.join(dead)} are no nearer to real ones of it than others are"


@register_rule(
    "saturation",
    "try model.bounded=false where the family has it, training.scaler=global, or lower rates",
)
def saturation(past: Sequence[Look]) -> str:
    """Samples stand at the ends of the range."""
    shares_there = [look["health/at_bounds"] for look in past[-LOOKS:]]
    if min(shares_there) <= AT_BOUNDS:
        return ""
    return f"{shares_there[-1]:.0%} more of the samples stand at the bounds than of real ones"


def by_class(look: Look, kind: str) -> dict[str, float]:
    """Class -> figure of `kind/class`."""
    head = f"{kind}/"
    return {name.removeprefix(head): v for name, v in look.items() if name.startswith(head)}
