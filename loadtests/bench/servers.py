"""The servers that the load lab compares: each serves the same app on the same data, and two serve none, as limits."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from loadtests.limits import browser, lab, nginx_setup
from tools.processes import cpu_seconds, family, free_port, plain_environ

BIN = Path(sys.executable).parent
WORKERS = os.cpu_count() or 1
THREADS = 16

RAW = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, World!"]
"""

NGINX = """
    gzip_static on;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        root {pages};
        location / {{ try_files $uri/index.html =404; }}
    }}
"""


class Running(NamedTuple):
    """A server that answers: its topmost processes, its port, and whether it speaks https."""

    pids: list[int]
    port: int
    tls: bool = False

    @property
    def url(self) -> str:
        return browser.url_of(self.port, self.tls)

    def cpu_seconds(self) -> float:
        return sum(map(cpu_seconds, self.pids))

    def memory_bytes(self) -> int:
        return lab.own_bytes({process.pid for pid in self.pids for process in family(pid)})


class Server(NamedTuple):
    """`command` is what a person would type. A limit serves no app, only the path `page`.

    start: serves the instance in this folder on that port, with these variables.
    """

    name: str
    title: str
    command: str
    start: Callable[[Path, int, dict[str, str]], Iterator[Running]]
    environ: Mapping[str, str] = MappingProxyType({})
    holds_streams: bool = False
    is_limit: bool = False


# Starting


@contextmanager
def serving(server: Server, instance: Path) -> Iterator[Running]:
    """Serve an instance until the end of the block."""
    port = free_port()
    environ = plain_environ() | {
        "PRESSROOM_INSTANCE": str(instance),
        "PRESSROOM_HTTP": f"127.0.0.1:{port}",
        "PRESSROOM_LIMITS": "off",
        "PRESSROOM_WORKERS": str(WORKERS),
        **server.environ,
    }
    with contextmanager(server.start)(instance, port, environ) as running:
        yield running


def uwsgi_ini(instance: Path, *leave_out: str, module: str = "webapp.wsgi:app") -> Path:
    """uwsgi.ini without the lines that begin so, and with another app."""
    text = (lab.CHECKOUT / "uwsgi.ini").read_text().replace("%d", f"{lab.CHECKOUT}/")
    lines = [line for line in text.splitlines() if not line.startswith(leave_out or ("\0",))]
    changed = "\n".join(lines).replace("module = webapp.wsgi:app", f"module = {module}")
    ini = instance.with_name("uwsgi.ini")
    ini.write_text(changed + "\n")
    return ini


def by_uwsgi(*leave_out: str, module: str = "webapp.wsgi:app") -> Callable[..., Iterator[Running]]:
    def start(instance: Path, port: int, environ: dict[str, str]) -> Iterator[Running]:
        changed = leave_out or module != "webapp.wsgi:app"
        ini = uwsgi_ini(instance, *leave_out, module=module) if changed else lab.CHECKOUT / "uwsgi.ini"
        with lab.running([str(BIN / "uwsgi"), "--ini", str(ini)], port, environ) as pid:
            lab.wait_for_site(instance, pid, int(environ["PRESSROOM_WORKERS"]))
            yield Running([pid], port)

    return start


def by_command(*arguments: str) -> Callable[..., Iterator[Running]]:
    """`{port}` in an argument is where to listen."""

    def start(_instance: Path, port: int, environ: dict[str, str]) -> Iterator[Running]:
        program, *rest = (argument.format(port=port) for argument in arguments)
        with lab.running([str(BIN / program), *rest], port, environ) as pid:
            yield Running([pid], port)

    return start


def behind_nginx(tls: bool) -> Callable[..., Iterator[Running]]:
    """By deploy/nginx.conf."""

    def start(instance: Path, port: int, environ: dict[str, str]) -> Iterator[Running]:
        socket = instance.with_name("site.sock")
        command = [str(BIN / "uwsgi"), "--ini", str(lab.CHECKOUT / "uwsgi.ini")]
        make = nginx_setup.shipped_with_tls if tls else nginx_setup.shipped
        servers = make("nginx.conf", instance.parent, socket, port)
        kind = lab.OverTls if tls else lab.ServerProcess
        with nginx_setup.nginx(instance.parent, port, servers, WORKERS) as nginx:
            environ = environ | {"PRESSROOM_SOCKET": str(socket), "PRESSROOM_BASE_URL": browser.url_of(port, tls)}
            with lab.running(command, port, environ, kind) as site:
                lab.wait_for_site(instance, site, WORKERS)
                yield Running([site, nginx], port, tls)

    return start


