"""Train the delineator of several leads: `python -m benchmarks.train_delineator`.

Learns from waves that were marked by hand, of LUDB, of QTDB or of both. `--marks ludb` or `qtdb`
makes a network that is tested on the other one (`benchmarks/delineator.py`). With `--beats` it also
learns where the QRS complexes of MIT-BIH lie, and that atrial fibrillation has no P waves; with
`--noise FOLDER`, recorded noise (NSTDB). People who test are never learned from: the splits test
and heldout-people, DS2 in any file, and folds 9 and 10 of PTB-XL. A training takes a quarter of an
hour on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.wave_changes import ANY, QRS, Noise, P, Strip, allowed_waves, crop
from ecgsynth.datasets import load, mitbih, people
from ecgsynth.datasets.marked_waves import read_marked
from ecgsynth.evaluation.reference_models.unet import FS, UNet1D, save_delineator
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.signals.filters import bandpass, lowpass, resample
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, INDEPENDENT_LEADS

LEARNED = ("train", "validation")
SAMPLES_A_STEP = 16_384
RATE = 3e-3
WEIGHT_DECAY = 0.01
MARGIN_S = 8.0
"""Signal on either side of what is marked, s."""

SURE_S, NEAR_S = 0.012, {"V": 0.13, "F": 0.13, "Q": 0.13}
"""A QRS complex is at a beat's R, and none further away than this (0.09 s for other classes)."""

SHARES = {"ludb": 3.0, "qtdb": 2.0, "mitbih": 1.0, "fibrillation": 0.6}
"""Relative share of the crops from each source."""


def variants(signal: NDArray[np.float32], fs: float) -> NDArray[np.float32]:
    """[variant, sample] at 250 Hz: as recorded, and by filters and rates of other recorders."""
    plain = resample(signal, fs, FS)
    slow = resample(resample(plain, FS, 100.0), 100.0, FS)[: len(plain)]
    slow = np.pad(slow, (0, len(plain) - len(slow)), mode="edge")
    return np.stack([plain, lowpass(plain, FS, 40.0), bandpass(plain, FS, 0.5, 40.0), slow])


def marked_strips(database: str) -> Iterator[Strip]:
    """Every lead with marks of people to learn from, with some seconds around."""
    for split in LEARNED:
        for one in read_marked(database, split):
            fs = one.recording.fs
            beats = np.where(one.beats < 0, -1, np.round(one.beats * FS / fs)).astype(np.int64)
            samples = int(one.recording.samples * FS / fs)
            margin = round(MARGIN_S * FS)
            for first, last in np.round(one.stretches * FS / fs).astype(np.int64).tolist():
                start, stop = max(0, first - margin), min(samples, last + margin)
                known = np.where(beats < 0, first, beats)
                rows = beats[(known.min(1) >= first) & (known.max(1) <= last)]
                rows = np.where(rows < 0, -1, rows - start)
                stretch = np.array([[first - start, last - start]])
                allowed = allowed_waves(rows, stretch, stop - start)
                piece = one.recording.read(round(start * fs / FS), round(stop * fs / FS))
                for lead in np.nan_to_num(piece):
                    signals = variants(lead, fs)[:, : stop - start]
                    yield Strip(signals, rows, allowed[: signals.shape[1]])


def beat_strips(random: np.random.Generator, most: int = 40) -> Iterator[Strip]:
    """Strips of MIT-BIH around beats of every class, where only the places of QRS are known."""
    folder = mitbih.files.find_database()
    none = np.zeros((0, 9), np.int64)
    for person in people.GIVEN["mitbih"]["train"]:
        recording, _ = mitbih.files.read_record(folder, person.removeprefix("mitbih-"), ("ECG1",))
        notes = recording.annotations
        allowed = beats_allowed(notes.sample, notes.symbol, notes.note, recording)
        wave = variants(np.nan_to_num(recording.signal[0]), recording.fs)
        kind = np.array([AAMI_OF_SYMBOL.get(s, "") for s in notes.symbol])
        for name in set(kind.tolist()) - {""}:
            own = np.flatnonzero(kind == name)
            for row in random.choice(own, min(most, len(own)), replace=False):
                middle = round(notes.sample[row] * FS / recording.fs)
                start, stop = max(0, middle - round(MARGIN_S * FS)), middle + round(MARGIN_S * FS)
                part = slice(start, min(stop, len(allowed), wave.shape[1]))
                yield Strip(wave[:, part], none, allowed[part])


def beats_allowed(
    sample: NDArray, symbol: NDArray, note: Sequence[str], recording: Any
) -> NDArray[np.uint8]:
    """[sample] at 250 Hz: QRS at every beat and nowhere else, no P in atrial fibrillation."""
    scale = FS / recording.fs
    found = np.full(int(recording.samples * scale), ANY & ~QRS, np.uint8)
    kind = [AAMI_OF_SYMBOL.get(s, "") for s in symbol]
    at = np.round(sample * scale).astype(np.int64)
    rhythm = [k for k, s in enumerate(symbol) if s == "+"]
    for k, after in zip(rhythm, [*rhythm[1:], None], strict=True):
        if note and note[k].startswith("(AFIB"):
            found[at[k] : None if after is None else at[after]] &= ANY & ~P
    for k, name in enumerate(kind):
        if name:
            reach = round(NEAR_S.get(name, 0.09) * FS)
            found[max(0, at[k] - reach) : at[k] + reach + 1] |= QRS
    sure = round(SURE_S * FS)
    for k, name in enumerate(kind):
        if name:
            found[max(0, at[k] - sure) : at[k] + sure + 1] = QRS
    for begin, end in zip(at[symbol == "["], at[symbol == "]"], strict=False):
        found[begin:end] = ANY  # ventricular flutter
    return found


