"""What a page view costs: a stored page by uWSGI, against Flask's /hello on the same uWSGI, and nginx with that file.

Server CPU only, of every process of the server, with 64 connections that each ask once.
"""

from __future__ import annotations

import re
import subprocess
from argparse import Namespace
from statistics import median

from loadtests.limits import browser, lab, nginx_setup, report
from tools.processes import cpu_seconds, free_port

PAGE_BYTES = 8192
OF_HELLO = 1 / 5
OF_NGINX = 2.0
OF_NGINX_AIM = 1.5

PLAIN = """
    keepalive_timeout {keepalive};
    gzip_static on;
    etag off;
    expires -1;
    {headers}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        root {pages};
        location / {{ try_files $uri/index.html =404; }}
    }}
"""


def main() -> None:
    chosen = report.options(__doc__, rounds=(5, 1, "rounds"), seconds=(5, 1, "seconds for each of the five in a round"))
    lab.need("wrk", "nginx")
    with lab.site() as site:
        page = f"/post/{post_of_bytes(site, PAGE_BYTES)}"
        nginx_port = free_port()
        servers = plain(site, nginx_port, keepalive=0)
        with lab.serving(site) as uwsgi_pid, nginx_setup.nginx(site.folder.parent, nginx_port, servers) as nginx_pid:
            size = check(site.port, nginx_port, page)
            contenders = {
                "uWSGI, page": (uwsgi_pid, site.port, page, ""),
                "uWSGI, page, gzip": (uwsgi_pid, site.port, page, "gzip"),
                "nginx, page": (nginx_pid, nginx_port, page, ""),
                "nginx, page, gzip": (nginx_pid, nginx_port, page, "gzip"),
                "Flask, /hello": (uwsgi_pid, site.port, "/hello", ""),
            }
            rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
            for _ in range(chosen.rounds):
                for name, contender in contenders.items():
                    rounds[name].append(measure(*contender, seconds=chosen.seconds, kept=False))
    tell(chosen, size, rounds)


def post_of_bytes(site: lab.Site, size: int) -> int:
    """A post whose page has about so many bytes."""
    empty = len(page_of(site, lab.live_post(site.app)))
    return lab.live_post(site.app, lab.SENTENCE * (1 + (size - empty) // len(lab.SENTENCE)))


def page_of(site: lab.Site, post_id: int) -> bytes:
    return (site.folder / f"pages/post/{post_id}/index.html").read_bytes()


def plain(site: lab.Site, port: int, keepalive: int) -> str:
    """A plain nginx on the same pages, with uwsgi.ini's headers; Connection is its own. keepalive: in seconds."""
    lines = re.findall(r"^add-header = ([\w-]+): (.+)$", (lab.CHECKOUT / "uwsgi.ini").read_text(), re.MULTILINE)
    headers = "\n    ".join(f'add_header {name} "{value}";' for name, value in lines if name != "Connection")
    return PLAIN.format(keepalive=keepalive, headers=headers, port=port, pages=site.folder / "pages")


def check(uwsgi_port: int, nginx_port: int, page: str) -> int:
    """Both serve the same file, and uWSGI without Python, whose answers carry Cache-Control; the page's bytes."""
    sizes = {}
    for coding in ("", "gzip"):
        ours = browser.ask(uwsgi_port, page, headers={"Accept-Encoding": coding or "identity"})
        theirs = browser.ask(nginx_port, page, headers={"Accept-Encoding": coding or "identity"})
        assert "Expires" in ours.headers and "Cache-Control" not in ours.headers, f"Python served it:\n{ours.headers}"
        assert (ours.headers["Content-Encoding"] or "") == (theirs.headers["Content-Encoding"] or "") == coding
        assert ours.status == theirs.status == 200 and ours.body == theirs.body
        missing = set(ours.headers) - set(theirs.headers)
        assert not missing, f"nginx doesn't send {missing}"
        sizes[coding] = int(ours.headers["Content-Length"])
    print(f"{page}: {sizes['']} bytes, {sizes['gzip']} gzipped")
    return sizes[""]


def measure(
    pid: int, port: int, path: str, coding: str = "", *, seconds: int, kept: bool = True
) -> tuple[float, float]:
    """Microseconds of CPU per answer, and answers per second. kept: the connections, for more than one answer."""
    command = ["wrk", "-t2", "-c64", f"-d{seconds}s"]
    command += [] if kept else ["-H", "Connection: close"]
    command += ["-H", f"Accept-Encoding: {coding}"] if coding else []
    before = cpu_seconds(pid)
    command += [f"http://127.0.0.1:{port}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    used = cpu_seconds(pid) - before
    found = re.search(r"(\d+) requests in ([\d.]+)s", done.stdout)
    assert found and "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    return used / int(found[1]) * 1e6, int(found[1]) / float(found[2])


def tell(chosen: Namespace, size: int, rounds: dict[str, list[tuple[float, float]]]) -> None:
    cost = {name: [cost for cost, _ in measured] for name, measured in rounds.items()}
    pace = {name: [pace for _, pace in measured] for name, measured in rounds.items()}

    def ratio(one: str, other: str) -> float:
        return median([a / b for a, b in zip(cost[one], cost[other], strict=True)])

    of_nginx = {coding: ratio(f"uWSGI, page{coding}", f"nginx, page{coding}") for coding in ("", ", gzip")}
    bars = [report.Bar("page / hello", ratio("uWSGI, page", "Flask, /hello"), OF_HELLO)]
    bars += [report.Bar("page / hello, gzip", ratio("uWSGI, page, gzip", "Flask, /hello"), OF_HELLO)]
    bars += [report.Bar(f"uWSGI / nginx{coding}", found, OF_NGINX) for coding, found in of_nginx.items()]
    bars += [report.Bar(f"uWSGI / nginx{coding}", found, OF_NGINX_AIM, "", True) for coding, found in of_nginx.items()]
    rows = [("", "CPU us per answer", "answers/s")]
    rows += [(name, report.spread(cost[name]), report.spread(pace[name], 0)) for name in cost]
    report.finish("pages", chosen, rows, bars, {"page_bytes": size, "cpu_us": cost, "answers_per_second": pace})


if __name__ == "__main__":
    main()
