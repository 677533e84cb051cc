"""Gains by which the end of a renderer's band falls off as that of its training records does.

    python -m benchmarks.records.roll_off MODEL [--from HZ] [--count RECORDS]

prints `roll_off: [...]` for `model:` of its recipe. Filters leave a millionth of the power just
below half the rate, where a network leaves its error: a classifier would separate the two by that
alone. The gain of each Hz is the root of the ratio of mean powers, in training records (PTB-XL,
folds 1-8) and in records of the model.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

import ecgsynth as es
from benchmarks.records.systems import FS, generated, real_records

LEAST, MOST = 1e-3, 1.5
"""Least and largest gain."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name or file, whose own roll_off is counted in")
    parser.add_argument("--from", dest="first", type=int, default=34, metavar="HZ")
    parser.add_argument("--count", type=int, default=512, metavar="RECORDS")
    asked = parser.parse_args(words)
    model = es.Synthesizer.load(asked.model)
    made = generated(model, asked.count, seed=2)
    real = real_records("train")
    own = list(model.card.run["model"].get("roll_off", ()))
    print(f"roll_off: {gains(real.signal, made.signal, asked.first, own)}")


def gains(real: NDArray, made: NDArray, first: int, own: Sequence[float] = ()) -> list[float]:
    """One gain a Hz from `first` to half of FS.

    real, made: [item, lead, sample] at FS. own: gains that `made` has already, of its last Hz.
    """
    hz = np.arange(real.shape[-1]) * FS / 2 / real.shape[-1]
    log = [np.log(dct(x, axis=-1, norm="ortho") ** 2 + 1e-12).mean((0, 1)) for x in (real, made)]
    ratio = (log[0] - log[1]) / 2
    found = []
    for at in range(first, int(FS / 2) + 1):
        near = np.abs(hz - at) <= 0.25
        before = own[at - int(FS / 2) - 1] if int(FS / 2) - at < len(own) else 1.0
        gain = before * np.exp(ratio[near][-3:].mean() if at == int(FS / 2) else ratio[near].mean())
        found.append(round(float(np.clip(gain, LEAST, MOST)), 3))
    return found


if __name__ == "__main__":
    main()
