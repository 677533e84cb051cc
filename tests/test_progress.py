"""Progress of long work: it never goes back, and costs count, not parts."""

from __future__ import annotations

import pytest

from ecgsynth.evaluation.judge import evaluate
from ecgsynth.progress import Steps
from ecgsynth.simulator.records import Noise, simulate_beats


def test_a_part_counts_by_its_cost_and_from_its_end_on() -> None:
    heard: list[tuple[str, float]] = []
    steps = Steps(lambda what, share: heard.append((what, share)), total=10, done=1)
    steps.begin("long", 6)
    steps.begin("short", 1)
    steps.skip(2)
    steps.begin("more than was known", 5)
    steps.begin("last", 1)
    assert heard == [
        ("long", 0.1), ("short", 0.7), ("more than was known", 1.0), ("last", 1.0)
    ]  # fmt: skip


def test_a_judging_tells_its_progress_in_order_whether_floors_are_known_or_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    ecg = simulate_beats(80, patients=4, noise=Noise(muscle_mv=0.01), seed=1)
    lengths = []

    def told() -> list[tuple[str, float]]:
        heard: list[tuple[str, float]] = []
        evaluate(
            ecg, "simulated:test", "simulated:train", metrics=["amplitude_w1", "spread"],
            quick=True, advance=lambda what, share: heard.append((what, share)),
        )  # fmt: skip
        return heard

    for heard in (told(), told()):  # the second time the controls come out of the cache
        shares = [share for _, share in heard]
        assert shares == sorted(shares)
        assert (heard[0][1], heard[-1]) == (0.0, ("done", 1.0))
        assert shares[-2] > 0.8  # no leap at the end
        lengths.append(len(heard))
    assert lengths[0] > lengths[1]
