"""The examples of CommonMark and GFM, as trees: what comes out otherwise, and why.

`make` fetches them inside the source of marko, another parser, for no package installs them.
"""

from __future__ import annotations

import re
import sys
import tarfile
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

from webapp.text import render

SOURCES = Path(sys.prefix) / "specs"
EXAMPLE = re.compile(r"^`{32} example ?(\w*)\n(.*?)^\.\n(.*?)^`{32}$", re.DOTALL | re.MULTILINE)


@cache
def examples(name: str) -> list[tuple[str, str, str]]:
    """The extension's name, or "", the Markdown and the HTML of each."""
    archive = next(SOURCES.glob("marko-*.tar.gz"), None)
    assert archive, "The examples are missing: run `make .venv/.installed-for-tests`."
    with tarfile.open(archive) as tar:
        (member,) = (each for each in tar.getnames() if each.endswith(f"/tests/spec/{name}.txt"))
        text = tar.extractfile(member).read().decode()
    return EXAMPLE.findall(text.replace("→", "\t"))


class Tree(HTMLParser):
    """What is left to compare when the site's own dress is off: tags, addresses, words."""

    KEPT = frozenset({"alt", "href", "src", "start", "title"})
    VOID = frozenset({"br", "hr", "img"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.nodes: list[object] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("div", "span"):
            self.nodes.append((tag, *sorted((name, value) for name, value in attrs if name in self.KEPT)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("div", "span", *self.VOID):
            self.nodes.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self.nodes and isinstance(self.nodes[-1], list):
            self.nodes[-1][0] += data
        else:
            self.nodes.append([data])


def tree(html: str) -> list[object]:
    # Which level the highest heading has is the page's affair; six levels are all there are.
    levels = [int(level) for level in re.findall("<h([1-6])", html)]
    html = re.sub("(</?h)([1-6])", lambda match: f"{match[1]}{min(5, int(match[2]) - min(levels)) + 1}", html)
    return [node for node in Tree(html).nodes if not isinstance(node, list) or node[0].strip()]


IMAGE = re.compile(r'(<a [^>]*>)?<img src="(?!https://)([^"]*)" alt="([^"]*)"( title="[^"]*")? />')


def expected(html: str) -> list[object]:
    """The example's tree after cleaning. Images that aren't from https are links, boxes of tasks are characters."""
    html = IMAGE.sub(lambda m: m[1] + m[3] if m[1] else f'<a href="{m[2]}"{m[4] or ""}>{m[3] or m[2]}</a>', html)
    html = re.sub("<input (checked)?[^>]*>", lambda match: "☑" if match[1] else "☐", html)
    for level in range(6 if "<h6" not in html else 5, 0, -1):
        html = html.replace(f"<h{level}", f"<h{level + 1}").replace(f"</h{level}", f"</h{level + 1}")
    return tree(render._AUTHORS.clean(html))


# By their numbers in CommonMark 0.31.2.
EXPLAINED = {
    "A bare address is a link, as in GFM.": {602, 608, 611, 612},
    "An address with an unknown scheme is no link.": {596, 598, 599, 601},
    "A tag that isn't known, or not finished, is shown; so are instructions and declarations.": {
        *(150, 156, 157, 158, 163, 171, 173, 180, 181, 182, 201, 491, 524, 536, 613, 614, 615, 617, 623, 627, 628),
        629,
    },
    "A link without an address is no link.": {616},
    "An open tag ends with its paragraph or block.": {148, 187, 344, 476, 477, 494, 630, 631, 642, 643},
    "An image in HTML that isn't from https is a link with its address as words.": {475},
}


def test_commonmark_comes_out_as_its_examples_say_but_for_what_is_explained():
    different = {
        number
        for number, (_, markdown, html) in enumerate(examples("commonmark"), 1)
        if tree(render.render_post(markdown).html) != expected(html)
    }
    assert len(examples("commonmark")) == 652
    assert different == set().union(*EXPLAINED.values())


@pytest.mark.parametrize(
    ("extension", "count"), [("autolink", 11), ("strikethrough", 2), ("table", 8), ("disabled", 2)], ids=str
)
def test_the_extensions_of_gfm_come_out_as_its_examples_say(extension, count):
    """Those of task lists are called "disabled", since other programs check the rest only."""
    of_extension = [(markdown, html) for name, markdown, html in examples("gfm") if name == extension]
    assert len(of_extension) == count
    for markdown, html in of_extension:
        assert tree(render.render_post(markdown).html) == expected(html)
