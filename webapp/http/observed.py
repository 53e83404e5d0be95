"""One WSGI layer that times each request and sees its answer's head, for the metrics and the log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from . import metrics
from .log import id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from .counters import Counters
    from .log import RequestLog


def observed(application: WSGIApplication, counters: Counters, log: RequestLog | None) -> WSGIApplication:
    """`application`, with each request told of once it has an answer: its body is the reader's time, not ours.

    With a log, the answer's head has the request's id.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        status, headers = "500", list[tuple[str, str]]()  # of one that raises
        if log:
            log.begin(environ)

        def noted(line: str, fields: list[tuple[str, str]], error: Any = None) -> Callable[[bytes], object]:
            nonlocal status, headers
            status, headers = line, fields
            if log:
                fields = [*fields, ("X-Request-ID", id_of(environ))]
            return start_response(line, fields, error) if error else start_response(line, fields)

        try:
            return application(environ, noted)
        finally:
            seconds = time.perf_counter() - began
            metrics.count_request(counters, environ.get("REQUEST_METHOD", ""), status, seconds)
            if log:
                log.write(environ, status, headers, seconds)

    return answer
