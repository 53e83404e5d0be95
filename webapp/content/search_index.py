"""The index behind `search`, on SQLite: all that is FTS5's, and how the index stays what readers may find.

A contentless FTS5 table keeps no text, and SQLite 3.40 takes a row out of one only when it is told the row's tokens
again. So triggers note the text that was indexed before anybody changes it, in `search_due`: for `put`, which indexes
the item anew in the same transaction, or, when a worker of the last release has changed it, for `work`, a moment later.
A checksum tells whether they are the same tokens; if not, the index is emptied, and `work` fills it anew.

    search_index  the FTS5 table, a row for each `doc`: title; body with summary and tags; stems that are no words of it
                  themselves, as =elect; marks: =a7 an author, =t7 a tag of its or its post's
    search_doc    what is to be found, numbered from old to new: `item` (see `number`), `at` (Unix seconds), `crc` of
                  its tokens, NULL before they are in the index, and of what they were made beside its own row
    search_due    items that are to be indexed anew, and what their row said when it was indexed, if it has changed

A trigger names no table but its own and these: SQLite won't rename any while one names a table that isn't there.
The names begin with `search`, so that Alembic, the last release's too, leaves them alone.
"""

from __future__ import annotations

import json
import time
import zlib
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from ..models import Post, Update
from ..text.summary import plain
from ..text.tokens import stems, tokens
from . import search_last_release as last_release
from .search_query import Query, Term

# Of one post's updates: so many follow it out of the index, or back, in its own transaction; the rest a moment later.
AT_ONCE = 300
TABLES = ("search_index", "search_doc", "search_due")
BESIDE = ("language", "tags", "marks")  # what an item's tokens are made of beside its own row
RANKED = 10_000
MEANT = 20  # words close to another one are weighed
BATCH, HELD_SECONDS = 50, 0.05  # what `work` does in one transaction

POSTS = """
    SELECT id * 2 AS item, title, summary, html, language, published_at / 1000 AS at, status = 'published' AS public,
      coalesce((SELECT group_concat(name, ' ') FROM
        (SELECT name FROM tag JOIN post_tag ON tag_id = tag.id WHERE post_id = post.id ORDER BY tag.id) AS names), '')
        AS tags,
      coalesce((SELECT group_concat(mark, ' ') FROM
        (SELECT '=a' || user_id AS mark FROM post_author WHERE post_id = post.id
         UNION SELECT '=t' || tag_id FROM post_tag WHERE post_id = post.id ORDER BY 1) AS marks), '') AS marks
    FROM post WHERE id <> 0"""
UPDATES = """
    SELECT u.id * 2 + 1 AS item, u.title, '' AS summary, u.html, post.language, u.created_at / 1000 AS at,
      post.status = 'published' AND u.withdrawn_at IS NULL AS public, '' AS tags,
      '=a' || u.author_id || coalesce((SELECT group_concat(mark, '') FROM
        (SELECT ' =t' || tag_id AS mark FROM post_tag WHERE post_id = post.id ORDER BY 1) AS marks), '') AS marks
    FROM "update" AS u JOIN post ON post.id = u.post_id WHERE true"""

POST, UPDATE = POSTS + " AND id = :id", UPDATES + " AND u.id = :id"

