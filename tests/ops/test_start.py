"""Starting, reloading and stopping the real server: `uwsgi --ini uwsgi.ini`."""

from __future__ import annotations

import http.client
import itertools
import os
import re
import signal
import socket
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from support.uwsgi_server import UWSGI, UwsgiServer, copied_checkout
from tools.processes import WAIT_SECONDS, until
from webapp.system.instance import InstanceError, prepare, secret_key
from webapp.system.server import HEADERS, is_taken

PASSWORD_LINE = re.compile(r"Log in as admin with the password \S+ \(shown only once\)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UwsgiServer]:
    """One server for all tests that leave it as it is."""
    with UwsgiServer(tmp_path_factory.mktemp("site") / "instance", workers=2) as server:
        yield server


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that was never initialised, in a folder with a space in its name."""
    return copied_checkout(tmp_path / "a checkout")


def get(site: UwsgiServer, path: str) -> tuple[int, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers
    finally:
        connection.close()


# What is on the screen


def test_its_last_lines_are_the_address_and_the_password(site: UwsgiServer) -> None:
    *_, address, password, another = site.screen().splitlines()
    assert address == f"Pressroom: {site.url}"
    assert PASSWORD_LINE.fullmatch(password)
    assert another.startswith("To set another password: ")
    assert another.endswith("pressroom user password admin")


def test_it_says_where_its_log_is(site: UwsgiServer) -> None:
    assert f"log: {site.instance / 'uwsgi.log'}" in site.screen()


def test_what_uwsgi_says_goes_to_the_log(site: UwsgiServer) -> None:
    assert "*** Starting uWSGI" in site.log()
    assert "spawned uWSGI worker 1" in site.log()
    assert "***" not in site.screen()
    assert "spawned" not in site.screen()


def test_it_logs_no_requests(site: UwsgiServer) -> None:
    get(site, "/draft/00000000-0000-4000-8000-000000000000")
    assert "/draft/" not in site.log()


def test_it_has_as_many_workers_as_it_was_told(site: UwsgiServer) -> None:
    until(lambda: len(site.worker_pids()) == 2, "both workers ran")


def test_what_it_keeps_is_its_own(site: UwsgiServer) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in site.instance.iterdir()}
    modes["."] = stat.S_IMODE(site.instance.stat().st_mode)
    public = {name: mode for name, mode in modes.items() if mode & 0o077}
    assert public == {".": 0o711, "pages": 0o755, "media": 0o755, "assets": 0o755}
    assert {"secret_key", "pressroom.db", "uwsgi.log", "uwsgi.pid", "uwsgi.fifo", "tmp"} <= modes.keys()


# What it answers


@pytest.mark.parametrize(("path", "status"), [("/hello", 200), ("/static/css/base.css", 200), ("/nowhere", 404)])
def test_each_answer_has_each_security_header_once(site: UwsgiServer, path: str, status: int) -> None:
    answered, headers = get(site, path)
    assert answered == status
    assert {name: headers.get_all(name) for name in HEADERS} == {name: [value] for name, value in HEADERS.items()}


def test_static_files_keep_for_a_year(site: UwsgiServer) -> None:
    _, headers = get(site, "/static/css/base.css")
    assert headers["Content-Type"] == "text/css"
    assert "Expires" in headers


@pytest.mark.slow
def test_it_reads_large_headers_and_refuses_endless_bodies(site: UwsgiServer) -> None:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=60)
    connection.request("GET", "/hello", headers={"X-Large": "x" * 30_000})
    assert connection.getresponse().status == 200
    connection.close()
    connection.putrequest("POST", "/login")
    connection.putheader("Content-Length", "3000000")
    connection.endheaders()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        connection.getresponse()
    connection.close()


# From where and how it is started


@pytest.mark.slow
def test_it_starts_a_fresh_checkout_from_anywhere(checkout: Path, tmp_path: Path) -> None:
    environ = {"PATH": f"{UWSGI.parent}:{os.environ['PATH']}"}
    server = UwsgiServer(
        checkout / "instance", environ=environ, command="uwsgi", ini=checkout / "uwsgi.ini", cwd=tmp_path
    )
    del server.environ["PRESSROOM_INSTANCE"]
    with server:
        assert f"Instance: {checkout / 'instance'} " in server.screen()
        assert (checkout / "instance" / "pressroom.db").is_file()
        assert f"added {checkout}/ to pythonpath" in server.log()


@pytest.mark.slow
def test_it_starts_from_within_its_folder(checkout: Path) -> None:
    server = UwsgiServer(checkout / "instance", ini="uwsgi.ini", cwd=checkout)
    del server.environ["PRESSROOM_INSTANCE"]
    with server:
        assert (checkout / "instance" / "pressroom.db").is_file()


@pytest.mark.slow
def test_it_says_the_password_only_once(tmp_path: Path) -> None:
    with UwsgiServer(tmp_path / "instance") as first:
        assert PASSWORD_LINE.search(first.screen())
    with UwsgiServer(tmp_path / "instance") as again:
        assert not PASSWORD_LINE.search(again.screen())
        assert again.screen().splitlines()[-1] == f"Pressroom: {again.url}"


@pytest.mark.slow
def test_it_listens_on_a_unix_socket_alone(tmp_path: Path) -> None:
    path = tmp_path / "pressroom.sock"
    server = UwsgiServer(tmp_path / "instance", environ={"PRESSROOM_SOCKET": str(path)})
    for time in (1, 2):  # the second finds the first one's socket
        server.launch()
        try:
            until(lambda t=time: is_taken(path) and server.log().count("gevent loop") == t, "it listened")
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", server.port)) != 0
        finally:
            server.stop()
        assert not is_taken(path)


@pytest.mark.slow
def test_it_reloads_on_change_when_developing(checkout: Path) -> None:
    with UwsgiServer(checkout / "instance", ini=f"{checkout / 'uwsgi.ini'}:dev") as server:
        assert "spawned uWSGI worker 1" in server.screen()
        module = checkout / "webapp" / "system" / "server.py"
        changes = itertools.count(int(module.stat().st_mtime) + 1)

        def change() -> bool:
            # Again and again: what changes before the reloader's first look is not news to it.
            os.utime(module, (changed := next(changes), changed))
            return "chain reload starting" in server.screen()

        until(change, "it saw the change")
        until(lambda: "chain reloading complete" in server.screen(), "a new worker ran")
        until(server.answers, "it answered again")


# What it refuses, in one line on the screen


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRESSROOM_LIMITS", "maybe"),
        ("PRESSROOM_HTTP", ""),
        ("PRESSROOM_HTTP", "127.0.0.1"),
        ("PRESSROOM_SOCKET", ""),
        ("PRESSROOM_WORKERS", "0"),
        ("PRESSROOM_INSTANCE", "~/instance"),
        ("PRESSROOM_INSTANCE", "/tmp/in:stance"),  # noqa: S108 (it is never made)
    ],
)
def test_it_refuses_a_bad_setting_and_quotes_it(tmp_path: Path, name: str, value: str) -> None:
    lines = UwsgiServer(tmp_path / "instance", environ={name: value}).refused()
    [reason] = [line for line in lines if line.startswith("Pressroom can't start: ")]
    assert f"{name}={value!r}" in reason
    assert not (tmp_path / "instance").exists()
    assert "Traceback" not in "".join(lines)


def test_it_refuses_a_taken_port(tmp_path: Path) -> None:
    server = UwsgiServer(tmp_path / "instance")
    with socket.create_server(("127.0.0.1", server.port)):
        screen = "\n".join(server.refused())
    assert f"port {server.port} is in use by another program" in screen
    assert f"PRESSROOM_HTTP=127.0.0.1:{server.port + 1} make serve" in screen


def test_it_refuses_an_address_of_another_machine(tmp_path: Path) -> None:
    screen = "\n".join(UwsgiServer(tmp_path / "instance", environ={"PRESSROOM_HTTP": "192.0.2.1:8000"}).refused())
    assert "'192.0.2.1:8000' isn't an address of this machine" in screen


def test_it_refuses_a_second_site_on_one_instance(site: UwsgiServer) -> None:
    second = UwsgiServer(site.instance, environ={"PRESSROOM_BASE_URL": "http://other.example"})
    second.launch()
    assert second.process.wait(60) == 1
    assert f"a site is already running on {site.instance}" in second.screen()
    assert get(site, "/hello")[0] == 200
    assert int((site.instance / "uwsgi.pid").read_text()) == site.pid, "what it says to do works"


def test_it_refuses_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "instance").touch()
    screen = "\n".join(UwsgiServer(tmp_path / "instance").refused())
    assert f"{tmp_path / 'instance'} is not a folder" in screen


def test_it_refuses_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    screen = "\n".join(UwsgiServer(tmp_path / "i", environ={"PRESSROOM_INSTANCE": "/proc/pressroom"}).refused())
    assert "/proc/pressroom can't be created or used" in screen


def test_it_refuses_a_database_that_it_cannot_open(tmp_path: Path) -> None:
    environ = {"PRESSROOM_DATABASE_URL": f"sqlite:///{tmp_path}"}
    screen = "\n".join(UwsgiServer(tmp_path / "instance", environ=environ).refused())
    assert "the database can't be used" in screen
    assert "Traceback" not in screen


@pytest.mark.slow
def test_it_says_when_limits_are_lifted_and_links_will_not_work(tmp_path: Path) -> None:
    server = UwsgiServer(tmp_path / "instance", environ={"PRESSROOM_LIMITS": "off"})
    server.environ["PRESSROOM_HTTP"] = f"0.0.0.0:{server.port}"
    with server:
        assert "WARNING: PRESSROOM_LIMITS=off" in server.screen()
        assert "set PRESSROOM_BASE_URL" in server.screen()
        assert "without a proxy, and 500 stalled connections per worker stop uWSGI" in server.screen()
        assert f"Pressroom: {server.url}\n" in server.screen()


# How it stops and reloads


@pytest.mark.slow
def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    with UwsgiServer(tmp_path / "instance") as server:
        os.killpg(server.pid, signal.SIGINT)
        server.ended()


@contextmanager
def waiting_view(server: UwsgiServer) -> Iterator[tuple[socket.socket, Future[bytes]]]:
    """A request in flight: what its view waits for, and the answer's body to come."""
    with ThreadPoolExecutor() as threads, socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"{server.url}/wait/{listener.getsockname()[1]}"
        answer = threads.submit(lambda: urlopen(url, timeout=60).read())
        view, _ = listener.accept()
        with view:
            yield view, answer


@pytest.mark.slow
def test_sigterm_lets_requests_in_flight_finish(tmp_path: Path) -> None:
    with UwsgiServer(tmp_path / "instance", module="support.waiting_site:app") as server:
        with waiting_view(server) as (view, answer):
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "waiting for 1 running requests" in server.log(), "it began to stop")
            assert not answer.done()
            view.sendall(b"finished")
            assert answer.result(30) == b"finished"
        server.ended()


