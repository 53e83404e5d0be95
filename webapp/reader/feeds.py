"""Atom, RSS and JSON Feed: public pages as well, the same bytes for everybody."""

import json
import re
from dataclasses import dataclass, field
from html import escape, unescape
from typing import Any
from urllib.parse import urljoin

from flask import Blueprint, current_app, render_template

from ..content import fragments, listings, posts, updates
from ..content.pictures import as_cover
from ..db import reading
from ..errors import Moved
from ..http.links import absolute, relative
from ..i18n import content_language, directed
from ..media import branding
from ..models import Post, ShownUpdate
from ..people import users
from ..values import NOT_TEXT
from . import metadata

feeds = Blueprint("feeds", __name__)
metadata.add_to_templates(feeds)

PUBLIC = {
    "feeds.site": "cold",
    "feeds.user": "cold",
    "feeds.tag": "cold",
    "feeds.post": "cold",
}
FEED = "feed.<any(atom, rss, json):kind>"
EPOCH = 0  # when an empty feed changed last: never the hour of rendering

# As nh3 writes them, every value in double quotes. A tag is read whole, so that nothing inside a value passes for one.
_TAG = re.compile(r'<[a-z][a-z0-9]*(?: [^\s="<>]+="[^"]*")+>')
_ATTRIBUTE = re.compile(r' ([^\s="<>]+)="([^"]*)"')


@dataclass(frozen=True)
class Entry:
    """A post or an update. Its links may be relative in `html`; `authors` are names with addresses or None."""

    url: str
    title: str
    html: str
    language: str
    published_at: int
    updated_at: int
    authors: list[tuple[str, str | None]]
    summary: str = ""
    tags: list[str] = field(default_factory=list)
    image: metadata.SharedImage | None = None

    @property
    def content(self) -> str:
        return _with_absolute_links(directed(self.html, self.language), self.url)


@dataclass(frozen=True)
class Feed:
    """`home` is the page that it belongs to, `since` when that last changed: the feed's time while it is empty."""

    title: str
    url: str
    home: str
    entries: list[Entry]
    since: int = EPOCH
    language: str = ""

    @property
    def updated_at(self) -> int:
        return max((entry.updated_at for entry in self.entries), default=self.since)


@feeds.get(f"/{FEED}")
def site(kind: str) -> str:
    entries = [_of_post(post) for post in listings.newest_whole(reading())]
    return _written(kind, Feed(_site_title(), absolute("feeds.site", kind=kind), absolute("reader.front"), entries))


@feeds.get(f"/user/<username>/{FEED}")
def user(kind: str, username: str) -> str:
    person = users.public(reading(), username)
    if person.username != username:
        raise Moved(relative("feeds.user", username=person.username, kind=kind))
    entries = [_of_post(post) for post in listings.newest_whole(reading(), author=person)]
    url, home = absolute("feeds.user", username=username, kind=kind), absolute("reader.user", username=username)
    return _written(kind, Feed(f"{username} – {_site_title()}", url, home, entries))


@feeds.get(f"/tag/<tag>/{FEED}")
def tag(kind: str, tag: str) -> str:
    shown = listings.tag_by_key(reading(), tag)
    if shown.key != tag:
        raise Moved(relative("feeds.tag", tag=shown.key, kind=kind))
    entries = [_of_post(post) for post in listings.newest_whole(reading(), tag=shown)]
    url, home = absolute("feeds.tag", tag=tag, kind=kind), absolute("reader.tag", tag=tag)
    return _written(kind, Feed(f"{shown.name} – {_site_title()}", url, home, entries))


@feeds.get(f"/post/<int:post_id>/{FEED}")
def post(kind: str, post_id: int) -> str:
    shown = posts.published(reading(), post_id)
    prefix = metadata.update_urls(shown)
    entries = [_of_update(shown, update, prefix) for update in updates.newest(reading(), shown)]
    url, home = absolute("feeds.post", post_id=post_id, kind=kind), absolute("reader.post", post_id=post_id)
    title, since = f"{shown.title} – {_site_title()}", posts.last_change(shown)
    return _written(kind, Feed(title, url, home, entries, since, shown.language))


@feeds.get("/<any('feed', 'feed.xml', 'atom.xml', 'index.xml', 'rss', 'rss.xml'):place>", strict_slashes=False)
def moved(place: str) -> str:
    """Where other software has its feed, and people and feed readers try."""
    raise Moved(relative("feeds.site", kind="rss" if place.startswith("rss") else "atom"))


def _of_post(post: Post) -> Entry:
    return Entry(
        url=absolute("reader.post", post_id=post.id),
        title=post.title,
        html=post.html,
        language=content_language(post.language),
        published_at=post.published_at or EPOCH,
        updated_at=posts.last_change(post),
        authors=[metadata.person(user.shown_name) for user in post.authors],
        summary=post.summary,
        tags=[tag.name for tag in post.tags],
        image=metadata.shared_image(cover) if (cover := as_cover(post)) else None,
    )


def _of_update(post: Post, update: ShownUpdate, prefix: str) -> Entry:
    return Entry(
        url=f"{prefix}{update.n}",
        title=metadata.headline(post, update),
        html=update.html + str(fragments.correction(post, update)),
        language=content_language(post.language),
        published_at=update.created_at,
        updated_at=update.corrected_at or update.created_at,
        authors=[metadata.person(update.author)],
    )


def _site_title() -> str:
    return str(current_app.config["SITE_TITLE"])


def _with_absolute_links(html: str, base: str) -> str:
    """HTML from `text.render` with every address made absolute; one that makes no sense stays."""

    def attribute(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name == "srcset":  # of addresses of the site only the paths of its pictures are in one
            return f' srcset="{re.sub("(?<![^ ,])/(?=media/)", urljoin(base, "/"), value)}"'
        if name not in ("href", "src"):
            return found[0]
        try:
            return f' {name}="{escape(urljoin(base, unescape(value)))}"'
        except ValueError:
            return found[0]

    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(attribute, tag[0]), html)


def _written(kind: str, feed: Feed) -> str:
    """atom: RFC 4287. rss: https://www.rssboard.org/rss-specification, with Dublin Core's names of authors."""
    return _json(feed) if kind == "json" else NOT_TEXT.sub("", render_template(f"reader/feeds/{kind}.xml", feed=feed))


def _json(feed: Feed) -> str:
    """Source: https://jsonfeed.org/version/1.1"""
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.url,
        "language": content_language(feed.language),
        "items": [_item(entry) for entry in feed.entries],
    }
    if favicon := branding.of_app().images["favicon"]:
        document["favicon"] = favicon.absolute_url
    return json.dumps(document, ensure_ascii=False)


def _item(entry: Entry) -> dict[str, Any]:
    item = {
        "id": entry.url,
        "url": entry.url,
        "title": entry.title,
        "content_html": entry.content,
        "summary": entry.summary,
        "date_published": metadata.iso(entry.published_at),
        "date_modified": metadata.iso(entry.updated_at),
        "authors": [{"name": name} | ({"url": url} if url else {}) for name, url in entry.authors],
        "tags": entry.tags,
        "image": entry.image and entry.image.url,
        "language": entry.language,
    }
    return {key: value for key, value in item.items() if value or key == "content_html"}
