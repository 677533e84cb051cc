"""A study: its settings, its recordings, its generators, and the folder that remembers them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.augmentation.generators import (
    FLAGSHIP,
    FREE,
    PLAIN,
    Generator,
    check_generator,
    learned_from,
)
from benchmarks.augmentation.recordings import Recordings
from benchmarks.augmentation.settings import Seeds, Settings
from ecgsynth.augmentation.gate import Gate
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.reference_models.resnet import ResNet1D
from ecgsynth.files import atomic_write
from ecgsynth.signals.fingerprint import fingerprint
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.snapshots import flatten_settings


@dataclass
class Study:
    """A folder, what it is about, and what it has at hand; gates: the one that was fitted last."""

    folder: Path
    settings: Settings
    seeds: Seeds
    generators: dict[str, Generator]
    recordings: Recordings = field(repr=False)
    gates: dict[tuple[int, int], Gate] = field(default_factory=dict, repr=False)

    @cached_property
    def digests(self) -> dict[str, dict[str, str]]:
        """Arm -> model -> hash, of the generators that are trained."""
        return {name: one.digest() for name, one in self.generators.items()}

    @property
    def arms(self) -> tuple[str, ...]:
        return (*PLAIN, *FREE, *self.generators)

    @property
    def curve_arms(self) -> tuple[str, ...]:
        return ("weights", *FREE, *([FLAGSHIP] if FLAGSHIP in self.generators else []))

    def repeats(self, arm: str) -> int:
        """Generator seeds of an arm."""
        if arm in self.generators:
            return min(self.seeds.generators, len(self.generators[arm].models))
        return self.seeds.generators if arm == "gaussian" else 1

    def remember(self) -> None:
        """Write `study.json`, or find that the folder holds this very study; generators of
        earlier calls are taken up again.

        Raises
        ------
        EcgsynthError: the folder holds another study; the sentence says what differs.
        """
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "study.json"
        self.__dict__.pop("digests", None)  # a training may have ended since
        with FileLock(self.folder / ".study.lock"):
            before = _read(path)
            for name, kept in before.get("generators", {}).items():
                self.generators.setdefault(
                    name, Generator(name, tuple(kept["models"]), kept["recipe"])
                )
            now = json.loads(json.dumps(self._facts()))
            differences = _differences(before, now)
            if differences:
                raise EcgsynthError(
                    f"{self.folder} holds another study ({'; '.join(differences)}); take the same "
                    "settings, or another --work."
                )
            if now != before:
                with atomic_write(path) as temporary:
                    temporary.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")

    def check(self) -> None:
        """Load every generator once: what may not stand in the study is refused at the door.

        Raises
        ------
        EcgsynthError: see `generators.check_generator` and `learned_from`.
        """
        real = self.recordings
        for name, digests in self.digests.items():
            for model in digests:
                loaded = Synthesizer.load(model)
                check_generator(loaded, name, real.train, real.rare)
                learned_from(loaded, name, real.train.source)

    def _facts(self) -> dict[str, Any]:
        spec = self.recordings.train.spec
        net = ResNet1D(len(spec.leads), len(spec.classes), 1.0)
        return {
            "settings": asdict(self.settings),
            "recordings": {
                name: fingerprint(getattr(self.recordings, name))[:16]
                for name in ("train", "validation", "test")
            },
            "classifier": {"parameters": sum(p.numel() for p in net.parameters())},
            "generators": {
                name: asdict(one) | {"sha256": self.digests[name]}
                for name, one in self.generators.items()
            },
        }


def settings_of(folder: Path, given: Mapping[str, Any]) -> Settings:
    """The settings of a folder that is a study already, else the usual ones, changed as given."""
    known = _read(folder / "study.json").get("settings", {})
    kept: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in known.items()}
    try:
        return replace(Settings(**kept), **given)
    except TypeError:
        raise EcgsynthError(
            f"{folder}/study.json is of another version of the study; take another --work."
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise EcgsynthError(f"{path} is damaged; put it back, or take another --work.") from None
    return found


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """`key: old -> new` of what both know; generators and points of the curve may be added, and
    generators trained, but not exchanged."""
    if not before:
        return []
    old, new = flatten_settings(dict(before)), flatten_settings(dict(now))
    differences = []
    for key in sorted({*old} & {*new}):
        longer = key.endswith(".models") and new[key].startswith(old[key].removesuffix("]"))
        more = key == "settings.ns" and {*json.loads(old[key])} <= {*json.loads(new[key])}
        if old[key] != new[key] and not (longer or more):
            differences.append(f"{key}: {old[key]} -> {new[key]}")
    return differences
