"""Registering, logging in and out, forms without a token, and the one-time links."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import Context
from functools import partial
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.wrappers import Response

from support.persons import NEW_PASSWORD, PASSWORD, Person, id_of, is_signed_in
from webapp import changes
from webapp.db.engine import transaction
from webapp.people import one_time_links, passwords, users
from webapp.system.clock import now_ms

SITE = "127.0.0.1"
WRONG_PASSWORD = "wrong wrong wrong"
GRACE = {"username": "grace", "email": "grace@example.org", "password": NEW_PASSWORD}
DAY_MS = 86_400_000


@pytest.fixture
def open_app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(REGISTRATION="open")


def same_browser(person: Person) -> Person:
    """Somebody with a copy of this person's cookies, as they are now."""
    copy = Person(person.app)
    for name in ("session", "signed_in"):
        cookie = person.client.get_cookie(name, SITE)
        if cookie:
            copy.client.set_cookie(name, cookie.value, domain=SITE)
    return copy


def link_from(page: Response) -> str:
    """The path of the one-time link that the page shows."""
    assert page.status_code == 200, page.text
    return urlsplit(unescape(re.search(r'id="link"[^>]*value="([^"]+)"', page.text)[1])).path


def invitation(root: Person, role: str = "author") -> str:
    return link_from(root.post("/desk/people/invite", role=role))


def password_link(root: Person, name: str) -> str:
    return link_from(root.post(f"/desk/people/{id_of(root.app, name)}/password-link"))


# Registering


def test_it_registers_and_signs_in(open_app: Flask) -> None:
    grace = Person(open_app)
    answer = grace.post("/register", form_at="/register", **GRACE)
    assert (answer.status_code, answer.location) == (302, "/")
    me = grace.get("/me").json
    assert (me["username"], me["role"], me["may_write"]) == ("grace", "reader", False)
    again = Person(open_app)
    again.log_in("grace", NEW_PASSWORD)
    assert is_signed_in(again)


def test_it_registers_without_an_address(open_app: Flask) -> None:
    for name in ("grace", "heidi"):  # two without: no address is no duplicate
        answer = Person(open_app).post("/register", form_at="/register", username=name, password=NEW_PASSWORD)
        assert answer.status_code == 302, answer.text


def test_a_role_in_the_form_is_ignored(open_app: Flask) -> None:
    grace = Person(open_app)
    grace.post("/register", form_at="/register", **GRACE, role="admin")
    assert grace.get("/me").json["role"] == "reader"
    assert grace.get("/desk/people").status_code == 403


def test_a_closed_site_registers_nobody(anonymous: Person, open_app: Flask) -> None:
    assert 'name="password"' in Person(open_app).get("/register").text
    page = anonymous.get("/register")
    assert "by invitation only" in page.text
    assert 'name="password"' not in page.text
    answer = anonymous.post("/register", form_at="/login", **GRACE)
    assert answer.status_code == 403
    anonymous.log_in("grace", NEW_PASSWORD)
    assert not is_signed_in(anonymous)


def test_registering_leads_back_to_where_one_wanted_to_write(open_app: Flask) -> None:
    grace = Person(open_app)
    page = grace.get("/login?next=/post/2/comments/new").text
    assert 'href="/register?next=/post/2/comments/new"' in page
    answer = grace.post("/register", form_at="/register", **GRACE, next="/post/2/comments/new")
    assert answer.location == "/post/2/comments/new"
    evil = Person(open_app).post("/register", form_at="/register", **(GRACE | {"username": "mallory"}), next="//evil")
    assert evil.location == "/"


WRONG_FIELDS = [
    ("username", "ada", "taken"),
    ("username", "ADA", "taken"),
    ("username", "ａｄａ", "taken"),
    ("username", " ada ", "taken"),
    ("username", "a", "2 to 40"),
    ("username", "root", "reserved"),
    ("email", "no address", "look like an email"),
    ("email", "a@b\nBcc: everybody@example.org", "look like an email"),
    ("email", f"a@{'b' * 300}", "look like an email"),
    ("password", "ninechars", "10 to 200"),
    ("password", "1234567890", "too common"),
    ("password", "Password-2026!", "too common"),
    ("password", "pressroom 2026", "site’s name"),
    ("password", "x" * 201, "10 to 200"),
    ("password", "\0" * 20 + "ninechars", "10 to 200"),
]


