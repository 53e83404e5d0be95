"""Comments of people who are signed in: written, deleted by their authors, withdrawn by moderators."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from flask import Flask

from support.live_post import Clock
from support.persons import Person
from webapp.community import comments


@pytest.fixture
def post_id(ada: Person) -> int:
    """A post of Ada's."""
    return ada.write_post()


def shown(person: Person, post_id: int) -> list[int]:
    """The numbers of the comments on the post's page, from the top."""
    html = person.get(f"/post/{post_id}").text
    return [int(n) for n in re.findall(r'<article class="comment" id="comment-(\d+)"', html)]


def delete(person: Person, post_id: int, n: int) -> int:
    return person.post(f"/post/{post_id}/comment/{n}/delete").status_code


def moderate(person: Person, post_id: int, n: int, verb: str) -> int:
    return person.post(f"/desk/post/{post_id}/comment/{n}/{verb}").status_code


def test_whoever_is_signed_in_comments_and_everybody_reads_it(eve: Person, anonymous: Person, post_id: int) -> None:
    answer = eve.post(f"/post/{post_id}/comments", body="Well **said**.")
    found = re.fullmatch(rf"/post/{post_id}#comment-(\d+)", answer.location)
    assert found
    html = anonymous.get(f"/post/{post_id}").text
    assert "<strong>said</strong>" in html
    assert f'id="comment-{found[1]}"' in html
    assert 'href="/user/eve"' in html


def test_whoever_isnt_signed_in_is_asked_to(anonymous: Person, post_id: int) -> None:
    form = anonymous.get(f"/post/{post_id}/comments/new")
    assert (form.status_code, form.location) == (302, f"/login?next=/post/{post_id}/comments/new")
    sent = anonymous.post(f"/post/{post_id}/comments", form_at="/login", body="I was here.")
    assert sent.status_code == 401
    assert "I was here." in sent.text, "what was typed is not lost"
    assert shown(anonymous, post_id) == []


def test_the_form_stands_on_a_page_of_its_own(eve: Person, post_id: int) -> None:
    html = eve.get(f"/post/{post_id}/comments/new").text
    assert f'action="/post/{post_id}/comments"' in html
    answer = eve.post(f"/post/{post_id}/comments", form_at=f"/post/{post_id}/comments/new", body="Without a script.")
    assert answer.status_code == 302
    assert "Without a script." in eve.get(f"/post/{post_id}").text


def test_comments_stand_oldest_first(eve: Person, bob: Person, post_id: int) -> None:
    first, second = eve.comment(post_id, "First!"), bob.comment(post_id, "Second.")
    assert shown(eve, post_id) == [first, second]


def test_a_strangers_html_is_shown_and_never_run(eve: Person, anonymous: Person, post_id: int) -> None:
    eve.comment(post_id, "<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1)) **really**")
    html = anonymous.get(f"/post/{post_id}").text
    body = html[html.index("comment__body") :]
    assert "<strong>really</strong>" in body
    assert "&lt;script&gt;" in body
    for evil in ("<script>", "<img", 'javascript:alert(1)"', "onerror=alert(1)>"):
        assert evil not in body.split("</article>")[0]


def test_a_link_of_a_stranger_is_not_vouched_for(eve: Person, anonymous: Person, post_id: int) -> None:
    eve.comment(post_id, "See [this](https://spam.example/).")
    assert re.search(
        r'<a href="https://spam.example/" rel="nofollow ugc noopener">', anonymous.get(f"/post/{post_id}").text
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"body": ""}, "field is required"),
        ({"body": " \r\n "}, "field is required"),
        ({"body": "y" * 10_001}, "longer than 10 kB"),
        ({"body": "Kept.", "submission": "x"}, "damaged"),
    ],
)
def test_what_doesnt_fit_is_refused_with_the_reason(eve: Person, post_id: int, data: dict[str, str], why: str) -> None:
    answer = eve.post(f"/post/{post_id}/comments", **data)
    assert answer.status_code == 400
    assert why in answer.text
    assert data["body"].strip() in answer.text
    assert shown(eve, post_id) == []
    eve.comment(post_id, "Fits.")
    assert len(shown(eve, post_id)) == 1


def test_the_same_submission_twice_makes_one_comment(eve: Person, bob: Person, post_id: int) -> None:
    once = {"body": "Only once.", "submission": str(uuid4())}
    assert eve.comment(post_id, **once) == eve.comment(post_id, **once)
    assert len(shown(eve, post_id)) == 1
    bob.comment(post_id, **once)
    assert len(shown(eve, post_id)) == 2


