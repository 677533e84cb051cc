"""The grammar of rhythms: what it reads, and the places that its errors name."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm.compose import make_rhythm
from ecgsynth.rhythm.grammar import parse
from ecgsynth.rhythm.vocabulary import EVENTS, RHYTHMS


def test_a_part_has_its_rate_length_options_and_events() -> None:
    (part,) = parse("sinus 72 bpm pr 180 ms 5 min with pvc every 8 beats and vt of 5 beats 2 per h")
    assert part.kind.name == "sinus"
    assert part.asked == {"rate": 72, "pr": pytest.approx(0.18)}
    assert part.seconds == 300
    assert [(e.kind.name, e.beats, e.frequency) for e in part.events] == [
        ("pvc", 1, "beats"), ("vt", 5, "per"),
    ]  # fmt: skip
    assert part.events[1].number == pytest.approx(2 / 3600)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sinus 60 s", "SINUS 1 min"),
        ("sinus 60s; af 30s", "sinus 60 s ;\n af .5 min;"),
        ("nsr 60 s with vpb 5 %", "sinus 60 s with pvc 5 %"),
        ("sinus 1 h with af 20 % of 10 min", "sinus 1 h with afib 20 % in episodes of 600 s"),
        ("sinus 70/min 60 s", "sinus 60 s 70 bpm"),
        ("sinus 60 s with pvc 5 %, pac 3 %", "sinus 60 s with pvc 5 % and pac 3 %"),
    ],
)  # fmt: skip
def test_there_are_several_ways_to_write_one_rhythm(one: str, other: str) -> None:
    def content(text: str) -> list:
        return [
            (p.kind.name, p.asked, p.seconds,
             [(e.kind.name, e.beats, e.length_s, e.frequency, e.number) for e in p.events])
            for p in parse(text)
        ]  # fmt: skip

    assert content(one) == content(other)


@pytest.mark.parametrize(
    ("text", "column", "sentence"),
    [
        ("", 1, "the text ends, and a rhythm"),
        ("   ", 1, "the text ends"),
        (";", 1, "a rhythm"),
        ("sinis 60 s", 1, "did you mean 'sinus'?"),
        ("sinus 60 s; ff", 13, "'ff' stands where a rhythm"),
        ("sinus 72 bmp", 10, "did you mean 'bpm'?"),
        ("sinus 72", 9, "a unit"),
        ("sinus 60 s wiht pvc 5 %", 12, "did you mean 'with'?"),
        ("sinus 60 s with pcv 5 %", 17, "did you mean 'pvc'?"),
        ("sinus 60 s with pvc", 20, "how often pvc comes"),
        ("sinus 60 s with pvc evry 8 beats", 21, "did you mean 'every'?"),
        ("sinus 60 s with", 16, "the text ends, and an event"),
        ("sinus 400 bpm 10 s", 7, "between 20 bpm and 220 bpm, and 400 bpm"),
        ("sinus 60 bpm 70 bpm", 14, "twice"),
        ("sinus 60 s 70 s", 12, "two lengths"),
        ("sinus 0 s", 7, "half a second to seven days"),
        ("sinus 60 s with pvc coupling 100 ms every 8 beats", 30, "between 150 ms"),
        ("sinus 10 s with pause of 20 s at 2 s", 17, "20 s does not fit into a part of 10 s"),
        ("sinus 10 s with pause of 4 s at 8 s", 17, "does not fit"),
        ("sinus 60 s with pause of 20 s every 10 s", 17, "leaves nothing between"),
        ("sinus 60 s with vt of 9 beats every 8 beats", 17, "leaves nothing between"),
        ("sinus 60 s with pvc every 1.5 beats", 27, "whole number"),
        ("sinus 60 s with vt of 2 beats every 10 s", 23, "3 to 1,000 beats"),
        ("sinus 60 s with vt of 5 s every 10 s", 25, "counted in them"),
        ("sinus 60 s with af of 5 beats 5 %", 23, "a time"),
        ("sinus 60 s with pvc 5 % 3 %", 25, "two frequencies"),
        ("sinus 60 s with pvc 0 %", 21, "above 0"),
        ("sinus 60 s with pvc 200 per min and pac 5 %", 17, "overlap"),
        ("sinus 60 s with af 60 % of 5 s and flutter 50 % of 5 s", 36, "would overlap"),
        ("af 60 s with pac 5 %", 14, "already fibrillate"),
        ("af 60 s with af 5 %", 14, "already"),
        ("af 9 h with sleep", 13, "sinus rhythm only"),
        ("sinus 9 h with sleep every 3 h", 16, "each night"),
        ("vf 300 bpm", 4, "has no rate"),
        ("asystole 10 s with pvc 5 %", 1, "has none"),
        ("flutter 60 s conduction 2", 26, "':1'"),
        ("flutter 60 s conduction 2.5:1", 25, "whole number"),
        ("flutter 60 s conduction 9:1", 25, "between 1:1 and 6:1"),
        ("sinus 60 s, af 30 s", 11, "';'"),
        ("sinus \U0001f600", 7, "stands where"),
        ("sinus 60 s with pvc 5 per fortnight", 27, "a unit of time"),
    ],
)
def test_an_error_names_the_column_and_what_is_expected(
    text: str, column: int, sentence: str
) -> None:
    with pytest.raises(EcgsynthError, match=re.escape(sentence)) as caught:
        make_rhythm(text)
    assert f"column {column}:" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds", "column", "sentence"),
    [
        ("sinus 60 s; af 30 s", 50, 1, "longer than the recording"),
        ("sinus 60 s; af", 60, 13, "nothing is left"),
        ("sinus with pvc at 50 s", 20, 12, "no pvc fits"),
        ("sinus with pause of 30 s at 5 s", 20, 12, "no pause fits"),
    ],
)
def test_what_does_not_fit_into_the_recording_is_refused_at_its_place(
    text: str, seconds: float, column: int, sentence: str
) -> None:
    with pytest.raises(EcgsynthError, match=sentence) as caught:
        make_rhythm(text, seconds=seconds)
    assert f"column {column}:" in str(caught.value)


def test_names_are_unique() -> None:
    for kinds in (RHYTHMS, EVENTS):
        names = [name for kind in kinds for name in (kind.name, *kind.others)]
        assert len({*names}) == len(names)


@pytest.mark.parametrize("odd", [None, 3, b"sinus", ["sinus"], "x" * 20_000])
def test_what_is_no_text_is_refused(odd) -> None:
    with pytest.raises(EcgsynthError, match="a rhythm"):
        make_rhythm(odd)


@pytest.mark.parametrize("odd", [0, -1, float("nan"), float("inf"), "60", 1e9, True])
def test_an_odd_length_is_refused(odd) -> None:
    with pytest.raises(EcgsynthError, match="the length of a recording"):
        make_rhythm("sinus", seconds=odd)


WORDS = st.sampled_from([
    *(name for kind in (*RHYTHMS, *EVENTS) for name in (kind.name, *kind.others)),
    "with", "and", ",", ";", "every", "of", "at", "per", "%", ":", "1", "5", "8", "72", "0", "1e3",
    "3.5", "bpm", "s", "min", "h", "ms", "beats", "pr", "coupling", "conduction", "sdnn", "\n", "é",
])  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True, database=None,
          suppress_health_check=[*HealthCheck])  # fmt: skip
@given(st.lists(WORDS, max_size=14))
def test_whatever_is_written_is_a_rhythm_or_a_sentence(words: list[str]) -> None:
    sentence = ""
    try:
        assert make_rhythm(" ".join(words), seconds=40).seconds == 40
    except EcgsynthError as problem:
        sentence = str(problem)
    assert not sentence or sentence.endswith((".", "?"))
    assert "\n" not in sentence


@pytest.mark.parametrize("text", ["sinus with pvc 5 % with pac 5 %", "sinus 60 s ; sinus x"])
def test_a_word_is_not_suggested_in_its_own_place(text: str) -> None:
    with pytest.raises(EcgsynthError) as caught:
        make_rhythm(text, seconds=40)
    assert "did you mean" not in str(caught.value)