def test_it_says_what_is_wrong_and_keeps_the_rest(open_app: Flask) -> None:
    grace = Person(open_app)
    for field, value, said in WRONG_FIELDS:
        answer = grace.post("/register", form_at="/register", **(GRACE | {field: value}))
        assert answer.status_code == 400
        assert said in answer.text, (field, value)
        kept = "grace@example.org" if field == "username" else "grace"
        assert f'value="{kept}"' in answer.text
        assert NEW_PASSWORD not in answer.text
        assert not is_signed_in(grace)
    assert grace.post("/register", form_at="/register", **GRACE).status_code == 302


def test_nobody_hears_of_an_address_or_takes_it_away(open_app: Flask) -> None:
    """Nobody has confirmed it. A reader logs in by name; an author's address is the author's, whoever gives it too."""
    fields = GRACE | {"email": "ADA@example.org"}
    grace = Person(open_app)
    assert grace.post("/register", form_at="/register", **fields).status_code == 302
    assert 'value="ADA@example.org"' in grace.get("/settings").text
    assert grace.post("/settings", **(fields | {"username": "grace-h"})).status_code == 302
    assert Person(open_app).log_in("ada@example.org", NEW_PASSWORD).status_code == 400
    assert Person(open_app).log_in("ada@example.org").status_code == 302
    linus = Person(open_app)
    unused = {"username": "linus", "email": "new@example.org", "password": NEW_PASSWORD}
    assert linus.post("/register", form_at="/register", **unused).status_code == 302
    assert Person(open_app).log_in("new@example.org", NEW_PASSWORD).status_code == 400, "as with the taken one"


def test_whoever_becomes_an_author_logs_in_by_a_free_address(open_app: Flask) -> None:
    for name, email, status in (("grace", "new@example.org", 302), ("linus", "ada@example.org", 400)):
        person, fields = Person(open_app), {"username": name, "email": email, "password": NEW_PASSWORD}
        person.post("/register", form_at="/register", **fields)
        with transaction(open_app.extensions["engine"]) as session:
            users.set_role(session, id_of(open_app, name), "author")
        assert Person(open_app).log_in(email, NEW_PASSWORD).status_code == status


def test_nul_in_a_form_is_dropped(open_app: Flask) -> None:
    grace = Person(open_app)
    grace.post("/register", form_at="/register", **(GRACE | {"username": "gr\0ace"}))
    assert grace.get("/me").json["username"] == "grace"


# Logging in

NOBODYS = [
    ("ada", WRONG_PASSWORD),
    ("ada", PASSWORD.upper()),
    ("ada", PASSWORD + " "),
    ("ada", PASSWORD + "\0x"),
    ("bob", WRONG_PASSWORD),
    ("nobody-here", PASSWORD),
    ("nobody@example.org", PASSWORD),
    ("ada' OR '1'='1", PASSWORD),
    ("%", PASSWORD),
    ("@", PASSWORD),
]


def test_readers_land_on_the_front_page_and_authors_on_the_desk(app: Flask) -> None:
    homes = {name: Person(app).log_in(name).location for name in ("eve", "ada", "edith", "root")}
    assert homes == {"eve": "/", "ada": "/desk", "edith": "/desk", "root": "/desk"}


def test_it_logs_in_by_name_or_address(app: Flask) -> None:
    for name in ("ada", "ADA", " ada ", "ａda", "ada@example.org", "Ada@Example.ORG"):
        person = Person(app)
        answer = person.log_in(name)
        assert (answer.status_code, answer.location) == (302, "/desk"), name
        assert person.get("/me").json["username"] == "ada"


