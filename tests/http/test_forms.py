"""What a form takes for empty: everything that shows nothing."""

from __future__ import annotations

import pytest

from support.persons import Person

NOTHING = [
    "\u200b",
    "\ufeff\u2060",
    "\u3164",
    "\u115f\u1160",
    "\uffa0",
    "\u2800",
    "\u00ad \u034f",
    "\u202e",
    "\U000e0041",
    "\u0301",
]
RENDERS_NOTHING = ["[a]: https://example.org", "&#8203;", "&#12644;", "**&#8203;**", "> "]


@pytest.mark.parametrize("nothing", NOTHING)
def test_what_shows_nothing_is_no_title_and_no_text(ada: Person, edith: Person, eve: Person, nothing: str) -> None:
    post_id = ada.write_post(live="y")
    forms = (
        (ada, "/desk/new", {"title": nothing, "body": "A text.", "action": "publish"}),
        (ada, f"/post/{post_id}/updates", {"body": nothing}),
        (eve, f"/post/{post_id}/comments", {"body": nothing}),
        (edith, "/desk/about/new", {"name": "imprint", "title": nothing, "body": "A text."}),
        (edith, "/desk/about/new", {"name": "imprint", "title": "Imprint", "body": nothing}),
    )
    for person, path, fields in forms:
        refused = person.post(path, **fields)
        assert refused.status_code == 400, path
        assert "This shows nothing. Write a text." in refused.text
    n = ada.add_update(post_id, title=nothing)
    assert 'class="update__title"' not in ada.get(f"/post/{post_id}/update/{n}").text
    refused = ada.post("/desk/new", title="A title", body="A text.", tags=nothing, action="publish")
    assert refused.status_code == 400 or "/tag/" not in ada.get(refused.location).text


@pytest.mark.parametrize("nothing", RENDERS_NOTHING)
def test_nor_is_what_renders_as_nothing(ada: Person, eve: Person, nothing: str) -> None:
    post_id = ada.write_post(live="y")
    for person, path in ((ada, f"/post/{post_id}/updates"), (eve, f"/post/{post_id}/comments")):
        refused = person.post(path, body=nothing)
        assert refused.status_code == 400, path
        assert "This shows nothing. Write a text." in refused.text


def test_a_picture_and_a_line_show_something(ada: Person) -> None:
    post_id = ada.write_post(live="y")
    for body in ("![](https://example.org/a.png)", "---", "👍", "…"):
        ada.add_update(post_id, body)
