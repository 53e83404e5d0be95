"""`pressroom check`: what commonly goes wrong, and the cure."""

from __future__ import annotations

import click
from flask import Flask, current_app

from . import pages, stream
from .cli import on_instance

# With fewer, a post that goes round leaves most of its readers polling.
FEW_READERS = 2_000


@click.command()
@on_instance
def check() -> None:
    """Look for what commonly goes wrong, and say the cure."""
    problems = [*_readers(), *_page_store()]
    for problem in problems:
        click.echo(f"PROBLEM: {problem}")
    if problems:
        raise click.ClickException(f"{len(problems)} to mend.")
    click.echo("Nothing to mend.")


def _readers() -> list[str]:
    status = [found for found in current_app.extensions["channel"].status() if found]
    count = current_app.config["BROADCASTERS"]
    if status:
        streams, limit = sum(found["streams"] for found in status), sum(found["limit"] for found in status)
        click.echo(f"Streams: {streams:,} open, {limit:,} at once at most; further readers poll.")
    else:
        limit = count * (_descriptors() - stream.RESERVED_DESCRIPTORS)
        click.echo(f"Streams: the site isn't running here. It could hold {limit:,} at once; further readers poll.")
    cure = (
        f"To hold more: PRESSROOM_BROADCASTERS={count + 1}, or let a process open more files"
        " (LimitNOFILE= in a systemd unit, ulimit -n in a shell)."
    )
    if limit < FEW_READERS:
        return [f"Only {limit:,} readers can have a stream. {cure}"]
    click.echo(cure)
    return []


def _descriptors() -> int:
    """What a broadcaster started from here could open. Where there is no such limit, streams aren't held at all."""
    try:
        import resource
    except ImportError:
        return stream.RESERVED_DESCRIPTORS
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def _page_store() -> list[str]:
    trouble = pages.of_app().trouble()
    if trouble is None:
        click.echo("Page store: it can be written.")
    return [trouble] if trouble else []


def init_app(app: Flask) -> None:
    app.cli.add_command(check)
