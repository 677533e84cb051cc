"""The beats of one annotation file, with the intervals in which none are looked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from ecgsynth.scoring.rules import ENDLESS, Rules
from ecgsynth.signals.annotations import Annotations

NOISE, VF_ON, VF_OFF = "~", "[", "]"

UNREADABLE = 16 | 32
"""Bits of the subtype of a noise mark that begins a shutdown."""

LOOK_BACK = 2
"""So many intervals before a beat are known to WFDB's bxb."""


@dataclass
class Track:
    """The beats outside of ventricular fibrillation, in order, and then one that never comes.

    time: [beat + 1], samples. label: [beat], class number. valid: [beat + 1], whether the RR that
    ends at the beat can be compared. vf, shutdown: (first, last sample) of every interval.
    vf_before, shutdown_before: [beat + 1], how many intervals begin before the beat.
    """

    time: list[int] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    valid: list[bool] = field(default_factory=list)
    vf: list[tuple[int, int]] = field(default_factory=list)
    shutdown: list[tuple[int, int]] = field(default_factory=list)
    vf_before: list[int] = field(default_factory=list)
    shutdown_before: list[int] = field(default_factory=list)

    def add(self, time: int, label: int, valid: bool) -> None:
        """Append one annotation."""
        self.time.append(time)
        self.label.append(label)
        self.valid.append(valid)
        self.vf_before.append(len(self.vf))
        self.shutdown_before.append(len(self.shutdown))

    def in_vf(self, time: int, beat: int, quirks: bool) -> bool:
        """Whether a time lies in fibrillation, as is known when `beat` has been read."""
        return _lies_in(time, self.vf, self.vf_before[beat], quirks)

    def in_shutdown(self, time: int, beat: int, quirks: bool) -> bool:
        """Whether a time lies in a shutdown, likewise."""
        return _lies_in(time, self.shutdown, self.shutdown_before[beat], quirks)


def _lies_in(time: int, intervals: list[tuple[int, int]], known: int, quirks: bool) -> bool:
    some = intervals[max(0, known - LOOK_BACK) : known] if quirks else intervals
    return any(first <= time <= last for first, last in some)


def read_track(notes: Annotations, window: int, rules: Rules) -> Track:
    """The beats of a file; window: in samples.

    Everything from a `[` to the next `]`, or to the end, is skipped. A shutdown is a noise mark
    with bits 16 and 32; where the very next annotation is one without both, it ends there, else it
    lasts from the beat before to the next annotation, less the window on both ends.
    """
    classes, track = rules.classes(), Track()
    times, symbols = notes.sample.tolist(), notes.symbol.tolist()
    subtypes = notes.subtype.tolist() or [0] * len(times)
    count, at, before, begin = len(times), 0, 0, -ENDLESS
    while at < count:
        symbol, time = symbols[at], times[at]
        label = classes.get(symbol)
        at += 1
        if label is not None:
            track.add(time, label, begin >= time)
            before, begin = time, ENDLESS
        elif symbol == VF_ON:
            while at < count and symbols[at] != VF_OFF:
                at += 1
            last = times[at] if at < count else ENDLESS
            if last < ENDLESS or not track.vf or not rules.quirks:
                track.vf.append((time, last))
            before, begin = last, min(begin, time)
            at += 1
        elif symbol == NOISE and subtypes[at - 1] & UNREADABLE == UNREADABLE:
            first, last = time, ENDLESS
            if at < count and symbols[at] == NOISE and subtypes[at] & UNREADABLE != UNREADABLE:
                last = times[at]
                at += 1
            elif at < count:
                first, last = before + window, times[at] - window
            begin = min(begin, first)
            if first < last:
                track.shutdown.append((first, last))
    track.add(ENDLESS, -1, False)
    return track
