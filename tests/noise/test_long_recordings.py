"""Long recordings: pieces are the whole byte by byte, in files too; a full disk leaves nothing."""

from __future__ import annotations

import resource
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from outcome import Command

import ecgsynth as es
from ecgsynth.errors import EcgsynthError
from ecgsynth.noise import add_noise, add_recording_noise
from ecgsynth.noise import sources as noise_sources
from ecgsynth.noise.faults import Faults, lose_leads
from ecgsynth.noise.sources import KINDS, NoiseSource, Recorded
from ecgsynth.rhythm.compose import endless_rhythm
from ecgsynth.signals.draft import (
    Draft,
    Piece,
    in_pieces_of,
    marks_from,
    no_marks,
    placeholder,
    spooled,
)
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.simulator.drawing import draft_rhythm

TEXT = "sinus 3 min with pvc every 8 beats; af 2 min; sinus 4 min"
SCHEDULE = "12 dB 50 s; clean 20 s; 3 dB 61 s"


@pytest.fixture(scope="module")
def draft() -> Draft:
    return draft_rhythm(es.make_rhythm(TEXT, seed=2), 12, 100.0, seed=2)


@pytest.fixture(scope="module")
def whole(draft: Draft) -> Ecg:
    return draft.ecg()


def small(draft: Draft, samples: int = 1700) -> Draft:
    """The same in smaller pieces."""
    return Draft(draft.head, lambda: in_pieces_of(draft.pieces(), samples))


def test_pieces_of_any_size_are_the_whole(draft: Draft, whole: Ecg) -> None:
    for samples in (977, 6000, 100_000):
        found = small(draft, samples).ecg()
        assert (found.signal == whole.signal).all()
        assert found.marks == whole.marks


def test_noise_and_faults_of_pieces_are_those_of_the_whole(
    draft: Draft, whole: Ecg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise_sources, "BLOCK_S", 47.0)
    noisy = add_recording_noise(whole, KINDS, SCHEDULE, 5).noisy
    found = add_noise(small(draft), KINDS, SCHEDULE, 5).ecg()
    assert (found.signal == noisy.signal).all()
    assert found.marks == noisy.marks
    assert found.source == noisy.source
    lost = Faults(40, seed=1).draft(small(draft)).ecg().signal
    assert (lost == lose_leads(whole, 40, seed=1).signal).all()
    assert (lost != whole.signal).any()


def test_noise_has_the_same_size_in_every_block_and_no_step_between_them() -> None:
    em = Recorded(np.random.default_rng(0).standard_normal((2, 9000)).astype(np.float32), 250.0)
    for name in (*KINDS, "em"):
        samples = 4 * 75_000 + 400
        wave = NoiseSource([name], [1], 2, samples, 250.0, {"em": em}).read(0, samples)
        size = wave[:, : 4 * 75_000].reshape(2, 4, -1).std(-1)
        np.testing.assert_allclose(size, 1, atol=0.05)
        steps = np.abs(np.diff(wave))
        assert steps[:, 74_999 : 4 * 75_000 - 1 : 75_000].max() < 5 * steps.mean()
        if name != "mains":
            assert abs(np.corrcoef(wave[0, :75_000], wave[0, 75_000:150_000])[0, 1]) < 0.3


@pytest.mark.parametrize("target", ["whole/", "whole.npz", "whole.edf"])
def test_files_are_the_same_whole_or_in_pieces(
    draft: Draft, whole: Ecg, tmp_path: Path, target: str
) -> None:
    places = [tmp_path / name / target for name in ("a", "b", "c")]
    es.write(draft, f"{places[0]}/" if target.endswith("/") else places[0])
    es.write(small(draft), f"{places[1]}/" if target.endswith("/") else places[1])
    es.write(whole, f"{places[2]}/" if target.endswith("/") else places[2])
    files = [sorted(p for p in place.parent.rglob("*") if p.is_file()) for place in places]
    assert [p.name for p in files[0]] == [p.name for p in files[1]] == [p.name for p in files[2]]
    for one, same, third in zip(*files, strict=True):
        assert one.read_bytes() == same.read_bytes(), one.name
        if one.suffix != ".hea":  # wfdb writes the numbers of a header in its own way
            assert one.read_bytes() == third.read_bytes(), one.name
    for place in places:
        back = es.read(place)
        np.testing.assert_allclose(back.signal, whole.signal, atol=0.0011)
        assert back.marks == whole.marks


