"""Imports: what a file does to the site, by plan and in deed, and how it is taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.orm import Session, aliased

from ..db.engine import WriteSession
from ..errors import NotFound
from ..models import Comment, Import, ImportedFile, Post, Revision, Update, User
from ..values import digest
from . import events, foreign, listings, old_addresses, pictures, posts, rendering
from .importing import NO_DATE, Source
from .pictures import Prepared

# What becomes of a file: a new post, another text for its post, a draft shown after all; nothing; nothing, for the post
# was changed or deleted on the site since.
NEW, CHANGED, SHOWN, SAME, EDITED, DELETED = "new", "changed", "shown", "same", "edited", "deleted"
UNTOUCHED = (SAME, EDITED, DELETED)


class Plan(NamedTuple):
    action: str
    post_id: int | None = None
    is_copy: bool = False


@dataclass
class Run:
    """One import. `account_of` finds who is meant by a name in a file; `author_id` has the others' posts.

    digests: of its files, by their paths below the named folder.
    import_id: its number, once it has changed something.
    posts: of this run's files, by foreign.keys. linking: those that link to files.
    pictured: those whose text or front matter names images. public: that became public.
    strangers: names that no account has. addresses: old ones that lead to posts now; `taken` lead to other posts.
    """

    author_id: int
    account_of: Callable[[str], int | None]
    digests: dict[str, str] = field(default_factory=dict)
    import_id: int | None = None
    posts: dict[str, int] = field(default_factory=dict)
    linking: list[tuple[int, str]] = field(default_factory=list)
    pictured: list[tuple[int, Source]] = field(default_factory=list)
    public: set[int] = field(default_factory=set)
    strangers: Counter[str] = field(default_factory=Counter)
    addresses: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    claimed: set[int] = field(default_factory=set)  # two files of one run are never one post

    def has_unchanged(self, row: ImportedFile) -> bool:
        """Whether the file of the row is still where it was."""
        return self.digests.get(row.path) == row.digest

    def saved(self) -> dict[str, Any]:
        """What `restore` brings back when a transaction wasn't committed."""
        return {name: copy(value) for name, value in vars(self).items() if not callable(value)}

    def restore(self, saved: dict[str, Any]) -> None:
        vars(self).update(saved)

    def know(self, below: str, post_id: int) -> None:
        for key in foreign.keys(below):
            self.posts.setdefault(key, post_id)

    def authors_of(self, source: Source) -> tuple[list[int], list[str]]:
        """The accounts that its names mean, and the names that mean none."""
        meant = {name: self.account_of(name) for name in source.authors}
        ids = dict.fromkeys(found for found in meant.values() if found is not None)
        return list(ids), [name for name, found in meant.items() if found is None]


def plan(session: Session, run: Run, source: Source) -> Plan:
    """What the file is to do."""
    row, is_copy = _known(session, run, source)
    if row is None:
        return _plan_for_last_release(session, source)
    post = session.get_one(Post, row.post_id)
    if post.status == "deleted":
        return Plan(DELETED, post.id)
    if is_copy:
        # A draft's text that also is there for readers is another post.
        return Plan(NEW) if row.reason and not source.reason else Plan(SAME, post.id, is_copy=True)
    return Plan(_action(row, post, source), post.id)


def _action(row: ImportedFile, post: Post, source: Source) -> str:
    is_shut = source.reason not in ("", NO_DATE)
    is_shown = bool(row.reason) and not source.reason
    is_same = row.digest == source.digest
    if is_same and not (is_shut and not row.reason) and not (is_shown and post.status == "draft"):
        return SAME
    is_unpublished, is_published = (post.status != row.status == status for status in ("published", "draft"))
    if post.version != row.version or is_unpublished or (is_published and is_shut):
        return EDITED
    return SHOWN if is_shown and is_same else CHANGED


def _known(session: Session, run: Run, source: Source) -> tuple[ImportedFile | None, bool]:
    """The row of the file's post, and whether the file is no more than a copy of it.

    Files may have been moved, renamed and swapped since: the same text counts first, then the same place, then the same
    path below the named folder, if the text is like it.
    """
    of_post = aliased(ImportedFile)
    newest = select(func.max(of_post.import_id)).where(of_post.post_id == ImportedFile.post_id).scalar_subquery()
    rows = select(ImportedFile).where(ImportedFile.import_id == newest).order_by(ImportedFile.import_id.desc())

    def free(*which: ColumnElement[bool]) -> list[ImportedFile]:
        return [row for row in session.scalars(rows.where(*which).limit(100)) if row.post_id not in run.claimed]

    path = ImportedFile.path.in_((source.file.below, digest(source.file.below)))
    here = free(path | (ImportedFile.place == source.place))
    same_text = ImportedFile.text_digest == source.text_digest
    moved = [row for row in free(same_text) if not run.has_unchanged(row)]
    for row in (*(row for row in here if row.text_digest == source.text_digest), *moved):
        return row, False
    stayed = [row for row in here if row.digest not in run.digests.values()]  # else its text is in another file now
    for row in (*(row for row in stayed if row.place == source.place), *stayed):
        if row.place == source.place or _likeness(row, source) > 1:
            return row, False
    if copied := session.scalar(rows.where(same_text).limit(1)):
        return copied, True
    # A draft that was given a date, and a name or folder with it.
    same = (ImportedFile.title_digest == source.title_digest, ImportedFile.body_digest == source.body_digest)
    undated = free(*same, ImportedFile.dated_at.is_(None))
    return next((row for row in undated if not run.has_unchanged(row)), None), False


