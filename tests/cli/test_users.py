"""`pressroom user …`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from support.checkout import SAMPLES
from support.commands import done, failed
from support.persons import NEW_PASSWORD, PASSWORD, Person


def test_user_create_makes_an_account(app: Flask, run: Callable[..., Result]) -> None:
    command = ("user", "create", "Grace", "--email", "grace@example.org", "--role", "author", "--password-stdin")
    assert "Created Grace (author)." in done(run(*command, input=f"{NEW_PASSWORD}\n"))
    grace = Person(app)
    grace.log_in("grace@example.org", NEW_PASSWORD)
    assert grace.get("/me").json["role"] == "author"
    assert NEW_PASSWORD not in run("user", "list").output


def test_user_create_asks_for_the_password_twice(app: Flask, run: Callable[..., Result]) -> None:
    result = run("user", "create", "grace", input=f"{NEW_PASSWORD}\nanother one\n{NEW_PASSWORD}\n{NEW_PASSWORD}\n")
    assert "Created grace (reader)." in done(result)
    assert NEW_PASSWORD not in result.output
    assert Person(app).log_in("grace", NEW_PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("args", "typed", "said"),
    [
        (["ada"], NEW_PASSWORD, "taken"),
        (["ADA"], NEW_PASSWORD, "taken"),
        (["grace", "--role", "author", "--email", "ada@example.org"], NEW_PASSWORD, "Another account"),
        (["grace", "--email", "nonsense"], NEW_PASSWORD, "email address"),
        (["two words"], NEW_PASSWORD, "2 to 40"),
        (["login"], NEW_PASSWORD, "reserved"),
        (["grace"], "short", "10 to 200"),
        (["grace"], "", "10 to 200"),
        (["grace"], "x" * 201, "10 to 200"),
    ],
)
def test_user_create_refuses_what_the_form_refuses(
    run: Callable[..., Result], args: list[str], typed: str, said: str
) -> None:
    before = done(run("user", "list"))
    assert said in failed(run("user", "create", *args, "--password-stdin", input=f"{typed}\n"))
    assert done(run("user", "list")) == before


def test_user_password_ends_the_sessions(app: Flask, ada: Person, run: Callable[..., Result]) -> None:
    assert ada.get("/me").json["signed_in"]
    done(run("user", "password", "ADA", "--password-stdin", input=f"{NEW_PASSWORD}\n"))
    assert not ada.get("/me").json["signed_in"]
    assert Person(app).log_in("ada", PASSWORD).status_code == 400
    assert Person(app).log_in("ada", NEW_PASSWORD).status_code == 302


def test_user_role_counts_at_once(eve: Person, run: Callable[..., Result]) -> None:
    assert eve.get("/desk").status_code == 403
    done(run("user", "role", "eve", "author"))
    assert eve.get("/desk").status_code == 200
    assert run("user", "role", "eve", "owner").exit_code == 2


def test_user_rename_lets_the_old_name_redirect(ada: Person, run: Callable[..., Result]) -> None:
    post_id = ada.write_post()
    assert "ada is now called lovelace." in done(run("user", "rename", "ada", "lovelace"))
    assert ada.get("/user/ada").location == "/user/lovelace"
    assert "/user/lovelace" in ada.get(f"/post/{post_id}").text
    assert "ada@example.org" in ada.get("/settings").text, "the address stays"
    assert "taken" in failed(run("user", "rename", "bob", "ada"))
    assert "reserved" in failed(run("user", "rename", "bob", "administrator"))


def test_user_disable_and_back(app: Flask, eve: Person, run: Callable[..., Result]) -> None:
    done(run("user", "disable", "eve"))
    assert not eve.get("/me").json["signed_in"]
    assert "eve\treader\tdisabled" in done(run("user", "list"))
    assert Person(app).log_in("eve").status_code == 400
    done(run("user", "disable", "eve", "--undo"))
    assert Person(app).log_in("eve").status_code == 302


def test_the_last_admin_stays(run: Callable[..., Result]) -> None:
    done(run("user", "disable", "admin"))
    assert "only admin" in failed(run("user", "disable", "root"))
    assert "only admin" in failed(run("user", "role", "root", "editor"))
    done(run("user", "role", "edith", "admin"))
    done(run("user", "role", "root", "editor"))


def test_user_list_says_names_and_roles(run: Callable[..., Result]) -> None:
    lines = done(run("user", "list")).splitlines()
    assert sorted(lines) == [
        "ada\tauthor", "admin\tadmin", "bob\tauthor", "edith\teditor", "eve\treader", "root\tadmin"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "command", [["user", "password", "nobody-here"], ["user", "role", "nobody-here", "admin"],
                ["user", "rename", "nobody-here", "somebody"], ["user", "disable", "nobody-here"],
                ["import", str(SAMPLES), "--author", "nobody-here"]], ids=" ".join
)  # fmt: skip
def test_nobody_of_that_name_is_one_line(run: Callable[..., Result], command: list[str]) -> None:
    assert failed(run(*command)) == "Error: No user named 'nobody-here'."
