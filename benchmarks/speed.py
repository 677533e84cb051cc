"""Speed of what people wait for, as printed in docs/results/speed.md: `python -m benchmarks.speed`.

Ratios are measured in one run against a yardstick of the same machine (a matrix product), so that
a slower machine does not look like a slower program.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def best(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of several calls."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def command(*words: str) -> Callable[[], object]:
    """A call of the command in a process of its own."""
    return lambda: subprocess.run(
        [sys.executable, "-m", "ecgsynth", *words], check=True, capture_output=True
    )


def processor_seconds(*words: str) -> float:
    """Least user and system time of a call of the command; other work on the machine adds none."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    found = []
    for _ in range(5):
        before = used()
        command(*words)()
        found.append(used() - before)
    return min(found)


def main() -> None:
    import torch

    from ecgsynth.datasets import load
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.synthesizer import Synthesizer

    threads = torch.get_num_threads()
    square = torch.randn(2048, 2048)
    product = best(lambda: square @ square)
    rate = 2 * 2048**3 / product / 1e9
    print(f"{threads} threads; yardstick: {rate:,.0f} GFLOP/s (matrix product)")

    model = Synthesizer.load("mitbih-beats")
    generator, condition = model.generator, _condition(model, 1024)
    latent = torch.randn(1024, _latent(generator))
    with torch.inference_mode():
        generator(latent, condition)
        seconds = best(lambda: generator(latent, condition), 10)
    operations = _operations(generator, latent, condition)
    rate = 1024 / seconds
    share = rate * operations / (2 * 2048**3 / product)
    print(f"generator, batch 1024: {rate:,.0f} beats/s of {model.spec.samples} samples; "
          f"{operations / 1e6:.1f} MFLOP a beat, {share:.0%} of the yardstick")  # fmt: skip
    count = 20_000
    seconds = best(lambda: [None for _ in model.stream(count)], 2)
    print(f"stream, with noise, context and mV: {count / seconds:,.0f} beats/s")

    for command_words in ([], ["generate"], ["evaluate"], ["train"]):
        line = " ".join(["ecgsynth", *command_words, "--help"])
        print(f"{line}: {processor_seconds(*command_words, '--help'):.2f} s of a core")
    with tempfile.TemporaryDirectory() as folder:
        words = ("generate", "mitbih-beats", "--count", "100", "--to", f"{folder}/x.npz")
        print(f"ecgsynth generate --count 100: {best(command(*words)):.2f} s")
    try:
        load("mitbih", "ds1")
    except EcgsynthError as problem:
        print(f"reading recordings: left out ({problem})")
        return
    _reading()


SPLITS = {"mitbih": ("ds1", "ds2"), "svdb": ("train",), "qtdb": ("all",)}
"""Of each database, all that is there: reading one split parses every record."""


def _reading() -> None:
    """From files to beats with an empty cache, then from the cache: DS1 + DS2, and with SVDB and
    QTDB where these are there."""
    from ecgsynth.datasets.store import data_root

    root = data_root().resolve()
    with tempfile.TemporaryDirectory() as folder:
        for name in SPLITS:
            if (root / name).is_dir():
                (Path(folder) / name).symlink_to(root / name)
        os.environ["ECGSYNTH_DATA"] = folder
        _time_reading("DS1 + DS2", {"mitbih"})
        shutil.rmtree(Path(folder) / "cache", ignore_errors=True)
        _time_reading("MIT-BIH, SVDB and QTDB", {n for n in SPLITS if (Path(folder) / n).exists()})


def _time_reading(title: str, names: set[str]) -> None:
    from ecgsynth.datasets import load

    def read() -> int:
        return sum(len(load(name, split)) for name in sorted(names) for split in SPLITS[name])

    start, own = time.perf_counter(), time.process_time()
    count = read()
    cold, core = time.perf_counter() - start, time.process_time() - own
    print(
        f"{title}, files to {count:,} beats: {cold:.1f} s cold ({core:.1f} s of a core), "
        f"{best(read):.3f} s from the cache"
    )


def _latent(generator: Any) -> int:
    return generator.latent


def _condition(model, count: int):  # type: ignore[no-untyped-def]
    import torch

    from ecgsynth.models import Condition

    label = torch.eye(len(model.spec.classes))[torch.arange(count) % len(model.spec.classes)]
    return Condition(
        label, torch.randn(count, len(model.spec.context)), torch.arange(count) % model.card.styles
    )


def _operations(generator, latent, condition) -> float:  # type: ignore[no-untyped-def]
    """Floating point operations of one item, counted by PyTorch."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        generator(latent, condition)
    return counter.get_total_flops() / len(latent)


if __name__ == "__main__":
    main()
