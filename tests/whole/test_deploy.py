"""One list for every way to put the site on a machine: whoever reads or writes doesn't notice which one it is."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from uuid import uuid4

import pytest

from support import deployments
from support.checkout import CHECKOUT
from support.deployments import say
from support.http_client import Answer, Browser, ask
from support.page_store import CONTENT_TYPES
from support.photos import multipart, photo
from support.proxies import AS_ON_WINDOWS, IN_USE, Way, behind_apache
from support.sse_client import Listener, numbers, retries
from webapp.http import guard
from webapp.http.error_pages import READ_BYTES
from webapp.system.server import HEADERS

LOGO = '<svg xmlns="http://www.w3.org/2000/svg"/>'
HEAD = b"Host: 127.0.0.1\r\nConnection: close\r\n"
SECRET = b"Not for readers."
DAY = timedelta(days=1)


QUICK = "uWSGI"


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[] if name == QUICK else pytest.mark.slow) for name in IN_USE | AS_ON_WINDOWS],
)
def way(request: pytest.FixtureRequest, copied_instance: Callable[[str], Path]) -> Iterator[Way]:
    instance = copied_instance("way")
    (instance / "media" / "site" / "logo.svg").write_text(LOGO)
    (instance / "locks").mkdir(exist_ok=True)
    (instance / "locks" / "note.txt").write_bytes(SECRET)
    environ = {"PRESSROOM_LIMITS": "off", "PRESSROOM_ACCENT": "#7a1fa2"}
    with (IN_USE | AS_ON_WINDOWS)[request.param](instance, environ) as way:
        yield way
        said = way.server.log()
        assert "Traceback" not in said, said[said.index("Traceback") :]


@pytest.fixture
def ada(way: Way) -> Browser:
    return Browser(way.url, "ada")


@pytest.fixture
def post_id(ada: Browser) -> int:
    fields = {"title": "Derby", "body": "A text. " * 200, "live": "y", "action": "publish", "tags": "football"}
    return int(ada.post("/desk/new", csrf_token=ada.token, **fields).rpartition("/")[2])


@pytest.fixture
def assets(way: Way, post_id: int) -> list[str]:
    found = re.findall(r'(?:href|src)="(/(?:assets|media|accent)/[^"]+)"', ask(way, f"/post/{post_id}").body.decode())
    assert {path.split("/")[1] for path in found} == {"assets", "media", "accent"}
    return [path.replace("&amp;", "&") for path in found]


def fresh_for(answer: Answer) -> timedelta:
    """How long a cache may keep it without asking. Source: RFC 9111, 4.2.1."""
    control = ", ".join(answer.all("Cache-Control"))
    if "no-cache" in control or "no-store" in control:
        return timedelta()
    if age := re.search(r"max-age=(\d+)", control):
        return timedelta(seconds=int(age[1]))
    return parsedate_to_datetime(answer.one("Expires")) - datetime.now(UTC)


# What is read


def test_every_page_has_its_type_and_its_twin(way: Way, ada: Browser, post_id: int) -> None:
    ada.add_update(post_id)
    for path, content_type in CONTENT_TYPES.items():
        answers = [ask(way, path.format(post=post_id)) for _made_and_stored in range(2)]
        packed = ask(way, path.format(post=post_id), Accept_Encoding="gzip")
        for answer in (*answers, packed):
            assert answer.status == 200, path
            assert answer.one("Content-Type").partition(";")[0] == content_type, path
            assert answer.all("Set-Cookie") == [], path
        is_packed = packed.all("Content-Encoding") == ["gzip"]
        assert is_packed or content_type != "text/html", path
        unpacked = gzip.decompress(packed.body) if is_packed else packed.body
        assert unpacked == answers[0].body == answers[1].body, path
        if content_type == "text/html":
            assert re.match(rb'<!doctype html>\n<html [^>]*>\n<head>\n<meta charset="utf-8">', unpacked), path


def test_a_question_mark_changes_nothing(way: Way, post_id: int) -> None:
    assert ask(way, f"/post/{post_id}?utm_source=x").body == ask(way, f"/post/{post_id}").body


def test_head_says_what_get_says(way: Way, post_id: int) -> None:
    got = ask(way, f"/post/{post_id}")
    head = ask(way, f"/post/{post_id}", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.one("Content-Length") == got.one("Content-Length") == str(len(got.body))


def test_another_spelling_leads_to_the_page(way: Way, post_id: int) -> None:
    answer = ask(way, f"/post/00{post_id}", Host=way.url.partition("//")[2])
    assert answer.status == 301
    assert answer.one("Location").removeprefix(way.url) == f"/post/{post_id}"


def test_assets_are_kept_for_a_year_and_pages_not_at_all(way: Way, post_id: int, assets: list[str]) -> None:
    for path in assets:
        answer = ask(way, path)
        assert answer.status == 200, path
        assert abs(fresh_for(answer) - 365 * DAY) < DAY, path
    for path in (f"/post/{post_id}", "/", "/feed.json", "/robots.txt"):
        for _made_and_stored in range(2):
            answer = ask(way, path)
            assert fresh_for(answer) <= timedelta(), path
            if answer.all("Expires"):  # whoever's clock is slow by years too
                assert "no-cache" in answer.all("Cache-Control") or fresh_for(answer) < -9 * 365 * DAY, path
    assert ask(way, "/me").one("Cache-Control") == "no-store"


def test_pictures_are_kept_for_a_day_and_nothing_is_beside_them(
    way: Way, ada: Browser, request: pytest.FixtureRequest
) -> None:
    if "as on Windows" in request.node.name:
        pytest.skip("the decoder is another program, and how those are started there isn't imitated")
    content = photo(1_300, 700)
    form, kind = multipart(ada.token, content, len(content))
    path = f"/desk/media/{uuid4()}/0"
    sent = ask(way, path, "POST", form, Cookie=ada.cookie, Content_Type=kind, Accept="application/json")
    name = json.loads(sent.body)["name"]
    for variant, mime in ((f"{name}-480.webp", "image/webp"), (f"{name}-1300.jpg", "image/jpeg")):
        for _made_and_stored in range(2):
            answer = ask(way, f"/media/{variant}")
            assert (answer.status, answer.one("Content-Type")) == (200, mime)
            assert abs(fresh_for(answer) - DAY) < timedelta(minutes=5)
            assert answer.all("X-Content-Type-Options") == ["nosniff"]
    original = f"originals/{name[:2]}/{name}"
    for path in (f"{name}-481.webp", f"..%2f..%2f{original}", f"%2e%2e/{original}", f"../{original}", "pictures/"):
        assert ask(way, f"/media/{path}").status in (400, 404), path


def test_who_has_it_is_told_so_until_it_changes(way: Way, ada: Browser, post_id: int, assets: list[str]) -> None:
    paths = [f"/post/{post_id}", "/", "/feed.atom", "/feed.json", *assets]
    for path in paths:
        known = ask(way, path).one("Last-Modified")
        later = format_datetime(parsedate_to_datetime(known) + DAY, usegmt=True)
        earlier = format_datetime(parsedate_to_datetime(known) - DAY, usegmt=True)
        for since, status in ((known, 304), (later, 304), (earlier, 200)):
            answer = ask(way, path, If_Modified_Since=since)
            assert answer.status == status, (path, since)
            assert bool(answer.body) == (status == 200)
    known = ask(way, f"/post/{post_id}").one("Last-Modified")
    n = ada.add_update(post_id)
    answer = ask(way, f"/post/{post_id}", If_Modified_Since=known)
    assert answer.status == 200
    assert f'id="update-{n}"' in answer.body.decode()


def test_every_answer_has_each_header_once(way: Way, post_id: int, assets: list[str]) -> None:
    known = ask(way, f"/post/{post_id}").one("Last-Modified")
    answers = {path: ask(way, path) for path in (f"/post/{post_id}", "/", "/feed.json", "/robots.txt", *assets)}
    answers |= {path: ask(way, path) for path in ("/me", "/login", "/nothing", "/static/nothing", "/media/nothing.png")}
    answers["301"] = ask(way, f"/post/00{post_id}")
    answers["304"] = ask(way, f"/post/{post_id}", If_Modified_Since=known)
    answers["405"] = ask(way, f"/post/{post_id}", "PUT", b"")
    answers["413"] = ask(way, "/login", "POST", b"x" * 1_500_000)
    answers["HEAD"] = ask(way, f"/post/{post_id}/live", "HEAD")
    for what, answer in answers.items():
        assert what[0] == "/" or what == "HEAD" or answer.status == int(what)
        for name, value in HEADERS.items():
            if name != "Vary":
                assert answer.all(name) == [value], what
        assert ",".join(answer.all("Vary")).count("Accept-Encoding") == 1, what
        for name in ("Cache-Control", "Content-Type", "Expires", "Last-Modified", "Date"):
            assert len(answer.all(name)) <= 1, (what, name)


def test_what_is_rendered_for_one_person_is_never_compressed(way: Way, ada: Browser, post_id: int) -> None:
    """The length of a page that has both a secret and a stranger's words tells about the secret (BREACH)."""
    paths = ["/login", "/me", "/settings", "/desk", f"/desk/post/{post_id}", f"/desk/post/{post_id}/live", "/desk/new"]
    paths += ["/search?q=derby", f"/post/{post_id}/history", "/nothing", "/healthz", "/desk/comments"]
    for path in paths:
        answer = ask(way, path, Cookie=ada.cookie, Accept_Encoding="gzip, deflate, br, zstd")
        assert answer.all("Content-Encoding") == [], path
        assert answer.status in (200, 404), path


