"""Train the delineator of the judge on LUDB: `python benchmarks/train_delineator.py`.

Learns from the splits train and validation (160 people), measures itself on test (40 others), and
writes the weights with that table into the package; about a quarter of an hour on one core.
`--splits train --on validation` leaves the test people alone while something is being tried.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from delineator import errors, ours, table
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, interpolate

from ecgsynth.datasets import load
from ecgsynth.datasets.ludb import marked_range
from ecgsynth.evaluation.reference_models.delineation import SHIPPED
from ecgsynth.evaluation.reference_models.unet import FS, UNet1D, load_delineator, save_delineator
from ecgsynth.signals.ecg import Ecg, concatenate
from ecgsynth.signals.filters import lowpass

WAVES = {"p": 1, "qrs": 2, "t": 3}
UNSEEN = -100
"""Where nobody marked; `cross_entropy` leaves such samples out."""

SAMPLES_A_STEP = 16_384
WEIGHT_DECAY = 0.01


def truth_of(ecg: Ecg) -> NDArray[np.int64]:
    """[item, lead, sample]: number of the wave; `UNSEEN` outside of the marked range."""
    assert ecg.marks is not None
    found = np.zeros(ecg.signal.shape, np.int64)
    marks = ecg.marks
    for wave, number in WAVES.items():
        for item in range(len(ecg)):
            for lead in range(len(ecg.spec.leads)):
                here = (marks.item == item) & (marks.lead == lead)
                starts = marks.sample[here & (marks.symbol == f"{wave}_onset")]
                stops = marks.sample[here & (marks.symbol == f"{wave}_offset")]
                for start in starts:
                    stop = stops[stops > start][:1]
                    if len(stop) and stop[0] - start < FS:
                        found[item, lead, start : stop[0] + 1] = number
    first, last = np.moveaxis(marked_range(ecg), -1, 0)
    at = np.arange(ecg.spec.samples)
    found[(at < first[..., None]) | (at > last[..., None])] = UNSEEN
    return found


def crops(
    signals: list[NDArray[np.float32]], truth: NDArray[np.int64], random: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of crops of one length, 0.6 to 10 s, changed as recordings differ.

    signals: the same rows as recorded and as seen through a 40-Hz low-pass.
    """
    seconds = float(np.exp(random.uniform(np.log(0.6), np.log(10.0))))
    seconds = random.choice([seconds, 0.711, 10.0], p=[0.6, 0.25, 0.15])
    length = round(seconds * FS)
    # Stretched in time by up to a fifth: fast and slow hearts, narrow and wide complexes.
    stretch = float(np.exp(random.uniform(-0.2, 0.2)))
    source = min(round(length * stretch), truth.shape[1])
    wave, label = [], []
    for _ in range(max(4, SAMPLES_A_STEP // length)):
        row = random.integers(len(truth))
        known = np.flatnonzero(truth[row] != UNSEEN)
        middle = random.choice(known)
        start = int(np.clip(middle - random.integers(source), 0, truth.shape[1] - source))
        if seconds < 1 and random.random() < 0.5:  # single beats stand with R where ours do
            beats = np.flatnonzero((truth[row, 1:] == 2) & (truth[row, :-1] != 2))
            beats = beats[(beats > 60) & (beats < truth.shape[1] - source)]
            if len(beats):
                start = int(random.choice(beats)) - round(0.2 * source) - random.integers(25)
        at = slice(max(start, 0), max(start, 0) + source)
        wave.append(signals[random.integers(len(signals))][row, at])
        label.append(truth[row, at])
    x = interpolate(torch.from_numpy(np.stack(wave))[:, None], length, mode="linear")[:, 0]
    names = torch.from_numpy(np.stack(label))[:, None].float()
    y = interpolate(names, length, mode="nearest-exact")[:, 0].long()
    return disturbed(x, random), y


def disturbed(x: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """With slow wander and noise of a share of the item's own SD."""
    draw = torch.Generator().manual_seed(int(random.integers(2**31)))
    count, length = x.shape
    sd = x.std(1, keepdim=True)
    time = torch.arange(length) / FS
    hz, phase = (torch.rand(count, 2, 1, generator=draw) for _ in range(2))
    sway = torch.sin(2 * torch.pi * (0.6 * hz * time + phase)).sum(1)
    strength = torch.rand(count, 2, 1, generator=draw) ** 3
    noise = torch.randn(count, length, generator=draw)
    smooth = torch.nn.functional.avg_pool1d(noise[:, None], 3, 1, 1)[:, 0]
    pick = torch.rand(count, 1, generator=draw) < 0.5
    noise = torch.where(pick, noise, smooth)
    return x + sd * (strength[:, 0] * sway + 0.25 * strength[:, 1] * noise)


def train(ecg: Ecg, steps: int, seed: int = 0) -> UNet1D:
    """The network after `steps` steps of AdamW, one cosine cycle from 3e-3."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    truth = truth_of(ecg).reshape(-1, ecg.spec.samples)
    plain = ecg.signal.reshape(truth.shape)
    signals = [plain, lowpass(plain, FS, 40.0)]
    kept = (truth != UNSEEN).any(1)
    signals, truth = [one[kept] for one in signals], truth[kept]
    net = UNet1D()
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    start, mean = time.time(), 0.0
    for step in range(1, steps + 1):
        signal, label = crops(signals, truth, random)
        loss = cross_entropy(net(signal), label, ignore_index=UNSEEN)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        mean += 0.02 * (loss.item() - mean)
        if step % 100 == 0:
            print(f"step {step}: loss {mean:.3f}, {time.time() - start:.0f} s", flush=True)
    return net.eval()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--splits", nargs="+", default=["train", "validation"])
    options.add_argument("--on", default="test")
    options.add_argument("--steps", type=int, default=3000)
    options.add_argument("--to", type=Path, default=SHIPPED)
    given = options.parse_args()
    ecg = concatenate([load("ludb", split, fs=FS) for split in given.splits])
    net = train(ecg, given.steps)
    facts = {
        "trained_on": [f"ludb:{split}" for split in given.splits],
        "measured_on": f"ludb:{given.on}",
        "people": len(ecg),
        "steps": given.steps,
        "licence": "weights learnt from LUDB 1.0.1 (ODC-By 1.0)",
        "errors": [],
    }
    save_delineator(net, facts, given.to)
    shipped, _ = load_delineator(given.to)  # it is measured as it is shipped, in half precision
    test = load("ludb", given.on)
    facts["errors"] = errors(test, ours(test, shipped))
    save_delineator(net, facts, given.to)
    for leads in ("II", "all"):
        print(table({"ecgsynth": facts["errors"]}, leads) + "\n")


if __name__ == "__main__":
    main()
