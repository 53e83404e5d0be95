"""Whether 200 clients that send or take one byte a second keep anybody waiting, behind nginx with deploy/nginx.conf.

They send heads, bodies, or a whole request whose answer they take so slowly. Meanwhile others ask for /hello and for a
page, log in and publish.
"""

from __future__ import annotations

import multiprocessing
import select
import socket
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple, Self

from loadtests.limits import browser, lab, nginx_setup, report

CLIENTS = 200
LOG_IN_EVERY = 25
TIMES = 3.0


class Slow:
    """So many clients until the end of the block, each sending or taking a byte a second. Who is parted from returns.

    path: of a page whose answer some of them take so slowly.
    """

    def __init__(self, port: int, path: str, count: int = CLIENTS) -> None:
        self.port = port
        host = f"Host: 127.0.0.1:{port}\r\n"
        self.kinds = [
            (b"", f"GET /hello HTTP/1.1\r\n{host}X-Slow: {'x' * 5000}\r\n\r\n".encode()),
            (f"POST /login HTTP/1.1\r\n{host}Content-Length: 5000\r\n\r\n".encode(), b"x" * 5000),
            (f"GET {path} HTTP/1.1\r\n{host}\r\n".encode(), b""),
            (f"GET /login HTTP/1.1\r\n{host}\r\n".encode(), b""),
        ]
        self.clients = [self._connected(number) for number in range(count)]
        self.bytes = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._go_on)

    def _connected(self, number: int) -> tuple[socket.socket, bytes]:
        at_once, slowly = self.kinds[number % len(self.kinds)]
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", self.port))
        client.sendall(at_once)
        return client, slowly

    def _go_on(self) -> None:
        sent = 0
        while not self.ended.wait(1.0):
            for number, (client, slowly) in enumerate(self.clients):
                if not self._one_byte(client, slowly[sent % 5000 : sent % 5000 + 1]):
                    client.close()
                    self.clients[number] = self._connected(number)
            sent += 1

    def _one_byte(self, client: socket.socket, byte: bytes) -> bool:
        """False when the server has closed."""
        with suppress(OSError):
            if byte and not select.select([client], [], [], 0)[0]:
                self.bytes += client.send(byte)
                return True
            if select.select([client], [], [], 0)[0]:
                taken = len(client.recv(1))
                self.bytes += taken
                return bool(taken)
            return True
        return False

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ended.set()
        self.thread.join()
        for client, _slowly in self.clients:
            client.close()


@contextmanager
def slow_ones(port: int, path: str) -> Iterator[None]:
    """In a process of their own: what they do must not keep the one waiting that measures."""
    ended = multiprocessing.Event()
    process = multiprocessing.Process(target=_stay, args=(port, path, ended))
    process.start()
    try:
        time.sleep(2.0)  # all of them are half-way then
        yield
    finally:
        ended.set()
        process.join()


def _stay(port: int, path: str, ended: Event) -> None:
    with Slow(port, path):
        ended.wait()


def held(listener: Path) -> int:
    """Connections of nginx to the site at this moment. Source: proc(5), /proc/net/unix; flag 10000 listens."""
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    return sum(line[-1] == str(listener) and line[3] != "00010000" for line in lines)


class Round(NamedTuple):
    """Milliseconds of each answer, and how many connections to the site were left when nobody else asked."""

    hello_ms: list[float]
    page_ms: list[float]
    written: int
    held: int


def main() -> None:
    chosen = report.options(__doc__, requests=(2000, 100, "requests of each kind"), rounds=(3, 1, "rounds"))
    lab.need("nginx")
    with lab.site(people_too=1) as site, nginx_setup.behind_nginx(site) as served:
        path = f"/post/{lab.live_post(site.app, update_count=50, comment_count=50)}"
        measure(site.port, path, served.socket, LOG_IN_EVERY)  # the first ones find cold caches
        rounds: dict[str, list[Round]] = {"without": [], "with": []}
        for _ in range(chosen.rounds):
            for name, found in rounds.items():
                with slow_ones(site.port, path) if name == "with" else nullcontext():
                    found.append(measure(site.port, path, served.socket, chosen.requests))
    tell(chosen, rounds)


def measure(port: int, path: str, listener: Path, requests: int) -> Round:
    hello, page, written = [], [], 0
    for number in range(requests):
        hello.append(_ms(port, "/hello"))
        page.append(_ms(port, path))
        if number % LOG_IN_EVERY == 0:
            author = browser.sign_in(port, lab.AUTHOR)
            browser.send(port, f"{path}/updates", author, body=lab.SENTENCE)
            written += 1
    time.sleep(0.2)
    return Round(hello, page, written, held(listener))


def _ms(port: int, path: str) -> float:
    start = time.perf_counter()
    answer = browser.ask(port, path)
    assert answer.status == 200, f"{path} answered {answer.status}"
    return (time.perf_counter() - start) * 1000


def tell(chosen: Namespace, rounds: dict[str, list[Round]]) -> None:
    p99 = {}
    rows = [("", "/hello: p50 ms", "p99", "a page: p50 ms", "p99", "log-ins and updates", "connections held")]
    for name, found in rounds.items():
        hello = [ms for one in found for ms in one.hello_ms]
        page = [ms for one in found for ms in one.page_ms]
        p99[name] = (report.percentile(hello, 99), report.percentile(page, 99))
        times = [f"{report.percentile(ms, percent):.2f}" for ms in (hello, page) for percent in (50, 99)]
        rows.append((name, *times, str(sum(one.written for one in found)), str(max(one.held for one in found))))
    bars = [
        report.Bar("connections to the site that slow clients hold", max(one.held for one in rounds["with"]), 0),
        report.Bar("/hello, p99, with / without", p99["with"][0] / p99["without"][0], TIMES),
        report.Bar("a page, p99, with / without", p99["with"][1] / p99["without"][1], TIMES),
    ]
    report.finish(
        "slow", chosen, rows, bars, {name: [one._asdict() for one in found] for name, found in rounds.items()}
    )


if __name__ == "__main__":
    main()
