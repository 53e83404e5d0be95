"""Pages of errors: in the site's look, also without a database."""

from __future__ import annotations

import pytest
from flask import Flask

from support.persons import Person


@pytest.mark.parametrize(
    "path",
    [
        "/post/1", "/post/1/updates/1", "/post/1/comments/1", "/post/1/update/2", "/post/0", "/post/-1", "/post/x",
        "/post/1.0", "/post/", "/post", "/user/nobody", "/user/", "/tag/nothing", "/tag/-", "/about/nothing",
        "/page/2", "/page/-1", "/page/99999999999999999999", "/user/ada/page/2", "/draft/x", "/nothing", "/static/x",
    ],
)  # fmt: skip
def test_what_isnt_there_is_a_404_in_the_sites_look(anonymous: Person, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.status_code == 404
    assert "Page not found" in answer.text
    assert 'class="masthead"' in answer.text
    assert '<meta name="robots" content="noindex">' in answer.text


@pytest.mark.parametrize("url", ["/nope", "/post/9999"])
def test_a_referrer_that_is_no_address_changes_nothing(anonymous: Person, url: str) -> None:
    for headers in ({"Referer": "http://["}, {"Referer": "http://[::1/"}):
        assert anonymous.get(url, headers=headers).status_code == 404
        assert anonymous.client.post(url, headers=headers).status_code in (400, 404, 405)


def test_a_text_that_was_too_long_has_no_way_back_that_loses_it(ada: Person) -> None:
    headers = {"Referer": "http://127.0.0.1:8000/desk/new"}
    data = {"csrf_token": ada.csrf_token(), "title": "T", "body": "x" * 1_200_000}
    answer = ada.client.post("/desk/new", data=data, headers=headers)
    assert (answer.status_code, ">Back</a>" in answer.text) == (413, False)


def test_a_database_that_is_away_gets_a_page_and_not_a_crash(app: Flask, ada: Person) -> None:
    assert ada.get("/desk").status_code == 200
    with app.extensions["engine"].begin() as connection:
        connection.exec_driver_sql('ALTER TABLE "user" RENAME TO elsewhere')
    for url in ("/desk", "/user/ada", "/me", "/desk/new", "/settings"):
        answer = ada.get(url)
        assert answer.status_code == 503, url
        assert "<h1>Not available right now</h1>" in answer.text
        assert "The site can’t reach its database." in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Retry-After"] == "5"
        assert "Please try again in 5 seconds." in answer.text
        assert "sqlite" not in answer.text.lower()
