"""`pressroom post …`."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

from support.commands import done, failed
from support.persons import Person


def test_post_delete_says_what_goes_along_and_asks(
    run: Callable[..., Result], ada: Person, eve: Person, anonymous: Person
) -> None:
    number = ada.write_post(title="The \x9bderby", live="y")
    ada.add_update(number)
    eve.comment(number)
    ada.post(f"/desk/post/{number}", title="The derby", body="Kick-off.", live="y", action="publish")
    asked = "This can't be undone. Delete “The derby” with 1 update, 1 comment, 1 earlier version? [y/N]"
    refused = run("post", "delete", str(number), input="n\n")
    assert refused.exit_code == 1
    assert asked in refused.output
    assert anonymous.get(f"/post/{number}").status_code == 200
    assert "Deleted “The derby”" in done(run("post", "delete", str(number), input="y\n"))
    assert anonymous.get(f"/post/{number}").status_code == 410
    for gone in (number, 0, 99):
        assert failed(run("post", "delete", str(gone), "--yes")) == f"Error: No post has the number {gone}."
