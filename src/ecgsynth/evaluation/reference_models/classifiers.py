"""Classifiers of fixed shape and training: for beats, and for whole records."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import is_record
from ecgsynth.evaluation.reference_models import resnet, xresnet
from ecgsynth.evaluation.reference_models.resnet import ResNet1D
from ecgsynth.evaluation.reference_models.xresnet import XResNet1D
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.rr import RR

Network = ResNet1D | XResNet1D

STEPS, QUICK_STEPS = 5000, 400

USUAL_RR_S = 0.8
"""RR interval of a heart at rest, s."""

RECORD_SHARE = 0.2
"""A step on records costs as much as five on beats, so records get this share of the steps."""


def rr_features(ecg: Ecg) -> NDArray[np.float32]:
    """[item, 5]: logs of RR before and after, of their ratio, and of both as shares of the mean RR
    of the recording (de Chazal et al. 2004), in units of a third: about their spread.

    Unknown values are replaced by the mean; without a mean, by .8 s.
    """
    known = np.full((len(ecg), len(RR)), np.nan, np.float32)
    for column, name in enumerate(RR):
        if name in ecg.spec.context:
            assert ecg.context is not None
            known[:, column] = ecg.context[:, ecg.spec.context.index(name)]
    mean = np.nan_to_num(known[:, 2:], nan=USUAL_RR_S)
    before, after = np.where(np.isnan(known[:, :2]), mean, known[:, :2]).clip(0.15, 3.0).T
    mean = mean[:, 0].clip(0.15, 3.0)
    ratios = (before / USUAL_RR_S, after / USUAL_RR_S, before / after, before / mean, after / mean)
    return 3 * np.log(np.stack(ratios, 1))


def fit(
    train: Ecg,
    validation: Ecg | None,
    *,
    weighted: bool = True,
    steps: int = STEPS,
    seed: int = 0,
    advance: Callable[[int], None] | None = None,
) -> Network:
    """Train the fixed classifier: ResNet-1D for beats, xresnet1d for records.

    AdamW 1e-3, cosine, batch 128, signals divided by one global SD; for records a fifth of the
    steps at batch 32 and 4e-3, on random halves of the records. The loss is cross-entropy, binary
    where items carry several classes. The weights with the best macro F1 (macro AUROC for several
    classes) on `validation` are kept, tested at every twentieth of the steps; without it, the last
    weights.

    Parameters
    ----------
    train: labelled items.
    weighted: class-weighted loss (inverse square root of frequency), if an item has one class.
    advance: called with the steps done.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

    torch.manual_seed(seed)
    spec, record = train.spec, is_record(train.spec)
    scale = float(train.signal.std())
    net: Network = (XResNet1D if record else ResNet1D)(len(spec.leads), len(spec.classes), scale)
    batch, rate = (xresnet.BATCH, 4e-3) if record else (resnet.BATCH, 1e-3)
    if record:
        steps = max(1, round(RECORD_SHARE * steps))
    signal, rr = torch.from_numpy(np.array(train.signal)), torch.from_numpy(rr_features(train))
    truth = torch.from_numpy(np.asarray(train.label) if spec.multilabel else train.labels_id)
    counts = np.maximum(np.bincount(train.labels_id + 1, minlength=len(spec.classes) + 1)[1:], 1)
    weight = torch.tensor((counts.max() / counts) ** 0.5 if weighted else counts * 0 + 1.0).float()
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    random = torch.Generator().manual_seed(seed)
    best, kept = -1.0, None
    half, look = spec.samples // 2, max(1, steps // 20)
    for step in range(1, steps + 1):
        net.train()
        rows = torch.randint(len(truth), (batch,), generator=random)
        shown = signal[rows]
        if record:  # halves: twice as many training items at half the cost
            start = int(torch.randint(spec.samples - half + 1, (1,), generator=random))
            shown = shown[..., start : start + half]
        logit = net(shown, rr[rows])[0]
        if spec.multilabel:
            loss = binary_cross_entropy_with_logits(logit, truth[rows])
        else:
            loss = cross_entropy(logit, truth[rows], weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if advance:
            advance(step)
        if validation is not None and (step % look == 0 or step == steps):
            score = merit(validation, predict(net, validation))
            if score > best:
                best, kept = score, {k: v.clone() for k, v in net.state_dict().items()}
    if kept:
        net.load_state_dict(kept)
    return net.eval()


def merit(ecg: Ecg, probabilities: NDArray) -> float:
    """Macro F1 of the most probable class; macro AUROC if items have several.

    probabilities: [item, class]. Classes that all or no items have are left out of the AUROC.
    """
    from sklearn.metrics import f1_score, roc_auc_score

    if not ecg.spec.multilabel:
        return float(f1_score(ecg.labels_id, probabilities.argmax(1), average="macro"))
    truth = np.asarray(ecg.label) > 0
    both = truth.any(0) & ~truth.all(0)
    return (
        float(roc_auc_score(truth[:, both], probabilities[:, both], average="macro"))
        if both.any()
        else 0
    )


def predict(net: Network, ecg: Ecg, multilabel: bool | None = None) -> NDArray[np.float32]:
    """[item, class] probabilities; independent for each class if items have several.

    multilabel: whether the network was trained on such items; by default as in the set.
    """
    from scipy.special import expit, softmax

    logit = _forward(net, ecg)[0]
    several = ecg.spec.multilabel if multilabel is None else multilabel
    return expit(logit) if several else softmax(logit, axis=1)


def features(net: Network, ecg: Ecg) -> NDArray[np.float32]:
    """[item, feature]: the penultimate layer (from the signal, without RR)."""
    return _forward(net, ecg)[1]


def _forward(net: Network, ecg: Ecg) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    import torch

    net.eval()
    rr, classes, shapes = rr_features(ecg), [], []
    size = 64 if is_record(ecg.spec) else 1024
    with torch.inference_mode():
        for start in range(0, len(ecg), size):
            part = torch.from_numpy(np.array(ecg.signal[start : start + size]))
            logit, shape = net(part, torch.from_numpy(rr[start : start + size]))
            classes.append(logit.numpy())
            shapes.append(shape.numpy())
    return np.concatenate(classes), np.concatenate(shapes)
