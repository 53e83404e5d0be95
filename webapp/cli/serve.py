"""`pressroom serve`: uWSGI with our uwsgi.ini, and no line on the screen but ours."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from .. import config
from ..ops.checks import CannotStart, check_paths
from ..ops.diagnosis import PACKAGES, UWSGI, uwsgi_command
from ..ops.start import make_private_files
from ..system import instance
from ..system.screen import printable


@click.command()
def serve() -> None:
    """Run the site until Ctrl-C. The first start creates it."""
    if not UWSGI.is_file():
        raise click.ClickException("uWSGI isn't installed: pip install 'pressroom[pyuwsgi]'")
    folder: Path = config.read()["INSTANCE"]
    try:
        check_paths(folder)
        instance.prepare(folder)
        make_private_files(folder, "uwsgi.log")
    except (CannotStart, instance.InstanceError) as error:
        raise click.ClickException(printable(str(error))) from None
    os.environ[config.PREFIX + "INSTANCE"] = str(folder)
    if not str(UWSGI).isascii():
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (PACKAGES, os.environ.get("PYTHONPATH"))))
    sys.stdout.flush()
    # What uWSGI says goes into its log from the first line on; what webapp.start says comes by stdout.
    os.dup2(os.open(folder / "uwsgi.log", os.O_WRONLY | os.O_APPEND), 2)
    os.execv(UWSGI, uwsgi_command())  # noqa: S606
