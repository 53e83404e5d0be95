"""Updates of a live post: add, edit, correct, withdraw, restore, pin, key moments."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from flask import Flask

from support.content import add_many
from support.persons import Person
from webapp import db
from webapp.content import updates

VERBS = ("withdraw", "restore", "pin", "unpin", "key", "not-key")


@pytest.fixture
def post_id(ada: Person) -> int:
    """A live post of Ada's."""
    return ada.write_post(live="y")


def do(person: Person, post_id: int, n: int, verb: str, **data: str) -> int:
    return person.post(f"/desk/post/{post_id}/update/{n}/{verb}", **data).status_code


def shown(person: Person, post_id: int) -> list[int]:
    """The numbers of the updates on the post's page, from the top."""
    return [int(n) for n in re.findall(r'<article class="update[^"]*" id="update-(\d+)"', page(person, post_id))]


def page(person: Person, post_id: int) -> str:
    return person.get(f"/post/{post_id}").text


# Adding


def test_an_update_stands_on_the_page_at_once_newest_first(ada: Person, anonymous: Person, post_id: int) -> None:
    first = ada.add_update(post_id, "Kick-off.")
    second = ada.add_update(post_id, "**Goal!**", title="1:0")
    assert shown(anonymous, post_id) == [second, first]
    assert "<strong>Goal!</strong>" in page(anonymous, post_id)
    assert '<h3 class="update__title" lang="en" dir="auto">1:0</h3>' in page(anonymous, post_id)


def test_the_same_submission_twice_makes_one_update(ada: Person, anonymous: Person, post_id: int) -> None:
    once = {"body": "Goal!", "submission": str(uuid4())}
    assert ada.add_update(post_id, **once) == ada.add_update(post_id, **once)
    assert len(shown(anonymous, post_id)) == 1
    ada.add_update(post_id, "Goal!", submission=str(uuid4()))
    assert len(shown(anonymous, post_id)) == 2


def test_the_same_submission_of_a_colleague_is_another_update(ada: Person, bob: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y", authors="ada, bob")
    once = {"body": "Goal!", "submission": str(uuid4()).upper()}
    assert ada.add_update(post_id, **once) != bob.add_update(post_id, **once)
    assert len(shown(anonymous, post_id)) == 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"body": "  \n "}, "field is required"),
        ({"body": "x" * 10_001}, "longer than 10 kB"),
        ({"body": "Kept.", "title": "x" * 201}, "Use 200 characters or fewer"),
        ({"body": "Kept.", "submission": "1"}, "damaged"),
    ],
)
def test_what_doesnt_fit_is_refused_with_the_reason(
    ada: Person, anonymous: Person, post_id: int, data: dict[str, str], why: str
) -> None:
    answer = ada.post(f"/post/{post_id}/updates", **data)
    assert answer.status_code == 400
    assert why in answer.text
    assert data["body"].strip() in answer.text
    assert shown(anonymous, post_id) == []
    ada.add_update(post_id, "Fits.")
    assert len(shown(anonymous, post_id)) == 1


def test_an_ended_post_takes_no_updates_and_gives_the_text_back(ada: Person, anonymous: Person, post_id: int) -> None:
    ada.add_update(post_id, "In time.")
    ada.post(f"/desk/post/{post_id}/end")
    refused = ada.post(f"/post/{post_id}/updates", body="Too late, but <precious>.")
    assert refused.status_code == 409
    assert "Too late, but &lt;precious&gt;." in refused.text
    assert len(shown(anonymous, post_id)) == 1


def test_an_unpublished_post_takes_no_updates_and_gives_the_text_back(ada: Person, post_id: int) -> None:
    ada.post(f"/desk/post/{post_id}/unpublish")
    refused = ada.post(f"/post/{post_id}/updates", body="Where did it go?")
    assert refused.status_code == 404
    assert "Where did it go?" in refused.text


