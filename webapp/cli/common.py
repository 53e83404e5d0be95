"""What each command that works on an instance does first, and how it says what is refused."""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import DatabaseError

from ..config import resources
from ..db import schema
from ..db.engine import DatabaseBusy
from ..db.faults import BUGS, line
from ..errors import NotFound, Refused
from ..ops.checks import sites_of
from ..ops.setup import program
from ..ops.snapshots import Report
from ..pages import repair
from ..system import screen
from ..system.screen import printable

STEPS = 1000


class Failed(click.ClickException):
    """Ends a command with one line, whatever is named in it."""

    def format_message(self) -> str:
        return printable(self.message)


def on_instance(command: Callable[..., Any]) -> Callable[..., Any]:
    """Say which instance folder the command works on; refuse when there is none. What models refuse is one line."""

    @with_appcontext
    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        folder = current_app.config["INSTANCE"]
        click.echo(f"Instance: {printable(folder)}", err=True)
        if not folder.is_dir():
            raise Failed(_no_instance(folder))
        try:
            with repair.noted(current_app):
                return command(*args, **kwargs)
        except NotFound:
            raise Failed(f"No user named {kwargs.get('name', kwargs.get('author'))!r}.") from None
        except (Refused, DatabaseBusy, schema.SchemaRefused) as error:
            raise Failed(str(error) or "The database is busy. Try again.") from None
        except BUGS:
            raise
        except DatabaseError as error:
            raise Failed(f"Database error: {line(error)}.") from None

    return run


def _no_instance(folder: Path) -> str:
    context = click.get_current_context()
    given = {context.get_parameter_source(name) for name in context.params} - {ParameterSource.DEFAULT}
    this = f"{program()} {context.command_path.partition(' ')[2]}" + (" …" if given else "")
    if running := sites_of(resources()):
        return f"{folder} doesn't exist. A site runs on {running[0]}: PRESSROOM_INSTANCE={running[0]} {this}"
    elsewhere = f"PRESSROOM_INSTANCE=/path/to/instance {this}"
    return f"{folder} doesn't exist. Create it with {program()} init, or name another folder: {elsewhere}"


@contextlib.contextmanager
def bar(label: str) -> Iterator[Report]:
    with _ended_as_by_ctrl_c(), click.progressbar(length=STEPS, label=label, file=screen.unguarded()) as bar:
        yield lambda fraction: bar.update(round(fraction * STEPS) - bar.pos)


@contextlib.contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """SIGTERM too, which systemd sends: what is half made is removed."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