def _likeness(row: ImportedFile, source: Source) -> int:
    return (
        (row.title_digest == source.title_digest)
        + (row.body_digest == source.body_digest)
        + (row.dated_at == source.at_ms)
    )


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
    planned = plan(session, run, source)
    if planned.action in UNTOUCHED and planned.post_id is not None:
        run.claimed.add(planned.post_id)
        if planned.action == SAME and not planned.is_copy:
            _follow(session, run, source, planned.post_id)
        if planned.action != DELETED:
            run.know(source.file.below, planned.post_id)
        return planned
    author_ids, strangers = run.authors_of(source)
    run.strangers.update(strangers)
    if planned.action == NEW:
        post, before = _made(session, run, source, author_ids or [run.author_id]), None
    else:
        post, before = _changed(session, run, source, planned, author_ids)
    run.claimed.add(post.id)
    added, taken = old_addresses.add(session, post.id, list(source.addresses))
    run.taken += taken
    run.addresses += added
    _note(session, run, source, post, before | {"addresses": added} if before else None)
    run.know(source.file.below, post.id)
    if foreign.has_links(source.writing.body):
        run.linking.append((post.id, source.file.below))
    if images_of(source):
        run.pictured.append((post.id, source))
    return Plan(planned.action, post.id)


def _follow(session: WriteSession, run: Run, source: Source, post_id: int) -> None:
    """A file that was moved is known by its new path. Its links are looked at again: other files may have come."""
    row = session.scalars(_rows_of(post_id)).first()
    if row is None:
        return
    row.path, row.place = source.file.below, source.place
    if foreign.has_links(source.writing.body) and session.get_one(Post, post_id).version == row.version:
        run.linking.append((post_id, source.file.below))
    if images_of(source) and session.get_one(Post, post_id).version == row.version:
        run.pictured.append((post_id, source))


def images_of(source: Source) -> list[str]:
    """What its text and front matter call its images, those elsewhere aside."""
    cover = [source.image] if source.image and not foreign.is_elsewhere(source.image) else []
    return list(dict.fromkeys([*foreign.images(source.writing.body), *cover]))


def _rows_of(post_id: int) -> Select[ImportedFile]:
    """The last first."""
    return select(ImportedFile).where(ImportedFile.post_id == post_id).order_by(ImportedFile.import_id.desc())


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
    before: dict[str, Any] = {
        "status": post.status,
        "published_at": post.published_at,
        "authors": [user.id for user in post.authors],
    }
    if post.status == "published" and source.reason not in ("", NO_DATE):
        posts.unpublish(session, post.id)  # before the text changes, or an event would tell it
    if planned.action == CHANGED:
        authors = [session.get_one(User, author_id) for author_id in author_ids] or list(post.authors)
        writing = replace(source.writing, live=post.live, comments=post.comments)
        if post.status == "published" and source.at_ms is not None:
            _redate(session, post, source.at_ms)
        before["edited_at"] = post.version
        posts.edit(session, post.id, authors, writing, version=None, actor_id=run.author_id)
        before["is_edited"] = post.version > before["edited_at"]
    if post.status == "draft" and not source.reason:
        _show(session, run, source, post)
    post.source = None
    return post, before


def _redate(session: WriteSession, post: Post, at_ms: int) -> None:
    if post.published_at != at_ms:
        post.published_at = at_ms
        session.flush()
        posts.renew(session, post)
        events.record_front(session, post)


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
            place=source.place,
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
    """Let the post's links to other files of the run lead to their posts, unless somebody was there meanwhile."""
    post = _untouched(session, post_id)
    if post is None:
        return

    def address_of(to: str) -> str | None:
        found = next((run.posts[path] for path in foreign.candidates(below, to) if path in run.posts), None)
        return f"/post/{found}{to[to.find('#') :] if '#' in to else ''}" if found else None

    body = foreign.rewritten(post.body, address_of)
    if body == post.body:
        return
    _rewrite(session, post, body)


def show_pictures(session: WriteSession, run: Run, post_id: int, source: Source, found: dict[str, Prepared]) -> None:
    """Let the post show its pictures, unless somebody was there meanwhile. found: by what the file calls them."""
    post = _untouched(session, post_id)
    if post is None:
        return
    names = dict[str, str]()
    for to, each in found.items():
        file_name = foreign.path_in(to).rpartition("/")[2]
        added = pictures.add(session, each, file_name=file_name, uploader_id=run.author_id, submission=None)
        names[to] = added.name
    post.cover_name = names.get(source.image, post.cover_name)
    _rewrite(session, post, foreign.with_images(post.body, {to: f"/media/{name}" for to, name in names.items()}))