# What is written


def test_people_log_in_and_write(way: Way, ada: Browser, post_id: int) -> None:
    n = ada.add_update(post_id, "Goal by number nine!")
    eve = Browser(way.url, "eve")
    assert eve.post(f"/post/{post_id}/comments", csrf_token=eve.token, body="Well played.").startswith(way.url)
    page = Browser(way.url).get(f"/post/{post_id}")
    assert f'id="update-{n}"' in page
    assert "Goal by number nine!" in page
    assert "Well played." in page
    assert f"/post/{post_id}" in Browser(way.url).get("/")
    ada.post(f"/desk/post/{post_id}/unpublish", csrf_token=ada.token)
    assert ask(way, f"/post/{post_id}").status == 404


def test_a_page_takes_no_other_method(way: Way, post_id: int, assets: list[str]) -> None:
    for path in (f"/post/{post_id}", "/", "/feed.atom", "/feed.json", assets[0]):
        assert ask(way, path).status == 200
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            answer = ask(way, path, method, b"")
            assert answer.status == 405, (method, path)
            assert set(answer.one("Allow").split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_what_is_too_large_is_refused(way: Way) -> None:
    assert ask(way, "/desk/new", "POST", b"x" * 900_000).status == 400, "the app looked at it: it has no token"
    for size in (1_500_000, 10_000_000):
        answer = ask(way, "/desk/new", "POST", b"x" * size)
        assert (answer.status, b"This is larger than 1 MB." in answer.body) == (413, True)
        assert answer.one("Content-Security-Policy") == HEADERS["Content-Security-Policy"]
    assert ask(way, "/hello", Cookie="a=" + "x" * 6000).status == 200
    for size, sent in (
        (20_000_000, b"POST /login HTTP/1.1\r\n" + HEAD + b"Content-Length: 20000000\r\n\r\n"),
        (300_000, b"GET /hello HTTP/1.1\r\n" + HEAD + b"X: "),
    ):
        said = say(way, sent, b"x" * size, b"\r\n\r\n")
        assert said == b"" or re.match(rb"HTTP/1\.[01] 4(00|13|31) ", said), said[:200]
    assert ask(way, "/hello").body == b"Hello, World!"


# Streams


def test_a_stream_brings_everything_once(way: Way, ada: Browser, post_id: int) -> None:
    """Whoever is sent away with a `retry` comes back, as a browser does."""
    position, heard = ada.seq(post_id), []
    added: list[int] = []
    while len(added) < 4:
        with Listener(way.url, f"/post/{post_id}/live", last_event_id=str(position)) as listener:
            assert listener.head.startswith(b"HTTP/1.1 200 ")
            assert listener.headers["content-type"] == "text/event-stream"
            assert listener.headers["cache-control"] == "no-store"
            assert "content-encoding" not in listener.headers
            added.append(ada.add_update(post_id))
            while not listener.ended and added[-1] not in numbers(listener.events):
                listener.take(1.0)
            heard += numbers(listener.events)
            assert retries(listener.text)
            position = heard[-1] if heard else position
    with Listener(way.url, f"/post/{post_id}/live", last_event_id=str(position)) as listener:
        listener.until(lambda: bool(retries(listener.text)))
        while heard != added:
            listener.take(1.0)
            heard += numbers(listener.events)
    assert heard == added


# What nobody should send


@pytest.mark.parametrize(
    "path",
    ["/../secret_key", "/%2e%2e/secret_key", "/post/%2e%2e/%2e%2e/secret_key", "/..%2fsecret_key", "/..%5csecret_key",
     "/%2e%2e/locks/note.txt", "/media/../locks/note.txt", "/media/%2e%2e/locks/note.txt", "/media../locks/note.txt",
     "/static/../uwsgi.ini", "/static/%2e%2e/uwsgi.ini", "/static../instance/locks/note.txt", "/static//etc/passwd",
     "/.versions", "/.versions/", "/.retired/", "/media/", "/static/", "/%0d%0aSet-Cookie:%20a=b"],
)  # fmt: skip
def test_nothing_else_is_served(way: Way, path: str) -> None:
    answer = say(way, f"GET {path} HTTP/1.1\r\n".encode(), HEAD, b"\r\n")
    assert answer == b"" or re.match(rb"HTTP/1\.[01] (308|400|403|404) ", answer), answer[:300]
    assert SECRET not in answer
    assert b"Set-Cookie: a" not in answer


# What nginx and Apache refuse by themselves. Until its Host is known, a request belongs to the first server of a file.
REFUSED = {
    b"hello\r\n\r\n": "400",
    b"GET /hello\r\n\r\n": "400|",  # HTTP/0.9
    b"GET /hello HTTP/9.9\r\n" + HEAD + b"\r\n": "400|505",
    b"GET /%zz HTTP/1.1\r\n" + HEAD + b"\r\n": "400",
    b"GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n": "400",  # no Host
    b"GET /hello HTTP/1.1\r\n" + HEAD + HEAD + b"\r\n": "400",
    b"GET /hello HTTP/1.1\r\nX: " + b"x" * 45_000 + b"\r\n" + HEAD + b"\r\n": "400",
    b"GET /hello HTTP/1.1\r\n" + HEAD + b"X: " + b"x" * 45_000 + b"\r\n\r\n": "400",
    b"GET /" + b"x" * 45_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n": "414",
    b"GET /hello HTTP/1.1\r\n" + HEAD + b"Content-Length: x\r\n\r\n": "400",
    b"GET /hello HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\n": "400|501",
    b"TRACE / HTTP/1.1\r\n" + HEAD + b"\r\n": "405",
    b"GET /hello HTTP/1.1\r\n" + HEAD + b"Expect: x\r\n\r\n": "200|417",
    b"GET / HTTP/1.1\r\n" + HEAD + b"Range: bytes=9999999-\r\n\r\n": "200",
    b"GET / HTTP/1.1\r\n" + HEAD + b"If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT\r\n\r\n": "200|412",
    b"GET /.well-known/acme-challenge/ HTTP/1.1\r\n" + HEAD + b"\r\n": "403|404",
    b"GET / HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n": "403|",
}


def test_a_proxy_s_own_errors_are_as_the_site_s(way: Way) -> None:
    if way.name not in ("nginx", "Apache"):
        pytest.skip("nothing is in front")
    assert ask(way, "/").status == 200
    for sent, statuses in REFUSED.items():
        head, _, body = say(way, sent).partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        assert line[9:12] in statuses.split("|"), (sent[:100], head)
        if not line:
            continue
        for name, value in HEADERS.items():
            if name != "Vary":
                assert fields.count(f"{name}: {value}") == 1, (sent[:100], head)
        assert {field for field in fields if field.startswith("Server:")} == {f"Server: {way.name}"}
        if int(line[9:12]) >= 400:
            assert fields.count("Cache-Control: no-store") == 1, (sent[:100], head)
            assert not re.search("(?i)charset=(?!utf-8)", head.decode("latin-1")), (sent[:100], head)
        is_page = re.match(rb"<!doctype html>\s*<html lang=", body)
        assert is_page or body in (b"Hello, World!", guard.PROTOCOL.sentence.encode() + b"\n"), (sent[:100], body)


def test_a_header_with_an_underscore_is_another_header(way: Way) -> None:
    """uWSGI by itself can't tell; the guard refuses what it would make of it."""
    answer = say(way, b"GET /hello HTTP/1.1\r\n" + HEAD + b"Content_Length: x\r\n\r\n")
    assert answer[9:12] == (b"400" if way.name == "uWSGI" else b"200")


def test_who_comes_through_a_proxy_that_is_not_counted_is_not_this_machine(way: Way) -> None:
    assert ask(way, "/metrics").status == 200
    assert ask(way, "/metrics", X_Forwarded_For="203.0.113.7").status == 403


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"\0" * 5000 + b"\r\n\r\n", b"hello\r\n\r\n"]
)
def test_what_is_no_request_is_refused(way: Way, sent: bytes) -> None:
    answer = say(way, sent)
    assert not re.match(rb"HTTP/1\.[01] [23]", answer), answer[:300]
    assert ask(way, "/hello").body == b"Hello, World!"


