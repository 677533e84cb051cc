"""Age and sex of the people of a data set, as far as it states them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.header import read_header
from ecgsynth.registry import DATASETS
from ecgsynth.signals.acquisition import person_of_comments

Person = tuple[float | None, str | None]
"""(age in years, "F" or "M"); None where it is not stated."""


def people(source: str) -> dict[str, Person]:
    """Patient -> (age, sex) of a set by its `Ecg.source`, such as "mitbih:heldout".

    Asks the data set's static method `people`; {} where there is no such data set, where it states
    nothing about its people, or where its recordings are not here.
    """
    try:
        read_people = getattr(DATASETS.get(source.partition(":")[0]), "people", None)
        return read_people() if read_people is not None else {}
    except EcgsynthError:
        return {}


def people_of_headers(folder: Path, patient_of: Mapping[str, str]) -> dict[str, Person]:
    """Age and sex from the comments of WFDB headers.

    patient_of: name of a record -> its patient. Of a patient with several records, the first that
    states something counts; a header that is missing or damaged is ignored.
    """
    found: dict[str, Person] = {}
    for record, patient in patient_of.items():
        try:
            comments = read_header(folder / record).comments
        except EcgsynthError:
            continue
        person = person_of_comments(" \n".join(comments))
        if person != (None, None) and patient not in found:
            found[patient] = person
    return found
