"""The README's own commands, run as a newcomer would, in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
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
def test_the_readme_s_commands_work_in_their_order(clone: Path) -> None:
    """Those of README.zh.md are the same; test_i18n.py sees to it."""
    port = free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PRESSROOM_")}
    # The copy's code, not that of the checkout for which the environment was made.
    environ |= {"PYTHONPATH": str(clone), "PRESSROOM_HTTP": f"127.0.0.1:{port}"}
    url = f"http://127.0.0.1:{port}"
    commands = [
        line
        for block in SHELL.findall((clone / "README.md").read_text())
        for line in block.strip().splitlines()
        if not line.startswith("#")
    ]
    assert commands[0] == "make serve"
    with (clone / "screen").open("w") as screen:
        site = subprocess.Popen(
            commands[0].split(), cwd=clone, env=environ, stdout=screen, stderr=screen, start_new_session=True
        )
    try:
        until(lambda: answers(url, site), "make serve answered")
        for command in commands[1:]:
            if command.startswith("make crowd"):
                watch_a_crowd(command, clone, environ, url)
                continue
            run = subprocess.run(
                ["bash", "-c", command], cwd=clone, env=environ, capture_output=True, text=True, check=False
            )
            assert run.returncode == 0, f"{command}\n{run.stdout}{run.stderr}"
        assert "The lighthouse goes quiet" in read(f"{url}/")
        lines = (clone / "screen").read_text().strip().splitlines()
        assert url in "\n".join(lines[-2:])
        assert "admin" in lines[-1]
    finally:
        if site.poll() is None:
            os.killpg(site.pid, signal.SIGINT)  # Ctrl-C
        site.wait(60)
    until(lambda: not reachable(url), "the site had ended")


def watch_a_crowd(command: str, clone: Path, environ: dict[str, str], url: str) -> None:
    """While the demo plays, so that there is a live post. Both go on until Ctrl-C."""
    with running(".venv/bin/pressroom demo", clone, environ):
        until(lambda: 'class="live-mark"' in read(f"{url}/"), "the demo's post is there")
        with running(command, clone, environ) as screen:
            until(lambda: re.search(r"[1-9]\d*,?\d* streams", screen.read_text()), "the crowd reads")


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


def test_every_link_of_the_readmes_leads_somewhere() -> None:
    for readme in ("README.md", "README.zh.md", "loadtests/README.md", "SECURITY.md"):
        page = CHECKOUT / readme
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{readme} links to {target}"