def _untouched(session: WriteSession, post_id: int) -> Post | None:
    """The post, with its row locked, unless somebody was there since its file was imported."""
    post, row = session.get(Post, post_id, with_for_update=True), session.scalars(_rows_of(post_id)).first()
    if post is None or row is None or (post.version, post.status) != (row.version, row.status):
        return None
    return post


def _rewrite(session: WriteSession, post: Post, body: str) -> None:
    """Give it the text as it is on this site, which is no change that anybody made."""
    post.body = body
    posts.set_html(post, rendering.post(body, session))
    session.flush()
    pictures.note_uses(session, post)
    if post.status == "published":
        posts.renew(session, post)


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
    of_import = select(Post.id).join(ImportedFile, ImportedFile.post_id == Post.id)
    still_there = of_import.where(ImportedFile.import_id == number, Post.status.in_(posts.WRITTEN))
    return list(session.scalars(still_there.order_by(Post.id.desc())))


def every(session: Session) -> list[tuple[Import, int]]:
    """The imports with the number of posts that each has still to its name, the newest first."""
    return [
        (each, len(files_of(session, each.id))) for each in session.scalars(select(Import).order_by(Import.id.desc()))
    ]


def take_back(session: WriteSession, number: int, post_id: int) -> str:
    """Delete the post that the import made, or give it back what it was. Why not, as `spared` says it; else empty."""
    post = posts.locked(session, post_id)
    if why := spared(session, number, post):
        return why
    row = session.get_one(ImportedFile, (number, post_id))
    if row.before is None:
        session.execute(delete(ImportedFile).where(ImportedFile.post_id == post_id))
        posts.erase(session, post_id)
        return ""
    _restore(session, row.before, post)
    session.delete(row)
    session.flush()
    last = session.scalars(_rows_of(post_id)).first()
    if last is not None:
        last.version, last.status = post.version, post.status
    return ""


def spared(session: Session, number: int, post: Post) -> str:
    """Why the post isn't to be taken back, in a few words; empty when it is."""
    row = session.get_one(ImportedFile, (number, post.id))
    later = select(ImportedFile.import_id).where(
        ImportedFile.post_id == post.id, ImportedFile.import_id > row.import_id
    )
    if changed_by := session.scalar(later.order_by(ImportedFile.import_id.desc()).limit(1)):
        return f"changed by import {changed_by}, which can be undone first"
    if post.status != row.status:
        return "published since" if post.status == "published" else "unpublished since"
    if post.version != row.version:
        return "edited since"
    goes = row.before is None or (row.before["status"] == "draft" and post.status == "published")
    for kind, why in ((Update, "updated since"), (Comment, "commented on since")):
        if goes and session.scalar(select(kind.id).where(kind.post_id == post.id).limit(1)):
            return why
    if row.before and row.before.get("is_edited") and _text_before(session, row.before, post) is None:
        return "its text before is deleted"
    return ""


def _text_before(session: Session, before: dict[str, Any], post: Post) -> dict[str, Any] | None:
    of_post = (Revision.kind == "post", Revision.item_id == post.id, Revision.version == before["edited_at"])
    revision = session.scalar(select(Revision).where(*of_post))
    return None if revision is None or revision.texts.get("legal") else revision.texts


def _restore(session: WriteSession, before: dict[str, Any], post: Post) -> None:
    if before["status"] == "draft":
        posts.unpublish(session, post.id)
    if before.get("is_edited") and (texts := _text_before(session, before, post)):
        writing = posts.Writing(
            title=texts["title"],
            body=texts["body"],
            rendered=rendering.post(texts["body"], session),
            cover=texts.get("cover", ""),
            summary=texts["summary"],
            tags=posts.split_names(texts["tags"]),
            language=texts["language"],
            live=post.live,
            comments=post.comments,
        )
        authors = [author for author_id in before["authors"] if (author := session.get(User, author_id))]
        posts.edit(session, post.id, authors or list(post.authors), writing, version=None, actor_id=None)
    if before["status"] == "published":
        posts.publish(session, post.id, before["published_at"])
        _redate(session, post, before["published_at"])
    else:
        post.published_at = before["published_at"]
    old_addresses.remove(session, post.id, before.get("addresses", []))


# What the desk says of a draft


def notes(session: Session, drafts: list[Post]) -> dict[int, ImportedFile]:
    """The last row of each that came by an import."""
    ids = [post.id for post in drafts]
    rows = session.scalars(select(ImportedFile).where(ImportedFile.post_id.in_(ids)).order_by(ImportedFile.import_id))
    return {row.post_id: row for row in rows}
