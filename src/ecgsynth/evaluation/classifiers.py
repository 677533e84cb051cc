"""The fixed instruments: classifiers of stated shape, trained on real data, shipped with a hash."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.resnet import BATCH, ResNet1D
from ecgsynth.files import written_beside
from ecgsynth.signals.ecg import Ecg

INSTRUMENT = "mitbih-instrument"
"""Stem of the shipped embedding: trained on mitbih:train, early stop on mitbih:validation."""

COMPONENTS = 32
"""Dimensions that the embedding keeps (PCA of the penultimate layer)."""

STEPS, QUICK_STEPS = 5000, 400


def rr_features(ecg: Ecg) -> NDArray[np.float32]:
    """[item, 3]: RR before, RR after (s, 0.8 where unknown), and the log of their ratio."""
    rr = np.full((len(ecg), 2), 0.8, np.float32)
    for column, name in enumerate(("rr_before_s", "rr_after_s")):
        if name in ecg.spec.context:
            assert ecg.context is not None
            rr[:, column] = np.nan_to_num(ecg.context[:, ecg.spec.context.index(name)], nan=0.8)
    rr = np.clip(rr, 0.15, 3.0)
    return np.concatenate([rr, np.log(rr[:, :1] / rr[:, 1:])], 1)


def fit(
    train: Ecg,
    validation: Ecg | None,
    *,
    weighted: bool = True,
    steps: int = STEPS,
    seed: int = 0,
    advance: Callable[[int], None] | None = None,
) -> ResNet1D:
    """Train the fixed beat classifier.

    AdamW 1e-3, cosine, batch 128, signals divided by one global SD; the weights with the best
    macro F1 on `validation` are kept (every 250 steps), the last ones without it.

    Parameters
    ----------
    train: labelled items. weighted: class-weighted loss (inverse frequency, square root).
    advance: called with the steps done.
    """
    import torch
    from sklearn.metrics import f1_score
    from torch.nn.functional import cross_entropy

    torch.manual_seed(seed)
    net = ResNet1D(len(train.spec.leads), len(train.spec.classes), float(train.signal.std()))
    signal, rr = torch.from_numpy(np.array(train.signal)), torch.from_numpy(rr_features(train))
    truth = torch.from_numpy(train.labels_id)
    counts = np.maximum(np.bincount(train.labels_id, minlength=len(train.spec.classes)), 1)
    weight = torch.tensor((counts.max() / counts) ** 0.5 if weighted else counts * 0 + 1.0).float()
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    random = torch.Generator().manual_seed(seed)
    best, kept = -1.0, None
    for step in range(1, steps + 1):
        net.train()
        rows = torch.randint(len(truth), (BATCH,), generator=random)
        loss = cross_entropy(net(signal[rows], rr[rows])[0], truth[rows], weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if advance:
            advance(step)
        if validation is not None and (step % 250 == 0 or step == steps):
            score = f1_score(
                validation.labels_id, predict(net, validation).argmax(1), average="macro"
            )
            if score > best:
                best, kept = score, {k: v.clone() for k, v in net.state_dict().items()}
    if kept:
        net.load_state_dict(kept)
    return net.eval()


def predict(net: ResNet1D, ecg: Ecg) -> NDArray[np.float32]:
    """[item, class] probabilities."""
    return _forward(net, ecg)[0]


def features(net: ResNet1D, ecg: Ecg) -> NDArray[np.float32]:
    """[item, feature]: the penultimate layer (shape of the beat, without RR)."""
    return _forward(net, ecg)[1]


def _forward(net: ResNet1D, ecg: Ecg) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    import torch

    net.eval()
    rr, classes, shapes = rr_features(ecg), [], []
    with torch.inference_mode():
        for start in range(0, len(ecg), 1024):
            part = torch.from_numpy(np.array(ecg.signal[start : start + 1024]))
            logit, shape = net(part, torch.from_numpy(rr[start : start + 1024]))
            classes.append(logit.softmax(1).numpy())
            shapes.append(shape.numpy())
    return np.concatenate(classes), np.concatenate(shapes)


def tell_apart(real: Ecg, synthetic: Ecg, unit: NDArray[np.int64], seed: int) -> NDArray:
    """Out-of-fold scores for "synthetic" of the fixed ResNet-1D, two folds split by unit."""
    from dataclasses import replace

    import torch

    from ecgsynth.evaluation.fidelity import folds
    from ecgsynth.signals.ecg import concatenate, one_hot

    def bare(ecg: Ecg, label: int) -> Ecg:
        spec = replace(real.spec, classes=("real", "synthetic"), context=())
        return Ecg(ecg.signal, spec, one_hot(np.full(len(ecg), label), 2))

    both = concatenate([bare(real, 0), bare(synthetic, 1)])
    score = np.zeros(len(both))
    state = torch.get_rng_state()
    for learn, held in folds(unit, both.labels_id, 2, seed):
        # About thirty passes: more only learn a small set by heart.
        steps = int(np.clip(30 * len(learn) / BATCH, 150, 800))
        net = fit(both[learn], None, weighted=False, steps=steps, seed=seed)
        score[held] = predict(net, both[held])[:, 1]
    torch.set_rng_state(state)
    return score


def embed(ecg: Ecg) -> NDArray[np.float64]:
    """[item, 32 or more] coordinates in which distances, coverage and Frechet are measured.

    The penultimate layer of the shipped instrument and its PCA where the signals are beats as it
    knows them (one lead, its rate and window); for other beats the first cosines of every lead;
    for items without an R peak in one place, where samples say nothing one by one, the spectrum
    of every lead and how the leads go together. All of these are fixed, so that two sets share
    them without seeing each other; the last two have as many coordinates as the leads need.
    """
    kind = instrument()
    if kind is not None and fits(kind, ecg):
        net, mean, axes, _ = kind
        return (features(net, ecg) - mean) @ axes
    if ecg.spec.r_sample is None and ecg.spec.seconds > ALIGNED_S:
        return _spectral(ecg)
    from scipy.fft import dct

    keep = min(max(COMPONENTS // len(ecg.spec.leads), LEAST_PER_LEAD), ecg.spec.samples)
    cosines = dct(ecg.signal.astype(np.float64), norm="ortho", axis=2)[..., :keep]
    return cosines.reshape(len(ecg), -1)


ALIGNED_S = 2.0
"""Items that are longer hold several beats, s."""

LEAST_PER_LEAD = 8
"""Coordinates of a lead."""


def _spectral(ecg: Ecg) -> NDArray[np.float64]:
    """[item, feature]: log power in octave-wide bands of every lead, and correlations of leads."""
    from scipy.signal import welch

    hz, power = welch(
        ecg.signal, ecg.spec.fs, nperseg=min(ecg.spec.samples, round(2 * ecg.spec.fs)), axis=-1
    )
    edges = [0, 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, ecg.spec.fs]
    bands = [
        np.log10(power[..., (hz >= low) & (hz < high)].mean(-1) + 1e-9)
        for low, high in itertools.pairwise(edges)
        if ((hz >= low) & (hz < high)).any()
    ]
    found = np.stack(bands, 2).reshape(len(ecg), -1)
    if len(ecg.spec.leads) > 1:
        flat = ecg.signal - ecg.signal.mean(2, keepdims=True)
        flat = flat / np.maximum(np.linalg.norm(flat, axis=2, keepdims=True), 1e-6)
        upper = np.triu_indices(len(ecg.spec.leads), 1)
        found = np.concatenate([found, (flat @ flat.transpose(0, 2, 1))[:, *upper]], 1)
    return found.astype(np.float64)


def fits(kind: tuple[ResNet1D, NDArray, NDArray, dict[str, Any]], ecg: Ecg) -> bool:
    """Whether the instrument knows signals of this shape."""
    spec = kind[3]["spec"]
    return (
        len(ecg.spec.leads) == len(spec["leads"])
        and ecg.spec.samples == spec["samples"]
        and ecg.spec.fs == spec["fs"]
        and ecg.spec.unit == "mV"
    )


@lru_cache(maxsize=1)
def instrument() -> tuple[ResNet1D, NDArray, NDArray, dict[str, Any]] | None:
    """The shipped instrument: network, PCA mean, PCA axes, facts; None where it is not there."""
    path = Path(str(files("ecgsynth.pretrained"))) / "instruments" / f"{INSTRUMENT}.safetensors"
    return load_instrument(path) if path.is_file() else None


def save_instrument(net: ResNet1D, train: Ecg, facts: dict[str, Any], path: Path) -> None:
    """Write network, PCA of its penultimate layer over `train`, and facts as safetensors."""
    import json

    import torch
    from safetensors.torch import save_file
    from sklearn.decomposition import PCA

    pca = PCA(COMPONENTS, random_state=0).fit(features(net, train))
    tensors = {f"net/{k}": v.half().contiguous() for k, v in net.state_dict().items()}
    tensors["pca/mean"] = torch.tensor(pca.mean_).float()
    tensors["pca/axes"] = torch.tensor(pca.components_.T.copy()).float()
    with written_beside(path) as beside:
        save_file(tensors, beside, {"facts": json.dumps(facts | {"spec": train.spec.to_json()})})


def load_instrument(path: Path) -> tuple[ResNet1D, NDArray, NDArray, dict[str, Any]]:
    """Read an instrument written by `save_instrument`; `facts["hash"]` is that of the file.

    Raises
    ------
    EcgsynthError: the file is damaged.
    """
    import json

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        net = ResNet1D(len(facts["spec"]["leads"]), len(facts["spec"]["classes"]), 1.0)
        net.load_state_dict(
            {k.removeprefix("net/"): v for k, v in tensors.items() if k.startswith("net/")}
        )
    except (SafetensorError, OSError, KeyError, TypeError, RuntimeError) as problem:
        raise EcgsynthError(f"the instrument {path} is damaged ({problem}).") from None
    facts["hash"] = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return net.eval(), tensors["pca/mean"].numpy(), tensors["pca/axes"].numpy(), facts
