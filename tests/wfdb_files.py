"""WFDB files written byte by byte after PhysioNet's signal(5), header(5) and annot(5)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

CODES = ' NLRaVFJASEj/Q~ | sT*D"=pB^t+u?![]en@xf()r'
CODE_OF = {symbol: code for code, symbol in enumerate(CODES)}


def packed(steps: np.ndarray, format: int) -> bytes:
    """Flat samples in one of the formats; those of 8 are differences already."""
    steps = np.asarray(steps, np.int64)
    if format in (8, 16, 61, 32):
        return steps.astype({8: "i1", 16: "<i2", 61: ">i2", 32: "<i4"}[format]).tobytes()
    if format in (80, 160):
        return (steps + (128 if format == 80 else 32768)).astype(f"<u{format // 80}").tobytes()
    if format == 24:
        return b"".join(int(s).to_bytes(3, "little", signed=True) for s in steps)
    group, bits = (2, 12) if format == 212 else (3, 10)
    rows = np.pad(steps, (0, -len(steps) % group)).reshape(-1, group)
    out = b""
    for row in (rows & ((1 << bits) - 1)).tolist():
        if format == 212:
            out += bytes([row[0] & 255, row[0] >> 8 | row[1] >> 8 << 4, row[1] & 255])
        elif format == 310:
            for k in (0, 1):
                fifth = row[2] >> 5 * k & 31
                out += (row[k] << 1 | fifth << 11).to_bytes(2, "little")
        else:
            out += (row[0] | row[1] << 10 | row[2] << 20).to_bytes(4, "little")
    return out


def write_record(
    folder: Path,
    name: str,
    signals: Sequence[np.ndarray],
    *,
    first: str | None = None,
    lines: Sequence[str] | None = None,
    fs: str = "250",
    format: int = 16,
    gain: str = "1000(0)/mV",
    leads: Sequence[str] = ("II", "V1", "V5"),
    frames: int | None = None,
) -> None:
    """A record of one file, `frames` times (all samples of a frame of every signal in turn).

    signals: [sample] in steps. first: the record's line; lines: those of the signals, both made
    up where not given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frames = frames or len(signals[0])
    rows = np.concatenate([np.reshape(signal, (frames, -1)) for signal in signals], axis=1)
    (folder / f"{name}.dat").write_bytes(packed(rows.reshape(-1), format))
    made = [
        f"{name}.dat {format}x{len(signal) // frames} {gain} 16 0 {signal[0]} {checksum(signal)} 0 "
        f"{lead}"
        for signal, lead in zip(signals, leads, strict=False)
    ]
    head = first or f"{name} {len(signals)} {fs} {frames}"
    text = "\n".join([head, *(lines or made)]) + "\n"
    (folder / f"{name}.hea").write_text(text, encoding="utf-8")


def checksum(signal: np.ndarray) -> int:
    return int(np.asarray(signal, np.int64).sum()) % 65536


def annotated(
    path: Path,
    ticks: Sequence[int] | np.ndarray,
    symbols: Sequence[str] | str,
    *,
    rate: str = "",
    notes: Sequence[str] = (),
    subtypes: Sequence[int] = (),
    before: Sequence[str] = (),
    end: bytes = b"\0\0",
) -> None:
    """An annotation file; before: comments at time 0, `rate`: the resolution that it states."""
    comments = [f"## time resolution: {rate}"] if rate else []
    out = b"".join(_word(22, 0) + _text(text) for text in [*comments, *before])
    last = 0
    for k, (tick, symbol) in enumerate(zip(np.asarray(ticks).tolist(), symbols, strict=True)):
        step, last = tick - last, tick
        if not 0 <= step < 1024:
            out += _word(59, 0) + (step >> 16 & 65535).to_bytes(2, "little")
            out += (step & 65535).to_bytes(2, "little")
            step = 0
        out += _word(CODE_OF[symbol], step)
        if subtypes and subtypes[k]:
            out += _word(61, subtypes[k] & 255)
        if notes and notes[k]:
            out += _text(notes[k])
    path.write_bytes(out + end)


def _word(code: int, low: int) -> bytes:
    return (code << 10 | low).to_bytes(2, "little")


def _text(text: str) -> bytes:
    content = text.encode()
    return _word(63, len(content)) + content + b"\0" * (len(content) % 2)
