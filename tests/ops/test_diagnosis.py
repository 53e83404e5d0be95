"""What goes wrong, provoked: the start and `pressroom check` say it in one line, the same one, with the cure.

More of it is in test_start.py (settings, addresses, files in the way) and whole/test_make.py (compiler and headers).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from support.checkout import CHECKOUT
from support.programs import ORDINARY
from support.proxies import IS_ROOT, NGINX_UWSGI, SocketServer, folder_in, running_nginx
from support.uwsgi_server import UWSGI, UwsgiServer
from tools.processes import free_port
from webapp.db.engine import make_engine, transaction
from webapp.models import Event, Post
from webapp.ops import diagnosis, setup

REFUSED = "Pressroom can't start: "


@dataclass
class Machine:
    """A site that doesn't run. `under`: a command that runs another one where something is wrong."""

    instance: Path
    environ: dict[str, str] = field(default_factory=dict)
    under: Sequence[str] = ()

    def run(self, *command: str) -> tuple[int, list[str]]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PRESSROOM_")}
        environ |= {"PRESSROOM_INSTANCE": str(self.instance), "PRESSROOM_HTTP": f"127.0.0.1:{free_port()}"}
        ran = subprocess.run(
            [*self.under, *ORDINARY, sys.executable, "-P", "-m", *command],
            env=environ | self.environ,
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert "Traceback" not in ran.stdout, ran.stdout
        return ran.returncode, ran.stdout.splitlines()

    def start(self, *args: str) -> tuple[int, list[str]]:
        return self.run("webapp.start", *args)

    def refusal(self) -> str:
        status, lines = self.start()
        assert status == 1, lines
        [line] = lines
        assert line.startswith(REFUSED)
        return line.removeprefix(REFUSED)

    def warnings(self) -> list[str]:
        status, lines = self.start()
        assert status == 0, lines
        return [line.removeprefix("WARNING: ") for line in lines if line.startswith("WARNING: ")]

    def check(self) -> list[str]:
        status, lines = self.run("flask", "--app", "webapp", "check")
        problems = [line.removeprefix("PROBLEM: ") for line in lines if line.startswith("PROBLEM: ")]
        assert status == bool(problems), lines
        return problems


@pytest.fixture(scope="module")
def in_order(copied_instance: Callable[[str], Path]) -> Path:
    found = Machine(copied_instance("trouble"))
    assert found.check() == [], "nothing is wrong yet"
    assert found.warnings() == []
    return found.instance


@pytest.fixture
def machine(in_order: Path, tmp_path: Path) -> Machine:
    shutil.copytree(in_order, tmp_path / "instance", symlinks=True)
    return Machine(tmp_path / "instance")


def give_away(folder: Path) -> None:
    """Let somebody else own it."""
    if IS_ROOT:
        shutil.chown(folder, "nobody")
    else:
        folder.rmdir()
        folder.symlink_to("/usr")


# What stops the start


@pytest.mark.slow
def test_a_taken_port(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        machine.environ["PRESSROOM_HTTP"] = f"127.0.0.1:{port}"
        said = machine.refusal()
        assert said.startswith(f"port {port} is in use by another program: choose another with PRESSROOM_HTTP=")
        assert machine.check() == [said]


def test_an_instance_that_cannot_be_written(machine: Machine) -> None:
    give_away(machine.instance / "media")
    said = machine.refusal()
    assert said == f"{machine.instance}/media is not writable: sudo chown -R $(id -un) {machine.instance}"
    assert said in machine.check()


def test_an_instance_in_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        said = Machine(tmp_path / "instance").refusal()
    finally:
        tmp_path.chmod(0o700)
    assert said.startswith(f"{tmp_path}/instance can't be created or used (Permission denied): sudo chown -R $(id -un)")


def test_a_database_of_a_newer_version(machine: Machine) -> None:
    with sqlite3.connect(machine.instance / "pressroom.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999', oldest = '9998'")
    connection.close()
    said = machine.refusal()
    assert said.startswith(
        "the database was created by a newer Pressroom (schema 9999): install that version again, or set"
    )
    assert machine.check() == [said]


def test_a_bad_setting_stops_the_check_too(machine: Machine) -> None:
    machine.environ["PRESSROOM_LIMITS"] = "maybe"
    said = machine.refusal()
    assert said == "PRESSROOM_LIMITS='maybe' can't be used: expected one of on, off."
    assert machine.run("flask", "--app", "webapp", "check") == (1, [said])


@pytest.mark.slow
def test_a_key_that_cannot_be_read(machine: Machine) -> None:
    key = machine.instance / "secret_key"
    key.chmod(0)
    said = machine.refusal()
    assert said == f"{key} can't be used (Permission denied): sudo chown $(id -un) {key} && chmod 600 {key}"
    assert machine.run("flask", "--app", "webapp", "check") == (1, [said])
    subprocess.run(["bash", "-c", said.partition("sudo chown $(id -un) ")[2].partition("&& ")[2]], check=True)
    assert machine.start()[0] == 0, "the cure works"


@pytest.mark.slow
@pytest.mark.skipif(not IS_ROOT, reason="only root can give a file away")
@pytest.mark.parametrize("name", ["locks/healer", "pressroom.db"])
def test_files_of_somebody_else(machine: Machine, name: str) -> None:
    shutil.chown(machine.instance / name, "nobody")
    said = machine.refusal()
    assert said == f"{machine.instance / name} belongs to nobody, and the site to root: " + (
        f"sudo chown -R root {machine.instance}"
    )
    assert said in machine.check()
    subprocess.run(said.rpartition(": sudo ")[2].split(), check=True)
    assert machine.check() == [], "the cure works"


@pytest.mark.slow
def test_a_queue_that_the_kernel_keeps_short(machine: Machine) -> None:
    """In a network of its own, whose limits are its own too."""
    shorten = 'ip link set lo up && echo 100 > /proc/sys/net/core/somaxconn && exec "$@"'
    machine.under = ["unshare", "--map-root-user", "--net", "sh", "-c", shorten, "sh"]
    said = machine.refusal()
    assert said == "the kernel's listen queue is too short: sudo sysctl -w net.core.somaxconn=1024"
    assert machine.check() == [said]


# uWSGI and gevent


@pytest.fixture
def without_gevent(tmp_path: Path) -> Path:
    """uWSGI's binary, in which the plugin and the option `gevent` go by another name."""
    code = UWSGI.read_bytes()
    assert code.count(b"\0gevent\0") == 1
    binary = tmp_path / "uwsgi"
    binary.write_bytes(code.replace(b"\0gevent\0", b"\0absent\0"))
    binary.chmod(0o755)
    for name in ("python", "python3"):
        (tmp_path / name).symlink_to(sys.executable)
    (tmp_path / "pyvenv.cfg").symlink_to(Path(sys.prefix) / "pyvenv.cfg")
    return binary


def test_a_wheel_s_uwsgi_started_directly() -> None:
    """It has Python's own binary for its program."""
    said = diagnosis.unusable(Path(sys.executable))
    assert said == "the uWSGI of the wheel pyuwsgi can't be started directly: use pressroom serve"


def test_a_uwsgi_without_gevent(tmp_path: Path, without_gevent: Path) -> None:
    environ = {"PATH": f"{UWSGI.parent}:{os.environ['PATH']}"}
    lines = UwsgiServer(tmp_path / "instance", command=without_gevent, environ=environ).refused()
    [said] = [line.removeprefix(REFUSED) for line in lines if line.startswith(REFUSED)]
    assert said.startswith(f"{without_gevent} was built without gevent: serve with .venv/bin/uwsgi --ini uwsgi.ini")
    assert not (tmp_path / "instance").exists()
    assert diagnosis.unusable(without_gevent) == said
    assert diagnosis.unusable(UWSGI) is None


def test_a_uwsgi_of_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip takes what it once compiled for any other Python of the same minor version."""
    monkeypatch.setattr(platform, "python_version", lambda: "3.11.99")
    said = diagnosis.unusable(UWSGI)
    assert said
    built_for, cure = said.split(": ")
    assert re.fullmatch(rf"{UWSGI} was built for Python 3\.\d+\.\d+, and this is 3\.11\.99", built_for)
    assert cure == f"{sys.executable} -m pip install --force-reinstall --no-cache-dir --no-deps uwsgi"


@pytest.mark.slow
def test_another_server_in_its_place(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an environment that has all of ours, but for programs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    [packages] = (tmp_path / "other").glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text(f"{sysconfig.get_path('purelib')}\n{CHECKOUT}\n")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "other" / "bin" / "python"))
    assert machine.check() == []


def test_a_uwsgi_that_is_not_there(tmp_path: Path) -> None:
    assert diagnosis.unusable(tmp_path / "uwsgi") == (
        f"{tmp_path / 'uwsgi'} can't be run (No such file or directory): make serve installs it"
    )


@pytest.mark.slow
def test_gevent_that_has_not_patched(machine: Machine) -> None:
    """uwsgi.ini without one line; the site's own command ends, and no worker is started again and again."""
    ini = machine.instance.with_name("uwsgi.ini")
    text = (CHECKOUT / "uwsgi.ini").read_text()
    assert text.count("\ngevent-early-monkey-patch = true\n") == 1
    ini.write_text(text.replace("\ngevent-early-monkey-patch = true\n", "\n").replace("%d", f"{CHECKOUT}/"))
    server = UwsgiServer(machine.instance, ini=ini)
    server.launch()
    try:
        assert server.process.wait(60) == 0
    finally:
        server.kill()
    said = [line for line in server.log().splitlines() if line.startswith(REFUSED)]
    assert said[0].startswith(f"{REFUSED}gevent is on, but Python isn't patched for it: serve with .venv/bin/uwsgi")
    assert machine.check() == said[:1]
    assert psutil.pid_exists(server.pid) is False


def test_gevent_that_has_not_patched_without_our_ini(machine: Machine) -> None:
    command = [
        str(UWSGI),
        "--http-socket",
        f"127.0.0.1:{free_port()}",
        "--gevent",
        "100",
        "--module",
        "webapp.wsgi:app",
    ]
    run = subprocess.run(
        command,
        env=os.environ | {"PRESSROOM_INSTANCE": str(machine.instance)},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith(f"{REFUSED}gevent is on, but Python isn't patched for it")


# A proxy that speaks the wrong protocol


@pytest.fixture
def on_socket(copied_instance: Callable[[str], Path]) -> Iterator[tuple[SocketServer, int]]:
    with ExitStack() as stack:
        folder, port = folder_in(stack), free_port()
        environ = {
            "PRESSROOM_SOCKET": str(folder / "pressroom.sock"),
            "PRESSROOM_BASE_URL": f"http://127.0.0.1:{port}",
        }
        options = ["--chown-socket", "root:www-data"] if IS_ROOT else []
        server = SocketServer(copied_instance("socket"), environ=environ, options=options)
        yield stack.enter_context(server), port


@pytest.mark.slow
def test_http_spoken_to_a_uwsgi_socket(on_socket: tuple[SocketServer, int]) -> None:
    server, port = on_socket
    path = server.environ["PRESSROOM_SOCKET"]
    machine = Machine(server.instance, server.environ)
    with ExitStack() as stack:
        stack.enter_context(running_nginx(folder_in(stack), port, NGINX_UWSGI.format(socket=path)))
        assert machine.check() == []
    with ExitStack() as stack:
        # The answer by which it is known to run is its own.
        hello = 'location = /hello { return 200 "Hello, World!"; }'
        stack.enter_context(running_nginx(folder_in(stack), port, f"{hello} proxy_pass http://unix:{path}:/;"))
        [said] = machine.check()
    assert said == (
        f"the site runs, but http://127.0.0.1:{port} doesn't lead to it (timed out):"
        f" in nginx it takes uwsgi_pass unix:{path}, and nginx's user must be in the socket's group"
    )


# Settings that contradict each other


@pytest.mark.slow
def test_a_socket_without_a_public_address(machine: Machine) -> None:
    machine.environ["PRESSROOM_SOCKET"] = str(machine.instance / "tmp" / "site.sock")
    machine.environ["PRESSROOM_HTTP"] = "127.0.0.1:8000"
    said = machine.warnings()
    assert said == [
        "PRESSROOM_SOCKET is set without PRESSROOM_BASE_URL, so links in feeds lead to http://127.0.0.1:8000:"
        " set PRESSROOM_BASE_URL to the public address, such as https://news.example.org"
    ]
    assert machine.check() == said


@pytest.mark.slow
def test_https_without_a_proxy_to_believe(machine: Machine) -> None:
    machine.environ["PRESSROOM_BASE_URL"] = "https://news.example.org"
    said = machine.warnings()
    assert said == [
        "PRESSROOM_PROXIES is 0 behind a proxy with https, so all readers have the proxy's address:"
        " set PRESSROOM_PROXIES=1, and let the proxy send X-Forwarded-For and X-Forwarded-Proto"
    ]
    assert machine.check() == said
    machine.environ["PRESSROOM_PROXIES"] = "1"
    assert machine.warnings() == machine.check() == []


@pytest.mark.slow
def test_a_proxy_believed_behind_a_socket(machine: Machine) -> None:
    """It is right behind a CDN, so that the check has nothing to say."""
    machine.environ |= {
        "PRESSROOM_SOCKET": str(machine.instance / "tmp" / "site.sock"),
        "PRESSROOM_BASE_URL": "https://news.example.org",
        "PRESSROOM_PROXIES": "1",
    }
    [said] = machine.warnings()
    assert said.startswith("PRESSROOM_PROXIES=1 with PRESSROOM_SOCKET: readers can forge their address, unless")
    assert machine.check() == []


def test_a_setting_with_a_slip(machine: Machine) -> None:
    machine.environ["PRESSROOM_TITLE"] = "The Gazette"
    assert machine.warnings() == ["PRESSROOM_TITLE isn't a setting and is ignored. Did you mean PRESSROOM_SITE_TITLE?"]


# What is only said


@pytest.mark.slow
def test_too_few_descriptors(machine: Machine) -> None:
    machine.under = ["bash", "-c", 'ulimit -n 512 && exec "$@"', "bash"]
    workers, readers = machine.warnings()
    assert workers.startswith("a worker can open only 512 files but needs 1024 under load: raise the open-file")
    assert readers.startswith(
        "only 448 readers can hold a stream. To raise the limit: PRESSROOM_BROADCASTERS=2, or raise"
    )
    assert "LimitNOFILE=" in workers
    assert machine.check() == [workers, readers]


@pytest.mark.slow
def test_too_few_descriptors_of_a_running_site(copied_instance: Callable[[str], Path]) -> None:
    """It is asked about, not the shell in which the check runs."""
    with UwsgiServer(copied_instance("few")) as server:
        machine = Machine(server.instance, server.environ)
        assert machine.check() == []
        psutil.Process(server.pid).rlimit(psutil.RLIMIT_NOFILE, (500, 4096))
        [said] = machine.check()
        assert said.startswith("a worker can open only 500 files")


@pytest.mark.slow
@pytest.mark.skipif(not IS_ROOT, reason="only root can give a file away")
def test_a_page_store_of_somebody_else(machine: Machine) -> None:
    """As a command leaves it that was run as root."""
    retired = machine.instance / "pages" / ".retired"
    shutil.chown(retired, "nobody")
    [said] = machine.warnings()
    assert said == f"{retired} belongs to nobody, and the site to root: sudo chown -R root {machine.instance}"
    assert machine.check() == [
        said,
        "The page store isn't writable, so Python renders every page: Permission denied."
        " Give the instance folder to whoever runs the site: .venv/bin/pressroom check says how.",
    ]


def test_a_start_looks_through_no_stored_pages(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are."""
    pages = machine.instance / "pages"
    for folder in ("post", ".under/post/7/updates", ".under/.versions/x"):
        (pages / folder).mkdir(parents=True, exist_ok=True)
    found = set(diagnosis._below(machine.instance))
    assert {pages / name for name in ("post", ".under", ".under/post", ".under/.versions", ".retired")} <= found
    assert not {path for path in found if len(path.relative_to(machine.instance).parts) > 3}
    assert machine.instance / "locks" / "boot" in found


@pytest.mark.slow
def test_a_clock_that_is_behind(machine: Machine) -> None:
    database = machine.instance / "pressroom.db"
    later = time.time() + 3 * diagnosis.DAY_SECONDS
    os.utime(database, (later, later))
    [said] = machine.check()
    assert said.startswith("the clock is wrong: it says 20")
    assert f"but {database} was written on {time.strftime('%Y-%m-%d', time.gmtime(later))}: set it with sudo" in said
    os.utime(database, (later, later))
    assert machine.warnings() == [said]


@pytest.mark.slow
@pytest.mark.parametrize(("table", "seconds"), [("post", 7_200), ("event", 90_000), ("event", 200)])
def test_a_date_that_is_still_to_come(machine: Machine, table: str, seconds: int) -> None:
    at = int(time.time() + seconds) * 1000
    engine = make_engine(f"sqlite:///{machine.instance / 'pressroom.db'}")
    with transaction(engine) as session:
        post = Post(id=7, title="The derby", body="", html="", status="published", seq=1)
        post.published_at = at if table == "post" else 1
        session.add(post)
        session.flush()
        session.add(Event(post_id=7, seq=1, kind="post", item="post-7", payload="{}", at=at if table == "event" else 1))
    engine.dispose()
    said = machine.check()
    assert machine.warnings() == said
    if seconds < setup.AHEAD_SECONDS:
        assert said == []
        return
    [line] = said
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(at / 1000))
    assert line.startswith(f"the newest post or update is dated {when}")


def test_what_is_beside_the_pages_with_a_name_like_theirs(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    assert diagnosis.beside_pages(tmp_path) is None
    (tmp_path / "pages.old").mkdir()
    assert str(diagnosis.beside_pages(tmp_path)).startswith(f"{tmp_path / 'pages.old'} can be read by everybody")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "left"),
    [
        ("size=50m", " MB are left for {}/instance: free some space, or move"),
        ("size=900m,nr_inodes=1000", " more files (df -i) for {}/instance: delete files, or move"),
    ],
)
def test_a_disk_nearly_full(tmp_path: Path, options: str, left: str) -> None:
    """A small file system, which nobody else sees, on which a site is started and then looked at."""
    script = f'mount -t tmpfs -o {options} none {tmp_path} && {sys.executable} -P -m webapp.start && exec "$@"'
    machine = Machine(tmp_path / "instance", under=["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
    status, lines = machine.run("flask", "--app", "webapp", "check")
    assert status == 1
    said = [line for line in lines if left.format(tmp_path) in line]
    assert [line.partition(", ")[0] for line in said] == [
        "WARNING: the disk is nearly full",
        "PROBLEM: the disk is nearly full",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("words", diagnosis.IN_LOG)
def test_what_uwsgi_wrote_into_its_log(machine: Machine, words: str) -> None:
    log = machine.instance / "uwsgi.log"
    log.write_text(f"*** Starting uWSGI 2.0.31\n*** {words} ***\n")
    [said] = machine.check()
    assert said.startswith(diagnosis.IN_LOG[words])
    log.write_text(f"*** Starting uWSGI 2.0.31\n*** {words} ***\n*** Starting uWSGI 2.0.31\n")
    assert machine.check() == [], "it has been started since"