def test_a_recording_is_made_once_where_it_is_read_twice(draft: Draft, tmp_path: Path) -> None:
    count = 0

    def counted() -> Iterator[Piece]:
        nonlocal count
        count += 1
        yield from draft.pieces()

    with spooled(Draft(draft.head, counted), tmp_path) as kept:
        one, two = kept.ecg(), kept.ecg()
    assert count == 1
    assert (one.signal == two.signal).all()
    assert one.marks == two.marks == draft.ecg().marks
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("target", ["h/", "h.npz"])
def test_memory_does_not_grow_with_length(
    tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise_sources, "BLOCK_S", 100.0)
    samples, fs = 100_000, 1000.0
    piece = Piece(np.ones((1, samples), np.float32), marks_from(np.arange(500, samples, 1000),
                  np.full(100, "N"), samples))  # fmt: skip

    def peak(count: int) -> int:
        spec = Spec(["II"], fs, count * samples)
        head = Ecg(placeholder(1, count * samples), spec, marks=no_marks(), source="synthetic:x")
        made = add_noise(Draft(head, lambda: repeat(piece, count)), ["muscle"])
        tracemalloc.start()
        es.write(made, f"{tmp_path}/{count}{target}")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(4)
    assert peak(40) < 1.2 * peak(10)


# A rhythm without an end.


def test_a_rhythm_without_an_end_goes_on_from_one_round_to_the_next() -> None:
    track = endless_rhythm("sinus 20 s; af 10 s", seed=1)
    assert track.first.seconds == 3000
    time = track.between(2980, 3030).time_s
    assert np.diff(time).min() > 0.25
    assert np.diff(time).max() < 1.6
    late = track.between(9000, 9030)
    assert [one.code for one in late.episodes] == ["(N", "(AFIB"]
    assert (np.diff(late.time_s)[:5] != np.diff(track.between(0, 30).time_s)[:5]).any()
    again = track.between(2980, 3030)  # what is gone is made again
    np.testing.assert_array_equal(again.time_s, time)


def test_an_episode_that_continues_in_the_next_round_is_one() -> None:
    track = endless_rhythm("sinus", seed=1)
    (one,) = track.between(86_000, 87_000).episodes
    assert one.stop_s > 87_000


# A disk that fills.


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files")
@pytest.mark.parametrize("target", ["h/", "h.npz", "h.edf"])
@pytest.mark.parametrize("clean", [True, False])
def test_a_disk_that_fills_leaves_nothing_half_written(
    command: Command, target: str, clean: bool
) -> None:
    words = ["record", "sinus", "--hours", "0.2", "--snr", "12", "--to", target]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        done = command(*words, *(["--clean", "c/"] if clean else []))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.code == 2
    assert "could not be written (File too large)" in done.err
    assert [*Path().iterdir()] == []


def test_an_older_recording_stays_where_the_disk_fills(draft: Draft, tmp_path: Path) -> None:
    es.write(draft, tmp_path / "h.npz")
    older = (tmp_path / "h.npz").read_bytes()

    def full() -> Iterator[Piece]:
        yield next(draft.pieces())
        raise OSError(28, "No space left on device")

    with pytest.raises(EcgsynthError, match="No space left"):
        es.write(Draft(draft.head, full), tmp_path / "h.npz")
    assert (tmp_path / "h.npz").read_bytes() == older
    assert [p.name for p in tmp_path.iterdir()] == ["h.npz"]
