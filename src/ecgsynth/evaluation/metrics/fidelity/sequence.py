"""Discriminative and predictive scores of TimeGAN with recurrent networks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    NotApplicable,
    Trial,
    match_counts,
    members,
    metric,
    pick,
    too_few,
)
from ecgsynth.evaluation.intervals import (
    interval,
    leave_one_out,
    mean_over,
    units,
    weighted,
)
from ecgsynth.evaluation.metrics.fidelity.c2st import heldout_sets
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.filters import resample

if TYPE_CHECKING:
    from torch import Tensor

HIDDEN = 16
"""Units of the GRU. TimeGAN uses half the number of channels, which is 0 for one lead."""

BATCH, STEPS, RATE = 128, 400, 1e-2

WORK_HZ, FRAME = 120.0, 4
"""Rate and samples per frame: 30 frames a second keep the band of 40 Hz in few steps."""

LONGEST = 360
"""Most samples of an item at that rate; of longer items the middle is used."""

MOST = 2000
"""Most training items per set; the GRU is trained on 51,200 in all."""

MOST_HELD = 10_000

MIN_SIDE = 50


@METRICS.register("discriminative_score")
@metric(
    "discriminative_score", unit="1", goal="lower", needs=("test",), question="match", costly=True,
    reference="Yoon et al. (TimeGAN), NeurIPS 2019: |accuracy - .5|; GRU of 16 on 33-ms frames at "
    "120 Hz, 400 steps of 128, two folds by person as in c2st; 0 = indistinguishable",
)  # fmt: skip
def discriminative_score(trial: Trial) -> dict[str, Estimate]:
    """Accuracy above chance of a small recurrent network that separates synthetic from real beats.

    Accuracy is the mean over both sets, on items that the network was not trained on. The note
    gives the value by chance.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    found = heldout_sets(trial).some(MOST, trial.random("discriminative_score"))
    if len(found.real) < MIN_SIDE:
        return _no_value(f"{len(found.real)} items per set; {MIN_SIDE} are needed")
    frames, truth = np.concatenate([_frames(found.real), _frames(found.synthetic)]), found.truth
    if min(len(np.unique(found.fold[truth == side] % 2)) for side in (0, 1)) < 2:
        return _no_value("only one time block or patient per set")
    right = np.zeros(len(truth))
    for learn, held in found.folds(2):

        def loss(output: Tensor, _: Tensor, rows: Tensor, learn: NDArray = learn) -> Tensor:
            return binary_cross_entropy_with_logits(
                output[:, -1, 0], rows.new_tensor(truth[learn])[rows].float()
            )

        network = _learn(frames[learn], 1, loss, trial.seed)
        right[held] = (network(frames[held])[:, -1, 0] > 0) == truth[held]

    def away(weight: NDArray[np.float64]) -> float:
        shares = [weighted(right[truth == k], weight[truth == k]) for k in (0, 1)]
        return float(np.mean(shares)) - 0.5

    value = away(np.ones(len(truth)))
    mean, most = chance_level(len(truth))
    note = f"accuracy {value + 0.5:.3f}; chance alone gives {mean:.3f}, in 95 % under {most:.3f}"
    left = leave_one_out(away, found.samples)
    return {"all": _absolute(interval(value, left, least=-0.5, note=note))}


def _absolute(figure: Estimate) -> Estimate:
    """The absolute value of a figure, with its interval and range."""

    def far(low: float, high: float) -> tuple[float, float]:
        far = (abs(low), abs(high))
        return (0.0 if low < 0 < high else min(far), max(far))

    low, high = (None, None)
    if figure.low is not None and figure.high is not None:
        low, high = far(figure.low, figure.high)
    without = figure.without_one and far(*figure.without_one)
    return replace(figure, value=abs(figure.value), low=low, high=high, without_one=without)


def chance_level(items: int) -> tuple[float, float]:
    """Mean and 95th percentile of |accuracy - .5| when guessing; accuracy is N(.5, .25 / n)."""
    sd = 0.5 / float(np.sqrt(items))
    return float(np.sqrt(2 / np.pi)) * sd, 1.96 * sd