def fibrillation_strips() -> Iterator[Strip]:
    """Records of PTB-XL with atrial fibrillation: there is no P wave in them."""
    ecg = load("ptbxl", "train", classes=("AFIB",), labelled_only=True, fs=FS,
               leads=INDEPENDENT_LEADS)  # fmt: skip
    none = np.zeros((0, 9), np.int64)
    for item in np.asarray(ecg.signal):
        for wave in item:
            yield Strip(variants(wave, FS), none, np.full(len(wave), ANY & ~P, np.uint8))


def read_noise(folder: Path) -> Noise:
    """Wander, muscle and electrode noise of the MIT-BIH Noise Stress Test Database."""
    kinds, strength = [], []
    for name, most in (("bw", 2.0), ("ma", 0.6)):
        recording = read_recording(folder / name)
        for wave in resample(recording.signal, recording.fs, FS):
            kinds.append(wave)
            strength.append(most)
    return Noise(tuple(kinds), tuple(strength))


def batches(
    sources: dict[str, list[Strip]], noise: Noise, random: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of crops of one length, 0.6 to 10 s: signals, and bits of what is allowed."""
    names = list(sources)
    share = np.array([SHARES[name] for name in names])
    weight = {name: np.array([max(len(s.points), 1) for s in sources[name]]) for name in names}
    weight = {name: beats / beats.sum() for name, beats in weight.items()}
    while True:
        seconds = float(np.exp(random.uniform(np.log(0.6), np.log(10.0))))
        seconds = random.choice([seconds, 0.711, 10.0], p=[0.6, 0.15, 0.25])
        length = round(seconds * FS)
        count = max(4, SAMPLES_A_STEP // length)
        rows = []
        for name in random.choice(names, count, p=share / share.sum()):
            strips = sources[str(name)]
            strip = strips[random.choice(len(strips), p=weight[str(name)])]
            rows.append(crop(strip, length, random, seconds < 1 and random.random() < 0.5))
        wave, allowed = (np.stack(column) for column in zip(*rows, strict=True))
        yield torch.from_numpy(noise.add(wave, random)), torch.from_numpy(allowed)


def loss_of(logits: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """Mean of -log(probability of the waves that are allowed), where any is ruled out."""
    open_ = ((allowed[:, None] >> torch.arange(4)[:, None]) & 1).bool()
    known = allowed != ANY
    logits = logits.float()
    inside = logits.masked_fill(~open_, -torch.inf).logsumexp(1)
    return (logits.logsumexp(1) - inside)[known].sum() / known.sum().clamp_min(1)


def train(sources: dict[str, list[Strip]], noise: Noise, steps: int, seed: int = 0) -> UNet1D:
    """The network after `steps` steps of AdamW, one cycle of the rate."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    net = UNet1D()
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    start, mean = time.time(), 0.0
    for step, (signal, allowed) in enumerate(batches(sources, noise, random), 1):
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(signal)
        loss = loss_of(logits, allowed)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        mean += 0.02 * (loss.item() - mean)
        if step % 100 == 0:
            print(f"step {step}: loss {mean:.3f}, {time.time() - start:.0f} s", flush=True)
        if step == steps:
            return net.eval()
    raise AssertionError("batches never end")


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--marks", nargs="+", choices=("ludb", "qtdb"), default=["ludb", "qtdb"])
    options.add_argument("--beats", action="store_true", help="learn from MIT-BIH and PTB-XL too")
    options.add_argument("--noise", type=Path, help="folder of the noise stress database")
    options.add_argument("--steps", type=int, default=4000)
    options.add_argument("--to", type=Path, required=True)
    given = options.parse_args()
    sources = {name: list(marked_strips(name)) for name in given.marks}
    if given.beats:
        sources["mitbih"] = list(beat_strips(np.random.default_rng(0)))
        sources["fibrillation"] = list(fibrillation_strips())
    print({name: len(strips) for name, strips in sources.items()}, flush=True)
    net = train(sources, read_noise(given.noise) if given.noise else Noise(), given.steps)
    facts = {
        "trained_on": [f"{name}:{split}" for name in given.marks for split in LEARNED]
        + (["mitbih:train (places of QRS)", "ptbxl:train (AFIB)"] if given.beats else []),
        "steps": given.steps,
        "licence": "weights learnt from LUDB 1.0.1 and other databases of PhysioNet (ODC-By 1.0)",
        "errors": [],
    }
    save_delineator(net, facts, given.to)


if __name__ == "__main__":
    main()
