"""Who may what, asked again when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.persons import Person, id_of
from webapp import changes, db
from webapp.db.engine import WriteSession
from webapp.models import Post, User
from webapp.people import access


def lose_role(user: User, _post: Post) -> None:
    user.role = "reader"


def be_disabled(user: User, _post: Post) -> None:
    user.disabled_at = 1


def be_deleted(user: User, _post: Post) -> None:
    user.deleted_at = 1


def be_removed(_user: User, post: Post) -> None:
    post.authors = []


@pytest.mark.parametrize("lose", [lose_role, be_disabled, be_deleted, be_removed])
def test_a_right_that_went_while_one_waited_is_gone(
    ada: Person, monkeypatch: pytest.MonkeyPatch, lose: Callable[[User, Post], None]
) -> None:
    post_id, user_id = ada.write_post(live="y"), id_of(ada.app, "ada")

    @contextmanager
    def waiting(share: bool = False) -> Iterator[WriteSession]:
        with db.writing() as session:
            lose(session.get_one(User, user_id), session.get_one(Post, post_id))
        with changing(share) as session:
            yield session

    assert ada.post(f"/post/{post_id}/updates", body="Before.").status_code == 302
    changing = changes.changing
    monkeypatch.setattr(access.changes, "changing", waiting)
    answer = ada.post(f"/post/{post_id}/updates", body="After.")
    assert answer.status_code == 403
    with ada.app.app_context():
        assert db.reading().get_one(Post, post_id).update_count == 1
