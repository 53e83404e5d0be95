"""The wheel, in a fresh environment and an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from support.checkout import CHECKOUT
from tools.processes import ServerProcess, free_port, plain_environ, until

pytestmark = pytest.mark.slow


def test_a_wheel_carries_all_that_a_site_needs(tmp_path: Path) -> None:
    python = install(build(tmp_path / "dist"), tmp_path / "environment")
    folder = tmp_path / "empty"
    folder.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PRESSROOM_", "PYTHON"))}

    def run(*command: str) -> str:
        return subprocess.run(
            [python, "-m", *command], cwd=folder, env=environ, capture_output=True, text=True, check=True
        ).stdout

    said = run("flask", "--app", "webapp", "init")
    assert "Log in as admin" in said
    assert (folder / "instance" / "pressroom.db").is_file()
    for language, last in (("en", "Sixty"), ("zh", "一刀两半")):
        assert last in run("flask", "--app", "webapp", "demo", "--speed", "0", "--language", language)
    assert "Removed: " in run("flask", "--app", "webapp", "demo", "--remove")
    port = free_port()
    server = subprocess.Popen(
        [python, "-m", "flask", "--app", "webapp", "run", "-p", str(port)],
        cwd=folder,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(url), "the wheel's site answered")
        front = read(url)
        assert "Nothing published yet" in front
        sheet = re.search(r'href="(/assets/[^"]+\.css)"', front)
        assert sheet
        assert "{" in read(url + sheet[1])
    finally:
        server.terminate()
        server.wait(30)


def test_a_wheel_with_pyuwsgi_serves_from_an_empty_folder(tmp_path: Path) -> None:
    """The one command of a machine without a compiler. Needs the package index, or pip's cache."""
    python = install(build(tmp_path / "dist"), tmp_path / "environment")
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    get = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-deps", *extras["pyuwsgi"]]
    subprocess.run([python, "-m", "ensurepip"], capture_output=True, check=True)
    subprocess.run(get, check=True)
    (tmp_path / "empty").mkdir()
    port = free_port()
    environ = plain_environ() | {"PRESSROOM_HTTP": f"127.0.0.1:{port}", "PRESSROOM_WORKERS": "1"}
    serve = [python, "-c", "from webapp.cli import main; main()", "serve"]
    with ServerProcess(serve, port, environ, tmp_path / "screen", tmp_path / "empty"):
        url = f"http://127.0.0.1:{port}"
        front = read(url)
        assert "Nothing published yet" in front
        sheet = re.search(r'href="(/assets/[^"]+\.css)"', front)
        assert sheet
        assert "{" in read(url + sheet[1])
        assert read(f"{url}/readyz") == "ok"
        assert (tmp_path / "empty" / "instance" / "pressroom.db").is_file()
        ran = subprocess.run(
            [python, "-m", "webapp.reload"],
            cwd=tmp_path / "empty",
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.endswith("All workers run the new code.\n")
        assert read(f"{url}/readyz") == "ok"


def build(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    return next(folder.glob("*.whl"))


def install(wheel: Path, environment: Path) -> str:
    """Unpack the wheel into an environment that has our dependencies, but not our checkout."""
    venv.create(environment, symlinks=True)
    packages = next(environment.glob("lib/*/site-packages"))
    zipfile.ZipFile(wheel).extractall(packages)
    ours = next(Path(sys.prefix).glob("lib/*/site-packages"))
    # As a plain path: the `.pth` files there, our editable checkout among them, are not read.
    (packages / "dependencies.pth").write_text(f"{ours}\n")
    return str(environment / "bin" / "python")


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def answers(url: str) -> bool:
    try:
        return bool(read(f"{url}/hello"))
    except OSError:
        return False