def test_too_many_comments_in_a_minute_are_refused_and_not_lost(
    eve: Person, bob: Person, post_id: int, clock: Clock
) -> None:
    for i in range(5):
        eve.comment(post_id, f"Number {i}.")
    refused = eve.post(f"/post/{post_id}/comments", body="One more of mine.")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"
    assert "One more of mine." in refused.text
    assert "Please try again in 60 seconds." in refused.text
    assert len(shown(eve, post_id)) == 5
    bob.comment(post_id, "Others may.")


def test_the_limit_can_be_lifted_for_load_tests(app: Flask, eve: Person, post_id: int) -> None:
    app.config["LIMITS"] = "off"
    for i in range(6):
        eve.comment(post_id, f"Number {i}.")
    assert len(shown(eve, post_id)) == 6


def test_closed_comments_take_none_but_keep_those_there(ada: Person, eve: Person, post_id: int) -> None:
    n = eve.comment(post_id, "Before.")
    ada.post(f"/desk/post/{post_id}", title="The derby", comments="closed", action="publish")
    assert eve.post(f"/post/{post_id}/comments", body="After.").status_code == 409
    assert shown(eve, post_id) == [n]
    assert f"/post/{post_id}/comments/new" not in eve.get(f"/post/{post_id}").text
    assert delete(eve, post_id, n) == 302
    assert shown(eve, post_id) == []


def test_a_post_that_isnt_public_takes_no_comments(ada: Person, eve: Person, post_id: int) -> None:
    assert eve.get(f"/post/{post_id}/comments/new").status_code == 200
    ada.post(f"/desk/post/{post_id}/unpublish")
    for other in (post_id, 0, 999):
        assert eve.get(f"/post/{other}/comments/new").status_code == 404
        assert eve.post(f"/post/{other}/comments", body="Hello?").status_code == 404


# Deleting and moderating


def test_ones_own_comment_can_be_deleted_for_good(ada: Person, eve: Person, post_id: int) -> None:
    n = eve.comment(post_id, "I take it back.")
    assert delete(eve, post_id, n) == 302
    assert "I take it back." not in ada.get(f"/post/{post_id}").text
    assert delete(eve, post_id, n) == 302
    assert "Deleted by its author" in ada.get(f"/desk/post/{post_id}/live").text
    assert moderate(ada, post_id, n, "restore") == 409
    assert shown(ada, post_id) == []


def test_a_strangers_comment_cant_be_deleted(ada: Person, bob: Person, eve: Person, post_id: int) -> None:
    n = eve.comment(post_id, "Mine.")
    assert delete(bob, post_id, n) == 403
    assert delete(ada, post_id, n) == 403, "she moderates at the desk instead"
    assert shown(eve, post_id) == [n]
    assert delete(eve, post_id, n + 1) == 404
    assert delete(eve, 999, n) == 404


def test_authors_withdraw_comments_on_their_posts_and_bring_them_back(ada: Person, eve: Person, post_id: int) -> None:
    n = eve.comment(post_id, "Rude words.")
    assert moderate(ada, post_id, n, "withdraw") == 302
    assert "Rude words." not in eve.get(f"/post/{post_id}").text
    assert "Rude words." not in eve.get(f"/post/{post_id}/comments/1").text
    assert "Rude words." in ada.get(f"/desk/post/{post_id}/live").text
    assert moderate(ada, post_id, n, "restore") == 302
    assert shown(eve, post_id) == [n]


def test_editors_moderate_everywhere_and_others_nowhere_else(
    bob: Person, edith: Person, eve: Person, post_id: int
) -> None:
    n = eve.comment(post_id, "Rude words.")
    for verb in ("withdraw", "restore"):
        assert moderate(bob, post_id, n, verb) == 403
        assert moderate(eve, post_id, n, verb) == 403
    assert shown(eve, post_id) == [n]
    assert moderate(edith, post_id, n, "withdraw") == 302
    assert shown(eve, post_id) == []
    assert moderate(edith, post_id, n + 1, "withdraw") == 404


def test_an_author_of_one_post_cant_moderate_another_by_its_number(ada: Person, bob: Person, eve: Person) -> None:
    adas, bobs = ada.write_post(), bob.write_post()
    n = eve.comment(adas, "Under Ada's post.")
    m = eve.comment(bobs, "Under Bob's post.")
    assert n == m, "both posts count from one"
    assert moderate(bob, bobs, n, "withdraw") == 302
    assert shown(eve, adas) == [n]
    assert shown(eve, bobs) == []


