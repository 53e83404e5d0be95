"""The desk's forms for updates: where they lead, and what the live desk offers."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask

from support.persons import Person
from webapp.db.engine import transaction
from webapp.desk import updates
from webapp.people import users
from webapp.text.render import render_update


@pytest.fixture
def post_id(ada: Person) -> int:
    """A live post of Ada's."""
    return ada.write_post(live="y")


def do(person: Person, post_id: int, n: int, verb: str, **data: str) -> int:
    return person.post(f"/desk/post/{post_id}/update/{n}/{verb}", **data).status_code


def test_the_author_is_sent_to_the_update_or_to_where_the_form_says(ada: Person, post_id: int) -> None:
    plain = ada.post(f"/post/{post_id}/updates", body="Goal!")
    assert re.fullmatch(rf"/post/{post_id}#update-\d+", plain.location)
    back = ada.post(f"/post/{post_id}/updates", body="Goal!", next=f"/desk/post/{post_id}/live")
    assert back.location == f"/desk/post/{post_id}/live"


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "//[", "/\tx", ""])
def test_next_never_leads_to_another_site(ada: Person, post_id: int, target: str) -> None:
    answer = ada.post(f"/post/{post_id}/updates", body="Goal!", next=target)
    assert answer.location.startswith(f"/post/{post_id}#update-")


def test_the_live_desk_lists_what_can_be_done(ada: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "One.")
    html = unescape(ada.get(f"/desk/post/{post_id}/live").text)
    for verb in ("edit", "correct", "key", "pin", "withdraw"):
        assert f'"/desk/post/{post_id}/update/{n}/{verb}"' in html
    do(ada, post_id, n, "withdraw")
    html = ada.get(f"/desk/post/{post_id}/live").text
    assert f'"/desk/post/{post_id}/update/{n}/restore"' in html
    assert f'"/desk/post/{post_id}/update/{n}/pin"' not in html
    second_step = html.partition("Withdraw for legal reasons <")[2].partition("</details>")[0]
    assert 'name="reason" value="legal"' in second_step
    assert "Delete permanently" in second_step
    assert "The history still shows it." in html
    do(ada, post_id, n, "withdraw", reason="legal")
    html = ada.get(f"/desk/post/{post_id}/live").text
    assert "Withdrawn for legal reasons" in html
    assert f"/desk/post/{post_id}/update/{n}/" not in html, "nothing is left to be done"


def test_each_form_says_once_where_the_old_text_stays(ada: Person, post_id: int) -> None:
    n = ada.add_update(post_id, "One.")
    pages = [f"/desk/post/{post_id}/update/{n}/{verb}" for verb in ("edit", "correct")]
    for path, forms in ((pages[0], 1), (pages[1], 1), (f"/desk/post/{post_id}/composer", 2)):
        assert ada.get(path).text.count("The old text stays in the history") == forms


def test_spaces_are_no_update(ada: Person, post_id: int) -> None:
    answer = ada.post(f"/post/{post_id}/updates", body=" \n ", next=f"/desk/post/{post_id}/live")
    assert answer.status_code == 400
    assert '<p class="field__error" id="body-error">This field is required. </p>' in answer.text


def test_the_same_submission_with_another_text_keeps_both(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post(live="y")
    submission = "0b5d7c2e-8f0e-4d0a-9a55-0a4b6f6f2c11"
    ada.add_update(post_id, "The first text.", submission=submission)
    answer = ada.post(f"/post/{post_id}/updates", body="The second text.", submission=submission)
    assert answer.status_code == 409
    assert "The second text." in answer.text
    assert "The first text." in anonymous.get(f"/post/{post_id}").text


def test_somebody_disabled_while_waiting_for_the_lock_changes_nothing(
    app: Flask, ada: Person, anonymous: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_id = ada.write_post(live="y")
    render = render_update

    def disabled_meanwhile(body: str) -> str:
        with transaction(app.extensions["engine"]) as session:
            users.disable(session, users.by_name(session, "ada").id, True)
        return render(body)

    monkeypatch.setattr(updates.rendering, "update", disabled_meanwhile)
    assert ada.post(f"/post/{post_id}/updates", body="Too late.").status_code == 403
    assert "Too late." not in anonymous.get(f"/post/{post_id}").text
