"""The pages that there are, the files in the page store, and whether those are these."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from flask import Flask
from sqlalchemy import select

from webapp import db
from webapp.errors import Moved, Refused
from webapp.models import About, Post, Tag, Update, User
from webapp.pages.store import Store, Stored

# One page of each kind, and how it is served; `{post}` is a live post of Ada's on football.
CONTENT_TYPES = {
    "/": "text/html",
    "/post/{post}": "text/html",
    "/post/{post}/updates/1": "text/html",
    "/user/ada": "text/html",
    "/tag/football": "text/html",
    "/feed.atom": "application/atom+xml",
    "/feed.rss": "application/rss+xml",
    "/feed.json": "application/feed+json",
    "/post/{post}/feed.atom": "application/atom+xml",
    "/user/ada/feed.json": "application/feed+json",
    "/tag/football/feed.rss": "application/rss+xml",
    "/sitemap.xml": "application/xml",
    "/sitemap/post-1.xml": "application/xml",
    "/robots.txt": "text/plain",
}
PARTS = ("site", "user", "tag", "post")  # of the sitemap


def addresses(app: Flask) -> set[str]:
    """Where every public page could be, by the rules of the views that are public.

    A view with an argument that isn't known here is a KeyError: say which values it can have.
    """
    with app.app_context():
        session = db.reading()
        ids = list(session.scalars(select(Post.id).where(Post.status != "front")))
        numbers_of = {
            i: list(session.scalars(select(Update.n).where(Update.post_id == i).order_by(Update.n))) for i in ids
        }
        values: dict[frozenset[str], list[dict[str, Any]]] = {
            frozenset(): [{}],
            frozenset({"number"}): [{"number": number} for number in range(1, 4)],
            frozenset({"post_id"}): [{"post_id": i} for i in ids],
            frozenset({"post_id", "n"}): [{"post_id": i, "n": n} for i in ids for n in numbers_of[i][:6]],
            frozenset({"username"}): [{"username": name} for name in session.scalars(select(User.username))],
            frozenset({"tag"}): [{"tag": key} for key in session.scalars(select(Tag.key))],
            frozenset({"name"}): [{"name": name} for name in session.scalars(select(About.name))],
            frozenset({"mark"}): [{"mark": app.extensions["branding"].accent}],
        }
    for more, choices in (("number", range(1, 4)), ("kind", ("atom", "rss", "json")), ("part", PARTS)):
        for names, known in list(values.items()):
            values.setdefault(names | {more}, [{**value, more: choice} for value in known for choice in choices])
    adapter = app.create_url_adapter(None)
    assert adapter
    return {
        unquote(adapter.build(rule.endpoint, value, force_external=False))
        for rule in app.url_map.iter_rules()
        if rule.endpoint in app.extensions["pages"].public
        for value in values[frozenset(rule.arguments - (rule.defaults or {}).keys())]
    }


def pages_there(app: Flask) -> dict[str, Stored]:
    """Every public page, made anew."""
    found = {}
    for path in addresses(app):
        try:
            found[path] = app.extensions["pages"].fresh(path)
        except (Refused, Moved):
            continue
    return found


def reachable(root: Path) -> dict[str, Path]:
    """Every file that uWSGI would serve under a page's path, found as it finds them: by links, in its order."""
    found: dict[str, Path] = {}
    for docroot in (root, root / ".under"):
        for top, folders, files in os.walk(docroot, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                file = Path(top, name)
                if file.exists() and not name.startswith(".") and not name.endswith((".gz", ".feedjson")):
                    path = f"/{file.relative_to(docroot)}"
                    found.setdefault(path.removesuffix("/index.html") or "/", file)
    # A version holds its file by its own name too, such as /post/7/feed.atom/feed.atom; no page has that address.
    return found


def wrong(app: Flask, there: dict[str, Stored]) -> list[str]:
    """What is wrong with the files in the store, compared with `there`; no file at all is never wrong."""
    site: Store = app.extensions["pages"].store
    problems = []
    for path, file in reachable(site.root).items():
        if path not in there:
            problems.append(f"{path} is stored, but there is no such page")
            continue
        twin = Path(f"{file.resolve()}.gz")
        if file.read_bytes() != there[path].content:
            problems.append(f"{path} is outdated")
        if gzip.decompress(twin.read_bytes()) != there[path].content:
            problems.append(f"{path} has an outdated twin")
        if not file.stat().st_mtime == twin.stat().st_mtime == there[path].version:
            problems.append(f"{path} has another time than its version")
    unknown = set(site.paths()) - there.keys()
    return problems + [f"{path} is in the store, but there is no such page" for path in unknown]
