"""Alarms: the rules that began to apply in a training, each reported once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ecgsynth.training.monitoring.alarm_rules import LOOKS, RULES, Look


@dataclass(frozen=True)
class Alarm:
    """A rule that began to apply; examples: where."""

    examples: int
    name: str
    saw: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name} after {self.examples:,} examples: {self.saw}; {self.advice}"

    def to_json(self) -> dict[str, Any]:
        """A line of metrics.jsonl, and what the card keeps."""
        return {
            "examples": self.examples, "alarm": self.name, "saw": self.saw, "try": self.advice
        }  # fmt: skip


def alarm_of(line: Look) -> Alarm:
    """The alarm of a line of metrics; a training that went back wrote where it had come from."""
    at = line["back_from"] if "back_from" in line else line["examples"]
    return Alarm(at, line["alarm"], line["saw"], line["try"])


@dataclass
class Alarms:
    """The rules over a training; each is reported once, when it begins to apply.

    shares: of each class in the examples that are drawn. chance: the loss of a critic that rates
    every item alike; 0 where a loss has no bottom. active: rules that apply now.
    doubtful: whether the last look alone gives reason to.
    """

    shares: dict[str, float]
    chance: float = 0.0
    active: set[str] = field(default_factory=set)
    doubtful: bool = False
    _past: list[Look] = field(default_factory=list)

    def see(self, look: Look) -> list[Alarm]:
        """What begins with this look."""
        drawn = {f"drawn/{name}": share * look["examples"] for name, share in self.shares.items()}
        known = {name: v for name, v in look.items() if name != "samples"}
        self._past.append(known | drawn | {"chance": self.chance})
        begun = []
        for name, rule in RULES.items():
            enough = len(self._past) >= rule.looks
            saw = rule.saw(self._past) if enough else ""
            if saw and name not in self.active:
                begun.append(Alarm(look["examples"], name, saw, rule.advice))
            (self.active.add if saw else self.active.discard)(name)
        # Were the last look to last, a rule would apply.
        lasting = self._past[:1] + self._past[-1:] * LOOKS
        self.doubtful = any(rule.saw(lasting) for rule in RULES.values())
        return begun

    def rewind(self, examples: int) -> None:
        """Know what was known here and nothing later."""
        kept = [look for look in self._past if look["examples"] <= examples]
        self.active.clear()
        self._past.clear()
        self.doubtful = False
        for look in kept:
            self.see(look)
