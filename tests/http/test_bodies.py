"""What is sent is bounded before anything reads it, and what somebody typed stands on the error's page."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from werkzeug.datastructures import MultiDict

from support.persons import Person
from webapp.http import bodies, rate_limits
from webapp.http.rate_limits import PerMinute


@pytest.mark.parametrize("path", ["/login", "/register", "/settings", "/invite/x"])
def test_a_form_without_a_text_takes_little(eve: Person, path: str) -> None:
    answer = eve.client.post(path, data={"username": "x" * bodies.SMALL_BYTES})
    assert answer.status_code == 413
    assert "This is larger than 20 kB. Go back and shorten it, or choose a smaller file." in answer.text


def test_a_text_may_have_a_megabyte(ada: Person) -> None:
    body = {"title": "Long", "body": "word " * 150_000}
    assert "larger than" not in ada.post("/desk/new", **body, action="preview").text
    refused = ada.client.post("/desk/new", data={"body": "x" * bodies.MAX_BYTES})
    assert refused.status_code == 413
    assert "This is larger than 1 MB." in refused.text


@pytest.mark.parametrize("path", ["/login", "/desk/new"])
def test_no_form_has_so_many_fields(ada: Person, path: str) -> None:
    fields = MultiDict([("a", "")] * (bodies.MAX_FIELDS + 1))
    assert ada.client.post(path, data=fields).status_code == 400


def test_a_part_without_a_name_is_refused(anonymous: Person) -> None:
    body = b"--x\r\nContent-Disposition: form-data; \r\n\r\n\r\n--x--\r\n"
    answer = anonymous.client.post("/login", data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400


def test_a_method_that_an_address_doesnt_take_is_named(anonymous: Person) -> None:
    answer = anonymous.client.post("/")
    assert (answer.status_code, "GET" in answer.headers["Allow"]) == (405, True)
    assert "<title>Not allowed here" in answer.text


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/", 405)])
def test_what_is_sent_where_no_form_is_isnt_read(anonymous: Person, path: str, status: int) -> None:
    with patch("werkzeug.formparser.FormDataParser.parse", side_effect=AssertionError("it was read")):
        assert anonymous.client.post(path, data={"body": "words"}).status_code == status


def test_texts_of_one_address_are_bounded(ada: Person, anonymous: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """An author's text stands on the page that says so; a stranger's isn't even read."""
    monkeypatch.setattr(bodies, "_sent", PerMinute("bytes of texts", 3_000))
    monkeypatch.setattr(rate_limits, "now_ms", lambda: 1_700_000_000_000)  # all in one minute
    text = {"title": "Long", "body": "words " * 300, "action": "preview"}
    assert ada.post("/desk/new", **text).status_code == 200
    refused = ada.post("/desk/new", **text)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert text["body"].strip() in refused.text
    strangers = anonymous.client.post("/desk/new", data=text)
    assert strangers.status_code == 429
    assert "words" not in strangers.text
