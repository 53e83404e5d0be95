"""The index of the last release, whose workers go on with it while they are replaced, and after a way back.

A site that never ran that release has no row in it, and gets none. The next release drops it, with this module.
"""

import re

from sqlalchemy import text
from sqlalchemy.orm import Session

from ..models import SEARCH_TABLE as TABLE
from ..models import Post, Update
from ..text.summary import plain
from ..values import normalized

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_UNSPACED += "\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_RUN = re.compile(rf"[{_UNSPACED}]+|[^\W{_UNSPACED}]+")


def is_used(session: Session) -> bool:
    return session.scalar(text(f"SELECT 1 FROM {TABLE} LIMIT 1")) is not None  # noqa: S608


def put(session: Session, item: Post | Update, rowid: int, is_public: bool) -> None:
    """Index an item as it is now; one that isn't public is taken out."""
    if not is_used(session):
        return
    session.execute(text(f"DELETE FROM {TABLE} WHERE rowid = :rowid"), {"rowid": rowid})  # noqa: S608
    if not is_public:
        return
    summary = f"{item.summary} {' '.join(tag.name for tag in item.tags)} " if isinstance(item, Post) else ""
    written = plain(item.html)
    session.execute(
        text(f"INSERT INTO {TABLE} (rowid, title, body, plain) VALUES (:rowid, :title, :body, :plain)"),  # noqa: S608
        {"rowid": rowid, "title": _tokens(item.title), "body": _tokens(summary + written), "plain": written},
    )


def forget_updates(session: Session, post_id: int) -> None:
    of_post = 'SELECT id * 2 + 1 FROM "update" WHERE post_id = :post_id'
    session.execute(text(f"DELETE FROM {TABLE} WHERE rowid IN ({of_post})"), {"post_id": post_id})  # noqa: S608


def forget_deleted(session: Session) -> None:
    session.execute(text(f"INSERT INTO {TABLE} ({TABLE}) VALUES ('optimize')"))  # noqa: S608


def best(session: Session, query: str, limit: int) -> list[int]:
    """The items that match best, numbered as there, those of unpublished posts aside."""
    runs = [f'"{_tokens(run)}"' for run in _RUN.findall(normalized("NFKC", query))]
    match = " ".join([*dict.fromkeys(runs[:-1]), *(f"{run}*" for run in runs[-1:])])
    if not match:
        return []
    hidden = "SELECT id * 2 + 1 FROM \"update\" WHERE post_id IN (SELECT id FROM post WHERE status <> 'published')"
    statement = text(
        f"SELECT rowid FROM {TABLE} WHERE {TABLE} MATCH :match AND rowid NOT IN ({hidden}) "  # noqa: S608
        f"ORDER BY bm25({TABLE}, 5, 1) LIMIT :limit"
    )
    return list(session.scalars(statement, {"match": match, "limit": limit}))


def _tokens(written: str) -> str:
    return " ".join(_TOKEN.findall(normalized("NFKC", written)))
