"""Logo, favicon and accent colour: what is put into the instance folder shows on every page, and harms none."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import feedparser
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, Route
from sqlalchemy.exc import OperationalError

from support.accessibility import CONTRAST, TARGETS, show, violations
from support.apps import close, settings_for
from support.persons import Person
from support.pictures import CONTENT, ICO, PNG, SHAPE, SVG, WEBP
from support.uwsgi_server import UwsgiServer
from webapp import create_app
from webapp.content import about
from webapp.db.engine import DatabaseBusy
from webapp.media import accent as colour
from webapp.media import branding, images
from webapp.system import instance, server

ADAPTING = SVG.replace(SHAPE, "<style>@media (prefers-color-scheme: dark) { path { fill: #fff } }</style>" + SHAPE)


# Files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An instance's, with the folder for its images."""
    instance.prepare(tmp_path / "site")
    return tmp_path / "site"


def put(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / "media" / "site" / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_a_site_needs_none(folder: Path, tmp_path: Path) -> None:
    for place in (folder, tmp_path / "nowhere"):
        found = branding.load(place, None)
        assert set(found.images.values()) == {None}
        assert found.stylesheet is None
        assert found.problems == []


def test_the_first_of_the_endings_counts(folder: Path) -> None:
    for ending in (".gif", ".png", ".webp", ".svg"):
        put(folder, f"logo{ending}", CONTENT.get(ending, b""))
        found = branding.load(folder, None)
        logo = found.images["logo"]
        assert (logo.name if logo else None) == (None if ending == ".gif" else f"site/logo{ending}")
        assert bool(found.problems) == (ending == ".gif")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("logo.png", b"no picture", "is no PNG image"),
        ("favicon.svg", b"<svg/>", "is no SVG image"),
        ("logo-dark.webp", PNG, "is no WEBP image"),
        ("favicon.ico", ICO + b"\0" * branding.MAX_BYTES, "is larger than 300 kB"),
        ("logo.jpg", b"\xff\xd8", "can't be used: expected logo.svg, logo.webp, logo.png"),
        ("logo.\n", b"", "can't be used: expected logo.svg, logo.webp, logo.png"),
    ],
)
def test_what_cannot_be_used_is_one_line(folder: Path, name: str, content: bytes, reason: str) -> None:
    file = put(folder, name, content)
    found = branding.load(folder, None)
    assert found.problems == [f"{str(file)!r} {reason}. It is ignored."]
    assert found.problems[0].isprintable()
    assert set(found.images.values()) == {None}


def test_what_cannot_be_read_is_one_line(folder: Path) -> None:
    (folder / "media" / "site" / "logo.svg").mkdir()
    assert [line.partition(" can't ")[2] for line in branding.load(folder, None).problems] == [
        "be read (Is a directory). It is ignored."
    ]


def test_a_link_is_not_used_for_no_server_follows_it(folder: Path) -> None:
    link = folder / "media" / "site" / "logo.png"
    link.symlink_to(put(folder, "elsewhere.png", PNG))
    assert branding.load(folder, None).problems == [
        f"{str(link)!r} is a symbolic link: copy the file there. It is ignored."
    ]


def test_the_largest_that_is_allowed_is_used(folder: Path) -> None:
    put(folder, "favicon.ico", ICO.ljust(branding.MAX_BYTES, b"\0"))
    assert branding.load(folder, None).problems == []


# On pages


@pytest.fixture
def dressed(make_app: Callable[..., Flask]) -> Iterator[Callable[..., Flask]]:
    """A site with these files, by name, and these settings; built anew, as by a restart, whenever it is asked for."""
    base, made = make_app().config["INSTANCE"], []

    def dress(files: dict[str, str | bytes] | None = None, **config: Any) -> Flask:
        for name, content in (files or {}).items():
            put(base, name, content)
        made.append(create_app(settings_for(base, **config)))
        return made[-1]

    yield dress
    for app in made:
        close(app)


def test_without_files_and_colour_a_page_says_title_and_usual_icon(anonymous: Person) -> None:
    page = anonymous.get("/").text
    assert re.search(r'class="masthead__name"><a [^>]*>Pressroom</a>', page)
    assert re.search(r'<link rel="icon" href="/static/favicon.svg\?v=\w+" type="image/svg\+xml">', page)
    assert "/accent/" not in page
    assert "<img" not in page


