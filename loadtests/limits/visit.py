"""What a first visit costs, when a link goes round: the requests of a browser that has nothing of the site yet.

Chromium says what it asks for; the favicon is added, which it leaves out without a window. CPU is the server's for the
files, all but the stream: by deploy/nginx.conf, by a plain nginx with the same files and headers, and by uWSGI alone.
nginx's visitors keep a connection for all of it, as browsers do; uWSGI closes after each answer.
"""

from __future__ import annotations

import re
from argparse import Namespace
from contextlib import ExitStack, closing
from itertools import product
from statistics import median
from typing import NamedTuple

from loadtests.first_visit import Answer, Connection
from loadtests.limits import lab, nginx_setup, pages, report
from tools.chromium import chromium
from tools.processes import cpu_seconds, free_port

POSTS = 20
MOST = {"live post": (6, 35_000), "front page": (5, 25_000)}  # requests, and bytes of their bodies
OF_PLAIN = 1.3
OURS, PLAIN, ALONE = "deploy/nginx.conf", "plain nginx", "uWSGI alone"
STREAM = re.compile(r"/live\?")
ICON = re.compile(r'<link rel="icon" href="([^"]+)"')
FILES = """
        location /assets/ {{ root {instance}; }}
        location /static/ {{ root {folder}; }}
        location / {{"""


class Visit(NamedTuple):
    """`paths` are those of its files; the stream is one request more."""

    paths: list[str]
    body_bytes: int
    sent_bytes: int


def main() -> None:
    chosen = report.options(__doc__, rounds=(5, 1, "rounds"), visits=(2000, 100, "visits of each kind in a round"))
    lab.need("nginx")
    with lab.site() as site:
        live = lab.live_post(site.app, update_count=50, comment_count=50)
        for _ in range(POSTS):
            lab.live_post(site.app)
        kinds = {"live post": f"/post/{live}", "front page": "/"}
        port = free_port()
        with ExitStack() as stack:
            behind = stack.enter_context(nginx_setup.behind_nginx(site))
            plain = stack.enter_context(nginx_setup.nginx(site.folder.parent, port, plain_server(site, port)))
            visits = {kind: visit(site.port, path) for kind, path in kinds.items()}
            check(visits, site.port, port)
            contenders = {OURS: (behind.nginx, site.port), PLAIN: (plain, port)}
            costs = {both: list[float]() for both in product(kinds, (*contenders, ALONE))}
            for _, (kind, who) in product(range(chosen.rounds), product(kinds, contenders)):
                costs[kind, who].append(cost(*contenders[who], visits[kind].paths, chosen.visits))
        with lab.serving(site) as pid:
            for _, kind in product(range(chosen.rounds), kinds):
                costs[kind, ALONE].append(cost(pid, site.port, visits[kind].paths, chosen.visits))
    tell(chosen, visits, costs)


def plain_server(site: lab.Site, port: int) -> str:
    files = FILES.format(instance=site.folder, folder=site.folder.parent)
    return pages.plain(site, port, keepalive=75).replace("\n        location / {", files, 1)


def visit(port: int, path: str) -> Visit:
    """By a browser of its own, until the page is live."""
    asked: list[str] = []
    with chromium() as browser:
        page = browser.new_page(base_url=f"http://127.0.0.1:{port}")
        page.on("request", lambda request: asked.append(request.url.removeprefix(f"http://127.0.0.1:{port}")))
        page.goto(path)
        page.locator("[data-state=live]").wait_for()
        icon = ICON.search(page.content())
    assert icon, "the page has no favicon"
    # Once: the worker that holds the stream gets the page's script from the browser (tests/browser/test_assets.py).
    paths = [*dict.fromkeys(path for path in asked if not STREAM.search(path)), icon[1]]
    answers = ask(port, paths)
    return Visit(paths, sum(len(answer.body) for answer in answers), sum(answer.sent_bytes for answer in answers))


def ask(port: int, paths: list[str]) -> list[Answer]:
    """One after the other, on one connection where the server keeps it."""
    with closing(Connection(f"http://127.0.0.1:{port}")) as connection:
        answers = [connection.get(path) for path in paths]
    assert {answer.status for answer in answers} == {200}, paths
    return answers


def check(visits: dict[str, Visit], ours: int, plain: int) -> None:
    """Both send the same files, all of them compressed but the icon."""
    for kind, visited in visits.items():
        one, other = (ask(port, visited.paths) for port in (ours, plain))
        assert [answer.body for answer in one] == [answer.body for answer in other], kind
        assert all(answer.body.startswith(b"\x1f\x8b") for answer in one[:-1]), kind


def cost(pid: int, port: int, paths: list[str], visits: int) -> float:
    """Microseconds of CPU for a visit's files."""
    ask(port, paths)
    before = cpu_seconds(pid)
    for _ in range(visits):
        ask(port, paths)
    return (cpu_seconds(pid) - before) / visits * 1e6


def tell(chosen: Namespace, visits: dict[str, Visit], costs: dict[tuple[str, str], list[float]]) -> None:
    bars = []
    for kind, (requests, body_bytes) in MOST.items():
        ratio = median(a / b for a, b in zip(costs[kind, OURS], costs[kind, PLAIN], strict=True))
        bars += [
            report.Bar(f"{kind}: requests with the stream", len(visits[kind].paths) + 1, requests),
            report.Bar(f"{kind}: bodies", visits[kind].body_bytes, body_bytes, "bytes"),
            report.Bar(f"{kind}: {OURS} / plain", ratio, OF_PLAIN),
        ]
    rows = [("a first visit", *(f"CPU us, {who}" for who in (OURS, PLAIN, ALONE)), "bytes with headers")]
    for kind in MOST:
        cells = [report.spread(costs[kind, who], 0) for who in (OURS, PLAIN, ALONE)]
        rows.append((kind, *cells, str(visits[kind].sent_bytes)))
    raw = {"visits": {kind: visited._asdict() for kind, visited in visits.items()}}
    raw["cpu_us"] = {f"{kind}, {who}": found for (kind, who), found in costs.items()}
    report.finish("visit", chosen, rows, bars, raw)


if __name__ == "__main__":
    main()