def test_it_answers_the_same_for_a_wrong_password_and_an_unknown_name(anonymous: Person) -> None:
    for name, password in NOBODYS:
        answer = anonymous.log_in(name, password)
        assert answer.status_code == 400
        assert re.search(r'role="alert">\s*<p>Wrong username or password.</p>\s*</div>', answer.text), name
        assert 'aria-invalid="true"' not in answer.text, "which of the two is nobody's business"
        assert "signed_in" not in answer.headers.get("Set-Cookie", "")
        assert not is_signed_in(anonymous)
    anonymous.log_in("ada")
    assert is_signed_in(anonymous)


def test_a_failed_log_in_says_nothing_about_the_account(anonymous: Person) -> None:
    def told(name: str) -> str:
        answer = anonymous.log_in(name, WRONG_PASSWORD)
        return re.sub(r'value="[^"]*"', "", answer.text)

    assert told("ada") == told("nobody-here")


@pytest.mark.parametrize("field", ["username", "password"])
def test_it_refuses_huge_fields(anonymous: Person, field: str) -> None:
    answer = anonymous.post(
        "/login", form_at="/login", **({"username": "ada", "password": PASSWORD} | {field: "x" * 9999})
    )
    assert answer.status_code == 400
    assert " or fewer." in answer.text


def test_it_refuses_a_huge_form(anonymous: Person) -> None:
    assert anonymous.log_in("ada", "x" * 2_000_000).status_code == 413


