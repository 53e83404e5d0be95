"""The stream where nobody holds it: what was missed, and when to come back. See test_broadcaster for the other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from support.checkout import CHECKOUT
from support.content import add_many
from support.persons import Person
from support.sse_client import heard, numbers, retries, waits
from webapp.live import stream

GARBAGE = ["-1", "x", "", "1.5", "9" * 40, "2147483648", "\0", "1\0", "٣", " 7", "7 ", "1e3", "0x1", "None", "999"]


@pytest.fixture
def post_id(ada: Person) -> int:
    return ada.write_post(live="y")


def test_the_answer_is_what_was_missed_and_when_to_come_back(ada: Person, anonymous: Person, post_id: int) -> None:
    first, second = ada.add_update(post_id, "Kick-off."), ada.add_update(post_id, "Goal!")
    answer = anonymous.get(f"/post/{post_id}/live?after={first}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert "Set-Cookie" not in answer.headers
    assert numbers(heard(answer.text)) == [second]
    event = heard(answer.text)[0]
    assert (event.kind, event.data["id"]) == ("update", f"update-{second}")
    assert event.data["html"] in anonymous.get(f"/post/{post_id}").text
    [last_words] = waits(answer.text)
    assert last_words["polling"] is True
    assert last_words["ms"] == retries(answer.text)[-1]
    assert all(2000 <= milliseconds <= 10_000 for milliseconds in retries(answer.text))


def test_the_header_wins_over_the_address(ada: Person, anonymous: Person, post_id: int) -> None:
    first, second = ada.add_update(post_id), ada.add_update(post_id)
    answer = anonymous.get(f"/post/{post_id}/live?after=0", headers={"Last-Event-ID": str(first)})
    assert numbers(heard(answer.text)) == [second]


def test_without_a_position_it_begins_now(ada: Person, anonymous: Person, post_id: int) -> None:
    first = ada.add_update(post_id)
    [now] = heard(anonymous.get(f"/post/{post_id}/live").text)
    assert (now.number, now.kind) == (first, None)  # whoever comes back has a position


@pytest.mark.parametrize("position", GARBAGE)
def test_a_position_that_never_was_is_told_to_load_the_page(
    ada: Person, anonymous: Person, post_id: int, position: str
) -> None:
    ada.add_update(post_id)
    answer = anonymous.get(f"/post/{post_id}/live", query_string={"after": position})
    assert answer.status_code == 200
    assert [(event.number, event.kind) for event in heard(answer.text)] == [(2, "reload")]


@pytest.mark.parametrize(
    ("text", "position"),
    [("2147483647", stream.LARGEST), ("2147483648", stream.NEVER), ("0000000005", 5), ("00000000005", stream.NEVER)],
)
def test_a_position_has_ten_digits_at_most(text: str, position: int) -> None:
    assert stream.position_of(text, 1) == stream.position_of(f"1-{text}", 1) == position
    assert stream.position_of(f"7-{text}", 7) == position


@pytest.mark.parametrize("text", ["5", "1-5", "6-5", "8-5", "07-", "-5", "7--5", "7-5-5", "7-", f"{10**15}-5", "٧-5"])
def test_a_position_of_another_epoch_never_was(text: str) -> None:
    assert stream.position_of(text, 7) == stream.NEVER


def test_a_reader_from_before_a_restore_loads_the_page_anew(
    app: Flask, ada: Person, anonymous: Person, post_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.add_update(post_id)
    monkeypatch.setitem(app.config, "EPOCH", 1_764_489_000)
    live = f"/post/{post_id}/live"
    for after in ("0", "1-0"):
        assert [event.kind for event in heard(anonymous.get(f"{live}?after={after}").text)] == ["reload"]
    found = heard(anonymous.get(f"{live}?after=1764489000-0").text)
    assert {event.epoch for event in found} == {1_764_489_000}
    assert numbers(found) == [1, 2]


@given(st.text(max_size=30))
def test_any_text_is_a_position(text: str) -> None:
    position = stream.position_of(text, 1)
    text = text.removeprefix("1-")
    assert position == stream.NEVER or (0 <= position <= stream.LARGEST and str(position) == text.lstrip("0").zfill(1))


def test_a_draft_an_unpublished_post_and_none_at_all_are_gone_alike(
    ada: Person, anonymous: Person, post_id: int
) -> None:
    draft = ada.post("/desk/new", title="Secret", body="Not yet.", action="draft").location.rpartition("/")[2]
    ada.post(f"/desk/post/{post_id}/unpublish")
    said = {
        "".join(
            line for line in anonymous.get(f"/post/{number}/live?after=0").text.splitlines(True) if "retry" not in line
        )
        for number in (draft, post_id, 999_999, 2**31 - 1)
    }
    assert len(said) == 1
    assert [event.kind for event in heard(said.pop())] == ["gone"]


def test_a_post_that_is_published_again_goes_on(ada: Person, anonymous: Person, post_id: int) -> None:
    """Its `gone` is history by then."""
    first = ada.add_update(post_id)
    ada.post(f"/desk/post/{post_id}/unpublish")
    page = ada.get(f"/desk/post/{post_id}").text
    version = page.partition('name="version"')[2].partition('value="')[2].partition('"')[0]
    ada.post(f"/desk/post/{post_id}", title="The derby", body="x", live="y", action="publish", version=version)
    last = ada.add_update(post_id, "On we go.")
    events = heard(anonymous.get(f"/post/{post_id}/live?after={first}").text)
    assert numbers(events) == list(range(first + 1, last + 1))
    assert events[0].kind is None
    assert "gone" not in [event.kind for event in events]


def test_what_was_corrected_or_withdrawn_is_never_said_again(ada: Person, anonymous: Person, post_id: int) -> None:
    before = ada.add_update(post_id, "Before.")
    wrong, gone = ada.add_update(post_id, "Nonsense."), ada.add_update(post_id, "Slander.")
    ada.post(f"/desk/post/{post_id}/update/{wrong}/correct", body="Sense.", note="It was wrong.", version="1")
    ada.post(f"/desk/post/{post_id}/update/{gone}/withdraw")
    text = anonymous.get(f"/post/{post_id}/live?after={before}").text
    assert "Slander" not in text
    events = heard(text)
    assert text.count("Nonsense") == 1
    said, _, before = events[2].data["html"].partition("Before the correction")
    assert "Sense." in said
    assert "Nonsense." in before
    assert [(event.number, event.kind) for event in events[:2]] == [(wrong, None), (gone, None)]
    assert [event.kind for event in events[2:]] == ["update", "remove"]
    assert numbers(events) == list(range(wrong, gone + 3))


def test_too_much_to_say_is_one_reload(app: Flask, ada: Person, anonymous: Person, post_id: int) -> None:
    first = ada.add_update(post_id)
    add_many(app, post_id, stream.REPLAY_EVENTS)
    # So many short events are within the limit of their number, but not of their size.
    assert [event.kind for event in heard(anonymous.get(f"/post/{post_id}/live?after={first}").text)] == ["reload"]
    short = first + stream.REPLAY_EVENTS - 20
    assert len(numbers(heard(anonymous.get(f"/post/{post_id}/live?after={short}").text))) == 20


def test_a_text_with_line_ends_and_fields_stays_one_event(ada: Person, anonymous: Person, post_id: int) -> None:
    start = ada.add_update(post_id)
    nasty = "a\n\nid: 99\nevent: gone\ndata: {}\n\n\u2028b\u0085c</script>\r\n\r\ndata: x"
    n = ada.add_update(post_id, nasty)
    events = heard(anonymous.get(f"/post/{post_id}/live?after={start}").text)
    assert [(event.number, event.kind) for event in events] == [(n, "update")]
    assert events[0].data["html"] in anonymous.get(f"/post/{post_id}").text


def test_the_front_page_has_a_stream_of_its_own(ada: Person, anonymous: Person) -> None:
    page = anonymous.get("/").text
    seq = page.partition('data-seq="')[2].partition('"')[0]
    post_id = ada.write_post(title="Breaking")
    events = heard(anonymous.get(f"/live?after={seq}").text)
    assert [(event.kind, event.data["id"]) for event in events] == [("card", f"post-{post_id}")]
    assert "Breaking" in events[0].data["html"]
    ada.post(f"/desk/post/{post_id}/unpublish")
    assert heard(anonymous.get(f"/live?after={seq}").text)[-1].kind == "remove"


def test_head_says_the_same_and_nothing_more(anonymous: Person, post_id: int) -> None:
    answer = anonymous.client.head(f"/post/{post_id}/live")
    assert (answer.status_code, answer.headers["Content-Type"], answer.data) == (200, "text/event-stream", b"")
    assert anonymous.client.post(f"/post/{post_id}/live").status_code == 405


def test_it_needs_no_session_and_keeps_no_connection(app: Flask, anonymous: Person, post_id: int) -> None:
    anonymous.get(f"/post/{post_id}/live?after=0")
    assert app.extensions["engine"].pool.checkedout() == 0


def test_the_broadcaster_needs_neither_flask_nor_gevent() -> None:
    """It holds tens of thousands of sockets: it is to be small, and unpatched, as gevent hides epoll."""
    code = "import sys, webapp.broadcaster; print(sorted({'flask', 'gevent', 'jinja2'} & set(sys.modules)))"
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
    }  # it imports gevent
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environ, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
