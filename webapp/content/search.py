"""Full-text search: what is asked, and what is found of it. The index is SQLite's in `search_index`."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, defer, selectinload

from ..db.engine import make_engine, transaction
from ..models import Post, Tag, Update, User
from ..text.summary import plain
from ..text.tokens import is_unspaced, spans, tokens
from . import search_index, search_postgresql
from . import search_last_release as last_release
from .excerpts import Marker, excerpt, marked
from .search_query import QUERY_LENGTH, Query, Term, parse, term_of

PAGE_SIZE = 20
ENOUGH = 200  # results; a word that has as many isn't taken for the beginning of others
FILTERS = 6  # authors and tags that are offered to search in
# How much HTML of each result is looked through for an excerpt, if need be, and of all together.
TEXT_OF_ONE, TEXT_OF_ALL, TEXT_AT_LEAST = 100_000, 300_000, 4_000
MEANT_WORDS, MEANT_LETTERS = 3, (3, 20)
MEANT_TRIES = 1_200  # times that the index is asked for a word close to those of a query, at 25 µs
_MARKED = re.compile("<mark>(.*?)</mark>")
_WITHOUT_TEXT = (defer(Post.body), defer(Post.html))


@dataclass(frozen=True)
class Result:
    """`kind` is post or update; `heading`, its own title or its post's, and `excerpt` mark what was found."""

    kind: str
    url: str
    post_title: str
    language: str
    heading: Markup
    excerpt: Markup
    at: int
    authors: tuple[User, ...] = ()
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True)
class Found:
    """One page of `total` results, numbered from 1 to `last`; `meant` is another query that finds more, if any."""

    results: list[Result]
    total: int
    number: int = 1
    last: int = 1
    meant: str = ""
    only_excludes: bool = False

    @property
    def first(self) -> int:
        """The number of the first result of this page."""
        return (self.number - 1) * PAGE_SIZE + 1

    @property
    def authors(self) -> list[User]:
        """Of these results, the most frequent first."""
        counts = Counter(author for result in self.results for author in result.authors if author.deleted_at is None)
        return [author for author, _ in counts.most_common(FILTERS)]

    @property
    def tags(self) -> list[Tag]:
        counts = Counter(tag for result in self.results for tag in result.tags)
        return [tag for tag, _ in counts.most_common(FILTERS)]


NOTHING = Found([], 0)


def put(session: Session, item: Post | Update) -> None:
    """Index an item as it is now, and a post's updates with it; what isn't public is taken out."""
    _index(session).put(session, item)


def forget_updates(session: Session, post_id: int) -> None:
    """Take an unpublished post's updates out, before they are deleted: rows are numbered by them."""
    _index(session).forget_updates(session, post_id)


def forget_deleted(session: Session) -> None:
    """Leave nothing in the index of what was taken out of it."""
    _index(session).forget_deleted(session)


def _index(session: Session) -> Any:
    """The module that asks and keeps the index of this kind of database."""
    return search_postgresql if session.get_bind().dialect.name == "postgresql" else search_index


def prepare_at(url: str) -> None:
    engine = make_engine(url)
    try:
        with transaction(engine) as session:
            _index(session).prepare(session)
    finally:
        engine.dispose()


def has_work(session: Session) -> bool:
    return bool(_index(session).has_work(session))


def work(session: Session) -> None:
    """Bring some items up to date that are due or not indexed yet, the newest first."""
    _index(session).work(session)


def copy(session: Session, first: int, last: int, ids: int, seconds: int) -> None:
    """Index the copies of these posts, which are in the index: the same tokens under higher ids, so much later."""
    _index(session).copy(session, first, last, ids, seconds)


def find(
    session: Session,
    query: str,
    *,
    by_date: bool = False,
    author: User | None = None,
    tag: Tag | None = None,
    number: int = 1,
) -> Found:
    """A page of the posts and updates that have all that `query` asks for, which may be any text at all.

    The best first, or the newest with `by_date`; only of an author, or with a tag, if given. Beyond the last page is
    the last one.
    """
    asked = parse(query)
    if not asked.wanted:
        return replace(NOTHING, only_excludes=bool(asked.excluded))
    index = _index(session)
    if index is search_index and _asks_last_release(session):
        items = last_release.best(session, query[:QUERY_LENGTH], PAGE_SIZE)
        return Found(_results(session, items, asked), len(items))
    marks = [*([f"=a{author.id}"] if author else []), *([f"=t{tag.id}"] if tag else [])]
    found = _page(session, asked, by_date, marks, number)
    if not found.total and not author and not tag:
        return replace(found, meant=_meant(session, query[:QUERY_LENGTH], asked))
    return found


def _asks_last_release(session: Session) -> bool:
    return not search_index.is_prepared(session) or (
        not search_index.is_filled(session) and last_release.is_used(session)
    )


