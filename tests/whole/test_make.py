"""What `make` says on a machine that lacks something: one line, with the cure."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from support.checkout import CHECKOUT


@pytest.fixture(autouse=True)
def outermost_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make test` would have its flags and its level taken over."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)


def said(*settings: str) -> str:
    """The one line of a refusal."""
    run = subprocess.run(
        ["make", "--silent", "machine", *settings], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    lines = [line for line in run.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(lines) == 1, run.stderr
    return lines[0]


@pytest.fixture
def other_python(tmp_path: Path) -> Path:
    """Stands for a Python on which the command given to `-c` goes wrong when it has the words in $FAILS."""
    path = tmp_path / "python3"
    path.write_text(
        "#!/bin/bash\n"
        'if [[ $1 == --version ]]; then echo "Python 3.9.2"; exit; fi\n'
        'if [[ $2 == *"$FAILS"* ]]; then echo /nowhere; exit 1; fi\n'
        'exec python3 "$@"\n'
    )
    path.chmod(0o755)
    return path


def test_a_machine_with_all_that_is_needed_passes() -> None:
    subprocess.run(["make", "--silent", "machine"], cwd=CHECKOUT, capture_output=True, check=True)


def test_it_says_how_to_get_python() -> None:
    assert "apt-get install python3" in said("PYTHON=no-such-python")


@pytest.mark.parametrize(
    ("fails", "cure"),
    [
        ("version_info", "Python 3.9.2 is too old"),
        ("ensurepip", "apt-get install python3-venv"),
        ("sysconfig", "apt-get install python3-dev"),
    ],
)
def test_it_says_what_a_python_lacks(
    other_python: Path, monkeypatch: pytest.MonkeyPatch, fails: str, cure: str
) -> None:
    monkeypatch.setenv("FAILS", fails)
    assert cure in said(f"PYTHON={other_python}")


@pytest.mark.parametrize("compiler", ["false", "no-such-compiler"])
def test_it_says_how_to_get_a_compiler(compiler: str) -> None:
    assert "apt-get install gcc" in said(f"CC={compiler}")


@pytest.mark.slow
def test_without_uwsgi_all_else_is_installed(tmp_path: Path) -> None:
    """Its pip only says what it would get."""
    run = subprocess.run(
        ["make", "--silent", "without-uwsgi", f"VENV={tmp_path / 'venv'}", "PIP=cat; echo"],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    *names, others, own = run.stdout.splitlines()
    assert [*names, "uwsgi==2.0.31; sys_platform != 'win32'"] == wanted
    assert others == "--requirement /dev/stdin gunicorn waitress"
    assert own == "--no-deps --editable ."


def test_make_reload_says_that_nothing_runs(tmp_path: Path) -> None:
    run = subprocess.run(
        ["make", "--silent", "reload", f"PRESSROOM_INSTANCE={tmp_path}", "-o", ".venv/.installed"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert f"no site runs on {tmp_path}: make serve" in run.stderr
