"""What `make` says on a machine that lacks something: one line, with the cure."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from support.checkout import CHECKOUT


@pytest.fixture(autouse=True)
def outermost_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make test` would have its flags and its level taken over."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)


def make(target: str, *settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--silent", target, *settings],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def said(*settings: str) -> str:
    """The one line of a refusal."""
    run = make("python", *settings)
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
    assert make("python").returncode == 0


def test_it_says_how_to_get_python() -> None:
    assert "apt-get install python3" in said("PYTHON=no-such-python")


@pytest.mark.parametrize(
    ("fails", "cure"),
    [
        ("version_info", "Python 3.9.2 is too old"),
        ("ensurepip", "apt-get install python3-venv"),
    ],
)
def test_it_says_what_a_python_lacks(
    other_python: Path, monkeypatch: pytest.MonkeyPatch, fails: str, cure: str
) -> None:
    monkeypatch.setenv("FAILS", fails)
    assert cure in said(f"PYTHON={other_python}")


@pytest.fixture
def said_to_pip(tmp_path: Path) -> Callable[..., list[str]]:
    """What make prints while it installs, and what it would ask of pip, which it only says."""

    def install(target: str, *settings: str) -> list[str]:
        venv = tmp_path / "venv"
        run = make(
            target if target == "without-uwsgi" else f"{venv}/{target}", f"VENV={venv}", "PIP_INSTALL=echo", *settings
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.splitlines()

    return install


@pytest.mark.slow
def test_uwsgi_is_compiled(said_to_pip: Callable[..., list[str]]) -> None:
    """Anew where what pip took was built for another Python, as here, where nothing says for which."""
    line, pip, anew = said_to_pip(".installed")
    assert "compiled" in line
    assert pip == "pip --editable .[uwsgi]"
    assert anew == "--force-reinstall --no-cache-dir --no-deps uwsgi"


@pytest.mark.slow
@pytest.mark.parametrize("lacks", ["CC=false", "CC=no-such-compiler", "PYTHON"])
def test_without_a_compiler_or_headers_it_is_a_wheel(
    lacks: str, other_python: Path, monkeypatch: pytest.MonkeyPatch, said_to_pip: Callable[..., list[str]]
) -> None:
    monkeypatch.setenv("FAILS", "sysconfig")
    line, pip = said_to_pip(".installed", f"PYTHON={other_python}" if lacks == "PYTHON" else lacks)
    assert "wheel (pyuwsgi)" in line
    assert pip == "--only-binary pyuwsgi pip --editable .[pyuwsgi]"


@pytest.mark.slow
def test_without_uwsgi_all_else_is_installed(said_to_pip: Callable[..., list[str]]) -> None:
    assert said_to_pip("without-uwsgi") == ["pip --editable . gunicorn waitress"]
    wanted = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert not [name for name in wanted if "uwsgi" in name]


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
