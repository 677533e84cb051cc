"""EDF files as others write them, and files of which bytes were changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ecgsynth.formats.edf.header import Channel, Header


def channel(label: str, unit: str = "mV", *, samples: int = 100, **more: object) -> Channel:
    """A signal of 100 samples a record, in steps of 1/200 mV where nothing else is given."""
    facts = {"physical": (-10.24, 10.235), "digital": (-2048, 2047)} | more
    return Channel(label, unit, samples=samples, **facts)  # type: ignore[arg-type]


def annotations(samples: int = 60) -> Channel:
    return Channel("EDF Annotations", "", (-1, 1), (-32768, 32767), samples)


def write_edf(
    path: Path, channels: Sequence[Channel], parts: Sequence[Sequence[object]], *,
    kind: str = "", seconds: str = "1", records: int | None = None, width: int = 2,
    patient: str = "X X X X", recording: str = "Startdate 02-MAR-2001 X X X",
) -> Path:  # fmt: skip
    """Write a file; parts: [record][channel] steps, or the bytes of annotations."""
    count = len(parts) if records is None else records
    header = Header(width, patient, recording, None, kind, count, seconds, tuple(channels))
    with open(path, "wb") as file:
        file.write(header.to_bytes())
        for record in parts:
            for one, content in zip(channels, record, strict=True):
                size = width * one.samples
                if isinstance(content, bytes):
                    file.write(content.ljust(size, b"\0")[:size])
                else:
                    steps = np.broadcast_to(np.asarray(content, "<i4"), one.samples)
                    raw = np.ascontiguousarray(steps).view(np.uint8).reshape(-1, 4)
                    file.write(raw[:, :width].tobytes())
    return path


def mutations(content: bytes, count: int, head: int) -> Iterator[bytes]:
    """The content with bytes changed, cut out, doubled or cut off, mostly within its head."""
    rng = np.random.default_rng(0)
    for k in range(count):
        changed = bytearray(content)
        top = min(head, len(content)) if k % 4 else len(content)
        for at in rng.integers(0, top, rng.integers(1, 6)).tolist():
            changed[at] = int(rng.integers(256)) if k % 3 else ord("0123456789 -.~+"[at % 15])
        if k % 7 == 0:
            at = int(rng.integers(len(content)))
            changed = changed[:at]
        if k % 11 == 0:
            at = int(rng.integers(top))
            changed[at:at] = changed[at : at + 50]
        yield bytes(changed)
