"""Mutated files of every format: none ends in a traceback, in a hang, or in much memory.

`nice python -m benchmarks.mutations --count 10000` writes one small file of each format, with and
without what only ecgsynth reads of it, mutates it, reads each mutation, and keeps the counts in
`benchmarks/results/mutations.json` as it goes; `--minutes 15` ends the processor's time that all
formats share. A format runs in a process of its own, whose memory is its own too. A second run
goes on where the first ended.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats.contract import named
from ecgsynth.registry import FORMATS
from ecgsynth.testpack.cases import SMALL

HANG_S, MOST_MB, CHUNK = 20, 300, 500


def base_files(name: str, folder: Path) -> list[dict[str, bytes]]:
    """The files of one record, main file first: as ecgsynth writes them, and as of others."""
    kind = named(name)
    ecg, _ = SMALL.draw(0)
    whole = folder / f"whole{kind.endings[0] if kind.container == 'file' else ''}"
    formats.write(ecg, whole, name)
    held = [*whole.iterdir()] if whole.is_dir() else [*folder.glob("whole.*")]
    held.sort(key=lambda file: (not file.name.endswith(kind.endings), file.name))
    own = {file.name: file.read_bytes() for file in held}
    # Under another maker's name, of the same length, the facts of ecgsynth are not known.
    others = {key: re.sub(rb"(?i)ecgsynth", b"otherone", text) for key, text in own.items()}
    same = others == own or read_mutation(name, others, folder)
    return [own] if same else [own, others]


def mutations(content: bytes, seed: int) -> Iterator[bytes]:
    """A file, again and again, with bytes or numbers changed, parts cut out, doubled or swapped,
    numbers at their limits, or without its end."""
    rng = np.random.default_rng(seed)
    digits = [match.start() for match in re.finditer(rb"[0-9]", content)]
    limits = [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\0\0", b"\x01\0\0\0"]
    words = [b"99999999", b"-1      ", b"1e308", b"nan", b"0", b"inf", b"\xc3\x28", b"&x;", b"\0"]
    k = 0
    while content:
        bad = bytearray(content)
        # Headers are short beside the samples: half of the faults are put near the beginning.
        size = len(bad) if rng.random() < 0.5 else min(len(bad), 2000)
        at, length = int(rng.integers(size)), int(rng.integers(1, 40))
        choice = k % 8
        if choice == 0:
            for place in rng.integers(0, size, 8):
                bad[place] = int(rng.integers(256))
        elif choice == 1:
            del bad[at : at + length]
        elif choice == 2:
            bad[at:at] = bad[at : at + length] * int(rng.integers(1, 5))
        elif choice == 3:
            bad[at : at + 4] = limits[int(rng.integers(len(limits)))]
        elif choice == 4:
            word = words[int(rng.integers(len(words)))]
            bad[at : at + len(word)] = word
        elif choice == 5 and digits:
            for place in rng.choice(digits, 2):
                bad[place] = int(rng.choice([*b"0123456789-.e "]))
        elif choice == 6:
            one = bad[at : at + length]
            other = int(rng.integers(len(bad)))
            bad[at : at + length] = bad[other : other + length]
            bad[other : other + len(one)] = one
        else:
            del bad[at:]
        yield bytes(bad)
        k += 1


def read_mutation(name: str, files: Mapping[str, bytes], folder: Path) -> str:
    """What the reader does: "" for a set, or the sentence in which it refuses.

    Raises
    ------
    Exception: whatever is no sentence.
    """
    kind = named(name)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    main = folder if kind.container == "folder" else folder / next(iter(files))
    try:
        formats.read_silently(main, name)
    except EcgsynthError as problem:
        sentence = str(problem)
        if not sentence or "\n" in sentence or "Traceback" in sentence:
            raise AssertionError(f"no sentence: {sentence!r}") from problem
        return sentence
    return ""


def mutated(bases: list[dict[str, bytes]], number: int) -> dict[str, bytes]:
    """The mutation of a number: of one file of one base, chosen in turn."""
    base = bases[number % len(bases)]
    names = [*base, *[next(iter(base))] * len(base)]  # the main file more often
    file = names[number // len(bases) % len(names)]
    source = mutations(base[file], number)
    for _ in range(number // 7 % 8):
        next(source, None)
    return {**base, file: next(source, b"")}


def run(name: str, first: int, count: int) -> dict[str, Any]:
    """Mutations of one format from a number on; what went wrong, with the number of each."""

    def hang(*_: object) -> None:
        raise TimeoutError(f"more than {HANG_S} s of the processor")

    logging.getLogger("ecgsynth").disabled = True
    signal.signal(signal.SIGVTALRM, hang)
    faults: list[dict[str, Any]] = []
    refused = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "one"
        folder.mkdir()
        (Path(place) / "base").mkdir()
        bases = base_files(name, Path(place) / "base")
        read_mutation(name, bases[0], folder)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for number in range(first, first + count):
            signal.setitimer(signal.ITIMER_VIRTUAL, HANG_S)
            try:
                refused += bool(read_mutation(name, mutated(bases, number), folder))
            except Exception as problem:
                last = traceback.extract_tb(problem.__traceback__)[-1]
                where = f"{Path(last.filename).name}:{last.lineno}"
                what = f"{type(problem).__name__}: {problem}"[:200]
                faults.append({"number": number, "what": what, "where": where})
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
            if more > MOST_MB:
                faults.append({"number": number, "what": f"{more:.0f} MB"})
                before += more
    memory = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before)
    return {
        "count": count, "refused": refused, "memory_mb": memory, "faults": faults,
        "cpu_seconds": round(time.process_time(), 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", default="benchmarks/results/mutations.json")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=1e9, help="of the processor, in all")
    parser.add_argument("--format", nargs="*", default=FORMATS.names())
    parser.add_argument("--part", nargs=3, metavar=("FORMAT", "FIRST", "COUNT"))
    arguments = parser.parse_args()
    if arguments.part:
        name, first, count = arguments.part
        print(json.dumps(run(name, int(first), int(count))))
        return
    place, spent = Path(arguments.to), 0.0
    results: dict[str, Any] = json.loads(place.read_text()) if place.is_file() else {}
    for k in range(0, arguments.count, CHUNK):  # all formats in turn, so that none is left out
        for name in arguments.format:
            done = results.setdefault(
                name, {"count": 0, "refused": 0, "memory_mb": 0, "faults": [], "cpu_seconds": 0}
            )
            if done["count"] > k or spent > 60 * arguments.minutes:
                continue
            part = [name, str(done["count"]), str(min(CHUNK, arguments.count - k))]
            command = [sys.executable, "-m", "benchmarks.mutations", "--part", *part]
            found = json.loads(subprocess.check_output(command).splitlines()[-1])
            spent += found["cpu_seconds"]
            for key in ("count", "refused", "faults", "cpu_seconds"):
                done[key] += found[key]
            done["cpu_seconds"] = round(done["cpu_seconds"], 1)
            done["memory_mb"] = max(done["memory_mb"], found["memory_mb"])
            print(name, done["count"], found["faults"], flush=True)
            with atomic_write(place) as temporary:
                temporary.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
