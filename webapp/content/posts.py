"""Posts: one read by whoever may, and the verbs that change one, each with its events."""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Row, delete, exists, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, defer, raiseload, selectinload

from ..db.engine import WriteSession
from ..errors import Conflict, Gone, NotFound, Refused
from ..i18n import gettext as _
from ..models import (
    Comment,
    Editing,
    Event,
    ImportedFile,
    OldAddress,
    Post,
    Revision,
    Tag,
    Update,
    User,
    post_author,
    post_tag,
)
from ..system.clock import now_ms
from ..text.render import Rendered
from ..values import INVISIBLE, digest, normalized
from . import corrections, events, fragments, invalidation, pictures, rendering, revisions, search

LANGUAGE_LENGTH = 35
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u034f]")  # of a letter's look
_HASH_WITHIN = re.compile(r"#(?=[^\W_])")
TAG_LENGTH = 100
TAGS_PER_POST = 10
COMMENTS = ("open", "slow", "closed")
WRITTEN = ("draft", "published")

WHOLE = (selectinload(Post.authors), selectinload(Post.tags), raiseload("*"))
# All that a deleted post was. `seq` stays for those who read it to the end, `published_at` tells that it was public.
EMPTIED: dict[str, Any] = {
    **dict.fromkeys(("title", "summary", "body", "html", "language"), ""),
    **dict.fromkeys(("submission", "draft_token", "source", "created_by_id", "ended_at", "kept_live_at")),
    **dict.fromkeys(("update_count", "comment_count"), 0),
    **{"cover_name": None, "cover": None, "status": "deleted", "toc": [], "live": False, "comments": "closed"},
}

LISTED = (*WHOLE, defer(Post.body), defer(Post.html))


@dataclass(frozen=True)
class Writing:
    """What the form of a post holds. `rendered` is made of `body` before the transaction begins."""

    title: str
    body: str
    rendered: Rendered
    summary: str = ""
    tags: list[str] = field(default_factory=list)
    language: str = ""
    live: bool = False
    comments: str = "open"
    cover: str = ""


# Reading


def published(session: Session, post_id: int) -> Post:
    """Raises NotFound for a missing or unpublished post alike, Gone for a deleted one that was public."""
    return _found(session, post_id, "published")


def written(session: Session, post_id: int) -> Post:
    """A post or draft, for those who write. Raises NotFound, Gone for a deleted one that was public."""
    return _found(session, post_id, *WRITTEN)


def by_draft_token(session: Session, token: str) -> Post:
    """Raises NotFound once the draft is published or its link was replaced."""
    post = session.scalar(select(Post).where(Post.draft_token == token, Post.status == "draft").options(*WHOLE))
    if post is None:
        raise NotFound
    return post


def _found(session: Session, post_id: int, *status: str) -> Post:
    post = session.scalar(select(Post).where(Post.id == post_id, Post.status.in_(status)).options(*WHOLE))
    if post is None:
        was_public = select(Post.id).where(Post.id == post_id, Post.status == "deleted", Post.published_at.is_not(None))
        raise NotFound if session.scalar(was_public) is None else Gone(_("This post was deleted."))
    return post


def naming(user: User) -> ColumnElement[bool]:
    return Post.id.in_(select(post_author.c.post_id).where(post_author.c.user_id == user.id))


