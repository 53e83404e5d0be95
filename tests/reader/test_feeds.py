"""Feeds: what feed readers get of the public pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
from flask import Flask

from support.content import add_many, publish_many
from support.metadata import BASE, NASTY, head, read_json, sitemap
from support.persons import Person
from webapp import changes
from webapp.content import updates
from webapp.people import users
from webapp.reader import feeds
from webapp.text.render import render_post

KINDS = ("atom", "rss", "json")
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def read_xml(person: Person, path: str) -> Any:
    answer = person.get(path)
    assert answer.status_code == 200, path
    ElementTree.fromstring(answer.text)  # noqa: S314
    feed = feedparser.parse(answer.data, response_headers={"content-type": f"{answer.mimetype}; charset=utf-8"})
    assert not feed.bozo, feed.bozo_exception
    return feed


class Links(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src")]


def links(html: str) -> list[str]:
    return [str(link) for link in Links(html).found]


def every_feed(post_id: int) -> list[str]:
    return ["/feed", "/user/ada/feed", "/tag/football/feed", f"/post/{post_id}/feed"]


# Feeds


@pytest.mark.parametrize("title", NASTY)
def test_every_feed_is_well_formed_whatever_a_title_says(author: Person, reader: Person, title: str) -> None:
    post_id = author.write_post(title=title, summary=title, body="> " + title, tags="Football", live="y")
    author.add_update(post_id, title, title=title)
    kept = " ".join(NOT_XML.sub("", title).split())
    for path in every_feed(post_id):
        for kind in ("atom", "rss"):
            feed = read_xml(reader, f"{path}.{kind}")
            assert [" ".join(entry.title_detail.value.split()) for entry in feed.entries] == [kept]
            if kind == "rss" and "/post/" not in path:  # whose descriptions are HTML
                assert [" ".join(unescape(entry.summary).split()) for entry in feed.entries] == [kept]
        assert " ".join(read_json(reader, f"{path}.json")["items"][0]["title"].split()) == kept


def test_a_feed_says_what_atom_demands(author: Person, reader: Person) -> None:
    post_id = author.write_post(
        title="The derby", summary="Tonight.", body="*Kick-off*.", tags="Football", language="de"
    )
    feed = read_xml(reader, "/feed.atom")
    assert feed.version == "atom10"
    assert feed.feed.title == "The <Evening> & Post"
    assert {link.rel: link.href for link in feed.feed.links} == {"self": f"{BASE}/feed.atom", "alternate": f"{BASE}/"}
    [entry] = feed.entries
    assert entry.id == entry.link == f"{BASE}/post/{post_id}"
    assert (entry.title, entry.summary) == ("The derby", "Tonight.")
    [content] = entry.content
    assert (content.type, content.language) == ("text/html", "de")
    assert "<em>Kick-off</em>." in content.value
    assert [(person.name, person.href) for person in entry.authors] == [("ada", f"{BASE}/user/ada")]
    assert [tag.term for tag in entry.tags] == ["Football"]
    assert feed.feed.updated == entry.published == entry.updated
    assert feed.feed.language == "en"


def test_an_rss_feed_says_the_same(author: Person, reader: Person) -> None:
    post_id = author.write_post(
        title="The derby", summary="Tonight.", body="*Kick-off* [a](/b).", tags="C++, Football", language="de"
    )
    answer = reader.get("/feed.rss")
    assert answer.content_type == "application/rss+xml"
    channel = ElementTree.fromstring(answer.text)[0]  # noqa: S314
    said = {element.tag.rpartition("}")[2]: element.text for element in channel if element.tag != "item"}
    assert said.pop("lastBuildDate") == channel.findtext("item/pubDate")
    title = "The <Evening> & Post"
    assert said == {"title": title, "link": None, "description": title, "language": "en"}
    feed = read_xml(reader, "/feed.rss")
    assert feed.version == "rss20"
    assert {link.rel: link.href for link in feed.feed.links} == {"self": f"{BASE}/feed.rss", "alternate": f"{BASE}/"}
    [entry] = feed.entries
    assert entry.id == entry.link == f"{BASE}/post/{post_id}"
    assert (entry.title, entry.summary, entry.author, entry.language) == ("The derby", "Tonight.", "ada", "de")
    assert f'<em>Kick-off</em> <a href="{BASE}/b"' in entry.content[0].value
    assert [tag.term for tag in entry.tags] == ["C++", "Football"]
    assert entry.updated == read_xml(reader, "/feed.atom").entries[0].updated
    assert entry.published_parsed == read_xml(reader, "/feed.atom").entries[0].published_parsed


def test_a_json_feed_says_the_same(author: Person, reader: Person) -> None:
    post_id = author.write_post(
        title="The derby", summary="Tonight.", body="*Kick-off*.", tags="Football", language="de"
    )
    feed = read_json(reader, "/feed.json")
    [item] = feed.pop("items")
    assert feed == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "The <Evening> & Post",
        "home_page_url": f"{BASE}/",
        "feed_url": f"{BASE}/feed.json",
        "language": "en",
    }
    assert item.pop("date_published") == item.pop("date_modified") == read_xml(reader, "/feed.atom").feed.updated
    assert item.pop("content_html").strip() == render_post("*Kick-off*.").html.strip()
    assert item == {
        "id": f"{BASE}/post/{post_id}",
        "url": f"{BASE}/post/{post_id}",
        "title": "The derby",
        "summary": "Tonight.",
        "authors": [{"name": "ada", "url": f"{BASE}/user/ada"}],
        "tags": ["Football"],
        "language": "de",
    }


def test_the_newest_twenty_posts_are_in_by_time_alone(app: Flask, ada: Person, anonymous: Person) -> None:
    live = publish_many(app, 1, live=True, tags=["Football"])
    ids = live + publish_many(app, 24, tags=["Football"])
    for path in ("/feed", "/user/ada/feed", "/tag/football/feed"):
        shown = [int(entry.id.rpartition("/")[2]) for entry in read_xml(anonymous, f"{path}.atom").entries]
        assert shown == ids[:4:-1], path


def test_a_posts_feed_has_its_newest_fifty_updates(app: Flask, ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    numbers = add_many(app, post_id, 51)
    ada.post(f"/desk/post/{post_id}/update/{numbers[20]}/pin")
    ada.post(f"/desk/post/{post_id}/update/{numbers[50]}/withdraw")
    feed = read_xml(anonymous, f"/post/{post_id}/feed.atom")
    assert [int(entry.id.rpartition("/")[2]) for entry in feed.entries] == numbers[49::-1]
    assert feed.entries[0].title == "Number 49.", "an update without a title is named by its first words"


def test_an_update_of_a_picture_alone_is_named_by_its_post(author: Person, reader: Person) -> None:
    post_id = author.write_post(title="The derby", live="y")
    author.add_update(post_id, "![](https://example.org/goal.jpg)")
    assert read_xml(reader, f"/post/{post_id}/feed.atom").entries[0].title == "The derby"


def test_a_correction_is_a_newer_entry(author: Person, reader: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    post_id = author.write_post(live="y")
    n = author.add_update(post_id, "Goal!")
    before = read_json(reader, f"/post/{post_id}/feed.json")["items"][0]
    assert before["date_modified"] == before["date_published"]
    monkeypatch.setattr(updates, "now_ms", lambda: 2_000_000_000_000)
    author.post(f"/desk/post/{post_id}/update/{n}/correct", body="No goal.", note="Offside.", version="1")
    after = read_json(reader, f"/post/{post_id}/feed.json")["items"][0]
    assert (after["date_modified"], after["date_published"]) == ("2033-05-18T03:33:20+00:00", before["date_published"])
    assert read_xml(reader, f"/post/{post_id}/feed.atom").feed.updated == "2033-05-18T03:33:20+00:00"


def test_a_post_s_feed_is_in_its_language(author: Person, reader: Person) -> None:
    post_id = author.write_post(title="مباراة", language="ar", live="y")
    path = f"/post/{post_id}/feed"
    assert '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ar">' in reader.get(f"{path}.atom").text
    assert "<language>ar</language>" in reader.get(f"{path}.rss").text
    assert read_json(reader, f"{path}.json")["language"] == "ar"


def test_a_feed_without_updates_is_dated_by_its_post(site: Flask, author: Person, reader: Person) -> None:
    [post_id] = publish_many(site, 1, live=True)
    feed = read_xml(reader, f"/post/{post_id}/feed.atom")
    assert (feed.entries, feed.feed.updated) == ([], "2023-11-14T22:13:20+00:00")
    assert "<lastBuildDate>Tue, 14 Nov 2023 22:13:20 GMT</" in reader.get(f"/post/{post_id}/feed.rss").text


@pytest.mark.parametrize(
    ("place", "feed"),
    [
        *((place, "/feed.atom") for place in ("/feed", "/feed/", "/feed.xml", "/atom.xml", "/index.xml")),
        *((place, "/feed.rss") for place in ("/rss", "/rss.xml")),
    ],
)
def test_the_usual_places_lead_to_the_feed(reader: Person, place: str, feed: str) -> None:
    answer = reader.get(place)
    assert (answer.status_code, answer.location) == (301, feed)
    assert reader.get(feed).status_code == 200


def test_links_and_images_in_a_feed_are_absolute(author: Person, reader: Person) -> None:
    markdown = """[one](/post/1 "a title") [two](../about/imprint?a=1&b=2#x) ![three](/media/x.jpg)
[four](https://example.com/?a&b) [mail](mailto:a@example.org) A note.[^1]
<a title='x href=' href='/y'>five</a> <span title="&lt;a href='/z'&gt;">six</span>

Plain text: <code>&lt;a href="/left"></code> "quoted" href="/alone"

[^1]: Here.
"""
    post_id = author.write_post(body=markdown, live="y")
    n = author.add_update(post_id, "[one](/post/1)")
    content = read_json(reader, "/feed.json")["items"][0]["content_html"]
    fragments = [link for link in links(content) if "#fn" in link]
    assert len(fragments) == 2
    assert all(link.startswith(f"{BASE}/post/{post_id}#fn") for link in fragments)
    assert [link for link in links(content) if link not in fragments] == [
        f"{BASE}/post/1",
        f"{BASE}/about/imprint?a=1&b=2#x",
        f"{BASE}/media/x.jpg",
        "https://example.com/?a&b",
        "mailto:a@example.org",
        f"{BASE}/y",
    ]
    assert 'href="/alone"' in content, "what is text stays as it is"
    update = read_json(reader, f"/post/{post_id}/feed.json")["items"][0]
    assert (update["id"], links(update["content_html"])) == (f"{BASE}/post/{post_id}/update/{n}", [f"{BASE}/post/1"])
    assert read_xml(reader, "/feed.atom").entries[0].content[0].value


def test_only_addresses_differ_in_a_feed() -> None:
    """With a base that changes nothing, the rewritten HTML is the HTML that was cleaned."""
    markdown = """<details open><summary>S</summary>

| a | b |
|--:|---|
| "q" & <b title='>'>x</b> | &nbsp; |

</details>

```python
print('<a href="/x">')
```

- [x] done [l](https://example.org/?a=1&b='2')

![a "b"](https://example.org/x)
"""
    html = render_post(markdown).html
    assert all(part in html for part in ("<details", "<table", "&nbsp;", "&amp;b=", "<img", 'class="align-right"'))
    written = feeds._with_absolute_links(html, f"{BASE}/post/1")
    assert written.replace("&#x27;", "'") == html
    sources = '<source srcset="/media/a.webp 2x, https://a.b/media/c.webp,/media/d.webp">'
    absolute = f'<source srcset="{BASE}/media/a.webp 2x, https://a.b/media/c.webp,{BASE}/media/d.webp">'
    assert feeds._with_absolute_links(sources, f"{BASE}/post/1") == absolute
    assert feeds._with_absolute_links('<p><a href="http://[">x</a></p>', BASE) == '<p><a href="http://[">x</a></p>'


def test_nothing_that_isnt_public_is_in_a_feed(author: Person, reader: Person) -> None:
    post_id = author.write_post(title="Public", tags="Football", live="y")
    gone = author.write_post(title="Unpublished", tags="Football, Secret", live="y")
    author.add_update(gone, "Unpublished words.")
    author.post("/desk/new", title="A draft", body="Drafted", tags="Football, Secret", action="draft")
    withdrawn = author.add_update(post_id, "Withdrawn words.")
    paths = [f"{path}.{kind}" for path in every_feed(post_id) for kind in KINDS]
    assert "Unpublished" in reader.get("/feed.atom").text
    assert "Withdrawn" in reader.get(f"/post/{post_id}/feed.atom").text
    assert "/tag/secret" in sitemap(reader)
    author.post(f"/desk/post/{gone}/unpublish")
    author.post(f"/desk/post/{post_id}/update/{withdrawn}/withdraw")
    for said in [sitemap(reader), *(reader.get(path).text for path in paths)]:
        assert not re.search(f"(?i)unpublished|draft|withdrawn|secret|/post/{gone}\\b", said), said
    for path in (
        f"/post/{gone}/feed.atom",
        f"/post/{gone + 1}/feed.json",
        "/tag/secret/feed.atom",
        "/user/x/feed.atom",
    ):
        assert reader.get(path).status_code == 404, path


def test_a_feed_is_the_same_bytes_whoever_asks_under_whatever_host(author: Person, reader: Person) -> None:
    post_id = author.write_post(tags="Football", live="y", body="[a](/b)")
    author.add_update(post_id)
    paths = [f"{path}.{kind}" for path in every_feed(post_id) for kind in KINDS]
    for path in [*paths, "/sitemap.xml", "/sitemap/post-1.xml", "/robots.txt"]:
        first = reader.get(path)
        again = author.get(path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
        assert first.data == again.data, path
        assert b"evil" not in again.data
        assert b"127.0.0.1" not in first.data
        assert "Set-Cookie" not in again.headers


def test_a_change_is_in_every_feed_at_once(author: Person, reader: Person) -> None:
    def said(post_id: int) -> dict[str, str]:
        lists = [f"{path}.{kind}" for path in every_feed(post_id)[:3] for kind in KINDS]
        return {path: reader.get(path).text for path in [*lists, "/sitemap/post-1.xml"]}

    post_id = author.write_post(title="First", tags="Football")
    before = said(post_id)
    author.write_post(title="Second", tags="Football")
    after = said(post_id)
    assert [path for path in after if after[path] == before[path]] == []
    author.post(f"/desk/post/{post_id}", title="Renamed", tags="Football", action="publish", version="1")
    assert [path for path, text in said(post_id).items() if "Renamed" not in text and "sitemap" not in path] == []


def test_an_empty_feed_has_a_time_that_stays(app: Flask, anonymous: Person) -> None:
    for path in ("/feed.atom", "/user/eve/feed.atom"):
        feed = read_xml(anonymous, path)
        assert (feed.entries, feed.feed.updated) == ([], "1970-01-01T00:00:00+00:00")
    assert read_json(anonymous, "/feed.json")["items"] == []


def test_feeds_have_one_address(ada: Person, anonymous: Person) -> None:
    ada.write_post(tags="Local Elections")
    for path, true in (("/user/ADA", "/user/ada"), ("/tag/Local Elections", "/tag/local-elections")):
        for kind in KINDS:
            answer = anonymous.get(f"{path}/feed.{kind}")
            assert (answer.status_code, answer.location) == (301, f"{true}/feed.{kind}")
    assert anonymous.get("/feed.rdf").status_code == 404


def test_a_deleted_account_is_shown_as_one(site: Flask, author: Person, reader: Person) -> None:
    post_id = author.write_post(live="y")
    author.add_update(post_id)
    with site.app_context(), changes.changing() as session:
        users.remove(session, users.by_name(session, "ada").id)
    for path in ("/feed", f"/post/{post_id}/feed"):
        [entry] = read_xml(reader, f"{path}.atom").entries
        assert [dict(person) for person in entry.authors] == [{"name": "Deleted account"}]
        assert read_json(reader, f"{path}.json")["items"][0]["authors"] == [{"name": "Deleted account"}]
    assert head(reader, f"/post/{post_id}").data[0]["author"] == [{"@type": "Person", "name": "Deleted account"}]
    assert "/user/" not in sitemap(reader)


def test_a_feed_of_a_chinese_site_says_so(make_app: Callable[..., Flask]) -> None:
    ada = Person(make_app(LANGUAGE="zh"), "ada")
    post_id = ada.write_post(title="德比之夜", body="八点开球。", tags="体育")
    assert read_json(ada, "/feed.json")["language"] == "zh-Hans"
    assert "德比之夜" in ada.get("/feed.json").text
    feed = read_xml(ada, "/tag/体育/feed.atom")
    assert feed.entries[0].title == "德比之夜"
    assert feed.feed.links[0].href.endswith("/tag/%E4%BD%93%E8%82%B2/feed.atom")
    assert head(ada, f"/post/{post_id}").meta["og:locale"] == "zh_CN"
