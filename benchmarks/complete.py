"""Leads I and II completed to V1-V6: error and spectrum beside two regressions, and the joints.

    python -m benchmarks.complete ptbxl-12lead-flow --work runs/complete [--records 32] [--draws 16]

Records of fold 9 (`--split test` is fold 10, looked at once) at 100 Hz, .5 to 40 Hz. The model is
given I and II, and beats that are detected in these two. Linear regression (V1-V6 at a sample of I
and II within 40 ms of it) and a small U-Net, both fitted on folds 1-8, make V1-V6 likewise. The
error is that of the mean of the draws, the spectrum that of one draw. Then the first half of each
record is prolonged, and the step at the joint is compared with that of the real record there.

Every record is kept in `--work` as it is done, and the command goes on where it was ended.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import ecgsynth as es
from ecgsynth.completion.complete import plan
from ecgsynth.completion.pieces import EDGE_S as WINDOW_EDGE_S
from ecgsynth.completion.pieces import OVERLAP_S
from ecgsynth.files import atomic_write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import LEADS_12

FS, BAND = 100.0, (0.5, 40.0)
CHEST = slice(6, 12)
LAGS = 4
"""Samples before and after, 40 ms."""
EDGE_S = 0.5
"""At both ends of a record nothing is compared: filters begin there."""
PROLONGED_S = 26.0
"""From 5 s; two pieces, so that there is a joint of known and made, and one of made and made."""

Signal = NDArray[np.float32]


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--split", default="validation", choices=("validation", "test"))
    parser.add_argument("--records", type=int, default=0, help="evenly spaced; all by default")
    parser.add_argument("--draws", type=int, default=16)
    parser.add_argument("--epochs", type=float, default=6.0, help="of the U-Net")
    parser.add_argument("--to", type=Path)
    asked = parser.parse_args(words)
    given: dict[str, Any] = {"fs": FS, "band": BAND}
    train, real = (es.load(f"ptbxl:{split}", **given) for split in ("train", asked.split))
    model = es.Synthesizer.load(asked.model)
    rows = np.linspace(0, len(real) - 1, asked.records or len(real)).astype(int)
    real = real[rows]
    work = asked.work / f"{model.card.id}-{asked.split}"
    work.mkdir(parents=True, exist_ok=True)
    began, draws, longer = time.process_time(), [], []
    for k, name in enumerate(np.asarray(real.record)):
        one, two = _record(model, real, k, asked.draws, work / f"{name}.npz")
        draws.append(one)
        longer.append(two)
        print(
            f"record {k + 1} of {len(real)}, {time.process_time() - began:.0f} core-s", flush=True
        )
    truth = np.asarray(real.signal[:, CHEST])
    made = np.array(draws)  # [record, draw, lead, sample]
    linear = predict_linear(fit_linear(train.signal), real.signal)
    unet = predict_unet(fit_unet(train.signal, asked.epochs, work), real.signal)
    ways = {
        "mean of draws": made.mean(1), "one draw": made[:, 0], "linear regression": linear,
        "U-Net regression": unet,
    }  # fmt: skip
    found: dict[str, Any] = {
        "model": model.card.name, "id": model.card.id, "split": asked.split, "records": len(real),
        "draws": asked.draws, "epochs of the U-Net": asked.epochs,
        "rmse_mv": {name: with_interval(rmse(way, truth)) for name, way in ways.items()},
        "spectrum_db": {name: with_interval(spectrum(way, truth)) for name, way in ways.items()},
        "rmse_difference": with_interval(rmse(made.mean(1), truth) - rmse(linear, truth)),
        "spectrum_difference": with_interval(spectrum(made[:, 0], truth) - spectrum(unet, truth)),
        "joints": joints(np.array(longer), np.asarray(real.signal)),
    }  # fmt: skip
    print(json.dumps(found, indent=1))
    if asked.to:
        with atomic_write(asked.to) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n")


def _record(
    model: es.Synthesizer, real: Ecg, k: int, draws: int, path: Path
) -> tuple[Signal, Signal]:
    """[draw, chest lead, sample] of a record, and [lead, sample] of its first half prolonged."""
    if not path.is_file():
        whole = Recording.of(real, k)
        (one,) = plan([whole], model, leads=["I", "II"], seed=k)
        half = whole.piece(0, whole.samples // 2)
        (two,) = plan([half], model, prolong_s=PROLONGED_S, seed=k)
        chest = np.concatenate([one.ecg(d).signal[:, CHEST] for d in range(draws)])
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, chest=chest, longer=two.ecg().signal[0])
    with np.load(path) as kept:
        return kept["chest"], kept["longer"]


def lagged(signal: Signal) -> Signal:
    """[record, sample, feature]: I and II at all lags, and 1."""
    pair = np.pad(signal[:, :2], [(0, 0), (0, 0), (LAGS, LAGS)], mode="edge")
    samples = signal.shape[-1]
    parts = [pair[..., k : k + samples] for k in range(2 * LAGS + 1)]
    columns = np.concatenate(parts, 1)
    return np.concatenate([columns, np.ones_like(columns[:, :1])], 1).swapaxes(1, 2)


def fit_linear(signal: Signal) -> Signal:
    """[feature, chest lead] by least squares over all samples."""
    square, cross = np.zeros(()), np.zeros(())
    for start in range(0, len(signal), 100):
        part = np.asarray(signal[start : start + 100])
        x = lagged(part).reshape(-1, 4 * LAGS + 3).astype(np.float64)
        y = part[:, CHEST].swapaxes(1, 2).reshape(len(x), -1)
        square, cross = square + x.T @ x, cross + x.T @ y
    return np.linalg.solve(square, cross).astype(np.float32)


def predict_linear(weights: Signal, signal: Signal) -> Signal:
    return (lagged(np.asarray(signal)) @ weights).swapaxes(1, 2)


class SmallUNet(nn.Module):
    """I and II to V1-V6, [batch, 2, sample] to [batch, 6, sample]; a field of some 4 s."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        sizes = (width, width, 2 * width, 2 * width, 3 * width)
        self.start = nn.Conv1d(2, width, 9, padding=4)
        self.down = nn.ModuleList(
            nn.Conv1d(a, b, 9, stride=2, padding=4) for a, b in pairwise(sizes)
        )
        self.up = nn.ModuleList(
            nn.Conv1d(a + b, b, 9, padding=4)
            for a, b in zip(sizes[:0:-1], sizes[-2::-1], strict=False)
        )
        self.end = nn.Conv1d(width, 6, 5, padding=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.start(x))
        kept = []
        for layer in self.down:
            kept.append(x)
            x = torch.relu(layer(x))
        for layer in self.up:
            fine = kept.pop()
            x = nn.functional.interpolate(x, size=fine.shape[-1])
            x = torch.relu(layer(torch.cat([x, fine], 1)))
        out: torch.Tensor = self.end(x)
        return out


