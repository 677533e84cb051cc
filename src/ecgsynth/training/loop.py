"""The training loop: one step after another, read from top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from ecgsynth.arguments import check_callback, check_flag, check_instance, check_path
from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError, is_out_of_memory
from ecgsynth.files import atomic_write
from ecgsynth.registry import MODELS, OBJECTIVES
from ecgsynth.rhythm.prior import RecordPrior
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fingerprint import fingerprint
from ecgsynth.signals.prior import ContextPrior, Prior
from ecgsynth.signals.scaling import Scaler, measure_hidden
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training import snapshots
from ecgsynth.training.card import is_of_few, make_card
from ecgsynth.training.data.augment import augment
from ecgsynth.training.data.batches import Batches, style_codes
from ecgsynth.training.data.checks import (
    check_training_set,
    collect_warnings,
    training_set_warnings,
)
from ecgsynth.training.data.events import known_events
from ecgsynth.training.data.pairs import Pairs, make_pairs
from ecgsynth.training.data.still_leads import leave_out_still_leads
from ecgsynth.training.data.training_set import TrainingSet, load_heldout
from ecgsynth.training.early_stop import EarlyStop
from ecgsynth.training.engine import (
    check_bfloat16,
    check_even_shares,
    make_fabric,
    matmul_precision,
    reduce_losses,
    stop_with_other_processes,
)
from ecgsynth.training.monitoring.monitor import TrainingMonitor, divergence_error
from ecgsynth.training.monitoring.tracking import Tracker, speed_figures
from ecgsynth.training.optimisers import rate_factor
from ecgsynth.training.start import Start, choose_scaler, start_weights
from ecgsynth.training.stopping import stop_between_steps
from ecgsynth.training.trainers import Trainer

Report = Callable[[int, int, dict[str, float]], None]
"""Called after every logged step with (examples seen, of how many, values); the command draws a
bar with it."""

APART = 0x9E3779B9
"""Keeps the numbers of dropout apart from those that draw the batches of the same step."""


def train(
    run: Run,
    to: str | Path | None = None,
    *,
    data: Ecg | None = None,
    resume: bool = False,
    report: Report | None = None,
) -> Synthesizer:
    """Train a generator; progress is counted in examples (real items) seen.

    The random numbers of a step depend on (seed, step) alone, so that resuming equals not
    stopping and needs no random state on disk. Several processes, each with its share of a batch,
    come to what one would; the first of them writes.

    Parameters
    ----------
    run: what to train. to: the run folder; None keeps nothing on disk.
    data: the training set; loaded by the run when left out.
    resume: go on from the folder's snapshot.

    Raises
    ------
    EcgsynthError: an empty class, a used folder without `resume`, nothing to resume, a recipe
        that differs from the snapshot's, a loss that is not finite (the last snapshot stays),
        another process that ended.
    KeyboardInterrupt: after a snapshot and a usable model were written. Ctrl-C and SIGTERM wait for
        the end of the step; a second one does not, and the last snapshot stays as it is.
    """
    check_instance(run, Run, "run is a Run, as Run.read('mitbih-beats') gives it")
    if data is not None:
        check_instance(data, Ecg, "data is an Ecg, as es.load and es.read give it")
    folder = None if to is None else check_path(to, "the run folder")
    if check_flag(resume, "resume") and folder is None:
        raise EcgsynthError("resume goes on from a run folder; name it, as in to='runs/first'.")
    check_callback(report, "report")
    settings = run.training
    if settings.threads:
        torch.set_num_threads(settings.threads)
    shown = getattr(run.objective_settings(), "show", 0.0)
    run.model_settings()
    adversarial = MODELS.get(run.model.name).adversarial
    if folder:
        snapshots.check_folder(folder, run, resume)
    elif settings.on_alarm == "restore":
        raise EcgsynthError("training.on_alarm=restore goes back to a snapshot; name a run folder.")
    heldout = (
        partial(load_heldout, run) if data is None else None
    )  # of a set handed in none is known
    with collect_warnings() as data_warnings:
        pairs = None
        if settings.teacher:
            rate = run.data.settings.get("fs", 0.0)
            pairs = make_pairs(settings.teacher, settings.pairs, rate, run.seed, shown)
        if pairs and not adversarial:  # all that it learns from
            data, heldout = pairs.data, None
        else:
            if data is None:
                data = load(run.data.name, run.data.split, **run.data.settings)
            data = leave_out_still_leads(data)
    check_training_set(data, settings.batch)
    digest = fingerprint(data)
    if folder and resume:
        snapshots.check_data(folder, digest)
    fabric = make_fabric(settings)

    # Refuses flat signals before anything is written.
    scaler = (
        pairs.teacher.scaler if pairs
        else choose_scaler(settings, data, folder if resume else None)
    )  # fmt: skip
    writes = folder is not None and fabric.is_global_zero
    kept = snapshots.open_run_folder(folder, run, resume) if folder and writes else nullcontext()
    with kept, matmul_precision(settings.matmul), stop_with_other_processes():
        fabric.barrier()
        return _run_training(
            run, data, digest, data_warnings, scaler, fabric, folder, resume, report, heldout, pairs
        )


def _run_training(
    run: Run,
    data: Ecg,
    digest: str,
    data_warnings: list[str],
    scaler: Scaler,
    fabric: Fabric,
    folder: Path | None,
    resume: bool,
    report: Report | None,
    heldout: Callable[..., TrainingSet | None] | None,
    pairs: Pairs | None,
) -> Synthesizer:
    """Train once the folder is locked; digest: of the data; data_warnings: from reading it."""
    settings, began_cpu = run.training, time.process_time()
    styles, style = style_codes(data, settings)
    hidden = measure_hidden(scaler, data)
    family = MODELS.get(run.model.name)
    prior: Prior
    if pairs and not family.adversarial:
        events, prior = pairs.events, pairs.teacher.prior
    elif "events" in family.takes:
        events = known_events(data)
        prior = RecordPrior.fit(data, events, own_use=is_of_few(run, data))
    else:
        events, prior = None, ContextPrior.fit(data, style, hidden)
    items = TrainingSet.of(data, style, scaler, prior, hidden, settings.window_s, events)
    pair_batches = None
    if pairs and family.adversarial:
        pair_batches = Batches(pairs.items(scaler), settings, pairs=False)
    elif pairs:
        items = replace(items, latents=pairs.latents, known=pairs.known)
    model_settings = run.model_settings(styles=styles)
    batches = Batches(items, settings, model_settings.pairs)
    objective_settings = run.objective_settings(multilabel=data.spec.multilabel)
    objective = OBJECTIVES.get(run.objective.name)(objective_settings)

    torch.manual_seed(run.seed)
    try:
        generator = family.generator(model_settings, items.spec).to(fabric.device)
        critic = family.critic(model_settings, items.spec)
    except (RuntimeError, MemoryError, OverflowError, TypeError) as problem:
        if not (is_out_of_memory(problem) or "Overflow" in repr(problem)):
            raise
        raise EcgsynthError(
            f"the model {run.model.name} cannot be made: not enough memory; take a smaller model."
        ) from problem
    critic = None if critic is None else critic.to(fabric.device)
    adapt_to = (items, prior, styles) if settings.adapt else None
    start = (
        Start() if resume
        else start_weights(generator, settings.start, family, items.spec, adapt_to)
    )  # fmt: skip
    check_bfloat16(fabric, settings.precision, generator, critic)
    learner = Trainer(fabric, settings, objective, generator, critic)
    parts, optimisers = learner.parts, learner.optimisers
    check_even_shares(fabric, run, (*parts.values(),), model_settings.pairs)
    step, state = (
        snapshots.load_snapshot(folder, parts, optimisers) if folder and resume else (0, {})
    )
    if folder and resume:
        start = Start.of_run(folder, step * settings.per_step, state.get("core_seconds", 0.0))

    total = settings.length(len(data))
    per_step = settings.per_step
    steps = math.ceil(total / per_step)
    own_use = (
        is_of_few(run, data) or start.own_use or bool(pairs and pairs.teacher.card.own_use)
    )  # fmt: skip
    card = make_card(run, data, items.spec, scaler, prior, styles, own_use=own_use)
    card.doubts = (
        [*data_warnings, *training_set_warnings(run, data)] if fabric.is_global_zero else []
    )
    card.started_from = start.facts
    if pairs:
        of = pairs.teacher.card
        card.teacher = of.id or of.name
        if not family.adversarial:
            card.data, card.left_out = of.data, of.left_out
    synthesizer = Synthesizer(learner.average, card)
    tracker = Tracker(folder, step * per_step) if folder and fabric.is_global_zero else None
    # It is watched on items drawn once, some of them held out, by rules over what is seen.
    monitor = TrainingMonitor(
        run, items, partial(heldout, items, prior) if heldout else None,
        nets=(generator, critic), sample=family.sample, shares=batches.shares,
        chance=learner.chance, total=total, state=state,
        past=fabric.broadcast(tracker.past if tracker else []),
    )  # fmt: skip
    card.alarms = monitor.raised
    early = EarlyStop(run, data if heldout else None, per_step, state, folder)

    def save_model() -> None:
        """The model as it stands, with its card."""
        if folder and tracker:
            synthesizer.save(folder / snapshots.MODEL)
            with atomic_write(folder / "card.json") as temporary:
                temporary.write_text(card.model_dump_json(indent=1))

    def snapshot() -> None:
        """Everything needed to go on, and the model as it stands."""
        synthesizer.generator.eval()
        own_seconds = round(state.get("core_seconds", 0.0) + time.process_time() - began_cpu)
        card.examples_seen = start.examples + step * per_step
        card.core_seconds = start.core_seconds + own_seconds
        if folder and tracker:
            if not all(
                w.isfinite().all() for part in parts.values() for w in part.state_dict().values()
            ):
                raise divergence_error(card.examples_seen)
            decided = monitor.state | early.state | {"core_seconds": own_seconds}
            snapshots.save_snapshot(folder, step, run, parts, optimisers, decided, digest)
            save_model()
            if settings.keep_every and _passed_multiple(step, per_step, settings.keep_every):
                synthesizer.save(folder / "kept" / f"{step * per_step:09d}.safetensors")
            if settings.sheets:
                tracker.samples(step * per_step, synthesizer.generate(24, seed=0))
        fabric.barrier()  # a launcher that sees one process end, ends the others

    def sample(epoch: int) -> None:
        """What the model makes after this epoch, of the same noise as after every other."""
        if tracker:
            tracker.epoch(epoch, synthesizer.generate(settings.samples, seed=run.seed))

    if folder and tracker and settings.on_alarm == "restore" and step == 0:
        # The least that one can go back to.
        snapshots.save_snapshot(folder, step, run, parts, optimisers, monitor.state, digest)
    sums: dict[str, float] = {}
    began, counted, between = time.perf_counter(), 0, True
    waiting = ExitStack()
    asked = waiting.enter_context(stop_between_steps(at_once=fabric.world_size == 1))
    try:
        if early.is_due(step) and step == 0:  # what it begins with may be the best
            early.look(0, synthesizer, writes=tracker is not None)
        while step < steps and not early.over:
            between = False
            progress = step / steps
            rate = rate_factor(settings, progress, step * per_step / len(data)) * monitor.rate
            number = (run.seed * 1_000_003 + step) % 2**63
            random = torch.Generator().manual_seed(number)
            torch.manual_seed((number ^ APART) + fabric.global_rank)
            values = learner.step(
                partial(batches.draw, generator.latent, random, fabric.device),
                partial(_augmented, fs=data.spec.fs, chance=monitor.augment, random=random),
                rate, progress=progress, step=step,
                pair_draw=partial(pair_batches.draw, generator.latent, random, fabric.device)
                if pair_batches
                else None,
            )  # fmt: skip
            values, stop = reduce_losses(fabric, values, asked.is_set())
            step += 1
            learner.follow(step * per_step)
            between = True

            # Keep watch, keep a log, keep what was reached.
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
            counted += 1
            line = monitor.look(step) if fabric.is_global_zero else {}
            logged = step % settings.log_every == 0 or step == steps or monitor.look_is_due(step)
            if logged:
                means = {name: summed / counted for name, summed in sums.items()}
                left = total - step * per_step
                means |= speed_figures(counted * per_step, time.perf_counter() - began, left)
                line |= means
                sums, counted, began = {}, 0, time.perf_counter()
            line = fabric.broadcast(line)  # every process decides alike
            if early.is_due(step):
                examples = step * per_step
                line["health/unseen"] = early.look(examples, synthesizer, tracker is not None)
            begun = monitor.respond(step * per_step, values, line)
            if tracker:
                tracker.write(step * per_step, line, begun)
            if monitor.should_restore(begun):
                assert folder is not None
                fabric.barrier()
                step, _ = snapshots.load_snapshot(folder, parts, optimisers)
                monitor.rewind(step * per_step)
                if tracker:
                    tracker.rewind(step * per_step, begun)
                sums, counted, began = {}, 0, time.perf_counter()
                continue
            if report and logged:
                report(step * per_step, total, means)
            if settings.samples and _passed_multiple(step, per_step, len(data)):
                sample(step * per_step // len(data))
            due = [settings.snapshot_every, settings.keep_every or settings.snapshot_every]
            crossed = any(_passed_multiple(step, per_step, every) for every in due)
            if crossed and step < steps and not (monitor.doubtful or early.over):
                snapshot()
            if stop and step < steps:
                raise KeyboardInterrupt
        if settings.samples and steps * per_step < len(data):
            sample(1)  # of an epoch that was begun and is the only one
        snapshot()
        if (best := early.best_weights()) is not None:
            learner.average.load_state_dict(best)
            card.metrics["early_stop"] = early.facts
            save_model()
    except KeyboardInterrupt:
        if between:  # within a step critic and generator do not belong together
            snapshot()
        raise
    finally:
        waiting.close()
        if tracker:
            tracker.close()
    return synthesizer


def _augmented(signal: Tensor, fs: float, chance: float, random: torch.Generator) -> Tensor:
    """The signals as the critic sees them; without augmentation no random number is drawn."""
    return augment(signal, fs, chance, random) if chance else signal


def _passed_multiple(step: int, per_step: int, every: int) -> bool:
    """Whether this step passed a multiple of `every` examples."""
    return step * per_step // every > (step - 1) * per_step // every