# Proxies


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nginx", "Apache"])
def test_the_app_may_go_and_come_back(name: str, copied_instance: Callable[[str], Path]) -> None:
    with IN_USE[name](copied_instance("restarted"), {}) as way:
        assert ask(way, "/").status == 200
        media = way.server.instance / "media" / "site"
        (media / "file.svg").write_text(LOGO)
        (media / "same.svg").hardlink_to(media / "file.svg")
        (media / "link.svg").symlink_to(media / "file.svg")
        way.server.stop()
        for answer in (ask(way, "/login"), ask(way, "/login", "POST", b"x" * 20_000)):
            assert answer.status == 503
            for header in ("X-Content-Type-Options", "Content-Security-Policy"):
                assert answer.all(header) == [HEADERS[header]]
            assert b"<h1>Back in a moment</h1>" in answer.body
        if name == "nginx":
            assert ask(way, "/login").one("Retry-After") == "5"
            assert ask(way, "/login").one("Cache-Control") == "no-store"
            assert ask(way, "/").status == 200
            files = {file: ask(way, f"/media/site/{file}.svg").status for file in ("file", "same", "link")}
            assert files == {"file": 200, "same": 200, "link": 503}, "nginx follows no link"
            streams = [ask(way, "/live?after=0") for _reader in range(20)]
            assert all(stream.status == 200 and stream.one("Cache-Control") == "no-store" for stream in streams)
            assert {stream.one("Content-Type") for stream in streams} == {"text/event-stream"}
            said = {ms for stream in streams for ms in retries(stream.body.decode())}
            assert len(said) > 1, "all would come back at once"
            assert 2000 <= min(said) <= max(said) <= 10_000
        way.server.start()
        assert ask(way, "/login").status == 200
        with Listener(way.url, "/live?after=0") as listener:
            assert listener.head.startswith(b"HTTP/1.1 200 ")


