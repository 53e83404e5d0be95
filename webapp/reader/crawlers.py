"""Sitemap and robots.txt: what search engines are to know of the site, and what they leave alone.

A part of the sitemap has the posts, tags or authors whose numbers share a thousand, so that a change of one renews one
part. The sitemap itself is the index of the parts (https://www.sitemaps.org/protocol.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from flask import Blueprint, current_app, render_template
from sqlalchemy.orm import Session

from ..content import about, listings
from ..db import reading
from ..errors import NotFound
from ..http.links import absolute
from ..pages.paths import sitemap_ids
from ..people import users
from . import metadata

crawlers = Blueprint("crawlers", __name__)
metadata.add_to_templates(crawlers)

PUBLIC = {"crawlers.sitemap": "cold", "crawlers.sitemap_part": "cold", "crawlers.robots": "cold"}
# What Python answers, for one person or one question. `/me` ends there, for `/media` begins with it (RFC 9309, 2.2.3).
PERSONAL = (
    "/desk",
    "/login",
    "/logout",
    "/register",
    "/settings",
    "/search",
    "/me$",
    "/post/*/comments/new",
    "/post/*/at$",
    "/post/*/at/",
)

Url = tuple[str, int | None]  # an address, and when it last changed if that is known


@crawlers.get("/sitemap.xml")
def sitemap() -> str:
    parts = [absolute("crawlers.sitemap_part", part=part, number=number) for part, number in _parts()]
    return render_template("reader/feeds/sitemap_index.xml", urls=parts)


@crawlers.get("/sitemap/<any(site, user, tag, post):part>-<int:number>.xml")
def sitemap_part(part: str, number: int) -> str:
    urls = _urls(part, number)
    if not urls:
        raise NotFound
    return render_template("reader/feeds/sitemap.xml", urls=urls)


def _parts() -> Iterator[tuple[str, int]]:
    yield "site", 1
    yield from (("user", number) for number in users.sitemap_numbers(reading()))
    yield from (("tag", number) for number in listings.tag_numbers(reading()))
    yield from (("post", number) for number in listings.post_numbers(reading()))


def _urls(part: str, number: int) -> list[Url]:
    session, ids = reading(), sitemap_ids(number)
    if part == "post":
        start = absolute("reader.post", post_id=0).removesuffix("0")
        return [(f"{start}{post_id}", at) for post_id, at in listings.last_changes(session, ids)]
    if part == "user":
        return [(absolute("reader.user", username=name), None) for name in users.published_names(session, ids)]
    if part == "tag":
        return [(absolute("reader.tag", tag=key), None) for key in listings.published_tags(session, ids)]
    return _own(session) if number == 1 else []


def _own(session: Session) -> list[Url]:
    pages = [(absolute("reader.about", name=page.name), page.changed_at) for page in about.every(session)]
    return [(absolute("reader.front"), None), *pages]


def paths() -> list[str]:
    """The paths of all that is in the sitemap, the newest posts first after the front page."""
    base = len(current_app.config["BASE_URL"])
    urls = [url for part, number in _parts() for url, _at in _urls(part, number)]
    front, *others = [unquote(url[base:]) for url in urls]
    return [front, *others[::-1]]


@crawlers.get("/robots.txt")
def robots() -> str:
    lines = [
        "User-agent: *",
        *(f"Disallow: {path}" for path in PERSONAL),
        "",
        f"Sitemap: {absolute('crawlers.sitemap')}",
    ]
    return "\n".join(lines) + "\n"
