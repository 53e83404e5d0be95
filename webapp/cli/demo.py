"""`pressroom demo`: a written live event that plays itself on a running site, to watch in a browser."""

from __future__ import annotations

import math
import time

import click
from flask import current_app

from .. import db
from ..config import LANGUAGES
from ..demo import Over, Play, perform, remove, script, start
from ..http.links import absolute
from ..ops.setup import program
from ..pages import public, versions
from .common import on_instance


def _checked_speed(_context: click.Context, _option: click.Parameter, speed: float) -> float:
    if not math.isfinite(speed) or speed < 0:
        raise click.BadParameter(f"{speed:g} isn't a valid speed. 1 is real time, 20 is fast, 0 is instant.")
    return speed


@click.command()
@click.option(
    "--language",
    type=click.Choice([*LANGUAGES, "both"]),
    help="Language of the event. Default: the site's language, or both with --remove.",
)
@click.option(
    "--speed",
    type=float,
    default=1,
    show_default=True,
    callback=_checked_speed,
    help="1 takes seven minutes, 20 takes twenty seconds, 0 is instant.",
)
@click.option("--remove", "removing", is_flag=True, help="Remove everything the demo created, and nothing else.")
@on_instance
def demo(language: str | None, speed: float, removing: bool) -> None:
    """Play a fictional live event on the running site.

    A demo that was played before is removed first. Nobody can log in with its accounts.
    """
    if language is None:
        language = "both" if removing else current_app.config["LANGUAGE"]
    languages = LANGUAGES if language == "both" else (language,)
    removed = list(filter(None, map(remove, languages)))
    for said in removed:
        click.echo(said)
    if not removing:
        _play([start(script(name)) for name in languages], speed)
    elif not removed:
        click.echo("No demo found.")


def _play(plays: list[Play], speed: float) -> None:
    if not versions.is_current(db.reading(), public.of_app().build):
        click.echo(
            "The site runs with different PRESSROOM_… settings than this command, so its address may differ.", err=True
        )
    for play in plays:
        for line in play.left_out:
            click.echo(line, err=True)
        click.echo(f"Open {play.url} in a browser, while the site runs (make serve). Ctrl-C stops the demo.")
    try:
        _perform(plays, speed)
    except KeyboardInterrupt:
        click.echo("\nStopped. The post stays as it is. Continue it yourself, logged in as admin:")
        for play in plays:
            click.echo(f"  {absolute('desk.live', post_id=play.post_id)}")
    click.echo(f"Start over: {program()} demo")
    click.echo(f"Remove it: {program()} demo --remove")


def _perform(plays: list[Play], speed: float) -> None:
    """Every step in its time: `at` seconds from now, divided by the speed."""
    began, over = time.monotonic(), set[int]()
    steps = [(step["at"], play, step) for play in plays for step in play.script["steps"]]
    for at, play, step in sorted(steps, key=lambda one: one[0]):
        if play.post_id in over:
            continue
        _wait_until(began + at / speed if speed else began)
        try:
            line = perform(play, step)
        except Over:
            over.add(play.post_id)
            line = f"over        Someone ended or removed {play.url}"
        click.echo(f"{time.strftime('%H:%M:%S')}  {line}")


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
