"""Old addresses: where an imported post was on the site that it comes from. They redirect to it, for good."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import unquote, urlsplit

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from ..models import OldAddress

LENGTH = 500
PER_POST = 500
# How generators spell addresses where nothing else is said. Sources: their documentation of `permalink`.
PATTERNS = {
    "jekyll": "/:categories/:year/:month/:day/:slug.html",
    "hexo": "/:year/:month/:day/:slug/",
    "hugo": "/:folder/:slug/",
    "eleventy": "/:folder/:slug/",
    "pelican": "/:slug.html",
    "zola": "/:folder/:slug/",
    "wordpress": "/:year/:month/:day/:slug/",
}
PLACES = ("year", "month", "day", "slug", "title", "categories", "folder")
# As text, as scanners ask for many addresses that never were.
_PUBLIC_AT = text(
    "SELECT post.id FROM old_address JOIN post ON post.id = old_address.post_id"
    " WHERE path = :path AND post.status = 'published'"
)
_PLACE = re.compile(":([a-z]+)")


def checked_pattern(written: str) -> str:
    """As `/:year/:month/:slug.html`, or a generator's name. Raises ValueError."""
    pattern = PATTERNS.get(written, written)
    if not pattern.startswith("/"):
        raise ValueError(f"expected one of {', '.join(PATTERNS)}, or a pattern such as /blog/:year/:month/:slug.html")
    for place in _PLACE.findall(pattern):
        if place not in PLACES:
            raise ValueError(f":{place} isn't one of :{' :'.join(PLACES)}")
    return pattern


def by_pattern(pattern: str, slug: str, date: datetime | None, categories: list[str], folder: str) -> str:
    """The address there; empty where it needs a date and there is none."""
    if date is None and re.search(":(year|month|day)", pattern):
        return ""
    places = {"slug": slug, "title": slug, "categories": "/".join(categories), "folder": folder}
    if date is not None:
        places |= {"year": f"{date:%Y}", "month": f"{date:%m}", "day": f"{date:%d}"}
    return normalized(re.sub("/+", "/", _PLACE.sub(lambda found: places[found[1]], pattern)))


def normalized(address: str) -> str:
    """The path as it is looked up: without host, query, `index.html` and last slash. Empty for what is none."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    path = "/" + unquote(parts.path).strip("/").removesuffix("index.html").rstrip("/")
    return path if 1 < len(path) <= LENGTH and path.isprintable() else ""


def of_post(session: Session, post_id: int) -> list[str]:
    return list(session.scalars(select(OldAddress.path).where(OldAddress.post_id == post_id).order_by(OldAddress.path)))


def post_at(session: Session, path: str) -> int | None:
    """The public post that was at this address."""
    wanted = normalized(path)
    if not wanted:
        return None
    found: int | None = session.scalar(_PUBLIC_AT, {"path": wanted})
    return found


def owners(session: Session, addresses: list[str]) -> dict[str, int]:
    """The posts to which these lead already."""
    rows = session.scalars(select(OldAddress).where(OldAddress.path.in_(addresses)))
    return {row.path: row.post_id for row in rows}


def add(session: Session, post_id: int, addresses: list[str]) -> tuple[list[str], list[str]]:
    """Those that were free lead to the post from now on. They, and the ones that lead to other posts and go on so."""
    wanted = [*dict.fromkeys(addresses)][:PER_POST]
    known = owners(session, wanted)
    added = [address for address in wanted if address not in known]
    session.add_all(OldAddress(path=address, post_id=post_id) for address in added)
    session.flush()
    return added, [address for address, owner in known.items() if owner != post_id]


def remove(session: Session, post_id: int, addresses: list[str]) -> None:
    """They lead to the post no more."""
    session.execute(delete(OldAddress).where(OldAddress.post_id == post_id, OldAddress.path.in_(addresses)))
