"""Three that send an update to all of their readers: the broadcaster, nchan in nginx, and a loop that only writes.

Each is a context in which it serves.
"""

from __future__ import annotations

import http.client
import json
import os
import pwd
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from loadtests.limits import browser, lab, nginx_setup
from loadtests.limits.readers import allow_files
from tools.processes import family, free_port
from webapp import changes
from webapp.content import updates
from webapp.models import Event
from webapp.people import users
from webapp.text.render import render_update

NUMBER = rb'"id": "update-(\d+)"'  # nchan's ids are of its own making
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")

NGINX = """
load_module {nchan};
{user}
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 19000; }}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = /publish {{ nchan_publisher http; nchan_channel_id derby; nchan_message_buffer_length 200; }}
        location = /live {{ nchan_subscriber eventsource; nchan_channel_id derby; nchan_eventsource_ping_interval 15; }}
    }}
}}
"""


class Contender(NamedTuple):
    """`pids` are those that hold the streams; `publish` sends the next update and gives its number."""

    port: int
    path: str
    pids: list[int]
    publish: Callable[[], int]


def sample(site: lab.Site, post_id: int) -> str:
    """The HTML of an update, as it stands in an event."""
    with site.app.app_context(), lab.db.writing() as session:
        payload = session.scalars(
            select(Event.payload).where(Event.post_id == post_id).order_by(Event.seq.desc())
        ).first()
    html: str = json.loads(payload or "")["html"]
    return html


def data(number: int, html: str) -> str:
    return json.dumps({"id": f"update-{number}", "html": html, "at": int(time.time() * 1000)}, ensure_ascii=False)


@contextmanager
def pressroom(site: lab.Site, post_id: int) -> Iterator[Contender]:
    with lab.serving(site) as pid:
        author = browser.sign_in(site.port, lab.AUTHOR)

        def publish() -> int:
            there, _ = browser.send(site.port, f"/post/{post_id}/updates", author, body=lab.SENTENCE)
            return int(there.partition("#update-")[2])

        yield Contender(site.port, f"/post/{post_id}/live", lab.broadcasters(pid), publish)


@contextmanager
def in_front(site: lab.Site, post_id: int, tls: bool | None) -> Iterator[Contender]:
    """The site behind deploy/nginx.conf, with or without TLS; None is by itself. `pids` has nginx's workers too.

    What is published is committed here.
    """

    def publish() -> int:
        with site.app.app_context(), changes.changing() as session:
            author = users.by_name(session, lab.AUTHOR)
            return updates.add(session, post_id, author.id, lab.SENTENCE, render_update(lab.SENTENCE)).n

    path = f"/post/{post_id}/live"
    if tls is None:
        with lab.serving(site) as pid:
            yield Contender(site.port, path, lab.broadcasters(pid), publish)
        return
    with nginx_setup.behind_nginx(site, tls) as behind:
        nginx = [process.pid for process in family(behind.nginx)]
        yield Contender(site.port, path, [*lab.broadcasters(behind.uwsgi), *nginx], publish)


@contextmanager
def nchan(site: lab.Site, html: str) -> Iterator[Contender]:
    folder, port = site.folder.parent, free_port()
    user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.getuid() == 0 else ""
    config = folder / "nchan.conf"
    config.write_text(NGINX.format(nchan=NCHAN, user=user, folder=folder, port=port))
    numbers = count(1)

    def publish() -> int:
        number = next(numbers)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/publish", data(number, html).encode(), {"X-EventSource-Event": "update"})
        assert connection.getresponse().status in (201, 202)
        connection.close()
        return number

    with lab.running(["nginx", "-e", "stderr", "-c", str(config)], port, kind=lab.Proxy) as pid:
        yield Contender(port, "/live", [process.pid for process in family(pid)], publish)


@contextmanager
def bare_write(html: str) -> Iterator[Contender]:
    """Python's os.write on each socket in turn, and nothing else."""
    port, numbers = free_port(), count(1)
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=write_barely, args=(theirs, port), daemon=True)
    process.start()
    assert ours.recv() == "ready" and process.pid

    def publish() -> int:
        number = next(numbers)
        ours.send(f"id: {number}\nevent: update\ndata: {data(number, html)}\n\n".encode())
        return number

    yield Contender(port, "/", [process.pid], publish)
    ours.send(b"")
    process.join()


def write_barely(pipe: Connection, port: int) -> None:
    """A process of its own: takes connections until there is something to write to all of them."""
    allow_files(0)
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    listener.settimeout(0.05)
    pipe.send("ready")
    connections: list[socket.socket] = []
    frame = None
    while frame != b"":
        if pipe.poll():
            frame = pipe.recv()
            write = os.write
            for descriptor in [connection.fileno() for connection in connections]:
                write(descriptor, frame)
            continue
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"retry: 3000\n\n")
        connections.append(connection)
