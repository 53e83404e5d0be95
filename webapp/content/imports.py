"""Imports: what a file does to the site, by plan and in deed, and how it is taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db.engine import WriteSession
from ..errors import NotFound
from ..models import Comment, Import, ImportedFile, Post, Revision, Update, User, now_ms
from ..text.render import render_post
from . import events, foreign, invalidation, listings, old_addresses, posts, search
from .importing import NO_DATE, Source

# What becomes of a file: a new post, another text for its post, a draft shown after all; nothing; nothing, for the post
# was changed on the site since.
NEW, CHANGED, SHOWN, SAME, EDITED = "new", "changed", "shown", "same", "edited"


class Plan(NamedTuple):
    action: str
    post_id: int | None = None
    is_copy: bool = False


@dataclass
class Run:
    """One import. `account_of` finds who is meant by a name in a file; `author_id` has the others' posts.

    import_id: its number, once it has changed something. posts: of this run's files, by their stems (foreign.stem).
    linking: posts that link to files. public: posts that became public. strangers: names that no account has.
    taken: old addresses that lead to other posts.
    """

    author_id: int
    account_of: Callable[[str], int | None]
    paths: frozenset[str] = frozenset()
    import_id: int | None = None
    posts: dict[str, int] = field(default_factory=dict)
    linking: list[tuple[int, str]] = field(default_factory=list)
    public: set[int] = field(default_factory=set)
    strangers: Counter[str] = field(default_factory=Counter)
    taken: list[str] = field(default_factory=list)

    def authors_of(self, source: Source) -> tuple[list[int], list[str]]:
        """The accounts that its names mean, and the names that mean none."""
        meant = {name: self.account_of(name) for name in source.authors}
        ids = dict.fromkeys(found for found in meant.values() if found is not None)
        return list(ids), [name for name, found in meant.items() if found is None]


def plan(session: Session, source: Source) -> Plan:
    """What the file is to do."""
    row, is_copy = _known(session, source)
    if row is None:
        return _plan_for_last_release(session, source)
    if is_copy:
        return Plan(SAME, row.post_id, is_copy=True)
    is_shown = row.reason == NO_DATE and not source.reason and row.digest == source.digest
    if row.digest == source.digest and not is_shown:
        return Plan(SAME, row.post_id)
    post = session.get_one(Post, row.post_id)
    if is_shown and post.status == "published":
        return Plan(SAME, post.id)
    if (post.version, post.status) != (row.version, row.status):
        return Plan(EDITED, post.id)
    return Plan(SHOWN if is_shown else CHANGED, post.id)


def _known(session: Session, source: Source) -> tuple[ImportedFile | None, bool]:
    """The row of the file's post, and whether the file is no more than a copy of it.

    Two blogs may each have an about.md: one of title, date and text must be as it was.
    """
    rows = select(ImportedFile).join(Post).where(Post.status.in_(posts.WRITTEN)).order_by(ImportedFile.import_id.desc())
    for row in session.scalars(rows.where(ImportedFile.path == source.file.below)):
        has_its_date = source.at_ms is not None and source.at_ms == row.dated_at
        if has_its_date or row.title_digest == source.title_digest or row.body_digest == source.body_digest:
            return row, False
    copied = session.scalar(rows.where(ImportedFile.text_digest == source.text_digest).limit(1))
    return copied, copied is not None


def _plan_for_last_release(session: Session, source: Source) -> Plan:
    """It knew files by their whole path alone."""
    post = session.scalar(
        select(Post).where(Post.source == str(source.file.path), Post.status.in_(posts.WRITTEN)).options(*posts.WHOLE)
    )
    if post is None:
        return Plan(NEW)
    writing, is_shut = source.writing, source.reason not in ("", NO_DATE)
    same = (post.title, post.body, post.summary, post.language) == (
        writing.title, writing.body, writing.summary, writing.language
    )  # fmt: skip
    same = same and {tag.key for tag in post.tags} == {*map(posts.tag_key, writing.tags)}
    if same and not is_shut and source.at_ms in (None, post.published_at):
        return Plan(SAME, post.id)
    return Plan(CHANGED if post.version == 1 else EDITED, post.id)


def store(session: WriteSession, run: Run, source: Source) -> Plan:
    """Do it."""
    planned = plan(session, source)
    if planned.action in (SAME, EDITED) and planned.post_id is not None:
        if planned.is_copy:
            _follow(session, run, source, planned.post_id)
        run.posts.setdefault(foreign.stem(source.file.below), planned.post_id)
        return planned
    author_ids, strangers = run.authors_of(source)
    run.strangers.update(strangers)
    if planned.action == NEW:
        post, before = _made(session, run, source, author_ids or [run.author_id]), None
    else:
        post, before = _changed(session, run, source, planned, author_ids)
    _note(session, run, source, post, before)
    run.taken += old_addresses.add(session, post.id, list(source.addresses))
    run.posts[foreign.stem(source.file.below)] = post.id
    if foreign.has_links(source.writing.body):
        run.linking.append((post.id, source.file.below))
    return Plan(planned.action, post.id)


def _follow(session: WriteSession, run: Run, source: Source, post_id: int) -> None:
    """A file that was moved is known by its new path; one that was copied by the first."""
    of_post = select(ImportedFile).where(ImportedFile.post_id == post_id).order_by(ImportedFile.import_id.desc())
    row = session.scalar(of_post.limit(1))
    if row is not None and row.path not in run.paths:
        row.path, row.digest = source.file.below, source.digest
        row.title_digest, row.body_digest = source.title_digest, source.body_digest


def _made(session: WriteSession, run: Run, source: Source, author_ids: list[int]) -> Post:
    authors = [session.get_one(User, author_id) for author_id in author_ids]
    post = posts.create(session, authors, source.writing, actor_id=run.author_id)
    if not source.reason:
        _show(session, run, source, post)
    return post


def _show(session: WriteSession, run: Run, source: Source, post: Post) -> None:
    posts.publish(session, post.id, source.at_ms, announced=False)
    post.changed_at = post.published_at or post.changed_at  # another author, later on, isn't to tell the import's time
    run.public.add(post.id)


def _changed(
    session: WriteSession, run: Run, source: Source, planned: Plan, author_ids: list[int]
) -> tuple[Post, dict[str, Any]]:
    post = posts.locked(session, planned.post_id or 0)
    before = {"version": post.version, "status": post.status, "published_at": post.published_at}
    if planned.action == CHANGED:
        authors = [session.get_one(User, author_id) for author_id in author_ids] or list(post.authors)
        writing = replace(source.writing, live=post.live, comments=post.comments)
        if post.status == "published" and source.at_ms is not None and not source.reason:
            _redate(session, post, source.at_ms)
        posts.edit(session, post.id, authors, writing, version=None, actor_id=run.author_id)
    if post.status == "published" and source.reason not in ("", NO_DATE):
        posts.unpublish(session, post.id)
    elif post.status == "draft" and not source.reason:
        _show(session, run, source, post)
    post.source = None
    return post, before


def _redate(session: WriteSession, post: Post, at_ms: int) -> None:
    if post.published_at != at_ms:
        post.published_at = at_ms
        session.flush()
        search.put(session, post)
        events.record_front(session, post)
        invalidation.post(session, post)


def _note(session: WriteSession, run: Run, source: Source, post: Post, before: dict[str, Any] | None) -> None:
    strangers = run.authors_of(source)[1]
    if run.import_id is None:
        session.add(begun := Import())
        session.flush()
        run.import_id = begun.id
    kept = {"byline": ", ".join(strangers), "image": source.image}
    session.add(
        ImportedFile(
            import_id=run.import_id,
            post_id=post.id,
            path=source.file.below,
            digest=source.digest,
            title_digest=source.title_digest,
            body_digest=source.body_digest,
            text_digest=source.text_digest,
            version=post.version,
            status=post.status,
            reason="" if post.status == "published" else source.reason,
            dated_at=source.at_ms,
            kept={name: value for name, value in kept.items() if value},
            before=before,
        )
    )
    session.flush()


def link(session: WriteSession, run: Run, post_id: int, below: str) -> None:
    """Let the post's links to other files of the run lead to their posts."""
    post = posts.locked(session, post_id)

    def address_of(to: str) -> str | None:
        found = next((run.posts[path] for path in foreign.candidates(below, to) if path in run.posts), None)
        return f"/post/{found}{to[to.find('#') :] if '#' in to else ''}" if found else None

    body = foreign.rewritten(post.body, address_of)
    if body == post.body:
        return
    rendered = render_post(body)
    post.body, post.html = body, rendered.html
    post.toc = [[heading.level, heading.id, heading.text] for heading in rendered.toc]
    session.flush()
    if post.status == "published":
        search.put(session, post)
        invalidation.post(session, post)


