"""The versions of public pages, in the table `page`: since when each is as it is.

A path such as /post/7 is one page; /post/7/* is everything below it. A version is a Unix second, by the database's
clock, that only ever grows. It is a page's Last-Modified, which must not be in the future (RFC 9110, 8.8.2.1) though
several changes share a second: so versions follow the clock at LAG_SECONDS, and have as many changes in hand.
A page's version is the greatest of those of its path and of the patterns that cover it; /* covers all.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ..db.engine import WriteSession
from ..models import Page
from ..system.clock import now_ms

ALL = "/*"
_BUILD = "build "
LAG_SECONDS = 30 * 86_400
PATHS_AT_ONCE = 500  # in one query


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
    return max(now_ms() // 1000 - LAG_SECONDS, latest(session) + 1)


def latest(session: Session) -> int:
    """0 for none."""
    return session.scalar(select(func.max(Page.version))) or 0


def of_all(session: Session) -> int:
    """That of the pattern which covers every page; 0 for none."""
    page = session.get(Page, ALL)
    return page.version if page else 0


def _put(session: Session, paths: list[str], version: int) -> None:
    for first in range(0, len(paths), PATHS_AT_ONCE):  # in one statement, as each is a way to the database and back
        some = {f"path_{n}": path for n, path in enumerate(paths[first : first + PATHS_AT_ONCE])}
        rows = ", ".join(f"(:{name}, :version)" for name in some)
        upsert = (
            f"INSERT INTO page (path, version) VALUES {rows}"  # noqa: S608
            " ON CONFLICT (path) DO UPDATE SET version = excluded.version WHERE excluded.version > page.version"
        )
        session.execute(text(upsert), some | {"version": version})


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
    versions = {
        row.path: row.version for row in session.execute(select(Page.path, Page.version).where(Page.path.in_(wanted)))
    }
    return max(versions.values()) if _BUILD + build in versions else None


def _covering(path: str) -> list[str]:
    """The path, and the patterns that cover it: /a/b has /a/b, /a/* and /*."""
    parts = path.split("/")[1:]
    return [path, *("/" + "/".join([*parts[:n], "*"]) for n in range(len(parts)))]


def expected(session: Session, paths: Collection[str]) -> dict[str, int]:
    """Each page's version by its path."""
    covering = {path: _covering(path) for path in paths}
    wanted, table = sorted(set().union(*covering.values())), dict[str, int]()
    for first in range(0, len(wanted), PATHS_AT_ONCE):
        some = select(Page.path, Page.version).where(Page.path.in_(wanted[first : first + PATHS_AT_ONCE]))
        table.update({row.path: row.version for row in session.execute(some)})
    return {path: max(table.get(one, 0) for one in ones) for path, ones in covering.items()}


def forget_tags(session: Session) -> None:
    """Of tags that are no more: a path says its tag."""
    session.execute(
        text(
            "DELETE FROM page WHERE path LIKE '/tag/%' AND NOT EXISTS"
            " (SELECT 1 FROM tag WHERE path IN ('/tag/' || key, '/tag/' || key || '/*'))"
        )
    )


def raised_since(session: Session, version: int) -> dict[str, int]:
    """Paths and patterns touched at this version or later, the latest first."""
    statement = select(Page.path, Page.version).where(Page.version >= version, Page.path.startswith("/"))
    return {row.path: row.version for row in session.execute(statement.order_by(Page.version.desc()))}
