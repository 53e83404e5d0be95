"""Names: which are allowed, renames, and the names of deleted accounts."""

from __future__ import annotations

import re
import unicodedata

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from support.persons import PASSWORD, Person
from webapp import db
from webapp.errors import Refused
from webapp.people import users
from webapp.people.names import RESERVED, checked_username, username_key

GOOD_NAMES = [
    "al",
    "a-b_c",
    "x" * 40,
    "42",
    "jürgen",
    "Straße",
    "Лена",
    "Ἀθηνᾶ",
    "花子",
    "やまだ太郎",
    "スーパー",
    "한글",
    "小明xiaoming",
    "yıldız",
    "ɓala-ƙasa",
    "Nguyễn",
    "Əli",
    "علي٣",
    "علی۳",
]
BAD_NAMES = {
    "2 to 40": [
        "", "a", "x" * 41, "two words", "a.b", "a@b", "a/b", "../..", "a<b>", "a'b", 'a"b', "a\nb", "a\tb", "a\u200bb",
        "a\u202eb", "½½", "e\u0301e\u0301\u0301", "👩‍🔬👩‍🔬", "ada\u3164", "\u3164\u3164", "ada\uffa0",
        "ada\u115f", "ada\u00ad", "ada\u2800",
    ],
    "mix alphabets": [
        "аda", "adа", "αda", "ада-ada", "pаypal", "Ꭺda", "աda", "adaʹ", "ԁad", "αда", "ann١", "ann۱", "ада१",
    ],
    "reserved": [
        "root", "ROOT", "Login", "ｒｏｏｔ", "desk", "deleted-7", "Deleted-x", "anonymous", "settings", "sıte",
        "теам",
    ],
    "looks like another": [
        "ɑpi", "ᴏfficial", "ᴍoderator", "edᴅy", "ƅob", "aǀice", "ꓮꓡꓲꓚꓰ", "ᎪᏞᏆᏟᎬ", "ⲃⲟⲃ", "moderatoꭇ",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_name_has_letters_of_any_one_alphabet(shared_app: Flask, name: str) -> None:
    with shared_app.test_request_context():
        kept = checked_username(f" {name} ")
        assert kept == unicodedata.normalize("NFKC", name)
        assert username_key(kept) == username_key(name)


@pytest.mark.parametrize(("said", "name"), [(said, name) for said, names in BAD_NAMES.items() for name in names])
def test_it_refuses_a_name_that_could_be_taken_for_something_else(shared_app: Flask, said: str, name: str) -> None:
    with shared_app.test_request_context(), pytest.raises(Refused, match=said):
        checked_username(name)


@settings(max_examples=50, deadline=None)
@given(name=st.text(min_size=2, max_size=40), pad=st.sampled_from(["", " ", "\t", "\u3000"]))
def test_any_text_is_kept_as_one_clean_name_or_refused(shared_app: Flask, name: str, pad: str) -> None:
    """What is kept would be kept again, is the same name in any case, and fits into a URL's one segment."""
    with shared_app.test_request_context():
        try:
            kept = checked_username(pad + name)
        except Refused:
            return
        assert checked_username(kept) == kept
        assert username_key(kept) == username_key(name.strip()) == username_key(kept.swapcase().casefold())
        assert kept.isprintable()
        assert not set(kept) & set("/\\ .?#%@<>&'\"")


def test_every_address_of_the_site_is_reserved(app: Flask) -> None:
    """Somebody named like a part of the site could be taken for it."""
    first = {str(rule).split("/")[1].partition(".")[0] for rule in app.url_map.iter_rules()}
    parts = {part for part in first if part.isalpha() and part not in ("healthz", "readyz", "metrics")}
    assert "login" in parts
    assert parts - RESERVED == set()


def test_names_are_the_same_whatever_their_case(eve: Person) -> None:
    for name in ("Ada", "ADA", "ａｄａ"):
        answer = eve.post("/settings", username=name, password=PASSWORD)
        assert answer.status_code == 400, name
        assert "taken" in answer.text
    assert eve.post("/settings", username="EVE", password=PASSWORD).status_code == 302
    assert eve.get("/me").json["username"] == "EVE", "but everybody may write their own as they like"
    answer = eve.get("/user/eve")
    assert (answer.status_code, answer.location) == (301, "/user/EVE")


@pytest.mark.parametrize("name", ["аԁа", "АԀА"])
def test_a_name_that_looks_like_somebodys_is_taken(eve: Person, name: str) -> None:
    answer = eve.post("/settings", username=name, password=PASSWORD)
    assert answer.status_code == 400
    assert "taken" in answer.text


# Renames


def rename(person: Person, name: str) -> int:
    return person.post("/settings", username=name, email="", password=PASSWORD).status_code


def test_an_old_name_redirects(ada: Person, anonymous: Person) -> None:
    post_id = ada.write_post()
    assert anonymous.get("/user/ada").status_code == 200
    rename(ada, "ada-l")
    rename(ada, "lovelace")
    for old in ("ada", "ADA", "ada-l"):
        answer = anonymous.get(f"/user/{old}")
        assert (answer.status_code, answer.location) == (301, "/user/lovelace"), old
    assert anonymous.get("/user/lovelace").status_code == 200
    page = anonymous.get(f"/post/{post_id}").text
    assert "/user/lovelace" in page
    assert "/user/ada" not in page


def test_nobody_else_gets_an_old_name(ada: Person, eve: Person) -> None:
    rename(ada, "lovelace")
    answer = eve.post("/settings", username="Ada", password=PASSWORD)
    assert answer.status_code == 400
    assert "taken" in answer.text
    assert rename(ada, "ada") == 302, "but its owner may have it again"
    assert ada.get("/user/ada").status_code == 200
    assert ada.get("/user/lovelace").location == "/user/ada"


def test_an_account_keeps_five_old_names_and_no_more(ada: Person, eve: Person, anonymous: Person) -> None:
    """Else ten an hour are gone for ever."""
    ada.app.config["LIMITS"] = "off"
    assert [rename(ada, f"ada-{number}") for number in range(1, 6)] == [302] * 5
    answer = ada.post("/settings", username="ada-6", email="", password=PASSWORD)
    assert answer.status_code == 400
    assert "You have had too many usernames." in answer.text
    assert anonymous.get("/user/ada").location == "/user/ada-5"
    assert rename(ada, "ada-2") == 302, "to one of those at any time"
    assert rename(eve, "ada-6") == 302


def test_nobody_logs_in_by_an_old_name(ada: Person, anonymous: Person) -> None:
    rename(ada, "lovelace")
    assert anonymous.log_in("ada").status_code == 400
    assert anonymous.log_in("lovelace").status_code == 302


def test_renaming_keeps_the_session_and_the_rights(ada: Person) -> None:
    post_id = ada.write_post()
    rename(ada, "lovelace")
    assert ada.get(f"/desk/post/{post_id}").status_code == 200
    assert ada.get("/me").json["username"] == "lovelace"


def test_readers_of_the_posts_load_them_anew(ada: Person, bob: Person, app: Flask) -> None:
    mine, theirs = ada.write_post(), bob.write_post(title="Another one")
    bob.comment(mine)

    def seq(post_id: int) -> int:
        with app.app_context():
            return users.posts.published(db.reading(), post_id).seq

    before = seq(mine), seq(theirs)
    rename(ada, "lovelace")
    assert (seq(mine), seq(theirs)) == (before[0] + 1, before[1])
    rename(bob, "robert")
    assert (seq(mine), seq(theirs)) == (before[0] + 2, before[1] + 1)


# Deleted accounts


def delete(person: Person) -> int:
    return person.post("/settings/delete", password=PASSWORD).status_code


def test_the_name_of_a_deleted_account_stays_taken(ada: Person, eve: Person) -> None:
    rename(ada, "lovelace")
    assert delete(ada) == 302
    for name in ("ada", "lovelace"):
        assert eve.get(f"/user/{name}").status_code == 404
        assert rename(eve, name) == 400, "or else eve would be taken for ada"


def test_earlier_versions_forget_the_names_of_a_deleted_account(ada: Person, edith: Person) -> None:
    post_id = ada.write_post(authors="ada, bob")
    fields = {"title": "The derby", "authors": "ada", "action": "publish"}
    assert ada.post(f"/desk/post/{post_id}", **fields, body="Second.", version="1").status_code == 302
    assert rename(ada, "Adelheid") == 302
    fields["authors"] = "Adelheid, bob"
    assert edith.post(f"/desk/post/{post_id}", **fields, body="Third.", version="2").status_code == 302
    fields["authors"] = "bob"
    assert edith.post(f"/desk/post/{post_id}", **fields, body="Fourth.", version="3").status_code == 302
    assert "Adelheid" in edith.get(f"/desk/post/{post_id}/revisions").text
    assert delete(ada) == 302
    page = edith.get(f"/desk/post/{post_id}/revisions").text.partition("<main")[2]
    assert not re.search("\\bada\\b|Adel", page)
    assert re.search(r"deleted-\d+, bob", page)


def test_the_address_of_a_deleted_account_is_free_again(ada: Person, bob: Person) -> None:
    fields = {"username": "bob", "email": "ada@example.org", "password": PASSWORD}
    assert bob.post("/settings", **fields).status_code == 400
    delete(ada)
    assert bob.post("/settings", **fields).status_code == 302
