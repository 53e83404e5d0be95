"""The Chinese site: every message is translated, and no page says a word of English. The English one has no holes."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Message
from flask import Flask
from jinja2 import Environment, nodes

from support.checkout import CHECKOUT
from support.live_post import Clock
from support.persons import Person
from support.photos import photo, send
from tools import messages
from webapp import db, i18n
from webapp.config import LANGUAGES
from webapp.people import users
from webapp.text import markdown

HAN = "\u3400-\u9fff"
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
TAG = re.compile(r"<[^>]+>")
CATALOGUE = [message for message in messages.translated() if message.id]


def singular(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def meaning(message: Message) -> str:
    """The English form that a translation is held against: Chinese has but one, and it is the plural's."""
    return message.id if isinstance(message.id, str) else message.id[-1]


def translation(message: Message) -> str:
    """Chinese has one form for all numbers."""
    if isinstance(message.string, str):
        return message.string
    assert len(message.string) == 1
    return message.string[0]


# The catalogue


def test_the_catalogue_has_every_message_and_no_other() -> None:
    assert len(CATALOGUE) > 200
    assert messages.refreshed() == messages.CATALOGUE.read_bytes(), "`make messages` has something to bring in"


def test_a_new_message_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [*messages.extracted(), "Nobody has translated this."]
    monkeypatch.setattr(messages, "extracted", lambda: iter(found))
    assert b'msgid "Nobody has translated this."\nmsgstr ""\n' in messages.refreshed()


def test_a_message_that_is_not_said_any_more_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = singular(CATALOGUE[0])
    found = [message for message in messages.extracted() if message != gone]
    monkeypatch.setattr(messages, "extracted", lambda: iter(found))
    assert len(messages.refreshed()) < len(messages.CATALOGUE.read_bytes())


def test_every_message_is_translated() -> None:
    assert [singular(message) for message in CATALOGUE if not is_translated(message)] == []
    assert not is_translated(Message("Log in", ""))
    assert not is_translated(Message("Log in", "Log in"))


def is_translated(message: Message) -> bool:
    """A message of marks and values alone may be the same in Chinese."""
    has_words = re.search("[a-z]", TAG.sub("", PLACEHOLDER.sub("", meaning(message))))
    return bool(re.search(f"[{HAN}]", translation(message)) or (translation(message) and not has_words))


@pytest.mark.parametrize("kind", [PLACEHOLDER, TAG])
def test_translations_keep_placeholders_and_tags(kind: re.Pattern[str]) -> None:
    assert any(kind.search(meaning(message)) for message in CATALOGUE)
    for message in CATALOGUE:
        assert sorted(kind.findall(translation(message))) == sorted(kind.findall(meaning(message)))


def test_translations_are_set_in_chinese_type() -> None:
    """Full-width marks beside Chinese, and a space between Chinese and letters or digits."""
    odd = re.compile(f"[{HAN}] ?[,;:!?.()\"']|[{HAN}][A-Za-z0-9]|[A-Za-z0-9][{HAN}]")
    assert odd.search("第0 页")
    shown = [TAG.sub("", PLACEHOLDER.sub("0", translation(message))) for message in CATALOGUE]
    assert [text for text in shown if odd.search(text)] == []


# The calls


def calls_in_code() -> Iterator[tuple[str, set[str | None]]]:
    """What is given to gettext in webapp/: (message, names of its values)."""
    for path in sorted((CHECKOUT / "webapp").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or not call.args:
                continue
            given = {keyword.arg for keyword in call.keywords}
            is_plain = isinstance(call.args[0], ast.Constant) and None not in given  # None: a `**`
            if call.func.id in ("_", "TextRefused") and is_plain:
                yield call.args[0].value, given


def calls_in_templates() -> Iterator[tuple[str, set[str]]]:
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)  # it only parses
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    for path in sorted((CHECKOUT / "templates").rglob("*.html")):
        for call in environment.parse(path.read_text()).find_all(nodes.Call):
            if not isinstance(call.node, nodes.Name) or call.node.name not in ("_", "gettext", "ngettext"):
                continue
            given = {keyword.key for keyword in call.kwargs} | ({"num"} if call.node.name == "ngettext" else set())
            for form in call.args:
                if isinstance(form, nodes.Const) and isinstance(form.value, str):
                    yield form.value, given