@METRICS.register("predictive_score")
@metric(
    "predictive_score", unit="mV", goal="lower", needs=("test",), question="match", costly=True,
    reference="Yoon et al. (TimeGAN), NeurIPS 2019: GRU of 16 trained on synthetic items to "
    "predict the next 33 ms (4 samples at 120 Hz); mean absolute error on real ones",
)  # fmt: skip
def predictive_score(trial: Trial) -> dict[str, Estimate]:
    """Error on held-out beats of a network trained on synthetic ones to predict the next samples.

    The note gives the error of the same network trained on as many real beats, and the error of
    predicting no change.
    """
    from torch.nn.functional import l1_loss

    assert trial.test is not None
    random = trial.random("predictive_score")
    test = pick(trial.test, MOST_HELD, random).quantised()
    if min(len(trial.synthetic), len(test)) < MIN_SIDE:
        return _no_value(f"{min(len(trial.synthetic), len(test))} items; {MIN_SIDE} are needed")
    sets = {"": trial.synthetic}
    if trial.train is not None:
        with suppress(EcgsynthError):  # no class in common: no comparison
            sets["trained on real ones"] = match_counts(trial.train, trial.synthetic, random)[0]
    truth = _frames(test)
    # "No change" repeats the last sample of a frame; frames are [.., sample, lead].
    last = truth[:, :-1].reshape(*truth[:, :-1].shape[:2], FRAME, -1)[..., -1:, :]
    still = np.broadcast_to(last, (*last.shape[:2], FRAME, last.shape[-1])).reshape(
        truth[:, 1:].shape
    )
    errors = {"no change": np.abs(truth[:, 1:] - still).mean((1, 2))}
    for name, ecg in sets.items():
        frames = _frames(pick(ecg, MOST, random).quantised())
        network = _learn(
            frames,
            frames.shape[2],
            lambda output, x, _: l1_loss(output[:, :-1], x[:, 1:]),
            trial.seed,
        )
        errors[name] = np.abs(network(truth)[:, :-1] - truth[:, 1:]).mean((1, 2))
    found = {}
    groups = {name: members(test, name) for name in trial.classes} | {"all": np.arange(len(test))}
    for name, rows in groups.items():
        if len(rows) < MIN_ITEMS:
            found[name] = too_few(len(rows))
            continue
        note = ", ".join(f"{k} {e[rows].mean():.4f}" for k, e in errors.items() if k)
        found[name] = mean_over(errors[""][rows], units(test, rows), note=note)
    return found


def _no_value(reason: str) -> dict[str, Estimate]:
    return {"all": Estimate(float("nan"), note=reason)}


def _frames(ecg: Ecg) -> NDArray[np.float32]:
    """[item, frame, 4 x lead] mV at 120 Hz, or at the items' own rate if lower.

    Raises
    ------
    NotApplicable: the items are shorter than two frames.
    """
    signal = resample(ecg.signal, ecg.spec.fs, min(ecg.spec.fs, WORK_HZ))
    spare = max(0, signal.shape[-1] - LONGEST) // 2
    signal = signal[..., spare : spare + LONGEST]
    frames = signal.shape[-1] // FRAME
    if frames < 2:
        raise NotApplicable(
            f"items of {ecg.spec.seconds:.3f} s are shorter than two frames of 33 ms"
        )
    signal = signal[..., : frames * FRAME].transpose(0, 2, 1)
    return np.ascontiguousarray(signal).reshape(len(signal), frames, -1)


def _learn(
    frames: NDArray[np.float32],
    outputs: int,
    loss: Callable[[Tensor, Tensor, Tensor], Tensor],
    seed: int,
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Train a GRU with a linear layer at each frame; returns a function of other frames.

    Signals are divided by the SD of the training frames.

    frames: [item, frame, channel].
    loss: of (output [batch, frame, output], the batch, its rows among the items).
    """
    import torch
    from torch import nn

    scale = max(float(frames.std()), 1e-3)
    signal = torch.from_numpy(frames / scale)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        gru = nn.GRU(frames.shape[2], HIDDEN, batch_first=True)
        head = nn.Linear(HIDDEN, outputs)
        parameters = [*gru.parameters(), *head.parameters()]
        optimiser = torch.optim.Adam(parameters, RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
        for _ in range(STEPS):
            rows = torch.randint(len(signal), (BATCH,))
            batch = signal[rows]
            optimiser.zero_grad()
            loss(head(gru(batch)[0]), batch, rows).backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()

    def network(others: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(head(gru(torch.from_numpy(others / scale))[0]).numpy() * scale)

    return network
