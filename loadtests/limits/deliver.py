"""How long an update takes from its author to its reader: from the start of its POST to the bytes of its event."""

from __future__ import annotations

import http.client
import re
import socket
import time
from statistics import median
from urllib.parse import urlencode

from loadtests.limits import browser, lab, report

PAUSE_SECONDS = 0.1
MOST_MS = 25.0
MOST_SECONDS = 30.0
UPDATE = re.compile(rb"^id: \d+-(\d+)\nevent: update\n.*\n\n", re.MULTILINE)


def main() -> None:
    chosen = report.options(__doc__, rounds=(200, 10, "updates"))
    with lab.site() as site:
        post_id = lab.live_post(site.app)
        with lab.serving(site):
            author = browser.sign_in(site.port, lab.AUTHOR)
            with reader(site.port, post_id) as stream:
                for _ in range(lab.WORKERS * 4):  # the first ones find cold caches
                    deliver(site.port, post_id, author, stream)
                waits = [deliver(site.port, post_id, author, stream) for _ in range(chosen.rounds)]
    rows = [("", "ms to the reader", "p95"), ("an update", report.spread(waits), f"{report.percentile(waits, 95):.1f}")]
    report.finish("deliver", chosen, rows, [report.Bar("an update", median(waits), MOST_MS, "ms")], {"ms": waits})


def reader(port: int, post_id: int) -> socket.socket:
    stream = socket.create_connection(("127.0.0.1", port), timeout=30)
    stream.sendall(f"GET /post/{post_id}/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    read_until(stream, re.compile(rb"^id: \d+-(\d+)\n\n", re.MULTILINE))
    return stream


def deliver(port: int, post_id: int, author: browser.Person, stream: socket.socket) -> float:
    """Milliseconds. The author's answer is looked at afterwards; the reader has the update before."""
    time.sleep(PAUSE_SECONDS)
    form = urlencode({"csrf_token": author.token, "body": lab.SENTENCE})
    headers = {"Cookie": author.cookie, "Content-Type": "application/x-www-form-urlencoded"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    started = time.perf_counter()
    connection.request("POST", f"/post/{post_id}/updates", form, headers)
    number = read_until(stream, UPDATE)
    waited = time.perf_counter() - started
    there = connection.getresponse().headers["Location"]
    connection.close()
    assert there.endswith(f"#update-{number}"), f"{number} came, and the author was sent to {there}"
    return waited * 1000


def read_until(stream: socket.socket, wanted: re.Pattern[bytes]) -> int:
    read, give_up_at = b"", time.monotonic() + MOST_SECONDS
    while not (found := wanted.search(read)):
        assert time.monotonic() < give_up_at, f"nothing like {wanted.pattern!r} came, but {read!r}"  # heartbeats go on
        more = stream.recv(65_536)
        assert more, f"the stream ended after {read!r}"
        read += more
    return int(found[1])


if __name__ == "__main__":
    main()