@pytest.mark.parametrize("calls", [calls_in_code, calls_in_templates])
def test_every_placeholder_gets_its_value(calls: Callable[[], Iterator[tuple[str, set[str]]]]) -> None:
    found = list(calls())
    assert any(PLACEHOLDER.search(message) for message, _given in found)
    assert [(message, given) for message, given in found if not set(PLACEHOLDER.findall(message)) <= given] == []


def test_scripts_bring_no_words_of_their_own() -> None:
    """They take them from the page, which is translated."""
    spoken = re.compile(
        r"""(?:textContent|innerText|innerHTML|title|ariaLabel|placeholder|alert)\s*[=:(]\s*["'`][^"'`A-Za-z]*[A-Za-z]"""
    )
    assert spoken.search('button.textContent = "Send";')
    scripts = sorted((CHECKOUT / "static" / "js").rglob("*.js"))
    assert scripts
    assert [path.name for path in scripts if spoken.search(path.read_text())] == []


# The pages

NOT_PAGES = (
    "branding.",
    "assets.",
    "static",
    "reader.hello",
    "reader.variant",
    "reader.whole_picture",
    "accounts.me",
    "desk.reached",
    "feeds.",
    "crawlers.",
    "live.",
    "health.",
)
PARTIAL = "/composer"  # a part of a page, put in by its script
# What a Chinese page says in Latin letters.
LATIN = set("Ctrl Enter Markdown HTML MB kB UTC GMT en zh pt BR imprint about jpg".split())
LATIN |= {"JPEG", "PNG", "GIF", "WebP", "AVIF", "HEIC", "SVG", "JavaScript"}
PEOPLE = {"ada", "bob", "eve", "edith", "root", "admin"}
WORDS = {
    "en": {
        "title": "The derby",
        "body": "Kick-off at eight.",
        "tags": "sport",
        "note": "A wrong name.",
        "site": "Post",
    },
    "zh": {"title": "德比之夜", "body": "八点开球。", "tags": "体育", "note": "人名写错了。", "site": "晚报"},
}


