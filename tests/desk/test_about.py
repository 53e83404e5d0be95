"""The site's own pages: written, edited and deleted by editors."""

from __future__ import annotations

import pytest

from support.persons import Person, value_of


def about(person: Person, url: str = "/desk/about/new", **data: str) -> int:
    return person.post(url, **({"name": "imprint", "title": "Imprint", "body": "Made by *us*."} | data)).status_code


def test_an_editor_writes_edits_and_deletes_a_page_of_the_site(edith: Person, anonymous: Person) -> None:
    assert anonymous.get("/about/imprint").status_code == 404
    assert about(edith) == 302
    assert "<em>us</em>" in anonymous.get("/about/imprint").text
    assert "Imprint" in edith.get("/desk/about").text
    assert about(edith, "/desk/about/edit/imprint", body="Made by them.") == 302
    assert "Made by them." in anonymous.get("/about/imprint").text
    edith.post("/desk/about/delete/imprint")
    assert anonymous.get("/about/imprint").status_code == 404


def test_a_page_of_the_site_may_have_a_path(edith: Person, anonymous: Person) -> None:
    assert about(edith, name="legal/privacy-2026") == 302
    assert "Made by" in anonymous.get("/about/legal/privacy-2026").text


def test_two_pages_cant_have_one_address(edith: Person, anonymous: Person) -> None:
    assert about(edith) == 302
    assert about(edith, body="Another.") == 400
    assert "Another." not in anonymous.get("/about/imprint").text


@pytest.mark.parametrize("name", ["Imprint", "a b", "/imprint", "imprint/", "../etc", "a//b", "ä", ""])
def test_an_address_that_browsers_would_change_is_refused(edith: Person, name: str) -> None:
    assert about(edith, name=name) == 400
    assert about(edith, name="imprint") == 302


def test_two_editors_of_a_page_of_the_site_see_both_texts(edith: Person, root: Person) -> None:
    about(edith)
    assert about(root, "/desk/about/edit/imprint", body="The text of Root.", version="1") == 302
    refused = edith.post(
        "/desk/about/edit/imprint", name="imprint", title="Imprint", body="The text of Edith.", version="1"
    )
    assert refused.status_code == 409
    assert "The text of Root." in refused.text
    assert "The text of Edith." in refused.text
    version = value_of(refused.text, "version")
    assert about(edith, "/desk/about/edit/imprint", body="Both.", version=version) == 302


def test_a_page_made_anew_after_deletion_can_be_edited(edith: Person, anonymous: Person) -> None:
    for _round in range(2):
        assert about(edith) == 302
        assert about(edith, "/desk/about/edit/imprint", body="Changed.") == 302
        assert edith.post("/desk/about/delete/imprint").status_code == 302
    assert anonymous.get("/about/imprint").status_code == 404


def test_pages_of_the_site_are_not_for_authors(ada: Person, edith: Person) -> None:
    about(edith)
    assert ada.get("/desk/about").status_code == 403
    assert about(ada, name="mine") == 403
    assert about(ada, "/desk/about/edit/imprint", body="Ada was here.") == 403
    assert ada.post("/desk/about/delete/imprint").status_code == 403
    assert "Ada was here." not in ada.get("/about/imprint").text
