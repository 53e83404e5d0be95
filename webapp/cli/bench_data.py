"""`pressroom bench-data`: fills an empty instance for load tests, with the same site for the same options."""

from __future__ import annotations

import secrets
import shlex
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import click
from flask import current_app
from sqlalchemy import select

from .. import changes, db
from ..config import LANGUAGES
from ..content import comments, copies, posts, updates
from ..db.engine import WriteSession
from ..demo.prose import PARAGRAPH_WORDS, Prose, prose
from ..models import FRONT, Post
from ..ops.setup import program
from ..pages import versions
from ..people import passwords, users
from ..system import instance, screen
from ..system.screen import printable
from ..text.render import render_comment, render_post, render_update
from .common import Failed, on_instance

UPDATE_WORDS = 35
COMMENT_WORDS = 20
COMMENTS_ELSEWHERE = 5  # at most, on a post that isn't live
# So many posts are written one by one. Further ones are copies of them, on later days.
WRITTEN = 500
# When the newest post begins, and all the others before it. Were it now, the same options would make another site.
NEWEST_MS = int(datetime(2026, 1, 1, 18, tzinfo=UTC).timestamp()) * 1000
MS_BETWEEN_POSTS = 3 * 3_600_000
MS_BETWEEN_ITEMS = 40_000


