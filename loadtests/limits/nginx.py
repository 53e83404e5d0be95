"""What a page view costs by deploy/nginx.conf, against a plain nginx that sends the same file with the same headers.

CPU of nginx only, of all its processes, with 64 connections that are kept, and with a new one for each view.
"""

from __future__ import annotations

from argparse import Namespace
from statistics import median

from loadtests.limits import browser, lab, nginx_setup, pages, report
from tools.processes import free_port

OF_PLAIN = 1.2
KINDS = {"": {}, ", gzip": {"coding": "gzip"}, ", new connections": {"kept": False}}


def main() -> None:
    chosen = report.options(__doc__, rounds=(5, 1, "rounds"), seconds=(5, 1, "seconds for each of the six in a round"))
    lab.need("wrk", "nginx")
    with lab.site() as site:
        page = f"/post/{pages.post_of_bytes(site, pages.PAGE_BYTES)}"
        port = free_port()
        plain = pages.plain(site, port, keepalive=75)
        with nginx_setup.behind_nginx(site) as served, nginx_setup.nginx(site.folder.parent, port, plain) as plain_pid:
            check(site.port, port, page)
            contenders = {"deploy/nginx.conf": (served.nginx, site.port), "plain": (plain_pid, port)}
            found: dict[str, list[tuple[float, float]]] = {who + kind: [] for kind in KINDS for who in contenders}
            for _ in range(chosen.rounds):
                for kind, how in KINDS.items():
                    for who, (pid, at) in contenders.items():
                        found[who + kind].append(pages.measure(pid, at, page, seconds=chosen.seconds, **how))
    tell(chosen, found)


def check(ours: int, plain: int, page: str) -> None:
    """Both send the same file with the same headers, and the app says nothing to it."""
    for coding in ("identity", "gzip"):
        answers = [browser.ask(port, page, headers={"Accept-Encoding": coding}) for port in (ours, plain)]
        one, other = (
            {name: value for name, value in answer.headers.items() if name not in ("Date", "Expires")}
            for answer in answers
        )
        for headers in (one, other):
            headers.pop("Server")  # with and without its version
        assert one == other, f"{one}\n{other}"
        assert answers[0].body == answers[1].body and answers[0].status == answers[1].status == 200


def tell(chosen: Namespace, found: dict[str, list[tuple[float, float]]]) -> None:
    cost = {name: [cost for cost, _ in measured] for name, measured in found.items()}
    bars = []
    for kind in KINDS:
        ratios = [a / b for a, b in zip(cost["deploy/nginx.conf" + kind], cost["plain" + kind], strict=True)]
        bars.append(report.Bar(f"deploy/nginx.conf / plain{kind}", median(ratios), OF_PLAIN))
    rows = [("", "CPU us per answer", "answers/s")]
    rows += [(name, report.spread(cost[name]), report.spread([pace for _, pace in found[name]], 0)) for name in cost]
    report.finish("nginx", chosen, rows, bars, {"cpu_us": cost})


if __name__ == "__main__":
    main()