def test_odd_bytes_are_no_server_error(anonymous: Person) -> None:
    token = anonymous.csrf_token("/login").encode()
    for body, said in (
        (b"%ff%fe%00&password=%ed%a0%80%00x&next=%ff", "Wrong username or password"),
        (b"\x00\xff&password=x", ""),
    ):
        sent = b"csrf_token=" + token + b"&username=" + body
        answer = anonymous.client.post("/login", data=sent, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 400
        assert said in answer.text


def test_it_goes_where_the_person_wanted_to(anonymous: Person) -> None:
    wanted = anonymous.get("/desk/new?from=a%26b")
    assert wanted.status_code == 302
    page = anonymous.get(wanted.location)
    target = unescape(re.search(r'name="next"[^>]*value="([^"]*)"', page.text)[1])
    answer = anonymous.log_in("ada", next=target)
    assert answer.location == "/desk/new?from=a%26b"


# Sessions


def test_logging_in_starts_a_new_session(anonymous: Person) -> None:
    anonymous.get("/login")
    planted = same_browser(anonymous)
    before = anonymous.client.get_cookie("session", SITE).value
    anonymous.log_in("ada")
    assert anonymous.client.get_cookie("session", SITE).value != before
    assert is_signed_in(anonymous)
    assert not is_signed_in(planted), "a session planted before the log-in must not be signed in by it"


def test_the_csrf_token_of_before_is_worth_nothing_after_the_log_in(anonymous: Person) -> None:
    planted = anonymous.csrf_token("/login")
    anonymous.log_in("ada")
    assert anonymous.client.post("/logout", data={"csrf_token": planted}).status_code == 400
    assert is_signed_in(anonymous)
    anonymous.post("/logout")
    assert not is_signed_in(anonymous)


def test_logging_in_again_ends_the_session_before(ada: Person) -> None:
    before = same_browser(ada)
    assert is_signed_in(before)
    ada.log_in("ada")
    assert is_signed_in(ada)
    assert not is_signed_in(before)


def test_logging_out_ends_the_session_itself(ada: Person) -> None:
    stolen = same_browser(ada)
    assert is_signed_in(stolen)
    answer = ada.post("/logout")
    assert (answer.status_code, answer.location) == (302, "/")
    assert ada.client.get_cookie("signed_in", SITE) is None
    assert not is_signed_in(ada)
    assert not is_signed_in(stolen), "the cookie must be worth nothing once its owner has logged out"


def test_logging_out_needs_the_form(ada: Person) -> None:
    assert ada.get("/logout").status_code == 405
    assert ada.client.post("/logout").status_code == 400
    assert is_signed_in(ada)


def test_cookies_are_kept_from_scripts_and_other_sites(anonymous: Person) -> None:
    cookies = anonymous.log_in("ada").headers.getlist("Set-Cookie")
    session = next(cookie for cookie in cookies if cookie.startswith("session="))
    assert "HttpOnly" in session
    assert "SameSite=Lax" in session
    assert "Path=/" in session
    assert "Domain" not in session
    assert "Secure" not in session
    assert anonymous.get("/me").headers.get("Set-Cookie"), "the first form's token goes into the session"
    assert anonymous.get("/me").headers.get("Set-Cookie") is None, "answers that change nothing set no cookie"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_on_https_no_neighbour_can_set_our_cookies(make_app: Callable[..., Flask], scheme: str) -> None:
    person = Person(make_app(BASE_URL=f"{scheme}://127.0.0.1", PROXIES=1))
    person.client.environ_base["HTTP_X_FORWARDED_PROTO"] = scheme
    cookies = person.log_in("ada").headers.getlist("Set-Cookie")
    prefix = "__Host-" if scheme == "https" else ""
    assert sorted(cookie.partition("=")[0] for cookie in cookies) == [f"{prefix}session", f"{prefix}signed_in"]
    assert all(("; Secure" in cookie) == (scheme == "https") and "Domain" not in cookie for cookie in cookies)
    assert is_signed_in(person)
    [value] = [cookie.split(";")[0].partition("=")[2] for cookie in cookies if f"{prefix}session=" in cookie]
    neighbour = Person(person.app)
    neighbour.client.environ_base["HTTP_X_FORWARDED_PROTO"] = scheme
    neighbour.client.set_cookie("session", value, domain="127.0.0.1")
    assert is_signed_in(neighbour) == (scheme == "http"), "a cookie without the prefix is anybody's"
    cleared = person.post("/logout").headers.getlist("Set-Cookie")
    assert all(cookie.startswith(prefix) for cookie in cleared)
    assert not is_signed_in(person)


def test_personal_answers_are_never_stored(ada: Person) -> None:
    for path in ("/me", "/login", "/settings", "/settings/comments", "/register"):
        assert ada.get(path).headers["Cache-Control"] == "no-store", path


def test_me_says_who_is_there(ada: Person, eve: Person, anonymous: Person) -> None:
    me = ada.get("/me").json
    assert me.pop("csrf_token")
    assert me == {"signed_in": True, "username": "ada", "role": "author", "may_write": True, "bench": False}
    assert eve.get("/me").json["may_write"] is False
    nobody = anonymous.get("/me").json
    nobodys = {"signed_in": False, "username": None, "role": None, "csrf_token": None, "may_write": False}
    assert nobody == nobodys | {"bench": False}


# CSRF

CHANGES = (
    "/login /logout /register /settings /settings/password /settings/sessions/end /settings/delete /desk/people/invite "
    "/desk/people/1/role /desk/people/1/disable /desk/people/1/enable /desk/people/1/password-link"
).split()


def test_every_form_is_on_the_list(app: Flask) -> None:
    """A new view that changes something belongs into CHANGES, or into the desk's tests."""
    posting = {
        str(rule)
        for rule in app.url_map.iter_rules()
        if "POST" in rule.methods and rule.endpoint.startswith(("accounts.", "desk.invite"))
    }
    linked = {"/invite/<token>", "/password/<token>"}
    assert posting - linked <= set(CHANGES)


def test_it_refuses_a_form_without_its_own_token(root: Person, eve: Person) -> None:
    foreign = {"csrf_token": eve.csrf_token()}
    for path in CHANGES:
        for sent in ({}, foreign, {"csrf_token": ""}, {"csrf_token": "x" * 100}):
            answer = root.client.post(path, data=sent | {"role": "reader"})
            assert answer.status_code == 400, path
            assert "form has expired" in answer.text, path
    assert is_signed_in(root)
    for path in sorted(CHANGES, key="/logout".__eq__):
        assert "form has expired" not in root.post(path, role="nonsense").text, path


def test_nobody_changes_settings_without_an_account(anonymous: Person) -> None:
    fields = {"username": "mallory", "password": PASSWORD, "new_password": NEW_PASSWORD}
    for path in CHANGES:
        if path.startswith("/settings"):
            assert anonymous.post(path, form_at="/login", **fields).status_code == 401, path
    assert Person(anonymous.app).log_in("ada").status_code == 302


def test_a_log_in_under_way_while_the_password_changes_fails(
    ada: Person, monkeypatch: pytest.MonkeyPatch, password_hash: str
) -> None:
    """Whoever knows the old password and logs in all the time would else keep one session."""
    real = passwords.verify
    changed = passwords.make_hash(NEW_PASSWORD)
    ada_id = id_of(ada.app, "ada")

    def verify_while_it_changes(stored: str | None, password: str) -> bool:
        right = real(stored, password)
        with transaction(ada.app.extensions["engine"]) as session:
            users.set_password(session, ada_id, changed)
        return right

    monkeypatch.setattr(passwords, "verify", verify_while_it_changes)
    thief = Person(ada.app)
    answer = thief.log_in("ada")
    monkeypatch.undo()
    assert answer.status_code == 401
    assert not is_signed_in(thief)
    assert Person(ada.app).log_in("ada", NEW_PASSWORD).status_code == 302


# Invitations


def test_an_invitation_makes_an_account_with_its_role(root: Person, anonymous: Person) -> None:
    path = invitation(root, "editor")
    assert "You’re invited" in anonymous.get(path).text
    answer = anonymous.post(path, form_at=path, **GRACE, role="admin")
    assert (answer.status_code, answer.location) == (302, "/desk")
    assert anonymous.get("/me").json["role"] == "editor"


def test_an_invitation_works_once(root: Person, anonymous: Person) -> None:
    path = invitation(root)
    second = Person(root.app)
    token = second.csrf_token(path)  # both have the form open
    anonymous.post(path, form_at=path, **GRACE)
    fields = {"username": "heidi", "password": NEW_PASSWORD, "csrf_token": token}
    answer = second.client.post(path, data=fields)
    assert answer.status_code == 404
    assert "has expired" in answer.text
    assert not is_signed_in(second)
    assert second.get(path).status_code == 404


def test_two_at_once_make_one_account(root: Person, anonymous: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second passes every check while the first still hashes."""
    path = invitation(root)
    second = Person(root.app)
    token = second.csrf_token(path)
    real = passwords.make_hash
    first_answers: list[Response] = []

    def hash_while_the_other_is_faster(password: str) -> str:
        monkeypatch.setattr(passwords, "make_hash", real)
        join = partial(anonymous.post, path, form_at=path, **GRACE)
        first_answers.append(Context().run(join))  # as in another greenlet
        return real(password)

    monkeypatch.setattr(passwords, "make_hash", hash_while_the_other_is_faster)
    fields = {"username": "heidi", "password": NEW_PASSWORD, "csrf_token": token}
    answer = second.client.post(path, data=fields)
    assert first_answers[0].status_code == 302
    assert answer.status_code == 404
    assert not is_signed_in(second)


def test_a_taken_name_does_not_use_the_invitation_up(root: Person, anonymous: Person) -> None:
    path = invitation(root)
    answer = anonymous.post(path, form_at=path, **(GRACE | {"username": "ada"}))
    assert answer.status_code == 400
    assert anonymous.post(path, form_at=path, **GRACE).status_code == 302


@pytest.mark.parametrize(
    ("make", "good_for"), [(invitation, 7 * DAY_MS), (lambda root: password_link(root, "ada"), DAY_MS // 24)]
)
def test_an_invitation_is_good_for_seven_days_and_a_new_password_for_an_hour(
    root: Person, anonymous: Person, monkeypatch: pytest.MonkeyPatch, make: Callable[[Person], str], good_for: int
) -> None:
    path = make(root)
    now = now_ms()
    monkeypatch.setattr(one_time_links, "now_ms", lambda: now + good_for - 60_000)
    assert anonymous.get(path).status_code == 200
    monkeypatch.setattr(one_time_links, "now_ms", lambda: now + good_for + 60_000)
    assert anonymous.get(path).status_code == 404


@pytest.mark.parametrize("how", ["role", "disable"])
@pytest.mark.parametrize("make", [invitation, lambda root: password_link(root, "ada")])
def test_the_links_of_somebody_who_is_no_admin_any_more_are_dead(
    root: Person, anonymous: Person, how: str, make: Callable[[Person], str]
) -> None:
    """Else whoever is dismissed comes back by an invitation that was kept for the day."""
    path = make(root)
    assert anonymous.get(path).status_code == 200
    with root.app.app_context(), changes.changing() as session:
        user = users.by_name(session, "root")
        users.set_role(session, user.id, "editor") if how == "role" else users.disable(session, user.id, True)
    assert anonymous.get(path).status_code == 404


def test_a_link_that_never_was_is_not_found(anonymous: Person) -> None:
    for token in ("x", "x" * 5000, "%00", "%F0%9F%92%A9", "%FF", "../../etc/passwd"):
        for kind in ("invite", "password"):
            assert anonymous.get(f"/{kind}/{token}").status_code == 404, token


def test_a_link_of_one_kind_is_none_of_the_other(root: Person, anonymous: Person) -> None:
    for path, other in ((invitation(root), "password"), (password_link(root, "ada"), "invite")):
        assert anonymous.get(path).status_code == 200
        assert anonymous.get(f"/{other}/{path.rsplit('/', 1)[1]}").status_code == 404


# Reset passwords


def test_a_password_link_gives_a_new_password_once(root: Person, ada: Person, anonymous: Person) -> None:
    path, spare = password_link(root, "ada"), password_link(root, "ada")
    second = Person(root.app)
    token = second.csrf_token(path)
    assert is_signed_in(ada)
    answer = anonymous.post(path, form_at=path, password=NEW_PASSWORD)
    assert (answer.status_code, answer.location) == (302, "/desk")
    assert anonymous.get("/me").json["username"] == "ada"
    assert not is_signed_in(ada), "whoever was in with the old password is out"
    late = second.client.post(path, data={"csrf_token": token, "password": WRONG_PASSWORD})
    assert late.status_code == 404
    assert second.get(spare).status_code == 404, "a second link to the same account is dead too"
    assert Person(root.app).log_in("ada", NEW_PASSWORD).status_code == 302


def test_changing_the_password_kills_the_links_to_it(root: Person, ada: Person, anonymous: Person) -> None:
    path = password_link(root, "ada")
    assert anonymous.get(path).status_code == 200
    ada.post("/settings/password", password=PASSWORD, new_password=NEW_PASSWORD)
    assert anonymous.get(path).status_code == 404


def test_a_bad_new_password_does_not_use_the_link_up(root: Person, anonymous: Person) -> None:
    path = password_link(root, "ada")
    assert anonymous.post(path, form_at=path, password="short").status_code == 400
    assert anonymous.post(path, form_at=path, password=NEW_PASSWORD).status_code == 302


def test_a_password_link_opens_no_disabled_account(root: Person, anonymous: Person) -> None:
    path = password_link(root, "eve")
    token = anonymous.csrf_token(path)
    root.post(f"/desk/people/{id_of(root.app, 'eve')}/disable")
    answer = anonymous.client.post(path, data={"csrf_token": token, "password": NEW_PASSWORD})
    assert answer.status_code == 404
    assert not is_signed_in(anonymous)
    root.post(f"/desk/people/{id_of(root.app, 'eve')}/enable")
    assert Person(root.app).log_in("eve", NEW_PASSWORD).status_code == 400
    assert Person(root.app).log_in("eve").status_code == 302


@pytest.mark.parametrize("make", [invitation, lambda root: password_link(root, "ada")])
def test_one_time_links_stay_with_the_site_and_work_over_https(
    make_app: Callable[..., Flask], make: Callable[[Person], str]
) -> None:
    """A form that is sent over https needs its Referer, which the page itself must not forbid."""
    app = make_app(PROXIES=1)
    path = make(Person(app, "root"))
    https = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    stranger = Person(app)
    page = stranger.get(path, headers=https)
    policy = re.search(r'name="referrer" content="([^"]+)"', page.text)[1]
    assert policy in ("no-referrer", "same-origin"), "the secret must not go to other sites"
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
    headers = https | ({"Referer": f"https://127.0.0.1:8000{path}"} if policy == "same-origin" else {})
    fields = GRACE | {"csrf_token": token}
    assert stranger.client.post(path, data=fields, headers=headers, base_url="http://127.0.0.1:8000").status_code == 302