_TABLES = (
    """CREATE VIRTUAL TABLE IF NOT EXISTS search_index
       USING fts5 (title, body, stems, marks, content = '', tokenize = "ascii tokenchars '+#.$='")""",
    "CREATE TABLE IF NOT EXISTS search_doc (doc INTEGER PRIMARY KEY, item INTEGER NOT NULL UNIQUE, at INTEGER NOT NULL,"
    " crc INTEGER, language TEXT, tags TEXT, marks TEXT)",
    "CREATE INDEX IF NOT EXISTS search_doc_unindexed ON search_doc (doc) WHERE crc IS NULL",
    "CREATE TABLE IF NOT EXISTS search_due (item INTEGER PRIMARY KEY, title TEXT, summary TEXT, html TEXT)",
)
_EMPTY = (
    "INSERT INTO search_index (search_index) VALUES ('delete-all')",
    "UPDATE search_doc SET crc = NULL",
    "UPDATE search_due SET title = NULL, summary = NULL, html = NULL",
)
_TAKE_OUT = (
    "INSERT INTO search_index (search_index, rowid, title, body, stems, marks)"
    " VALUES ('delete', :doc, :title, :body, :stems, :marks)"
)
_ADD = "INSERT INTO search_index (rowid, title, body, stems, marks) VALUES (:doc, :title, :body, :stems, :marks)"
_NUMBER = (
    "INSERT INTO search_doc (item, at, crc, language, tags, marks) VALUES (:item, :at, :crc, :language, :tags, :marks)"
    " ON CONFLICT (item) DO UPDATE SET at = excluded.at, crc = excluded.crc, language = excluded.language,"
    " tags = excluded.tags, marks = excluded.marks RETURNING doc"
)
_COPY = (
    "INSERT INTO search_doc (item, at, crc, language, tags, marks)"
    " SELECT item + :ids * 2, at + :seconds, crc, language, tags, marks FROM search_doc"
    " WHERE item BETWEEN :first * 2 AND :last * 2 AND item % 2 = 0 ORDER BY item RETURNING item, doc"
)
# A title's word counts five times, a stem hardly: exact words come first. Marks don't count.
_BY_RELEVANCE = """SELECT rowid FROM search_index WHERE search_index MATCH :match AND rowid > :first
    ORDER BY bm25(search_index, 5, 1, 0.01, 0), rowid DESC LIMIT :limit OFFSET :offset"""
_BY_DATE = """SELECT doc FROM search_index JOIN search_doc ON doc = search_index.rowid
    WHERE search_index MATCH :match AND search_index.rowid > :first
    ORDER BY at DESC, doc DESC LIMIT :limit OFFSET :offset"""

_NOT_HIDDEN = """ AND search_index.rowid NOT IN (
    SELECT doc FROM search_due JOIN search_doc USING (item) JOIN "update" AS u ON item = u.id * 2 + 1
    JOIN post ON post.id = u.post_id WHERE post.status <> 'published' OR u.withdrawn_at IS NOT NULL)"""


def _due(item: str, was: str = "NULL, NULL, NULL", condition: str = "true") -> str:
    """SQL that notes what an item's row says before it changes; once is enough."""
    return (
        f"INSERT INTO search_due (item, title, summary, html) SELECT {item}, {was} WHERE {condition}"
        " ON CONFLICT (item) DO UPDATE SET title = excluded.title, summary = excluded.summary, html = excluded.html"
        " WHERE html IS NULL;"
    )


def _indexed(item: str) -> str:
    return f"EXISTS (SELECT 1 FROM search_doc WHERE item = {item} AND crc IS NOT NULL)"  # noqa: S608


