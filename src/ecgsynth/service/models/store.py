"""The served models: files by content, and models in memory."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.service.api.json_text import json_safe
from ecgsynth.service.models import files
from ecgsynth.service.models.files import Served, Stamp

if TYPE_CHECKING:
    from ecgsynth.service.models.batching import Batcher
    from ecgsynth.synthesizer import Synthesizer

log = logging.getLogger("ecgsynth.serve")

AT_ONCE = 64 << 20
"""Files up to this size are read during the request; larger ones in the background."""

NOT_YET = "it is still being read; try again in a minute."


@dataclass(frozen=True)
class Loaded:
    """A model in memory."""

    served: Served
    synthesizer: Synthesizer
    batcher: Batcher


class NoSuchModelError(EcgsynthError):
    """No model of that name or id is served."""


class NotYetError(EcgsynthError):
    """The model's file is new and large, and is still being read."""


class ModelStore:
    """Shipped models and those of a folder.

    A model is identified by its card's id, which depends on its weights; its name refers to the
    current file of that name. Files are checked at every request, so a replaced file is another
    model from then on. A file is read once while its stamp is unchanged.

    Parameters
    ----------
    folder: with `.safetensors` files and run folders; None serves only shipped models.
    most: models in memory. batch_s: how long small requests wait for others.
    """

    def __init__(self, folder: Path | None, most: int, batch_s: float) -> None:
        self.folder = folder
        self.most = most
        self.batch_s = batch_s
        # One thread computes all passes: every additional thread would keep its own memory.
        self._computing = ThreadPoolExecutor(1, "ecgsynth-microbatch")
        self._looking = ThreadPoolExecutor(1, "ecgsynth-model-store")
        self._reading = ThreadPoolExecutor(1, "ecgsynth-reading")
        self._read: dict[Stamp, Served | str] = {}
        self._being_read: set[Stamp] = set()
        self._refused: dict[str, str] = {}
        self._lock = threading.Lock()
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()
        self._loading: dict[str, asyncio.Lock] = {}

    def models(self) -> dict[str, Served]:
        """Every served model by its id; reads files, so do not call it in the event loop."""
        return self.scan()[0]

    def scan(self) -> tuple[dict[str, Served], dict[str, str]]:
        """Every served model by its id, and names of files that are not served -> reason."""
        found: dict[str, Served] = {}
        left_out: dict[str, str] = {}
        stamps = set()
        for name, path, shipped in self._places():
            try:
                stamp = files.stamp_of(path)
                one = self._content(stamp, name, path, shipped)
            except files.NoFileError as problem:
                left_out[name] = json_safe(str(problem))
                continue
            except OSError:  # deleted since the folder was listed
                continue
            stamps.add(stamp)
            if isinstance(one, str):
                left_out[name] = json_safe(one)
            elif found.setdefault(one.id, one).sha256 != one.sha256:
                left_out[name] = (
                    f"its id {one.id} is that of another model; train or save it again."
                )
        with self._lock:
            self._read = {stamp: one for stamp, one in self._read.items() if stamp in stamps}
            for name in left_out.keys() - self._refused.keys():
                log.warning("%s is not served: %s", name, left_out[name])
            self._refused = left_out
        return found, left_out

    def find(self, word: str) -> Served:
        """Find a model by id or name; shipped names first.

        Raises
        ------
        NoSuchModelError: there is none. NotYetError: its file is being read.
        EcgsynthError: its file cannot be used.
        """
        models, left_out = self.scan()
        for one in models.values():
            if word in (one.id, one.name):
                return one
        if word in left_out:
            kind = NotYetError if left_out[word] == NOT_YET else EcgsynthError
            raise kind(f"the model '{word}' cannot be used: {left_out[word]}")
        known = {*models, *(one.name for one in models.values())}
        raise NoSuchModelError(f"no model named '{word}'.{did_you_mean(word, known)}")

    async def load(self, word: str) -> Loaded:
        """Load a model by id or name.

        Raises
        ------
        EcgsynthError: there is none, or its file is damaged or keeps changing.
        """
        loop = asyncio.get_running_loop()
        for _ in range(3):
            served = await loop.run_in_executor(self._looking, self.find, word)
            async with self._loading.setdefault(served.sha256, asyncio.Lock()):
                if served.sha256 not in self._loaded:
                    loaded = await loop.run_in_executor(self._computing, self._load, served)
                    if loaded is None:
                        continue  # replaced while it was read
                    self._loaded[served.sha256] = loaded
                    log.info("model loaded", extra={"model": served.id, "sha256": served.sha256})
            self._loaded.move_to_end(served.sha256)
            while len(self._loaded) > self.most:
                gone, _ = self._loaded.popitem(last=False)
                self._loading.pop(gone, None)
            return self._loaded[served.sha256]
        raise EcgsynthError(f"the file of '{word}' is being replaced; try again in a moment.")

    async def warm(self) -> None:
        """Load as many models as fit in memory, to make the first requests fast."""
        for id in [*await asyncio.to_thread(self.models)][: self.most]:
            try:
                await self.load(id)
            except EcgsynthError as problem:
                log.warning("%s is not loaded: %s", id, problem)
        from ecgsynth.evaluation.reference_models.delineation import delineator

        await asyncio.to_thread(delineator)  # for requests with `measure`

    def close(self) -> None:
        """Stop the threads that make ECG."""
        for pool in (self._computing, self._looking, self._reading):
            pool.shutdown(wait=False, cancel_futures=True)

    def _places(self) -> Iterator[tuple[str, Path, bool]]:
        """Name, file, and whether it is shipped."""
        from ecgsynth.synthesizer.find import shipped_models

        for name, path in shipped_models().items():
            yield name, path, True
        if self.folder is not None:
            for path in sorted(self.folder.glob("*.safetensors")):
                yield json_safe(path.stem), path, False
            for path in sorted(self.folder.glob("*/model.safetensors")):
                yield json_safe(path.parent.name), path, False

    def _content(self, stamp: Stamp, name: str, path: Path, shipped: bool) -> Served | str:
        """The model in a file, or the reason why it cannot be used."""
        with self._lock:
            known = self._read.get(stamp) or (NOT_YET if stamp in self._being_read else None)
            if known is not None:
                return known
            if stamp[1] > AT_ONCE:
                self._being_read.add(stamp)
                self._reading.submit(self._note, stamp, name, path, shipped)
                return NOT_YET
            self._read[stamp] = files.read(stamp, name, path, shipped)
            return self._read[stamp]

    def _note(self, stamp: Stamp, name: str, path: Path, shipped: bool) -> None:
        """Read a large file in a separate thread."""
        try:
            content = files.read(stamp, name, path, shipped)
        except OSError:  # deleted, or tried again at the next check
            content = None
        with self._lock:
            self._being_read.discard(stamp)
            if content is not None:
                self._read[stamp] = content

    def _load(self, served: Served) -> Loaded | None:
        """The model of a file; None if the file was replaced."""
        from ecgsynth.service.models.batching import Batcher
        from ecgsynth.synthesizer import Synthesizer
        from ecgsynth.synthesizer.microbatch import Microbatch

        def is_there() -> bool:
            try:
                return files.stamp_of(served.path) == served.stamp
            except (OSError, files.NoFileError):
                return False

        if not is_there():
            return None
        try:
            synthesizer = Synthesizer.load(served.path)
            microbatch = Microbatch(synthesizer.sampler)
        except EcgsynthError as problem:  # clients see neither path nor details
            log.warning("%s is not loaded: %s", served.id, problem)
            message = re.sub(
                r" \(.*\)(?=;)", "", str(problem).replace(str(served.path), served.name)
            )
            raise EcgsynthError(message) from None
        except MemoryError:
            raise
        except Exception:  # any exception is caused by the file
            log.exception("%s is not loaded", served.id)
            raise EcgsynthError(
                f"the model '{served.name}' is damaged; copy or train it again."
            ) from None
        if not is_there():
            return None
        return Loaded(served, synthesizer, Batcher(microbatch, self.batch_s, self._computing))
