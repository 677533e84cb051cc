"""WFDB records with one fault, in the header or in the files that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecgsynth.formats.breaking import (
    CUT,
    WRONG,
    Broken,
    Files,
    main_of,
    usual_faults,
    with_main,
)

RECORD = re.compile(rb"^(\S+) (\d+) (\S+) (\d+)", re.MULTILINE)
"""The first line of a header: name, signals, rate, samples."""


def record_faults(files: Files) -> Iterator[Broken]:
    """A header that contradicts itself or its samples, samples that are absent or cut short."""
    header = main_of(files)
    samples = next(name for name in files if name.endswith(".dat"))
    absent = {name: content for name, content in files.items() if name != samples}
    half = {**files, samples: files[samples][: len(files[samples]) // 2]}
    yield from (one for one in usual_faults(files) if one.name != "cut-in-samples")
    yield Broken("cut-in-samples", half, CUT, "the file of samples is cut short")
    yield Broken("no-samples", absent, CUT, "the file of samples is not there")
    for name, line, reason in (
        ("more-samples", rb"\1 \2 \3 9\4", "more samples than there are"),
        ("more-signals", rb"\1 9\2 \3 \4", "more signals than it has lines"),
        ("no-rate", rb"\1 \2 0 \4", "a rate of 0 Hz"),
        ("signals-in-words", rb"\1 many \3 \4", "a number of signals in words"),
    ):
        broken = with_main(files, RECORD.sub(line, header, count=1))
        yield Broken(name, broken, WRONG, f"the header states {reason}")
    unknown = with_main(files, header.replace(b".dat 16 ", b".dat 999 "))
    yield Broken("unknown-format", unknown, WRONG, "the header states a format of samples 999")
