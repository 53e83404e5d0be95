"""What differs between the ways to put the site on a machine: asked of each as it runs.

`make ways` writes it into deploy/README.md; a test compares.
"""

from __future__ import annotations

import re
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException

from support.checkout import CHECKOUT
from support.http_client import ask
from support.page_store import CONTENT_TYPES
from support.proxies import IN_USE, Way
from support.sse_client import Listener

README = CHECKOUT / "deploy" / "README.md"
HALF_REQUESTS = 1100
BUNDLE = re.compile(r'(?:href|src)="(/assets/[^"]+)"')
PROMPT_SECONDS = 15.0


def say(way: Way, *sent: bytes) -> bytes:
    """What comes back until the other side closes; b"" when it closes without a word."""
    with socket.create_connection(("127.0.0.1", way.port), timeout=30) as client:
        answer = b""
        try:
            for part in sent:
                client.sendall(part)
            while more := client.recv(65_536):
                answer += more
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer


def bundles(way: Way) -> list[str]:
    """The script and the stylesheet of a page."""
    return BUNDLE.findall(ask(way, "/login").body.decode())


def streams(way: Way, _post_id: int) -> str:
    with Listener(way.url, "/live?after=0") as listener:
        listener.until(lambda: listener.ended or "event: beat" in listener.text)  # the sign of life of one that is held
        return "polled" if listener.ended else "streamed"


def kept(way: Way, _post_id: int) -> str:
    """Whether a connection is kept for the next request."""
    connection = HTTPConnection("127.0.0.1", way.port, timeout=30)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
        return "yes" if connection.sock else "no"
    finally:
        connection.close()


def dated(way: Way, _post_id: int) -> str:
    return "yes" if ask(way, "/").all("Date") else "no"


def charset(way: Way, post_id: int) -> str:
    """By the header; pages say it in their HTML besides."""
    paths = ["/", f"/post/{post_id}", "/robots.txt", *bundles(way)]
    types = {ask(way, path).one("Content-Type") for path in paths}
    return "yes" if all(name.endswith("; charset=utf-8") for name in types) else "no"


def pages_kept(way: Way, post_id: int) -> str:
    return _kept(way, [path.format(post=post_id) for path in CONTENT_TYPES])


def assets_kept(way: Way, _post_id: int) -> str:
    return _kept(way, bundles(way))


def _kept(way: Way, paths: list[str]) -> str:
    """By what they all say once they are files."""
    for path in paths:
        ask(way, path)
    [value] = {", ".join(ask(way, path).all("Cache-Control")) for path in paths}
    return f"`{value}`" if value else "by `Expires`"


def no_gzip(way: Way, post_id: int) -> str:
    """Whether who refuses gzip gets none."""
    refusals = ("gzip;q=0", "identity, GZIP ; Q=0.000", "gzip\t;\tq=0.", "gzip;q=0, *;q=0.5")
    paths = [path.format(post=post_id) for path in CONTENT_TYPES] + bundles(way)
    packed = [ask(way, path, Accept_Encoding=refused).all("Content-Encoding") for path in paths for refused in refusals]
    return "no" if any(packed) else "yes"


def other_hosts(way: Way, _post_id: int) -> str:
    answer = say(way, b"GET /hello HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n")
    return "answered" if b"Hello" in answer else "refused"


@contextmanager
def stalled(way: Way, count: int) -> Iterator[list[socket.socket]]:
    """Clients that have sent half a request."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * count)), hard))
    clients = []
    try:
        for _client in range(count):
            clients.append(socket.create_connection(("127.0.0.1", way.port), timeout=60))
            clients[-1].sendall(b"GET /hello HTTP/1.1\r\nHost: 127")
        yield clients
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def slow_clients(way: Way, _post_id: int) -> str:
    with stalled(way, HALF_REQUESTS):
        try:
            with socket.create_connection(("127.0.0.1", way.port), timeout=PROMPT_SECONDS) as client:
                client.sendall(b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return "yes" if client.recv(100) else "no"
        except TimeoutError:
            return "no"


def page_without_app(way: Way, post_id: int) -> str:
    way.server.stop()
    try:
        return "yes" if ask(way, f"/post/{post_id}").status == 200 else "no"
    except (OSError, HTTPException):
        return "no"


def stream_without_app(way: Way, post_id: int) -> str:
    try:
        answer = ask(way, f"/post/{post_id}/live")
    except (OSError, HTTPException):
        return "by the page's script"
    is_stream = answer.status == 200 and answer.one("Content-Type") == "text/event-stream" and b"retry: " in answer.body
    return "automatically" if is_stream else "by the page's script"


# In this order: the last two are asked when the app is down.
PROBES: dict[str, Callable[[Way, int], str]] = {
    "live updates are": streams,
    "connections are kept alive": kept,
    "responses have a `Date`": dated,
    "text has its charset in the header": charset,
    "pages are revalidated": pages_kept,
    "assets are kept": assets_kept,
    "`gzip;q=0` gets no gzip": no_gzip,
    "requests for other hosts are": other_hosts,
    f"{HALF_REQUESTS:,} stalled clients block no other client": slow_clients,
    "pages are served while the app is down": page_without_app,
    "streams reconnect after a restart": stream_without_app,
}


def column(way: Way, post_id: int) -> list[str]:
    """What is so of a running site, which is stopped for it."""
    return [probe(way, post_id) for probe in PROBES.values()]


def table() -> list[list[str]]:
    """The one in the README, its head first, without the line below that."""
    found = re.search(r"^\| +\|.*\n(?:\|.*\n)+", README.read_text(), re.MULTILINE)
    assert found, "deploy/README.md has no table of ways"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[0].splitlines()]
    return [rows[0], *rows[2:]]


def write(name: str, values: list[str]) -> None:
    """Put one way's column into the README's table."""
    rows = table()
    old = {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[1:]}
    lines = ["| | " + " | ".join(IN_USE) + " |", "|---" * (len(IN_USE) + 1) + "|"]
    for title, value in zip(PROBES, values, strict=True):
        cells = old.get(title, {}) | {name: value}
        lines.append(f"| {title} | " + " | ".join(cells.get(other, "") for other in IN_USE) + " |")
    text = re.sub(r"^\| +\|.*\n(?:\|.*\n)+", "\n".join(lines) + "\n", README.read_text(), count=1, flags=re.MULTILINE)
    README.write_text(text)
