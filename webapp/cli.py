"""The commands: `pressroom …`, the same as `flask --app webapp …`."""

from __future__ import annotations

from flask import Flask
from flask.cli import FlaskGroup

from . import create_app
from .cli_backup import back_up, put_back
from .cli_bench import bench_data
from .cli_check import check
from .cli_database import database, init
from .cli_demo import demo
from .cli_import import import_files
from .cli_pages import pages
from .cli_users import user

COMMANDS = (init, database, user, import_files, pages, check, demo, back_up, put_back, bench_data)


def init_app(app: Flask) -> None:
    for command in COMMANDS:
        app.cli.add_command(command)


main = FlaskGroup(
    name="pressroom",
    create_app=create_app,
    add_version_option=False,
    help="Pressroom: a publishing site that stays up when everyone arrives at once.",
)
