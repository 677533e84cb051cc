"""`GET /v1/formats`, `/v1/datasets`, `/v1/plans`: names for other requests."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from ecgsynth.augmentation.plan import Plan
from ecgsynth.formats import contract
from ecgsynth.recipes import shipped
from ecgsynth.registry import DATASETS, FORMATS
from ecgsynth.service import real_sets
from ecgsynth.service.files import uploads

router = APIRouter(prefix="/v1", tags=["choices"])


class Format(BaseModel):
    """suffix: of its files; "/" is a folder. single_file: whether a set is one file of it.
    media_type: of what comes back, which is a zip where `zipped`. units: of signals that it holds.
    bits and step_mv (mV): of its samples; null where it keeps floating point or text, and every
    digit. leads: that it can hold; null for any. keeps: what comes back beside the signals.
    uploads: endings under which a set of it may be sent in."""

    name: str
    title: str
    suffix: str
    suffixes: list[str]
    about: str
    single_file: bool
    media_type: str
    zipped: bool
    units: list[str]
    bits: int | None
    step_mv: float | None
    leads: list[str] | None
    keeps: list[str]
    one_record: bool
    streams: bool
    uploads: list[str]

    @classmethod
    def of(cls, name: str, about: str) -> Format:
        """The choice that a registered format is."""
        kind = contract.named(name)
        zipped = contract.zipped(kind)
        return cls(
            name=name, title=kind.title, suffix=kind.endings[0], suffixes=[*kind.endings],
            about=about, single_file=not contract.in_folder(kind),
            media_type="application/zip" if zipped else kind.media_type, zipped=zipped,
            units=[*kind.units], bits=kind.bits, step_mv=kind.step_mv,
            leads=None if kind.leads is None else [*kind.leads],
            keeps=[words for key, words in contract.KEEPABLE.items() if key in kind.keeps],
            one_record=kind.one_record, streams=kind.streams, uploads=uploads.endings_of(kind),
        )  # fmt: skip


class Formats(BaseModel):
    """usual: the format where none is asked for. accept: endings of what may be uploaded;
    accept_text: the same in words."""

    formats: list[Format]
    usual: str
    accept: list[str]
    accept_text: str


@router.get("/formats", summary="Formats of files")
async def formats() -> Formats:
    """Every registered format."""

    def installed_formats() -> Formats:
        return Formats(
            formats=[Format.of(name, about) for name, about in FORMATS.descriptions().items()],
            usual=contract.USUAL,
            accept=uploads.accepted(),
            accept_text=uploads.sentence(),
        )

    return await asyncio.to_thread(installed_formats)


class Dataset(BaseModel):
    """here: whether its recordings are on this server, so that evaluations can use its splits."""

    name: str
    about: str
    splits: list[str]
    here: bool


class Datasets(BaseModel):
    """Real sets that can be judged against."""

    datasets: list[Dataset]


@router.get("/datasets", summary="Sets of real recordings")
async def datasets() -> Datasets:
    """Values of `against` and `train` of an evaluation, as NAME:SPLIT."""

    def list_formats() -> list[Dataset]:
        about = DATASETS.descriptions()
        return [
            Dataset(
                name=n, about=about[n], splits=[*DATASETS.get(n).splits], here=real_sets.is_here(n)
            )
            for n in real_sets.known()
        ]

    return Datasets(datasets=await asyncio.to_thread(list_formats))


class PlanView(BaseModel):
    """classes: the settings of each class."""

    name: str
    description: str
    classes: dict[str, dict[str, Any]]


class Plans(BaseModel):
    """Shipped plans of augmentations."""

    plans: list[PlanView]


@router.get("/plans", summary="Shipped plans of augmentations")
async def plans() -> Plans:
    """Values of `plan` of an augmentation."""

    def list_formats() -> list[PlanView]:
        read = [Plan.read(name) for name in shipped("augmentation")]
        return [
            PlanView(name=one.name, description=one.description, classes=one.to_dict()["classes"])
            for one in read
        ]

    return Plans(plans=await asyncio.to_thread(list_formats))
