"""The plan of a corpus: how many of what, read from YAML, and the shards that it falls into."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import contract
from ecgsynth.recipes import read_recipe
from ecgsynth.registry import FORMATS
from ecgsynth.settings import Rate, Settings, TopLevelSettings

SIMULATOR = "simulator"

MOST_SHARDS = 1_000_000

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
"""Of a part, which is the beginning of the names of its files."""

Count = Annotated[int, Field(ge=1, le=10**12)]


class Part(Settings):
    """Items of one kind: those of a model, or recordings of a rhythm.

    With a `rhythm`, every item is a recording of it, of `hours`, by the simulator or by a model of
    recordings. Without, items are those of `ecgsynth generate`.
    """

    model: str = Field(SIMULATOR, min_length=1, description="name, file or run; or simulator")
    count: Count | dict[str, Count] = Field(description="items, or items of each class")
    label: tuple[str, ...] = Field((), description="classes that take turns; of the person")
    context: dict[str, float | str] = Field({}, description="contexts that are held fixed")
    people: int | None = Field(None, ge=1, description="of so many synthetic people")
    rhythm: str = Field("", description="as of `ecgsynth rhythm`")
    hours: float | None = Field(None, gt=0, description="of a recording; else sum of the rhythm")
    leads: int | tuple[str, ...] | None = Field(None, description="of a recording")
    fs: Rate | None = Field(None, description="Hz; else the model's, of recordings 250")
    waves: bool = Field(True, description="the simulator marks P, QRS and T, too")
    noise: tuple[str, ...] = Field((), description="kinds of noise, as of `ecgsynth record`")
    snr: float | str = Field("", description="dB or a schedule; needed with noise")
    items_per_shard: int | None = Field(None, ge=1, description="else that of the plan")

    @field_validator("label", "noise", "leads", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_kind(self) -> Part:
        recording = {"hours": self.hours, "leads": self.leads}
        if not self.rhythm:
            odd = [name for name, value in recording.items() if value is not None]
            if odd:
                raise ValueError(f"has {odd[0]}, which is of recordings; add a rhythm")
            if self.model == SIMULATOR:
                raise ValueError("needs a model, or a rhythm for the simulator")
        elif self.people is not None or not isinstance(self.count, int):
            raise ValueError("of recordings takes a plain count and no people")
        elif self.model == SIMULATOR and (self.label or self.context):
            raise ValueError("of the simulator takes no label or context; name a model of records")
        if isinstance(self.count, dict) and self.label:
            raise ValueError("takes counts of classes or label, not both")
        if bool(self.noise) and self.snr == "":
            raise ValueError("has noise without a ratio; add snr, as in snr: 12")
        return self

    @property
    def total(self) -> int:
        """Items of the part."""
        return self.count if isinstance(self.count, int) else sum(self.count.values())


@dataclass(frozen=True)
class Shard:
    """Items start ... stop - 1 of a part; number: among the shards of the plan."""

    number: int
    part: str
    name: str
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


class CorpusPlan(TopLevelSettings):
    """A corpus, whole: what `ecgsynth corpus` reads, and what the manifest keeps."""

    name: str = Field("corpus", min_length=1)
    description: str = ""
    licence: str = Field("", description="of the corpus, as an SPDX name or a URL")
    seed: int = Field(0, ge=0, lt=2**63)
    format: str = Field("parquet", description="of the shards")
    items_per_shard: int = Field(10_000, ge=1)
    parts: dict[str, Part] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_names(self) -> CorpusPlan:
        for name in self.parts:
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"has a part '{name}'; a name of a part is of up to 40 letters a-z, digits, "
                    "- and _"
                )
        if sum(self._counts(name) for name in self.parts) > MOST_SHARDS:
            raise ValueError(f"has more than {MOST_SHARDS:,} shards; raise items_per_shard")
        return self

    @classmethod
    def _title(cls) -> str:
        return "the plan"

    @classmethod
    def read(cls, plan: str | Path, *overrides: str) -> CorpusPlan:
        """A shipped plan by its name, or a YAML file, with `key=value` overrides.

        Raises
        ------
        EcgsynthError: no such plan, not YAML, an unknown key, a value that does not fit.
        """
        return cls.from_dict(read_recipe(plan, overrides, "corpus"))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> CorpusPlan:
        """A plan from what `to_dict` gave, or from the content of a YAML file."""
        plan = super().from_dict(content)
        if plan.format not in FORMATS.names():
            FORMATS.get(plan.format)
        return plan

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain values, without those that are not set."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_yaml(self) -> str:
        """The plan as YAML."""
        import yaml

        return yaml.safe_dump(self.to_dict(), sort_keys=False)

    def shards(self) -> Iterator[Shard]:
        """All shards, in order; which items each has depends on the plan alone."""
        number = 0
        for name, part in self.parts.items():
            size = part.items_per_shard or self.items_per_shard
            for k in range(self._counts(name)):
                stop = min((k + 1) * size, part.total)
                yield Shard(number, name, f"{name}-{k:06d}", k * size, stop)
                number += 1

    def file_of(self, shard: Shard) -> str:
        """Where a shard lies below the corpus; a name that ends in / is a folder."""
        kind = contract.named(self.format)
        ending = kind.endings[0]
        folder = "/" * (kind.one_record and ending != "/")
        return f"shards/{shard.name}{ending}{folder}"

    def seed_of(self, part: str) -> int:
        """The seed of a part's random numbers."""
        digest = hashlib.sha256(f"{self.seed}/{part}".encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1

    def _counts(self, name: str) -> int:
        part = self.parts[name]
        return -(-part.total // (part.items_per_shard or self.items_per_shard))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Where two nested mappings differ: "parts.beats.count: 100 -> 200"."""
    old, new = dict(_flat(before)), dict(_flat(after))
    return [
        f"{key}: {old.get(key, 'not set')} -> {new.get(key, 'not set')}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def check_same(before: Mapping[str, Any], after: Mapping[str, Any], sentence: str) -> None:
    """Check that two mappings are equal; sentence: the error, with {} for the differences.

    Raises
    ------
    EcgsynthError: they are not.
    """
    if found := differences(before, after):
        more = f"; and {len(found) - 5} more" * (len(found) > 5)
        raise EcgsynthError(sentence.format("; ".join(found[:5]) + more))


def _flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value if isinstance(value, str) else json.dumps(value)
