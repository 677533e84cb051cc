"""The models that are served: which there are, by content, and those held in memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgsynth.app.service.uploads import PLAIN
from ecgsynth.errors import EcgsynthError, did_you_mean

if TYPE_CHECKING:
    from ecgsynth.app.service.batching import Batcher
    from ecgsynth.synthesizer import Synthesizer

log = logging.getLogger("ecgsynth.serve")

Stamp = tuple[str, int, int, int]
"""Path, size, time of change and inode: as long as it stays, so does the content."""


@dataclass(frozen=True)
class Served:
    """A model on the shelf: its name here, its card, and the SHA-256 of its file."""

    name: str
    path: Path
    sha256: str
    card: dict[str, Any]
    shipped: bool

    @property
    def id(self) -> str:
        return str(self.card.get("id") or f"{self.name}-{self.sha256[:8]}")


@dataclass(frozen=True)
class Loaded:
    """A model in memory."""

    served: Served
    synthesizer: Synthesizer
    batcher: Batcher


class NoSuchModelError(EcgsynthError):
    """No model of that name or id is served."""


class Shelf:
    """Shipped models and those of a folder.

    A model is known by its card's id, which follows from its weights; its name means whatever
    file has that name now. Files are looked at anew with every request, so that one that was
    replaced is another model from then on.

    Parameters
    ----------
    folder: with `.safetensors` files and run folders; None serves what is shipped.
    most: models held in memory. batch_s: how long small requests wait for others.
    """

    def __init__(self, folder: Path | None, most: int, batch_s: float) -> None:
        self.folder = folder
        self.most = most
        self.batch_s = batch_s
        # One thread computes all passes: each more that did would keep memory of its own.
        self._computing = ThreadPoolExecutor(1, "ecgsynth-together")
        self.left_out: dict[str, str] = {}
        self._read: dict[Stamp, Served | str] = {}
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()
        self._loading: dict[str, asyncio.Lock] = {}

    def models(self) -> dict[str, Served]:
        """Every served model by its id."""
        from ecgsynth.synthesizer.shelf import pretrained

        places = [(name, path, True) for name, path in pretrained().items()]
        if self.folder is not None:
            runs = sorted(self.folder.glob("*/model.safetensors"))
            files = sorted(self.folder.glob("*.safetensors"))
            places += [(path.stem, path, False) for path in files]
            places += [(path.parent.name, path, False) for path in runs]
        found: dict[str, Served] = {}
        left_out: dict[str, str] = {}
        read: dict[Stamp, Served | str] = {}
        for name, path, shipped in places:
            try:
                stamp = _stamp(path)
                one = self._read.get(stamp) or _served(name, path, shipped)
            except OSError:  # gone since the folder was listed
                continue
            read[stamp] = one
            if isinstance(one, str):
                left_out[name] = one
            elif found.setdefault(one.id, one).sha256 != one.sha256:
                left_out[name] = f"{one.id} is another model's id; train or save it again."
        for name in left_out.keys() - self.left_out.keys():
            log.warning("%s is not served: %s", name, left_out[name])
        self._read, self.left_out = read, left_out
        return found

    def find(self, word: str) -> Served:
        """The model of an id or a name; shipped names first.

        Raises
        ------
        NoSuchModelError: there is none. EcgsynthError: its file cannot be used.
        """
        models = self.models()
        for one in models.values():
            if word in (one.id, one.name):
                return one
        if word in self.left_out:
            raise EcgsynthError(f"the model '{word}' cannot be used: {self.left_out[word]}")
        known = {*models, *(one.name for one in models.values())}
        raise NoSuchModelError(f"no model named '{word}'.{did_you_mean(word, known)}")

    async def load(self, word: str) -> Loaded:
        """The model of an id or a name, in memory.

        Raises
        ------
        EcgsynthError: there is none, or its file is damaged or changes all the while.
        """
        for _ in range(3):
            served = self.find(word)  # some calls of stat, unless a file is new
            async with self._loading.setdefault(served.sha256, asyncio.Lock()):
                if served.sha256 not in self._loaded:
                    before = _stamp(served.path)
                    loop = asyncio.get_running_loop()
                    loaded = await loop.run_in_executor(self._computing, self._load, served)
                    if _stamp(served.path) != before or before not in self._read:
                        continue  # it was replaced while it was read
                    self._loaded[served.sha256] = loaded
                    log.info("model loaded", extra={"model": served.id, "sha256": served.sha256})
            self._loaded.move_to_end(served.sha256)
            while len(self._loaded) > self.most:
                gone, _ = self._loaded.popitem(last=False)
                self._loading.pop(gone, None)
            return self._loaded[served.sha256]
        raise EcgsynthError(f"the file of '{word}' is being replaced; ask again in a moment.")

    async def warm(self) -> None:
        """Load as many models as are kept, so that the first request finds them in memory."""
        for id in [*await asyncio.to_thread(self.models)][: self.most]:
            try:
                await self.load(id)
            except EcgsynthError as problem:
                log.warning("%s is not loaded: %s", id, problem)
        from ecgsynth.evaluation.delineation import delineator

        await asyncio.to_thread(delineator)  # of requests with `measure`

    def close(self) -> None:
        self._computing.shutdown(wait=False, cancel_futures=True)

    def _load(self, served: Served) -> Loaded:
        from ecgsynth.app.service.batching import Batcher
        from ecgsynth.synthesizer import Synthesizer
        from ecgsynth.synthesizer.together import Together

        try:
            synthesizer = Synthesizer.load(served.path)
        except EcgsynthError as problem:  # clients are told neither where it lies nor what broke
            log.warning("%s is not loaded: %s", served.id, problem)
            said = re.sub(r" \(.*\)(?=;)", "", str(problem).replace(str(served.path), served.name))
            raise EcgsynthError(said) from None
        return Loaded(
            served, synthesizer, Batcher(Together(synthesizer), self.batch_s, self._computing)
        )


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return str(path), status.st_size, status.st_mtime_ns, status.st_ino


def _served(name: str, path: Path, shipped: bool) -> Served | str:
    """What a file holds, from its card alone; the reason where it cannot be used."""
    from pydantic import ValidationError
    from safetensors import SafetensorError, safe_open

    from ecgsynth.signals.spec import Spec
    from ecgsynth.synthesizer.card import Card

    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with safe_open(path, "np") as weights:
            card = json.loads((weights.metadata() or {}).get("card", "null"))
    except (SafetensorError, ValueError, RecursionError):
        return f"{path.name} is not a whole safetensors file; copy or train it again."
    if not isinstance(card, dict) or not isinstance(card.get("spec"), dict):
        return f"{path.name} carries no card, so it is not a model of ecgsynth."
    one = Served(name, path, digest, card, shipped)
    try:
        Spec.from_json(Card.model_validate(card).spec)
    except (ValidationError, EcgsynthError):
        return f"the card in {path.name} is damaged; copy or train it again."
    if not PLAIN.fullmatch(one.id):  # files are named by it
        return f"its id '{one.id[:80]}' is no plain name (letters, digits, _ . -); save it anew."
    return one
