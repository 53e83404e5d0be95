"""The tests' own model of a browser: it must see what is missing, doubled or different."""

from __future__ import annotations

import pytest

from support.live_page import LivePage, WrongNumber
from support.persons import Person
from support.sse_client import Heard, heard, unchunked

UPDATE = {"id": "update-8", "html": '<article class="update" id="update-8">Goal!</article>'}


@pytest.fixture
def page() -> LivePage:
    update = '<article class="update" id="update-7">Kick-off.</article>'
    return LivePage(f'<main data-post="1" data-epoch="1" data-seq="7">{update}</main>')


def test_events_take_their_places(page: LivePage) -> None:
    page.take(Heard(8, "update", UPDATE))
    assert [item for item, _html in page.shown()] == ["update-8", "update-7"]
    page.take(Heard(9, None, {}))
    page.take(Heard(None, "readers", {"n": 3}))
    page.take(Heard(10, "remove", {"id": "update-7"}))
    assert page.shown() == [("update-8", UPDATE["html"])]
    pinned = {"id": "update-7", "html": '<article class="update update--pinned" id="update-7">Kick-off.</article>'}
    page.take(Heard(11, "update", pinned))
    page.take(Heard(12, "comment", {"id": "comment-12", "html": "first"}))
    page.take(Heard(13, "post", {"id": "post-1", "html": "head"}))
    assert [item for item, _html in page.shown()] == ["post-1", "update-7", "update-8", "comment-12"]
    assert page.position == 13


@pytest.mark.parametrize("number", [6, 7, 9, 10])
def test_a_missing_number_and_a_doubled_one_are_noticed(page: LivePage, number: int) -> None:
    with pytest.raises(WrongNumber, match=f"after 7 came {number}"):
        page.take(Heard(number, "update", UPDATE))
    page.take(Heard(8, "update", UPDATE))
    with pytest.raises(WrongNumber, match="after 8 came 8"):
        page.take(Heard(8, "update", UPDATE))


def test_it_says_when_it_must_load_anew_and_when_it_is_gone(page: LivePage) -> None:
    page.take(Heard(None, "reload", {}))
    assert (page.must_reload, page.is_gone) == (True, False)
    page.take(Heard(9, "update", UPDATE))
    assert page.position == 7
    page.load('<main data-epoch="1" data-seq="30"></main>')
    assert (page.must_reload, page.position, page.shown()) == (False, 30, [])
    page.take(Heard(None, "gone", {}))
    assert page.is_gone


def test_it_reads_real_pages_as_their_events_say(ada: Person, eve: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    before, here = (LivePage(anonymous.get(f"/post/{post_id}").text) for _time in range(2))
    first = ada.add_update(post_id, "One.")
    ada.add_update(post_id, "Two.")
    eve.comment(post_id)
    ada.post(f"/desk/post/{post_id}/update/{first}/pin")
    for event in heard(anonymous.get(f"/post/{post_id}/live?after={here.position}").text):
        here.take(event)
    fresh = LivePage(anonymous.get(f"/post/{post_id}").text)
    assert len(fresh.shown()) == 4
    assert here.shown() == fresh.shown() != before.shown()
    assert here.position == fresh.position


def test_chunks_are_put_together_as_far_as_they_came() -> None:
    body = b"3\r\nid:\r\nA\r\n 1\r\n\r\ndata\r\n0\r\n\r\n"
    assert unchunked(body) == (b"id: 1\r\n\r\ndata", True)
    found = {unchunked(body[:length]) for length in range(len(body))}
    assert found == {(b"", False), (b"id:", False), (b"id: 1\r\n\r\ndata", False)}
