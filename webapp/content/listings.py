"""Lists of posts: the front page, an author's, a tag's, and what feeds and the sitemap say of all of them."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from ..errors import NotFound
from ..models import Post, Tag, User, post_tag
from ..pages.paths import sitemap_number
from .posts import LISTED, WHOLE, is_published, last_change, naming, tag_key, tags_named

PAGE_SIZE = 20
_used = exists().where(post_tag.c.tag_id == Tag.id, is_published(post_tag.c.post_id))


@dataclass(frozen=True)
class Page:
    """One page of a list, numbered from 1. `last` is the number of the oldest one, at least 1."""

    posts: list[Post]
    number: int
    last: int


def newest(session: Session, number: int) -> Page:
    """The front page's posts: live ones first, then by time."""
    return _page(session, select(Post).where(Post.status == "published"), number)


def by_author(session: Session, user: User, number: int) -> Page:
    return _page(session, select(Post).where(Post.status == "published", naming(user)), number)


def by_tag(session: Session, tag: Tag, number: int) -> Page:
    ids = select(post_tag.c.post_id).where(post_tag.c.tag_id == tag.id)
    return _page(session, select(Post).where(Post.status == "published", Post.id.in_(ids)), number)


def _page(session: Session, statement: Select[Post], number: int) -> Page:
    """Raises NotFound for a page past the last one; page 1 is always there."""
    count = session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    last = max(1, -(-count // PAGE_SIZE))
    if not 1 <= number <= last:
        raise NotFound
    ordered = statement.order_by(Post.live.desc(), Post.published_at.desc(), Post.id.desc())
    posts = session.scalars(ordered.options(*LISTED).limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE))
    return Page(list(posts), number, last)


def tag_by_key(session: Session, key: str) -> Tag:
    """A tag that at least one published post has. Raises NotFound."""
    tag = tags_named(session, [key]).get(tag_key(key))
    used = tag and session.scalar(
        select(Post.id).join(post_tag).where(post_tag.c.tag_id == tag.id, Post.status == "published").limit(1)
    )
    if tag is None or used is None:
        raise NotFound
    return tag


def newest_whole(session: Session, author: User | None = None, tag: Tag | None = None) -> list[Post]:
    """The newest published posts with their texts, by time alone; of one author or with one tag if given."""
    statement = select(Post).where(Post.status == "published")
    if author is not None:
        statement = statement.where(naming(author))
    if tag is not None:
        statement = statement.where(Post.id.in_(select(post_tag.c.post_id).where(post_tag.c.tag_id == tag.id)))
    ordered = statement.order_by(Post.published_at.desc(), Post.id.desc())
    return list(session.scalars(ordered.options(*WHOLE).limit(PAGE_SIZE)))


def sitemap_numbers(session: Session, ids: InstrumentedAttribute[int], *conditions: ColumnElement[bool]) -> list[int]:
    """Of the parts of the sitemap that have a row like this."""
    number = sitemap_number(ids)
    return list(session.scalars(select(number).where(*conditions).distinct().order_by(number)))


def post_numbers(session: Session) -> list[int]:
    """Of the parts that have a published post."""
    return sitemap_numbers(session, Post.id, Post.status == "published")


def tag_numbers(session: Session) -> list[int]:
    """Of the parts that have a tag of one."""
    return sitemap_numbers(session, Tag.id, _used)


def published_tags(session: Session, ids: range | None = None) -> list[str]:
    """The keys of the tags that a published post has; of these ids, where they are given."""
    among = [Tag.id.between(ids[0], ids[-1])] if ids else []
    return list(session.scalars(select(Tag.key).where(_used, *among).order_by(Tag.key)))


def last_changes(session: Session, ids: range) -> list[tuple[int, int]]:
    """Of each published post of these ids, oldest first: its id and `last_change`."""
    columns = (Post.id, Post.published_at, Post.changed_at, Post.ended_at, Post.version)
    chosen = select(*columns).where(Post.id.between(ids[0], ids[-1]), Post.status == "published")
    rows = session.execute(chosen.order_by(Post.id))
    return [(row.id, last_change(row)) for row in rows]
