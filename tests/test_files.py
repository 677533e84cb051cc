"""What is written is whole or not there at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write, check_whole, check_writable


def test_file_takes_its_name_only_when_all_went_well(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "set.bin"
    with atomic_write(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        assert temporary.parent == target.parent  # a rename within one disk cannot fail half-way
    assert target.read_text() == "whole"
    assert [*target.parent.iterdir()] == [target]


def begin(target: Path, then: Callable[[Path], object]) -> None:
    with atomic_write(target) as temporary:
        temporary.write_text("half")
        then(temporary)


def raising(problem: BaseException) -> Callable[[Path], object]:
    def then(_beside: Path) -> None:
        raise problem

    return then


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_on_any_error_the_older_file_stays_whole(
    tmp_path: Path, problem: type[BaseException]
) -> None:
    target = tmp_path / "set.bin"
    target.write_text("older")
    with pytest.raises(problem):
        begin(target, raising(problem()))
    assert target.read_text() == "older"
    assert [*tmp_path.iterdir()] == [target]


def test_full_disk_is_told_in_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(EcgsynthError, match=r"could not be written \(No space left on device\)"):
        begin(tmp_path / "set.bin", raising(full))
    assert not [*tmp_path.iterdir()]


def test_disk_that_is_really_full_is_told_too(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")

    def fill(temporary: Path) -> None:
        temporary.unlink()
        temporary.symlink_to("/dev/full")
        temporary.write_text("anything")

    with pytest.raises(EcgsynthError, match="No space left"):
        begin(tmp_path / "set.bin", fill)
    assert not [*tmp_path.iterdir()]
    assert Path("/dev/full").exists()


def test_place_below_a_file_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file, not a folder")
    with pytest.raises(EcgsynthError, match="could not be written"):
        begin(tmp_path / "file" / "set.bin", raising(AssertionError()))


def test_place_that_cannot_be_written_is_told_before_anything_is_made(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "one.npz")
    assert not [*tmp_path.iterdir()]
    (tmp_path / "file").write_text("x")
    for place in (tmp_path, tmp_path / "file" / "one.npz", Path("/proc/one.npz")):
        with pytest.raises(EcgsynthError, match="name a file in it|could not be written"):
            check_writable(place)


def test_folder_that_is_there_receives_the_new_files_and_keeps_its_own(tmp_path: Path) -> None:
    target = tmp_path / "records"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    (target / "000.dat").write_text("older")
    with atomic_write(target) as temporary:
        temporary.mkdir()
        (temporary / "000.dat").write_text("newer")
    assert (target / "mine.txt").read_text() == "mine"
    assert (target / "000.dat").read_text() == "newer"
    assert [*tmp_path.iterdir()] == [target]


def test_older_files_of_a_folder_go_and_those_of_others_stay(tmp_path: Path) -> None:
    target = tmp_path / "records"
    target.mkdir()
    for name in ("000.dat", "001.dat", "mine.txt"):
        (target / name).write_text("older")
    with atomic_write(target, older=["000.dat", "001.dat", "002.dat"]) as temporary:
        temporary.mkdir()
        (temporary / "000.dat").write_text("newer")
    assert sorted(file.name for file in target.iterdir()) == ["000.dat", "mine.txt"]
    assert (target / "000.dat").read_text() == "newer"


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_folder_whose_files_were_being_replaced_is_refused_until_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    """As after kill -9 between two renames, at which nothing is cleared up."""
    target = tmp_path / "records"
    target.mkdir()

    def write() -> None:
        with atomic_write(target) as temporary:
            temporary.mkdir()
            for name in ("000.dat", "001.dat", "items.csv"):
                (temporary / name).write_text("newer")

    done, rename = [], os.replace

    def replace(source: Path, place: Path) -> None:
        if place.parent == target and len(done) == moved:
            raise SystemExit  # the process ends here
        rename(source, place)
        done.extend([place] * (place.parent == target))

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(SystemExit):
        write()
    monkeypatch.undo()
    assert len([*target.iterdir()]) == moved
    for look in (check_whole, formats.read):
        with pytest.raises(EcgsynthError, match=r"holds files of two sets.* again with --force"):
            look(target)
    write()
    check_whole(target)
    assert [*tmp_path.iterdir()] == [target] and len([*target.iterdir()]) == 3


def test_folder_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def fail(temporary: Path) -> None:
        temporary.unlink()
        temporary.mkdir()
        (temporary / "000.dat").write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begin(tmp_path / "records", fail)
    assert not [*tmp_path.iterdir()]


def test_file_never_replaces_a_folder(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "precious").touch()
    with pytest.raises(EcgsynthError, match="could not be written"):
        begin(tmp_path / "set", lambda temporary: temporary)
    assert (tmp_path / "set" / "precious").exists()
    assert [*tmp_path.iterdir()] == [tmp_path / "set"]


def test_what_a_killed_process_left_is_cleared_once_nothing_grows_there(tmp_path: Path) -> None:
    old, young = tmp_path / ".set.bin.1.part", tmp_path / ".set.bin.2.part"
    old.mkdir()
    for left in (old / "data.npy", young, tmp_path / ".other.bin.3.part"):
        left.write_text("half")
    for left in (old / "data.npy", old):
        os.utime(left, (0, 0))
    begin(tmp_path / "set.bin", lambda temporary: temporary)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [".other.bin.3.part", ".set.bin.2.part", "set.bin"]


def test_folders_without_end_are_refused_and_none_is_made(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a"] * 1500)
    with (
        pytest.raises(EcgsynthError, match=r"it lies in 15\d\d folders, one in the other"),
        atomic_write(deep / "x.npz"),
    ):
        pass
    assert not (tmp_path / "a").exists()