class Page(HTMLParser):
    """What a page says: its text, and the attributes that are shown or read out. Code doesn't count."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.language: str | None = None
        self.said: list[str] = []
        self.silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given.get("lang")
        self.silent += tag in ("script", "style", "code")
        self.said += [given[name] or "" for name in ("aria-label", "title", "placeholder", "alt") if name in given]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style", "code")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.said.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    def latin(self) -> set[str]:
        without_addresses = re.sub(r"https?://\S+|[\w.]{1,64}@\S+|Werkzeug/\S+", "", self.text)
        return set(re.findall(r"[A-Za-z]{2,}", without_addresses)) - LATIN - PEOPLE


class Site:
    """A site in one language with something on every page, and its people."""

    def __init__(self, app: Flask, language: str) -> None:
        self.app, self.words = app, WORDS[language]
        text = {"title": self.words["title"], "body": self.words["body"]}
        self.ada, self.eve, self.root = Person(app, "ada"), Person(app, "eve"), Person(app, "root")
        with app.app_context():
            self.eve_id = users.by_name(db.reading(), "eve").id
        self.ended = self.ada.write_post(**text, live="y")
        self.ada.add_update(self.ended, self.words["body"])
        self.ada.post(f"/desk/post/{self.ended}/end")
        self.post_id = self.ada.write_post(**text, tags=self.words["tags"], live="y")
        for key in ({"key": "y"}, {"key": "y"}, {}):
            self.ada.add_update(self.post_id, self.words["body"], **key)
        self.ada.post(f"/desk/post/{self.post_id}/update/1/pin")
        self.ada.post(f"/desk/post/{self.post_id}/update/3/withdraw")
        correct = f"/desk/post/{self.post_id}/update/2/correct"
        self.ada.post(correct, form_at=correct, **text, note=self.words["note"], version="1")
        said = [person.comment(self.post_id, self.words["body"]) for person in (self.ada, self.eve, self.root)]
        self.comment_n = said[1]
        self.ada.post(f"/desk/post/{self.post_id}/comment/{said[1]}/withdraw")
        self.root.post(f"/post/{self.post_id}/comment/{said[2]}/delete")
        draft = {"title": self.words["title"], "body": self.words["body"], "action": "draft"}
        self.draft_id = int(self.ada.post("/desk/new", **draft).location.rpartition("/")[2])
        self.root.post("/desk/about/new", form_at="/desk/about/new", name="imprint", **text)
        name = f"{self.words['title']}.jpg"
        self.picture, self.replaced = (send(self.ada, photo(seed=seed), name).json["name"] for seed in (1, 2))
        self.ada.post(f"/desk/media/{self.replaced}/replace", by=self.picture)

    def link(self, page: str) -> str:
        """The path of the one-time or secret link that a page shows."""
        found = re.search(r'value="http://[^/"]+(/(?:invite|password|draft)/[^"]+)"', page)
        assert found
        return found[1]

    def paths(self) -> Iterator[str]:
        """Every address that can be got, as the routes have them."""
        links = {
            "accounts.invited": self.link(self.root.post("/desk/people/invite", role="author").text),
            "accounts.new_password": self.link(self.root.post(f"/desk/people/{self.eve_id}/password-link").text),
            "desk.draft": self.link(self.ada.get(f"/desk/post/{self.draft_id}").text),
        }
        links["desk.picture"] = f"/desk/media/{self.picture}"
        values = {"post_id": self.post_id, "number": 1, "n": 2, "username": "ada", "name": "imprint"}
        values |= {"tag": self.words["tags"], "when": time.time()}
        for rule in self.app.url_map.iter_rules():
            if "GET" not in (rule.methods or ()) or rule.endpoint.startswith(NOT_PAGES):
                continue
            values["n"] = self.comment_n if "/comment/" in rule.rule else 2
            if rule.endpoint in links or "token" in rule.arguments:
                yield links[rule.endpoint]
            else:
                yield re.sub(r"<(?:[^<>:]+:)?(\w+)>", lambda argument: str(values[argument[1]]), rule.rule)
        yield f"/desk/post/{self.ended}/live"
        yield f"/desk/post/{self.draft_id}"
        yield f"/post/{self.ended}"
        yield f"/search?q={self.words['title']}"
        yield "/search?q=zh"

    def refusals(self) -> Iterator[tuple[int, Any]]:
        """(Status expected, answer) of what doesn't go."""
        anonymous = Person(self.app)
        text = {"title": self.words["title"], "body": self.words["body"]}
        edit = f"/desk/post/{self.post_id}"
        self.ada.post(edit, **text, summary=self.words["note"], action="publish", version="1")
        yield 409, self.ada.post(edit, title=self.words["note"], body=self.words["note"], action="publish", version="1")
        odd = {"title": "", "body": "[" * 70_000, "tags": "#", "language": "?", "authors": "x", "comments": "?"}
        yield 400, self.ada.post("/desk/new", **odd)
        yield 400, self.ada.post(f"/post/{self.post_id}/updates", body="", title="题" * 201)
        yield 409, self.ada.post(f"/post/{self.ended}/updates", **text)
        yield 400, self.root.post("/desk/about/new", form_at="/desk/about/new", name="?", title="", body="")
        yield 400, self.root.post("/desk/people/invite", role="?")
        yield 400, self.eve.post("/settings", username="?", email="?", password="?")
        yield 400, self.eve.post("/settings/password", password="", new_password="?")
        yield 400, self.eve.post("/settings/delete", password="")
        yield 400, anonymous.post("/register", form_at="/register", username="admin", email="?", password="?")
        yield 400, anonymous.post("/login", form_at="/login", username="ada", password="?")
        yield 400, self.ada.client.post("/desk/new", data=text)
        yield 401, anonymous.post(f"/post/{self.post_id}/comments", form_at="/login", body=self.words["body"])
        yield 403, self.eve.get("/desk")
        yield 404, anonymous.get("/nowhere")
        yield 404, anonymous.get("/invite/nothing")
        yield 405, anonymous.get("/logout")
        yield 400, self.ada.post("/desk/media")
        for content, status in ((b"", 422), (b"<svg/>", 415), (b"%PDF", 415), (photo()[:500], 422)):
            yield status, self.ada.client.post("/desk/media", data=self.form_with(content))
        yield 413, self.ada.client.post("/desk/new", data={"body": "a" * 1_000_001})

    def form_with(self, content: bytes) -> dict[str, Any]:
        return {"csrf_token": self.ada.csrf_token(), "file": (BytesIO(content), "a.jpg")}

    def flashes(self) -> Iterator[Any]:
        """The pages after something was done."""
        for path, data in (
            (f"/desk/people/{self.eve_id}/role", {"role": "editor"}),
            (f"/desk/people/{self.eve_id}/disable", {}),
            (f"/desk/people/{self.eve_id}/enable", {}),
            ("/settings/sessions/end", {}),
            ("/desk/about/delete/imprint", {}),
            (f"/desk/post/{self.post_id}/unpublish", {}),
            (f"/desk/post/{self.draft_id}/draft-link", {}),
            (f"/desk/media/{self.picture}", {"alt": self.words["title"]}),
            (f"/desk/media/{self.replaced}/restore", {}),
            (f"/desk/media/{self.picture}/delete", {}),
        ):
            answer = self.root.post(path, **data)
            assert answer.status_code == 302, path
            yield self.root.get(answer.location)