@pytest.mark.parametrize("path", ["/", "/login", "/nowhere", "/search?q=x"])
def test_the_logo_says_the_title_on_every_page(dressed: Callable[..., Flask], path: str) -> None:
    client = dressed({"logo.png": PNG, "favicon.ico": ICO}, SITE_TITLE='The "Daily" & Co').test_client()
    page = client.get(path).text
    logo = re.search(r'<img class="masthead__logo [^"]*" src="(/media/site/logo.png\?v=\w+)" alt="([^"]*)"', page)
    assert logo
    assert logo[2] == "The &#34;Daily&#34; &amp; Co"
    assert 'width="64" height="32"' in page
    icon = re.search(r'<link rel="icon" href="(/media/site/favicon.ico\?v=\w+)" type="image/x-icon">', page)
    assert icon
    for url, content in ((logo[1], PNG), (icon[1], ICO)):
        answer = client.get(url)
        assert answer.data == content
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        answer.close()


def test_a_logo_for_dark_pages_is_taken_there(dressed: Callable[..., Flask]) -> None:
    light = "masthead__logo--light"
    assert light in dressed({"logo.svg": SVG}).test_client().get("/login").text
    assert light not in dressed({"logo.svg": ADAPTING}).test_client().get("/login").text
    page = dressed({"logo.svg": SVG, "logo-dark.webp": WEBP}).test_client().get("/login").text
    assert light not in page
    dark = '<source srcset="/media/site/logo-dark.webp?v={}" media="screen and (prefers-color-scheme: dark)"'
    assert dark.format(branding._mark(WEBP)) in page


@pytest.mark.parametrize("ending", CONTENT)
def test_a_file_has_its_type_and_every_security_header(dressed: Callable[..., Flask], ending: str) -> None:
    answer = dressed({f"favicon{ending}": CONTENT[ending]}).test_client().get(f"/media/site/favicon{ending}")
    assert answer.status_code == 200
    assert answer.mimetype == images.TYPES[ending]
    for name, value in server.HEADERS.items():
        assert answer.headers.getlist(name) == [value]
    answer.close()


def test_nothing_else_is_served_as_media(app: Flask) -> None:
    for path in ("/media/", "/media/site", "/media/../secret_key", "/media/%2e%2e/secret_key", "/media/site/logo.svg"):
        assert app.test_client().get(path).status_code == 404, path


LEAVING = (
    "/media/site/link.txt",
    "/media/link/secret.txt",
    "/media/..%2fmedia-private/secret.txt",
    "/media/site/..%2f..%2fmedia-private/secret.txt",
    "/media/site/..%2f..%2fmedia/link/secret.txt",
    "/media/0123456789abcdef-480.webp",
    "/media/..%2f..%2fmedia-private/secret.txt",
)


def ways_out(folder: Path) -> None:
    """A secret beside media/, and links to it."""
    private = folder / "media-private"
    private.mkdir()
    (private / "secret.txt").write_text("secret", "utf-8")
    (folder / "media" / "site" / "link.txt").symlink_to(private / "secret.txt")
    (folder / "media" / "link").symlink_to(private)
    (folder / "media" / "pictures" / "0123456789abcdef-480.webp").symlink_to(private / "secret.txt")


def test_no_link_below_media_is_followed(app: Flask) -> None:
    ways_out(app.config["INSTANCE"])
    for path in LEAVING:
        assert app.test_client().get(path).status_code == 404, path


def test_media_itself_may_be_on_another_disk(dressed: Callable[..., Flask], tmp_path: Path) -> None:
    app = dressed({"logo.png": PNG})
    (app.config["INSTANCE"] / "media").rename(tmp_path / "disk")
    (app.config["INSTANCE"] / "media").symlink_to(tmp_path / "disk")
    with app.test_client().get("/media/site/logo.png") as answer:
        assert answer.data == PNG


