"""Where a corpus lies: a folder on a disk, or any place that fsspec reaches by a URL.

What is at a place is whole: a file of a disk is renamed there, an object of a bucket is put at
once. Of other places the same holds for a shard, as its entry is written after it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from ecgsynth.arguments import check_path, check_text
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write, describe_read_errors, make_folder

WORK = ".work"
"""Begins the names of folders in which shards are made."""


class Store(Protocol):
    """Files by their names below a place. Errors name the place, the reason and what to do."""

    url: str

    def read(self, name: str) -> bytes | None:
        """The content of a file; None where there is none."""
        ...

    def read_all(self, names: list[str]) -> dict[str, bytes]:
        """The content of several files that are there."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
        ...

    def put(self, file: Path, name: str) -> None:
        """Put a file that is on this machine; it is gone from where it was, or not."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""
        ...

    def sizes(self) -> dict[str, int]:
        """Bytes of every file below, by name."""
        ...

    def digest(self, name: str) -> str:
        """SHA-256 of a file."""
        ...

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """A folder on this machine, from which `put` takes; it is removed at the end."""
        ...

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """A file or folder on this machine with the same content, to be read."""
        ...


def open_store(url: str | Path) -> Store:
    """The store that a path or a URL means.

    Raises
    ------
    EcgsynthError: it is none, or fsspec knows no such protocol.
    """
    text = url if isinstance(url, str) else os.fspath(check_path(url, "the corpus"))
    protocol, separator, rest = check_text(text, "the corpus").partition("://")
    if separator and protocol not in ("file", "local"):
        return _Remote(text)
    return _Disk(check_path(rest if separator else text, "the corpus"))


class _Disk:
    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, str(folder)
        if folder.exists() and not folder.is_dir():
            raise EcgsynthError(f"{folder} is a file; a corpus is a folder or a URL.")

    def read(self, name: str) -> bytes | None:
        with describe_read_errors(self.folder):
            path = self.folder / name
            return path.read_bytes() if path.is_file() else None

    def read_all(self, names: list[str]) -> dict[str, bytes]:
        return {name: content for name in names if (content := self.read(name)) is not None}

    def write(self, name: str, content: bytes) -> None:
        with atomic_write(self.folder / name) as temporary:
            temporary.write_bytes(content)

    def put(self, file: Path, name: str) -> None:
        target = self.folder / name
        try:
            make_folder(target.parent)
            os.replace(file, target)
        except OSError as problem:
            raise _refused(self.url, "written", problem) from problem

    def remove(self, name: str) -> None:
        try:
            (self.folder / name).unlink(missing_ok=True)
        except OSError as problem:
            raise _refused(self.url, "changed", problem) from problem

    def sizes(self) -> dict[str, int]:
        with describe_read_errors(self.folder):
            found = {}
            for path in self.folder.rglob("*"):
                name = path.relative_to(self.folder).as_posix()
                with suppress(FileNotFoundError):  # renamed meanwhile
                    if not name.startswith(WORK) and path.is_file():
                        found[name] = path.stat().st_size
            return found

    def digest(self, name: str) -> str:
        with describe_read_errors(self.folder), open(self.folder / name, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        self._clear()
        own = f"{WORK}.{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
        place = self.folder / own
        try:
            make_folder(place)
            yield place
        except OSError as problem:
            raise _refused(self.url, "written", problem) from problem
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _clear(self) -> None:
        """Remove what processes of this machine left that were killed."""
        for place in self.folder.glob(f"{WORK}.{socket.gethostname()}.*"):
            number = place.suffixes[-2][1:] if len(place.suffixes) > 1 else ""
            if number.isdecimal() and not _runs(int(number)):
                shutil.rmtree(place, ignore_errors=True)

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        yield self.folder / name


class _Remote:
    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        with self._reporting("opened"):
            self.files, self.root = _file_system(self.url)

    @contextmanager
    def _reporting(self, done: str) -> Iterator[None]:
        """Whatever a library of a protocol raises becomes one sentence."""
        try:
            yield
        except (EcgsynthError, MemoryError):
            raise
        except ImportError as problem:
            protocol = self.url.partition("://")[0]
            raise EcgsynthError(
                f"{protocol}:// needs a package that is not installed ({problem}); install it."
            ) from None
        except Exception as problem:
            raise _refused(self.url, done, problem) from problem

    def _at(self, name: str) -> str:
        return f"{self.root}/{name}"

    def read(self, name: str) -> bytes | None:
        with self._reporting("read"):
            try:
                return bytes(self.files.cat_file(self._at(name)))
            except FileNotFoundError:
                return None

    def read_all(self, names: list[str]) -> dict[str, bytes]:
        if not names:
            return {}
        with self._reporting("read"):
            found = self.files.cat([self._at(name) for name in names], on_error="omit")
            by_end = {path.removeprefix("/"): content for path, content in found.items()}
            root = self.root.removeprefix("/")
            return {path.removeprefix(f"{root}/"): content for path, content in by_end.items()}

    def write(self, name: str, content: bytes) -> None:
        with self.workplace() as folder:
            (folder / "file").write_bytes(content)
            self.put(folder / "file", name)

    def put(self, file: Path, name: str) -> None:
        with self._reporting("written"):
            self.files.put_file(str(file), self._at(name))

    def remove(self, name: str) -> None:
        with self._reporting("changed"), suppress(FileNotFoundError):
            self.files.rm_file(self._at(name))

    def sizes(self) -> dict[str, int]:
        with self._reporting("read"):
            try:
                found: dict[str, Any] = self.files.find(self.root, detail=True)
            except FileNotFoundError:
                return {}
            start = len(self.root.strip("/")) + 1
            return {path.strip("/")[start:]: int(one["size"]) for path, one in found.items()}

    def digest(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._reporting("read"), self.files.open(self._at(name), "rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
        return digest.hexdigest()

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        try:
            with tempfile.TemporaryDirectory(prefix="ecgsynth-") as folder:
                yield Path(folder)
        except OSError as problem:
            raise _refused(tempfile.gettempdir(), "written", problem) from problem

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        with self.workplace() as folder:
            place = folder / Path(name).name
            with self._reporting("read"):
                self.files.get(self._at(name), str(place), recursive=name.endswith("/"))
            yield place


def _file_system(url: str) -> tuple[Any, str]:
    """The file system of fsspec behind a URL, and the path there. S3 goes through s3fs where that
    is installed, else through PyArrow, whose URL may have ?endpoint_override=HOST:PORT&scheme=http.
    """
    import fsspec

    if url.startswith("s3://") and find_spec("s3fs") is None:
        from fsspec.implementations.arrow import ArrowFSWrapper
        from pyarrow.fs import FileSystem

        files, path = FileSystem.from_uri(url)
        return ArrowFSWrapper(files), path.rstrip("/")
    return fsspec.core.url_to_fs(url, use_listings_cache=False)


def _refused(place: str, done: str, problem: BaseException) -> EcgsynthError:
    reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    reason = " ".join(reason.split())[:200].rstrip(".")
    return EcgsynthError(
        f"{place} could not be {done} ({reason}); check space, permissions and credentials there, "
        "and run the same command again."
    )


def _runs(process: int) -> bool:
    """Whether a process of this machine is alive."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
