"""Twenty at the same moment, over two workers: one of them wins, and the right one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from threading import Barrier
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from support.http_client import Browser
from support.persons import NEW_PASSWORD, PASSWORD
from support.uwsgi_server import UwsgiServer

pytestmark = pytest.mark.slow

MANY = 20
OTHER_PASSWORD = "the choice of a thief"


@pytest.fixture(scope="module")
def url(copied_instance: Callable[[str], Path]) -> Iterator[str]:
    environ = {"PRESSROOM_LIMITS": "off", "PRESSROOM_REGISTRATION": "open"}
    with UwsgiServer(copied_instance("races"), workers=2, environ=environ) as server:
        yield server.url


@pytest.fixture
def root(url: str) -> Browser:
    return Browser(url, "root")


def visitor(url: str, form_at: str) -> Browser:
    """With the form's token."""
    browser = Browser(url)
    browser.take_token(form_at)
    return browser


def status(browser: Browser, path: str, **fields: str) -> int:
    try:
        browser.post(path, csrf_token=browser.token, **fields)
    except HTTPError as error:
        return error.code
    return 200


def at_once(*tries: Callable[[], int]) -> list[int]:
    """The statuses."""
    ready = Barrier(len(tries))

    def run(one: Callable[[], int]) -> int:
        ready.wait()
        return one()

    with ThreadPoolExecutor(len(tries)) as pool:
        return list(pool.map(run, tries))


def link(root: Browser, path: str, **fields: str) -> str:
    """The path of the one-time link that an admin makes."""
    found = re.search(r'id="link"[^>]*value="([^"]+)"', root.page_of(path, csrf_token=root.token, **fields))
    assert found
    return urlsplit(unescape(found[1])).path


def user_id(root: Browser, name: str) -> str:
    found = re.search(rf'/user/{name}".*?/desk/people/(\d+)/', root.get("/desk/people"), re.DOTALL)
    assert found
    return found[1]


def can_log_in(url: str, name: str, password: str) -> bool:
    browser = visitor(url, "/login")
    status(browser, "/login", username=name, password=password)
    return '"signed_in":true' in browser.get("/me")


def test_a_name_is_registered_once(url: str) -> None:
    people = [visitor(url, "/register") for _number in range(MANY)]
    tries = [lambda p=person: status(p, "/register", username="grace", password=NEW_PASSWORD) for person in people]
    assert sorted(at_once(*tries)) == [200] + [400] * (MANY - 1)


def test_an_invitation_makes_one_account(url: str, root: Browser) -> None:
    path = link(root, "/desk/people/invite", role="author")
    people = [visitor(url, path) for _number in range(MANY)]
    tries = [
        lambda p=person, n=number: status(p, path, username=f"invited-{n}", password=NEW_PASSWORD)
        for number, person in enumerate(people)
    ]
    assert sorted(at_once(*tries)) == [200] + [404] * (MANY - 1)
    assert root.get("/desk/people").count('href="/user/invited-') == 1


def test_an_admin_is_left(url: str, root: Browser) -> None:
    """Two admins take the role from each other, each ten times at once."""
    roots, ediths = user_id(root, "root"), user_id(root, "edith")
    assert status(root, f"/desk/people/{ediths}/role", role="admin") == 200
    edith = Browser(url, "edith")
    tries = [lambda: status(root, f"/desk/people/{ediths}/role", role="reader")] * (MANY // 2)
    tries += [lambda: status(edith, f"/desk/people/{roots}/role", role="reader")] * (MANY // 2)
    assert 200 in at_once(*tries)
    left = [browser for browser in (root, edith) if '"role":"admin"' in browser.get("/me")]
    assert len(left) == 1
    other = roots if left == [edith] else ediths
    assert status(left[0], f"/desk/people/{other}/role", role="admin") == 200
    assert status(root, f"/desk/people/{ediths}/role", role="editor") == 200


def test_no_change_with_the_old_password_wins_over_a_reset(url: str, root: Browser) -> None:
    """Whoever has the old password and a session tries to change it in the moment in which it is reset."""
    bob, before = user_id(root, "bob"), PASSWORD
    for number in range(MANY):
        thieves = [Browser(url) for _thief in range(3)]
        for thief in thieves:
            thief.log_in("bob", before)
        path = link(root, f"/desk/people/{bob}/password-link")
        owner, after = visitor(url, path), f"{NEW_PASSWORD} {number}"
        change = {"password": before, "new_password": OTHER_PASSWORD}
        tries = [lambda t=thief, c=change: status(t, "/settings/password", **c) for thief in thieves]
        reset, *changed = at_once(lambda o=owner, p=path, a=after: status(o, p, password=a), *tries)
        assert changed.count(200) <= 1
        if reset == 200:
            assert can_log_in(url, "bob", after)
            assert not can_log_in(url, "bob", OTHER_PASSWORD)
            assert not any('"signed_in":true' in thief.get("/me") for thief in thieves)
        else:  # the change was there first, and had ended the link
            assert (reset, changed.count(200)) == (404, 1)
            owner = visitor(url, path := link(root, f"/desk/people/{bob}/password-link"))
            assert status(owner, path, password=after) == 200
        before = after
