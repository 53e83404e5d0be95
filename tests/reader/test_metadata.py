"""Share tags, autodiscovery and structured data: what machines read in the head of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask

from support.content import add_many, publish_many
from support.metadata import BASE, NASTY, Head, fill, head, read_json
from support.persons import Person
from webapp.reader import metadata
from webapp.values import NOT_TEXT

# Share tags and autodiscovery


def public_pages(author: Person) -> Iterator[tuple[str, str]]:
    """Every kind of public page: its address, and its own feed's without suffix or an empty text."""
    post_id = author.write_post(title="The derby", summary="Tonight.", tags="Football", live="y")
    n = author.add_update(post_id, "Goal by Ten!", title="1:0")
    author.comment(post_id)
    plain = author.write_post(title="Plain")
    publish_many(author.app, 20, tags=["Football"])
    own = f"/post/{post_id}/feed"
    yield from (("/", ""), ("/page/2", ""), (f"/post/{post_id}", own), (f"/post/{plain}", ""))
    yield from ((f"/post/{post_id}/{path}", own) for path in ("updates/1", "comments/1", f"update/{n}"))
    yield from (("/user/ada", "/user/ada/feed"), ("/user/ada/page/2", "/user/ada/feed"))
    yield from (("/tag/football", "/tag/football/feed"), ("/tag/football/page/2", "/tag/football/feed"))
    fill(author)
    yield "/about/imprint", ""


def test_every_public_page_says_its_address_and_its_feeds(author: Person, reader: Person) -> None:
    for path, own in public_pages(author):
        answer = reader.get(path, headers={"Host": "evil.example"})
        assert answer.status_code == 200, path
        assert "evil" not in answer.text
        page = Head(answer.text)
        assert page.canonical == [page.meta["og:url"]] == [BASE + path]
        assert page.meta["og:site_name"] == "The <Evening> & Post"
        assert page.meta["twitter:card"] == "summary"
        assert page.meta["og:title"]
        assert page.meta["og:locale"] == "en_US"
        assert page.meta["description"] == page.meta["og:description"]
        assert page.meta["description"]
        names = ([own] if own else []) + ["/feed"]
        assert page.alternates == [f"{name}.{kind}" for name in names for kind in ("atom", "rss", "json")], path
        named = "/feed" if "/comments/" in path else names[0]
        assert f'<p><a href="{named}.atom">' in answer.text, "for people too"
        for feed in page.alternates:
            assert reader.get(feed).status_code == 200


