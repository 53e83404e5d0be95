"""Which change touches which pages. Each function is called in the change's own transaction."""

from __future__ import annotations

from collections.abc import Iterable

from ..db.engine import WriteSession
from ..models import Comment, Post, Tag, Update, User, page_of
from ..pages.paths import FEEDS, sitemap_number
from ..pages.versions import ALL, touch

LISTS = ("/", "/page/*", *(f"/{feed}" for feed in FEEDS), "/sitemap.xml")


def update(session: WriteSession, update: Update) -> None:
    """An update that came, changed or went."""
    post = f"/post/{update.post_id}"
    own = [f"{post}/update/{update.n}", f"{post}/updates/{page_of(update.position)}"]
    touch(session, [post, *own, *(f"{post}/{feed}" for feed in FEEDS)])


def comment(session: WriteSession, comment: Comment) -> None:
    """A comment that came or went."""
    touch(session, [f"/post/{comment.post_id}", f"/post/{comment.post_id}/comments/{comment.page}"])


def post(session: WriteSession, post: Post, authors: Iterable[User] = (), tags: Iterable[Tag] = ()) -> None:
    """A post that came, went, or changed in its head: all its pages, and every list that shows it.

    authors, tags: those that it had before the change, where these may be others.
    """
    users, tags = {*authors, *post.authors}, {*tags, *post.tags}
    lists = [f"/user/{user.username}" for user in users] + [f"/tag/{tag.key}" for tag in tags]
    pages = [path + end for path in lists for end in ("", "/*")]
    rows: list[Post | Tag | User] = [post, *users, *tags]
    touch(session, [f"/post/{post.id}", f"/post/{post.id}/*", *LISTS, *map(_part_of_sitemap, rows), *pages])


def _part_of_sitemap(row: Post | Tag | User) -> str:
    return f"/sitemap/{row.__tablename__}-{sitemap_number(row.id)}.xml"


def name(session: WriteSession, name: str, post_ids: list[int], in_lists: bool) -> None:
    """A user who had this name: their own pages and the posts that say it; as an author, every list."""
    lists = (*LISTS, "/sitemap/*", "/user/*", "/tag/*") if in_lists else ()
    pages = [f"/post/{post_id}{end}" for post_id in post_ids for end in ("", "/*")]
    touch(session, [*lists, f"/user/{name}", f"/user/{name}/*", *pages])


def about(session: WriteSession, name: str, listed_anew: bool) -> None:
    """A page of the site itself. `listed_anew`: it came, went or has another title, and every page's footer says so."""
    touch(session, [ALL] if listed_anew else [f"/about/{name}", "/sitemap/site-1.xml"])
