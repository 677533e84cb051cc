"""What a test pack states of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ecgsynth.formats.contract import Format
from ecgsynth.testpack.cases import Case

LICENCE = """CC0 1.0 Universal

The files of this folder were computed by ecgsynth; no recording of a person is in them. To the
extent possible under law, whoever made this folder has waived all copyright and related rights to
it: https://creativecommons.org/publicdomain/zero/1.0/

They are provided as they are, without warranty of any kind, and not for diagnosis.
"""

TEXT = """# ECG files for the tests of a reader

**SYNTHETIC ECG: not from a patient and not for diagnosis.** Simulated by ecgsynth, seed {seed}; the
same seed gives the same bytes. `pack.json` has the SHA-256 of every file. Licence: CC0 1.0.

## Recordings

A folder a recording. It holds the recording in each format, and its truth:

- `truth.json`, by `truth.schema.json` (version 1): leads, rate, person, start, statements, beats,
  rhythms, waves, faults of the recorder, and the files with the step of their amplitudes.
- `truth.npz`: `data[0]` is the signal, [lead, sample] in mV, NaN where there is no value.

A reader is right where its amplitudes are within half a step of the truth, or within a step where
limb leads follow from I and II. `lost` of a file names what its format has no place for.

{cases}

{table}

Numbers name why a format does not hold a recording:

{reasons}

`files.csv` has the same, a row a file.

## Broken files

`broken/FORMAT/` has files with one fault each, and a whole one, from which they were made.
`broken/files.csv` has, for each, the kind of the fault, what a reader should state, and what
ecgsynth states. A reader should give an error for each of them, and should neither crash, hang, nor
take more memory than the file is worth. Warning: those of the kind `harmful` are attacks, of which
each is harmless by itself: entities of XML, elements in each other, an object of Python.
"""


def readme(
    rows: Sequence[tuple[str, str, str, str]], cases: Sequence[Case],
    kinds: Mapping[str, type[Format]], seed: int,
) -> str:  # fmt: skip
    """The page; rows: case, format, file, and why there is none."""
    held = {(case, name): reason for case, name, _, reason in rows}
    there = [case for case in cases if any(case.name == one for one, _ in held)]
    reasons: list[str] = []
    lines = []
    for case in there:
        cells = []
        for name in kinds:
            reason = held[case.name, name]
            if reason and reason not in reasons:
                reasons.append(reason)
            cells.append(f"no ({reasons.index(reason) + 1})" if reason else "yes")
        lines.append(f"| `{case.name}` | {' | '.join(cells)} |")
    titles = " | ".join(kind.title for kind in kinds.values())
    head = [f"| recording | {titles} |", "|---" * (len(kinds) + 1) + "|"]
    numbered = [f"{k}. {reason}" for k, reason in enumerate(reasons, 1)]
    return TEXT.format(
        seed=seed, table="\n".join(head + lines), reasons="\n".join(numbered) or "(none)",
        cases="\n".join(f"- `{case.name}`: {case.text}" for case in there),
    )  # fmt: skip
