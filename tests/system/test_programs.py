"""Another program, run beside a worker."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from webapp.system import programs


def run(code: str, folder: Path, seconds: float = 60) -> programs.Ended:
    (folder / "stdin").write_bytes(b"derby")
    with (folder / "stdin").open("rb") as stdin:
        return programs.run([sys.executable, "-c", code], stdin, folder, {"DERBY": "yes"}, seconds)


@pytest.fixture(params=["spawned", "by subprocess"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "spawned":
        monkeypatch.setattr(programs, "DESCRIPTORS", Path("/nowhere"))


@pytest.mark.usefixtures("either")
def test_it_gets_its_input_and_environment_and_is_heard(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.stdin.read(), os.environ['DERBY']); print('oh', file=sys.stderr); sys.exit(3)"
    assert run(code, tmp_path) == programs.Ended(3, b"derby yes\n", b"oh\n")


@pytest.mark.usefixtures("either")
def test_a_signal_that_ended_it_is_told(tmp_path: Path) -> None:
    assert run("import os; os.kill(os.getpid(), 9)", tmp_path).status == -9


@pytest.mark.usefixtures("either")
def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        run("import time; time.sleep(600)", tmp_path, 0.2)
    assert time.monotonic() - begun < 60


@pytest.mark.usefixtures("either")
def test_it_has_no_other_file_of_ours(tmp_path: Path) -> None:
    """uWSGI's connections aren't closed by an exec."""
    opened: BinaryIO = (tmp_path / "ours").open("wb")
    try:
        import os

        os.set_inheritable(opened.fileno(), True)
        code = f"import os\ntry: os.fstat({opened.fileno()})\nexcept OSError: print('closed')"
        assert run(code, tmp_path).stdout == b"closed\n"
    finally:
        opened.close()
