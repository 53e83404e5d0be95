"""What 10,000 open streams cost, and one update to all of them: the broadcaster, nchan, and a bare write loop.

They take turns, each fresh in every round, with the same readers and the same payload. A time is that from just before
the commit (nchan: before its POST; the loop: before its first write) until 99 % of the readers have the update.
CPU is the broadcaster's, nginx's with its handling of the POST, and the loop's; the author's POST costs the workers as
much whoever reads, see publish.py. The kernel's share holds both ends of each connection, so it is halved.
"""

from __future__ import annotations

import http.client
import json
import os
import pwd
import socket
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import NamedTuple

import browser
import lab
import report
from readers import Readers, allow_files, percentile

from webapp import events

WARM = 100
WARM_UPDATES = 3
PAUSE_SECONDS = 0.2
OWN_BYTES = 300
ALL_BYTES = 5500  # about 5 KB
MOST_MS = 100
OF_A_BARE_WRITE = 1.5
NUMBER = rb'"id": "update-(\d+)"'  # nchan has numbers of its own
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
        location = / {{ return 200; }}
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


class Measured(NamedTuple):
    own_bytes: float
    kernel_bytes: float
    waits_ms: list[int]
    cpu_us: float
    readers_cpu_us: float


def main() -> None:
    chosen = report.options(
        __doc__, streams=(10_000, 500, "streams"), rounds=(3, 1, "rounds"), updates=(10, 3, "updates in a round")
    )
    lab.need("nginx")
    if not NCHAN.exists():
        raise SystemExit(f"{NCHAN} is missing: sudo apt-get install libnginx-mod-nchan")
    with lab.site() as site:
        post_id = lab.live_post(site.app, update_count=1)
        html = sample(site, post_id)
        contenders: dict[str, Callable[[], AbstractContextManager[Contender]]] = {
            "broadcaster": lambda: pressroom(site, post_id),
            "nchan": lambda: nchan(site, html),
            "bare write": lambda: bare_write(html),
        }
        rounds: dict[str, list[Measured]] = {name: [] for name in contenders}
        for _ in range(chosen.rounds):
            for name, contender in contenders.items():
                with contender() as ready:
                    rounds[name].append(measure(ready, chosen.streams, chosen.updates))
    tell(chosen, rounds)


def sample(site: lab.Site, post_id: int) -> str:
    """The HTML of an update, as it stands in an event."""
    with site.app.app_context(), lab.db.writing() as session:
        (*_, event) = events.events_after(session, post_id, 0)
    html: str = json.loads(event.payload)["html"]
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
def nchan(site: lab.Site, html: str) -> Iterator[Contender]:
    folder, port = site.folder.parent, lab.free_port(taken=site.port)
    user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.getuid() == 0 else ""
    config = folder / "nchan.conf"
    config.write_text(NGINX.format(nchan=NCHAN, user=user, folder=folder, port=port))
    numbers = iter(range(1, 1_000_000))

    def publish() -> int:
        number = next(numbers)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("POST", "/publish", data(number, html).encode(), {"X-EventSource-Event": "update"})
        assert connection.getresponse().status in (201, 202)
        connection.close()
        return number

    with lab.running(["nginx", "-e", "stderr", "-c", str(config)], port) as pid:
        yield Contender(port, "/live", sorted(lab.family(pid)), publish)


@contextmanager
def bare_write(html: str) -> Iterator[Contender]:
    """Python's os.write on each socket in turn, and nothing else."""
    port, numbers = lab.free_port(), iter(range(1, 1_000_000))
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


def measure(contender: Contender, streams: int, updates: int) -> Measured:
    port, path, pids, publish = contender
    with Readers(port, path, WARM, number=NUMBER) as few:
        for _ in range(WARM_UPDATES):
            few.all_arrived(publish())
        own, kernel = lab.own_bytes(pids), lab.kernel_bytes()
        with Readers(port, path, streams, number=NUMBER) as readers:
            own, kernel = lab.own_bytes(pids) - own, lab.kernel_bytes() - kernel
            readers.all_arrived(publish())
            before, readers_before = lab.cpu_of(pids), readers.counts()["cpu"]
            waits = []
            for _ in range(updates):
                waits.append(percentile(readers.all_arrived(publish()), 99))
                time.sleep(PAUSE_SECONDS)
            deliveries = updates * (streams + WARM)
            cpu, readers_cpu = lab.cpu_of(pids) - before, readers.counts()["cpu"] - readers_before
            counts = readers.counts()
            assert not (counts["lost"] or counts["missing"] or counts["double"] or counts["reloads"]), counts
    return Measured(own / streams, kernel / 2 / streams, waits, cpu / deliveries * 1e6, readers_cpu / deliveries * 1e6)


def with_kernel(measured: Measured) -> float:
    return measured.own_bytes + measured.kernel_bytes


def tell(chosen: Namespace, rounds: dict[str, list[Measured]]) -> None:
    def ratio(name: str, of: Callable[[Measured], float]) -> float:
        return median(of(ours) / of(theirs) for ours, theirs in zip(rounds["broadcaster"], rounds[name], strict=True))

    rows = [("", "bytes a stream", "with the kernel's", "ms to 99 %", "CPU us a delivery", "the readers' CPU us")]
    for name, found in rounds.items():
        rows.append(
            (
                name,
                report.spread([one.own_bytes for one in found], 0),
                report.spread([with_kernel(one) for one in found], 0),
                report.spread([median(one.waits_ms) for one in found], 0),
                report.spread([one.cpu_us for one in found], 2),
                report.spread([one.readers_cpu_us for one in found], 2),
            )
        )
    ours = rounds["broadcaster"]
    bars = [
        report.Bar("memory of a stream", round(median(one.own_bytes for one in ours)), OWN_BYTES, "bytes"),
        report.Bar("… the kernel's too", round(median(map(with_kernel, ours))), ALL_BYTES, "bytes"),
        report.Bar("an update to 99 %", median(median(one.waits_ms) for one in ours), MOST_MS, "ms"),
        report.Bar("CPU of a delivery / bare write", ratio("bare write", lambda one: one.cpu_us), OF_A_BARE_WRITE),
        report.Bar("time / nchan", ratio("nchan", lambda one: median(one.waits_ms)), 1),
        report.Bar("CPU / nchan", ratio("nchan", lambda one: one.cpu_us), 1),
        report.Bar("memory / nchan", ratio("nchan", lambda one: one.own_bytes), 1),
    ]
    report.finish(
        "streams", chosen, rows, bars, {name: [one._asdict() for one in found] for name, found in rounds.items()}
    )


if __name__ == "__main__":
    main()
