"""Demos: a written live event for each language, played on the site step by step, and taken away again.

What is told stands in en.yaml and zh.yaml. Every step is a transaction of its own, by the same verbs as at the desk.
The post is known by its `source`, and those who speak by the beginning of their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from sqlalchemy import func, select

from .. import changes, db
from ..content import comments, library, posts, rendering, updates
from ..db.engine import WriteSession
from ..errors import NotFound, Refused
from ..http.links import absolute, relative
from ..models import Comment, Post, User
from ..people import users
from ..text.render import render_comment
from ..text.summary import summary
from . import pictures

# A link to an update by its name in the script.
_LINK = re.compile(r"\]\(#(\w+)\)")
# The end of a line within a paragraph or quotation: the next one begins no list, table or quotation.
_WRAP = re.compile(r"(?<=\S)\n(?:> )?(?=[^\s>|\d-])")


class Over(Exception):
    """Somebody ended, unpublished or removed the post that was being played."""


@dataclass
class Play:
    """A script while it is played. `told` has its named steps so far, and `numbers` what became of them.

    token: the post's `submission`; another play's post may have the same id.
    pictures: what texts call them, by the names of their drawings; left_out: a line about each that can't be used.
    """

    script: dict[str, Any]
    token: str
    post_id: int
    ids: dict[str, int]
    pictures: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return absolute("reader.post", post_id=self.post_id)


def script(language: str) -> dict[str, Any]:
    """Its `title`, `summary`, `tags` and `text`, the names of `author` and `people`, and `steps`, by seconds (`at`)."""
    read: dict[str, Any] = yaml.safe_load((Path(__file__).parent / f"{language}.yaml").read_text("utf-8"))
    steps = [step | {"text": unwrapped(step["text"])} if "text" in step else step for step in read["steps"]]
    return read | {"language": language, "steps": steps}


def unwrapped(text: str) -> str:
    """Each paragraph in one line, as updates and comments show the end of a line as one."""
    return _WRAP.sub(" ", text)


def start(script: dict[str, Any]) -> Play:
    """Publish the post, with accounts for those who will speak. Raises Taken when a name isn't to be had.

    The pictures of all steps are prepared here, so that each step is in time.
    """
    prepared, left_out = pictures.prepare(script)
    token = str(uuid4())
    with changes.changing() as session:
        there = {user.username: user for user in users.of_demo(session, script["language"])}
        author = _account(session, there, script["author"], "author")
        ids = {name: _account(session, there, name, "reader").id for name in script["people"]}
        names = pictures.add(session, script, prepared, author.id)
        post = posts.create(session, [author], _head(session, script, names), submission=token, actor_id=author.id)
        post.source = _source(script["language"])
        posts.publish(session, post.id)
    return Play(script, token, post.id, {author.username: author.id} | ids, names, left_out)


def _head(session: WriteSession, script: dict[str, Any], names: dict[str, str]) -> posts.Writing:
    body = f"{pictures.markdown(script, names)}\n\n{script['text']}".lstrip()
    return posts.Writing(
        title=script["title"],
        body=body,
        rendered=rendering.post(body, session),
        summary=script["summary"],
        tags=script["tags"],
        language=script["language"],
        live=True,
    )


def _account(session: WriteSession, there: dict[str, User], name: str, role: str) -> User:
    """Disabled besides: a link for a new password would not let anybody in.

    there: those that an earlier demo left, as something else here names them.
    """
    return there.get(name) or users.disable(session, users.create(session, name, None, None, role).id, True)


def _source(language: str) -> str:
    return f"demo:{language}"


def perform(play: Play, step: dict[str, Any]) -> str:
    """Do one step; what to say of it. Raises Over."""
    text = _LINK.sub(lambda found: f"]({_url_of(play, found[1])})", step.get("text", "")).strip()
    written = f"{text}\n\n{pictures.markdown(step, play.pictures)}".strip()
    render = render_comment if step["do"] == "comment" else rendering.update
    html = render(written) if written else ""
    db.release()  # the next step's pictures are to be read anew
    try:
        with changes.changing() as session:
            _check(session, play)
            n = _change(session, play, step, written, html)
    except Refused as error:  # somebody at the desk was faster
        return f"left out    {error or step['do']}"
    if "name" in step:
        play.told[step["name"]], play.numbers[step["name"]] = step, n
    about = play.told.get(step.get("of", ""), step)
    words = step.get("note") or about.get("title") or summary(html or render_comment(about.get("text", "")), 60)
    who = f"{step['by']}: " if "by" in step else ""
    return f"{'key moment' if step.get('key') else step['do']:<12}{who}{words or play.script['title']}"


def _url_of(play: Play, name: str) -> str:
    return relative("reader.update", post_id=play.post_id, n=play.numbers.get(name, 0))


def _check(session: WriteSession, play: Play) -> None:
    try:
        post = posts.locked(session, play.post_id)
    except NotFound:
        raise Over from None
    if post.submission != play.token or post.status != "published" or not post.live:
        raise Over


def _change(session: WriteSession, play: Play, step: dict[str, Any], written: str, html: str) -> int:
    """The number of the update or comment that the step is about."""
    post_id, by = play.post_id, play.ids[step.get("by", play.script["author"])]
    n = play.numbers.get(step.get("of", ""), 0)
    title = step.get("title") or play.told.get(step.get("of", ""), {}).get("title", "")
    match step["do"]:
        case "update":
            n = updates.add(session, post_id, by, written, html, title=title, key=step.get("key", False)).n
        case "comment":
            n = comments.add(session, post_id, by, written, html, per_minute=None).n
        case "correct":
            texts = {"title": title, "body": written, "html": html, "note": step["note"]}
            updates.correct(session, post_id, n, **texts, version=None, actor_id=by)
        case "withdraw":
            updates.withdraw(session, post_id, n)
        case "pin" | "unpin":
            updates.pin(session, post_id, n, step["do"] == "pin")
        case "delete":
            comments.withdraw(session, post_id, n, comments.written(session, post_id, n).author_id)
        case "end":
            posts.end(session, post_id)
    return n


def remove(language: str) -> str:
    """Take away all that a demo made, and say what that was; empty for nothing."""
    with changes.changing() as session:
        cast = users.of_demo(session, language)
        post = session.scalar(select(Post).where(Post.source == _source(language)))
        removed = _erase(session, post, cast) if post else []
        names, told = pictures.remove(session, cast)
        kept = [user.username for user in cast if not users.erase(session, user.id)]
    if names:
        library.forget_files(names)
    if not post and not cast:
        return ""
    removed += [*told, f"{len(cast) - len(kept)} accounts", *(f"but not {name}, named elsewhere here" for name in kept)]
    return f"Removed: {', '.join(removed)}."


def _erase(session: WriteSession, post: Post, cast: list[User]) -> list[str]:
    by_others = Comment.author_id.not_in([user.id for user in cast])
    others = session.scalar(select(func.count()).where(Comment.post_id == post.id, by_others))
    removed = f"“{post.title}” with {post.update_count} updates and {post.comment_count} comments"
    posts.erase(session, post.id)
    return [removed, f"{others} of these by others"] if others else [removed]