def announce(session: WriteSession, run: Run) -> None:
    """Tell open front pages of what stands there now."""
    for post in listings.newest(session, 1).posts:
        if post.id in run.public:
            events.record_front(session, post)


# Taking it back


def files_of(session: Session, number: int) -> list[int]:
    """The ids of posts that the import has made or changed and that weren't taken back, the last first.

    Raises NotFound.
    """
    if session.get(Import, number) is None:
        raise NotFound
    of_import = select(ImportedFile.post_id).where(ImportedFile.import_id == number)
    return list(session.scalars(of_import.order_by(ImportedFile.post_id.desc())))


def every(session: Session) -> list[tuple[Import, int]]:
    """The imports with the number of posts that each has still to its name, the newest first."""
    return [
        (each, len(files_of(session, each.id))) for each in session.scalars(select(Import).order_by(Import.id.desc()))
    ]


def take_back(session: WriteSession, number: int, post_id: int) -> str:
    """Delete the post that the import made, or give it back what it was. Why not, in a few words; else empty."""
    row = session.get_one(ImportedFile, (number, post_id))
    post = posts.locked(session, post_id)
    if why := _spared(session, row, post):
        return why
    if row.before is None:
        posts.erase(session, post_id)
        return ""
    _restore(session, row.before, post)
    session.delete(row)
    session.flush()
    last = session.scalar(
        select(ImportedFile).where(ImportedFile.post_id == post_id).order_by(ImportedFile.import_id.desc()).limit(1)
    )
    if last is not None:
        last.version, last.status = post.version, post.status
    return ""