@pytest.mark.slow
def test_apache_keeps_threads_for_pages(copied_instance: Callable[[str], Path]) -> None:
    """With one process in place of sixteen, to need fewer readers, and a second for a request's head, to wait less."""
    fewer = {"ServerLimit": "1", "ThreadsPerChild": "64", "MaxRequestWorkers": "64", "RequestReadTimeout": "header=1"}
    with behind_apache(copied_instance("full"), {}, **fewer) as way, ExitStack() as stack:
        readers = [stack.enter_context(Listener(way.url, "/live?after=0")) for _reader in range(60)]
        heads = [reader.head.split(b" ")[1] for reader in readers]
        assert heads == [b"200"] * 48 + [b"503"] * 12
        assert ask(way, "/hello").body == b"Hello, World!"
        clients = stack.enter_context(deployments.stalled(way, 64))
        assert ask(way, "/hello").body == b"Hello, World!"
        assert re.match(rb"HTTP/1.1 408 .*<p>The request took too long.", clients[0].recv(65_536), re.DOTALL)
        assert not any(reader.ended for reader in readers[:48])


# Last, because it stops the app


@pytest.mark.slow
def test_the_table_says_what_each_way_gives(way: Way, post_id: int) -> None:
    assert ask(way, f"/post/{post_id}").status == 200
    found = deployments.column(way, post_id)
    if os.environ.get("WAYS") == "write":  # make ways
        deployments.write(way.name, found)
    head, *rows = deployments.table()
    assert head[1:] == list(IN_USE)
    assert {row[0]: row[head.index(way.name)] for row in rows} == dict(zip(deployments.PROBES, found, strict=True))


def test_the_files_beside_each_other_say_the_same() -> None:
    nginx = (CHECKOUT / "deploy" / "nginx.conf").read_text()
    block = re.search(r"^ +types \{\n(.*?)\}", nginx, re.MULTILINE | re.DOTALL)
    assert block
    bare = block[1].replace('"', "").replace("; charset=utf-8", "")
    types = [line.rstrip(";").split() for line in bare.splitlines() if line.strip()]
    lines = (CHECKOUT / "deploy" / "mime.types").read_text().splitlines()
    assert types == [line.split() for line in lines if line[:1] != "#"]
    ini = (CHECKOUT / "uwsgi.ini").read_text()
    on_a_socket, over_http = re.findall(r"^limit-post = (\d+)$", ini, re.MULTILINE)
    assert re.findall(r"^    client_max_body_size (\d+);", nginx, re.MULTILINE) == ["0", on_a_socket]
    assert int(over_http) == READ_BYTES
