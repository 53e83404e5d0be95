"""Sitemap and robots.txt: what search engines read."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from support.content import publish_many
from support.metadata import BASE, Head, fill, locations, path_of, sitemap
from support.persons import Person
from webapp.pages import paths

KINDS = ("site", "user", "tag", "tag", "post", "post")


def everything(ids: list[int]) -> list[str]:
    """What the sitemap has after `fill`."""
    lists = ["/", "/about/imprint", "/user/ada", "/tag/football", "/tag/%E4%BD%93%E8%82%B2"]
    return lists + [f"/post/{post_id}" for post_id in ids]


def test_the_sitemap_has_every_public_page_and_each_is_there(author: Person, reader: Person) -> None:
    ids = fill(author)
    urls = re.findall("<loc>(.+?)</loc>", sitemap(reader))
    assert [path_of(url) for url in urls] == everything(ids)
    for url in urls:
        answer = reader.get(path_of(url))
        assert answer.status_code == 200, url
        assert Head(answer.text).canonical == [url], "a sitemap has canonical addresses"


def test_the_sitemap_says_when_a_post_changed(site: Flask, author: Person, reader: Person) -> None:
    [post_id] = publish_many(site, 1)
    url = f"<loc>{BASE}/post/{post_id}</loc>"
    assert f"{url}<lastmod>2023-11-14T22:13:20+00:00</lastmod>" in sitemap(reader)
    author.post(f"/desk/post/{post_id}", title="Another", body="Text", action="publish", version="1")
    assert f"{url}<lastmod>20" in sitemap(reader)
    assert "2023-11-14" not in sitemap(reader)


def test_a_part_has_what_shares_a_thousand(author: Person, reader: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = fill(author)
    monkeypatch.setattr(paths, "SITEMAP_IDS", 1)

    def parts() -> list[str]:
        return [path_of(url) for url in locations(reader.get("/sitemap.xml").text)]

    both = parts()
    assert [part.partition("-")[0] for part in both] == [f"/sitemap/{kind}" for kind in KINDS]
    assert both[-2:] == [f"/sitemap/post-{first}.xml", f"/sitemap/post-{second}.xml"]
    found = [[path_of(url) for url in locations(reader.get(part).text)] for part in both]
    assert [url for part in found for url in part] == everything([first, second])
    assert found[-2:] == [[f"/post/{first}"], [f"/post/{second}"]]
    author.post(f"/desk/post/{second}/unpublish")
    assert parts() == both[:-1]
    for part in (f"post-{second}", "post-0", "tag-9", "user-99", "site-0", "site-2", "page-1", "1"):
        assert reader.get(f"/sitemap/{part}.xml").status_code == 404, part


def test_robots_are_kept_from_personal_pages_alone(author: Person, reader: Person) -> None:
    said = reader.get("/robots.txt").text
    assert said.startswith("User-agent: *\nDisallow: /")
    assert f"\nSitemap: {BASE}/sitemap.xml\n" in said
    rules = re.findall("^Disallow: (.+)$", said, re.MULTILINE)
    patterns = [re.escape(rule).replace(r"\*", ".*").replace(r"\$", "$") for rule in rules]

    def refused(path: str) -> bool:
        return any(re.match(pattern, path) for pattern in patterns)

    post_id = fill(author)[0]
    for path in ("/desk", "/desk/new", "/login", "/register", "/settings", "/search?q=x", "/me", "/logout"):
        assert refused(path), path
    assert refused(f"/post/{post_id}/comments/new")
    assert refused(f"/post/{post_id}/at")
    assert refused(f"/post/{post_id}/at/1700000000.5")
    open_to_all = ["/media/x.jpg", f"/post/{post_id}/comments/1", "/feed.atom", "/static/css/base.css"]
    for path in [*open_to_all, *map(path_of, re.findall("<loc>(.+?)</loc>", sitemap(reader)))]:
        assert not refused(path), path
