"""The versions of public pages, in the table `page`: which change touches which page, and since when.

A path such as /post/7 is one page; /post/7/* is everything below it. A version is a Unix second that only ever grows.
A page's version is the greatest of those of its path and of the patterns that cover it; /* covers all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from .db import WriteSession
from .models import Comment, Page, Post, Tag, Update, User, page_of

ALL = "/*"
LISTS = ("/", "/page/*", "/feed.atom", "/feed.json", "/sitemap.xml", "/sitemap/*")
_BUILD = "build "


# Which change touches which pages


def of_update(update: Update) -> list[str]:
    """An update that came, changed or went."""
    post = f"/post/{update.post_id}"
    own = [f"{post}/update/{update.n}", f"{post}/updates/{page_of(update.position)}"]
    return [post, *own, f"{post}/feed.atom", f"{post}/feed.json"]


def of_comment(comment: Comment) -> list[str]:
    """A comment that came or went."""
    return [f"/post/{comment.post_id}", f"/post/{comment.post_id}/comments/{comment.page}"]


def of_post(post: Post, authors: Iterable[User], tags: Iterable[Tag]) -> list[str]:
    """A post that came, went, or changed in its head: all its pages, and every list that shows it.

    authors, tags: those before the change and those after it.
    """
    lists = [f"/user/{author.username}" for author in authors] + [f"/tag/{tag.key}" for tag in tags]
    return [f"/post/{post.id}", f"/post/{post.id}/*", *LISTS, *(path + end for path in lists for end in ("", "/*"))]


def of_name(name: str, post_ids: list[int], in_lists: bool) -> list[str]:
    """A user who had this name: their own pages and the posts that say it; as an author, every list."""
    lists = (*LISTS, "/user/*", "/tag/*") if in_lists else ()
    paths = [f"/post/{post_id}{end}" for post_id in post_ids for end in ("", "/*")]
    return [*lists, f"/user/{name}", f"/user/{name}/*", *paths]


def of_about(name: str, listed_anew: bool) -> list[str]:
    """A page of the site itself. `listed_anew`: it came, went or has another title, and every page's footer says so."""
    return [ALL] if listed_anew else [f"/about/{name}", "/sitemap.xml", "/sitemap/*"]


# The table


def touch(session: WriteSession, paths: list[str]) -> None:
    """Give the pages a new version, as a part of the change that touches them. `changes` then replaces them."""
    new = [path for path in dict.fromkeys(paths) if path not in session.touched]
    if not new:
        return
    version = next(iter(session.touched.values()), None) or _next(session)
    session.touched.update(dict.fromkeys(new, version))
    _put(session, new, version)


def _next(session: Session) -> int:
    """Greater than every version before, whatever was removed and wherever the clock was set."""
    return max(int(time.time()), (session.scalar(select(func.max(Page.version))) or 0) + 1)


def _put(session: Session, paths: list[str], version: int) -> None:
    upsert = (
        "INSERT INTO page (path, version) VALUES (:path, :version)"
        " ON CONFLICT (path) DO UPDATE SET version = excluded.version WHERE excluded.version > page.version"
    )
    session.execute(text(upsert), [{"path": path, "version": version} for path in paths])


def raise_all(session: Session, build: str, at_least: int = 0) -> None:
    """Every page is new from now on, and made by the code and templates called `build`."""
    version = max(_next(session), at_least)
    session.query(Page).delete()
    _put(session, [ALL, _BUILD + build], version)


def is_current(session: Session, build: str) -> bool:
    return session.get(Page, _BUILD + build) is not None


def version_of(session: Session, path: str, build: str) -> int | None:
    """The page's version; None when other code than `build` makes the pages now."""
    wanted = [*_covering(path), _BUILD + build]
    found = {
        row.path: row.version for row in session.execute(select(Page.path, Page.version).where(Page.path.in_(wanted)))
    }
    return max(found.values()) if _BUILD + build in found else None


def _covering(path: str) -> list[str]:
    """The path, and the patterns that cover it: /a/b has /a/b, /a/* and /*."""
    parts = path.split("/")[1:]
    return [path, *("/" + "/".join([*parts[:n], "*"]) for n in range(len(parts)))]


def all_versions(session: Session) -> dict[str, int]:
    return {row.path: row.version for row in session.execute(select(Page.path, Page.version))}


def expected(versions: dict[str, int], path: str) -> int:
    """The page's version by a whole table from `all_versions`."""
    return max(versions.get(covering, 0) for covering in _covering(path))


def raised_since(session: Session, version: int) -> dict[str, int]:
    """Paths and patterns touched at this version or later, the latest first."""
    statement = select(Page.path, Page.version).where(Page.version >= version, Page.path.startswith("/"))
    return {row.path: row.version for row in session.execute(statement.order_by(Page.version.desc()))}