def test_a_post_that_isnt_live_takes_no_updates(ada: Person) -> None:
    post_id = ada.write_post()
    assert ada.post(f"/post/{post_id}/updates", body="Goal!").status_code == 409
    assert ada.post("/post/999/updates", body="Goal!").status_code == 404


def test_editors_write_on_every_live_post_and_strangers_on_none(
    bob: Person, edith: Person, eve: Person, anonymous: Person, post_id: int
) -> None:
    edith.add_update(post_id, "From the editor.")
    assert bob.post(f"/post/{post_id}/updates", body="From Bob.").status_code == 403
    assert eve.post(f"/post/{post_id}/updates", body="From Eve.").status_code == 403
    assert len(shown(anonymous, post_id)) == 1


# Editing and correcting


def test_an_edit_changes_the_text_without_a_word(ada: Person, anonymous: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "Gaol!")
    assert "Gaol!" in ada.get(f"/desk/post/{post_id}/update/{n}/edit").text
    assert do(ada, post_id, n, "edit", title="1:0", body="Goal!") == 302
    html = page(anonymous, post_id)
    assert "Goal!" in html
    assert "Gaol!" not in html
    assert 'class="correction"' not in html
    assert shown(anonymous, post_id) == [n]


def test_a_correction_is_visible_with_its_note_and_time(ada: Person, anonymous: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "Goal by Nine.")
    assert do(ada, post_id, n, "correct", body="Goal by Ten.", note="It was Ten & not <Nine>.") == 302
    for url in (f"/post/{post_id}", f"/post/{post_id}/update/{n}", f"/post/{post_id}/updates/1"):
        html = anonymous.get(url).text
        assert "Goal by Ten." in html
        assert "Goal by Nine." not in html[: html.index('<p class="correction">')]
        found = re.search(r'<p class="correction">.*?</p>', html, re.DOTALL)
        assert found
        assert "<strong>Corrected:</strong>" in found[0]
        assert "It was Ten &amp; not &lt;Nine&gt;.</span><br><time datetime=" in found[0], "the time is on its own line"


def test_a_correction_needs_a_note(ada: Person, anonymous: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "Goal by Nine.")
    for note in ("", "  "):
        assert do(ada, post_id, n, "correct", body="Goal by Ten.", note=note) == 400
    assert "Goal by Nine." in page(anonymous, post_id)
    assert do(ada, post_id, n, "correct", body="Goal by Ten.", note="It was Ten.") == 302
    assert "Goal by Ten." in page(anonymous, post_id)


def test_a_later_edit_keeps_the_correction(ada: Person, anonymous: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "Goal by Nine.")
    do(ada, post_id, n, "correct", body="Goal by Ten.", note="It was Ten.")
    do(ada, post_id, n, "edit", body="Goal by number Ten.")
    html = page(anonymous, post_id)
    assert "Goal by number Ten." in html
    assert "It was Ten." in html


def test_edits_and_corrections_keep_the_older_texts(ada: Person, bob: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "First text.")
    do(ada, post_id, n, "edit", body="Second text.")
    do(ada, post_id, n, "correct", body="Third text.", note="First note.")
    do(ada, post_id, n, "correct", body="Third text.", note="Second note.")
    older = ada.get(f"/desk/post/{post_id}/revisions").text
    for text in ("First text.", "Second text.", "Third text.", "First note."):
        assert text in older
    assert "Second note." not in older
    assert bob.get(f"/desk/post/{post_id}/revisions").status_code == 403


def test_an_ended_post_still_lets_its_updates_be_mended(ada: Person, anonymous: Person, post_id: int) -> None:
    n, other = ada.add_update(post_id, "Gaol!"), ada.add_update(post_id, "Nonsense.")
    ada.post(f"/desk/post/{post_id}/end")
    assert do(ada, post_id, n, "correct", body="Goal!", note="A slip.") == 302
    assert do(ada, post_id, n, "key") == 302
    assert do(ada, post_id, other, "withdraw") == 302
    assert "Goal!" in page(anonymous, post_id)
    assert shown(anonymous, post_id) == [n]


