"""A newcomer's first steps on Windows, as far as that can be imitated (support/as_on_windows.py).

The site itself, once it serves, is asked by test_deploy.py.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.checkout import CHECKOUT
from support.http_client import Browser
from support.persons import PASSWORD
from support.proxies import AS_ON_WINDOWS, Way
from tools.processes import free_port

pytestmark = pytest.mark.slow

START = AS_ON_WINDOWS["waitress as on Windows"]
LOGO = '<svg xmlns="http://www.w3.org/2000/svg"/>'
# What DESIGN.md's rule 8 keeps to these, and the process that holds the streams.
# Names that not every system has, by the modules that may use them, each with a plain fallback.
HOMES = {
    "locks.py": {"fcntl", "msvcrt"},
    "server.py": {"uwsgi", "AF_UNIX", "O_NONBLOCK"},
    "channel.py": {"AF_UNIX", "SOCK_SEQPACKET", "send_fds"},
}
BROADCASTER = {"broadcaster.py", "topics.py"}


def run(instance: Path, *command: str, said: str = "", status: int = 0, port: int | None = None) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PRESSROOM_")}
    environ |= {"PRESSROOM_INSTANCE": str(instance), "PRESSROOM_HTTP": f"127.0.0.1:{port or free_port()}"}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.as_on_windows", *command],
        input=said,
        env=environ,
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="cp1252",
        check=False,
    )
    assert "Traceback" not in ran.stdout, ran.stdout
    assert ran.returncode == status, ran.stdout
    return ran.stdout


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `init` and `user create` make it."""
    folder = tmp_path_factory.mktemp("windows") / "instance"
    said = run(folder, "pressroom", "init")
    assert re.search(r"^Log in as admin with the password \S+$", said, re.MULTILINE)
    assert "Log in" not in run(folder, "pressroom", "init")
    create = ["user", "create", "ada", "--email", "ada@example.org", "--role", "author", "--password-stdin"]
    assert "Created ada (author)." in run(folder, "pressroom", *create, said=f"{PASSWORD}\n")
    (folder / "media" / "site" / "logo.svg").write_text(LOGO)
    return folder


@pytest.fixture(scope="module")
def site(instance: Path) -> Iterator[Way]:
    with START(instance, {}) as way:
        yield way


def test_the_imitation_lacks_what_windows_lacks(tmp_path: Path) -> None:
    probe = tmp_path / "probe.py"
    probe.write_text(
        "import json, importlib, sys\n"
        "def found(name):\n"
        "    module, _, attribute = name.partition('.')\n"
        "    try:\n"
        "        loaded = importlib.import_module(module)\n"
        "    except ImportError:\n"
        "        return False\n"
        "    return not attribute or hasattr(loaded, attribute)\n"
        "print(json.dumps([name for name in sys.argv[1:] if found(name)]))\n"
    )
    gone = (
        "fcntl resource pwd grp termios select.epoll select.poll socket.AF_UNIX socket.send_fds os.O_NONBLOCK"
        " os.O_DIRECTORY os.geteuid os.getuid os.fork os.chown os.mkfifo os.statvfs signal.SIGHUP signal.SIGUSR1"
        " signal.alarm time.tzset"
    ).split()
    there = ["msvcrt", "select.select", "socket.AF_INET", "os.replace", "os.symlink", "signal.SIGTERM", "time.time"]
    assert json.loads(run(tmp_path, str(probe), *gone, *there)) == there


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("os.symlink('a', path)", "OSError"),
        ("os.open('.', os.O_RDONLY)", "PermissionError"),
        ("os.fsync(open(path))", "OSError"),
        ("held = open(path); os.replace(path, path + '2')", "PermissionError"),
        ("held = open(path); os.unlink(path)", "PermissionError"),
        ("open(path + '2', 'w').close(); os.rename(path, path + '2')", "FileExistsError"),
        ("print('足球')", "UnicodeEncodeError"),
        ("os.replace(path, path + '2'); os.unlink(path + '2')", ""),
    ],
)
def test_the_imitation_behaves_as_windows_does(code: str, error: str, tmp_path: Path) -> None:
    probe = tmp_path / "probe.py"
    probe.write_text(
        f"import os, sys\npath = sys.argv[1]\nopen(path, 'w').close()\n"
        f"try:\n    {code}\nexcept Exception as error:\n    print(type(error).__name__)\n",
        "utf-8",
    )
    assert run(tmp_path, str(probe), str(tmp_path / "file")).strip() == error


def test_every_module_but_the_broadcaster_s_can_be_imported(instance: Path, tmp_path: Path) -> None:
    files = [path.relative_to(CHECKOUT).with_suffix("") for path in (CHECKOUT / "webapp").rglob("*.py")]
    names = [
        ".".join(file.parts)
        for file in files
        # postgresql is imported where its driver is used: psycopg is made for each system.
        if f"{file.name}.py" not in {*BROADCASTER, "postgresql.py"} and "migrations" not in file.parts
    ]
    assert "webapp.live.channel" in names
    (tmp_path / "probe.py").write_text("import importlib, sys\nlist(map(importlib.import_module, sys.argv[1:]))\n")
    run(instance, str(tmp_path / "probe.py"), *names)


def test_rule_8_is_kept() -> None:
    """What not every system has is named where it belongs, and in the process that only such systems have."""
    seen: dict[str, set[str]] = {}
    for path in sorted((CHECKOUT / "webapp").rglob("*.py")):
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=aliases):
                    named |= {alias.name for alias in aliases}
                case ast.ImportFrom(module=module, names=aliases):
                    named |= {module or "", *(alias.name for alias in aliases)}
                case ast.Attribute(attr=name):
                    named.add(name)
        if path.name not in BROADCASTER and named & set().union(*HOMES.values()):
            seen[path.name] = named & set().union(*HOMES.values())
    assert seen == HOMES


def test_nothing_is_to_mend(instance: Path) -> None:
    said = run(instance, "pressroom", "check")
    assert "Page store: not supported on this system; Python renders every page." in said
    assert "Streams: only available under uWSGI; readers poll." in said
    assert said.endswith("No problems found.\n")


def test_nothing_is_to_mend_while_the_site_runs(instance: Path, site: Way) -> None:
    """Its port is taken, and by itself."""
    assert run(instance, "pressroom", "check", port=site.port).endswith("No problems found.\n")


def test_the_site_can_be_backed_up_and_restored(instance: Path, site: Way, tmp_path: Path) -> None:
    ada = Browser(site.url, "ada")
    post_id = ada.write_post()
    file = tmp_path / "backup.tar.gz"
    assert "1 media files" in run(instance, "pressroom", "backup", str(file))
    assert "already exists" in run(instance, "pressroom", "backup", str(file), status=1)
    restored = tmp_path / "restored"
    assert "Everyone has to log in again" in run(restored, "pressroom", "restore", str(file))
    assert "isn't empty" in run(restored, "pressroom", "restore", str(file), status=1)
    with START(restored, {}) as way:
        Browser(way.url, "ada").write_post()
        assert "Under load" in Browser(way.url).get(f"/post/{post_id}")
        assert (restored / "media" / "site" / "logo.svg").read_text() == LOGO


def test_nothing_is_restored_into_a_site_that_runs(instance: Path, site: Way, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    run(instance, "pressroom", "backup", str(file))
    assert "in use, a site runs on it" in run(instance, "pressroom", "restore", str(file), status=1)
