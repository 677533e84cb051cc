"""`GET /v1/formats`, `/v1/datasets`, `/v1/plans`: names for other requests."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from ecgsynth.augmentation.plan import Plan
from ecgsynth.recipes import shipped
from ecgsynth.registry import DATASETS, FORMATS
from ecgsynth.service import real_sets

router = APIRouter(prefix="/v1", tags=["choices"])


class Format(BaseModel):
    """suffix: of its files; "/" is a folder. single_file: whether a set is one file of it."""

    name: str
    suffix: str
    about: str
    single_file: bool


class Formats(BaseModel):
    """Formats that are written."""

    formats: list[Format]


@router.get("/formats", summary="Formats of files")
async def formats() -> Formats:
    """Every registered format."""

    def list_formats() -> list[Format]:
        about = FORMATS.descriptions()
        suffix = {name: FORMATS.get(name).suffixes[0] for name in FORMATS.names()}
        return [
            Format(name=n, suffix=suffix[n], about=about[n], single_file=suffix[n] != "/")
            for n in FORMATS.names()
        ]

    return Formats(formats=await asyncio.to_thread(list_formats))


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
