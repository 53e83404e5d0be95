"""Search: finds words of any script, takes any input whatever, and shows nobody what isn't public."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from support.content import add_many, import_file, publish_many
from support.persons import Person
from webapp import changes, jobs
from webapp.content import search, search_index, search_query
from webapp.models import Post
from webapp.people import users
from webapp.reader.views import SEARCHES_PER_MINUTE

GUIDE = """---
title: Flask 新手指南
tags: [Web 开发, Python]
---

Flask 是一个轻量级的 Web 框架，适用于快速开发小型应用。它提供了路由、模板引擎等功能。

## 路由

使用装饰器来定义路由，比如 `@app.route('/')`。转换器可以限制变量的类型。

| 转换器 | 说明 |
|---|---|
| `string` | 缺省，接受任何不包含斜杠的文本 |
| `int` | 接受正整数 |

## 部署

不要在生产环境使用开发服务器。部署到线上时，用 Nginx 作为反向代理：

```bash
gunicorn --bind 127.0.0.1:8000 app:app
```
"""


def results(person: Person, query: str, **fields: object) -> list[str]:
    """The addresses that a search finds, the best first."""
    answer = person.get("/search", query_string={"q": query} | fields)
    assert answer.status_code == 200, query
    return re.findall(r'<h2 class="result__title"><a href="([^"]+)"', answer.text)


def excerpts(person: Person, query: str) -> list[str]:
    page = person.get("/search", query_string={"q": query}).text
    return re.findall(r'<p class="result__excerpt"[^>]*>(.*?)</p>', page, re.DOTALL)


def links(page: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', page)


def index_all(app: Flask) -> None:
    """What the workers' job does."""
    with app.app_context():
        jobs.index()


@pytest.fixture
def guide(app: Flask, tmp_path: Path) -> str:
    """An imported Chinese guide; its address."""
    path = tmp_path / "guide.zh.md"
    path.write_text(GUIDE, "utf-8")
    with app.app_context(), changes.changing() as session:
        import_file(session, path, users.by_name(session, "ada").id)
    return "/post/1"


@pytest.fixture(autouse=True)
def no_limit(app: Flask) -> None:
    """The limit on searches counts all of this process's, and so all of these tests'."""
    app.config["LIMITS"] = "off"


@pytest.mark.parametrize(
    "query",
    [
        "路由",
        "部署",
        "转换器",
        "Nginx",
        "nginx",
        "NGINX",
        "ngin",
        "反向代理",
        "Flask 路由",
        "路由 nginx",
        "由",
        "新手指南",
    ]
    + ["gunicorn", "127.0.0.1", "ｎｇｉｎｘ", "《路由》，部署！", "Web开发", "app.route"],
)
def test_a_chinese_guide_is_found_by_its_words(anonymous: Person, guide: str, query: str) -> None:
    assert results(anonymous, query) == [guide]


@pytest.mark.parametrize("query", ["由路", "路径", "数据库", "Apache", "路由 数据库", "ginx"])
def test_what_isnt_there_is_not_found(anonymous: Person, guide: str, query: str) -> None:
    assert results(anonymous, "路由") == [guide]
    assert results(anonymous, query) == []
    assert "Nothing found." in anonymous.get("/search", query_string={"q": query}).text


def test_what_was_found_is_marked(anonymous: Person, guide: str) -> None:
    assert "<mark>部署</mark>" in excerpts(anonymous, "部署")[0]
    assert "<mark>Nginx</mark>" in excerpts(anonymous, "nginx")[0]
    assert "<mark>Nginx</mark>" in excerpts(anonymous, "ｎｇｉｎｘ")[0]
    assert len(unescape(re.sub("<[^>]+>", "", excerpts(anonymous, "部署")[0]))) < 200


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Das Spiel in München", "münchen"),
        ("Матч начинается", "МАТЧ"),
        ("試合は八時に始まる", "試合"),
        ("경기는 여덟 시에", "경기"),
        ("การแข่งขันคืนนี้", "แข่งขัน"),
        ("مباراة الليلة", "مباراة"),
        ("C++ and R&D in 2026", "R&D"),
        ("snake_case names", "snake_case"),
        ("Ἀθῆναι", "ἀθῆναι"),
        ("𠮷野家", "𠮷野家"),
    ],
)
def test_words_of_many_scripts_are_found(ada: Person, text: str, query: str) -> None:
    post_id = ada.write_post(title="Untitled", body=text)
    ada.write_post(title="Another", body="Something else")
    assert results(ada, query) == [f"/post/{post_id}"]


