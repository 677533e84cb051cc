"""Response content: ECG as lines of JSON, and files of any format, in limited memory."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import tempfile
import threading
import zipfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.formats import contract, write
from ecgsynth.formats.stream import statement
from ecgsynth.registry import FORMATS
from ecgsynth.service.files.disk import Held
from ecgsynth.service.models.measurements import measure as measure_items
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import KIND, R, events_of
from ecgsynth.signals.vocabulary import AAMI_CLASSES

NDJSON = "ndjson"
PIECE = 1 << 18
"""Bytes of a file per read."""


def formats() -> list[str]:
    """Values of `format`."""
    return [NDJSON, *FORMATS.names()]


async def lines(
    chunks: Iterator[Ecg],
    about: Mapping[str, Any],
    count: Callable[[int], None],
    computing: Executor,
    measure: bool = False,
) -> AsyncIterator[bytes]:
    """NDJSON: a line about the set, one line per item, and a line with their number, which shows
    whether the body is complete.

    about: for the first line: the model's id, the seed, warnings.
    count: called with the items of every chunk sent.
    computing: executor with a few threads for all large requests. measure: whether every item is
    delineated. Nothing is computed ahead: a slow client delays the work, a
    disconnected one ends it.
    """
    number = 0

    def step() -> tuple[int, bytes]:
        chunk = next(chunks, None)
        return (len(chunk), _encode(chunk, number, about, measure)) if chunk else (0, b"")

    loop = asyncio.get_running_loop()
    while True:
        items, text = await loop.run_in_executor(computing, step)
        if not items:
            break
        number += items
        count(items)
        yield text
    yield _last(number)


def ndjson_bytes(chunks: Iterator[Ecg], about: Mapping[str, Any]) -> bytes:
    """The same lines as bytes, for a set of one chunk."""
    ecg = next(chunks)
    return _encode(ecg, 0, about, False) + _last(len(ecg))


def _last(number: int) -> bytes:
    return json.dumps({"items": number}).encode() + b"\n"


def _encode(ecg: Ecg, first: int, about: Mapping[str, Any], measure: bool) -> bytes:
    """The lines of a chunk; the first chunk starts with the line about the set."""
    spec = ecg.spec
    objects: list[Any] = []
    if not first:
        objects.append({
            "statement": statement(ecg), "synthetic": True, **about, "spec": spec.to_json(),
        })  # fmt: skip
    assert ecg.context is not None
    # Rounded to 1 uV in double precision, so that a number has three decimals.
    signal = np.round(ecg.signal.astype(np.float64), 3 if spec.unit == "mV" else 7) + 0.0
    context = np.round(ecg.context.astype(np.float64), 6)
    labels = ecg.labels_str.tolist()
    intervals = measure_items(ecg) if measure else None
    beats = None if ecg.marks is None else _beats(ecg)
    for row in range(len(ecg)):
        values = dict(zip(spec.context, context[row].tolist(), strict=True))
        item: dict[str, Any] = {
            "item": first + row,
            "label": labels[row],
            "context": {k: v if np.isfinite(v) else None for k, v in values.items()},
            "signal": dict(zip(spec.leads, signal[row].tolist(), strict=True)),
        }
        if ecg.patient is not None:
            item["patient"] = str(ecg.patient[row])
        if beats is not None:
            item["beats"] = beats[row]
        if ecg.valid is not None:
            item["valid"] = int(ecg.valid[row])
        if intervals is not None:
            item["measured"] = intervals[row]
        objects.append(item)
    return b"".join(json.dumps(one, allow_nan=False).encode() + b"\n" for one in objects)


def _beats(ecg: Ecg) -> list[list[dict[str, Any]]]:
    """The annotated beats of each item, in order of time."""
    events = events_of(ecg)
    return [
        [
            {"time_s": round(float(time), 4), "kind": AAMI_CLASSES[int(kind)]}
            for time, kind in item[np.isfinite(item[:, R])][:, [R, KIND]]
        ]
        for item in events
    ]


class ClientGoneError(Exception):
    """The client has disconnected, so the work stops."""


async def written(
    chunks: Iterable[Ecg], name: str, format: str, left: Callable[[], Any], writing: Executor
) -> Path:
    """Write a stream to a file or folder `name` of a format, in a folder of its own.

    left: awaited regularly; returns whether the client has disconnected. writing: executor for
    writing.

    Raises
    ------
    ClientGoneError: it is.
    EcgsynthError: the format cannot hold such signals, the disk is full.
    """
    stop = threading.Event()
    kind = contract.named(format)

    def work() -> Path:
        folder = Path(tempfile.mkdtemp(prefix="ecgsynth-file-"))
        place = contract.in_folder(kind)
        target = folder / (name if place else name + kind.endings[0])
        try:
            write(_until(chunks, stop), f"{target}/" if place else target, format)
            if stop.is_set():
                raise ClientGoneError
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return target

    task = asyncio.get_running_loop().run_in_executor(writing, work)
    try:
        while not (await asyncio.wait({task}, timeout=0.25))[0]:
            if await left():
                raise ClientGoneError
        return task.result()
    finally:
        stop.set()
        if not task.cancel():
            task.add_done_callback(lambda done: done.exception())  # nobody else reads the exception


def _until(chunks: Iterable[Ecg], stop: threading.Event) -> Iterator[Ecg]:
    for chunk in chunks:
        if stop.is_set():
            raise ClientGoneError
        yield chunk


async def file_body(path: Path) -> AsyncIterator[bytes]:
    """The bytes of a file."""
    with open(path, "rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


async def zip_body(path: Path) -> AsyncIterator[bytes]:
    """A file, or a folder with its content, as a zip that is packed while it is sent."""
    pieces = zipped(path)
    while piece := await asyncio.to_thread(next, pieces, None):
        yield piece


class FileResponse(StreamingResponse):
    """A body from `path`. At its end, also after a disconnect, the folder is deleted and the
    reserved disk space `held` is released."""

    def __init__(self, path: Path, body: AsyncIterator[bytes], held: Held, **more: Any) -> None:
        super().__init__(body, **more)
        self.path = path
        self.held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.to_thread(shutil.rmtree, self.path.parent, ignore_errors=True)
            self.held.free()


def zipped(path: Path) -> Iterator[bytes]:
    """A file, or a folder with its files, as pieces of a zip."""
    sink = _Sink()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files:
            # The default date of a member gives the same bytes for the same content.
            info = zipfile.ZipInfo(str(file.relative_to(path.parent)))
            info.compress_type = zipfile.ZIP_DEFLATED
            with open(file, "rb") as source, archive.open(info, "w", force_zip64=True) as member:
                while piece := source.read(PIECE):
                    member.write(piece)
                    yield from sink.taken()
    yield from sink.taken()


class _Sink(io.RawIOBase):
    """An output of zipfile without seeking, so that every byte can be sent at once."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> Iterator[bytes]:
        pieces, self._pieces = b"".join(self._pieces), []
        if pieces:
            yield pieces


def checked_format(format: str) -> str:
    """Check the name of a format.

    Raises
    ------
    EcgsynthError: there is no such format.
    """
    if format not in formats():
        raise EcgsynthError(f"no format named '{format}'.{did_you_mean(format, formats())}")
    return format
