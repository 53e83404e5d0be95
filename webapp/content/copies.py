"""Copies of posts in the thousands, for load tests: SQL makes rows of rows, and the search index takes their tokens."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from . import search

_POST = """INSERT INTO post (id, status, title, summary, body, html, toc, language, live, comments, seq, update_count,
      comment_count, version, created_by_id, created_at, changed_at, published_at)
    SELECT id + :ids, status, title, summary, body, html, toc, language, live, comments, seq, update_count,
      comment_count, version, created_by_id, created_at + :ms, changed_at + :ms, published_at + :ms
    FROM post WHERE id BETWEEN :first AND :last"""
# Only their numbers: open pages hear nothing of what nobody has seen.
_EVENT = """INSERT INTO event (post_id, seq, kind, item, payload, at) SELECT post_id + :ids, seq, kind,
      CASE kind WHEN 'post' THEN 'post-' || (post_id + :ids) ELSE item END, '', at
    FROM event WHERE post_id BETWEEN :first AND :last"""
_COMMENT = """INSERT INTO comment (post_id, n, position, body, html, author_id, created_at)
    SELECT post_id + :ids, n, position, body, html, author_id, created_at + :ms
    FROM comment WHERE post_id BETWEEN :first AND :last ORDER BY id"""
_AUTHOR, _TAG = (
    f"INSERT INTO {table} (post_id, {other}) SELECT post_id + :ids, {other}"  # noqa: S608
    f" FROM {table} WHERE post_id BETWEEN :first AND :last"
    for table, other in (("post_author", "user_id"), ("post_tag", "tag_id"))
)


def of_posts(session: Session, first: int, last: int, ids: int, ms: int) -> None:
    """Copy the published posts from `first` to `last`, which have no updates, to ids higher by `ids`, later by `ms`."""
    shift = {"first": first, "last": last, "ids": ids, "ms": ms}
    for statement in (_POST, _EVENT, _COMMENT, _AUTHOR, _TAG):
        session.execute(text(statement), shift)
    if session.get_bind().dialect.name == "postgresql":  # which numbers rows by itself, and not after those
        session.execute(text("SELECT setval(pg_get_serial_sequence('post', 'id'), max(id)) FROM post"))
    search.copy(session, first, last, ids, ms // 1000)
