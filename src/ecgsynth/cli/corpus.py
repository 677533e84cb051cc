"""`ecgsynth corpus`: make a corpus by a plan, verify it, merge corpora."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ecgsynth.cli.options import Overrides, complete_recipe
from ecgsynth.cli.targets import WritesEcg

MAKE = "make"


class _Corpus(TyperGroup):
    """`corpus PLAN` is `corpus make PLAN`."""

    usual = MAKE

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [self.usual, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Corpus,
    help="Make a corpus by a plan, shard by shard.\n\nPLAN alone is `corpus make PLAN`.",
    epilog="Example: ecgsynth corpus corpus-small --to corpora/small/",
    no_args_is_help=True,
)
Place = Annotated[str, typer.Argument(metavar="URL", help="A folder, or s3://bucket/name.")]


@app.command(MAKE)
def make(
    plan: Annotated[str, typer.Argument(help="A shipped plan's name or a YAML file.",
                    autocompletion=complete_recipe)],
    overrides: Overrides = None,
    to: Annotated[str, typer.Option("--to", metavar="URL", help="A folder, or s3://bucket/name "
                                    "[named after PLAN].")] = "",
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; 1 = this one "
                       "[cores].", show_default=False)] = None,
    scheduler: Annotated[str, typer.Option("--scheduler", help="Of Dask: local, tcp://HOST:PORT or "
                         "slurm.")] = "local",
    shards: Annotated[str, typer.Option("--shards", metavar="K-L", help="Only these, as in "
                                        "0-99 [all].")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, make nothing.")]
    = False,
) -> None:  # fmt: skip
    """Make a corpus, or what is missing of it.

    The same command continues after any stop.

    Example: ecgsynth corpus make corpus-small --to corpora/small/

    On a cluster: ecgsynth corpus make plan.yaml --scheduler tcp://node1:8786
    """
    from ecgsynth.corpus.make import check_plan, make_corpus
    from ecgsynth.corpus.plan import CorpusPlan
    from ecgsynth.errors import mask_passwords

    read = CorpusPlan.read(plan, *(overrides or []))
    target = to or f"corpora/{read.name}/"
    if dry_run:
        check_plan(read)
        typer.echo(read.to_yaml())
        typer.echo(f"# would write {sum(1 for _ in read.shards()):,} shards to {target}")
        return
    with _counted("making", "items") as advance:
        done = make_corpus(
            read, target, workers=workers, scheduler=scheduler, shards=_range(shards),
            advance=advance, note=lambda line: typer.echo(line, err=True),
        )  # fmt: skip
    place = mask_passwords(done.url)
    if done.missing:
        typer.echo(f"{done.new:,} shards made, {done.missing:,} missing: {place}")
        return
    items = sum(part["items"] for part in done.manifest["parts"].values())
    typer.echo(f"{items:,} synthetic items in {len(done.manifest['shards']):,} shards: {place}")
    typer.echo(f"checksum: {done.checksum}")


@app.command()
def verify(
    url: Place,
    repair: Annotated[bool, typer.Option("--repair", help="Forget damaged shards, so that the same "
                                         "plan makes them again.")] = False,
) -> None:  # fmt: skip
    """Compare every file with its checksum.

    The exit code is 1 where one differs.

    Example: ecgsynth corpus verify corpora/small/
    """
    from ecgsynth.corpus.check import verify_corpus
    from ecgsynth.errors import mask_passwords

    with _counted("verifying", "shards") as advance:
        found = verify_corpus(url, repair=repair, advance=advance)
    for problem in found.problems:
        typer.echo(problem)
    typer.echo(
        f"{found.shards:,} shards are whole: {found.files:,} files, {found.bytes / 1e6:,.1f} MB in "
        f"{mask_passwords(found.url)}"
    )
    if found.damaged and repair:
        typer.echo(f"{len(found.damaged):,} shards are made again by the command that made them")
    if found.problems:
        raise typer.Exit(1)


@app.command(cls=WritesEcg)
def merge(
    corpora: Annotated[list[str], typer.Argument(metavar="URL...", help="Corpora of one plan.")],
    to: Annotated[str, typer.Option("--to", help="A folder or URL for the corpus; or for one part "
                                    "a {formats}.")],
    part: Annotated[str, typer.Option("--part", help="Of the plan, for one file.")] = "",
) -> None:  # fmt: skip
    """Merge corpora of one plan, or write a part as one file.

    Example: ecgsynth corpus merge a/ b/ --to whole/

    One file: ecgsynth corpus merge whole/ --part beats --to beats.parquet
    """
    from pathlib import Path

    from ecgsynth.corpus.check import merge_corpora
    from ecgsynth.errors import mask_passwords

    with _counted("merging", "shards") as advance:
        done = merge_corpora(corpora, to, part=part, advance=advance)
    if isinstance(done, Path):
        typer.echo(f"written: {done}")
        return
    missing = f", {done.missing:,} missing" * bool(done.missing)
    typer.echo(f"{done.new:,} shards copied{missing}: {mask_passwords(done.url)}")


def _range(text: str) -> tuple[int, int] | None:
    """The first and the last shard of K-L, or of K alone.

    Raises
    ------
    EcgsynthError: it is none.
    """
    from ecgsynth.errors import EcgsynthError

    first, dash, last = text.partition("-")
    if not text:
        return None
    if not (first.isdecimal() and (last.isdecimal() if dash else not last)):
        raise EcgsynthError(f"--shards takes two numbers, as in 0-99; got '{text}'.")
    return int(first), int(last if dash else first)


@contextmanager
def _counted(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Progress by count; what an earlier command had done is no part of the speed."""
    import time

    from ecgsynth.progress import count_bar

    with count_bar(unit) as bar:
        task = bar.add_task(what, total=None)
        first: list[Any] = []

        def advance(done: int, total: int) -> None:
            if not first:
                first.extend((done, time.monotonic()))
            bar.update(task, completed=done, total=total, since=tuple(first))

        yield advance
