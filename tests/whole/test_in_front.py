"""Other proxies in front of uWSGI's own HTTP: HAProxy, Caddy and Varnish, with the files that deploy/ has for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.http_client import Browser, ask
from support.proxies import IN_FRONT, Way
from support.sse_client import Listener, numbers

pytestmark = pytest.mark.slow
READERS = 20


@pytest.fixture(scope="module", params=IN_FRONT)
def way(request: pytest.FixtureRequest, copied_instance: Callable[[str], Path]) -> Iterator[Way]:
    with IN_FRONT[request.param](copied_instance("in_front"), {"PRESSROOM_LIMITS": "off"}) as way:
        yield way


@pytest.fixture
def ada(way: Way) -> Browser:
    return Browser(way.url, "ada")


@pytest.fixture
def post_id(ada: Browser) -> int:
    return ada.write_post()


def test_people_read_and_write(way: Way, ada: Browser, post_id: int) -> None:
    eve = Browser(way.url, "eve")
    assert eve.post(f"/post/{post_id}/comments", csrf_token=eve.token, body="Well played.").startswith(way.url)
    for number in range(3):
        n = ada.add_update(post_id, f"Goal by number {number}!")
        page = Browser(way.url).get(f"/post/{post_id}")
        assert f'id="update-{n}"' in page, "the page is current at once"
    assert "Well played." in page
    again = ask(way, f"/post/{post_id}", If_Modified_Since=ask(way, f"/post/{post_id}").one("Last-Modified"))
    assert again.status == 304


def test_updates_arrive_by_themselves(way: Way, ada: Browser, post_id: int) -> None:
    path = f"/post/{post_id}/live?after={ada.seq(post_id)}"
    with ExitStack() as stack:
        listeners = [stack.enter_context(Listener(way.url, path)) for _reader in range(READERS)]
        first, second = ada.add_update(post_id), ada.add_update(post_id)
        for listener in listeners:
            listener.until(lambda listener=listener: "event: beat" in listener.text)
            assert numbers(listener.until_number(second)) == [first, second]


def test_what_is_rendered_for_one_person_is_never_compressed(way: Way, ada: Browser, post_id: int) -> None:
    for path in ("/login", "/me", "/desk", f"/desk/post/{post_id}", "/search?q=derby", "/nothing"):
        answer = ask(way, path, Cookie=ada.cookie, Accept_Encoding="gzip, deflate, br, zstd")
        assert answer.all("Content-Encoding") == [], path
    assert ask(way, f"/post/{post_id}", Accept_Encoding="gzip").one("Content-Encoding") == "gzip"


def test_a_reader_s_address_cannot_be_forged(way: Way) -> None:
    """Metrics are for this machine alone."""
    assert ask(way, "/metrics", X_Forwarded_For="203.0.113.7").status == 200
    direct = Way("uWSGI", way.server.url, way.server)
    assert ask(direct, "/metrics", X_Forwarded_For="203.0.113.7").status == 403
