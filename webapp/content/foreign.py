"""What a generator makes something of and Markdown doesn't: found in a text, for the report of an import.

Links to other files are resolved here too, as they are written in the text: `[map](../harbour/index.md)`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

TEMPLATE, COMPONENT, MATH, WIKI = "template tags", "components", "formulas", "wiki links"
EMBED, IMAGE, LINK = "embeds", "images that aren’t on the web", "links to files that weren’t imported"
KINDS = (TEMPLATE, COMPONENT, MATH, WIKI, EMBED, IMAGE, LINK)
EXAMPLE = 60  # characters of one that are said

_KINDS = {
    TEMPLATE: re.compile(r"\{[{%][-+]?\s?[^{}\n]{1,200}\s?[-+]?[}%]\}|\{\{[<%][^{}\n]{1,200}[>%]\}\}"),
    COMPONENT: re.compile(r"<[A-Z]\w{0,50}[\s/>]|^(?:import|export)\s.{0,200}?(?:from\s|=).{0,200}$", re.MULTILINE),
    MATH: re.compile(
        r"\$\$[^$]{1,500}\$\$|\\\([^\n]{1,200}?\\\)|\\\[[^\n]{1,200}?\\\]"
        r"|(?<![\w$\\])\$[^\s$][^$\n]{0,100}?[\\^_{][^$\n]{0,100}\$(?![\w$])"
    ),
    WIKI: re.compile(r"!?\[\[[^\[\]\n]{1,200}\]\]"),
    EMBED: re.compile(r"<(?:iframe|script|object|embed|video|audio)\b[^<>\n]{0,200}", re.IGNORECASE),
}  # fmt: skip
_LINK = re.compile(
    r"""(?P<before>(?P<image>!?)\[[^\[\]\n]{0,500}\]\(\s{0,3}<?|^\s{0,3}\[[^\[\]\n]{1,200}\]:\s{1,3}<?"""
    r"""|<(?P<tag>a|img)\b[^<>\n]{0,300}?\s(?:href|src)=["'])(?P<to>[^\s<>"')]{1,500})""",
    re.MULTILINE | re.IGNORECASE,
)
# Jekyll's `{% post_url 2014-03-09-harbour %}` and `{% link _posts/harbour.md %}`, Hugo's `{{< ref "harbour.md" >}}`.
_TAG_LINK = re.compile(
    r"""\{%-?\s*(?:post_url|link)\s+(?P<jekyll>[^\s%{}]{1,200})\s*-?%\}"""
    r"""|\{\{[<%]\s*(?:rel)?ref\s+"(?P<hugo>[^"{}\n]{1,200})"\s*[>%]\}\}"""
)
_FENCE = re.compile(r"[\s>]{0,20}(?:[-*+]|\d{1,3}[.)])?\s{0,8}(`{3,}|~{3,})")
_CODE = re.compile(r"(?<!`)(`{1,5})(?!`)[^\n]{1,300}?(?<!`)\1(?!`)")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#|\?|\{", re.IGNORECASE)
_MARKDOWN = re.compile(r"\.(?:md|markdown|mdown|mkd|mdx)$", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    kind: str
    example: str


def prose(body: str) -> str:
    """The text with its code blanked out, each character by a space, so that places stay the same."""
    lines, fence = body.split("\n"), ""
    for at, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            lines[at] = " " * len(line)
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
    return _CODE.sub(lambda code: " " * len(code[0]), "\n".join(lines))


def found(body: str, exists: Callable[[str], bool]) -> list[Found]:
    """All that is in a text as it is stored. exists: whether a path, from the text's file, is another imported one."""
    text = prose(body)
    things = [
        Found(kind, " ".join(one[0].split())[:EXAMPLE]) for kind, form in _KINDS.items() for one in form.finditer(text)
    ]
    for link in _LINK.finditer(text):
        if _ELSEWHERE.match(link["to"]):
            continue
        if link["image"] or (link["tag"] or "").lower() == "img":
            things.append(Found(IMAGE, link["to"][:EXAMPLE]))
        elif not link["to"].startswith("/") and not exists(link["to"]):
            things.append(Found(LINK, link["to"][:EXAMPLE]))
    return things


def rewritten(body: str, address_of: Callable[[str], str | None]) -> str:
    """The text with links to other imported files as links to their posts.

    address_of: the post's address for a link as it is written, or None.
    """
    text, parts, done = prose(body), [], 0
    for start, end, to in sorted(_links(text)):
        address = address_of(to)
        if address is not None and start >= done:
            parts += [body[done:start], address]
            done = end
    return "".join([*parts, body[done:]]) if parts else body


def has_links(body: str) -> bool:
    return any(_links(prose(body)))


def _links(text: str) -> Iterator[tuple[int, int, str]]:
    for link in _LINK.finditer(text):
        if not link["image"] and not _ELSEWHERE.match(link["to"]):
            yield *link.span("to"), link["to"]
    for tag in _TAG_LINK.finditer(text):
        yield *tag.span(), tag["jekyll"] or tag["hugo"]


def candidates(below: str, to: str) -> Iterator[str]:
    """Paths of files, without suffix, that a link in the file at `below` may mean; the nearest first."""
    path = unquote(to.partition("#")[0].partition("?")[0])
    if not path:
        return
    folder = posixpath.dirname(below)
    if path.startswith("@/"):  # Zola's, from the folder of all content
        path = path[1:]
    for base in ("",) if path.startswith("/") else (folder, posixpath.dirname(folder), "", "_posts"):
        joined = posixpath.normpath(posixpath.join(base, path.lstrip("/")))
        if not joined.startswith(".."):
            yield stem(joined)


def stem(path: str) -> str:
    """A file's path by which links know it: without suffix, and a folder's for its index."""
    bare = _MARKDOWN.sub("", path)
    return re.sub(r"(^|/)_?index$", "", bare).rstrip("/") or bare
