"""A live post's page, read flat out by 64 connections while its author publishes ten updates a second.

Every body is checked: whole, of one version, and not older than what the author knew to be published.
"""

from __future__ import annotations

import re
import time
from argparse import Namespace
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized

from loadtests.limits import browser, lab, report
from tools.processes import cpu_seconds

READERS = 2  # processes
CONNECTIONS = 32  # of each
PUBLISHERS = 4
EVERY_SECONDS = 0.1
SHOWN = 50  # updates on a post's page
SEQ = re.compile(rb'data-seq="(\d+)"')
UPDATE = re.compile(rb'<article class="update[^"]*" id="update-(\d+)"')


def main() -> None:
    chosen = report.options(__doc__, seconds=(20, 3, "how long"))
    with lab.site() as site:
        post_id = lab.live_post(site.app, update_count=SHOWN)
        with lab.serving(site, counted=True) as pid:
            author = browser.sign_in(site.port, lab.AUTHOR)
            path = f"/post/{post_id}"
            browser.ask(site.port, path)
            notes, cpu = lab.notes(site), cpu_seconds(pid)
            found, waits = run(site.port, path, author, chosen.seconds)
            used_seconds = cpu_seconds(pid) - cpu
            found += lab.notes(site) - notes
    tell(chosen, path, found, waits, used_seconds)


def run(port: int, path: str, author: browser.Person, seconds: int) -> tuple[Counter[str], list[float]]:
    """What the readers found, and how many seconds each update took to its redirect."""
    context = get_context("spawn")
    newest, results = context.Value("q", 0), context.Queue()
    arguments = (port, path, seconds, newest, results)
    readers = [context.Process(target=read_flat_out, args=arguments, daemon=True) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for _ in readers:
        assert results.get(timeout=60) == "ready"
    waits = publish(port, path, author, seconds, newest)
    found: Counter[str] = sum((results.get(timeout=60) for _ in readers), Counter())
    for reader in readers:
        reader.join()
    return found, waits


def publish(port: int, path: str, author: browser.Person, seconds: int, newest: Synchronized[int]) -> list[float]:
    """One update every EVERY_SECONDS, by whichever publisher is free. `newest` is the greatest number acknowledged."""
    start, turns, waits = time.monotonic(), count(), []

    def work() -> None:
        while (at := next(turns) * EVERY_SECONDS) < seconds and time.monotonic() < start + seconds:
            time.sleep(max(0.0, start + at - time.monotonic()))
            there, wait = browser.send(port, f"{path}/updates", author, body=lab.SENTENCE)
            with newest.get_lock():
                newest.value = max(newest.value, int(there.partition("#update-")[2]))
            waits.append(wait)

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        for publisher in [pool.submit(work) for _ in range(PUBLISHERS)]:
            publisher.result()
    return waits


def read_flat_out(port: int, path: str, seconds: int, newest: Synchronized[int], results: Queue[object]) -> None:
    """A process of its own: CONNECTIONS greenlets, each asking again as soon as it was answered."""
    import gevent
    from gevent import socket

    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
    found: Counter[str] = Counter()
    bodies: dict[int, bytes] = {}
    results.put("ready")
    give_up_at = time.monotonic() + seconds

    def whole_answer() -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(request)
            return browser.all_of(connection)

    def read() -> None:
        while time.monotonic() < give_up_at:
            known = newest.value
            try:
                number = number_of(whole_answer(), bodies)
            except OSError:
                found["no answer"] += 1
                continue
            found["bodies"] += 1
            found["cut or mixed"] += number is None
            found["stale"] += number is not None and number < known

    gevent.joinall([gevent.spawn(read) for _ in range(CONNECTIONS)], raise_error=True)
    found["versions"] = len(bodies)
    results.put(found)


def number_of(answer: bytes, bodies: dict[int, bytes]) -> int | None:
    """The page's number; None when it isn't a whole page of one version.

    bodies: the first body with each number. Another one with that number holds parts of a second version.
    """
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\nContent-Length: (\d+)", head)
    seq = SEQ.search(body)
    if not (length and seq and int(length[1]) == len(body) and head.startswith(b"HTTP/1.1 200 ")):
        return None
    number = int(seq[1])
    if number not in bodies:
        listed = [int(n) for n in UPDATE.findall(body)]
        is_whole = body.startswith(b"<!doctype html>") and body.rstrip().endswith(b"</html>")
        if not is_whole or listed != list(range(number, number - SHOWN, -1)):
            return None
        bodies[number] = body
    return number if body == bodies[number] else None


def tell(chosen: Namespace, path: str, found: Counter[str], waits: list[float], used_seconds: float) -> None:
    waits_ms = [wait * 1000 for wait in waits]
    rows = [
        ("", ""),
        ("bodies checked", f"{found['bodies']} ({found['bodies'] / chosen.seconds:.0f}/s)"),
        ("versions seen", f"{found['versions']} by {READERS} processes together"),
        ("updates published", f"{len(waits)} of {chosen.seconds / EVERY_SECONDS:.0f}"),
        ("renderings of the page", f"{found[f'render {path}']}"),
        ("ms to the redirect", f"{report.spread(waits_ms)}, p95 {report.percentile(waits_ms, 95):.1f}"),
        ("server CPU", f"{used_seconds:.1f} s"),
    ]
    bars = [
        report.Bar("cut or mixed bodies", found["cut or mixed"], 0),
        report.Bar("bodies older than an acknowledged update", found["stale"], 0),
        report.Bar("readers without an answer", found["no answer"], 0),
        report.Bar("times that Python was asked for the page", found[f"GET {path}"], 0),
    ]
    report.finish("surge", chosen, rows, bars, {"found": found, "ms": waits_ms})


if __name__ == "__main__":
    main()
