"""`pressroom check`: what commonly goes wrong, and the cure, in the words with which the start would refuse it."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import ssl
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError

import click
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from .. import config, db
from ..content import library
from ..db import faults, schema
from ..db.engine import snapshot
from ..live.channel import CHANNEL
from ..ops import checks, diagnosis, setup, snapshots
from ..ops.start import on_this_machine
from ..pages import public, repair
from ..system import instance
from ..system.screen import printable
from ..system.server import is_uwsgi_possible
from .common import Failed, on_instance

ASK_SECONDS = 5.0
IN_ITS_PLACE = ("gunicorn", "waitress")


@click.command()
@on_instance
def check() -> None:
    """Find common problems and print the fix."""
    folder: Path = current_app.config["INSTANCE"]
    by_uwsgi = checks.is_running(folder)
    runs = by_uwsgi or repair.is_kept(folder)
    holds_streams = by_uwsgi if runs else _is_for_uwsgi()
    problems = [
        *_refused(instance.check_writable, folder),
        *(_refused(_database) or (_unready() if runs else [])),
        *diagnosis.of_machine(current_app.config, _pid(folder) if by_uwsgi else 0, holds_streams),
        *diagnosis.of_settings(current_app.config),
        *_page_store(),
        *(_refused(_in_front) if runs else _before_the_start()),
        *(diagnosis.in_log(folder) if holds_streams else []),
    ]
    problems += [*_refused(_dates), *_refused(_pictures), *_streams(holds_streams, by_uwsgi)]
    if not runs:
        click.echo("The site isn't running.")
    for problem in problems:
        click.echo(f"PROBLEM: {printable(problem)}")
    if problems:
        raise Failed("1 problem found." if len(problems) == 1 else f"{len(problems)} problems found.")
    click.echo("No problems found.")


def _refused(part: Callable[..., str | None], *args: object) -> list[str]:
    """What a check that raises or returns has to say."""
    try:
        problem = part(*args)
    except (instance.InstanceError, checks.CannotStart, schema.SchemaRefused) as error:
        problem = str(error)
    except SQLAlchemyError as error:
        problem = checks.database_says(error)
    return [problem] if problem else []


def _database() -> str | None:
    with db.ENGINE.of(current_app).connect() as connection:
        schema.refuse_newer(connection)
        is_empty = schema.current(connection) is None
    file = snapshots.path_of(current_app.config["DATABASE_URL"])
    return _file(file, is_empty) if file else None


def _dates() -> str | None:
    """Of a database that can be read; what is wrong with another one is said already."""
    with contextlib.suppress(SQLAlchemyError), db.ENGINE.of(current_app).connect() as connection:
        return setup.dated_ahead(connection)
    return None


def _pictures() -> str | None:
    """Of a database that can be read, as `_dates`."""
    with contextlib.suppress(SQLAlchemyError), snapshot(db.ENGINE.of(current_app)) as session:
        if missing := library.missing_originals(session):
            which = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
            in_files = snapshots.path_of(current_app.config["DATABASE_URL"])
            where = current_app.config["INSTANCE"] / "originals" if in_files else "the database"
            return f"{where} lacks the originals of {len(missing)} pictures ({which}): copy them from the last backup"
    return None


def _file(file: Path, is_empty: bool) -> str | None:
    if is_empty:
        return f"{file} is empty: put the site's own back, or restore the last backup"
    if file.stat().st_mode & 0o077:
        return f"{file} isn't private: chmod 600 {file}*"
    try:
        damage = snapshots.quick_check(file)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            return checks.database_says(error)
        click.echo(f"Database: too large to check it here. Try: sqlite3 {file} 'PRAGMA quick_check'")
        return None
    if damage is None:
        click.echo("Database: no damage found.")
        return None
    return f"the database is damaged ({damage}): {faults.CURES[sqlite3.SQLITE_CORRUPT]}"


def _page_store() -> list[str]:
    if not public.of_app().store.usable:
        click.echo("Page store: not supported on this system; Python renders every page.")
        return []
    problem = public.of_app().trouble()
    if problem is None:
        click.echo("Page store: writable.")
    return [problem] if problem else []


def _is_for_uwsgi() -> bool:
    """Not where there is none, or it wasn't installed and another server was."""
    return is_uwsgi_possible() and (diagnosis.UWSGI.is_file() or not any(map(find_spec, IN_ITS_PLACE)))