def test_the_accent_is_a_stylesheet_by_its_hash(dressed: Callable[..., Flask]) -> None:
    client = dressed(ACCENT="#7a1fa2").test_client()
    sheet = re.search(r'<link rel="stylesheet" href="(/accent/\w+\.css)">', client.get("/").text)
    assert sheet
    answer = client.get(sheet[1])
    assert answer.mimetype == "text/css"
    assert ":root { --brand: #7a1fa2; }" in answer.text
    assert client.get("/accent/000000000000.css").status_code == 404
    assert sheet[1] not in dressed(ACCENT="#1fa27a").test_client().get("/").text
    assert dressed().test_client().get(sheet[1]).status_code == 404


def test_whatever_changes_makes_every_page_anew(dressed: Callable[..., Flask]) -> None:
    builds = [dressed().extensions["pages"].build]
    builds.append(dressed({"logo.svg": SVG}).extensions["pages"].build)
    assert dressed().extensions["pages"].build == builds[-1], "the same files, the same pages"
    builds.append(dressed({"logo.svg": ADAPTING}).extensions["pages"].build)
    builds.append(dressed({"favicon.ico": ICO}).extensions["pages"].build)
    builds.append(dressed(ACCENT="#7a1fa2").extensions["pages"].build)
    builds.append(dressed(ACCENT="#7a1fa3").extensions["pages"].build)
    assert len(set(builds)) == len(builds)


def test_feeds_and_structured_data_have_the_logo_too(dressed: Callable[..., Flask]) -> None:
    app = dressed({"logo.svg": SVG, "favicon.png": PNG}, BASE_URL="https://news.example.org")
    post_id = Person(app, "ada").write_post()
    client = app.test_client()
    logo = f"https://news.example.org/media/site/logo.svg?v={branding._mark(SVG.encode())}"
    icon = f"https://news.example.org/media/site/favicon.png?v={branding._mark(PNG)}"
    feed = feedparser.parse(client.get("/feed.atom").data)
    assert not feed.bozo
    assert (feed.feed.logo, feed.feed.icon) == (logo, icon)
    assert client.get("/feed.json").json["favicon"] == icon  # type: ignore[index]
    said = re.search(r'<script type="application/ld\+json">(.*?)</script>', client.get(f"/post/{post_id}").text)
    assert said
    assert json.loads(said[1])["publisher"]["logo"] == {"@type": "ImageObject", "url": logo}


# The footer of pages that nobody stores


@pytest.fixture
def imprint(edith: Person) -> str:
    assert edith.post("/desk/about/new", name="imprint", title="Imprint", body="Us.").status_code == 302
    return '<a href="/about/imprint" dir="auto">Imprint</a>'


@pytest.mark.parametrize("path", ["/login", "/search?q=x", "/nowhere", "/post/999"])
def test_pages_made_for_one_person_and_errors_link_to_them_too(anonymous: Person, imprint: str, path: str) -> None:
    assert imprint in anonymous.get(path).text


def test_so_does_the_desk_which_says_so(edith: Person, imprint: str) -> None:
    page = edith.get("/desk/about").text
    assert imprint in page
    assert "They are linked in the footer of every page" in page