def _page(session: Session, asked: Query, by_date: bool, marks: list[str], number: int) -> Found:
    index, whole_words = _index(session), asked.without_prefix
    match = index.expression(whole_words, marks)
    total = index.count(session, match)
    if total < ENOUGH and asked != whole_words:
        match = index.expression(asked, marks)
        total = index.count(session, match)
    else:
        asked = whole_words
    last = max(1, -(-min(total, search_index.RANKED) // PAGE_SIZE))
    number = min(max(number, 1), last)
    offset = (number - 1) * PAGE_SIZE
    items = index.best(session, match, total, by_date=by_date, limit=PAGE_SIZE, offset=offset) if total else []
    return Found(_results(session, items, asked), total, number, last)


# What was meant


def _meant(session: Session, query: str, asked: Query) -> str:
    """The query with another letter in its words that nobody has used, when that finds something that is public."""
    words = [term.tokens[0] for term in asked.wanted if len(term.tokens) == 1 and not term.exact]
    words = [word for word in words if word[0].isalnum() and not is_unspaced(word)]
    better, left = dict[str, str](), MEANT_TRIES
    for word in words[:MEANT_WORDS]:
        # One with stems is asked for three times.
        tries = _close_to(word)[: left // 3 if word.isascii() else left]
        left -= len(tries) * (3 if word.isascii() else 1)
        if close := _close_words(session, word, tries):
            better[word] = close[0]
    results = _page(session, parse(_replaced(query, better)), False, [], 1).results if better else []
    return _replaced(query, {word: _as_written(close, results) for word, close in better.items()}) if results else ""


def _replaced(query: str, better: dict[str, str]) -> str:
    replaced, end = "", 0
    for start, stop, token in spans(query):
        if token in better:
            replaced += query[end:start] + better[token]
            end = stop
    return replaced + query[end:]


def _as_written(word: str, results: list[Result]) -> str:
    """As it stands in what it finds, with its accents, in small letters unless all have it otherwise."""
    marked = [unescape(found) for result in results for found in _MARKED.findall(result.heading + result.excerpt)]
    written = {found for found in marked if tokens(found) == [word]}
    small = [found for found in sorted(written) if found.islower()]
    return (small or sorted(written) or [word])[0]


def _close_words(session: Session, word: str, close: list[str]) -> list[str]:
    """Those close to a word that nobody has used, the most frequent first; else those of which another form is used."""
    index = _index(session)
    if index.known(session, [Term((word,)), term_of([word])]):
        return []
    used: list[str] = index.known(session, [Term((other,)) for other in close])
    return used or list(index.known(session, [term for other in close if (term := term_of([other])).stems]))


def _close_to(word: str) -> list[str]:
    """The words that one letter more, less or other makes of it, or two letters that change places."""
    if not MEANT_LETTERS[0] <= len(word) <= MEANT_LETTERS[1]:
        return []
    parts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    letters = _alphabet(word)
    close = [a + b[1] + b[0] + b[2:] for a, b in parts if len(b) > 1]
    close += [a + b[1:] for a, b in parts if b]
    close += [a + letter + b[1:] for a, b in parts if b for letter in letters]
    close += [a + letter + b for a, b in parts for letter in letters]
    return [other for other in dict.fromkeys(close) if other != word]


def _alphabet(word: str) -> list[str]:
    """The letters of the script that most of a folded word is in: those of its part of Unicode."""
    if word.isascii():
        return list("abcdefghijklmnopqrstuvwxyz")
    first = ord(max(word)) & ~0x7F
    return [
        letter for letter in map(chr, range(first, first + 0x80)) if tokens(f"{word[0]}{letter}") == [word[0] + letter]
    ]


# What is shown


def _results(session: Session, items: list[int], asked: Query) -> list[Result]:
    if not items:
        return []
    found: dict[int, tuple[Post | Update, str]] = {}
    for post, html in session.execute(_posts([item // 2 for item in items if item % 2 == 0])):
        found[search_index.number(post)] = post, html
    for update, html in session.execute(_updates([item // 2 for item in items if item % 2])):
        found[search_index.number(update)] = update, html
    left, results, marker = TEXT_OF_ALL, [], Marker(asked.wanted)
    for item in items:
        if item in found:
            shown, html = found[item]
            html = html[: max(left, TEXT_AT_LEAST)]
            left -= len(html)
            results.append(_result(shown, plain(html[: html.rfind(">") + 1]), marker))
    return results


def _posts(ids: list[int]) -> Select[Post, str]:
    public = select(Post, func.substr(Post.html, 1, TEXT_OF_ONE)).where(Post.id.in_(ids), Post.status == "published")
    return public.options(selectinload(Post.authors), selectinload(Post.tags), *_WITHOUT_TEXT)


def _updates(ids: list[int]) -> Select[Update, str]:
    public = select(Update, func.substr(Update.html, 1, TEXT_OF_ONE)).join(Post)
    public = public.where(Update.id.in_(ids), Update.withdrawn_at.is_(None), Post.status == "published")
    of_post = selectinload(Update.post).options(selectinload(Post.tags), *_WITHOUT_TEXT)
    return public.options(of_post, selectinload(Update.author), defer(Update.body), defer(Update.html))


def _result(item: Post | Update, words: str, marker: Marker) -> Result:
    post = item if isinstance(item, Post) else item.post
    if isinstance(item, Post):
        kind, url, at = "post", url_for("reader.post", post_id=item.id), item.published_at or 0
        authors = tuple(item.authors)
    else:
        kind, url, at = "update", url_for("reader.update", post_id=item.post_id, n=item.n), item.created_at
        authors = (item.author,)
    heading = marked(item.title or post.title, marker)
    shown = excerpt(words, marker)
    return Result(kind, url, post.title, post.language, heading, shown, at, authors, tuple(post.tags))