def _before_the_start() -> list[str]:
    return [
        *(_refused(diagnosis.unusable, diagnosis.UWSGI) if _is_for_uwsgi() else []),
        *_refused(checks.check_free, current_app.config),
    ]


def _in_front() -> str | None:
    """Whether readers reach the site by its own address. A proxy that speaks the wrong protocol waits in vain."""
    url = current_app.config["BASE_URL"]
    if config.PREFIX + "BASE_URL" not in os.environ:
        click.echo("Public address: not checked, because PRESSROOM_BASE_URL isn't set.")
        return None
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=ASK_SECONDS):  # noqa: S310 (config.py has checked it)
            click.echo(f"Public address: {url} answers.")
            return None
    except (OSError, ValueError) as error:
        reason, cure = _why(getattr(error, "reason", None) or error, error)
    return f"the site runs, but {url} doesn't lead to it ({reason}): {cure}"


def _unready() -> list[str]:
    """What the running site says of the database: it may have another file open than the one that is there now."""
    if current_app.config["SOCKET"]:
        return []
    try:
        here = on_this_machine(current_app.config["HTTP"])
        urllib.request.urlopen(f"{here}/readyz", timeout=ASK_SECONDS).close()  # noqa: S310 (config.py has checked it)
    except HTTPError as error:
        lines = error.read(1000).decode(errors="replace").splitlines()
        found = "The running site says: {} See uwsgi.log; if the file was moved, put it back."
        return [found.format(line) for line in lines if line.startswith("The database")]
    except OSError:
        pass
    return []


def _why(cause: Exception | str, error: Exception) -> tuple[str, str]:
    """The reason, and what to do about it."""
    match cause:
        case ssl.SSLCertVerificationError():
            return cause.verify_message, "renew it, or for one of your own SSL_CERT_FILE=/path/to/fullchain.pem"
        case socket.gaierror():
            return "unknown host name", "add it to the DNS, or correct PRESSROOM_BASE_URL"
        case ConnectionRefusedError():
            return "nothing listens there", "start the proxy, or correct the port in PRESSROOM_BASE_URL"
    said = f"{error.code} {cause}" if isinstance(error, HTTPError) else str(cause)
    if isinstance(error, HTTPError) and error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return said, "correct PRESSROOM_BASE_URL: http or https, host and port"
    if unix := current_app.config["SOCKET"]:
        return said, f"in nginx it takes uwsgi_pass unix:{unix}, and nginx's user must be in the socket's group"
    return said, f"in nginx it takes proxy_pass http://{current_app.config['HTTP']}"


def _streams(holds_streams: bool, runs: bool) -> list[str]:
    if not holds_streams:
        click.echo("Streams: only available under uWSGI; readers poll.")
        return []
    count = current_app.config["BROADCASTERS"]
    status = [found for found in CHANNEL.of(current_app).status() if found]
    if status:
        streams, limit = sum(found["streams"] for found in status), sum(found["limit"] for found in status)
        click.echo(f"Streams: {streams:,} open, {limit:,} at once at most; extra readers poll.")
    else:
        limit = diagnosis.room(count, diagnosis.limits()[1])
        click.echo(f"Streams: {limit:,} at once at most; extra readers poll.")
    if limit >= diagnosis.FEW_READERS:
        click.echo(diagnosis.more_readers(count))
    return ["the broadcaster doesn't respond, so readers poll: restart the site"] if runs and not status else []


def _pid(folder: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int((folder / "uwsgi.pid").read_text("ascii"))
    return 0
