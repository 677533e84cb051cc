"""The command `ecgsynth`: sub-commands import heavy modules only when they run."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ecgsynth import __version__
from ecgsynth.cli import (
    augment,
    candidates,
    classify,
    complete,
    convert,
    corpus,
    data,
    demo,
    evaluate,
    finetune,
    generate,
    join,
    listing,
    plot,
    record,
    rhythm,
    score,
    serve,
    stream,
    testpack,
    train,
    transplant,
    tune,
    turing,
    versions,
    watch,
)
from ecgsynth.cli.targets import WritesEcg
from ecgsynth.errors import EcgsynthError, is_out_of_memory, mask_passwords
from ecgsynth.processes import is_main_process
from ecgsynth.threads import set_thread_environment

app = typer.Typer(
    name="ecgsynth",
    help="Synthetic ECG from generative adversarial networks, judged against real patients.",
    epilog="Example: ecgsynth generate mitbih-beats --label V --count 500 --to pvc.npz",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("list")(listing.list_)
app.add_typer(data.app, name="data")
app.command()(train.train)
app.command()(finetune.finetune)
app.command()(tune.tune)
app.command()(watch.watch)
app.add_typer(versions.app, name="versions")
app.command()(join.join)
app.command()(transplant.transplant)
app.command(cls=WritesEcg)(generate.generate)
app.command(cls=WritesEcg)(complete.complete)
app.command(cls=WritesEcg)(convert.convert)
app.command(cls=WritesEcg)(augment.augment)
app.command()(evaluate.evaluate)
app.command()(candidates.candidates)
app.add_typer(classify.app, name="classify")
app.command()(score.score)
app.command()(turing.turing)
app.command()(plot.plot)
app.command()(rhythm.rhythm)
app.command(cls=WritesEcg)(record.record)
app.command("testpack")(testpack.write_pack)
app.command()(stream.stream)
app.add_typer(corpus.app, name="corpus")
app.command()(serve.serve)
app.command()(demo.demo)


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command. An error of the user becomes one sentence and exit code 2, a fault of
    ecgsynth one sentence and exit code 70."""
    set_thread_environment()
    _log()
    # SIGTERM, or SIGHUP of a closed terminal, raises an exception like Ctrl-C, so that no partial
    # files are left.
    for name, code in (("SIGTERM", 143), ("SIGHUP", 129)):
        number = getattr(signal, name, None)
        with suppress(ValueError):  # only possible in the main thread
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # nohup
                signal.signal(number, partial(_end, code))
    for out in (sys.stdout, sys.stderr):  # names may have characters that no terminal shows
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="backslashreplace")
    if sys.argv[1:] == ["--version"]:
        typer.echo(__version__)
        return
    try:
        app()
    except EcgsynthError as problem:
        _fail(str(problem) if is_main_process() else "")  # other processes have the same error
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except MemoryError:
        _fail("not enough memory; ask for fewer items at a time.")
    except OSError as problem:
        reason = problem.strerror or str(problem) or type(problem).__name__
        _fail(f"{problem.filename or 'a file'} could not be read or written ({reason}).")
    except Exception as problem:
        if is_out_of_memory(problem):
            _fail("not enough memory; take a smaller model or training.batch.")
        if os.environ.get(SHOW):
            raise
        where = traceback.extract_tb(problem.__traceback__)[-1]
        _fail(
            f"this is a fault of ecgsynth ({type(problem).__name__}: {problem}; "
            f"{Path(where.filename).name}, line {where.lineno}); please report it with the "
            f"command, and with what it prints under {SHOW}=1.",
            FAULT,
        )


def _end(code: int, *_: object) -> None:
    sys.exit(code)


SHOW = "ECGSYNTH_TRACEBACK"
"""If set, a fault is shown with its traceback."""

FAULT = 70
"""Exit code of an internal fault (EX_SOFTWARE in sysexits.h)."""


class _Once(logging.Filter):
    """Lets each message pass once: two splits of a data set leave out the same record."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        fresh = text not in self._passed
        self._passed.add(text)
        return fresh


class _Masked(logging.Formatter):
    """Masks passwords in URIs, which libraries may log too."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_passwords(super().format(record))


def _log() -> None:
    """Write warnings to standard error, only in the first of several processes."""
    handler = logging.StreamHandler()
    handler.addFilter(_Once())
    handler.setFormatter(_Masked("%(levelname)s: %(message)s"))
    level = logging.WARNING if is_main_process() else logging.CRITICAL
    logging.basicConfig(handlers=[handler], level=level)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its cache without a home folder


def _fail(sentence: str, code: int = 2) -> NoReturn:
    """Exit with one line on standard error; control characters are escaped."""
    if sentence:
        shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in mask_passwords(sentence))
        typer.echo(f"ecgsynth: {shown}", err=True)
    sys.exit(code)
