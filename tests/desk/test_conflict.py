"""Two people edit one text: the second sees both, and nothing is lost."""

from __future__ import annotations

import re

import pytest

from support.persons import Person, draft, value_of


def test_the_second_of_two_editors_sees_both_texts_and_nothing_is_lost(ada: Person, edith: Person) -> None:
    post_id = ada.write_post(title="The derby", body="The first text.")
    version = value_of(ada.get(f"/desk/post/{post_id}").text, "version")
    edit = {"title": "The derby", "action": "publish", "version": version}
    assert edith.post(f"/desk/post/{post_id}", body="The text of Edith.", **edit).status_code == 302
    refused = ada.post(f"/desk/post/{post_id}", body="The text of Ada <3.", tags="mine", **edit)
    assert refused.status_code == 409
    assert "The text of Edith." in refused.text
    assert "The text of Ada &lt;3." in refused.text
    assert value_of(refused.text, "tags") == "mine"
    assert "The text of Edith." in ada.get(f"/post/{post_id}").text

    again = edit | {"version": value_of(refused.text, "version"), "body": value_of(refused.text, "body")}
    assert ada.post(f"/desk/post/{post_id}", **again).status_code == 302
    assert "The text of Ada &lt;3." in ada.get(f"/post/{post_id}").text
    older = ada.get(f"/desk/post/{post_id}/revisions").text
    assert "The text of Edith." in older
    assert "The first text." in older


def test_an_outdated_form_with_the_same_text_is_no_conflict(ada: Person, edith: Person) -> None:
    post_id = ada.write_post()
    edit = {"title": "The derby", "body": "The new text.", "action": "publish", "version": "1"}
    assert edith.post(f"/desk/post/{post_id}", **edit).status_code == 302
    assert ada.post(f"/desk/post/{post_id}", **edit).status_code == 302
    assert ada.post(f"/desk/post/{post_id}", **(edit | {"body": "Another."})).status_code == 409


def test_a_conflict_over_a_draft_saves_a_draft(ada: Person, edith: Person, anonymous: Person) -> None:
    post_id = draft(ada)
    edit = {"title": "The derby", "action": "draft", "version": "1"}
    edith.post(f"/desk/post/{post_id}", body="Hers.", **edit)
    refused = ada.post(f"/desk/post/{post_id}", body="Mine.", **edit)
    assert refused.status_code == 409
    assert '<input type="hidden" name="action" value="draft">' in refused.text
    assert anonymous.get(f"/post/{post_id}").status_code == 404


@pytest.fixture
def post_id(ada: Person) -> int:
    """A live post of Ada's."""
    return ada.write_post(live="y")


def page(person: Person, post_id: int) -> str:
    return person.get(f"/post/{post_id}").text


@pytest.mark.parametrize("verb", ["edit", "correct"])
def test_the_second_of_two_writers_sees_both_texts_and_nothing_is_lost(
    ada: Person, edith: Person, post_id: int, verb: str
) -> None:
    n = ada.add_update(post_id, "First text.")
    url = f"/desk/post/{post_id}/update/{n}/{verb}"
    found = re.search(r'name="version" type="hidden" value="(\d+)"', ada.get(url).text)
    assert found
    edit = {"version": found[1], "title": "", "note": "A note of mine."}
    assert edith.post(url, **(edit | {"body": "The text of Edith."})).status_code == 302
    refused = ada.post(url, **(edit | {"body": "The text of Ada."}))
    assert refused.status_code == 409
    assert "The text of Edith." in refused.text
    assert "The text of Ada." in refused.text
    assert ("A note of mine." in refused.text) == (verb == "correct")
    assert "The text of Edith." in page(ada, post_id)

    fresh = re.search(r'name="version" type="hidden" value="(\d+)"', refused.text)
    assert fresh
    assert ada.post(url, **(edit | {"body": "Both texts.", "version": fresh[1]})).status_code == 302
    assert "Both texts." in page(ada, post_id)
    assert "The text of Edith." in ada.get(f"/desk/post/{post_id}/revisions").text
