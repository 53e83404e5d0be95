"""Headings as places to link to: their ids, and which of them a link such as `#the-second-part` means."""

from collections.abc import Callable
from dataclasses import dataclass
from unicodedata import category
from urllib.parse import unquote

from markdown_it.token import Token

from ..values import normalized
from .markdown import text_of


@dataclass(frozen=True)
class Heading:
    """An entry of a table of contents: level 2 to 6, the id to link to, the words without markup."""

    level: int
    id: str
    text: str


class Anchors:
    """The headings of one text. Their ids begin with `h-`, so that none is one of the page's own, as `comments` is.

    Those who write need not know: `#路由` leads to `h-路由`, whether written as here, as GitHub, pandoc or Hugo do, or
    with the heading's own `{#id}`.
    prefix: what all ids begin with.
    """

    def __init__(self, tokens: list[Token], prefix: str = "h-") -> None:
        openings = [index for index, token in enumerate(tokens) if token.type == "heading_open"]
        texts = [" ".join(text_of(tokens[index + 1].children or []).split()) for index in openings]
        own = [tokens[index].meta.get("id", "") for index in openings]
        ids = _distinct([name or _slug(text[:60]) for name, text in zip(own, texts, strict=True)], prefix)
        self._tokens = {id_: tokens[index] for id_, index in zip(ids, openings, strict=True)}
        levels = [int(tokens[index].tag[1]) for index in openings]
        headings = [Heading(*heading) for heading in zip(levels, ids, texts, strict=True)]
        self.headings = [heading for heading in headings if heading.text]  # not a picture alone, without words
        self._ids = _meanings(own, texts, ids, len(prefix))

    def name_all(self) -> None:
        for id_, token in self._tokens.items():
            token.attrSet("id", id_)

    def address(self, href: str) -> str:
        """What a link with this address leads to: `#` and the id of a heading, which has it then, or the same."""
        if href[:1] != "#":
            return href
        written = normalized("NFC", unquote(href[1:]))
        for name in (written, _slug(written), _squeezed(written), written.removeprefix("h-")):
            if name and (id_ := name if name in self._tokens else self._ids.get(name)):
                self._tokens[id_].attrSet("id", id_)
                return "#" + id_
        return href


def _slug(text: str) -> str:
    """Letters of any script, their marks, and digits stay: "URL 构建" is `url-构建`."""
    return "-".join("".join(c if category(c)[0] in "LMN" else " " for c in normalized("NFC", text.lower())).split())


def _squeezed(text: str) -> str:
    return _slug(text).replace("-", "")


def _distinct(names: list[str], prefix: str) -> list[str]:
    """With the prefix, and a second one of the same name with a number: `h-路由`, `h-路由-2`."""
    ids, count = dict[str, None](), dict[str, int]()
    for name in names:
        first = id_ = (prefix + name).rstrip("-")
        while id_ in ids:
            count[first] = count.get(first, 1) + 1
            id_ = f"{first}-{count[first]}"
        ids[id_] = None
    return list(ids)


def _meanings(own: list[str], texts: list[str], ids: list[str], cut: int) -> dict[str, str]:
    """The ids by what a link may call them. The surest name counts: who writes `#news` means the heading "News"."""
    slugs = [_slug(text) for text in texts]
    count = dict[str, int]()
    numbered = []
    for slug in slugs:
        numbered.append(f"{slug}-{count[slug]}" if slug in count else slug)  # as most programs do: a, a-1, a-2
        count[slug] = count.get(slug, 0) + 1
    names_of: list[Callable[[int], str]] = [
        lambda at: own[at],
        lambda at: slugs[at],
        lambda at: numbered[at],
        lambda at: ids[at][cut:],
        lambda at: _slug(own[at]),
        lambda at: slugs[at].replace("-", ""),
    ]
    meanings = dict[str, str]()
    for name_of in names_of:
        for at, id_ in enumerate(ids):
            meanings.setdefault(name_of(at), id_)
    return meanings
