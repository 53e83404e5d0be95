"""The commands of the README and the docs, run as a newcomer would, in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.checkout import CHECKOUT
from tools.processes import free_port, until

SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files as they would be committed, with the environment that is already installed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=CHECKOUT, capture_output=True, check=True, text=True
    )
    folder = tmp_path / "pressroom"
    for name in filter(None, listed.stdout.split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    # Were it not up to date, `make serve` would install this copy into it.
    stamp = (Path(sys.prefix) / ".installed").stat().st_mtime
    assert stamp > max((folder / name).stat().st_mtime for name in ("pyproject.toml", "constraints.txt")), (
        ".venv is older than pyproject.toml: run make test, or make install before pytest"
    )
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


@pytest.mark.slow
def test_the_commands_work_in_their_order(clone: Path) -> None:
    """Those of the Chinese pages are the same; test_docs.py sees to it."""
    port = free_port()
    ours = ("PRESSROOM_", "MAKE", "MFLAGS")  # a `make` within `make test-all` would say where it is
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # The copy's code, not that of the checkout for which the environment was made.
    environ |= {"PYTHONPATH": str(clone), "PRESSROOM_HTTP": f"127.0.0.1:{port}"}
    url = f"http://127.0.0.1:{port}"
    serve, demo, importing, crowd = commands(clone / "README.md")
    with (clone / "screen").open("w") as screen:
        site = subprocess.Popen(
            serve.split(), cwd=clone, env=environ, stdout=screen, stderr=screen, start_new_session=True
        )
    try:
        until(lambda: answers(url, site), "make serve answered")
        where, address, password, another = (clone / "screen").read_text().splitlines()
        assert str(clone / "instance") in where
        assert url in address
        assert "admin" in password
        assert another.endswith(".venv/bin/pressroom user password admin")
        shell(importing, clone, environ)
        assert "The lighthouse goes quiet" in read(f"{url}/")
        with running(demo, clone, environ):
            until(lambda: 'class="live-mark"' in read(f"{url}/"), "the demo's post is there")
            with running(crowd, clone, environ) as streams:
                until(lambda: re.search(r"[1-9]\d*,?\d* streams", streams.read_text()), "the crowd reads")
        for page in ("writing", "monitoring", "backup", "troubleshooting"):
            for command in commands(clone / "docs" / f"{page}.md"):
                shell(command, clone, environ)
    finally:
        if site.poll() is None:
            os.killpg(site.pid, signal.SIGINT)  # Ctrl-C
        site.wait(60)
    until(lambda: not reachable(url), "the site had ended")


def commands(page: Path) -> list[str]:
    found = [line for block in SHELL.findall(page.read_text("utf-8")) for line in block.strip().splitlines()]
    assert found
    return found


def shell(command: str, folder: Path, environ: dict[str, str]) -> None:
    """What the pages name by an example is what there is here."""
    command = command.replace("/srv/new", "restored").replace("2026-03-01", time.strftime("%Y-%m-%d"))
    run = subprocess.run(["bash", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{command}\n{run.stdout}{run.stderr}"


@contextmanager
def running(command: str, clone: Path, environ: dict[str, str]) -> Iterator[Path]:
    """A command that Ctrl-C ends, kindly; what it has said."""
    screen = clone / f"screen of {command.rpartition('/')[2]}"
    with screen.open("w") as written:
        process = subprocess.Popen(
            command.split(), cwd=clone, env=environ, stdout=written, stderr=written, start_new_session=True
        )
    try:
        yield screen
    finally:
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) in (0, 130, -signal.SIGINT)
    assert "Traceback" not in screen.read_text()


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def answers(url: str, site: subprocess.Popen[bytes]) -> bool:
    assert site.poll() is None, "make serve ended by itself"
    return reachable(url)


def reachable(url: str) -> bool:
    try:
        return bool(read(f"{url}/hello"))
    except OSError:
        return False
