"""A live post as it stood: what each act of its author leaves to see, at every moment before and after."""

from __future__ import annotations

import re
import time

import pytest
from flask import Flask

from support.content import add_many, items
from support.live_post import Clock, LivePost
from support.persons import Person
from webapp import db
from webapp.content import history
from webapp.http.rate_limits import PerMinute
from webapp.models import Revision
from webapp.reader.history import MOMENTS_PER_MINUTE

BODY = re.compile(r'<div class="update__body.*?</div>', re.DOTALL)


@pytest.fixture
def clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock.tick(-86_400)  # yesterday, so that no moment is in the future
    monkeypatch.setattr("webapp.reader.history.now_ms", lambda: time.time_ns() // 1_000_000)
    return clock


@pytest.fixture
def live_post(ada: Person, clock: Clock) -> LivePost:
    return LivePost(ada)


def words(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", html).split())


def shown(person: Person, live_post: LivePost, ms: int) -> list[str]:
    """What the updates said at that moment, from the top."""
    answer = person.get(live_post.at(ms))
    assert answer.status_code == 200, answer.text
    return [words(body) for body in BODY.findall(answer.text)]


def states(person: Person, live_post: LivePost, since: int, now: int) -> list[list[str]]:
    """What stood there at every change between two moments, one after the other without what stays the same."""
    told: list[list[str]] = []
    for ms in range(since, now + 1, 30_000):
        state = shown(person, live_post, ms)
        if [state] != told[-1:]:
            told.append(state)
    return told


# Each act, and the moments around it


def test_updates_come_one_after_the_other(anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    began = clock.ms
    for body in ("One.", "Two.", "Three."):
        clock.tick()
        live_post.add(body)
    now = clock.tick()
    expected = [[], ["One."], ["Two.", "One."], ["Three.", "Two.", "One."]]
    assert states(anonymous, live_post, began, now) == expected


def test_an_update_is_there_from_its_millisecond_on(anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    came = clock.tick(1.234)
    live_post.add("One.")
    assert shown(anonymous, live_post, came - 1) == []
    assert shown(anonymous, live_post, came) == ["One."]


def test_an_edited_text_stands_as_it_stood(anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    began = clock.ms
    n = live_post.add("Gaol.")
    for body in ("Gole.", "Goal."):
        clock.tick()
        live_post.change(n, "edit", body=body)
    assert states(anonymous, live_post, began, clock.tick()) == [["Gaol."], ["Gole."], ["Goal."]]
    assert 'class="correction"' not in anonymous.get(live_post.at(clock.ms)).text


def test_a_correction_says_so_from_its_moment_on(anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    n = live_post.add("By Nine.", title="1:0")
    first = clock.tick()
    live_post.correct(n, "By Ten.", title="2:0", note="It was Ten.")
    clock.tick()
    live_post.change(n, "edit", title="2:0", body="By number Ten.")
    second = clock.tick()
    live_post.correct(n, "An own goal.", title="2:0", note="It was nobody.")

    before, after, edited, last = (
        anonymous.get(live_post.at(ms)).text for ms in (first - 1, first, second - 1, second)
    )
    assert ">1:0</h3>" in before
    assert ">2:0</h3>" in after
    assert [words(BODY.findall(page)[0]) for page in (before, after, edited, last)] == [
        "By Nine.", "By Ten.", "By number Ten.", "An own goal.",
    ]  # fmt: skip
    assert [("It was Ten." in page, "It was nobody." in page) for page in (before, after, edited, last)] == [
        (False, False), (True, False), (True, False), (False, True),
    ]  # fmt: skip
    told = [len(re.findall("earlier__until", page)) for page in (before, after, edited, last)]
    assert told == [0, 1, 1, 2], "what it said before, as it was told then"
    corrected = [re.findall(r'class="correction">.*<time datetime="([^"]+)', page) for page in (after, edited, last)]
    assert corrected[0] == corrected[1] != corrected[2]


def test_what_was_withdrawn_was_there_before_and_is_again_when_restored(
    anonymous: Person, live_post: LivePost, clock: Clock
) -> None:
    began = clock.ms
    n = live_post.add("Offside!")
    for _ in range(2):
        clock.tick()
        live_post.change(n, "withdraw")
        clock.tick()
        live_post.correct(n, f"No offside, says {clock.ms}.")
        clock.tick()
        live_post.change(n, "restore")
    clock.tick()
    live_post.change(n, "withdraw")
    seen = states(anonymous, live_post, began, clock.tick())
    assert [len(state) for state in seen] == [1, 0, 1, 0, 1, 0]
    assert seen[0] == ["Offside!"]
    assert all("No offside" in seen[place][0] for place in (2, 4))
    assert seen[2] != seen[4]


def test_pins_and_key_moments_change_no_past(anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    first = live_post.add("One.")
    clock.tick()
    live_post.add("Two.")
    clock.tick()
    live_post.change(first, "pin")
    live_post.change(first, "key")
    page = anonymous.get(live_post.at(clock.tick())).text
    assert items(page, "update")[1] == first
    assert "update--pinned" not in page


def test_the_head_stands_as_it_stood(ada: Person, anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    live_post.add("One.")
    clock.tick()
    texts = {"live": "y", "action": "publish"}
    ada.post(f"/desk{live_post.path}", title="The derby, lost", summary="Sad.", body="It is **over**.", **texts)
    changed = clock.ms
    clock.tick()
    ada.post(f"/desk{live_post.path}", title="The derby, lost", summary="Very sad.", body="It is **over**.", **texts)
    before, after, now = (anonymous.get(live_post.at(ms)).text for ms in (changed - 1, changed, clock.tick()))
    assert "The derby</h1>" in before
    assert "Kick-off at eight." in before
    assert "lost" not in before
    assert "The derby, lost</h1>" in after
    assert ">Sad.</p>" in after
    assert "It is <strong>over</strong>." in after
    assert "Very sad." in now
    assert "It is <strong>over</strong>." in now


# What stays gone


def test_what_is_withdrawn_for_legal_reasons_never_was_there(
    anonymous: Person, live_post: LivePost, clock: Clock
) -> None:
    began = clock.ms
    n, other = live_post.add("Libel."), live_post.add("The truth.")
    clock.tick()
    live_post.correct(n, "Worse libel.")
    clock.tick()
    live_post.change(n, "withdraw")
    now = clock.tick()
    assert "Libel." in anonymous.get(live_post.at(began)).text
    live_post.change(n, "withdraw", reason="legal")
    assert states(anonymous, live_post, began, now) == [["The truth."]]
    assert "ibel" not in "".join(anonymous.get(live_post.at(ms)).text for ms in range(began, now + 1, 30_000))
    live_post.change(other, "withdraw", reason="legal")
    for path in (live_post.at(began), f"{live_post.path}/at"):
        assert anonymous.get(path).status_code == 404, "then it has no past to look at"


def test_an_unpublished_post_has_no_past_and_was_not_there_meanwhile(
    ada: Person, anonymous: Person, live_post: LivePost, clock: Clock
) -> None:
    n = live_post.add("One.")
    there = clock.tick()
    gone = clock.tick()
    ada.post(f"/desk{live_post.path}/unpublish")
    assert anonymous.get(live_post.at(there)).status_code == 404
    assert anonymous.get(f"{live_post.path}/at").status_code == 404
    clock.tick()
    live_post.change(n, "edit", body="Edited meanwhile.")
    back = clock.tick()
    ada.post(f"/desk{live_post.path}", title="The derby", body="x" * 9_000, live="y", action="publish")
    assert shown(anonymous, live_post, there) == ["One."]
    for ms in (gone, back - 1):
        answer = anonymous.get(live_post.at(ms))
        assert answer.status_code == 404
        assert "wasn’t public at that time" in answer.text
    assert shown(anonymous, live_post, back) == ["Edited meanwhile."]


def test_only_a_published_post_that_has_updates_has_a_past(ada: Person, anonymous: Person, clock: Clock) -> None:
    now = clock.ms
    plain, draft = ada.write_post(), ada.write_post(live="y", action="draft")
    for post_id in (plain, draft, 999):
        for path in (f"/post/{post_id}/at", f"/post/{post_id}/at/{now / 1000}"):
            assert anonymous.get(path).status_code == 404, path
    assert "View an earlier version" not in anonymous.get(f"/post/{plain}").text


# Addresses


def test_every_number_has_an_answer(anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    began = clock.ms
    live_post.add("One.")
    assert anonymous.get(live_post.at(began - 1)).status_code == 404, "before it was published"
    for when in ("0", "0.0", "-1", "-1.5", "nan", "inf", "1e9", "9" * 40, "9" * 400 + ".0", "253402300800.0", "x"):
        assert anonymous.get(f"{live_post.path}/at/{when}", follow_redirects=True).status_code == 404, when
    for when in (time.time() + 60, 253402300799.0):
        answer = anonymous.get(f"{live_post.path}/at/{when}")
        assert (answer.status_code, answer.location) == (302, live_post.path), "the future"
    seconds = began // 1000 + 1
    whole = anonymous.get(f"{live_post.path}/at/{seconds}")
    assert (whole.status_code, whole.location) == (301, f"{live_post.path}/at/{seconds}.0")
    assert anonymous.get(whole.location).status_code == 200
    after_2038 = anonymous.get(f"{live_post.path}/at/{2**31}")
    assert (after_2038.status_code, after_2038.location) == (301, f"{live_post.path}/at/{2**31}.0")


def test_no_search_engine_keeps_it_and_no_file_does(
    app: Flask, anonymous: Person, live_post: LivePost, clock: Clock
) -> None:
    live_post.add("One.")
    anonymous.get(live_post.path)
    stored = set(app.extensions["pages"].store.paths())
    answer = anonymous.get(live_post.at(clock.ms))
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert '<meta name="robots" content="noindex">' in answer.text
    assert f'<link rel="canonical" href="http://127.0.0.1:8000{live_post.path}">' in answer.text
    assert "data-live" not in answer.text, "no stream"
    assert set(app.extensions["pages"].store.paths()) == stored
    assert live_post.path in stored
    assert "X-Robots-Tag" not in anonymous.get(live_post.path).headers


def test_looking_back_has_a_limit(app: Flask, anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    live_post.add("One.")

    def look(address: str = "203.0.113.7") -> int:
        return anonymous.get(live_post.at(clock.ms), environ_base={"REMOTE_ADDR": address}).status_code

    looks = [look() for _ in range(MOMENTS_PER_MINUTE + 1)]
    assert (set(looks[:-1]), looks[-1]) == ({200}, 429)
    assert look("203.0.113.8") == 200
    assert anonymous.get(live_post.path, environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code == 200
    app.config["LIMITS"] = "off"
    assert look() == 200


# The way from one moment to another


def steps(page: str) -> dict[str, str]:
    """Where the links above the post lead, by their words."""
    (found,) = re.findall(r'<ul class="history__steps">.*?</ul>', page, re.DOTALL)
    return {text: path for path, text in re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', found)}


def test_rendering_long_texts_of_before_has_a_limit(
    ada: Person, anonymous: Person, live_post: LivePost, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same one again is at hand; another costs up to a second."""
    monkeypatch.setattr(history, "_renders", PerMinute("characters of earlier texts", 25_000))
    live_post.add("On we go.")
    moments = []
    for number in range(3):
        body = f"Text {number}. " + "word " * 2_000
        ada.post(f"/desk{live_post.path}", title="The derby", body=body, live="y", action="publish")
        moments.append(clock.tick())
        clock.tick()
    ada.post(f"/desk{live_post.path}", title="The derby", body="Short.", live="y", action="publish")
    clock.tick()
    asked = [anonymous.get(live_post.at(ms)).status_code for ms in (moments[0], moments[0], moments[1], moments[2])]
    assert asked == [200, 200, 200, 429]


def test_links_lead_from_update_to_update(anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    times = []
    for body in ("One.", "Two.", "Three.", "Four."):
        times.append(clock.tick(1.5))
        live_post.add(body)
    first, second, third, last = map(live_post.at, times)
    page = anonymous.get(live_post.path).text
    assert (
        f'<a class="button button--quiet" href="{live_post.path}/at" rel="nofollow">View an earlier version</a>' in page
    )
    assert anonymous.get(f"{live_post.path}/at").location == third, "the middle"
    assert steps(anonymous.get(third).text) == {"First update": first, "Earlier": second, "Later": last}
    assert steps(anonymous.get(live_post.at(times[1] + 7)).text) == {
        "First update": first, "Earlier": second, "Later": third,
    }  # fmt: skip
    assert steps(anonymous.get(first).text) == {"Later": second}
    assert steps(anonymous.get(last).text) == {"First update": first, "Earlier": third}
    assert f'<a class="history__now" href="{live_post.path}">Back to current version</a>' in anonymous.get(last).text


def test_the_newest_fifty_of_a_moment_are_shown_and_the_others_counted(
    app: Flask, anonymous: Person, live_post: LivePost, clock: Clock
) -> None:
    numbers = []
    for _ in range(60):
        clock.tick()
        numbers += add_many(app, live_post.id, 1)
    live_post.change(numbers[3], "withdraw")
    at_the_55th = clock.ms - 5 * 60_000
    page = anonymous.get(live_post.at(at_the_55th)).text
    assert items(page, "update") == numbers[54:4:-1]
    found = re.search(r'href="([^"]+)" rel="nofollow">5 earlier updates</a>', page)
    assert found
    assert items(anonymous.get(found[1]).text, "update") == numbers[4::-1]
    now = anonymous.get(live_post.at(clock.tick())).text
    assert items(now, "update") == numbers[:9:-1]
    assert ">9 earlier updates</a>" in now, "one was withdrawn"
    assert "earlier update" not in anonymous.get(live_post.at(at_the_55th - 10 * 60_000)).text


def test_a_slider_has_a_hundred_stops_at_most(
    app: Flask, anonymous: Person, live_post: LivePost, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "STOPS", 10)
    times = []
    for _ in range(25):
        times.append(clock.tick())
        add_many(app, live_post.id, 2)
    page = anonymous.get(live_post.at(times[-1])).text
    (listed,) = re.findall(r"<ol data-stops>.*?</ol>", page, re.DOTALL)
    stops = re.findall('href="([^"]+)"', listed)
    assert (len(stops), stops[0], stops[-1]) == (10, live_post.at(times[0]), live_post.at(times[-1]))
    assert set(stops) <= set(map(live_post.at, times))
    assert len(set(stops)) == 10
    assert 'max="9" value="9"' in page
    assert 'max="9" value="0"' in anonymous.get(live_post.at(times[1])).text


def test_moments_of_one_minute_can_be_told_apart(anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    for number in range(3):
        clock.tick(7)
        live_post.add(f"Number {number}.")
    page = anonymous.get(live_post.at(clock.ms)).text
    (listed,) = re.findall(r"<ol data-stops>.*?</ol>", page, re.DOTALL)
    written = re.findall(r"</time>:(\d\d)</a>", listed)
    seconds = [clock.ms // 1000 - 7 * back for back in (2, 1, 0)]
    assert written == [f"{second % 60:02}" for second in seconds]


def test_key_moments_are_marks_of_the_slider(anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    for number in range(4):
        clock.tick()
        live_post.add(f"Number {number}.", **({"key": "y"} if number in (1, 3) else {}))
    page = anonymous.get(live_post.at(clock.ms)).text
    (marks,) = re.findall("<datalist.*?</datalist>", page)
    assert re.findall('value="([^"]+)"', marks) == ["1", "3"]


def test_one_update_needs_no_slider(anonymous: Person, live_post: LivePost, clock: Clock) -> None:
    live_post.add("One.")
    assert "data-slider" not in anonymous.get(live_post.at(clock.ms)).text
    clock.tick()
    live_post.add("Two.")
    assert "data-slider" in anonymous.get(live_post.at(clock.ms)).text


def test_revisions_of_before_html_was_kept_are_shown_too(
    app: Flask, anonymous: Person, live_post: LivePost, clock: Clock
) -> None:
    n = live_post.add("By **Nine**.")
    before = clock.ms
    clock.tick()
    live_post.correct(n, "By Ten.", note="It was Ten.")
    with app.app_context(), db.writing() as session:
        (revision,) = session.query(Revision).where(Revision.kind == "update")
        revision.texts = {name: revision.texts[name] for name in ("title", "body", "correction")}
    assert "<strong>Nine</strong>" in anonymous.get(live_post.at(before)).text
    assert "It was Ten." not in anonymous.get(live_post.at(before)).text
    assert "It was Ten." in anonymous.get(live_post.at(clock.ms)).text
