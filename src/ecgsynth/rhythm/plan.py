"""What a rhythm as text asks for, once it is read."""

from __future__ import annotations

from dataclasses import dataclass

from ecgsynth.rhythm.vocabulary import Kind


@dataclass(frozen=True)
class Event:
    """Something that is put into a rhythm.

    kind: what. asked: option -> value. beats: of one; 0 where its length is a time.
    length_s: of one. frequency: "beats", "every", "per", "share" or "at"; "" for what comes once.
    number: of the frequency: beats, seconds, times a second, share, or seconds. column: its place.
    """

    kind: Kind
    asked: dict[str, float]
    beats: int
    length_s: float
    frequency: str
    number: float
    column: int


@dataclass(frozen=True)
class Part:
    """A rhythm over some time.

    kind: which. asked: option -> value. seconds: None where it fills what others leave.
    events: what is put in. column: its place in the text.
    """

    kind: Kind
    asked: dict[str, float]
    seconds: float | None
    events: tuple[Event, ...]
    column: int