_POST_IS = _indexed("OLD.id * 2")
_UPDATE_IS = _indexed("OLD.id * 2 + 1")
_ALL_OUT = "; ".join(_EMPTY) + ";"
# What the last release deletes for good it can't take out of this index, so all goes. Ours has taken it out before.
_TRIGGERS = {
    "search_post_is_made": ("AFTER INSERT ON post WHEN NEW.status = 'published'", _due("NEW.id * 2")),
    "search_post_changes": (
        "BEFORE UPDATE OF title, summary, html, language, status, published_at ON post"
        " WHEN OLD.status = 'published' OR NEW.status = 'published'",
        _due("OLD.id * 2") + _due("OLD.id * 2", "OLD.title, OLD.summary, OLD.html", _POST_IS),
    ),
    "search_post_is_deleted": (f"BEFORE DELETE ON post WHEN {_POST_IS}", _ALL_OUT),
    "search_update_is_made": ('AFTER INSERT ON "update"', _due("NEW.id * 2 + 1")),
    "search_update_changes": (
        'BEFORE UPDATE OF title, html, withdrawn_at ON "update"',
        _due("OLD.id * 2 + 1") + _due("OLD.id * 2 + 1", "OLD.title, '', OLD.html", _UPDATE_IS),
    ),
    "search_update_is_deleted": (f'BEFORE DELETE ON "update" WHEN {_UPDATE_IS}', _ALL_OUT),
    "search_update_is_erased": (
        f"AFTER UPDATE OF withdrawal ON \"update\" WHEN NEW.withdrawal = 'legal' AND {_UPDATE_IS}",
        _ALL_OUT,
    ),
    "search_earlier_is_erased": (
        "AFTER UPDATE OF texts ON revision WHEN EXISTS (SELECT 1 FROM search_due WHERE html IS NOT NULL)",
        _ALL_OUT,
    ),
    "search_tag_is_given": ("AFTER INSERT ON post_tag", _due("NEW.post_id * 2", condition=_indexed("NEW.post_id * 2"))),
    "search_tag_is_taken": ("AFTER DELETE ON post_tag", _due("OLD.post_id * 2", condition=_indexed("OLD.post_id * 2"))),
    "search_author_is_named": (
        "AFTER INSERT ON post_author", _due("NEW.post_id * 2", condition=_indexed("NEW.post_id * 2"))
    ),
    "search_author_is_left_out": (
        "AFTER DELETE ON post_author", _due("OLD.post_id * 2", condition=_indexed("OLD.post_id * 2"))
    ),
}  # fmt: skip


def number(item: Post | Update) -> int:
    """Posts have the even ones and updates the odd ones."""
    return item.id * 2 + isinstance(item, Update)


@dataclass(frozen=True)
class Columns:
    """The tokens of one item, as the FTS5 table is told them, to index it or to take it out."""

    title: str
    body: str
    stems: str
    marks: str

    @property
    def crc(self) -> int:
        return zlib.crc32("\n".join((self.title, self.body, self.stems, self.marks)).encode())


def columns(title: str, summary: str, html: str, beside: Row[Any]) -> Columns:
    titles = tokens(title)
    body = tokens(f"{summary}\n{beside.tags}\n{plain(html)}")
    others = [f"={stem}" for stem in stems(titles + body, beside.language)]
    return Columns(" ".join(titles), " ".join(body), " ".join(others), beside.marks)


# Making it


def prepare(session: Session) -> None:
    """Make the tables and triggers that aren't there yet. What is public is to be indexed, by `work`."""
    if is_prepared(session):
        return
    for statement in _TABLES:
        session.execute(text(statement))
    for name, (event, body) in _TRIGGERS.items():
        session.connection().exec_driver_sql(f"CREATE TRIGGER IF NOT EXISTS {name} {event} BEGIN {body} END")
    fields = "SELECT item, at FROM ({}) WHERE public"
    public = f"{fields.format(POSTS)} UNION ALL {fields.format(UPDATES)}"
    session.execute(text(f"INSERT OR IGNORE INTO search_doc (item, at) {public} ORDER BY at, item"))


def is_prepared(session: Session) -> bool:
    # The last that is made, in one transaction.
    return session.scalar(text("SELECT 1 FROM sqlite_master WHERE name = 'search_author_is_left_out'")) is not None


def is_filled(session: Session) -> bool:
    return session.scalar(text("SELECT 1 FROM search_doc WHERE crc IS NULL LIMIT 1")) is None


def has_work(session: Session) -> bool:
    is_due = "SELECT 1 FROM search_due LIMIT 1"
    return not is_prepared(session) or not is_filled(session) or session.scalar(text(is_due)) is not None


def work(session: Session) -> None:
    """Bring some items up to date that are due or not indexed yet, the newest first."""
    prepare(session)
    items = session.scalars(text("SELECT item FROM search_due LIMIT :limit"), {"limit": BATCH}).all()
    if not items:
        new = text("SELECT item FROM search_doc WHERE crc IS NULL ORDER BY doc DESC LIMIT :limit")
        items = session.scalars(new, {"limit": BATCH}).all()[::-1]  # FTS5 writes rows together that come in order
    give_up_at = time.monotonic() + HELD_SECONDS
    for item in items:
        settle(session, item)
        if time.monotonic() > give_up_at:
            break


