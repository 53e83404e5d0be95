"""Readers of a live post, thousands of them, in processes of their own, driven from outside: see eventsources.py."""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from loadtests.crowd import allow_files, percentile
from loadtests.eventsources import ID, NOWHERE, OPENING_AT_ONCE, Crowd
from tools.processes import WAIT_SECONDS, WaitFailed, until

STEP_SECONDS = 0.05
SETTLE_SECONDS = 1.0
OPEN_SECONDS = 300.0


class Readers:
    """So many streams of one path, open when this is entered, shared among `processes`; the rest is Crowd's.

    The answers of all processes are added up.
    """

    def __init__(
        self,
        port: int,
        path: str,
        streams: int,
        *,
        processes: int = 1,
        after: int = NOWHERE,
        number: bytes = ID,
        tls: bool = False,
        opening_at_once: int = OPENING_AT_ONCE,
        network: int | None = None,
        niceness: int = 0,
    ) -> None:
        self.streams = streams
        context = get_context("spawn")
        more = {"after": after, "number": number, "tls": tls, "opening_at_once": opening_at_once}
        if network:
            more["network"] = network
        self.pipes: list[Connection] = []
        self.processes = []
        for index in range(processes):
            share = streams // processes + (index < streams % processes)
            ours, theirs = context.Pipe()
            process = context.Process(target=hold, args=(theirs, port, path, share, niceness), kwargs=more, daemon=True)
            process.start()
            self.pipes.append(ours)
            self.processes.append(process)

    def __enter__(self) -> Readers:
        opened = f"{self.streams:,} streams were open"
        self.until(lambda: self.counts()["streams"] == self.streams, opened, OPEN_SECONDS)
        time.sleep(SETTLE_SECONDS)  # a stream is open for its reader a little before the server holds it
        return self

    def __exit__(self, *_error: object) -> None:
        for pipe in self.pipes:
            pipe.send(("end",))
        for process in self.processes:
            process.join()

    def ask(self, order: str, *arguments: int) -> list[Any]:
        for pipe in self.pipes:
            pipe.send((order, *arguments))
        return [pipe.recv() for pipe in self.pipes]

    def counts(self) -> Counter[str]:
        """`streams` that are open, how many are `away`, what Counts has, and the seconds of `cpu` it took."""
        return sum((Counter(answer) for answer in self.ask("counts")), Counter())

    def arrived(self, number: int) -> Counter[int]:
        """How many had the event after how many milliseconds."""
        return sum(self.ask("arrived", number), Counter())

    def having(self, number: int) -> int:
        return sum(self.ask("having", number))

    def all_arrived(self, number: int) -> Counter[int]:
        """The same as `arrived`, as soon as all have it."""
        most = self.streams * 0.99
        all_have_it = f"all had event {number}"
        self.until(lambda: self.arrived(number).total() >= most and self.having(number) == self.streams, all_have_it)
        return self.arrived(number)

    def until(self, there: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> None:
        try:
            until(there, what, seconds, pause_seconds=0.05)
        except WaitFailed as error:
            raise WaitFailed(f"{error}\n{dict(self.counts())}") from None


def hold(pipe: Connection, port: int, path: str, streams: int, niceness: int, **more: Any) -> None:
    """A process of its own."""
    os.nice(niceness)
    gc.disable()  # a pass over so many sockets would be the slowest thing here
    allow_files(streams)
    crowd = Crowd(("127.0.0.1", port), path, streams, **more)
    orders: dict[str, Callable[..., object]] = {
        "counts": lambda: counts(crowd),
        "arrived": lambda number: crowd.arrived.get(number, Counter()),
        "having": crowd.having,
        "leave": crowd.leave,
        "deafen": crowd.deafen,
    }
    while True:
        crowd.step(STEP_SECONDS)
        while pipe.poll():
            order, *arguments = pipe.recv()
            if order == "end":
                crowd.close()
                return
            pipe.send(orders[order](*arguments))


def counts(crowd: Crowd) -> dict[str, float]:
    return asdict(crowd.counts) | {
        "streams": crowd.open(),
        "away": len(crowd.away),
        "cpu": time.process_time(),
    }


__all__ = ["Readers", "allow_files", "percentile"]