def test_ones_own_comments_are_listed_in_the_settings(eve: Person, bob: Person, post_id: int) -> None:
    n = eve.comment(post_id, "Of Eve.")
    bob.comment(post_id, "Of Bob.")
    html = eve.get("/settings/comments").text
    assert "Of Eve." in html
    assert "Of Bob." not in html
    delete(eve, post_id, n)
    assert "Of Eve." not in eve.get("/settings/comments").text


def test_whose_comment_was_withdrawn_is_told_among_ones_own(ada: Person, eve: Person, post_id: int) -> None:
    n = eve.comment(post_id, "Of Eve.")
    told = "by the editors. Only you can see it."
    assert told not in eve.get("/settings/comments").text
    assert moderate(ada, post_id, n, "withdraw") == 302
    html = eve.get("/settings/comments").text
    assert "Of Eve." in html
    assert told in html
    assert delete(eve, post_id, n) == 302
    assert "Of Eve." not in eve.get("/settings/comments").text


def test_who_wrote_a_comment_may_delete_it_where_it_was_unpublished(ada: Person, eve: Person, post_id: int) -> None:
    n = eve.comment(post_id, "I take it back.")
    ada.post(f"/desk/post/{post_id}/unpublish")
    assert delete(eve, post_id, n) == 302
    ada.post(f"/desk/post/{post_id}", title="The derby", action="publish")
    assert shown(eve, post_id) == []


def test_a_retitled_draft_is_not_named_among_ones_comments(ada: Person, eve: Person) -> None:
    post_id = ada.write_post(title="The derby")
    eve.comment(post_id, "Well said.")
    assert "The derby" in eve.get("/settings/comments").text
    ada.post(f"/desk/post/{post_id}/unpublish")
    ada.post(f"/desk/post/{post_id}", title="Secret merger", body="Text.", action="draft")
    assert "Secret merger" not in eve.get("/settings/comments").text


def test_refused_comments_are_not_rendered_without_end(
    ada: Person, eve: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[str] = []
    monkeypatch.setattr(comments, "render_comment", lambda body: rendered.append(body) or f"<p>{body}</p>")
    post_id = ada.write_post()
    token = eve.csrf_token()
    answers = [eve.post(f"/post/{post_id}/comments", body=f"Comment {n}", csrf_token=token) for n in range(30)]
    assert answers[-1].status_code == 429
    assert len(rendered) == 20


@pytest.mark.parametrize("limits", ["on", "off"])
def test_where_comments_are_slow_everybody_has_one_in_five_minutes(
    ada: Person, eve: Person, clock: Clock, limits: str
) -> None:
    ada.app.config["LIMITS"] = limits
    slow, other = ada.write_post(comments="slow"), ada.write_post()
    first = eve.comment(slow, "First.")
    clock.tick(61)
    refused = eve.post(f"/post/{slow}/comments", body="More of mine.")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "239"
    assert "one comment per person every five minutes" in refused.text
    assert "Please try again in 4 minutes." in refused.text
    assert "More of mine." in refused.text
    eve.post(f"/post/{slow}/comment/{first}/delete")
    assert eve.post(f"/post/{slow}/comments", body="Deleting is no way.").status_code == 429
    eve.comment(other, "Elsewhere.")
    ada.comment(slow, "Somebody else.")
    clock.tick(239)
    eve.comment(slow, "My turn.")


def test_the_same_submission_is_still_one_comment_where_they_are_slow(ada: Person, eve: Person) -> None:
    once = {"body": "Once.", "submission": "7f3c0e70-3b5e-4c70-9a35-6f6c5a1f3a11"}
    post_id = ada.write_post(comments="slow")
    assert eve.comment(post_id, **once) == eve.comment(post_id, **once)


def test_the_form_says_that_comments_are_slow(ada: Person, eve: Person) -> None:
    slow, other = ada.write_post(comments="slow"), ada.write_post()
    for path in ("/post/{}", "/post/{}/comments/new"):
        assert "Slow mode: one comment per person every five minutes." in eve.get(path.format(slow)).text
        assert "Slow mode" not in eve.get(path.format(other)).text
    assert f"/post/{slow}/comments/new" in eve.get(f"/post/{slow}").text
    assert '<option selected value="slow">' in ada.get(f"/desk/post/{slow}").text
