"""The grammar of rhythms: `sinus 72 bpm 60 s; af 30 s; sinus 60 s with pvc every 8 beats`.

    rhythm    = part {";" part}
    part      = NAME {rate | length | option} ["with" event {("and" | ",") event}]
    event     = NAME {"of" (length | NUMBER "beats") | rate | option | frequency}
    frequency = "every" (NUMBER "beats" | length) | NUMBER "per" UNIT | NUMBER "%" | "at" length
    rate      = NUMBER "bpm"
    length    = NUMBER ("ms" | "s" | "min" | "h" | "d")
    option    = OPTION (NUMBER | NUMBER ":1" | length)

A part without a length fills what the others leave of the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm.plan import Event, Part
from ecgsynth.rhythm.tokens import Place, Token, fault, tokens_of
from ecgsynth.rhythm.vocabulary import EVENTS, RHYTHMS, SPAN_S, USUAL_S, Kind, Option

MOST_LETTERS = 10_000
"""Of a text."""

UNITS_S = {
    "ms": 0.001, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0, "minute": 60.0,
    "minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "day": 86400.0,
    "days": 86400.0,
}  # fmt: skip
BPM = ("bpm", "/min")

LONGEST_S = 7 * 86400.0
"""Of a recording."""

FREQUENCY = "every 8 beats, every 30 s, 5 %, 10 per hour or at 20 s"


@dataclass
class _Reading:
    asked: dict[str, float] = field(default_factory=dict)
    seconds: float | None = None


def parse(text: str) -> list[Part]:
    """The parts of a rhythm as text.

    Raises
    ------
    EcgsynthError: it does not follow the grammar, or asks for what no heart does; the sentence
        names the column and what is expected there.
    """
    if not isinstance(text, str):
        raise EcgsynthError("a rhythm is a text, as in 'sinus 72 bpm 60 s; af 30 s'.")
    if len(text) > MOST_LETTERS:
        raise EcgsynthError(f"a rhythm has at most {MOST_LETTERS:,} letters; got {len(text):,}.")
    place = Place(text, tokens_of(text))
    parts = [_part(place)]
    while place.takes(";"):
        if place.next() is None:  # the last part may end with a semicolon, too
            break
        parts.append(_part(place))
    if place.next() is not None:
        raise place.expected(
            "';', 'with', a rate, a length or an option", known=("with", *_options(parts))
        )
    return parts


def _options(parts: Sequence[Part]) -> list[str]:
    return [one.name for one in parts[-1].kind.options]


def _kind(place: Place, known: Sequence[Kind], what: str) -> tuple[Kind, Token]:
    names = {name: kind for kind in known for name in (kind.name, *kind.others)}
    token = place.next()
    if token is None or token.text.lower() not in names:
        listed = ", ".join(kind.name for kind in known)
        raise place.expected(f"{what} ({listed})", known=names)
    place.at += 1
    return names[token.text.lower()], token


def _part(place: Place) -> Part:
    kind, name = _kind(place, RHYTHMS, "a rhythm")
    read = _Reading()
    while (token := place.next()) is not None and token.text not in (";",):
        if token.text.lower() == "with":
            break
        if token.number is not None:
            _number(place, kind, read)
        elif not _option(place, kind, read.asked):
            raise place.expected(
                "a rate (72 bpm), a length (60 s), an option, 'with' or ';'",
                known=("with", *(one.name for one in kind.options)),
            )
    events: list[Event] = []
    if place.takes("with"):
        if kind.make is None:
            raise place.expected(f"a rhythm with beats before 'with' ({kind.name} has none)", name)
        events.append(_event(place, kind, read))
        while place.takes("and", ","):
            events.append(_event(place, kind, read))
    return Part(kind, read.asked, read.seconds, tuple(events), name.column)


def _number(place: Place, kind: Kind, read: _Reading) -> None:
    """Read a rate or a length of a part."""
    token = place.take()
    assert token is not None and token.number is not None
    unit = place.next()
    word = unit.text.lower() if unit else ""
    if word in BPM:
        place.at += 1
        _put_rate(kind, token, read.asked)
        return
    if word in UNITS_S:
        place.at += 1
        if read.seconds is not None:
            raise fault(token.column, f"{kind.name} has two lengths; a second one begins after ';'")
        read.seconds = token.number * UNITS_S[word]
        if not 0.5 <= read.seconds <= LONGEST_S:
            raise fault(token.column, "a part lasts half a second to seven days")
        return
    raise place.expected("a unit (bpm, ms, s, min, h or d)", known=(*BPM, *UNITS_S))


def _put_rate(kind: Kind, token: Token, asked: dict[str, float]) -> None:
    option = kind.option("rate")
    if option is None:
        raise fault(token.column, f"{kind.name} has no rate; leave it out")
    _put(option, kind, token, float(token.number or 0), asked)


def _put(option: Option, kind: Kind, token: Token, value: float, asked: dict[str, float]) -> None:
    if option.name in asked:
        raise fault(token.column, f"{kind.name} has its {option.name} twice; leave one out")
    if not option.low <= value <= option.high:
        low, high = _in_unit(option, option.low), _in_unit(option, option.high)
        raise fault(
            token.column,
            f"the {option.name} of {kind.name} lies between {low} and {high}, and "
            f"{_in_unit(option, value)} is asked for",
        )
    asked[option.name] = value


def _in_unit(option: Option, value: float) -> str:
    if option.unit == "time":
        return f"{1000 * value:g} ms"
    return f"{value:g}{option.unit}" if option.unit == ":1" else f"{value:g} {option.unit}"


def _option(place: Place, kind: Kind, asked: dict[str, float]) -> bool:
    """Read an option with its value; False where the next token names none."""
    token = place.next()
    option = kind.option(token.text.lower()) if token else None
    if option is None or token is None:
        return False
    place.at += 1
    number = place.next()
    if number is None or number.number is None:
        raise place.expected(f"a number after '{option.name}' ({option.text})")
    if option.unit == "time":
        _put(option, kind, number, _length(place, f"a time after '{option.name}'"), asked)
        return True
    place.at += 1
    if option.unit == ":1" and not (place.takes(":") and place.takes("1")):
        raise place.expected(f"':1' ({option.text})")
    if option.unit == ":1" and number.number != round(number.number):
        raise fault(number.column, f"the {option.name} has a whole number, as in 3:1")
    if option.unit == "bpm":
        place.takes(*BPM)
    _put(option, kind, number, float(number.number), asked)
    return True


def _length(place: Place, expected: str) -> float:
    """A number with a unit of time, s."""
    number = place.take()
    if number is None or number.number is None:
        raise place.expected(f"{expected}, as in 30 s", number)
    unit = place.take()
    if unit is None or unit.text.lower() not in UNITS_S:
        raise place.expected("a unit of time (ms, s, min, h or d)", unit, UNITS_S)
    return number.number * UNITS_S[unit.text.lower()]


def _event(place: Place, base: Kind, part: _Reading) -> Event:
    kind, name = _kind(place, EVENTS, "an event")
    if kind.states and base.name != "sinus":
        raise fault(
            name.column, f"{kind.name} changes a sinus rhythm only, and this is {base.name}"
        )
    if kind.name == base.name:
        raise fault(name.column, f"{kind.name} is the rhythm already; put in another event")
    if kind.name in ("pac", "svt", "af", "flutter") and base.name in ("af", "flutter"):
        raise fault(
            name.column, f"the atria already fibrillate or flutter in {base.name}; put {kind.name} "
            "into another rhythm",
        )  # fmt: skip
    asked: dict[str, float] = {}
    beats, length = kind.beats, 0.0 if kind.beats else USUAL_S[kind.name]
    frequency, number = "", 0.0
    while (token := place.next()) is not None and token.text.lower() not in (
        ";",
        "and",
        ",",
        "with",
    ):
        if place.takes("of", "in"):
            place.takes("episodes")
            place.takes("of")
            beats, length = _size(place, kind)
        elif token.text.lower() in ("every", "at") or token.number is not None:
            found = _frequency(place, kind, asked)
            if found and frequency:
                raise fault(token.column, f"{kind.name} has two frequencies; leave one out")
            frequency, number = found or (frequency, number)
        elif not _option(place, kind, asked):
            raise place.expected(
                f"how often ({FREQUENCY}), 'of', an option, 'and' or ';'",
                known=("every", "of", "at", "and", *(one.name for one in kind.options)),
            )
    if kind.states == bool(frequency):
        if kind.states:
            raise fault(name.column, f"{kind.name} comes each night; leave its frequency out")
        raise place.expected(f"how often {kind.name} comes ({FREQUENCY})")
    _check_event(kind, name, beats, length, frequency, number, part.seconds)
    return Event(kind, asked, beats, length, frequency, number, name.column)


def _size(place: Place, kind: Kind) -> tuple[int, float]:
    """Beats and seconds of an event, as in `of 5 beats` and `of 10 min`."""
    number = place.next()
    after = place.tokens[place.at + 1] if place.at + 1 < len(place.tokens) else None
    if number is None or number.number is None:
        raise place.expected(f"a length after 'of' ({'5 beats' if kind.beats else '10 s'})")
    if after is not None and after.text.lower() in ("beats", "beat"):
        if not kind.beats:
            raise place.expected(f"a time (the length of {kind.name} is one, as in of 10 s)")
        place.at += 2
        if number.number != round(number.number) or not kind.least <= number.number <= kind.most:
            raise fault(number.column, f"{kind.name} has {kind.least} to {kind.most:,} beats")
        return int(number.number), 0.0
    if kind.beats:
        raise place.expected(
            f"a number of beats ({kind.name} is counted in them, as in of 5 beats)", after
        )
    length = _length(place, "a length")
    low, high = SPAN_S[kind.name]
    if not low <= length <= high:
        raise fault(number.column, f"{kind.name} lasts {low:g} to {high:g} s, and {length:g} s is "
                    "asked for")  # fmt: skip
    return 0, length


def _frequency(place: Place, kind: Kind, asked: dict[str, float]) -> tuple[str, float] | None:
    """How often an event comes; None where the number was a rate."""
    if place.takes("at"):
        return "at", _length(place, "a time after 'at'")
    if place.takes("every"):
        number = place.next()
        if number is None or number.number is None:
            raise place.expected("a number after 'every' (8 beats or 30 s)")
        after = place.tokens[place.at + 1] if place.at + 1 < len(place.tokens) else None
        if after is not None and after.text.lower() in ("beats", "beat"):
            place.at += 2
            if number.number != round(number.number) or not 2 <= number.number <= 1e6:
                raise fault(number.column, "every so-manieth beat is a whole number from 2")
            return "beats", number.number
        return "every", _length(place, "a time or a number of beats")
    number = place.take()
    assert number is not None and number.number is not None
    if place.takes(*BPM):
        _put_rate(kind, number, asked)
        return None
    if place.takes("%"):
        if not 0 < number.number <= 90:
            raise fault(number.column, "a share lies above 0 and at most at 90 %")
        return "share", number.number / 100
    if place.takes("per", "/"):
        unit = place.take()
        if unit is None or unit.text.lower() not in UNITS_S:
            raise place.expected("a unit of time (min, h or d)", unit, UNITS_S)
        return "per", number.number / UNITS_S[unit.text.lower()]
    raise place.expected(f"how often ({FREQUENCY})")


def _check_event(
    kind: Kind, name: Token, beats: int, length: float, frequency: str, number: float,
    seconds: float | None,
) -> None:  # fmt: skip
    """Refuse what cannot be, whatever the recording is."""
    if seconds is not None and length >= seconds:
        raise fault(
            name.column, f"a {kind.name} of {length:g} s does not fit into a part of {seconds:g} s"
        )
    if frequency == "every" and length >= number:
        raise fault(
            name.column, f"{kind.name} of {length:g} s every {number:g} s leaves nothing between"
        )
    if frequency == "beats" and beats >= number:
        raise fault(
            name.column, f"{kind.name} of {beats} beats every {number:g} beats leaves nothing "
            "between",
        )  # fmt: skip
    if seconds is not None and frequency in ("at", "every") and number + length >= seconds:
        raise fault(
            name.column, f"{kind.name} at {number:g} s does not fit into a part of {seconds:g} s"
        )
    if frequency == "per" and number * max(length, 0.3 * beats) > 0.9:
        raise fault(name.column, f"{kind.name} comes so often that they overlap; ask for fewer")
