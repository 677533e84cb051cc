"""A name that is set twice is refused: nobody knows which of its values was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecgsynth.cli.generate import contexts_of
from ecgsynth.completion.known import _pairs
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError


@pytest.mark.parametrize(
    "words", [["rr_before_s=0.5,rr_before_s=0.6"], ["age=60", "age=70"], ["sex=1,age=60,sex=1"]]
)
def test_context_that_is_set_twice_is_refused(words: list[str]) -> None:
    with pytest.raises(EcgsynthError, match="the context '(rr_before_s|age|sex)' is set twice"):
        contexts_of(words)


def test_contexts_of_several_names_are_taken() -> None:
    assert contexts_of(["age=60,sex=1", "lead=V4"]) == {"age": 60, "sex": 1, "lead": "V4"}


def test_lead_that_two_others_stand_for_is_refused() -> None:
    with pytest.raises(EcgsynthError, match="the lead 'II' is set twice"):
        _pairs(["II=MLII", "II=V5"])


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("name: a\nname: b\n", "name"),
        ("name: a\ndata: {name: simulated, split: train, split: test}\n", "split"),
        ("name: a\ntune: {x: [{low: 1, low: 2}]}\n", "low"),
    ],
)
def test_key_that_stands_twice_in_a_recipe_is_refused(tmp_path: Path, text: str, key: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(EcgsynthError, match=f"the key '{key}' is there twice"):
        Run.read(tmp_path / "r.yaml")
