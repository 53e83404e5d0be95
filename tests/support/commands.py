"""The commands of `pressroom` and what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import Result

from support import postgresql
from support.apps import url_of
from support.checkout import CHECKOUT


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def failed(result: Result) -> str:
    """The one line that a command stopped with."""
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)
    line = result.stderr.splitlines()[-1]
    assert line.startswith("Error: ")
    return line


def program(folder: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python on the instance folder, in another process; its output as text."""
    settings = {"PRESSROOM_INSTANCE": str(folder)}
    if postgresql.IS_USED:
        settings["PRESSROOM_DATABASE_URL"] = url_of(folder)
    return subprocess.run(
        [sys.executable, *command],
        env=os.environ | settings | {"PYTHONPATH": str(CHECKOUT)},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
