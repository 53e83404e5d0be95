"""Full-text search behind `find`, on SQLite's FTS5.

FTS5's own tokenizers find no Chinese word (`unicode61`) or none of two characters (`trigram`). So every character of
a script that is written without spaces becomes a token of its own, and a query's run of them a phrase.
"""

import re
import unicodedata
from dataclasses import dataclass

from flask import url_for
from markupsafe import Markup, escape
from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session, defer, selectinload

from ..models import SEARCH_TABLE as TABLE
from ..models import Post, Update
from ..text.summary import plain

QUERY_LENGTH = 200
LIMIT = 50
EXCERPT = 160
LOOKED_AT = 20_000  # characters of a text, for the first of so many words
EXCERPT_WORDS = 20
# Han, kana, Hangul, Thai, Lao, Khmer, Burmese: no spaces between words, or words that are best found by their parts.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_UNSPACED += "\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_RUN = re.compile(rf"[{_UNSPACED}]+|[^\W{_UNSPACED}]+")


@dataclass(frozen=True)
class Result:
    """`kind` is post or update; `excerpt` marks what was found."""

    kind: str
    url: str
    title: str
    post_title: str
    language: str
    excerpt: Markup
    at: int


def _tokens(written: str) -> str:
    return " ".join(_TOKEN.findall(unicodedata.normalize("NFKC", written)))


def _match(query: str) -> str:
    """The FTS5 query: every run of the text as a phrase, the last one as a prefix; all must be there."""
    runs = [f'"{_tokens(run)}"' for run in _RUN.findall(unicodedata.normalize("NFKC", query))]
    return " ".join([*dict.fromkeys(runs[:-1]), *(f"{run}*" for run in runs[-1:])])


def put(session: Session, item: Post | Update) -> None:
    """Index an item as it is now; an unpublished or withdrawn one is taken out."""
    rowid = _rowid(item)
    session.execute(text(f"DELETE FROM {TABLE} WHERE rowid = :rowid"), {"rowid": rowid})  # noqa: S608
    if not _is_public(item):
        return
    summary = f"{item.summary} {' '.join(tag.name for tag in item.tags)} " if isinstance(item, Post) else ""
    written = plain(item.html)
    session.execute(
        text(f"INSERT INTO {TABLE} (rowid, title, body, plain) VALUES (:rowid, :title, :body, :plain)"),  # noqa: S608
        {"rowid": rowid, "title": _tokens(item.title), "body": _tokens(summary + written), "plain": written},
    )


def forget_updates(session: Session, post_id: int) -> None:
    """Take a post's updates out, before they are deleted: rows are numbered by them."""
    of_post = 'SELECT id * 2 + 1 FROM "update" WHERE post_id = :post_id'
    session.execute(text(f"DELETE FROM {TABLE} WHERE rowid IN ({of_post})"), {"post_id": post_id})  # noqa: S608


def forget_deleted(session: Session) -> None:
    """Write the index anew: words of what was taken out stay in it until then, and secure_delete can't see them."""
    session.execute(text(f"INSERT INTO {TABLE} ({TABLE}) VALUES ('optimize')"))  # noqa: S608


def _is_public(item: Post | Update) -> bool:
    return item.status == "published" if isinstance(item, Post) else item.withdrawn_at is None


def _rowid(item: Post | Update) -> int:
    """Posts have the even rows and updates the odd ones."""
    return item.id * 2 + isinstance(item, Update)


def find(session: Session, query: str) -> list[Result]:
    """The best LIMIT posts and updates that hold every word of `query`, which may be any text at all."""
    match = _match(query[:QUERY_LENGTH])
    if not match:
        return []
    # The updates of an unpublished post stay in the index; left in here they would push others past the limit.
    hidden = "SELECT id * 2 + 1 FROM \"update\" WHERE post_id IN (SELECT id FROM post WHERE status <> 'published')"
    best = text(
        f"SELECT rowid, plain FROM {TABLE} WHERE {TABLE} MATCH :match AND rowid NOT IN ({hidden}) "  # noqa: S608
        f"ORDER BY bm25({TABLE}, 5, 1) LIMIT :limit"
    )
    rows = session.execute(best, {"match": match, "limit": LIMIT})
    texts: dict[int, str] = {row.rowid: row.plain for row in rows}
    items: dict[int, Post | Update] = {}
    items |= {_rowid(post): post for post in session.scalars(_posts([i // 2 for i in texts if i % 2 == 0]))}
    items |= {_rowid(update): update for update in session.scalars(_updates([i // 2 for i in texts if i % 2]))}
    words = _RUN.findall(unicodedata.normalize("NFKC", query[:QUERY_LENGTH]))
    return [_result(items[i], written, words) for i, written in texts.items() if i in items]


def _posts(ids: list[int]) -> Select[Post]:
    public = select(Post).where(Post.id.in_(ids), Post.status == "published")
    return public.options(defer(Post.body), defer(Post.html))


def _updates(ids: list[int]) -> Select[Update]:
    public = select(Update).join(Post).where(Update.id.in_(ids), Post.status == "published")
    return public.options(selectinload(Update.post).options(defer(Post.body), defer(Post.html)))


def _result(item: Post | Update, written: str, words: list[str]) -> Result:
    excerpt = _excerpt(written, words)
    if isinstance(item, Post):
        url = url_for("reader.post", post_id=item.id)
        return Result("post", url, item.title, item.title, item.language, excerpt, item.published_at or 0)
    url = url_for("reader.update", post_id=item.post_id, n=item.n)
    return Result("update", url, item.title, item.post.title, item.post.language, excerpt, item.created_at)


def _excerpt(written: str, words: list[str]) -> Markup:
    """The text around the first word that is found, with every found word marked."""
    written = " ".join(written.split())
    words = sorted(words, key=len, reverse=True)[:EXCERPT_WORDS]
    pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    first = pattern.search(written, 0, LOOKED_AT)
    start = max(0, first.start() - EXCERPT // 3) if first else 0
    piece = written[start : start + EXCERPT]
    marked = Markup()
    end = 0
    for found in pattern.finditer(piece):
        marked += escape(piece[end : found.start()]) + Markup("<mark>{}</mark>").format(found.group())
        end = found.end()
    marked += escape(piece[end:])
    return escape("…" if start else "") + marked + ("…" if start + EXCERPT < len(written) else "")
