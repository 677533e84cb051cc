"""`ecgsynth serve`: run the web page and the REST service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

PARTS = ("fastapi", "prometheus_client", "python_multipart", "sqlalchemy", "uvicorn")
"""Import names of the packages of the extra `serve`."""


def serve(
    settings: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE",
                        help="Limits and times, as in "
                        "most_items=10000 jobs=2; docs/service.md lists them.")] = None,
    host: Annotated[str, typer.Option("--host", help="0.0.0.0 is open to the network.")]
    = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the page.")] = 8000,
    model_dir: Annotated[Path | None, typer.Option("--model-dir", help="Folder of .safetensors "
                                                                  "files and runs, in addition to "
                                                                  "shipped models.")] = None,
    runs: Annotated[Path | None, typer.Option("--runs", help="Folder of runs that the page shows "
                                                        "[runs].")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
    jobs_db: Annotated[str, typer.Option("--jobs-db", help="SQLAlchemy URL, such as "
                       "sqlite:///jobs.sqlite or postgresql+psycopg://user@host/name [a file of "
                       "the user's own].")] = "",
) -> None:  # fmt: skip
    """Serve the page and the REST API.

    /docs describes the requests. If ECGSYNTH_API_KEY is set, each needs this key.

    Example: ecgsynth serve --model-dir runs/ most_items=100000
    """
    import os
    import signal
    from importlib.util import find_spec

    from ecgsynth.errors import EcgsynthError

    absent = [name for name in PARTS if find_spec(name) is None]
    if absent:
        raise EcgsynthError(
            f"the service needs packages that are not here ({', '.join(absent)}); "
            "run `pip install 'ecgsynth[serve]'`."
        )
    import uvicorn

    from ecgsynth.jobs.store import Store
    from ecgsynth.service.files.tempdirs import scratch
    from ecgsynth.service.middleware.connections import allow_many, options
    from ecgsynth.service.middleware.logs import CONFIG
    from ecgsynth.service.settings import KEY, Settings, read_key

    values: dict[str, object] = dict(_word(text) for text in settings or [])
    named = {"model_dir": model_dir, "runs": runs, "jobs_db": jobs_db}
    values |= {name: value for name, value in named.items() if value}
    _check_no_secret(values)
    chosen = Settings.read(values)
    chosen = chosen.model_copy(update={"hosts": ",".join(filter(None, (chosen.hosts, host)))})
    key = read_key()
    if chosen.model_dir is not None and not chosen.model_dir.is_dir():
        raise EcgsynthError(f"there is no folder {chosen.model_dir} to load models from.")
    Store(chosen.jobs_db).engine.dispose()  # create its tables once, before the workers start
    _check_free(host, port)
    os.environ |= chosen.to_environment()
    allow_many()
    if host not in ("127.0.0.1", "::1", "localhost") and not key:
        typer.echo(
            f"Anyone who can connect to {host} can use this service; set {KEY} to require a key.",
            err=True,
        )
    with scratch() as place:
        if workers > 1:  # where the workers sum their counters
            (place / "metrics").mkdir()
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(place / "metrics")
        hangup = getattr(signal, "SIGHUP", None)  # closed terminal; ignored under nohup
        if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
            signal.signal(hangup, lambda *_: signal.raise_signal(signal.SIGTERM))
        typer.echo(f"ecgsynth serves http://{host}:{port} (API: /docs)")
        uvicorn.run(
            "ecgsynth.service.application:from_environment",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            log_config=CONFIG,
            access_log=False,
            server_header=False,
            **options(),
            backlog=2048,
            timeout_keep_alive=75,  # s; less closes connections that a busy client still uses
            timeout_graceful_shutdown=chosen.stop_seconds,
            timeout_worker_healthcheck=60,  # s; after 5, a busy machine's workers were ended
        )


def _word(text: str) -> tuple[str, str]:
    """Name and value of `most_items=5`; the value stays text."""
    from ecgsynth.errors import EcgsynthError

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise EcgsynthError(f"'{text}' is no setting; write word=value, as in most_items=10000.")
    return name, value


def _check_no_secret(values: Mapping[str, object]) -> None:
    """Reject a password on the command line."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from ecgsynth.errors import EcgsynthError

    try:
        address = make_url(str(values.get("jobs_db", "sqlite://")))
    except ArgumentError:  # reported when it is opened
        return
    if address.password or "password" in address.query:
        raise EcgsynthError(
            "the URL of the jobs database contains a password, and every user of this machine can "
            "read command lines; set ECGSYNTH_SERVE_JOBS_DB to the URL instead."
        )


def _check_free(host: str, port: int) -> None:
    import socket

    from ecgsynth.errors import EcgsynthError

    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as problem:
        raise EcgsynthError(
            f"{host}:{port} cannot be served ({problem.strerror or problem}); choose another "
            "--host or --port."
        ) from None
