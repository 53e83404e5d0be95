"""What machines read of a page's head, on a site with an address of its own."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

from support.persons import Person

BASE = "https://news.example.org"
NASTY = [
    """Quotes " and ' and <b>tags</b> & &amp; entities""",
    "An end ]]> of CDATA, a </script><script>alert(1)</script>, a <!-- comment",
    "Controls \x01\x0b\x0c\x1f\x7f\ufffe\uffff between words",
    "德比之夜：一比零",
    "Emoji 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇨🇳",
    "المنارة تنطفئ الليلة \u202e and back",
]


def read_json(person: Person, path: str) -> Any:
    answer = person.get(path)
    assert answer.status_code == 200, path
    return json.loads(answer.text)


class Head(HTMLParser):
    """What the head of a page says: its links, its meta tags, its structured data."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []
        self.meta: dict[str, str | None] = {}
        self.data: list[Any] = []
        self._script: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link":
            self.links.append(given)
        elif tag == "meta":
            name = given.get("property") or given.get("name")
            assert name is None or name not in self.meta or name == "theme-color", name
            self.meta[name or ""] = given.get("content")
        elif tag == "script" and given.get("type") == "application/ld+json":
            self._script = ""

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self._script += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._script is not None:
            self.data.append(json.loads(self._script))
            self._script = None

    @property
    def canonical(self) -> list[str | None]:
        return [link["href"] for link in self.links if link["rel"] == "canonical"]

    @property
    def alternates(self) -> list[str]:
        return [str(link["href"]) for link in self.links if link["rel"] == "alternate"]


def head(person: Person, path: str) -> Head:
    answer = person.get(path)
    assert answer.status_code == 200, path
    return Head(answer.text)


def fill(author: Person) -> list[int]:
    """Posts with tags of two scripts, and a page of the site itself."""
    Person(author.app, "edith").post("/desk/about/new", name="imprint", title="Imprint", body="Made by us.")
    return [author.write_post(tags="Football, 体育", live="y"), author.write_post()]


def locations(sitemap: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(sitemap).iter() if element.tag.endswith("}loc")]  # noqa: S314


def path_of(url: str) -> str:
    assert url.startswith(f"{BASE}/"), url
    return url.removeprefix(BASE)


def sitemap(person: Person) -> str:
    """All parts of it in one text."""
    index = person.get("/sitemap.xml").text
    return "".join(person.get(path_of(part)).text for part in locations(index))
