"""What the site counts, and the text in which Prometheus reads it.

Labels are from the short lists here; nothing that a stranger chose is among them.
Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4), and .../practices/naming/
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from flask import Flask, current_app

from ..app_key import AppKey
from .counters import Counters

COUNTERS = AppKey[Counters]("counters")
PREFIX = "pressroom"
METHODS = ("GET", "HEAD", "POST", "other")
STATUSES = ("2xx", "3xx", "4xx", "5xx")
BUCKETS_SECONDS = (0.005, 0.025, 0.1, 0.5, 2.5)
OTHER, SERVER_ERROR = len(METHODS) - 1, len(STATUSES) - 1
BUCKETS_MICROSECONDS = tuple(int(seconds * 1_000_000) for seconds in BUCKETS_SECONDS)
BOUNDS = (*map(str, BUCKETS_SECONDS), "+Inf")
REQUESTS = "http_requests_total"
DURATION = "http_request_duration_seconds"
EVENTS = {
    "rendered_pages_total": "Public pages that were made anew.",
    "database_busy_total": "Requests that were refused because the database was busy or could not be reached.",
    "limited_requests_total": "Requests that were refused because an account or address had used up its limit.",
    "silent_streams_total": "Streams that a page opened because the one before had fallen silent.",
    "failed_logins_total": "Log-ins with a wrong name or password.",
}
# What Counters holds, in its order. Durations are summed in microseconds.
REQUESTS_AT, BUCKETS_AT = 0, len(METHODS) * len(STATUSES)
SUMS_AT = BUCKETS_AT + len(METHODS) * len(BOUNDS)
EVENTS_AT = SUMS_AT + len(METHODS)
NAMES = [
    *(f"{REQUESTS} {method} {status}" for method in METHODS for status in STATUSES),
    *(f"{DURATION} {method} {bound}" for method in METHODS for bound in BOUNDS),
    *(f"{DURATION} {method}" for method in METHODS),
    *EVENTS,
]
METHOD_INDEX = {method: index for index, method in enumerate(METHODS)}
STATUS_INDEX = {status[0]: index for index, status in enumerate(STATUSES)}
EVENT_INDEX = {event: EVENTS_AT + index for index, event in enumerate(EVENTS)}

# Of each broadcaster: the metric, its kind, its meaning, and the key in the broadcaster's status.
OF_BROADCASTERS = [
    ("streams", "gauge", "Streams that are open.", "streams"),
    ("streams_limit", "gauge", "Streams that may be open at once; extra readers poll.", "limit"),
    ("events_total", "counter", "Rounds of events that were sent.", "events"),
    ("deliveries_total", "counter", "Rounds of events, times the readers that got them.", "deliveries"),
    ("dropped_streams_total", "counter", "Streams that were closed because they took too little.", "dropped"),
    ("refused_streams_total", "counter", "Streams that had to poll because there was no room.", "refused"),
    ("broadcaster_lag_seconds", "gauge", "From the last event's commit to its last write.", "lag_ms"),
]


def init_app(app: Flask) -> None:
    COUNTERS.put(app, Counters(NAMES))


def persist(app: Flask) -> None:
    """Count in the instance folder from now on, together with the other processes that serve."""
    try:
        if app.config["INSTANCE"].is_dir():
            COUNTERS.of(app).persist(app.config["INSTANCE"] / "locks")
    except OSError as error:
        app.logger.warning("Metrics are of this process alone: %s", error)


def count(event: str) -> None:
    """One more of the app's EVENTS."""
    COUNTERS.of(current_app).add(EVENT_INDEX[event])


def count_request(counters: Counters, method: str, status: str, seconds: float) -> None:
    """One more request with its answer. `status` begins with its number."""
    microseconds = int(seconds * 1_000_000)
    m = METHOD_INDEX.get(method, OTHER)
    counters.add_measured(
        REQUESTS_AT + m * len(STATUSES) + STATUS_INDEX.get(status[:1], SERVER_ERROR),
        BUCKETS_AT + m * len(BOUNDS) + bisect_left(BUCKETS_MICROSECONDS, microseconds),
        SUMS_AT + m,
        microseconds,
    )


def text(numbers: list[int], broadcasters: list[dict[str, int] | None]) -> str:
    """`numbers` as Counters.total gives them, `broadcasters` as Channel.status does."""
    return "\n".join([*_requests(numbers), *_durations(numbers), *_events(numbers), *_broadcasters(broadcasters), ""])


def _requests(numbers: list[int]) -> Iterator[str]:
    yield from _head(REQUESTS, "counter", "Requests that Python answered, by method and class of status.")
    for m, method in enumerate(METHODS):
        for s, status in enumerate(STATUSES):
            labels = f'method="{method}",status="{status}"'
            yield _sample(REQUESTS, labels, numbers[REQUESTS_AT + m * len(STATUSES) + s])


def _durations(numbers: list[int]) -> Iterator[str]:
    yield from _head(DURATION, "histogram", "From a request's arrival in Python to its answer's head.")
    for m, method in enumerate(METHODS):
        so_far = 0
        for b, bound in enumerate(BOUNDS):
            so_far += numbers[BUCKETS_AT + m * len(BOUNDS) + b]
            yield _sample(f"{DURATION}_bucket", f'method="{method}",le="{bound}"', so_far)
        yield _sample(f"{DURATION}_sum", f'method="{method}"', numbers[SUMS_AT + m] / 1e6)
        yield _sample(f"{DURATION}_count", f'method="{method}"', so_far)


def _events(numbers: list[int]) -> Iterator[str]:
    for name, meaning in EVENTS.items():
        yield from _head(name, "counter", meaning)
        yield f"{PREFIX}_{name} {numbers[EVENT_INDEX[name]]}"


def _broadcasters(status: list[dict[str, int] | None]) -> Iterator[str]:
    yield from _head("broadcaster_up", "gauge", "Whether the process that holds streams answers.")
    for index, counts in enumerate(status):
        yield _sample("broadcaster_up", f'broadcaster="{index}"', int(counts is not None))
    for name, kind, meaning, key in OF_BROADCASTERS:
        yield from _head(name, kind, meaning)
        for index, counts in enumerate(status):
            if counts is not None:
                value = counts[key] / 1000 if key == "lag_ms" else counts[key]
                yield _sample(name, f'broadcaster="{index}"', value)


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {PREFIX}_{name} {meaning}"
    yield f"# TYPE {PREFIX}_{name} {kind}"


def _sample(name: str, labels: str, value: float) -> str:
    return f"{PREFIX}_{name}{{{labels}}} {value}"