def test_title_summary_text_and_tags_are_searched_the_title_weighs_most(ada: Person) -> None:
    body = ada.write_post(title="One", body="The zebra.")
    title = ada.write_post(title="A zebra", body="Two")
    summary = ada.write_post(title="Three", body="", summary="With zebra.")
    tag = ada.write_post(title="Four", body="", tags="Zebra")
    found = results(ada, "zebra")
    assert found[0] == f"/post/{title}"
    assert sorted(found) == sorted(f"/post/{post_id}" for post_id in (body, title, summary, tag))


def test_an_update_is_found_with_the_post_that_it_belongs_to(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(title="The derby", live="y")
    n = ada.add_update(post_id, "A giraffe runs across the field.", title="Strange")
    assert results(anonymous, "giraffe") == [f"/post/{post_id}/update/{n}"]
    assert results(anonymous, "strange") == [f"/post/{post_id}/update/{n}"]
    page = anonymous.get("/search?q=giraffe").text
    assert "Update in <bdi>The derby</bdi>" in page
    ada.post(f"/desk/post/{post_id}/update/{n}/edit", title="", body="A llama runs across the field.")
    assert results(anonymous, "giraffe") == []
    assert results(anonymous, "llama") == [f"/post/{post_id}/update/{n}"]


def test_what_is_not_public_is_never_found(ada: Person, edith: Person, anonymous: Person) -> None:
    post_id = ada.write_post(title="Giraffe", live="y")
    kept, withdrawn = ada.add_update(post_id, "Giraffe one."), ada.add_update(post_id, "Giraffe two.")
    ada.post("/desk/new", title="Giraffe", action="draft")
    assert len(results(anonymous, "giraffe")) == 3
    ada.post(f"/desk/post/{post_id}/update/{withdrawn}/withdraw")
    assert sorted(results(anonymous, "giraffe")) == [f"/post/{post_id}", f"/post/{post_id}/update/{kept}"]
    ada.post(f"/desk/post/{post_id}/unpublish")
    for person in (anonymous, ada, edith):
        assert results(person, "giraffe") == []
    ada.post(f"/desk/post/{post_id}/update/{withdrawn}/restore")
    assert results(anonymous, "giraffe") == []
    ada.post(f"/desk/post/{post_id}", title="Giraffe", live="y", action="publish")
    assert len(results(anonymous, "giraffe")) == 3


def test_comments_are_not_searched(ada: Person, eve: Person) -> None:
    post_id = ada.write_post(body="An elephant.")
    eve.comment(post_id, "A giraffe.")
    assert results(eve, "elephant") == [f"/post/{post_id}"]
    assert results(eve, "giraffe") == []


def test_an_unpublished_posts_updates_leave_the_index(app: Flask, ada: Person, anonymous: Person) -> None:
    """So many as there are at once, and the rest when a worker's job comes to it; none is shown meanwhile."""
    shown = ada.write_post(title="Shown", body="Long before, once: number. " + "Other words. " * 200)
    hidden = ada.write_post(title="Hidden", live="y")
    add_many(app, hidden, search_index.AT_ONCE + 40)
    assert "341 results" in anonymous.get("/search?q=number").text
    ada.post(f"/desk/post/{hidden}/unpublish")
    for order in ("", "date"):
        assert results(anonymous, "number", order=order) == [f"/post/{shown}"]
    assert "One result" in anonymous.get("/search?q=number").text
    index_all(app)
    assert "One result" in anonymous.get("/search?q=number").text
    ada.post(f"/desk/post/{hidden}", title="Hidden", live="y", action="publish")
    index_all(app)
    assert "341 results" in anonymous.get("/search?q=number").text


def test_all_are_counted_and_shown_page_by_page(app: Flask, anonymous: Person) -> None:
    ids = publish_many(app, 45)
    newest_first = [f"/post/{post_id}" for post_id in reversed(ids)]
    pages = [results(anonymous, "text", order="date", page=number) for number in (1, 2, 3)]
    assert pages == [newest_first[:20], newest_first[20:40], newest_first[40:]]
    page = anonymous.get("/search?q=text&order=date&page=2").text
    assert "45 results" in page
    assert "Page 2 of 3" in page
    assert {"/search?q=text&amp;order=date&amp;page=1", "/search?q=text&amp;order=date&amp;page=3"} <= {*links(page)}
    for odd in (-1, 0, "x", 10**30):
        assert results(anonymous, "text", order="date", page=odd), odd
    assert results(anonymous, "text", order="date", page=99) == pages[2]


def test_of_more_than_can_be_ranked_the_newest_are_shown_and_all_counted(
    app: Flask, anonymous: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "RANKED", 30)
    ids = publish_many(app, 45)
    found = [path for number in (1, 2) for path in results(anonymous, "text", page=number)]
    assert found == [f"/post/{post_id}" for post_id in ids[:14:-1]]
    assert "45 results" in anonymous.get("/search?q=text").text


def test_results_can_be_of_one_author_or_tag(ada: Person, bob: Person, anonymous: Person) -> None:
    hers, his = ada.write_post(title="Giraffe", tags="Zoo", live="y"), bob.write_post(title="Giraffe", tags="Zoo, Bob")
    update = f"/post/{hers}/update/{ada.add_update(hers, 'A giraffe.')}"
    of_ada, of_bob = {f"/post/{hers}", update}, {f"/post/{his}"}
    assert {*results(anonymous, "giraffe", author="ada")} == of_ada
    assert {*results(anonymous, "giraffe", author="BOB")} == of_bob
    assert {*results(anonymous, "giraffe", tag="zoo")} == of_ada | of_bob
    assert {*results(anonymous, "giraffe", tag="bob")} == of_bob
    assert results(anonymous, "giraffe", tag="bob", author="ada") == []
    assert results(anonymous, "giraffe", tag="nothing") == results(anonymous, "giraffe", author="nobody") == []
    page = anonymous.get("/search?q=giraffe").text
    assert {"/search?q=giraffe&amp;author=ada", "/search?q=giraffe&amp;tag=zoo"} <= {*links(page)}
    ada.post(f"/desk/post/{hers}", title="Giraffe", tags="Africa", live="y", action="publish")
    assert {*results(anonymous, "giraffe", tag="zoo")} == of_bob
    assert {*results(anonymous, "giraffe", tag="africa")} == of_ada, "a post's updates have its tags"


# What is written in another way


@pytest.fixture
def imported(app: Flask, tmp_path: Path) -> Callable[[dict[str, str]], dict[str, str]]:
    """Publishes texts by name; their addresses, by name."""

    def publish(texts: dict[str, str]) -> dict[str, str]:
        addresses = {}
        with app.app_context(), changes.changing() as session:
            ada = users.by_name(session, "ada").id
            for name, written in texts.items():
                (tmp_path / f"{name}.md").write_text(written, "utf-8")
                import_file(session, tmp_path / f"{name}.md", ada)
                newest = session.scalar(select(func.max(Post.id)))
                addresses[name] = f"/post/{newest}"
        return addresses

    return publish


WRITTEN = {
    "zurich": "Zürich: naïve façade, Łódź, São Paulo, Đà Nẵng, straße, Ærøskøbing, İstanbul, ꞌresumé’, "
    "Ёлка, Ελλάδα, œuvre.",
    "arabic": "فتح الميناء أبوابَه في مدينةِ الإسكندرية. إنّ المُدُنَ كبيرة. آلة، ٢٠٢٤، عـــربي، کتاب",
    "hebrew": "שָׁלוֹם צה״ל",
    "hindi": "हिन्दी में समाचार, क्षेत्रीय चुनाव, कुल",
    "thai": "ข้าวสวย",
    "code": "Call `get_user_by_id()`, C++ and C#, .NET, node.js, `--dry-run`, v1.2.3, CVE-2024-27280, 3.14, e-mail, "
    "`std::vector`, user@example.org, #hashtag, AT&T, O’Brien, don't, TCP/IP, 2,091, 10:30, x86_64, €50, Pressroom™.",
    "cjk": "台灣與臺北。東京タワー、ｶﾞｽ、サーバー、佐々木。서울특별시에서 국회의원 선거가 열렸다.",
    "elections": "Elections were held: voters voted; the running of policies.",
    "emoji": "We won 🏆 and 👩‍👩‍👧‍👦 came. 🇩🇪 👍🏽 ❤️",
    "nfd": unicodedata.normalize("NFD", "Café decomposed: Résumé and Über, 한국, ガラス, новы\u0438\u0306"),
    "german": "---\nlanguage: de\n---\nDie Wahlen in den Häusern.",
}
FOUND = {
    "zurich": "zurich Zürich ZÜRICH naive facade lodz Łódź strasse straße aeroskobing istanbul елка ελλαδα oeuvre",
    "arabic": "الميناء ابوابه المدن اله الإسكندرية 2024 عربي كتاب",
    "hebrew": 'שלום צה״ל צה"ל',
    "hindi": "चुनाव हिन्दी क्षेत्रीय",
    "thai": "ข้าว สวย",
    "code": "C++ C# .NET node.js 1.2.3 v1.2.3 CVE-2024-27280 cve-2024 get_user_by_id get_user_by_id() --dry-run "
    "std::vector user@example.org example.org #hashtag hashtag AT&T O'Brien O’Brien don’t TCP/IP 2,091 10:30 x86_64 "
    "€50 pressroom",
    "cjk": "台灣 東京 タワー ﾀﾜｰ ガス サーバー 佐々木 국회의원 서울",
    "elections": "election policy vote run running electi",
    "emoji": "🏆 👩‍👩‍👧‍👦 👩 🇩🇪 👍 👍🏿 ❤",
    "nfd": "café cafe resume résumé uber über 한국 ガラス новый",
    "german": "wahl haus häuser",
}


def test_what_is_written_in_another_way_is_found_and_marked(
    anonymous: Person, imported: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    addresses = imported(WRITTEN)
    for name, queries in FOUND.items():
        for query in queries.split():
            assert addresses[name] in results(anonymous, query)[:2], query
            assert any("<mark>" in excerpt for excerpt in excerpts(anonymous, query)), query
    for query in ("sao paulo", "da nang", '"e-mail"', '"dry run"', '"Elections were held"', "“elections were”"):
        assert len(results(anonymous, query)) == 1, query
    for other in ("काल", "ข่าว", "東塔", "F#", "1.2.4", "2024-1", '"policy"', '"held were"', "C#++", "🎉", "🇫🇷", "и"):
        assert results(anonymous, other) == [], other


def test_marks_stand_where_the_word_is(ada: Person, anonymous: Person) -> None:
    ada.write_post(body="In Zu\u0308rich, elections: the C++ of node.js, ０１２３ and 東京タワー.")
    for query, marked in {
        "zurich": "Zu\u0308rich", "election": "elections", "C++": "C++", "node.js": "node.js", "123": None,
        "0123": "０１２３", "タワー": "タワー", '"elections the"': "elections: the",
    }.items():  # fmt: skip
        assert re.findall("<mark>(.*?)</mark>", "".join(excerpts(anonymous, query))) == ([marked] if marked else []), (
            query
        )


def test_an_excerpt_is_cut_near_the_word_however_far_it_is(ada: Person, anonymous: Person) -> None:
    far = ("Some words that don’t matter, and more of them. " * 100 + "\n\n") * 15
    ada.write_post(title="Long", body=f"{far}Then a žirafa came by. {far}")
    (excerpt,) = excerpts(anonymous, "zirafa")
    assert "Then a <mark>žirafa</mark> came by." in excerpt
    assert excerpt.startswith("…")
    (excerpt,) = excerpts(anonymous, "long")
    assert excerpt.startswith("Some words")


def test_quotes_make_a_phrase_and_a_minus_excludes(ada: Person, anonymous: Person) -> None:
    both, one = (f"/post/{ada.write_post(title=title, body='x')}" for title in ("Red card shown", "Card shown red"))
    assert results(anonymous, '"red card"') == results(anonymous, "“Red Card”") == [both]
    assert results(anonymous, "card -“red card”") == results(anonymous, 'card -"red card"') == [one]
    assert {*results(anonymous, "red card")} == {*results(anonymous, '"red card')} == {both, one}
    assert results(anonymous, "card -shown") == []
    for query in ("-shown", '-"card"', "-#card -.net"):
        assert results(anonymous, query) == []
        assert "A minus leaves a word out." in anonymous.get("/search", query_string={"q": query}).text


def test_whatever_stands_behind_a_minus_is_left_out(ada: Person, anonymous: Person) -> None:
    ada.write_post(title="With", body="Cats, #dogs and .NET 🎉")
    without = ada.write_post(title="Without", body="Cats and a doghouse")
    for left_out in ("dogs", "#dogs", ".NET", "🎉", "(dogs)", "'dogs'", '"dogs and"'):
        for minus in "-－−":
            assert results(anonymous, f"cats {minus}{left_out}") == [f"/post/{without}"], minus + left_out


def test_a_minus_leaves_out_the_word_and_no_other_form_of_it(ada: Person, anonymous: Person) -> None:
    elect, elections = (f"/post/{ada.write_post(title='Port', body=body)}" for body in ("We elect.", "Elections."))
    assert results(anonymous, "port -elections") == [elect]
    assert results(anonymous, "port -elect") == [elections]


def test_words_with_thai_and_lao_am_are_found_and_marked(ada: Person, anonymous: Person) -> None:
    post = f"/post/{ada.write_post(title='น้ำท่วมกรุงเทพ', body='ชาวบ้านทำงานหนัก ນ້ຳຖ້ວມ', live='y')}"
    for query in ("น้ำท่วม", "น้ำ", "ทำงาน", "ນ້ຳ", '"ทำงาน"'):
        assert results(anonymous, query) == [post], query
    assert "<mark>ทำ</mark>" in excerpts(anonymous, "ทำ")[0]
    assert results(anonymous, "ชาวบ้าน -น้ำ") == []


def test_the_newest_come_first_by_their_own_date(app: Flask, ada: Person, anonymous: Person) -> None:
    new = ada.write_post(title="Today", body="Text")
    [old] = publish_many(app, 1)
    assert results(anonymous, "text", order="date") == [f"/post/{new}", f"/post/{old}"]


@pytest.mark.parametrize("symbol", ["🔥", "─", "$", "+", "#", "🇩🇪", ".", "_", "-"])
def test_a_long_row_of_symbols_has_one_way_to_match(ada: Person, anonymous: Person, symbol: str) -> None:
    """More ways would take minutes: with twelve of sixty, more than there are seconds in a century."""
    post = ada.write_post(body=f"{symbol * 60} a\n\nWords.\n\n{symbol * 12} sale\n\nc{symbol * 60} b {symbol * 60}")
    for query in (f'"{symbol * 12} sale"', f'"{symbol * 12} missing"', f"{symbol * 12}sale", f"c{symbol * 12}x"):
        assert set(results(anonymous, query)) <= {f"/post/{post}"}


def test_what_was_found_is_marked_in_titles_too(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(title="Köln <wins>", body="x", live="y")
    ada.add_update(post_id, "Köln!")
    page = anonymous.get("/search?q=koln").text
    assert page.count("<mark>Köln</mark> &lt;wins&gt;</a></h2>") == 2


def test_exact_words_come_before_their_other_forms(ada: Person, anonymous: Person) -> None:
    other = ada.write_post(title="One", body="policies")
    exact = ada.write_post(title="Two", body="policy. " + "Other words follow here. " * 40)
    assert results(anonymous, "policy") == [f"/post/{exact}", f"/post/{other}"]


def test_a_word_that_many_have_is_not_taken_for_the_beginning_of_others(
    ada: Person, anonymous: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, longer = (f"/post/{ada.write_post(title=title, body='x')}" for title in ("Okapi", "Okapibaum"))
    assert {*results(anonymous, "okapi")} == {whole, longer}
    monkeypatch.setattr(search, "ENOUGH", 1)
    assert results(anonymous, "okapi") == [whole]
    assert {*results(anonymous, "okapib")} == {longer}


def test_a_typo_is_told_what_was_meant_by_public_words_alone(ada: Person, anonymous: Person) -> None:
    def meant(query: str) -> str | None:
        found = re.search(r'Did you mean <a href="([^"]+)"', anonymous.get("/search", query_string={"q": query}).text)
        return unescape(found[1]) if found else None

    post_id = ada.write_post(title="The giraffes", body="Zürich. Выборы.", live="y")
    n = ada.add_update(post_id, "An antelope.")
    ada.post("/desk/new", title="An elephant", action="draft")
    assert meant("girafe") == "/search?q=giraffe"
    assert meant("zurihc") == "/search?q=Z%C3%BCrich", "as it is written"
    assert meant("the girrafes of zurihc") is None, "two letters are off, or a word isn't there"
    assert meant("antlope zurihc") is None, "both words are in no text together"
    assert meant("выбори") is not None
    assert meant("antlope") == "/search?q=antelope"
    assert meant("elephnat") is None
    ada.post(f"/desk/post/{post_id}/update/{n}/withdraw")
    assert meant("antlope") is None
    ada.post(f"/desk/post/{post_id}/update/{n}/restore")
    assert meant("antlope") == "/search?q=antelope"
    ada.post(f"/desk/post/{post_id}/unpublish")
    for query in ("antlope", "girafe", "zurihc"):
        assert meant(query) is None


# Any input whatever


def test_an_empty_search_shows_the_form(anonymous: Person) -> None:
    for url in ("/search", "/search?q=", "/search?q=+%20", "/search?x=1"):
        answer = anonymous.get(url)
        assert answer.status_code == 200
        assert "Enter a word or two" in answer.text


ODDITIES = [
    '"', '""', "'", "*", "nginx*", "* nginx", "(", ")", "()", "nginx)", "nginx AND", "AND", "OR", "NOT nginx",
    "nginx NOT flask", "NEAR(nginx flask, 2)", "title:nginx", "{title body}: nginx", "^nginx", "-nginx", "+",
    "nginx -flask", "a:b", "rowid:1", '"nginx', "nginx;DROP TABLE search", "\\", "%", "_", "__", "\x00", "a\x00b",
    "nginx\x00", "\ufeff", "\u200b", "\ud7ff", "😀", "👩‍👩‍👧", "℡", "™", "㎏", "½", "²", "①", "ﷺ" * 200, "İ", "ß",
    "e\u0301", "\u0301", "हिन्दी", "x" * 5000, "nginx " * 500, "路" * 5000, "{{7*7}}", "%s%n", "\r\n", "\u2028",
    "\ufffd", "&lt;", "0x00", "1e309",
]  # fmt: skip


def test_syntax_of_fts5_and_other_oddities_are_only_words(anonymous: Person, guide: str) -> None:
    for query in ODDITIES:
        results(anonymous, query)
        assert results(anonymous, "nginx") == [guide], f"{query!r}: and the index is as it was"


def test_operators_are_looked_for_as_words(ada: Person) -> None:
    post_id = ada.write_post(title="One", body="cats and dogs")
    ada.write_post(title="Two", body="cats")
    assert results(ada, "cats AND dogs") == [f"/post/{post_id}"]
    assert results(ada, "cats NOT dogs") == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=60) | st.text('"*()^:-+{}~ ANDORTnearginx路由', max_size=30))
@example("\x00")
@example('nginx" OR "')
def test_any_text_at_all_can_be_searched(app: Flask, guide: str, query: str) -> None:
    url = b"/search?q=" + b"".join(b"%%%02X" % byte for byte in query.encode("utf-8", "surrogatepass"))
    answer = app.test_client().get(url.decode())
    assert answer.status_code == 200
    assert "<h1" in answer.text


def test_bytes_that_are_no_text_can_be_searched(anonymous: Person, guide: str) -> None:
    for junk in ("%FF%FE", "%ED%A0%80", "%C0%80", "%", "%zz", "a=b;c", "&&&=&"):
        assert anonymous.get(f"/search?q={junk}").status_code == 200
    assert anonymous.get("/search?q=x&q=nginx").status_code == 200


# What is shown is escaped


# Much of it begins as the words that are looked for.
PROSE = """
At nine the skipper said that all aid was airborne. Nobody had hoped for a haphazard hour, and the dinghy lay idle,
tied to a tier. Diners asked the director for a dish, and skimmed the list; lightly it rained. A skiff slid by, likely
late. Applause, a tide of it, did little. An aisle apart, a dire aria dwindled, and lights dimmed in a new style. """


@pytest.mark.parametrize(
    ("asked", "written"),
    [("happiness", "happy"), ("sky", "skies"), ("skies", "sky"), ("die", "dying"), ("lying", "lie"), ("ai", "AI")],
)
def test_another_form_of_the_word_is_marked_however_far_it_is(
    ada: Person, anonymous: Person, asked: str, written: str
) -> None:
    ada.write_post(title="Long", body=PROSE * 12 + f"Then {written} came.")
    (excerpt,) = excerpts(anonymous, asked)
    assert f"Then <mark>{written}</mark> came." in excerpt


def test_an_excerpt_shows_markup_as_text(ada: Person, anonymous: Person) -> None:
    ada.write_post(title="<i>Title</i>", body="Before `<script>alert(1)</script>` giraffe & <b>bold</b> `<mark>`")
    (excerpt,) = excerpts(anonymous, "giraffe")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; <mark>giraffe</mark> &amp; bold &lt;mark&gt;" in excerpt
    page = anonymous.get("/search?q=giraffe").text
    assert "<script>alert" not in page
    assert "&lt;i&gt;Title&lt;/i&gt;" in page


def test_the_query_is_shown_as_text(anonymous: Person) -> None:
    query = "\"><script>alert(1)</script>' onfocus=alert(1)"
    page = anonymous.get("/search", query_string={"q": query}).text
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert '"><script' not in page


def test_marks_are_never_put_inside_an_entity(ada: Person, anonymous: Person) -> None:
    ada.write_post(title="One", body="fish & chips, amp and lt, 1 < 2")
    assert excerpts(anonymous, "amp")[0].startswith("fish &amp; chips, <mark>amp</mark> and lt")
    assert "1 &lt; 2" in excerpts(anonymous, "lt")[0]


def test_too_many_searches_of_one_address_are_refused(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    app.config["LIMITS"] = "on"
    monkeypatch.setattr("webapp.http.rate_limits.now_ms", lambda: 0)
    client = app.test_client()
    address = {"REMOTE_ADDR": "203.0.113.99"}
    allowed = [client.get("/search?q=x", environ_base=address).status_code for _ in range(SEARCHES_PER_MINUTE)]
    assert set(allowed) == {200}
    refused = client.get("/search?q=x", environ_base=address)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"
    assert client.get("/", environ_base=address).status_code == 200
    assert client.get("/search?q=x", environ_base={"REMOTE_ADDR": "203.0.113.100"}).status_code == 200
    monkeypatch.setattr("webapp.http.rate_limits.now_ms", lambda: 60_000)
    assert client.get("/search?q=x", environ_base=address).status_code == 200


def test_only_the_last_word_is_a_prefix_however_often_it_stands_there() -> None:
    assert [term.prefix for term in search_query.parse("one two one one").wanted] == [True, False]