@pytest.mark.slow
def test_sigterm_has_an_end_to_its_mercy(tmp_path: Path) -> None:
    mercy = ["--worker-reload-mercy", "1"]
    with (
        UwsgiServer(tmp_path / "instance", module="support.waiting_site:app", options=mercy) as server,
        waiting_view(server) as (_, answer),
    ):
        server.process.send_signal(signal.SIGTERM)
        server.ended()
        assert isinstance(answer.exception(30), (OSError, http.client.HTTPException))


@pytest.mark.slow
@pytest.mark.parametrize("to_all", [False, True], ids=["sigterm", "ctrl-c"])
def test_it_ends_at_once_while_workers_are_still_starting(tmp_path: Path, to_all: bool) -> None:
    (tmp_path / "sleeper.py").write_text("import threading\nthreading.Event().wait()\n")
    options = ["--pythonpath", str(tmp_path), "--module", "sleeper"]
    server = UwsgiServer(tmp_path / "instance", workers=2, options=options)
    server.launch()
    try:
        log = server.instance / "uwsgi.log"
        until(lambda: log.exists() and server.log().count("(post-fork)") == 6, "both workers took signals")
        if to_all:
            os.killpg(server.pid, signal.SIGINT)
        else:
            server.process.send_signal(signal.SIGTERM)
        server.process.wait(WAIT_SECONDS)
    finally:
        server.stop()
    assert "NO MERCY" not in server.log()