def is_published(post_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether that post is. Not by a join, which SQLite would begin with all posts."""
    return exists().where(Post.id == post_id, Post.status == "published")


def on_desk(session: Session, user: User | None, status: str, limit: int = 200) -> list[Post]:
    """The newest drafts or published posts that name `user`, or everybody's when None."""
    statement = select(Post).where(Post.status == status)
    if user is not None:
        statement = statement.where(naming(user))
    newest_first = statement.order_by(Post.live.desc(), Post.changed_at.desc(), Post.id.desc())
    return list(session.scalars(newest_first.options(*LISTED).limit(limit)))


def tag_key(name: str) -> str:
    """The tag as URLs spell it: `Local Elections` is `local-elections`. Letters of any script stay, with their marks,
    and so do the signs that tell C, C++ and C# apart."""
    key = ""
    folded = normalized("NFKC", normalized("NFKC", name).casefold())
    for char in folded:
        is_mark = unicodedata.category(char) in ("Mn", "Mc") and not _SELECTOR.fullmatch(char)
        within = key[-1:] not in ("", " ")
        is_letter = char.isalnum() and char not in INVISIBLE
        key += char if is_letter or (within and (is_mark or char in "+#")) else " "
    return "-".join(_HASH_WITHIN.sub(" ", key).split())


def former_tag_key(name: str) -> str:
    """Before marks and signs were kept: that of tags which exist since then."""
    folded = normalized("NFKC", name).casefold()
    return "-".join("".join(char if char.isalnum() else " " for char in folded).split())


def split_names(names: str | None) -> list[str]:
    """Names separated by commas, Chinese ones too; each once."""
    separated = (names or "").replace("，", ",").replace("、", ",").split(",")
    return list(dict.fromkeys(name.strip() for name in separated if name.strip()))


def last_change(post: Post | Row[*tuple[Any, ...]]) -> int:
    """When readers last saw another text or state of a published post, its updates apart."""
    return max(post.published_at or 0, post.changed_at if post.version > 1 else 0, post.ended_at or 0)


# Writing


def create(
    session: Session, authors: list[User], writing: Writing, *, submission: str | None = None, actor_id: int
) -> Post:
    """A new draft; the same `submission` of the same person again gives the one that it made."""
    if submission:
        made = session.scalar(select(Post).where(Post.created_by_id == actor_id, Post.submission == submission))
        if before := revisions.made_before(made, title=writing.title, body=writing.body):
            return before
    post = Post(
        title=writing.title,
        summary=writing.summary,
        body=writing.body,
        language=writing.language,
        created_by_id=actor_id,
        submission=submission,
        draft_token=str(uuid4()),
    )
    session.add(post)
    _settle(session, post, authors, writing)
    session.flush()
    pictures.note_uses(session, post, is_new=True)
    return post


def edit(
    session: WriteSession,
    post_id: int,
    authors: list[User],
    writing: Writing,
    *,
    version: int | None,
    actor_id: int | None,
) -> Post:
    """Raises Conflict when somebody saved, ended or unpublished it since `version`."""
    post = locked(session, post_id)
    old, listed = texts_of(post), ({*post.authors}, {*post.tags})
    post.title, post.summary, post.body, post.language = writing.title, writing.summary, writing.body, writing.language
    _settle(session, post, authors, writing)
    new = texts_of(post)
    if not revisions.save(session, post, actor_id, version, old=old, new=new):
        return post
    if any(old[name] != new[name] for name in ("title", "summary", "body", "cover")):
        post.changed_at = now_ms()
    session.flush()
    pictures.note_uses(session, post)
    if post.status == "published":
        # A language shows all over the page: where each word of it breaks, and in which direction it is read.
        _record_head(session, post, whole_page=old["language"] != new["language"])
        if old["comments"] != new["comments"]:
            _record_comment_state(session, post)
        invalidation.post(session, post, *listed)
    return post


def render_anew(session: WriteSession, post_id: int) -> None:
    """The same text, whose pictures have changed."""
    post = locked(session, post_id)
    rendered = rendering.post(post.body, session)
    before = post.html, post.cover
    set_html(post, rendered)
    post.cover = pictures.cover(session, post)
    if before == (post.html, post.cover):
        return
    session.flush()
    if post.status == "published":
        _record_head(session, post)


def set_html(post: Post, rendered: Rendered) -> None:
    post.html = rendered.html
    post.toc = [[heading.level, heading.id, heading.text] for heading in rendered.toc]


def _settle(session: Session, post: Post, authors: list[User], writing: Writing) -> None:
    set_html(post, writing.rendered)
    post.cover_name = writing.cover or None
    post.comments = writing.comments
    if post.live and not writing.live and post.published_at:
        post.ended_at = now_ms()
    elif writing.live:
        post.ended_at = None
        if not post.live and post.status == "published":
            post.kept_live_at = now_ms()
    post.live = writing.live
    post.authors = authors
    post.tags = _tags(session, writing.tags)


def _tags(session: Session, names: list[str]) -> list[Tag]:
    wanted = {tag_key(name): name for name in names}
    known = tags_named(session, names)
    return [known.get(key) or Tag(key=key, name=name) for key, name in wanted.items() if key]


def tags_named(session: Session, names: list[str]) -> dict[str, Tag]:
    """Those that exist, by `tag_key`. One with a former key goes on under it, for those who mean its name."""
    keys = {*map(tag_key, names), *map(former_tag_key, names)}
    rows = list(session.scalars(select(Tag).where(Tag.key.in_(keys))))
    return {tag_key(row.name): row for row in rows} | {row.key: row for row in rows}


def discard(session: WriteSession, post_id: int) -> None:
    """Delete a draft that was never public, with its older texts. Raises Conflict for any other post."""
    post = locked(session, post_id)
    if post.status != "draft" or post.published_at is not None:
        raise Conflict(_("Only drafts that were never published can be deleted."))
    erase(session, post_id)


def erase(session: WriteSession, post_id: int) -> None:
    """Delete a post with all that belongs to it, and the tags that no other has.

    Its row stays, emptied, so that no other post ever gets its number, which open pages and feed readers know it by.
    Those who read it are told `gone`.
    """
    post = unpublish(session, post_id)
    search.forget_updates(session, post_id)
    session.execute(delete(Revision).where(revisions.of_post_and_updates(post_id)))
    updates = select(Update.id).where(Update.post_id == post_id)
    session.execute(delete(Editing).where(Editing.update_id.in_(updates)))
    pictures.forget_uses(session, "update", updates)
    pictures.forget_uses(session, "post", [post_id])
    tags = [tag.id for tag in post.tags]
    post.authors, post.tags = [], []
    session.flush()
    for row in session.scalars(select(ImportedFile).where(ImportedFile.post_id == post_id)):
        # So that the file doesn't bring it back; its name may say what was deleted.
        row.path, row.kept, row.before, row.reason = digest(row.path), {}, None, ""
    for belonging in (Event, Comment, Update, OldAddress):
        session.execute(delete(belonging).where(belonging.post_id == post_id))
    del session.locked[post_id]
    session.expire(post)
    session.execute(update(Post).where(Post.id == post_id).values(**EMPTIED, version=Post.version + 1))
    forget_unused_tags(session, tags)


def forget_unused_tags(session: Session, ids: list[int] | None = None) -> None:
    """Those that no post has; of these alone, as a matter of time, where they are given."""
    is_used = select(post_tag.c.post_id).where(post_tag.c.tag_id == Tag.id).exists()
    among = [] if ids is None else [Tag.id.in_(ids)]
    session.execute(delete(Tag).where(~is_used, *among).execution_options(synchronize_session=False))


def publish(session: WriteSession, post_id: int, at_ms: int | None = None, *, announced: bool = True) -> Post:
    """Make a draft public. `at_ms` is its time; else what it had, or was imported with; else now.

    announced: whether open pages hear of it. One of many that come at once isn't, and nobody has its page open.
    """
    post = locked(session, post_id)
    if post.status == "published":
        return post
    post.status = "published"
    post.published_at = at_ms or post.published_at or _dated_before_now(session, post_id) or now_ms()
    post.draft_token = None
    if post.live:
        post.kept_live_at = at_ms or now_ms()
    if announced:
        corrections.see(session, Update.post_id == post_id, Update.withdrawn_at.is_(None))
    session.flush()
    if announced:
        _record_head(session, post)
    else:
        renew(session, post)
    return post


def renew(session: WriteSession, post: Post) -> None:
    """Index a public post anew, and renew its pages; no open page hears of it."""
    search.put(session, post)
    invalidation.post(session, post)


def _dated_before_now(session: Session, post_id: int) -> int | None:
    """When the file that a draft was imported from says that it was published."""
    of_post = select(ImportedFile.dated_at).where(ImportedFile.post_id == post_id, ImportedFile.dated_at <= now_ms())
    return session.scalar(of_post.order_by(ImportedFile.import_id.desc()).limit(1))


def unpublish(session: WriteSession, post_id: int) -> Post:
    """Take a post back to the drafts, with all that belongs to it; publishing it again brings it back."""
    post = locked(session, post_id)
    if post.status != "published":
        return post
    post.status = "draft"
    post.version += 1
    post.draft_token = str(uuid4())
    session.flush()
    search.put(session, post)
    events.record(session, post.id, events.next_number(session, post.id), "gone")
    events.record_front(session, post, "remove")
    invalidation.post(session, post)
    return post


def end(session: WriteSession, post_id: int) -> Post:
    """The live post is over; it takes no more updates."""
    post = locked(session, post_id)
    if not post.live:
        return post
    post.live, post.ended_at = False, now_ms()
    post.version += 1
    session.flush()
    if post.status == "published":
        _record_head(session, post)
    return post


def set_comments(session: WriteSession, post_id: int, comments: str) -> Post:
    """Open, slow down or close a post's comments. Raises Refused for anything but COMMENTS."""
    if comments not in COMMENTS:
        raise Refused(_("Choose open, slow mode or closed."))
    post = locked(session, post_id)
    if post.comments == comments:
        return post
    post.comments = comments
    post.version += 1  # else a form that was opened before would switch them back
    session.flush()
    if post.status == "published":
        _record_comment_state(session, post)
        invalidation.post(session, post)
    return post


def replace_draft_token(session: WriteSession, post_id: int) -> Post:
    """A new secret link; the old one no longer works."""
    post = locked(session, post_id)
    if post.status != "draft":
        raise Conflict(_("This post is published, so its secret link has ended."))
    post.draft_token = str(uuid4())
    return post


def _record_head(session: WriteSession, post: Post, whole_page: bool = False) -> None:
    search.put(session, post)
    if whole_page:
        record_reload(session, post.id)
    else:
        n = events.next_number(session, post.id)
        html = fragments.head(post)
        events.record(session, post.id, n, "post", item=f"post-{post.id}", html=html)
    events.record_front(session, post)
    invalidation.post(session, post)


def _record_comment_state(session: WriteSession, post: Post) -> None:
    n, html = events.next_number(session, post.id), fragments.comment_state(post)
    events.record(session, post.id, n, "comments", item="comment-state", html=html)


def locked(session: WriteSession, post_id: int) -> Post:
    """The post, with its row locked to the end of the transaction, so that event numbers follow commits.

    Whoever checks rights under the lock, as `writing_as` does, has locked it for the verb too.
    """
    held = session.locked.get(post_id)
    if held is not None and held in session:
        return held
    post = session.get(Post, post_id, with_for_update=True)
    if post is None or post.status not in WRITTEN:
        raise NotFound
    session.locked[post_id] = post
    return post


def record_reload(session: WriteSession, post_id: int) -> None:
    """Something changed all over the page, such as a name. What earlier events said may no longer be said."""
    events.forget(session, Event.post_id == post_id)
    events.record(session, post_id, events.next_number(session, post_id), "reload")


def texts_of(post: Post) -> dict[str, Any]:
    """All that its form can change, in the form's own words."""
    return {
        "title": post.title,
        "summary": post.summary,
        "body": post.body,
        "tags": ", ".join(tag.name for tag in sorted(post.tags, key=lambda tag: tag.key)),
        "language": post.language,
        "authors": ", ".join(user.username for user in sorted(post.authors, key=lambda user: user.id)),
        "live": post.live,
        "comments": post.comments,
        "cover": post.cover_name or "",
    }
