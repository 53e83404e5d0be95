"""200 readers at once ask for a page that isn't in the store: it is rendered once, whichever workers they reach."""

from __future__ import annotations

import socket
import time

from loadtests.limits import browser, lab, report
from webapp.pages.store import Store

READERS = 200


def main() -> None:
    chosen = report.options(__doc__, rounds=(5, 1, "rounds"))
    with lab.site() as site:
        path = f"/post/{lab.live_post(site.app, update_count=100, comment_count=100)}"
        with lab.serving(site, counted=True):
            rounds = [stampede(site, path) for _ in range(chosen.rounds)]
    rows: list[tuple[str, ...]] = [("round", "renderings", "asked Python", "workers", "ms until all were answered")]
    rows += [(str(number), *(f"{value:.0f}" for value in found)) for number, found in enumerate(rounds, 1)]
    renderings = [found[0] for found in rounds]
    bars = [
        report.Bar("renderings, at most in a round", max(renderings), 1),
        report.Bar("rounds with none", renderings.count(0), 0),
    ]
    report.finish("stampede", chosen, rows, bars, rounds)


def stampede(site: lab.Site, path: str) -> tuple[float, ...]:
    """Everybody is connected before the first one asks. All must get the same whole page.

    Renderings, requests that reached Python, workers that had some, milliseconds until all were answered.
    """
    store = Store(site.folder)
    with store.lock(path):
        store.remove(path)
    before = lab.notes(site)
    readers = [socket.create_connection(("127.0.0.1", site.port), timeout=30) for _ in range(READERS)]
    start = time.perf_counter()
    for reader in readers:
        reader.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n\r\n".encode())
    answers = [browser.all_of(reader) for reader in readers]
    taken_ms = (time.perf_counter() - start) * 1000
    for reader in readers:
        reader.close()
    bodies = {answer.partition(b"\r\n\r\n")[2] for answer in answers}
    assert len(bodies) == 1 and bodies.pop().rstrip().endswith(b"</html>"), "not everybody got the same whole page"
    done = lab.notes(site) - before
    workers = sum(note.startswith("worker ") for note in done)
    return done[f"render {path}"], done[f"GET {path}"], workers, taken_ms


if __name__ == "__main__":
    main()
