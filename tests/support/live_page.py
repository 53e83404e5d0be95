"""What a browser has of a post: the page that it loaded, and each event put into its place."""

from __future__ import annotations

import re

from support.sse_client import Heard

ITEM = re.compile(r'<article class="(?:update|comment)[^>]*id="(?P<id>(?:update|comment)-\d+)".*?</article>', re.DOTALL)
HEAD = re.compile(
    r'<div class="head" id="(?P<id>post-\d+)">.*?(?=\s*(?:<nav class="keys"|<section|</article>))', re.DOTALL
)
SEQ = re.compile(r'data-epoch="(\d+)" data-seq="(\d+)"')


class WrongNumber(AssertionError):
    """An event is missing, or came twice."""


class LivePage:
    """A post's page in a browser. `position` is the number up to which it has everything, in its `epoch`.

    must_reload: it was told to load the page anew. is_gone: it was told that the post isn't public.
    """

    def __init__(self, page: str) -> None:
        self.load(page)

    def load(self, page: str) -> None:
        found = SEQ.search(page)
        assert found, f"no position on the page:\n{page[:2000]}"
        self.epoch, self.position = int(found[1]), int(found[2])
        self.items = {item["id"]: item[0] for item in [*HEAD.finditer(page), *ITEM.finditer(page)]}
        self.must_reload = self.is_gone = False

    @property
    def last_event_id(self) -> str:
        return f"{self.epoch}-{self.position}"

    def take(self, event: Heard) -> None:
        """Put one event of the stream into its place. Raises WrongNumber.

        What comes after a `reload` or `gone` is for the page that is loaded then.
        """
        if self.must_reload or self.is_gone:
            return
        if event.number is not None and event.kind != "reload":
            if event.epoch != self.epoch:
                raise WrongNumber(f"in epoch {self.epoch} came one of {event.epoch}: {event}")
            if event.number != self.position + 1:
                raise WrongNumber(f"after {self.position} came {event.number}: {event}")
            self.position = event.number
        if event.kind in ("update", "comment", "post"):
            self.items[event.data["id"]] = event.data["html"]
        elif event.kind == "remove":
            self.items.pop(event.data["id"], None)
        elif event.kind == "reload":
            self.must_reload = True
        elif event.kind == "gone":
            self.is_gone = True

    def shown(self) -> list[tuple[str, str]]:
        """Ids and HTML in the order of the page: the head, the pinned update, updates and comments by their numbers."""
        return sorted(self.items.items(), key=lambda item: _place(*item))


def _place(item: str, html: str) -> tuple[int, int]:
    kind, _, number = item.partition("-")
    if kind == "post":
        return 0, 0
    if kind == "update":
        return (1, 0) if "update--pinned" in html else (2, -int(number))
    return 3, int(number)