def _keep_asking(server: UwsgiServer, stop: threading.Event) -> list[int]:
    statuses = []
    while not stop.is_set():
        statuses.append(get(server, "/hello")[0])
    return statuses


@pytest.mark.slow
def test_a_chain_reload_loses_no_request(tmp_path: Path) -> None:
    stop = threading.Event()
    with UwsgiServer(tmp_path / "instance", workers=2) as server, ThreadPoolExecutor() as threads:
        # A worker that does not accept yet would be left out.
        until(lambda: server.log().count("WSGI app 0") == 2, "both workers ran")
        before = server.worker_pids()
        readers = [threads.submit(_keep_asking, server, stop) for _ in range(3)]
        try:
            server.command_fifo("c")
            until(lambda: "chain reloading complete" in server.log(), "it was reloaded")
            assert len(server.worker_pids() - before) == 2
        finally:
            stop.set()
        statuses = [status for reader in readers for status in reader.result(30)]
        assert len(statuses) > 10
        assert set(statuses) == {200}


@pytest.mark.slow
def test_sighup_is_a_chain_reload(tmp_path: Path) -> None:
    with UwsgiServer(tmp_path / "instance") as server:
        before = server.worker_pids()
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "chain reloading complete" in server.log(), "it was reloaded")
        assert not server.worker_pids() & before
        assert get(server, "/hello")[0] == 200


# The instance folder


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as processes:
        list(processes.map(prepare, [folder] * 8))
        keys = set(processes.map(secret_key, [folder] * 40))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert sorted(path.name for path in folder.iterdir()) == [
        "assets",
        "locks",
        "media",
        "originals",
        "pages",
        "secret_key",
        "tmp",
    ]


def test_it_refuses_a_key_that_is_cut_short(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_bytes(b"x" * 31)
    with pytest.raises(InstanceError, match="empty or truncated"):
        secret_key(tmp_path)


def test_it_puts_modes_right_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        prepare(tmp_path / "instance")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "instance").stat().st_mode) == 0o711
    assert stat.S_IMODE((tmp_path / "instance" / "pages").stat().st_mode) == 0o755


def test_it_refuses_a_file_in_place_of_a_subfolder(tmp_path: Path) -> None:
    (tmp_path / "pages").touch()
    with pytest.raises(InstanceError, match="pages is not a folder"):
        prepare(tmp_path)