@pytest.fixture
def site(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Site:
    language = request.param
    title = WORDS[language]["site"]
    app = make_app(LANGUAGE=language, SITE_TITLE=title, REGISTRATION="open", LIMITS="off")
    return Site(app, language)


in_chinese = pytest.mark.parametrize("site", ["zh"], indirect=True)
in_english = pytest.mark.parametrize("site", ["en"], indirect=True)


EDITORS = re.compile(r"/desk/(people|about|post/\d+/delete)")


def pages(site: Site) -> Iterator[tuple[str, Page]]:
    for path in site.paths():
        for person in (site.root, site.ada, Person(site.app)):
            answer = person.get(path, follow_redirects=True)
            refused = 403 if person is site.ada and EDITORS.match(path) else 200
            assert answer.status_code == refused, path
            yield path, Page(answer.text)


@in_chinese
def test_chinese_pages_have_no_english(site: Site) -> None:
    leaks = {}
    for path, page in pages(site):
        assert page.language == "zh-Hans" or (page.language is None and path.endswith(PARTIAL)), path
        leaks[path] = leaks.get(path, set()) | page.latin()
    assert {path: words for path, words in leaks.items() if words} == {}


@in_chinese
def test_chinese_refusals_have_no_english(site: Site) -> None:
    leaks = []
    for status, answer in site.refusals():
        assert answer.status_code == status, answer.request.path
        assert Page(answer.text).language == "zh-Hans"
        leaks.append((answer.request.path, Page(answer.text).latin()))
    assert [(path, words) for path, words in leaks if words] == []


@in_chinese
def test_chinese_notices_have_no_english(site: Site) -> None:
    leaks = []
    for answer in site.flashes():
        assert 'role="status"' in answer.text
        leaks.append((answer.request.path, Page(answer.text).latin()))
    assert [(path, words) for path, words in leaks if words] == []


def test_chinese_dates_are_written_in_chinese(make_app: Callable[..., Flask]) -> None:
    ada = Person(make_app(LANGUAGE="zh"), "ada")
    page = Page(ada.get(f"/post/{ada.write_post()}").text)
    assert re.search(r"发布于\s+\d{4}年\d{1,2}月\d{1,2}日 \d\d:\d\d", page.text)


@in_english
def test_english_pages_have_no_holes(site: Site) -> None:
    """No Chinese, no placeholder that nobody filled, and the language said."""
    english = re.compile(rf"[{HAN}]|%\(|%s|\{{\{{|\bNone\b|LazyProxy")
    assert english.search("%(name)s can log in again.")
    for path, page in pages(site):
        assert (path, english.findall(page.text)) == (path, [])
        assert page.language == "en" or (page.language is None and path.endswith(PARTIAL)), path


def test_a_leak_would_be_seen() -> None:
    page = Page('<html lang="zh-Hans"><p title="Hello">你好 Ada <code>code</code><script>var x</script></p>')
    assert page.latin() == {"Hello", "Ada"}


def test_the_known_messages_are_found() -> None:
    found = list(messages.extracted())
    for known in ("Log in first.", "Username or email", "The text is longer than %(bound)s kB.", "By %(names)s"):
        assert known in found
    assert ("One result", "%(num)s results") in found


def test_seconds_to_wait_are_said_in_chinese(make_app: Callable[..., Flask], clock: Clock) -> None:
    ada = Person(make_app(LANGUAGE="zh"), "ada")
    post_id = ada.write_post()
    answers = [ada.post(f"/post/{post_id}/comments", body="好球") for _ in range(6)]
    assert answers[-1].status_code == 429
    assert "请在 60 秒后再试。" in answers[-1].text


# Languages and plurals


def test_every_language_of_the_setting_has_its_formats() -> None:
    for language in LANGUAGES:
        assert language in i18n.LOCALES
        assert all(language in styles for styles in i18n.STYLES.values())


def test_without_a_catalogue_the_site_speaks_english(
    make_app: Callable[..., Flask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(i18n, "TRANSLATIONS", tmp_path)
    assert "Nothing published yet" in Person(make_app(LANGUAGE="zh")).get("/").text


def test_plural_forms_count(app: Flask, ada: Person) -> None:
    app.config["LIMITS"] = "off"
    ada.write_post(body="giraffe")
    assert "One result" in ada.get("/search?q=giraffe").text
    ada.write_post(body="giraffe")
    assert "2 results" in ada.get("/search?q=giraffe").text
    one = ada.post("/desk/new", title="", action="publish").text
    assert "There is a problem" in one
    two = ada.post("/desk/new", title="", language="?", action="publish").text
    assert "There are 2 problems" in two


def test_a_catalogue_is_read_with_its_plural_rule(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = (
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
    )
    written += 'msgid "One result"\nmsgid_plural "%(num)s results"\nmsgstr[0] "%(num)s 个结果"\n'
    (tmp_path / "zh.po").write_text(written, "utf-8")
    monkeypatch.setattr(i18n, "TRANSLATIONS", tmp_path)
    monkeypatch.setitem(app.extensions, "translations", i18n._load("zh"))
    app.config["LIMITS"] = "off"
    ada = Person(app, "ada")
    for count in (1, 2):
        ada.write_post(body="giraffe")
        assert f"{count} 个结果" in ada.get("/search?q=giraffe").text


def test_what_the_markdown_renderer_refuses_is_translatable() -> None:
    refused = markdown.TextRefused("The text is longer than %(bound)s kB.", bound=10)
    assert (str(refused), refused.template % refused.values) == ("The text is longer than 10 kB.",) * 2
