"""The commands: `pressroom …`, the same as `flask --app webapp …`."""

from __future__ import annotations

from flask import Flask
from flask.cli import FlaskGroup

from .. import create_app
from . import backup, bench_data, check, database, demo, import_posts, pages, users

COMMANDS = (
    database.init,
    database.database,
    users.user,
    import_posts.import_files,
    pages.pages,
    check.check,
    demo.demo,
    backup.back_up,
    backup.put_back,
    bench_data.bench_data,
)


def init_app(app: Flask) -> None:
    for command in COMMANDS:
        app.cli.add_command(command)


main = FlaskGroup(
    name="pressroom",
    create_app=create_app,
    add_version_option=False,
    help="Pressroom: a publishing site that stays up when everyone arrives at once.",
)
