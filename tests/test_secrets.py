"""No password of a URI is printed, whoever writes the sentence."""

from __future__ import annotations

import logging

import pytest
from outcome import Command

from ecgsynth.errors import EcgsynthError, mask_passwords


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://user:pw@host/db", "postgresql://user:***@host/db"),
        ("postgresql+psycopg://u:p@ss@host:5/db", "postgresql+psycopg://u:***@host:5/db"),
        ("mysql://u:p/w@host/db?ssl=1", "mysql://u:***@host/db?ssl=1"),
        ("redis://:pw@host", "redis://:***@host"),
        ("https://me:pw@mirror.org/mitdb/", "https://***@mirror.org/mitdb/"),
        ("https://a-token@host/", "https://***@host/"),
        ("postgresql://u@host/db?password=pw&sslmode=require",
         "postgresql://u@host/db?password=***&sslmode=require"),
        ("https:/me:pw@mirror.org/m.safetensors", "https:/***@mirror.org/m.safetensors"),  # a path
        ("postgresql:/user:pw@host/db", "postgresql:/user:***@host/db"),
        ("/data/s3:/key:pw@bucket/x", "/data/s3:/key:***@bucket/x"),
        ("host=here password=pw user=me", "host=here password=*** user=me"),
        ("mssql+pyodbc:///?odbc_connect=UID%3Dme%3BPWD%3Dpw%3BSERVER%3Dx",
         "mssql+pyodbc:///?odbc_connect=UID%3Dme%3BPWD%3D***%3BSERVER%3Dx"),
    ],
)  # fmt: skip
def test_password_of_a_uri_is_hidden_and_the_rest_stands(uri: str, shown: str) -> None:
    assert mask_passwords(uri) == shown
    assert mask_passwords(f"cannot open '{uri}' now") == f"cannot open '{shown}' now"
    assert str(EcgsynthError(f"cannot open {uri}.")) == f"cannot open {shown}."


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5000/models@production",
        "models:/mitbih-beats@production",
        "sqlite:////home/me@work/versions.sqlite3",
        "postgresql+psycopg://user@host/name",
        "20 beats/min at 360 Hz: an item of mitbih:heldout",
    ],
)
def test_what_holds_no_password_stays_as_it_is(text: str) -> None:
    assert mask_passwords(text) == text


def test_library_that_writes_a_part_of_the_password_gives_nothing_away() -> None:
    uri = "postgresql://u:se%20cret@word@host/db"
    said = 'no host "word@host"; user u, password "se cret@word", again se%20cret@word'
    for part in ("word@", "se cret", "se%20cret"):
        assert part not in mask_passwords(said, uri)
    assert mask_passwords(said, uri).startswith('no host "***@host"; user u')


@pytest.mark.parametrize("uri", ["postgresql://user:hunter2@host/db", "mysql://u:hunter2@h/x"])
def test_store_of_versions_that_is_refused_is_named_without_its_password(
    command: Command, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", uri)
    done = command("versions", "list")
    assert done.code == 2
    assert ":***@h" in done.err
    assert "hunter2" not in done.out + done.err


def test_tracking_server_out_of_reach_is_named_without_its_password(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", "http://me:hunter2@127.0.0.1:9/")
    done = command("versions", "list")
    assert done.code == 2
    assert "hunter2" not in done.out + done.err
    assert "http://***@127.0.0.1:9/" in done.err


def test_password_in_a_warning_of_a_library_is_hidden_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ecgsynth.cli import main

    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    main._log()
    logging.getLogger("a.library").warning("at %s", "mysql://me:hunter2@host")
    assert capsys.readouterr().err == "WARNING: at mysql://me:***@host\n"
