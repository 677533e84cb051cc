r"""Gain of a classifier of rare beats by synthetic beats: `python -m benchmarks.augmentation`.

Trains the fixed classifier on real beats and on real beats augmented in several ways, at equal
steps, and prints F1 on new people:

    python -m benchmarks.augmentation --generator flagship=mitbih-beats,runs/b,runs/c \
        --generator vanilla=recipe:vanilla-mitbih --train      # trains what has to be trained
    python -m benchmarks.augmentation --list                   # what is missing, and how long
    python -m benchmarks.augmentation                          # goes on; several may run at once
    python -m benchmarks.augmentation --final --to docs/images # looks at DS2, once a version

Every classifier is a file in the folder `--work`; what is there is not made again. Ratios are
chosen on the validation patients. Without `--final` nothing of the test side is read.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections import Counter
from datetime import date
from typing import Any

import torch

from benchmarks.augmentation.generators import Generator
from benchmarks.augmentation.options import Option
from benchmarks.augmentation.parser import CHANGED, parser
from benchmarks.augmentation.recordings import Recordings
from benchmarks.augmentation.results import Results
from benchmarks.augmentation.settings import Seeds
from benchmarks.augmentation.study import Study, settings_of
from benchmarks.augmentation.tables import report, title
from benchmarks.augmentation.trainings import trainings, write_subsets
from benchmarks.augmentation.work import Pace, left, ready, work
from ecgsynth.datasets.people import test_people
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import MIN_ITEMS
from ecgsynth.files import atomic_write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.training.card import package_versions


def main(words: list[str] | None = None) -> None:
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    given = parser(__doc__).parse_args(words)
    try:
        command(given)
    except EcgsynthError as problem:
        print(f"benchmarks.augmentation: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command goes on.", file=sys.stderr)
        sys.exit(130)


def command(given: argparse.Namespace) -> None:
    """What was asked for, in the order: training, cells, tables."""
    torch.set_num_threads(given.threads)
    study = opened(given)
    if given.only and given.only not in study.arms:
        raise EcgsynthError(f"no arm '{given.only}'; choose from {', '.join(study.arms)}.")
    if given.list:
        listed(study, given.only)
        return
    if given.train:
        train(study)
    if not given.final:
        work(study, given.only)
        waiting(study)
        found = Results(study, "validation")
        print(f"Chosen on {study.recordings.validation.source}; nothing of the test side is read.")
    else:
        found = final(study)
    print()
    for line in report(found):
        print(line)
    if given.to:
        from benchmarks.augmentation.pictures import draw

        for path in draw(found, given.to):
            print(path)


def opened(given: argparse.Namespace) -> Study:
    """The study of the folder, as it was and with what is given now."""
    changes = {n: getattr(given, n) for n in CHANGED if getattr(given, n) is not None}
    if given.learned:
        changes["train"] = given.learned
    settings = settings_of(given.work, changes)
    for ratio in (*settings.ratios, *settings.curve_ratios):
        Option.of(ratio)
    if settings.ns and min(settings.ns) < MIN_ITEMS:
        raise EcgsynthError(
            f"the gate needs {MIN_ITEMS} real beats of a class to know what is usual; leave n = "
            f"{min(settings.ns)} out of --ns."
        )
    seeds = Seeds(given.generator_seeds, given.classifier_seeds, given.scouts, given.curve_seeds)
    generators = [Generator.of(w, given.work, seeds.generators) for w in given.generator]
    study = Study(
        given.work, settings, seeds, {one.name: one for one in generators},
        Recordings.load(settings),
    )  # fmt: skip
    study.check()
    study.remember()
    return study


def train(study: Study) -> None:
    """Run the trainings that are missing, one after another."""
    write_subsets(study)
    todo = trainings(study)
    for k, one in enumerate(todo):
        print(f"[{k + 1} of {len(todo)}] {one.command}", file=sys.stderr, flush=True)
        one.run()
    study.remember()


def listed(study: Study, only: str) -> None:
    """Print what is missing and about how long it takes on one core."""
    todo, pace = trainings(study), Pace(study)
    for one in todo:
        print(one.command)
    if todo:
        write_subsets(study)
        print(f"{len(todo)} trainings of generators are missing (above; --train runs them).\n")
    missing, later = left(study, only)
    total = 0.0
    for (arm, n), count in Counter((cell.arm, cell.n) for cell in missing).items():
        seconds = count * pace.of(arm)
        total += seconds
        waits = "" if all(ready(study, c) for c in missing if (c.arm, c.n) == (arm, n)) else (
            ", waits for its generator")  # fmt: skip
        at = f" at n={n}" if n else ""
        print(f"{title(arm)}{at}: {count} missing, about {seconds / 3600:.1f} h{waits}")
    total += later * pace.of()
    basis = "from those done" if pace.known else f"at {pace.of():.0f} s each, as none is done"
    print(
        f"{len(missing)} classifiers are missing, {later} more follow once ratios are chosen; "
        f"about {total / 3600:.1f} core-hours ({basis})."
    )


def waiting(study: Study) -> None:
    """Say which cells have no generator yet."""
    missing, later = left(study)
    if missing:
        print(
            f"{len(missing) + later} classifiers wait for generators that are not trained; "
            "--list shows the commands, --train runs them.\n",
            file=sys.stderr,
        )


def final(study: Study) -> Results:
    """Open the test side; what is there has to be complete, since it is looked at once.

    Raises
    ------
    EcgsynthError: cells are missing.
    """
    missing, later = left(study)
    if missing:
        raise EcgsynthError(
            f"{len(missing) + later} classifiers are missing, and the test side is looked at once; "
            "finish first (--list shows what is missing)."
        )
    test, looks = study.recordings.test, study.folder / "looks.json"
    side = name_of(test)
    before: list[dict[str, Any]] = json.loads(looks.read_text()) if looks.is_file() else []
    now: dict[str, Any] = {
        "date": date.today().isoformat(),
        "side": test.source,
        "versions": package_versions(),
    }
    if before:
        days = ", ".join(one["date"] for one in before)
        print(f"The test side of this study was looked at before: {days}.", file=sys.stderr)
    print(
        f"This looks at {side}, once per shipped version.",
        file=sys.stderr,
    )
    if now not in before:
        with atomic_write(looks) as temporary:
            temporary.write_text(json.dumps([*before, now], indent=1) + "\n")
    versions = ", ".join(f"{name} {number}" for name, number in now["versions"].items())
    print(f"{side} was looked at on {now['date']} ({versions}; {_models(study)}).")
    return Results(study, "test")


def name_of(test: Ecg) -> str:
    tested = test_people(test)
    return f"DS2 ({test.source})" if tested else f"the test side, {test.source},"


def _models(study: Study) -> str:
    each = (
        f"{name} {'/'.join(digest[:8] for digest in digests.values())}"
        for name, digests in study.digests.items()
    )
    return "; ".join(each) or "no generators"


if __name__ == "__main__":
    main()
