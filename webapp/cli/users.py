"""pressroom user …: accounts."""

from __future__ import annotations

import sys

import click
from flask import current_app
from flask.cli import AppGroup

from .. import changes, db
from ..models import ROLES
from ..people import names, passwords, users
from ..system.screen import printable
from .common import on_instance

user = AppGroup("user", help="Create, list and change accounts.")
role_option = click.option("--role", type=click.Choice(ROLES), default="reader", show_default=True)
password_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


def _password(from_stdin: bool, *names: str | None) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    passwords.check(password, current_app.config["SITE_TITLE"], *names)
    return passwords.make_hash(password)


@user.command("create")
@click.argument("name")
@click.option("--email", default="", metavar="E")
@role_option
@password_option
@on_instance
def create_user(name: str, email: str, role: str, password_stdin: bool) -> None:
    """Create an account."""
    name = names.checked_username(name)
    password_hash = _password(password_stdin, name, email)
    with db.writing() as session:
        users.create(session, name, names.checked_email(email), password_hash, role)
    click.echo(f"Created {name} ({role}).")


@user.command("password")
@click.argument("name")
@password_option
@on_instance
def set_password(name: str, password_stdin: bool) -> None:
    """Set a new password and end the sessions of an account."""
    person = users.by_name(db.reading(), name)
    password_hash = _password(password_stdin, person.username, person.email)
    with db.writing() as session:
        users.set_password(session, person.id, password_hash)
    click.echo(f"{printable(person.username)} has a new password.")


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@on_instance
def set_role(name: str, role: str) -> None:
    """Change the role of an account."""
    person = users.by_name(db.reading(), name)
    with db.writing() as session:
        users.set_role(session, person.id, role)
    click.echo(f"{printable(person.username)} now has the role {role}.")


@user.command("rename")
@click.argument("name")
@click.argument("new_name")
@on_instance
def rename(name: str, new_name: str) -> None:
    """Change a username. The old one redirects."""
    new_name = names.checked_username(new_name)
    person = users.by_name(db.reading(), name)
    with changes.changing() as session:
        users.rename(session, person.id, new_name, person.email)
    click.echo(f"{printable(person.username)} is now called {new_name}.")


@user.command("disable")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let the account log in again.")
@on_instance
def disable(name: str, undo: bool) -> None:
    """Stop an account from logging in. What it wrote stays."""
    person = users.by_name(db.reading(), name)
    with changes.changing() as session:
        users.disable(session, person.id, not undo)
    click.echo(f"{printable(person.username)} {'can log in again' if undo else 'can’t log in any more'}.")


@user.command("list")
@on_instance
def list_users() -> None:
    """List usernames and roles."""
    for person in users.every(db.reading()):
        state = "disabled" if person.disabled_at else ""
        click.echo(f"{printable(person.username)}\t{printable(person.role)}\t{state}".rstrip())