def test_a_post_says_what_a_share_of_it_shows(author: Person, reader: Person) -> None:
    title = """Quotes " and ' <b> & more"""
    post_id = author.write_post(title=title, summary=f"On {title}", language="pt-BR", live="y")
    n = author.add_update(post_id, "**Goal** by Ten!")
    meta = head(reader, f"/post/{post_id}").meta
    assert (meta["og:type"], meta["og:title"], meta["og:description"]) == ("article", title, f"On {title}")
    assert meta["og:locale"] == "pt_BR"
    published, modified = str(meta["article:published_time"]), str(meta["article:modified_time"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", published)
    assert published <= modified == update_time(reader, post_id)
    assert meta["description"] == f"On {title}"
    update = head(reader, f"/post/{post_id}/update/{n}").meta
    assert (update["og:title"], update["og:description"]) == (title, "Goal by Ten!")
    assert update["og:url"] == f"{BASE}/post/{post_id}/update/{n}"


def test_every_page_describes_itself(author: Person, reader: Person) -> None:
    post_id = author.write_post(title="The derby", body="## Before\n\n*Kick-off* at eight.", tags="Football", live="y")
    bare = author.write_post(title="Nothing yet", body="")
    n = author.add_update(post_id, "**Goal** by Ten!")
    assert head(reader, "/").meta["description"] == "The derby · Nothing yet"
    fill(author)
    for path, said in {
        "/user/ada": "Posts by ada",
        "/tag/football": "Posts with the tag “Football”",
        "/about/imprint": "Made by us.",
        f"/post/{post_id}": "Kick-off at eight.",
        f"/post/{post_id}/updates/1": "Kick-off at eight.",
        f"/post/{post_id}/update/{n}": "Goal by Ten!",
        f"/post/{bare}": "Nothing yet",
    }.items():
        assert head(reader, path).meta["og:description"] == said, path


def update_time(reader: Person, post_id: int) -> str:
    return str(read_json(reader, f"/post/{post_id}/feed.json")["items"][0]["date_modified"])


@pytest.mark.parametrize(
    ("language", "locale"),
    [("en", "en_US"), ("zh", "zh_CN"), ("zh-Hant", "zh_TW"), ("pt-BR", "pt_BR"), ("ar", "ar_EG"), ("x", "x")],
)
def test_a_language_has_its_likeliest_territory(language: str, locale: str) -> None:
    assert metadata.og_locale(language) == locale


def test_pages_that_arent_public_say_nothing_of_the_kind(author: Person, reader: Person) -> None:
    draft = author.post("/desk/new", title="A draft", body="Text", action="draft").location
    found = re.search(r'value="https?://[^/"]+(/draft/[^"]+)"', author.get(draft).text)
    assert found
    post_id = author.write_post(live="y")
    personal = ["/desk", "/settings", f"/desk/post/{post_id}", f"/post/{post_id}/comments/new"]
    for person, path in [*((author, path) for path in personal), (reader, "/login"), (reader, found[1])]:
        assert_silent(head(person, path), path)
    assert_silent(Head(reader.get("/nowhere").text), "/nowhere")
    assert head(reader, "/").canonical, "the others would be seen"


def assert_silent(page: Head, path: str) -> None:
    assert (page.canonical, page.alternates, page.data) == ([], [], []), path
    assert not [name for name in page.meta if re.match("og:|article:|twitter:", name)], path


# Structured data


def test_a_plain_post_is_a_blog_posting(author: Person, reader: Person) -> None:
    post_id = author.write_post(title="The derby", summary="Tonight.")
    [said] = head(reader, f"/post/{post_id}").data
    assert said["@type"] == "BlogPosting"
    assert (said["headline"], said["description"], said["inLanguage"]) == ("The derby", "Tonight.", "en")
    assert said["url"] == f"{BASE}/post/{post_id}"
    assert said["author"] == [{"@type": "Person", "name": "ada", "url": f"{BASE}/user/ada"}]
    assert "liveBlogUpdate" not in said


def test_a_live_post_lists_its_newest_updates(app: Flask, ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    assert head(anonymous, f"/post/{post_id}").data[0]["liveBlogUpdate"] == []
    numbers = add_many(app, post_id, 60)
    ada.post(f"/desk/post/{post_id}/update/{numbers[58]}/pin")
    long = ada.add_update(post_id, "**Goal** by Ten! " * 100, title="1:0")
    [said] = head(anonymous, f"/post/{post_id}").data
    assert said["@type"] == "LiveBlogPosting"
    assert said["coverageStartTime"] == said["datePublished"] <= said["dateModified"]
    assert "coverageEndTime" not in said
    assert [int(item["url"].rpartition("/")[2]) for item in said["liveBlogUpdate"]] == [long, *numbers[:10:-1]]
    first, second = said["liveBlogUpdate"][:2]
    assert first["author"] == {"@type": "Person", "name": "ada", "url": "http://127.0.0.1:8000/user/ada"}
    assert (first["@type"], first["headline"], second["headline"]) == ("BlogPosting", "1:0", "Number 59.")
    assert first["articleBody"].startswith("Goal by Ten! Goal")
    assert len(first["articleBody"]) <= 200
    assert anonymous.get(urlsplit(first["url"]).path).status_code == 200


def test_an_ended_post_with_updates_says_when_it_ended(author: Person, reader: Person) -> None:
    live, silent = author.write_post(live="y"), author.write_post(live="y")
    author.add_update(live)
    for post_id in (live, silent):
        author.post(f"/desk/post/{post_id}/end")
    [said] = head(reader, f"/post/{live}").data
    assert (said["@type"], len(said["liveBlogUpdate"])) == ("LiveBlogPosting", 1)
    assert said["coverageStartTime"] <= said["coverageEndTime"] <= said["dateModified"]
    assert head(reader, f"/post/{silent}").data[0]["@type"] == "BlogPosting"


@pytest.mark.parametrize("title", NASTY)
def test_structured_data_survive_whatever_a_title_says(author: Person, reader: Person, title: str) -> None:
    post_id = author.write_post(title=title, summary=title, live="y")
    author.add_update(post_id, title, title=title)
    [said] = head(reader, f"/post/{post_id}").data
    kept = NOT_TEXT.sub("", title)
    assert said["headline"] == said["description"] == said["liveBlogUpdate"][0]["headline"] == kept
    assert "<script>alert" not in reader.get(f"/post/{post_id}").text


def test_letters_in_structured_data_stay_letters(author: Person, reader: Person) -> None:
    post_id = author.write_post(title="德比之夜")
    assert '"headline": "德比之夜"' in reader.get(f"/post/{post_id}").text