# Keeping it


def settle(session: Session, item: int) -> None:
    """Let the index have the item as it is now, if it is public."""
    doc = session.execute(text("SELECT * FROM search_doc WHERE item = :item"), {"item": item}).first()
    due = session.execute(text("SELECT * FROM search_due WHERE item = :item"), {"item": item}).first()
    if due is None and (doc is None or doc.crc is not None):
        return  # nothing has changed
    now = session.execute(text(UPDATE if item % 2 else POST), {"id": item // 2}).first()
    before = after = None
    if doc is not None and doc.crc is not None:
        before = _taken_out(session, doc, due if due is not None and due.html is not None else now)
    if now is not None and now.public:
        after = columns(now.title, now.summary, now.html, now)
        row = {"item": item, "at": now.at or 0, "crc": after.crc} | {name: now._mapping[name] for name in BESIDE}
        session.execute(text(_ADD), asdict(after) | {"doc": session.scalar(text(_NUMBER), row)})
    else:
        session.execute(text("DELETE FROM search_doc WHERE item = :item"), {"item": item})
    session.execute(text("DELETE FROM search_due WHERE item = :item"), {"item": item})
    if item % 2 == 0 and concerns_updates(doc if before else None, now if after else None):
        updates = 'INSERT OR IGNORE INTO search_due (item) SELECT id * 2 + 1 FROM "update" WHERE post_id = :post_id'
        session.execute(text(updates), {"post_id": item // 2})


def copy(session: Session, first: int, last: int, ids: int, seconds: int) -> None:
    """Index the copies of these posts, which are in the index: the same tokens under higher ids, so much later."""
    copied = session.execute(text(_COPY), {"first": first, "last": last, "ids": ids, "seconds": seconds})
    docs = {row.item: row.doc for row in copied}
    rows = session.execute(text(POSTS + " AND id BETWEEN :first AND :last"), {"first": first, "last": last})
    session.execute(text(_ADD), [asdict(_columns_of(row)) | {"doc": docs[row.item + ids * 2]} for row in rows])
    session.execute(
        text("DELETE FROM search_due WHERE item IN (SELECT value FROM json_each(:items))"),
        {"items": json.dumps([*docs])},
    )


@lru_cache(maxsize=1_000)
def _columns_of(post: Row[Any]) -> Columns:
    return columns(post.title, post.summary, post.html, post)


def _taken_out(session: Session, doc: Row[Any], was: Row[Any] | None) -> bool:
    """Take an item out of the index, or everything when these aren't the tokens that were put in."""
    before = columns(was.title, was.summary, was.html, doc) if was is not None else None
    if before is not None and before.crc == doc.crc:
        session.execute(text(_TAKE_OUT), asdict(before) | {"doc": doc.doc})
        return True
    for statement in _EMPTY:
        session.execute(text(statement))
    return False


def concerns_updates(before: Row[Any] | None, after: Row[Any] | None) -> bool:
    if before is None or after is None:
        return before is not after
    return (before.language, _tags_of(before)) != (after.language, _tags_of(after))


def _tags_of(row: Row[Any]) -> list[str]:
    return [mark for mark in row.marks.split() if mark.startswith("=t")]


def settle_updates(session: Session, post_id: int, limit: int = AT_ONCE) -> None:
    """The same for a post's updates that are due."""
    items = 'SELECT item FROM search_due JOIN "update" ON item = id * 2 + 1 WHERE post_id = :post_id LIMIT :limit'
    for item in session.scalars(text(items), {"post_id": post_id, "limit": limit}).all():
        settle(session, item)


def forget_deleted(session: Session) -> None:
    """Write the index anew: words of what was taken out stay in it until then, and secure_delete can't see them."""
    last_release.forget_deleted(session)
    if is_prepared(session):
        session.execute(text("INSERT INTO search_index (search_index) VALUES ('optimize')"))


def put(session: Session, item: Post | Update) -> None:
    """Index an item as it is now, and a post's updates with it; what isn't public is taken out."""
    is_public = item.status == "published" if isinstance(item, Post) else item.withdrawn_at is None
    last_release.put(session, item, number(item), is_public)
    if is_prepared(session):
        settle(session, number(item))
        if isinstance(item, Post):
            settle_updates(session, item.id)


def forget_updates(session: Session, post_id: int) -> None:
    last_release.forget_updates(session, post_id)
    if is_prepared(session):
        settle_updates(session, post_id, limit=-1)


# Asking it


def expression(query: Query, marks: list[str]) -> str:
    """What FTS5 is asked; an item must have all of `marks`."""
    found = " AND ".join([*map(_term, query.wanted), *(f'"{mark}"' for mark in marks)])
    return f"({found}) NOT ({' OR '.join(map(_term, query.excluded))})" if query.excluded else found


def _term(term: Term) -> str:
    words = f'"{" ".join(term.tokens)}"'
    stems = [f'"{sign}{stem}"' for stem in sorted(term.stems) for sign in ("", "=")]
    # A word may itself be the stem of others.
    own = [f'"={term.tokens[0]}"'] if term.is_loose else []
    either = [words, *([f"{words} *"] if term.prefix else []), *own, *stems]
    return either[0] if len(either) == 1 else f"({' OR '.join(either)})"


def count(session: Session, match: str) -> int:
    """How many items FTS5's expression `match` finds."""
    counted = f"SELECT count(*) FROM search_index WHERE search_index MATCH :match{_shown(session)}"  # noqa: S608
    return session.scalar(text(counted), {"match": match}) or 0


def _shown(session: Session) -> str:
    """A condition that leaves out what isn't public any more and is still to follow its post out of the index."""
    return _NOT_HIDDEN if session.scalar(text("SELECT 1 FROM search_due LIMIT 1")) else ""


def best(session: Session, match: str, total: int, *, by_date: bool, limit: int, offset: int) -> list[int]:
    """The items in order, by relevance or the newest first, of the RANKED of `total` that became public last."""
    shown = _shown(session)
    newest = f"""SELECT rowid FROM search_index WHERE search_index MATCH :match{shown}
        ORDER BY rowid DESC LIMIT 1 OFFSET :ranked"""  # noqa: S608
    first = (session.scalar(text(newest), {"match": match, "ranked": RANKED}) or 0) if total > RANKED else 0
    found = text((_BY_DATE if by_date else _BY_RELEVANCE).replace(":first", f":first{shown}"))
    docs = session.scalars(found, {"match": match, "first": first, "limit": limit, "offset": offset}).all()
    rows = session.execute(
        text("SELECT doc, item FROM search_doc WHERE doc IN (SELECT value FROM json_each(:docs))"),
        {"docs": json.dumps(docs)},
    )
    items = {row.doc: row.item for row in rows}
    return [items[doc] for doc in docs if doc in items]


def known(session: Session, terms: list[Term]) -> list[str]:
    """The words of those that are in a title or text, the most frequent first. For one with stems, other forms of it
    are looked for instead."""
    words = {_known(term): term.tokens[0] for term in terms}
    exists = """SELECT value FROM json_each(:words)
        WHERE EXISTS (SELECT 1 FROM search_index WHERE search_index MATCH value)"""
    there = session.scalars(text(exists), {"words": json.dumps(list(words))}).all()
    often = text("SELECT count(*) FROM (SELECT 1 FROM search_index WHERE search_index MATCH :match LIMIT 1000)")
    counts = {match: session.scalar(often, {"match": match}) or 0 for match in there[:MEANT]}
    return [words[match] for match in sorted(counts, key=lambda match: -counts[match])]


def _known(term: Term) -> str:
    return " OR ".join(f'"{stem}" OR "={stem}"' for stem in sorted(term.stems)) or f'"{term.tokens[0]}"'