def test_an_error_page_does_without_a_database_that_is_away(
    anonymous: Person, imprint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away() -> None:
        asked.append(1)
        raise OperationalError("SELECT", {}, Exception("it is away"))

    monkeypatch.setattr(about.db, "reading", away)
    answer = anonymous.get("/nowhere")
    assert (answer.status_code, len(asked)) == (404, 1)
    assert imprint not in answer.text
    monkeypatch.undo()
    asked.clear()
    monkeypatch.setitem(anonymous.app.jinja_env.globals, "linked_pages", away)
    for error, status in ((DatabaseBusy(), 503), (OperationalError("", {}, Exception()), 503), (OSError(), 500)):
        monkeypatch.setitem(anonymous.app.view_functions, "reader.hello", raising(error))
        assert anonymous.get("/hello").status_code == status
    assert asked == []


def raising(error: Exception) -> Callable[[], None]:
    def view() -> None:
        raise error

    return view


# The real server, and a real browser


@pytest.fixture(scope="module")
def running(copied_instance: Callable[[str], Path]) -> Iterator[UwsgiServer]:
    folder = copied_instance("dressed")
    put(folder, "logo.svg", SVG)
    put(folder, "favicon.png", b"no picture")
    with UwsgiServer(folder, environ={"PRESSROOM_ACCENT": "#FFD400"}) as server:
        yield server


def fetch(running: UwsgiServer, path: str) -> Any:
    with urllib.request.urlopen(running.url + path, timeout=60) as answer:
        return answer.read(), answer.headers


def test_uwsgi_serves_them_as_files(running: UwsgiServer) -> None:
    page = fetch(running, "/")[0].decode()
    sheet = re.search(r'href="(/accent/\w+\.css)"', page)
    logo = re.search(r'src="(/media/[^"]+)"', page)
    assert sheet
    assert logo
    fetch(running, sheet[1])  # the first one makes it
    for path, type_ in ((sheet[1], "text/css"), (logo[1], "image/svg+xml")):
        _content, headers = fetch(running, path)
        assert headers["Content-Type"] == type_
        assert "Expires" in headers, "by uWSGI's static-expires-type: no Python"
        assert "Cache-Control" not in headers
        for name, value in server.HEADERS.items():
            assert headers.get_all(name) == [value]


def test_uwsgi_serves_nothing_beside_them(running: UwsgiServer) -> None:
    ways_out(running.instance)
    for path in LEAVING:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(running, path)


def test_the_start_says_once_what_cannot_be_used(running: UwsgiServer) -> None:
    lines = [line for line in running.screen().splitlines() if "favicon" in line]
    assert len(lines) == 1
    assert lines[0].endswith("favicon.png' is no PNG image. It is ignored.")
    assert "/static/favicon.svg" in fetch(running, "/")[0].decode()


@pytest.fixture
def page(browser: Browser, running: UwsgiServer) -> Iterator[Page]:
    context = browser.new_context(base_url=running.url)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_a_page_in_the_sites_colours_can_be_read_and_used(page: Page, width: int, scheme: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    show(page, "/login", width, scheme)
    logo = page.get_by_role("link", name="Pressroom").get_by_role("img")
    box = logo.bounding_box()
    assert box
    assert 40 <= box["height"] <= 60
    assert box["width"] <= 352
    assert logo.evaluate("image => image.complete && image.naturalWidth > 0")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(TARGETS) == []
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shade = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--brand')")
    assert shade == colour.readable("#ffd400", colour.NIGHT if scheme == "dark" else colour.DAY)
    assert said == []


@pytest.mark.parametrize("width", [1280, 768, 360])
def test_however_wide_a_logo_is_the_rest_keeps_its_room(page: Page, width: int) -> None:
    wide = SVG.replace("0 0 240 60", "0 0 2400 60")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/login")
    page.locator(".masthead__logo").evaluate(
        "(image, wide) => { image.width = 1000; image.height = 25; image.src = wide; return image.decode() }",
        "data:image/svg+xml," + quote(wide),
    )
    search, link = page.locator("#q").bounding_box(), page.get_by_role("link", name="Log in").bounding_box()
    logo = page.locator(".masthead__logo").bounding_box()
    assert search
    assert link
    assert logo
    assert search["width"] >= 90
    assert link["y"] < logo["y"] + logo["height"], "on the same line"


def test_nothing_moves_when_the_logo_comes(page: Page) -> None:
    held: list[Route] = []
    page.set_viewport_size({"width": 360, "height": 900})
    page.route("**/media/**", lambda route: held.append(route))  # noqa: PLW0108  Playwright can't wrap a builtin
    page.goto("/login", wait_until="domcontentloaded")
    logo, places = page.locator(".masthead__logo"), "[...document.querySelectorAll('body *')].map(e => e.offsetTop)"
    assert logo.evaluate("image => image.naturalWidth") == 0
    before, room = page.evaluate(places), logo.bounding_box()
    held[0].continue_()
    logo.evaluate("image => image.decode()")
    assert (page.evaluate(places), logo.bounding_box()) == (before, room)
    assert room
    assert room["width"] == room["height"] * 4


def test_a_browsers_own_webp_has_the_size_it_says(page: Page) -> None:
    for quality in (0.5, 1):
        canvas = "Object.assign(document.createElement('canvas'), { width: 123, height: 45 })"
        url = page.evaluate(f"{canvas}.toDataURL('image/webp', {quality})")
        assert images.size(".webp", base64.b64decode(url.partition(",")[2])) == (123, 45)