def test_updates_of_an_unpublished_post_are_mended_out_of_sight(ada: Person, anonymous: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "Gaol!")
    ada.post(f"/desk/post/{post_id}/unpublish")
    assert do(ada, post_id, n, "edit", body="Goal!") == 302
    assert anonymous.get(f"/post/{post_id}/update/{n}").status_code == 404
    ada.post(f"/desk/post/{post_id}", title="The derby", live="y", action="publish")
    assert "Goal!" in page(anonymous, post_id)


# Withdrawing and restoring


def test_a_withdrawn_update_is_gone_everywhere_and_comes_back_when_restored(
    ada: Person, anonymous: Person, post_id: int
) -> None:
    n, other = ada.add_update(post_id, "Offside!", key="y"), ada.add_update(post_id, "Goal!")
    places = (f"/post/{post_id}", f"/post/{post_id}/updates/1", "/search?q=offside")
    assert ["Offside!" in re.sub("</?mark>", "", anonymous.get(url).text) for url in places] == [True] * 3
    assert do(ada, post_id, n, "withdraw") == 302
    assert ["Offside!" in re.sub("</?mark>", "", anonymous.get(url).text) for url in places] == [False] * 3
    assert anonymous.get(f"/post/{post_id}/update/{n}").status_code == 404
    assert shown(anonymous, post_id) == [other]
    assert "Hidden from readers." in ada.get(f"/desk/post/{post_id}/live").text
    assert do(ada, post_id, n, "restore") == 302
    assert ["Offside!" in re.sub("</?mark>", "", anonymous.get(url).text) for url in places] == [True] * 3
    assert shown(anonymous, post_id) == [other, n]
    assert "Key moments" in page(anonymous, post_id)


def withdrawal(app: Flask, post_id: int, n: int) -> tuple[bool, str | None]:
    """Whether the update is withdrawn, and why."""
    with app.app_context():
        update = updates.written(db.reading(), post_id, n)
        return update.withdrawn_at is not None, update.withdrawal


def test_legal_reasons_are_a_choice_at_any_time_and_for_ever(app: Flask, ada: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "Libel.")
    do(ada, post_id, n, "withdraw")
    assert withdrawal(app, post_id, n) == (True, None)
    assert do(ada, post_id, n, "withdraw", reason="legal") == 302
    assert withdrawal(app, post_id, n) == (True, "legal")
    do(ada, post_id, n, "withdraw")
    assert withdrawal(app, post_id, n) == (True, "legal"), "whoever taps Withdraw again takes nothing back"
    for verb, fields in (("restore", {}), ("edit", {"body": "Truth."}), ("correct", {"body": "Truth.", "note": "So."})):
        assert do(ada, post_id, n, verb, **fields) == 409, verb
    assert withdrawal(app, post_id, n) == (True, "legal")


def test_a_withdrawn_update_can_be_edited_unseen(ada: Person, anonymous: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "Offside!")
    do(ada, post_id, n, "withdraw")
    before = anonymous.get(f"/post/{post_id}").data
    assert do(ada, post_id, n, "correct", body="No offside.", note="A mistake.") == 302
    assert anonymous.get(f"/post/{post_id}").data == before
    assert "No offside" not in anonymous.get("/search?q=offside").text
    do(ada, post_id, n, "restore")
    assert "No offside." in page(anonymous, post_id)


# Pinned and key moments


def test_a_pinned_update_stands_above_the_newest(ada: Person, anonymous: Person, post_id: int) -> None:
    first, second, third = (ada.add_update(post_id, text) for text in ("One.", "Two.", "Three."))
    assert do(ada, post_id, first, "pin") == 302
    assert shown(anonymous, post_id) == [first, third, second]
    assert do(ada, post_id, first, "unpin") == 302
    assert shown(anonymous, post_id) == [third, second, first]