def nginx_alone(instance: Path, port: int, _environ: dict[str, str]) -> Iterator[Running]:
    server = NGINX.format(port=port, pages=instance / "pages")
    with nginx_setup.nginx(instance.parent, port, server, WORKERS) as pid:
        yield Running([pid], port)


def raw(instance: Path, port: int, environ: dict[str, str]) -> Iterator[Running]:
    (instance.parent / "raw.py").write_text(RAW)
    options = ["--master", "--need-app", "--die-on-term", "--lazy-apps", "--disable-logging", "--listen", "1024"]
    options += ["--add-header", "Connection: close"]
    options += ["--processes", str(WORKERS), "--gevent", "500", "--gevent-early-monkey-patch"]
    options += ["--http-socket", f"127.0.0.1:{port}", "--pythonpath", str(instance.parent), "--module", "raw"]
    with lab.running([str(BIN / "uwsgi"), *options], port, environ) as pid:
        yield Running([pid], port)


SERVERS = [
    Server("uwsgi", "uWSGI (uwsgi.ini)", "uwsgi --ini uwsgi.ini", by_uwsgi(), holds_streams=True),
    Server(
        "uwsgi-unstored",
        "uWSGI gevent without the page store",
        "uwsgi --ini uwsgi.ini, without check-static; every page is rendered",
        by_uwsgi("check-static", module="loadtests.bench.unstored:app"),
        holds_streams=True,
    ),
    Server(
        "uwsgi-processes",
        "uWSGI with processes and no gevent",
        "uwsgi --ini uwsgi.ini, without its two gevent lines",
        by_uwsgi("gevent"),
        {"PRESSROOM_WORKERS": str(4 * WORKERS)},
        holds_streams=True,
    ),
    Server(
        "gunicorn-gevent",
        "gunicorn gevent",
        f"gunicorn -k gevent -w {WORKERS} -b 127.0.0.1:8000 webapp.wsgi:app",
        by_command("gunicorn", "-k", "gevent", "-w", str(WORKERS), "-b", "127.0.0.1:{port}", "webapp.wsgi:app"),
    ),
    Server(
        "gunicorn-gthread",
        "gunicorn gthread",
        f"gunicorn -k gthread -w {WORKERS} --threads {THREADS} -b 127.0.0.1:8000 webapp.wsgi:app",
        by_command(
            *("gunicorn", "-k", "gthread", "-w", str(WORKERS), "--threads", str(THREADS)),
            *("-b", "127.0.0.1:{port}", "webapp.wsgi:app"),
        ),
    ),
    Server(
        "waitress",
        "waitress",
        f"waitress-serve --listen 127.0.0.1:8000 --threads {THREADS} webapp.wsgi:app",
        by_command("waitress-serve", "--listen", "127.0.0.1:{port}", "--threads", str(THREADS), "webapp.wsgi:app"),
    ),
    Server(
        "granian",
        "granian",
        f"granian --interface wsgi --workers {WORKERS} --blocking-threads {THREADS} --port 8000 webapp.wsgi:app",
        by_command(
            *("granian", "--interface", "wsgi", "--workers", str(WORKERS), "--blocking-threads", str(THREADS)),
            *("--host", "127.0.0.1", "--port", "{port}", "webapp.wsgi:app"),
        ),
    ),
    Server(
        "nginx-uwsgi",
        "nginx in front of uWSGI",
        "nginx with deploy/nginx.conf; uwsgi --ini uwsgi.ini",
        behind_nginx(tls=False),
        holds_streams=True,
    ),
    Server(
        "nginx-tls",
        "nginx with TLS in front of uWSGI",
        "nginx with deploy/nginx.conf and TLS; uwsgi --ini uwsgi.ini",
        behind_nginx(tls=True),
        holds_streams=True,
    ),
    Server(
        "nginx-file", "Limit: nginx serving a file", "nginx with try_files and gzip_static", nginx_alone, is_limit=True
    ),
    Server("raw", "Limit: raw WSGI under uWSGI", "uwsgi --gevent 500 with eight lines of Python", raw, is_limit=True),
]
BY_NAME = {server.name: server for server in SERVERS}
USUAL = ("uwsgi", "uwsgi-unstored", "gunicorn-gevent")