@click.command("bench-data")
@click.option("--posts", "post_count", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option(
    "--live",
    "live_count",
    type=click.IntRange(0, 100),
    default=3,
    show_default=True,
    help="Live posts, in addition to --posts.",
)
@click.option(
    "--updates",
    "update_count",
    type=click.IntRange(0, 5_000),
    default=200,
    show_default=True,
    help="Per live post.",
)
@click.option(
    "--updates-in-one",
    "most_updates",
    type=click.IntRange(0, 10_000),
    help="Of the newest live post, instead of --updates.",
)
@click.option(
    "--comments",
    "comment_count",
    type=click.IntRange(0, 5_000),
    default=300,
    show_default=True,
    help=f"Per live post; other posts get up to {COMMENTS_ELSEWHERE}.",
)
@click.option("--authors", "author_count", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option("--readers", "reader_count", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="A different seed creates a different site."
)
@on_instance
def bench_data(
    *,
    post_count: int,
    live_count: int,
    update_count: int,
    most_updates: int | None,
    comment_count: int,
    author_count: int,
    reader_count: int,
    seed: int,
) -> None:
    """Fill an empty instance with posts, live posts and accounts for load tests.

    All accounts that it makes share one random password. It is in bench.json, in the instance folder; by that file
    load tests know that they may run here.
    """
    folder = current_app.config["INSTANCE"]
    if most_updates is not None and not live_count:
        raise click.UsageError("--updates-in-one needs a live post: leave out --live 0.")
    if instance.is_bench(folder):
        raise Failed(f"{folder} already has bench data. Delete the folder to start over.")
    password = secrets.token_urlsafe(16)
    authors = [f"author-{number}" for number in range(1, author_count + 1)]
    readers = [f"reader-{number}" for number in range(1, reader_count + 1)]
    author_ids, reader_ids = _make_accounts(authors, readers, passwords.make_hash(password))
    random = Random(seed)  # noqa: S311
    proses = [prose(language, random) for language in LANGUAGES]
    updates_of = dict.fromkeys(range(post_count, post_count + live_count), update_count)
    if most_updates is not None:
        updates_of[post_count + live_count - 1] = most_updates
    post_ids: list[int] = []
    copied = range(WRITTEN, post_count, WRITTEN)
    steps = [*range(min(post_count, WRITTEN)), *copied, *updates_of]
    with click.progressbar(steps, label="Filling", file=screen.unguarded()) as bar:
        for number in bar:
            if number in copied:
                post_ids += _copy(post_ids[: min(WRITTEN, post_count - number)], number)
                continue
            words, live = proses[number % len(proses)], number in updates_of
            at_ms = NEWEST_MS - MS_BETWEEN_POSTS * (post_count + live_count - 1 - number)
            post_ids.append(_publish(words, author_ids if live else [random.choice(author_ids)], at_ms, live))
            few = random.randint(0, min(COMMENTS_ELSEWHERE, comment_count))
            told = random.choices(author_ids, k=updates_of.get(number, 0))
            said = random.choices(reader_ids, k=comment_count if live else few)
            _go_on(words, post_ids[-1], at_ms, told, said)
    with changes.changing() as session:
        versions.touch(session, [versions.ALL])
        session.woken.add(FRONT)
    made = {"live_posts": post_ids[post_count:], "posts": post_ids[:post_count]}
    instance.write_bench(folder, {"seed": seed, "password": password, "authors": authors, "readers": readers} | made)
    on_each = f"{update_count} updates and {comment_count} comments"
    newest = "" if most_updates is None else f" The newest has {most_updates} updates."
    click.echo(f"{post_count} posts, and {live_count} live posts with {on_each} each.{newest}")
    click.echo(
        f"{author_count} authors and {reader_count} readers; their password is in {printable(folder / instance.BENCH)}"
    )
    _say_what_next(folder)


def _say_what_next(folder: Path) -> None:
    click.echo(f"Serve it: PRESSROOM_INSTANCE={shlex.quote(str(folder))} PRESSROOM_LIMITS=off make serve")
    click.echo("Then load it with Locust from another terminal. See loadtests/README.md.")


def _make_accounts(authors: list[str], readers: list[str], password_hash: str) -> tuple[list[int], list[int]]:
    """Their ids. Nothing is made when there are posts, or when somebody has one of the names."""
    with db.writing() as session:
        if session.scalar(select(Post.id).where(Post.id != FRONT).limit(1)) is not None:
            raise Failed(
                "This site already has posts, so nothing was changed."
                f" Set PRESSROOM_INSTANCE to a new folder, then run: {program()} init"
            )
        made = [users.create(session, name, None, password_hash, name.partition("-")[0]) for name in authors + readers]
        for user in made:
            user.created_at = NEWEST_MS
        ids = [user.id for user in made]
        return ids[: len(authors)], ids[len(authors) :]


def _publish(words: Prose, author_ids: list[int], at_ms: int, live: bool) -> int:
    """A post's id. All who are named on a live post may write its updates."""
    body = words.passage(PARAGRAPH_WORDS) if live else words.article()
    writing = posts.Writing(
        title=" – ".join(words.random.sample(words.titles, 2)),
        body=body,
        rendered=render_post(body),
        summary=words.passage(20),
        tags=words.random.sample(words.tags, words.random.randint(1, 2)),
        language=words.language,
        live=live,
    )
    with db.writing() as session:
        authors = [users.get(session, user_id) for user_id in author_ids]
        post = posts.create(session, authors, writing, actor_id=author_ids[0])
        post.created_at = post.changed_at = at_ms
        return posts.publish(session, post.id, at_ms).id


def _copy(post_ids: list[int], by: int) -> list[int]:
    """The ids of copies of these posts, so many ids and posts later."""
    with db.writing() as session:
        copies.of_posts(session, post_ids[0], post_ids[-1], by, MS_BETWEEN_POSTS * by)
    return [post_id + by for post_id in post_ids]


def _go_on(words: Prose, post_id: int, at_ms: int, told: list[int], said: list[int]) -> None:
    """Updates by those `told` and comments by those `said`, in any order, one after the other."""
    items = [(_add_update, user_id) for user_id in told] + [(_add_comment, user_id) for user_id in said]
    words.random.shuffle(items)
    with db.writing() as session:
        for add, user_id in items:
            at_ms += round(words.random.expovariate(1 / MS_BETWEEN_ITEMS))
            add(session, words, post_id, user_id, at_ms)


def _add_update(session: WriteSession, words: Prose, post_id: int, author_id: int, at_ms: int) -> None:
    body = words.passage(words.length(UPDATE_WORDS))
    title = words.random.choice(words.titles) if words.random.random() < 0.3 else ""
    key = bool(title) and words.random.random() < 0.2
    updates.add(session, post_id, author_id, body, render_update(body), title=title, key=key, at_ms=at_ms)


def _add_comment(session: WriteSession, words: Prose, post_id: int, reader_id: int, at_ms: int) -> None:
    body = words.passage(words.length(COMMENT_WORDS))
    comments.add(session, post_id, reader_id, body, render_comment(body), per_minute=None, at_ms=at_ms)