def test_pinning_another_unpins_the_first(ada: Person, anonymous: Person, post_id: int) -> None:
    first, second = ada.add_update(post_id, "One."), ada.add_update(post_id, "Two.")
    do(ada, post_id, first, "pin")
    do(ada, post_id, second, "pin")
    html = page(anonymous, post_id)
    assert html.count("update--pinned") == 1
    assert shown(anonymous, post_id) == [second, first]


def test_unpinning_from_an_outdated_page_leaves_a_colleagues_pin_alone(
    ada: Person, edith: Person, anonymous: Person, post_id: int
) -> None:
    first, second = ada.add_update(post_id, "One."), ada.add_update(post_id, "Two.")
    do(ada, post_id, first, "pin")
    do(edith, post_id, second, "pin")
    do(ada, post_id, first, "unpin")
    assert f'update--pinned" id="update-{second}"' in page(anonymous, post_id)


def test_a_withdrawn_update_is_not_pinned_any_more(ada: Person, anonymous: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "One.")
    do(ada, post_id, n, "pin")
    do(ada, post_id, n, "withdraw")
    assert do(ada, post_id, n, "pin") == 409
    do(ada, post_id, n, "restore")
    assert shown(anonymous, post_id) == [n]
    assert "update--pinned" not in page(anonymous, post_id)


def test_key_moments_stand_on_top_and_lead_to_their_updates(ada: Person, anonymous: Person, post_id: int) -> None:
    goal = ada.add_update(post_id, "Goal by Ten.", title="1:0", key="y")
    ada.add_update(post_id, "A corner.")
    late = ada.add_update(post_id, "The second goal, by Nine.")
    assert do(ada, post_id, late, "key") == 302
    html = page(anonymous, post_id)
    keys = html[html.index('class="keys"') : html.index('class="updates"')]
    assert re.findall(r'href="#update-(\d+)"', keys) == [str(late), str(goal)]
    assert "1:0" in keys
    assert "The second goal, by Nine." in keys
    do(ada, post_id, late, "not-key")
    do(ada, post_id, goal, "not-key")
    assert re.search(r'class="keys"[^>]* hidden>', page(anonymous, post_id))


def test_a_key_moment_of_an_older_page_leads_to_the_updates_own_page(
    app: Flask, ada: Person, anonymous: Person, post_id: int
) -> None:
    goal = ada.add_update(post_id, "Goal by Ten.", key="y")
    add_many(app, post_id, 50)
    html = page(anonymous, post_id)
    assert goal not in shown(anonymous, post_id)
    keys = html[html.index('class="keys"') : html.index('class="updates"')]
    assert f'href="/post/{post_id}/update/{goal}"' in keys
    assert "Goal by Ten." in anonymous.get(f"/post/{post_id}/update/{goal}").text


@pytest.mark.parametrize("verb", VERBS)
def test_doing_it_twice_is_doing_it_once(ada: Person, anonymous: Person, post_id: int, verb: str) -> None:
    n = ada.add_update(post_id, "One.")
    assert do(ada, post_id, n, verb) == 302
    before = anonymous.get(f"/post/{post_id}").data
    assert do(ada, post_id, n, verb) == 302
    assert anonymous.get(f"/post/{post_id}").data == before


@pytest.mark.parametrize("verb", [*VERBS, "edit", "correct"])
def test_an_update_that_isnt_there_cant_be_changed(ada: Person, post_id: int, verb: str) -> None:
    n = ada.add_update(post_id, "One.")
    data = {"body": "Changed.", "note": "A note."}
    assert do(ada, post_id, n, verb, **data) == 302
    assert do(ada, post_id, n + 1, verb, **data) == 404
    assert do(ada, 999, n, verb, **data) == 404


def test_an_update_is_changed_under_its_own_post_only(ada: Person, post_id: int, anonymous: Person) -> None:
    other = ada.write_post(title="Another", live="y")
    n = ada.add_update(post_id, "Of the derby.")
    assert ada.add_update(other, "Of the other post.") == n, "both posts count from one"
    assert do(ada, other, n, "withdraw") == 302
    assert shown(anonymous, post_id) == [n]
    assert shown(anonymous, other) == []
