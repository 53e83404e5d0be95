"""Which page of the site stands at which path in the page store, and which is never stored."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

SEGMENT_BYTES = 200
FEEDS = ("feed.atom", "feed.rss", "feed.json")
# What may lie under /post/7, /user/ada and /tag/football.
UNDER = {
    "post": ("comments", *FEEDS, "update", "updates"),
    "user": (*FEEDS, "page"),
    "tag": (*FEEDS, "page"),
}
SITEMAP_IDS = 1_000  # in one part of the sitemap
# Within what servers look through second: a link that leads out of there would be refused.
VERSIONS = ".under/.versions"
FILES = (".atom", ".css", ".json", ".rss", ".txt", ".xml")


@dataclass(frozen=True)
class PagePath:
    """Where a page's link stands: `folder` below the store, and `name` in it; both empty for the front page."""

    folder: str
    name: str

    @property
    def link(self) -> str:
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def file(self) -> str:
        """The file's name within its version; its ending tells uWSGI the type."""
        if not self.name.endswith(FILES):
            return "index.html"
        return self.name.removesuffix(".json") + ".feedjson" if self.name.endswith(".json") else self.name

    def in_version(self, version: str) -> str:
        """What the link points at, relative to its folder."""
        up = "../" * (self.folder.count("/") + 1 if self.folder else 0)
        return f"{up}{VERSIONS}/{version}" + (f"/{self.file}" if self.file != "index.html" else "")


def sitemap_number(row_id: Any) -> Any:
    """Of the part of the sitemap that has this post, tag or user: an integer, or a column's expression."""
    return (row_id - 1) // SITEMAP_IDS + 1


def sitemap_ids(number: int) -> range:
    """The numbers of those that this part has."""
    return range((number - 1) * SITEMAP_IDS + 1, number * SITEMAP_IDS + 1)


def page_path(path: str) -> PagePath | None:
    """None for a path that can't be a safe file name; Python serves those."""
    segments = path[1:].split("/") if path != "/" else []
    if not path.startswith("/") or not all(_is_safe(segment) for segment in segments):
        return None
    if len(segments) < 2:
        return PagePath("", "".join(segments))
    under = UNDER.get(segments[0], ())
    if len(segments) == 2:
        return PagePath(segments[0], segments[1])
    if segments[0] == "page" or segments[2] not in under:
        return None
    return PagePath(".under/" + "/".join(segments[:-1]), segments[-1])


def _is_safe(segment: str) -> bool:
    try:
        encoded = os.fsencode(segment)
    except UnicodeEncodeError:
        return False
    return (
        0 < len(encoded) <= SEGMENT_BYTES
        and encoded == segment.encode("utf-8", "surrogateescape")
        and segment.isprintable()
        and segment[0] != "."
        and not set(segment) & set('\\:*?"<>|')
    )
