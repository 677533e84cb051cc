"""The temporary folder of a server goes with it, and after a kill with the next server."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ecgsynth.service.files.tempdirs import PREFIX, clear_stale, scratch

pytest.importorskip("fcntl", reason="no locks on folders on this system")

SERVER = """
from ecgsynth.service.files.tempdirs import scratch
with scratch() as place:
    print(place, flush=True)
    input()
"""

WORKER = "from ecgsynth.service.files.tempdirs import hold; hold(); print(flush=True); input()"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def begun(code: str, temporary: Path) -> tuple[subprocess.Popen[str], str]:
    """A process, and the first line that it says."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    assert process.stdout
    return process, process.stdout.readline().strip()


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_all_temporary_files_of_a_server_lie_in_its_folder_and_go_with_it(root: Path) -> None:
    with scratch() as place:
        assert Path(tempfile.mkdtemp()).parent == place
        assert os.environ["TMPDIR"] == str(place)
    assert not place.exists()
    assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == (str(root), str(root))


def test_what_a_killed_server_left_goes_when_the_next_one_starts(root: Path) -> None:
    other = root / "of-another-program"
    other.mkdir()
    process, said = begun(SERVER, root)
    left = Path(said)
    (left / "upload.npz").write_bytes(b"of patients")
    with scratch():
        assert left.is_dir()  # it lives
    killed(process)
    assert left.is_dir()
    with scratch():
        assert not left.exists()
    assert [*root.iterdir()] == [other]


def test_a_worker_that_outlives_its_server_keeps_the_folder(root: Path) -> None:
    server, said = begun(SERVER, root)
    worker, _ = begun(WORKER, Path(said))
    killed(server)
    clear_stale()
    assert Path(said).is_dir()
    killed(worker)
    clear_stale()
    assert not Path(said).exists()


def test_a_link_is_no_folder_of_ours(root: Path) -> None:
    (root / "precious").mkdir()
    (root / f"{PREFIX}link").symlink_to(root / "precious", target_is_directory=True)
    clear_stale()
    assert (root / "precious").is_dir()
    assert (root / f"{PREFIX}link").is_symlink()
