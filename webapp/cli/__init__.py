"""The commands: `pressroom …`, the same as `flask --app webapp …`."""

from __future__ import annotations

from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup, FlaskGroup

from .. import create_app
from ..system import screen


class Commands(AppGroup):
    """Imported when a command is asked for: a worker needs none, and they are an eighth of its start."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._add_all()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._add_all()
        return super().get_command(ctx, cmd_name)

    def _add_all(self) -> None:
        screen.guard()
        from . import backup, bench_data, check, database, demo, import_posts, move_to, pages, posts, serve, users

        for command in (
            serve.serve,
            database.init,
            database.database,
            users.user,
            posts.post,
            import_posts.import_files,
            pages.pages,
            check.check,
            demo.demo,
            backup.back_up,
            backup.put_back,
            move_to.move_to,
            bench_data.bench_data,
        ):
            self.add_command(command)


def init_app(app: Flask) -> None:
    app.cli = Commands(app.name)


class Program(FlaskGroup):
    """Our commands alone, each with its whole summary; Flask's own are `flask --app webapp …`."""

    def __init__(self) -> None:
        super().__init__(
            name="pressroom",
            help="Pressroom: a publishing site that stays up when everyone arrives at once.",
            create_app=create_app,
            add_default_commands=False,
            add_version_option=False,
        )
        self.params.clear()  # of Flask: which app, a debugger, a file of variables

    def main(self, *args: Any, **kwargs: Any) -> Any:
        screen.guard()
        return super().main(*args, **kwargs)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name == "serve":  # without the app and the other commands, which are a quarter of the site's start
            from .serve import serve

            return serve
        return super().get_command(ctx, name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Flask's finds ours one by one, so it knows of none that was meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            known = self.list_commands(ctx)
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=known, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(1000)) for name, command in commands if command])


main = Program()
