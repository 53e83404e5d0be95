"""Blogs in the styles of five generators, and what their posts are to become: for the import's tests and figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

WORDS = (
    "the harbour board has voted after a long evening to keep the old ferry running until spring because nobody could "
    "say what a new one would cost and the town wants its children at school in time while the tide rises and lamps go "
    "out one by one along the quay where fishermen mend nets and talk about weather prices and the coming winter"
).split()
NOW = datetime(2026, 3, 1, tzinfo=UTC)
FUTURE = datetime(2096, 5, 4, 12, tzinfo=UTC)


@dataclass
class Blogpost:
    """What a file says, and what shall come of it. `shut` is how it is kept from readers, if it is."""

    number: int
    title: str
    at: datetime | None
    tags: list[str]
    author: str
    summary: str
    image: str
    addresses: list[str]
    body: str
    shut: str = ""
    path: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def is_public(self) -> bool:
        return not self.shut and self.at is not None and self.at < datetime.now(UTC)


def _post(number: int, chance: Random) -> Blogpost:
    sentences = [" ".join(chance.choices(WORDS, k=chance.randint(8, 20))).capitalize() + "." for _ in range(30)]
    parts = [" ".join(sentences[at : at + 5]) for at in range(0, 30, 5)]
    parts[2] = (
        f"## Part {number}\n\n{parts[2]} Then *{chance.choice(WORDS)}*, see [the board](https://example.org/{number})."
    )
    parts[3] += "\n\n- one\n- two\n\n```python\nprint('ferry')\n```"
    at = NOW - timedelta(hours=7 * number)
    post = Blogpost(
        number, f"Ferry {number}: {' '.join(chance.sample(WORDS, 4))}", at, [f"Topic {number % 7}", "Harbour"],
        ["Jane Doe", "ada"][number % 2], f"In short, {number}.", f"/images/{number}.jpg", [f"/old/{number}"],
        "\n\n".join(parts),
    )  # fmt: skip
    match number % 20:
        case 3:
            post.at = None
        case 7:
            post.at = FUTURE
        case 11 | 13:
            post.shut = ["draft", "private"][number % 20 == 13]
    return post


def _yaml(fields: dict[str, Any]) -> str:
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in fields.items())


def _toml(fields: dict[str, Any]) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items() if not isinstance(value, dict))


def jekyll(post: Blogpost) -> str:
    day = f"{post.at:%Y-%m-%d}-" if post.at else ""
    post.path = f"{'_posts' if post.at else 'notes'}/{day}ferry-{post.number}.md"
    if post.at:
        post.at = post.at.replace(microsecond=0)
    fields = {
        "layout": "post", "title": post.title, "date": post.at and f"{post.at:%Y-%m-%d %H:%M:%S} +0000",
        "category": post.tags[0], "tags": [post.tags[1]], "author": post.author, "excerpt": post.summary,
        "image": post.image, "redirect_from": post.addresses,
        **{"draft": {"published": False}, "private": {"visibility": "private"}}.get(post.shut, {}),
    }  # fmt: skip
    return f"---\n{_yaml({key: value for key, value in fields.items() if value is not None})}---\n{post.body}\n"


def hugo(post: Blogpost) -> str:
    post.path = f"content/posts/ferry-{post.number}/index.md"
    fields = {
        "title": post.title, "tags": post.tags[1:], "categories": post.tags[:1], "author": post.author,
        "summary": post.summary, "images": [post.image], "aliases": post.addresses,
        **{"draft": {"draft": True}, "private": {"private": True}}.get(post.shut, {}),
    }  # fmt: skip
    date = f"date = {post.at:%Y-%m-%dT%H:%M:%SZ}\n" if post.at else ""
    return f"+++\n{_toml(fields)}{date}+++\n\n{post.body}\n"


def hexo(post: Blogpost) -> str:
    post.path = f"source/{'_drafts' if post.shut == 'draft' else '_posts'}/ferry-{post.number}.md"
    post.summary = ""
    fields = {
        "title": post.title, "date": post.at and f"{post.at:%Y-%m-%d %H:%M:%S}", "author": post.author,
        "tags": post.tags[1:], "categories": [[post.tags[0]]], "cover": post.image, "permalink": post.addresses[0],
        **{"private": {"password": "ferry"}}.get(post.shut, {}),
    }  # fmt: skip
    first, _, rest = post.body.partition("\n\n")
    post.summary = first
    head = _yaml({key: value for key, value in fields.items() if value is not None})
    return f"{head}---\n\n{first}\n\n<!-- more -->\n\n{rest}\n"


def pelican(post: Blogpost) -> str:
    post.path = f"content/ferry-{post.number}.md"
    lines = [f"Title: {post.title}", f"Category: {post.tags[0]}", f"Tags: {post.tags[1]}", f"Author: {post.author}"]
    lines += [f"Summary: {post.summary}", f"Image: {post.image}", f"Url: {post.addresses[0]}"]
    lines += [f"Date: {post.at:%Y-%m-%d %H:%M}"] if post.at else []
    lines += {"draft": ["Status: draft"], "private": ["Status: hidden"]}.get(post.shut, [])
    if post.at:
        post.at = post.at.replace(second=0)
    return "\n".join(lines) + f"\n\n{post.body}\n"


def eleventy(post: Blogpost) -> str:
    post.path = f"src/posts/ferry-{post.number}.md"
    fields = {
        "title": post.title, "date": post.at and f"{post.at:%Y-%m-%dT%H:%M:%S}Z", "tags": post.tags,
        "authors": [{"name": post.author}], "description": post.summary, "thumbnail": post.image,
        "permalink": f"{post.addresses[0]}/index.html",
        **{"draft": {"draft": "true"}, "private": {"status": "private"}}.get(post.shut, {}),
    }  # fmt: skip
    head = json.dumps({key: value for key, value in fields.items() if value is not None}, indent=1)
    return f"---json\n{head}\n---\n{post.body}\n"


STYLES: dict[str, Callable[[Blogpost], str]] = {
    style.__name__: style for style in (jekyll, hugo, hexo, pelican, eleventy)
}


def write(folder: Path, style: str, count: int) -> list[Blogpost]:
    """Make a blog of so many posts there."""
    chance = Random(style)  # noqa: S311
    posts = [_post(number, chance) for number in range(1, count + 1)]
    for post in posts:
        text = STYLES[style](post)
        file = folder / post.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return posts
