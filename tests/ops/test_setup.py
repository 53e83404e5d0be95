"""What the first start says, and how it names the program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.apps import settings_for
from support.checkout import CHECKOUT
from webapp.ops import setup
from webapp.ops.checks import CannotStart
from webapp.system import instance


@pytest.mark.slow
def test_no_password_goes_to_the_journal(tmp_path: Path) -> None:
    """systemd names there what the screen is, if it is its journal."""
    for name, is_journal in (("journal", True), ("terminal", False)):
        file = tmp_path / name
        file.touch()
        found = file.stat()
        stream = f"{found.st_dev}:{found.st_ino + (not is_journal)}"
        environ = os.environ | {"PRESSROOM_INSTANCE": str(tmp_path / f"site-{name}"), "JOURNAL_STREAM": stream}
        with file.open("w") as screen:
            ours = [sys.executable, "-c", "from webapp.cli import main; main()", "init"]
            subprocess.run(ours, env=environ, cwd=CHECKOUT, stdout=screen, stderr=screen, check=True)
        assert ("with the password" in file.read_text()) is not is_journal
        assert ("Set its password: " in file.read_text()) is is_journal
        assert "user password admin" in file.read_text()


def test_messages_name_the_program_as_it_can_be_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = Path(sys.prefix) / "bin" / "pressroom"
    monkeypatch.chdir(Path(sys.prefix).parent)
    assert setup.program() == str(script.relative_to(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    assert setup.program() == str(script)


def test_a_site_that_was_in_use_does_not_begin_anew(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    instance.prepare(tmp_path)
    setup.refuse_lost(settings)
    (tmp_path / "pages" / "index.html").touch()
    for make in (lambda: None, (tmp_path / "pressroom.db").touch):
        make()
        with pytest.raises(CannotStart, match=r"pressroom\.db is missing, and this instance was in use: put it back"):
            setup.refuse_lost(settings)
    setup.initialise(settings)
    setup.refuse_lost(settings)
