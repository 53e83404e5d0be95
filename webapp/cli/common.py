"""What each command that works on an instance does first, and how it says what is refused."""

from __future__ import annotations

import functools
from collections.abc import Callable
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
from ..pages import repair
from ..system.screen import printable


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