def fit_unet(signal: Signal, epochs: float, work: Path) -> SmallUNet:
    """Least squares with Adam; kept in `work`."""
    torch.manual_seed(1)
    net, path = SmallUNet(), work / f"unet-{epochs:g}.npz"
    if path.is_file():
        with np.load(path) as kept:
            net.load_state_dict({name: torch.from_numpy(kept[name]) for name in kept.files})
        return net.eval()
    batch, random = 16, np.random.default_rng(1)
    steps = int(epochs * len(signal) / batch)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=max(steps, 2))
    for step in range(steps):
        part = torch.from_numpy(
            np.asarray(signal[np.sort(random.choice(len(signal), batch, False))])
        )
        loss = (net(part[:, :2]) - part[:, CHEST]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            print(f"U-Net: step {step} of {steps}, error {float(loss) ** 0.5:.3f} mV", flush=True)
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **{name: value.numpy() for name, value in net.state_dict().items()})
    return net.eval()


def predict_unet(net: SmallUNet, signal: Signal) -> Signal:
    with torch.inference_mode():
        return net(torch.from_numpy(np.asarray(signal)[:, :2])).numpy()


def _inner(signal: Signal) -> Signal:
    edge = round(EDGE_S * FS)
    return signal[..., edge:-edge]


def rmse(made: Signal, truth: Signal) -> NDArray[np.float64]:
    """[record] mV over all chest leads."""
    return np.sqrt(np.square(_inner(made - truth), dtype=np.float64).mean((1, 2)))


def spectrum(made: Signal, truth: Signal) -> NDArray[np.float64]:
    """[record] distance of the spectra of V1-V6 up to 40 Hz, dB: median over leads of the RMS."""
    from scipy.signal import welch

    def decibels(signal: Signal) -> NDArray[np.float64]:
        hz, power = welch(_inner(signal), FS, nperseg=256)
        return 10 * np.log10(power[..., (hz >= 1) & (hz <= BAND[1])] + 1e-9)

    apart = decibels(made) - decibels(truth)
    return np.median(np.sqrt(np.square(apart).mean(-1)), -1)


def joints(longer: Signal, real: Signal) -> dict[str, Any]:
    """Sizes of first and second differences at joints and elsewhere, in uV.

    At the joint of known and made, beside that of the real record at the same sample; at the joint
    of made and made, beside those of all made samples. Medians over records and leads.
    """
    at = real.shape[-1] // 2
    later = round((at / FS - OVERLAP_S + 10 - WINDOW_EDGE_S) * FS)  # where the first piece ends
    chosen = [LEADS_12.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]

    def sizes(signal: Signal, order: int, place: int) -> float:
        steps = np.abs(np.diff(signal[:, chosen], order, axis=-1))
        return round(1000 * float(np.median(steps[..., place - order : place].max(-1))), 1)

    def usual(signal: Signal, order: int) -> float:
        places = range(at + 60, signal.shape[-1] - 60, 7)
        return round(float(np.mean([sizes(signal, order, place) for place in places])), 1)

    return {
        f"difference {order}, uV": {
            "known to made": sizes(longer, order, at), "real there": sizes(real, order, at),
            "made to made": sizes(longer, order, later), "made elsewhere": usual(longer, order),
            "real elsewhere": usual(np.concatenate([real[..., :at], real], -1), order),
        }
        for order in (1, 2)
    }  # fmt: skip


def with_interval(values: NDArray[np.float64]) -> dict[str, float]:
    """Mean over records, and 95 % by bootstrap of the records."""
    random = np.random.default_rng(1)
    means = random.choice(values, (2000, len(values))).mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": round(float(values.mean()), 4), "low": round(float(low), 4),
            "high": round(float(high), 4)}  # fmt: skip


if __name__ == "__main__":
    main()
