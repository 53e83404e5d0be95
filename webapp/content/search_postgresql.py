"""The index on PostgreSQL: the app's own tokens as a `tsvector`, one row an item, for the same questions as SQLite's.

A word's place counts up to 16,383, and 255 places of each word. Source: PostgreSQL, Limitations of Text Search.
"""

from __future__ import annotations

import time
from json import dumps

from sqlalchemy import text
from sqlalchemy.orm import Session

from ..models import Post, Update
from . import search_index
from .search_index import (
    AT_ONCE,
    BATCH,
    HELD_SECONDS,
    MEANT,
    Columns,
    columns,
    concerns_updates,
)
from .search_index import POSTS as _SQLITES_POSTS
from .search_index import UPDATES as _SQLITES_UPDATES
from .search_query import Query, Term

MAX_PLACE = 16_383
# Of a tsvector's 1 MB; what goes beyond it isn't found.
WORDS_BYTES = 700_000
_TABLES = (
    "CREATE TABLE search_doc (item BIGINT PRIMARY KEY, at BIGINT NOT NULL, crc BIGINT, language TEXT, marks TEXT,"
    " words TSVECTOR)",
    "CREATE INDEX search_doc_words ON search_doc USING gin (words)",
    "CREATE INDEX search_doc_unindexed ON search_doc (at) WHERE crc IS NULL",
    "CREATE TABLE search_due (item BIGINT PRIMARY KEY)",
)
_PUT = (
    "INSERT INTO search_doc (item, at, crc, language, marks, words)"
    " VALUES (:item, :at, :crc, :language, :marks, CAST(:words AS tsvector))"
    " ON CONFLICT (item) DO UPDATE SET at = excluded.at, crc = excluded.crc, language = excluded.language,"
    " marks = excluded.marks, words = excluded.words"
)
_COPY = (
    "INSERT INTO search_doc (item, at, crc, language, marks, words)"
    " SELECT item + :ids * 2, at + :seconds, crc, language, marks, words FROM search_doc"
    " WHERE item BETWEEN :first * 2 AND :last * 2 AND item % 2 = 0 ON CONFLICT (item) DO NOTHING"
)
_MATCH = "FROM search_doc WHERE words @@ CAST(:match AS tsquery)"
# A title's word counts five times, a stem hardly; marks don't.
_BY_RELEVANCE = "ts_rank('{0.002, 0, 0.2, 1}', words, CAST(:match AS tsquery), 1) DESC, at DESC, item DESC"
_BY_DATE = "at DESC, item DESC"
_NOT_HIDDEN = """ AND item NOT IN (
    SELECT item FROM search_due JOIN "update" AS u ON item = u.id * 2 + 1 JOIN post ON post.id = u.post_id
    WHERE post.status <> 'published' OR u.withdrawn_at IS NOT NULL)"""
_ADD_DUE = (
    'INSERT INTO search_due (item) SELECT id * 2 + 1 FROM "update" WHERE post_id = :post_id ON CONFLICT DO NOTHING'
)


_POSTS, _UPDATES = (rows.replace("group_concat", "string_agg") for rows in (_SQLITES_POSTS, _SQLITES_UPDATES))
_POST, _UPDATE = _POSTS + " AND id = :id", _UPDATES + " AND u.id = :id"


# Making it


def prepare(session: Session) -> None:
    """Make the tables that aren't there yet. What is public is to be indexed, by `work`."""
    if is_prepared(session):
        return
    for statement in _TABLES:
        session.execute(text(statement))
    for rows in (_POSTS, _UPDATES):
        public = f"SELECT item, coalesce(at, 0) FROM ({rows}) AS items WHERE public"  # noqa: S608
        session.execute(text(f"INSERT INTO search_doc (item, at) {public}"))


def is_prepared(session: Session) -> bool:
    return session.scalar(text("SELECT to_regclass('search_due')")) is not None


def has_work(session: Session) -> bool:
    if not is_prepared(session):
        return True
    some = "SELECT 1 WHERE EXISTS (SELECT 1 FROM search_due) OR EXISTS (SELECT 1 FROM search_doc WHERE crc IS NULL)"
    return session.scalar(text(some)) is not None


def work(session: Session) -> None:
    """Bring some items up to date that are due or not indexed yet, the newest first."""
    prepare(session)
    items = session.scalars(text("SELECT item FROM search_due LIMIT :limit"), {"limit": BATCH}).all()
    if not items:
        new = text("SELECT item FROM search_doc WHERE crc IS NULL ORDER BY at DESC LIMIT :limit")
        items = session.scalars(new, {"limit": BATCH}).all()
    give_up_at = time.monotonic() + HELD_SECONDS
    for item in items:
        _settle(session, item)
        if time.monotonic() > give_up_at:
            break


# Keeping it


def put(session: Session, item: Post | Update) -> None:
    """Index an item as it is now, and a post's updates with it; what isn't public is taken out."""
    _settle(session, search_index.number(item))
    if isinstance(item, Post):
        _settle_updates(session, item.id, AT_ONCE)


def forget_updates(session: Session, post_id: int) -> None:
    session.execute(text(_ADD_DUE), {"post_id": post_id})
    _settle_updates(session, post_id, None)


def forget_deleted(session: Session) -> None:
    """A row that is deleted is gone for who asks; as those of every other table, it is vacuumed after the commit."""


