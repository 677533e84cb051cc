"""Only a model that has learned to continue a known part completes and records."""

from __future__ import annotations

import numpy as np
import pytest
from tiny import tiny_renderer

import ecgsynth as es
from ecgsynth.completion.windows import find_sampler
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.recording import Recording
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.ensemble import build_sampler


def test_the_shipped_teacher_continues_and_its_student_is_refused() -> None:
    assert find_sampler(Synthesizer.load("ptbxl-12lead-flow"))
    with pytest.raises(EcgsynthError, match=r"has not learned .* such as ptbxl-12lead-flow"):
        find_sampler(Synthesizer.load("ptbxl-12lead"))


@pytest.mark.parametrize("objective", [{"name": "flow"}, {"name": "flow", "show": 0.0}])
def test_a_renderer_that_was_never_shown_a_part_is_refused(objective: dict[str, object]) -> None:
    learned = tiny_renderer(5.0)
    card = learned.card.model_copy(deep=True)
    card.run["objective"] = objective
    model = Synthesizer.of(build_sampler(card, learned.weights()))
    strip = Recording(0.1 * np.random.default_rng(0).standard_normal((1, 800)), 100.0, ("II",))
    with pytest.raises(EcgsynthError, match="has not learned to continue"):
        es.complete(strip, model)
    with pytest.raises(EcgsynthError, match="has not learned to continue"):
        es.record(es.make_rhythm("sinus 5 s"), model)


def test_a_model_of_beats_takes_no_known_part() -> None:
    with pytest.raises(EcgsynthError, match="takes no known part"):
        find_sampler(Synthesizer.load("mitbih-beats"))
