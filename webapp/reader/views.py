"""Public pages. They read no cookie and no session, and set none: everybody gets the same bytes."""

from contextlib import suppress

from flask import Blueprint, render_template, request

from ..content import about as site_pages
from ..content import comments, events, listings, posts, search, updates
from ..db import reading
from ..errors import Moved, NotFound
from ..http import rate_limits
from ..http.links import relative
from ..i18n import directed, direction
from ..models import FRONT, ITEMS_PER_PAGE
from ..people import users
from ..text.language import runs_from_the_right

reader = Blueprint("reader", __name__)

# What is made once and kept as a file, replaced at once ("hot") or made again when somebody asks ("cold").
PUBLIC = {
    "reader.front": "hot",
    "reader.post": "hot",
    "reader.older_updates": "cold",
    "reader.older_comments": "cold",
    "reader.update": "cold",
    "reader.user": "cold",
    "reader.tag": "cold",
    "reader.about": "cold",
}

SEARCHES_PER_MINUTE = 60
_searches = rate_limits.PerMinute("searches", SEARCHES_PER_MINUTE)


def front_paths() -> list[str]:
    """The front page, and the posts that stand on it: nobody there is to wait for Python."""
    return ["/", *(f"/post/{post.id}" for post in listings.newest(reading(), 1).posts)]


@reader.get("/", defaults={"number": 1})
@reader.get("/page/<int:number>")
def front(number: int) -> str:
    page = listings.newest(reading(), number)
    return render_template("reader/front.html", page=page, seq=events.last_number(reading(), FRONT))


@reader.get("/post/<int:post_id>")
def post(post_id: int) -> str:
    shown = posts.published(reading(), post_id)
    return render_template(
        "reader/post.html",
        post=shown,
        latest=updates.latest(reading(), shown),
        comments=comments.latest(reading(), shown),
    )


@reader.get("/post/<int:post_id>/updates/<int:number>")
def older_updates(post_id: int, number: int) -> str:
    shown = posts.published(reading(), post_id)
    return render_template(
        "reader/updates.html",
        post=shown,
        updates=updates.page(reading(), shown, number),
        number=number,
        full=number * ITEMS_PER_PAGE <= shown.update_count,
    )


@reader.get("/post/<int:post_id>/comments/<int:number>")
def older_comments(post_id: int, number: int) -> str:
    shown = posts.published(reading(), post_id)
    return render_template(
        "reader/comments.html",
        post=shown,
        comments=comments.page(reading(), shown, number),
        number=number,
        full=number * ITEMS_PER_PAGE <= shown.comment_count,
    )


@reader.get("/post/<int:post_id>/update/<int:n>")
def update(post_id: int, n: int) -> str:
    shown = posts.published(reading(), post_id)
    return render_template("reader/update.html", post=shown, update=updates.shown(reading(), post_id, n))


@reader.get("/user/<username>", defaults={"number": 1})
@reader.get("/user/<username>/page/<int:number>")
def user(username: str, number: int) -> str:
    person = users.public(reading(), username)
    if person.username != username:
        raise Moved(relative("reader.user", username=person.username, number=number))
    return render_template("reader/user.html", user=person, page=listings.by_author(reading(), person, number))


@reader.get("/tag/<tag>", defaults={"number": 1})
@reader.get("/tag/<tag>/page/<int:number>")
def tag(tag: str, number: int) -> str:
    shown = listings.tag_by_key(reading(), tag)
    if shown.key != tag:
        raise Moved(relative("reader.tag", tag=shown.key, number=number))
    return render_template("reader/tag.html", tag=shown, page=listings.by_tag(reading(), shown, number))


@reader.get("/about/<path:name>")
def about(name: str) -> str:
    page = site_pages.shown(reading(), name)
    language = "ar" if runs_from_the_right(page.body) else ""  # or another that does
    return render_template("reader/about.html", about=page, html=directed(page.html, language), way=direction(language))


@reader.get("/search")
def search_posts() -> str:
    query = request.args.get("q", "").strip()
    by_date = request.args.get("order") == "date"
    if query:
        _searches.use(rate_limits.network_of(request.remote_addr))
    author, tag, found = None, None, search.NOTHING
    with suppress(NotFound):  # nothing is by somebody who isn't there, or has a tag that isn't
        author = users.public(reading(), name) if (name := request.args.get("author")) else None
        tag = listings.tag_by_key(reading(), key) if (key := request.args.get("tag")) else None
        number = request.args.get("page", 1, type=int)
        found = search.find(reading(), query, by_date=by_date, author=author, tag=tag, number=number)
    chosen = {"q": query, "order": "date" if by_date else None} | {
        "author": author.username if author else request.args.get("author") or None,
        "tag": tag.key if tag else request.args.get("tag") or None,
    }
    return render_template(
        "reader/search.html", query=query, results=found.results, found=found, chosen=chosen, author=author, tag=tag
    )


@reader.get("/hello")
def hello() -> str:
    return "Hello, World!"


@reader.get("/hello/")
@reader.get("/hello/<name>")
def hello_name(name: str | None = None) -> str:
    return render_template("hello.html", name=name)
