"""Public pages: what stands on them, under which address, and that everybody gets the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import unquote, urlsplit

import pytest
from flask import Flask
from flask.wrappers import Response
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.content import add_many, items, publish_many
from support.persons import Person
from webapp import changes
from webapp.people import users


def cards(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'<article class="card" id="post-(\d+)"', page)]


def everything(ada: Person, edith: Person, eve: Person) -> list[str]:
    """One of each thing a reader can see; the addresses of every kind of public page."""
    post_id = ada.write_post(title="The derby", live="y", tags="Football", summary="Tonight")
    n = ada.add_update(post_id, "Goal by Ten!", title="1:0", key="y")
    eve.comment(post_id, "Well said.")
    edith.post("/desk/about/new", name="imprint", title="Imprint", body="Made by us.")
    urls = ["/", f"/post/{post_id}", f"/post/{post_id}/updates/1", f"/post/{post_id}/comments/1"]
    urls += [f"/post/{post_id}/update/{n}", "/user/ada", "/user/eve", "/tag/football", "/about/imprint"]
    return [*urls, "/hello", "/hello/", "/hello/ada", "/search?q=derby"]


# The front page


def test_an_empty_site_says_how_to_begin(anonymous: Person) -> None:
    page = anonymous.get("/")
    assert page.status_code == 200
    assert "Nothing published yet" in page.text
    assert anonymous.get("/page/2").status_code == 404


def test_the_front_page_has_twenty_posts_a_page_newest_first(app: Flask, anonymous: Person) -> None:
    ids = publish_many(app, 41)[::-1]
    pages = [anonymous.get(url).text for url in ("/", "/page/2", "/page/3")]
    assert [cards(page) for page in pages] == [ids[:20], ids[20:40], ids[40:]]
    assert anonymous.get("/page/4").status_code == 404
    assert anonymous.get("/page/0").status_code == 404
    newer, older = 'rel="prev">Newer posts', 'rel="next">Older posts'
    assert [newer in page for page in pages] == [False, True, True]
    assert [older in page for page in pages] == [True, True, False]
    assert '<a href="/" rel="prev">' in pages[1], "page 1 has one address"
    assert '<a href="/page/3" rel="next">' in pages[1]


def test_twenty_posts_fill_one_page(app: Flask, anonymous: Person) -> None:
    publish_many(app, 20)
    assert len(cards(anonymous.get("/").text)) == 20
    assert 'rel="next"' not in anonymous.get("/").text
    assert anonymous.get("/page/2").status_code == 404


@pytest.mark.parametrize("where", ["/user/ada", "/tag/football"])
def test_lists_of_an_author_and_of_a_tag_have_pages_too(app: Flask, anonymous: Person, where: str) -> None:
    ids = publish_many(app, 21, tags=["Football"])[::-1]
    assert cards(anonymous.get(where).text) == ids[:20]
    assert f'<a href="{where}/page/2" rel="next">' in anonymous.get(where).text
    assert cards(anonymous.get(f"{where}/page/2").text) == ids[20:]
    assert anonymous.get(f"{where}/page/3").status_code == 404


# A post and its older pages


def test_a_post_shows_its_parts_in_order(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(
        title="The derby", summary="Tonight.", body="Kick-off at eight.", live="y", tags="football"
    )
    first = ada.add_update(post_id, "Kick-off.")
    ada.add_update(post_id, "A corner.", key="y")
    last = ada.add_update(post_id, "Half-time.")
    ada.post(f"/desk/post/{post_id}/update/{first}/pin")
    comment = ada.comment(post_id, "What a game.")
    page = anonymous.get(f"/post/{post_id}").text
    parts = ["The derby</h1>", "Tonight.</p>", 'href="/user/ada"', "Kick-off at eight.", 'href="/tag/football"']
    parts += ["Key moments", f'id="update-{first}"', f'id="update-{last}"', f'id="comment-{comment}"']
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert items(page, "update")[0] == first, "the pinned one"


def test_a_post_shows_its_newest_50_updates_and_leads_to_the_older_ones(
    app: Flask, ada: Person, anonymous: Person
) -> None:
    post_id = ada.write_post(live="y")
    numbers = add_many(app, post_id, 101)
    page = anonymous.get(f"/post/{post_id}").text
    assert items(page, "update") == numbers[:50:-1]
    assert f'href="/post/{post_id}/updates/2">Older updates' in page
    older = [anonymous.get(f"/post/{post_id}/updates/{number}").text for number in (1, 2, 3)]
    assert [items(page, "update") for page in older] == [numbers[49::-1], numbers[99:49:-1], numbers[100:]]
    assert f'<a href="/post/{post_id}/updates/1" rel="prev">' in older[1]
    assert f'<a href="/post/{post_id}/updates/3" rel="next">' in older[1]
    assert f'<a href="/post/{post_id}" rel="next">' in older[2]
    assert anonymous.get(f"/post/{post_id}/updates/4").status_code == 404
    assert anonymous.get(f"/post/{post_id}/updates/0").status_code == 404


def test_a_post_shows_its_latest_50_comments_and_leads_to_the_older_ones(
    app: Flask, ada: Person, anonymous: Person
) -> None:
    post_id = ada.write_post()
    numbers = add_many(app, post_id, 101, "comments")
    page = anonymous.get(f"/post/{post_id}").text
    assert items(page, "comment") == numbers[51:]
    assert f'href="/post/{post_id}/comments/2">Earlier comments' in page
    older = [anonymous.get(f"/post/{post_id}/comments/{number}").text for number in (1, 2, 3)]
    assert [items(page, "comment") for page in older] == [numbers[:50], numbers[50:100], numbers[100:]]
    assert anonymous.get(f"/post/{post_id}/comments/4").status_code == 404


@pytest.mark.parametrize("kind", ["updates", "comments"])
def test_page_1_never_changes_once_it_is_full(app: Flask, ada: Person, anonymous: Person, kind: str) -> None:
    post_id = ada.write_post(live="y")
    url = f"/post/{post_id}/{kind}/1"
    add_many(app, post_id, 49, kind)
    not_full = anonymous.get(url).data
    add_many(app, post_id, 1, kind)
    full = anonymous.get(url).data
    assert full != not_full
    for more in (1, 50):
        add_many(app, post_id, more, kind)
        assert anonymous.get(url).data == full
    for link in re.findall(rf'href="(/post/{post_id}/{kind}/\d+)"', full.decode()):
        assert anonymous.get(link).status_code == 200


@pytest.mark.parametrize("kind", ["updates", "comments"])
def test_a_full_page_leads_to_one_that_is_there(app: Flask, ada: Person, anonymous: Person, kind: str) -> None:
    post_id = ada.write_post(live="y")
    add_many(app, post_id, 50, kind)
    link = re.search(r'<a href="([^"]+)" rel="next">', anonymous.get(f"/post/{post_id}/{kind}/1").text)
    assert link
    assert anonymous.get(link[1]).status_code == 200


def test_withdrawing_shifts_no_older_page(app: Flask, ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    numbers = add_many(app, post_id, 60)
    ada.post(f"/desk/post/{post_id}/update/{numbers[10]}/withdraw")
    first = items(anonymous.get(f"/post/{post_id}/updates/1").text, "update")
    assert first == [n for n in numbers[49::-1] if n != numbers[10]]
    assert items(anonymous.get(f"/post/{post_id}/updates/2").text, "update") == numbers[:49:-1]


def test_no_update_falls_between_the_post_and_its_older_pages(app: Flask, ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    numbers = add_many(app, post_id, 75)
    for n in (numbers[60], numbers[70]):
        ada.post(f"/desk/post/{post_id}/update/{n}/withdraw")
    ada.post(f"/desk/post/{post_id}/update/{numbers[65]}/pin")
    url, seen = f"/post/{post_id}", set[int]()
    for _page in range(3):
        page = anonymous.get(url).text
        seen |= set(items(page, "update"))
        link = re.search(rf'href="(/post/{post_id}/updates/\d+)"[^>]*>Older updates', page)
        if not link:
            break
        url = link[1]
    assert seen == set(numbers) - {numbers[60], numbers[70]}


def test_an_update_has_a_page_of_its_own(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(title="The derby", live="y")
    n, other = ada.add_update(post_id, "Goal by Ten!", title="1:0"), ada.add_update(post_id, "A corner.")
    page = anonymous.get(f"/post/{post_id}/update/{n}").text
    assert "<title>1:0 – The derby – Pressroom</title>" in page
    assert items(page, "update") == [n]
    assert f'href="/post/{post_id}"' in page
    assert "A corner." in anonymous.get(f"/post/{post_id}/update/{other}").text
    assert anonymous.get(f"/post/{post_id}/update/{other + 1}").status_code == 404
    assert anonymous.get(f"/post/{post_id}/update/1").status_code == 404, "that event was no update"


def test_times_are_written_in_the_sites_zone_and_for_scripts(make_app: Callable[..., Flask]) -> None:
    from zoneinfo import ZoneInfo

    app = make_app(TIMEZONE=ZoneInfo("Asia/Shanghai"))
    (post_id,) = publish_many(app, 1)
    page = Person(app).get(f"/post/{post_id}").text
    iso = "2023-11-15T06:13:20+08:00"
    found = re.search(rf'<time datetime="{re.escape(iso)}" data-style="medium">([^<]+)</time>', page)
    assert found
    assert found[1] == "15 Nov 2023, 06:13"
    assert page.count("China Time") == 2, "said once, and kept for the script"


def test_texts_say_their_language_and_find_their_direction(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(title="مباراة الليلة", body="تبدأ المباراة في الثامنة مساء.", language="ar", live="y")
    n = ada.add_update(post_id, "هدف!", title="هدف")
    comment = ada.comment(post_id, "Great.")
    page = anonymous.get(f"/post/{post_id}").text
    assert page.lstrip().startswith('<!doctype html>\n<html lang="en">'), "the site's own language"
    isolated = ada.write_post(body='نص <bdi dir="auto">Hello!</bdi>', language="ar")
    assert '<bdi dir="auto">Hello!</bdi>' in anonymous.get(f"/post/{isolated}").text, "as its author wants it"
    assert '<h1 class="head__title" lang="ar" dir="rtl">' in page
    assert '<div class="prose" lang="ar" dir="rtl">' in page
    for item, direction in ((f"update-{n}", "rtl"), (f"comment-{comment}", "auto")):
        assert re.search(rf'id="{item}".*?lang="ar" dir="{direction}">', page, re.DOTALL)
    assert 'lang="ar" dir="rtl">مباراة الليلة</a></h2>' in anonymous.get("/").text


def test_a_page_of_the_site_runs_as_most_of_its_words_do(edith: Person, anonymous: Person) -> None:
    for name, body in (
        ("ours", "Pressroom نشرة محلية\n\nann@example.org راسلنا"),
        ("yours", "نشرة is what they call a bulletin."),
    ):
        edith.post("/desk/about/new", name=name, title="Pressroom: نشرة", body=body)
    page = anonymous.get("/about/ours").text
    assert page.count('<p dir="rtl">') == 2
    assert '<h1 class="head__title" dir="rtl">' in page
    assert '<p dir="auto">' in anonymous.get("/about/yours").text


@pytest.mark.parametrize("language", ["ar", "fa", "he", "ur", "ckb", "yi", "ku-Arab", "az-Arab-IR"])
def test_a_known_language_runs_its_way_whatever_comes_first(ada: Person, anonymous: Person, language: str) -> None:
    """A paragraph, a list, a quote, a table and a title that begin with a Latin word."""
    body = "Pressroom هو موقع.\n\n- HTML لغة\n- CSS\n\n> Flask إطار\n\n| SQL | لغة |\n|---|---|\n| FTS | بحث |"
    post_id = ada.write_post(title="Pressroom: إطلاق", body=body, language=language, live="y")
    n = ada.add_update(post_id, body, title="Live: هدف")
    for path in (f"/post/{post_id}", f"/post/{post_id}/update/{n}", f"/post/{post_id}/feed.atom", "/feed.atom"):
        page = anonymous.get(path).text.replace("&#34;", '"').replace("&lt;", "<")
        assert all(f'<{block} dir="rtl"' in page for block in ("p", "ul", "blockquote", "table")), path


def test_a_german_post_says_so_to_readers_and_machines(ada: Person, anonymous: Person) -> None:
    body = "Der Hafen öffnet am Montag wieder, und die Fähren fahren über die Brücke."
    post_id = ada.write_post(title="Der Hafen öffnet", body=body)
    page = anonymous.get(f"/post/{post_id}").text
    assert '<div class="prose" lang="de" dir="auto">' in page
    assert '"inLanguage": "de"' in page
    assert '<entry xml:lang="de">' in anonymous.get("/feed.atom").text
    assert anonymous.get("/feed.json").json["items"][0]["language"] == "de"  # type: ignore[index]


def test_the_contents_language_may_be_another_than_the_interfaces(make_app: Callable[..., Flask]) -> None:
    ada = Person(make_app(CONTENT_LANGUAGE="fr"), "ada")
    post_id = ada.write_post(title="Live: Derby", body="1:0")
    assert '<h1 class="head__title" lang="fr" dir="auto">' in ada.get(f"/post/{post_id}").text
    assert 'xml:lang="fr"' in ada.get("/feed.atom").text
    assert '<html lang="en">' in ada.get("/").text


def test_every_page_has_one_title_one_h1_and_no_doubled_id(ada: Person, edith: Person, eve: Person) -> None:
    for url in everything(ada, edith, eve):
        page = eve.get(url).text
        if not url.startswith("/hello"):
            assert page.count("<title>") == page.count("<h1") == 1, url
        ids = re.findall(r'\sid="([^"]+)"', page)
        assert len(ids) == len(set(ids)), url


def test_every_link_of_a_public_page_leads_somewhere(ada: Person, edith: Person, eve: Person) -> None:
    links = {
        unescape(link)
        for url in everything(ada, edith, eve)
        for link in re.findall(r'(?:href|src|action)="(/[^"#]*)', ada.get(url).text)
    }
    assert "/tag/football" in links
    assert "/login?next=/post/1" in links
    post_only = ("/logout", "/post/1/comments")
    sheets_and_scripts = ("/static/", "/assets/")
    for link in sorted(links):
        if not link.startswith(sheets_and_scripts):
            assert ada.get(link).status_code in ((405,) if link in post_only else (200, 302)), link


# Addresses


TRUE_ADDRESSES = {
    "/post/007": "/post/7",
    "/post/7?utm_source=x": None,
    "/post/007?utm_source=x": "/post/7",
    "/page/1": "/",
    "/page/01": "/",
    "/page/02": "/page/2",
    "/user/ADA": "/user/ada",
    "/user/%EF%BD%81da": "/user/ada",
    "/user/ada/page/1": "/user/ada",
    "/user/ADA/page/2": "/user/ada/page/2",
    "/tag/Football": "/tag/football",
    "/tag/football/page/1": "/tag/football",
    "/tag/%E8%B6%B3%E7%90%83": None,
    "/tag/local%20elections": "/tag/local-elections",
    "/post/7/updates/01": "/post/7/updates/1",
    "/post/07/comments/1": "/post/7/comments/1",
    "/post/7/update/02": "/post/7/update/2",
    "/post/%D9%A7": "/post/7",
}


def test_each_page_has_one_true_address(app: Flask, ada: Person) -> None:
    publish_many(app, 21, tags=["Football", "足球", "Local Elections"], live=True)
    ada.add_update(7)
    ada.comment(7)
    answers = {asked: ada.get(asked) for asked in TRUE_ADDRESSES}
    assert {asked: answer.location for asked, answer in answers.items()} == TRUE_ADDRESSES
    for asked, true in TRUE_ADDRESSES.items():
        assert answers[asked].status_code == (301 if true else 200), asked
        assert ada.get(true or asked).status_code == 200, asked


def test_an_old_name_leads_to_the_new_one(app: Flask, ada: Person) -> None:
    ada.write_post()
    with app.app_context(), changes.changing() as session:
        users.rename(session, users.by_name(session, "ada").id, "countess", None)
    answer = ada.get("/user/ada")
    assert (answer.status_code, answer.location) == (301, "/user/countess")
    assert 'href="/user/countess"' in ada.get("/").text


def test_a_404_tells_nobody_whether_there_is_a_draft(ada: Person, anonymous: Person) -> None:
    ada.post("/desk/new", title="A secret", action="draft")
    assert "A secret" in ada.get("/desk/post/1").text
    assert anonymous.get("/post/1").data == anonymous.get("/post/2").data == ada.get("/post/1").data


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(st.characters(codec="utf-8"), max_size=20))
@example("Ada")
@example("/other.example.org/")
@example("ada/page/1")
def test_no_address_breaks_the_site_or_leads_in_circles(app: Flask, path: str) -> None:
    client = app.test_client()
    for start in ("/", "/user/", "/tag/", "/about/", "/hello/", "/post/"):
        # Below these two lie forms and the desk as well, which say "log in first" and "not by GET".
        others = (302, 405) if start in ("/", "/post/") else ()
        here = start + path
        for _hop in range(3):
            # As the server hands it over: the client would take the second slash of `//x` for another host.
            answer = client.get("/", environ_overrides={"PATH_INFO": here.encode().decode("latin-1")})
            assert answer.status_code in (200, 301, 308, 404, *others), here
            if answer.status_code not in (301, 308):
                break
            assert not answer.location.startswith("//"), f"{here!r} leads to another host"
            here = unquote(urlsplit(answer.location).path)
        else:
            pytest.fail(f"{start}{path!r} leads in circles")


# Rule 1: the same bytes for everybody


def headers_of(answer: Response) -> list[tuple[str, str]]:
    """All but the hour of the answer."""
    return [(name, value) for name, value in answer.headers if name != "Date"]


def test_everybody_gets_the_same_bytes(app: Flask, ada: Person, edith: Person, eve: Person, anonymous: Person) -> None:
    urls = [*everything(ada, edith, eve), "/post/007", "/user/ADA", "/page/1", "/post/999", "/nothing", "/tag/x"]
    odd = {
        "Accept": "application/json",
        "Accept-Language": "zh-CN,zh;q=0.9",
        "Cookie": "session=forged; signed_in=1; a=b",
        "Host": "evil.example",
        "User-Agent": "curl/8",
        "Referer": "https://evil.example/",
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Proto": "https",
        "X-Requested-With": "XMLHttpRequest",
        "Authorization": "Basic YWRhOmFkYQ==",
        "Origin": "https://evil.example",
        "X-Original-URL": "/desk",
        "X-HTTP-Method-Override": "POST",
    }
    assert "signed_in" in str(ada.client.get_cookie("signed_in", domain="127.0.0.1"))
    for url in urls:
        junk = f"{url}{'&' if '?' in url else '?'}utm_source=evil&lang=zh"
        fresh = app.test_client()
        expected = anonymous.get(url)
        answers = {
            "a stranger": fresh.get(url),
            "Ada": ada.get(url),
            "Eve": eve.get(url),
            "Edith": edith.get(url),
            "odd headers": fresh.get(url, headers=odd),
            "https": fresh.get(url, base_url="https://evil.example:8443"),
            "a query string": fresh.get(junk),
        }
        for who, answer in answers.items():
            assert answer.data == expected.data, (url, who)
            assert answer.status_code == expected.status_code, (url, who)
            assert headers_of(answer) == headers_of(expected), (url, who)
        head = fresh.head(url)
        assert head.data == b""
        assert headers_of(head) == headers_of(expected), url


def test_a_public_page_sets_no_cookie_and_holds_no_token(app: Flask, ada: Person, edith: Person, eve: Person) -> None:
    assert 'name="csrf_token"' in ada.get("/desk/new").text
    assert "Cookie" in ada.get("/desk/new").headers["Vary"]
    for url in [*everything(ada, edith, eve), "/nothing", "/post/999", "/page/1"]:
        for client in (ada.client, app.test_client()):
            answer = client.get(url)
            assert "Set-Cookie" not in answer.headers, url
            assert "Cookie" not in answer.headers.get("Vary", ""), url
            assert answer.headers["Cache-Control"] == ("no-store" if url == "/nothing" else "no-cache"), url
            assert "csrf" not in answer.text, url


def test_a_page_is_the_same_from_one_hour_to_the_next(
    app: Flask, ada: Person, edith: Person, eve: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    urls = everything(ada, edith, eve)
    before = [eve.get(url).data for url in urls]
    assert time.time_ns() < 4_000_000_000_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: 4_000_000_000_000_000_000)
    assert [app.test_client().get(url).data for url in urls] == before


def test_links_within_the_site_are_relative_whatever_the_host(ada: Person, edith: Person, eve: Person) -> None:
    for url in everything(ada, edith, eve):
        page = ada.get(url, headers={"Host": "evil.example"}).text
        assert "evil.example" not in page
        assert "127.0.0.1" not in page.partition("<body>")[2]
    assert ada.get("/post/001", headers={"Host": "evil.example"}).location == "/post/1"


def test_a_deleted_authors_name_is_gone_from_every_page(app: Flask, ada: Person, edith: Person, eve: Person) -> None:
    urls = everything(ada, edith, eve)
    assert 'href="/user/ada"' in eve.get("/post/1").text
    with app.app_context(), changes.changing() as session:
        users.remove(session, users.by_name(session, "ada").id)
    assert eve.get("/user/ada").status_code == 404
    for url in urls:
        if url not in ("/user/ada", "/hello/ada"):
            answer = eve.get(url)
            assert answer.status_code == 200
            assert "/user/" not in unquote(answer.text).replace("/user/eve", ""), url
            assert not re.search(r"\bada\b", answer.text), url
    assert "Deleted account" in eve.get("/post/1").text


def test_the_smallest_answers_are_as_designed(anonymous: Person) -> None:
    assert anonymous.get("/hello").data == b"Hello, World!"
    assert "Hello, World!" in anonymous.get("/hello/").text
    assert "Hello, &lt;b&gt;!" in anonymous.get("/hello/%3Cb%3E").text
