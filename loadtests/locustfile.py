"""People who use the site, each of whom checks every answer: Reader, Visitor, Follower, Commenter, Author, Crawler.

    locust                                  in this folder: Locust's page, against http://127.0.0.1:8000
    locust --headless -u 200 -r 20 -t 60s   without it
    locust --headless --shape surge -u 400  by a table of stages; see shapes.py

Who writes does so only on a site that says it is a bench (`pressroom bench-data`), with the accounts in its bench.json.
A wrong answer is a failure like a missing one: an outdated or cut page, a login that is lost, an update that a stream
leaves out or brings twice, a comment that is gone at the end.
"""

from __future__ import annotations

# First of all: it patches the sockets of all that comes after.
from locust import events  # isort: skip

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from locust.env import Environment
from locust.runners import WorkerRunner

from loadtests.members import CHECKS, Author, Commenter
from loadtests.person import SEQ, Run, report
from loadtests.shapes import SHAPES, Shape, take_stages, write_results
from loadtests.visitors import Crawler, Follower, Reader, Visitor

__all__ = ["Author", "Commenter", "Crawler", "Follower", "Reader", "Shape", "Visitor"]

CHECKOUT = Path(__file__).parent.parent
ITEM = re.compile(r'id="(?:update|comment)-(\d+)"')
TOKEN = re.compile(r"token-[0-9a-f]{16}")


@events.init_command_line_parser.add_listener
def add_arguments(parser: Any) -> None:
    instance = Path(os.environ.get("PRESSROOM_INSTANCE", CHECKOUT / "instance"))
    parser.add_argument("--shape", default="", choices=["", *SHAPES, "climb"], help="a table of stages up to --users")
    parser.add_argument("--tempo", type=float, default=1.0, help="so many times as fast through the stages")
    parser.add_argument("--rate", type=float, default=0.0, help="page views a second of all Readers together")
    parser.add_argument("--bench-file", default=str(instance / "bench.json"), help="accounts, by pressroom bench-data")
    parser.add_argument("--max-failures", type=float, default=0.0, help="per cent; with more the exit status is 1")
    parser.add_argument("--max-p95", type=float, default=0.0, help="ms of all requests; 0 for any")
    parser.add_argument("--results", default="", help="a JSON file for what was measured")


@events.init.add_listener
def begin(environment: Environment, **_: Any) -> None:
    take_stages(environment)
    options = environment.parsed_options
    # Locust itself fails for those whom --tags leaves nothing to do.
    people = [person for person in environment.user_classes if has_tasks(person, options)]
    if not options.user_classes:  # Visitors come in crowds of their own
        people = [person for person in people if (person is Visitor) == (options.shape == "alert")]
    environment.user_classes = people


def has_tasks(person: Any, options: Any) -> bool:
    wanted, unwanted = set(options.tags or ()), set(options.exclude_tags or ())
    tags = [getattr(task, "locust_tag_set", set()) for task in person.tasks]
    return any((not wanted or wanted & of) and not unwanted & of for of in tags)


@events.test_start.add_listener
def learn_of_the_bench(environment: Environment, **_: Any) -> None:
    """Find out whether one may write here."""
    for known in (Run.accounts, Run.sent, Run.acknowledged, Run.written):
        known.clear()  # type: ignore[attr-defined]
    Reader.host = environment.host or Reader.host  # Locust says so only later
    answer = Reader(environment).client.get("/me", name="/me")
    file = Path(environment.parsed_options.bench_file)
    if not (answer.ok and answer.json().get("bench")):
        print("Nobody writes: the site doesn't say that it is a bench, as `pressroom bench-data` makes one.")
    elif not file.is_file():
        print(f"Nobody writes: the bench's accounts are not in {file}. Copy its bench.json: --bench-file PATH")
    else:
        Run.accounts.update(json.loads(file.read_text()))


@events.test_stop.add_listener
def look_for_everything(environment: Environment, **_: Any) -> None:
    """Read each live post whole, as its readers can, and compare it with what was acknowledged."""
    reader, found, problems = Reader(environment), Counter[str](), list[str]()
    for path in {*Run.written, *Run.sent.values()}:
        numbers = set[int]()
        page = reader.client.get(path, name="/post/[live]").text or ""
        for kind in ("updates", "comments"):
            for text in _older(reader, path, kind):
                numbers.update(map(int, ITEM.findall(text)))
                found.update(TOKEN.findall(text))
        last = int(SEQ.search(page)[1])  # type: ignore[index]
        expected = range(Run.written.get(path, last) + 1, last + 1)
        problems += [f"no number {n} of {path}" for n in expected if n not in numbers]
    problems += [f"doubled: {token}" for token, times in found.items() if times > 1]
    problems += [f"lost: {token}" for token in Run.sent if not found[token]]
    if Run.written or Run.sent:
        print(f"{len(Run.sent)} comments acknowledged, {len(problems)} problems")
    for problem in problems[:20]:
        report(environment, CHECKS, "at the end", 0, ValueError(problem))


def _older(reader: Reader, path: str, kind: str) -> Iterator[str]:
    for number in count(1):
        answer = reader.client.get(f"{path}/{kind}/{number}", name=f"/post/[live]/{kind}/[n]")
        text = answer.text or ""
        yield text
        if f'href="{path}/{kind}/{number + 1}"' not in text:
            return


@events.quitting.add_listener
def judge(environment: Environment, **_: Any) -> None:
    if isinstance(environment.runner, WorkerRunner):  # its master judges
        return
    options, total = environment.parsed_options, environment.stats.total
    p95 = total.get_response_time_percentile(0.95) or 0
    problems = []
    if total.fail_ratio * 100 > options.max_failures:
        problems.append(f"{total.num_failures} of {total.num_requests} requests failed")
    if options.max_p95 and p95 > options.max_p95:
        problems.append(f"95 % took up to {p95} ms, where {options.max_p95:g} ms are allowed")
    if not total.num_requests:
        problems.append("nobody asked for anything")
    for problem in problems:
        print(f"FAILED: {problem}.", file=sys.stderr)
    environment.process_exit_code = 1 if problems else 0
    if options.results:
        write_results(environment, time.process_time())
