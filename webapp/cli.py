"""The commands: `pressroom …`, the same as `flask --app webapp …`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, FlaskGroup, with_appcontext
from sqlalchemy.exc import OperationalError

from . import changes, config, create_app, db, imports, instance, names, passwords, people
from .errors import NotFound, Refused
from .models import ROLES
from .setup import first_words, initialise, program, upgrade_schema


def on_instance(command: Callable[..., Any]) -> Callable[..., Any]:
    """Say which instance folder the command works on; refuse when there is none. What models refuse is one line."""

    @with_appcontext
    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        folder = current_app.config["INSTANCE"]
        click.echo(f"Instance: {folder}", err=True)
        if not folder.is_dir():
            raise click.ClickException(f"{folder} isn't there. Make it with: {program()} init")
        try:
            return command(*args, **kwargs)
        except NotFound:
            raise click.ClickException(
                f"There is no account called {kwargs.get('name', kwargs.get('author'))!r}."
            ) from None
        except (Refused, db.DatabaseBusy, db.SchemaRefused) as error:
            raise click.ClickException(str(error) or "The database is busy. Try again.") from None
        except OperationalError as error:
            raise click.ClickException(f"The database says: {error.orig}. Try: {program()} init") from None

    return run


@click.command()
def init() -> None:
    """Make or upgrade the instance folder and its database."""
    settings = config.read()
    click.echo(f"Instance: {settings['INSTANCE']}", err=True)
    try:
        instance.prepare(settings["INSTANCE"])
        password = initialise(settings)
    except (instance.InstanceError, db.DatabaseBusy, db.SchemaRefused) as error:
        raise click.ClickException(str(error) or "The database is busy. Try again.") from None
    click.echo("The database is ready.")
    if password:
        click.echo(first_words(password))


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--author", required=True, metavar="NAME", help="whose posts they become")
@on_instance
def import_files(paths: tuple[Path, ...], author: str) -> None:
    """Publish Markdown files, or folders of them, as posts; what was imported before is left alone."""
    person = people.by_name(db.reading(), author)
    zone = current_app.config["TIMEZONE"]
    found = imports.files(list(paths))
    stored, problems = 0, []
    with changes.several() as change, click.progressbar(found, label="Importing", file=sys.stderr) as bar:
        for path in bar:
            try:
                source = imports.read(path, zone, current_app.config["LANGUAGE"])
                with change() as session:
                    stored += imports.store(session, source, person.id)
            except imports.CannotImport as error:
                problems.append(f"{path}: {error}")
    click.echo(f"{stored} imported, {len(found) - stored - len(problems)} there before.")
    for problem in problems:
        click.echo(f"Left out {problem}", err=True)
    if problems or not found:
        raise click.ClickException(
            "Some files were left out." if found else "No Markdown files there (.md, .markdown)."
        )


user = AppGroup("user", help="Accounts.")
role_option = click.option("--role", type=click.Choice(ROLES), default="reader", show_default=True)
password_option = click.option("--password-stdin", is_flag=True, help="read the password from standard input")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if not passwords.MIN_LENGTH <= len(password) <= passwords.MAX_LENGTH:
        raise click.ClickException(f"A password has {passwords.MIN_LENGTH} to {passwords.MAX_LENGTH} characters.")
    return passwords.make_hash(password)


@user.command("create")
@click.argument("name")
@click.option("--email", default="", metavar="E")
@role_option
@password_option
@on_instance
def create_user(name: str, email: str, role: str, password_stdin: bool) -> None:
    """Make an account."""
    name = names.checked_username(name)
    password_hash = _password(password_stdin)
    with db.writing() as session:
        people.create(session, name, names.checked_email(email), password_hash, role)
    click.echo(f"{name} is now {role}.")


@user.command("password")
@click.argument("name")
@password_option
@on_instance
def set_password(name: str, password_stdin: bool) -> None:
    """Give an account a new password and end its sessions."""
    person = people.by_name(db.reading(), name)
    password_hash = _password(password_stdin)
    with db.writing() as session:
        people.set_password(session, person.id, password_hash)
    click.echo(f"{person.username} has a new password.")


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@on_instance
def set_role(name: str, role: str) -> None:
    """Change what an account may do."""
    person = people.by_name(db.reading(), name)
    with db.writing() as session:
        people.set_role(session, person.id, role)
    click.echo(f"{person.username} is now {role}.")


@user.command("rename")
@click.argument("name")
@click.argument("new_name")
@on_instance
def rename(name: str, new_name: str) -> None:
    """Give an account another name; the old one redirects."""
    new_name = names.checked_username(new_name)
    person = people.by_name(db.reading(), name)
    with changes.changing() as session:
        people.rename(session, person.id, new_name, person.email)
    click.echo(f"{person.username} is now called {new_name}.")


@user.command("disable")
@click.argument("name")
@click.option("--undo", is_flag=True, help="let the account in again")
@on_instance
def disable(name: str, undo: bool) -> None:
    """Keep an account from logging in; what it wrote stays."""
    person = people.by_name(db.reading(), name)
    with changes.changing() as session:
        people.disable(session, person.id, not undo)
    click.echo(f"{person.username} {'may log in again' if undo else 'can’t log in any more'}.")


@user.command("list")
@on_instance
def list_users() -> None:
    """Everybody's name and role."""
    for person in people.every(db.reading()):
        state = "disabled" if person.disabled_at else ""
        click.echo(f"{person.username}\t{person.role}\t{state}".rstrip())


database = AppGroup("db", help="The database's schema (Alembic).")


@database.command("upgrade")
@on_instance
def upgrade() -> None:
    """Bring the schema to the newest version."""
    upgrade_schema(dict(current_app.config))
    click.echo("The schema is up to date.")


@database.command("current")
@on_instance
def current() -> None:
    """Which version the schema has."""
    from alembic import command

    command.current(db.alembic_config(current_app.config["DATABASE_URL"]), verbose=True)


@database.command("revision")
@click.argument("message")
@on_instance
def revision(message: str) -> None:
    """Write a migration from what models.py has and the database has not (for developers)."""
    from alembic import command

    command.revision(db.alembic_config(current_app.config["DATABASE_URL"]), message, autogenerate=True)


def init_app(app: Flask) -> None:
    for command in (init, import_files, user, database):
        app.cli.add_command(command)


main = FlaskGroup(
    name="pressroom",
    create_app=create_app,
    add_version_option=False,
    help="Pressroom: a publishing site that stays up when everyone arrives at once.",
)
