"""What a public page says of itself to machines: structured data, and the values of its share tags."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from babel.core import get_global
from flask import Blueprint, current_app
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from werkzeug.http import http_date as _http_date

from ..content import posts
from ..content.pictures import as_cover, first_shown
from ..content.updates import Latest
from ..db import reading
from ..http.links import absolute
from ..i18n import content_language
from ..i18n import gettext as _
from ..media import branding, images
from ..models import ITEMS_PER_PAGE, Post, ShownUpdate
from ..text import summary
from ..text.pictures import Picture

HEADLINE_CHARS = 60
BODY_CHARS = 200

# The page of a live post is made anew with every update, and 49 of its updates are the same again.
_words = lru_cache(1_000)(summary.summary)


def add_to_templates(blueprint: Blueprint) -> None:
    blueprint.add_app_template_global(absolute)
    blueprint.add_app_template_global(json_ld)
    blueprint.add_app_template_global(shared_image)
    blueprint.add_app_template_global(picture_in)
    blueprint.add_app_template_filter(iso)
    blueprint.add_app_template_filter(http_date)
    blueprint.add_app_template_filter(og_locale)
    blueprint.add_app_template_filter(posts.last_change)


class SharedImage(NamedTuple):
    url: str
    width: int
    height: int
    type: str
    alt: str


def shared_image(cover: Picture | None) -> SharedImage | None:
    """What stands for a page where somebody links to it: its cover, or the site's own picture for that."""
    if cover:
        width, ending = cover.shared
        url = absolute("reader.variant", name=cover.name, width=width, ending=ending)
        return SharedImage(url, width, cover.height_of(width), images.TYPES[f".{ending}"], cover.alt)
    own = branding.of_app().images["cover"]
    return SharedImage(own.absolute_url, own.width, own.height, own.type, "") if own else None


def picture_in(html: str) -> Picture | None:
    """The first picture of a text, where that is large enough to stand for it."""
    return first_shown(reading(), html)


def iso(at_ms: int) -> str:
    """RFC 3339, to the second: `2026-11-25T20:15:00+00:00`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def http_date(at_ms: int) -> str:
    """RFC 9110, and RFC 822 as RSS wants it: `Wed, 25 Nov 2026 20:15:00 GMT`."""
    return _http_date(at_ms // 1000)


def headline(post: Post, update: ShownUpdate) -> str:
    return update.title or _words(update.html, HEADLINE_CHARS) or post.title


def person(name: str | None) -> tuple[str, str | None]:
    """Name and address (None without a page) as templates/_people.html shows them; None is a deleted account."""
    return (name, absolute("reader.user", username=name)) if name else (_("Deleted account"), None)


@lru_cache(1_000)
def og_locale(language: str) -> str:
    """`language_TERRITORY`, as Open Graph wants it: `zh_CN` for zh; no territory where none is likely."""
    likely = get_global("likely_subtags")
    name, *rest = language.split("-")
    known = likely.get("_".join([name, *rest])) or likely.get(name) or ""
    territories = [part.upper() for part in rest if len(part) == 2] or known.split("_")[2:]
    return "_".join([name, *territories[:1]])


def update_urls(post: Post) -> str:
    """What the address of each of the post's updates begins with; its `n` follows."""
    return absolute("reader.update", post_id=post.id, n=0).removesuffix("0")


def json_ld(post: Post, latest: Latest) -> Markup:
    """`posting` for a `<script>`. Letters stay letters: a Chinese page would be twice as long with escapes."""
    return htmlsafe_json_dumps(posting(post, latest), dumps=json.dumps, ensure_ascii=False)


def posting(post: Post, latest: Latest) -> dict[str, Any]:
    """A LiveBlogPosting of a post that has or may get updates, a BlogPosting of any other.

    Source: https://schema.org/LiveBlogPosting
    """
    document: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "BlogPosting",
        "headline": post.title,
        "url": absolute("reader.post", post_id=post.id),
        "inLanguage": content_language(post.language),
        "datePublished": iso(post.published_at or 0),
        "dateModified": iso(posts.last_change(post)),
        "author": [_person(user.shown_name) for user in post.authors],
        "publisher": _publisher(),
    }
    if image := shared_image(as_cover(post)):
        document["image"] = {"@type": "ImageObject", "url": image.url, "width": image.width, "height": image.height}
    if description := post.summary or summary.summary(post.html):
        document["description"] = description
    shown = [*latest.updates, *([latest.pinned] if latest.pinned else [])]
    return document | _coverage(post, shown) if post.live or shown else document


def _person(name: str | None) -> dict[str, str]:
    shown, url = person(name)
    return {"@type": "Person", "name": shown} | ({"url": url} if url else {})


def _publisher() -> dict[str, Any]:
    document = {"@type": "Organization", "name": current_app.config["SITE_TITLE"]}
    logo = branding.of_app().images["logo"]
    return document | ({"logo": {"@type": "ImageObject", "url": logo.absolute_url}} if logo else {})


def _coverage(post: Post, updates: list[ShownUpdate]) -> dict[str, Any]:
    prefix = update_urls(post)
    newest = sorted(updates, key=lambda update: update.n, reverse=True)[:ITEMS_PER_PAGE]
    times = [max(update.created_at, update.corrected_at or 0) for update in newest]
    document = {
        "@type": "LiveBlogPosting",
        "coverageStartTime": iso(post.published_at or 0),
        "dateModified": iso(max(posts.last_change(post), *times, 0)),
        "liveBlogUpdate": [
            {
                "@type": "BlogPosting",
                "headline": headline(post, update),
                "url": f"{prefix}{update.n}",
                "datePublished": iso(update.created_at),
                "author": _person(update.author),
            }
            | ({"articleBody": words} if (words := _words(update.html, BODY_CHARS)) else {})
            for update in newest
        ],
    }
    return document | ({"coverageEndTime": iso(post.ended_at)} if post.ended_at else {})
