"""200 people comment on one post within 10 seconds, and each finds the comment on the page that they are led to."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from loadtests.limits import browser, lab, report
from tools.processes import cpu_seconds

PEOPLE = 200
MOST_RENDERINGS = PEOPLE // 2 - 1


def main() -> None:
    chosen = report.options(
        __doc__, rounds=(3, 1, "times that all of them comment"), seconds=(10, 10, "for all of them")
    )
    with lab.site(PEOPLE) as site:
        post_id = lab.live_post(site.app)
        with lab.serving(site, counted=True) as pid:
            with ThreadPoolExecutor(8) as pool:
                people = list(pool.map(lambda n: browser.sign_in(site.port, f"reader-{n}"), range(PEOPLE)))
            rounds = []
            for _ in range(chosen.rounds):
                before, cpu = lab.notes(site), cpu_seconds(pid)
                waits, missing = comment(site.port, post_id, people, chosen.seconds)
                done = lab.notes(site) - before
                used_ms = (cpu_seconds(pid) - cpu) * 1000 / PEOPLE
                rounds.append((done[f"render /post/{post_id}"], missing, waits, used_ms))
    rows = [("round", "renderings", "comments not found", "ms to the redirect", "p95", "server CPU ms each")]
    for number, (renderings, missing, waits, used_ms) in enumerate(rounds, 1):
        p95 = f"{report.percentile(waits, 95):.1f}"
        rows.append((f"{number}", f"{renderings}", f"{missing}", report.spread(waits), p95, f"{used_ms:.1f}"))
    bars = [
        report.Bar(f"renderings for {PEOPLE} comments", max(renderings for renderings, *_ in rounds), MOST_RENDERINGS),
        report.Bar("comments not found", sum(missing for _, missing, *_ in rounds), 0),
    ]
    report.finish("comments", chosen, rows, bars, rounds)


def comment(port: int, post_id: int, people: list[browser.Person], seconds: float) -> tuple[list[float], int]:
    """Everybody once, evenly spread. Milliseconds to each redirect, and how many didn't find their comment."""
    waits, found = [], []
    start = time.monotonic()

    def one(number: int, person: browser.Person) -> None:
        time.sleep(max(0.0, start + seconds * number / len(people) - time.monotonic()))
        there, wait = browser.send(port, f"/post/{post_id}/comments", person, body=f"{lab.SENTENCE} {number}")
        path, _, item = there.partition("#")
        waits.append(wait * 1000)
        found.append(f'id="{item}"' in browser.ask(port, path).body)

    with ThreadPoolExecutor(len(people)) as pool:
        for commenter in [pool.submit(one, *each) for each in enumerate(people)]:
            commenter.result()
    return waits, len(people) - sum(found)


if __name__ == "__main__":
    main()