def _spared(session: Session, row: ImportedFile, post: Post) -> str:
    later = select(ImportedFile.import_id).where(
        ImportedFile.post_id == post.id, ImportedFile.import_id > row.import_id
    )
    if number := session.scalar(later.order_by(ImportedFile.import_id).limit(1)):
        return f"changed by import {number}"
    if post.status != row.status:
        return "published since" if post.status == "published" else "unpublished since"
    if post.version != row.version:
        return "edited since"
    for kind, why in ((Update, "updated since"), (Comment, "commented on since")):
        if row.before is None and session.scalar(select(kind.id).where(kind.post_id == post.id).limit(1)):
            return why
    return ""


def _restore(session: WriteSession, before: dict[str, Any], post: Post) -> None:
    kept = select(Revision).where(
        Revision.kind == "post", Revision.item_id == post.id, Revision.version == before["version"]
    )
    if before["status"] == "draft":
        posts.unpublish(session, post.id)
    if (revision := session.scalar(kept)) is not None and not revision.texts.get("legal"):
        texts = revision.texts
        writing = posts.Writing(
            title=texts["title"],
            body=texts["body"],
            rendered=render_post(texts["body"]),
            summary=texts["summary"],
            tags=posts.split_names(texts["tags"]),
            language=texts["language"],
            live=post.live,
            comments=post.comments,
        )
        posts.edit(session, post.id, list(post.authors), writing, version=None, actor_id=None)
    if before["status"] == "published":
        posts.publish(session, post.id, before["published_at"])
        _redate(session, post, before["published_at"])
    else:
        post.published_at = before["published_at"]


def finish(session: WriteSession, number: int) -> None:
    session.get_one(Import, number).undone_at = now_ms()


# What the desk says of a draft


def notes(session: Session, drafts: list[Post]) -> dict[int, ImportedFile]:
    """The last row of each that came by an import."""
    ids = [post.id for post in drafts]
    rows = session.scalars(select(ImportedFile).where(ImportedFile.post_id.in_(ids)).order_by(ImportedFile.import_id))
    return {row.post_id: row for row in rows}