def _settle(session: Session, item: int) -> None:
    before = session.execute(
        text("SELECT crc, language, marks FROM search_doc WHERE item = :item AND crc IS NOT NULL"), {"item": item}
    ).first()
    now = session.execute(text(_UPDATE if item % 2 else _POST), {"id": item // 2}).first()
    is_public = now is not None and now.public
    if now is not None and is_public:
        after = columns(now.title, now.summary, now.html, now)
        if before is None or (before.crc, before.marks) != (after.crc, now.marks):
            row = {"item": item, "at": now.at or 0, "crc": after.crc, "language": now.language, "marks": now.marks}
            session.execute(text(_PUT), row | {"words": _vector(after)})
        else:
            session.execute(
                text("UPDATE search_doc SET at = :at, language = :language WHERE item = :item"),
                {"item": item, "at": now.at or 0, "language": now.language},
            )
    else:
        session.execute(text("DELETE FROM search_doc WHERE item = :item"), {"item": item})
    session.execute(text("DELETE FROM search_due WHERE item = :item"), {"item": item})
    if item % 2 == 0 and concerns_updates(before, now if is_public else None):
        session.execute(text(_ADD_DUE), {"post_id": item // 2})


def _settle_updates(session: Session, post_id: int, limit: int | None) -> None:
    items = 'SELECT item FROM search_due JOIN "update" ON item = id * 2 + 1 WHERE post_id = :post_id LIMIT :limit'
    for item in session.scalars(text(items), {"post_id": post_id, "limit": limit}).all():
        _settle(session, item)


def copy(session: Session, first: int, last: int, ids: int, seconds: int) -> None:
    """Index the copies of these posts, which are in the index: the same tokens under higher ids, so much later."""
    session.execute(text(_COPY), {"first": first, "last": last, "ids": ids, "seconds": seconds})
    copies = "item BETWEEN (:first + :ids) * 2 AND (:last + :ids) * 2 AND item % 2 = 0"
    session.execute(text(f"DELETE FROM search_due WHERE {copies}"), {"first": first, "last": last, "ids": ids})  # noqa: S608


def _vector(item: Columns) -> str:
    """A tsvector as text: a title's words of weight A and a text's of B with their places, all else without."""
    places: dict[str, list[str]] = {}
    size, place = 0, 0
    for words, weight in ((item.title, "A"), (item.body, "B")):
        for word in words.split():
            place += 1
            size += 4 if word in places else len(word.encode()) + 8
            if size > WORDS_BYTES:
                break
            places.setdefault(word, []).append(f"{min(place, MAX_PLACE)}{weight}")
        place += 1  # no phrase goes on from a title into its text
    lexemes = [f"{_quoted(word)}:{','.join(at[:255])}" for word, at in places.items()]
    return " ".join([*lexemes, *map(_quoted, dict.fromkeys(f"{item.stems} {item.marks}".split()))])


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


# Asking it


def expression(query: Query, marks: list[str]) -> str:
    """The tsquery, as text; an item must have all of `marks`."""
    found = " & ".join([*map(_term, query.wanted), *map(_quoted, marks)])
    return f"({found}) & !({' | '.join(map(_term, query.excluded))})" if query.excluded else found


def _term(term: Term) -> str:
    words = [_quoted(token) for token in term.tokens]
    phrase = " <-> ".join([*words[:-1], f"{words[-1]}:*" if term.prefix else words[-1]])
    own = [f"={term.tokens[0]}"] if term.is_loose else []
    stems = [f"{sign}{stem}" for stem in sorted(term.stems) for sign in ("", "=")]
    return f"({' | '.join([f'({phrase})', *map(_quoted, own + stems)])})"


def count(session: Session, match: str) -> int:
    return session.scalar(text(f"SELECT count(*) {_MATCH}{_shown(session)}"), {"match": match}) or 0


def _shown(session: Session) -> str:
    """A condition that leaves out what isn't public any more and is still to follow its post out of the index."""
    return _NOT_HIDDEN if session.scalar(text("SELECT 1 FROM search_due LIMIT 1")) else ""


def best(session: Session, match: str, total: int, *, by_date: bool, limit: int, offset: int) -> list[int]:
    """The items in order, by relevance or the newest first, of search_index.RANKED that became public last."""
    newest = f"SELECT * {_MATCH}{_shown(session)} ORDER BY {_BY_DATE} LIMIT {min(total, search_index.RANKED)}"
    order = _BY_DATE if by_date else _BY_RELEVANCE
    found = text(f"SELECT item FROM ({newest}) AS newest ORDER BY {order} LIMIT :limit OFFSET :offset")  # noqa: S608
    return list(session.scalars(found, {"match": match, "limit": limit, "offset": offset}))


def known(session: Session, terms: list[Term]) -> list[str]:
    """The words of those that are in a title or text, the most frequent first. For one with stems, other forms of it
    are looked for instead."""
    words = {_known(term): term.tokens[0] for term in terms}
    exists = """SELECT word FROM jsonb_array_elements_text(CAST(:words AS jsonb)) AS word
        WHERE EXISTS (SELECT 1 FROM search_doc WHERE words @@ CAST(word AS tsquery))"""
    there = session.scalars(text(exists), {"words": dumps(list(words))}).all()
    often = text(f"SELECT count(*) FROM (SELECT 1 {_MATCH} LIMIT 1000) AS found")  # noqa: S608
    counts = {match: session.scalar(often, {"match": match}) or 0 for match in there[:MEANT]}
    return [words[match] for match in sorted(counts, key=lambda match: -counts[match])]


def _known(term: Term) -> str:
    stems = [_quoted(sign + stem) for stem in sorted(term.stems) for sign in ("", "=")]
    return " | ".join(stems) or _quoted(term.tokens[0])
