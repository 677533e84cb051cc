"""Files that are changed at random are read or refused in a sentence, in every format."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from benchmarks.mutations import base_files, mutated, mutations, read_mutation
from ecgsynth.registry import FORMATS

COUNT = 200


@pytest.mark.parametrize("name", FORMATS.names())
def test_a_mutated_file_is_read_or_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(logging.getLogger("ecgsynth"), "disabled", True)
    (tmp_path / "base").mkdir()
    bases, folder = base_files(name, tmp_path / "base"), tmp_path / "one"
    folder.mkdir()
    assert read_mutation(name, bases[0], folder) == ""
    refused = [bool(read_mutation(name, mutated(bases, k), folder)) for k in range(COUNT)]
    assert COUNT / 4 < sum(refused) < COUNT


def test_mutations_differ_from_the_file_and_are_the_same_from_their_number() -> None:
    content = b"rate 250, 500 samples, scale 0.005; " * 20
    found = [next(mutations(content, seed)) for seed in range(20)]
    assert sum(one != content for one in found) > 15
    assert found == [next(mutations(content, seed)) for seed in range(20)]
