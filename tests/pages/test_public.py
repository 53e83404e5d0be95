"""Public pages in the store: right after every change, the same for everybody, and nothing else is ever there."""

from __future__ import annotations

import gzip
import os
import random
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.http import parse_date
from werkzeug.test import TestResponse

from support.apps import copy_database, refill
from support.content import add_many, publish_many
from support.page_store import addresses, pages_there, reachable, wrong
from support.persons import PASSWORD, Person
from support.slow import slow_but
from webapp import changes, db
from webapp.content import invalidation, listings, posts
from webapp.db.engine import WriteSession
from webapp.media import branding
from webapp.pages import paths, public, store, versions
from webapp.pages.entry import Entry
from webapp.pages.paths import page_path
from webapp.pages.store import Store, Stored
from webapp.people import users
from webapp.people.names import checked_username

# What anybody may GET that is made anew for each request.
NEVER_STORED = {
    "reader.search_posts",
    "reader.at",
    "reader.hello",
    "reader.hello_name",
    "static",
    "live.front",
    "live.post",
}
NEVER_STORED |= {"branding.media"}
NEVER_STORED |= {"health.healthz", "health.readyz", "health.metrics"}
NEVER_STORED |= {"live.front", "live.post", "accounts.me", "accounts.login", "accounts.register", "desk.draft"}


# What is there, and what is stored


def state_of(site: Store) -> dict[str, tuple[bytes, float]]:
    return {path: (file.read_bytes(), file.stat().st_mtime) for path, file in reachable(site.root).items()}


# A site with one of each


@dataclass
class World:
    """The site with one of each thing that readers see; `live` is the post with 51 updates and 99 comments."""

    app: Flask
    live: int = 0
    draft: int = 0
    withdrawn_post: int = 0
    n: dict[str, int] = field(default_factory=dict)
    persons: dict[str, Person] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Person:
        """Whoever is asked for, logged in by the first use."""
        if name not in ("ada", "bob", "eve", "edith", "root"):
            raise AttributeError(name)
        if name not in self.persons:
            self.persons[name] = Person(self.app, name)
        return self.persons[name]

    @property
    def site(self) -> public.Pages:
        return self.app.extensions["pages"]

    def send(self, person: Person, path: str, **data: Any) -> None:
        answer = person.post(path, **data)
        assert answer.status_code == 302, answer.text

    def of_update(self, which: str, verb: str, **data: Any) -> None:
        self.send(self.ada, f"/desk/post/{self.live}/update/{self.n[which]}/{verb}", **data)

    def edit(self, post_id: int | None = None, who: str = "edith", **changes: Any) -> None:
        """Save the post's form with these changes in it."""
        post_id = post_id or self.live
        with self.app.app_context():
            post = posts.written(db.reading(), post_id)
            fields = posts.texts_of(post) | {"version": post.version, "action": "publish"} | changes
        if not fields.pop("live"):
            fields.pop("live", None)
        else:
            fields["live"] = "y"
        self.send(getattr(self, who), f"/desk/post/{post_id}", **fields)

    def save_settings(self, who: str, **changes: str) -> None:
        fields = {"username": who, "email": f"{who}@example.org", "password": PASSWORD}
        self.send(getattr(self, who), "/settings", **(fields | changes))

    def user_id(self, name: str) -> int:
        with self.app.app_context():
            return users.by_name(db.reading(), name).id

    def run(self, *command: str, typed: str | None = None) -> None:
        done = self.app.test_cli_runner().invoke(args=list(command), input=typed)
        assert done.exit_code == 0, done.output


def fill(world: World) -> None:
    publish_many(world.app, 3, tags=["Football", "足球"])
    world.live = world.ada.write_post(
        title="The derby", summary="Tonight.", tags="Football, Evening", authors="ada, bob", live="y", language="en"
    )
    numbers = add_many(world.app, world.live, 50)
    world.n = dict(zip(("pinned", "key", "withdrawn", "plain"), numbers, strict=False))
    world.n["newest"] = world.bob.add_update(world.live, "The end is near.")
    comments = add_many(world.app, world.live, 97, "comments")
    world.n |= {"comment": comments[3], "withdrawn comment": comments[60]}
    world.n["eves"] = world.eve.comment(world.live, "From Eve.")
    world.n["bobs"] = world.bob.comment(world.live, "From Bob.")
    world.of_update("pinned", "pin")
    world.of_update("key", "key")
    world.of_update("withdrawn", "withdraw")
    world.send(world.edith, f"/desk/post/{world.live}/comment/{world.n['withdrawn comment']}/withdraw")
    world.send(world.ada, "/desk/new", title="A draft", body="Unseen.", tags="Unseen", live="y", action="draft")
    world.draft = world.live + 1
    world.withdrawn_post = world.bob.write_post(title="Gone", tags="Football, Lost", live="y")
    world.bob.add_update(world.withdrawn_post)
    world.eve.comment(world.withdrawn_post)
    world.send(world.bob, f"/desk/post/{world.withdrawn_post}/unpublish")
    world.send(world.edith, "/desk/about/new", name="imprint", title="Imprint", body="Made by us.")


@dataclass(frozen=True)
class Kept:
    world: World
    folder: Path
    before: dict[str, Stored]


@pytest.fixture(scope="module")
def roomy(shared_app: Flask) -> Iterator[None]:
    """Three posts a page, so that few posts fill two; as many comments as one likes; and an accent colour."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listings, "PAGE_SIZE", 3)
        patch.setitem(shared_app.config, "LIMITS", "off")
        patch.setitem(shared_app.extensions, "branding", branding.load(shared_app.config["INSTANCE"], "#7a1fa2"))
        yield


@pytest.fixture(scope="module")
def kept(shared_app: Flask, template_instance: Path, tmp_path_factory: pytest.TempPathFactory, roomy: None) -> Kept:
    """The filled site, made once, with every page of it asked for: a copy of its database and of its store."""
    refill(shared_app.config["INSTANCE"], template_instance)
    world = World(shared_app)
    fill(world)
    client = shared_app.test_client()
    before = pages_there(shared_app)
    for path in before:
        assert client.get(path).status_code == 200, path
    folder = tmp_path_factory.mktemp("kept")
    copy_database(shared_app.config["INSTANCE"], folder)
    shutil.copytree(shared_app.config["INSTANCE"] / "pages", folder / "pages", symlinks=True)
    return Kept(world, folder, before)


@pytest.fixture
def world(app: Flask, kept: Kept) -> World:
    """The filled site, with every page of it in the store; nobody is logged in yet."""
    folder = app.config["INSTANCE"]
    copy_database(kept.folder, folder)
    shutil.rmtree(folder / "pages")
    # Finished files are never changed, so a second name of each will do.
    shutil.copytree(kept.folder / "pages", folder / "pages", symlinks=True, copy_function=os.link)
    return World(app, kept.world.live, kept.world.draft, kept.world.withdrawn_post, kept.world.n)


@pytest.mark.slow
def test_the_filled_site_has_every_kind_of_page_stored(world: World, kept: Kept) -> None:
    assert wrong(world.app, kept.before) == []
    stored = reachable(world.site.store.root)
    assert stored.keys() == kept.before.keys() == set(world.site.store.paths())
    adapter = world.app.create_url_adapter(None)
    assert adapter
    assert {adapter.match(path)[0] for path in stored} == world.site.public.keys()
    live = f"/post/{world.live}"
    wanted = ["/page/2", f"{live}/updates/2", f"{live}/comments/2", "/tag/足球", "/user/ada/page/2", "/user/eve"]
    wanted += ["/tag/football/page/2", "/about/imprint", "/sitemap.xml", "/robots.txt", "/user/ada/feed.json"]
    assert stored.keys() >= set(wanted)
    assert f"/post/{world.draft}" not in stored
    assert f"/post/{world.withdrawn_post}" not in stored


# A. Every change


def import_one(world: World) -> None:
    file = world.app.config["INSTANCE"] / "tmp" / "imported.md"
    file.write_text("---\ntitle: Imported\ntags: [Football, Abroad]\ndate: 2020-01-01\n---\nFrom a file.\n")
    world.run("import", str(file), "--author", "bob")


def rename_there_and_back(world: World) -> None:
    world.save_settings("bob", username="robert")
    world.app.test_client().get("/user/robert")
    world.save_settings("bob", username="bob")


def edit_about(world: World, **changes: str) -> None:
    fields = {"name": "imprint", "title": "Imprint", "body": "Made by us.", "version": "1"} | changes
    world.send(world.edith, "/desk/about/edit/imprint", **fields)


CHANGES: dict[str, Callable[[World], object]] = {
    "a new post is published": lambda w: w.ada.write_post(tags="Football, Fresh"),
    "a draft is published": lambda w: w.edit(w.draft),
    "a post that was unpublished is published again": lambda w: w.edit(w.withdrawn_post),
    "a post is deleted": lambda w: w.send(w.edith, f"/desk/post/{w.live}/delete"),
    "a post is deleted by the command": lambda w: w.run("post", "delete", str(w.live), "--yes"),
    "a post is unpublished": lambda w: w.send(w.ada, f"/desk/post/{w.live}/unpublish"),
    "a post without tags is unpublished": lambda w: (
        w.edit(1, tags=""),
        w.send(w.edith, "/desk/post/1/unpublish"),
    ),
    "a post is imported by a command": import_one,
    "its title": lambda w: w.edit(title="Another derby"),
    "its summary": lambda w: w.edit(summary="Last night."),
    "its text": lambda w: w.edit(body="Kick-off at nine."),
    "its tags": lambda w: w.edit(tags="Football, Morning"),
    "its only tag of that name": lambda w: w.edit(tags="Football"),
    "its authors": lambda w: w.edit(authors="ada"),
    "another author": lambda w: w.edit(1, authors="bob"),
    "its language": lambda w: w.edit(language="ar"),
    "comments closed": lambda w: w.edit(comments="closed"),
    "live off by its form": lambda w: w.edit(live=False),
    "live on by its form": lambda w: w.edit(1, live=True),
    "ended": lambda w: w.send(w.ada, f"/desk/post/{w.live}/end"),
    "an update is added": lambda w: w.ada.add_update(w.live),
    "a key moment is added": lambda w: w.ada.add_update(w.live, title="1:0", key="y"),
    "49 updates fill a page": lambda w: add_many(w.app, w.live, 49),
    "an update is edited": lambda w: w.of_update("plain", "edit", body="Better.", version="1"),
    "the newest update is edited": lambda w: w.of_update("newest", "edit", body="Better.", version="1"),
    "an update is corrected": lambda w: w.of_update("key", "correct", body="True.", note="A slip.", version="1"),
    "an update is corrected twice": lambda w: (
        w.of_update("key", "correct", body="Truer.", note="A slip."),
        w.of_update("key", "correct", body="True.", note="Another slip."),
    ),
    "an update is pinned, and another no more": lambda w: w.of_update("newest", "pin"),
    "an update is unpinned": lambda w: w.of_update("pinned", "unpin"),
    "an update becomes a key moment": lambda w: w.of_update("plain", "key"),
    "an update is no key moment any more": lambda w: w.of_update("key", "not-key"),
    "an update is withdrawn": lambda w: w.of_update("newest", "withdraw"),
    "an update is withdrawn for legal reasons": lambda w: w.of_update("key", "withdraw", reason="legal"),
    "the pinned update is withdrawn": lambda w: w.of_update("pinned", "withdraw"),
    "a key moment is withdrawn": lambda w: w.of_update("key", "withdraw"),
    "an update is restored": lambda w: w.of_update("withdrawn", "restore"),
    "a comment is added, and fills a page": lambda w: w.eve.comment(w.live),
    "the first comment on a post": lambda w: w.eve.comment(1),
    "a comment is withdrawn by a moderator": lambda w: w.send(
        w.ada, f"/desk/post/{w.live}/comment/{w.n['comment']}/withdraw"
    ),
    "a comment is restored": lambda w: w.send(w.ada, f"/desk/post/{w.live}/comment/{w.n['withdrawn comment']}/restore"),
    "a comment is deleted by its author": lambda w: w.send(w.eve, f"/post/{w.live}/comment/{w.n['eves']}/delete"),
    "a commenter has another name": lambda w: w.save_settings("eve", username="evelyn"),
    "an author has another name": lambda w: w.save_settings("ada", username="countess"),
    "a name has other letters": lambda w: w.save_settings("ada", username="阿达"),
    "a name is written otherwise": lambda w: w.save_settings("ada", username="ADA"),
    "a commenter's name is written otherwise": lambda w: w.save_settings("eve", username="Eve"),
    "a name comes back": rename_there_and_back,
    "an author is renamed by a command": lambda w: w.run("user", "rename", "bob", "robert"),
    "a commenter's account is deleted": lambda w: w.send(w.eve, "/settings/delete", password=PASSWORD),
    "a commenter's account is deleted, with comments": lambda w: w.send(
        w.eve, "/settings/delete", password=PASSWORD, with_comments="y"
    ),
    "an author's account is deleted": lambda w: w.send(w.ada, "/settings/delete", password=PASSWORD),
    "an author's account is deleted, with comments": lambda w: w.send(
        w.ada, "/settings/delete", password=PASSWORD, with_comments="y"
    ),
    "an about page is made": lambda w: w.send(w.edith, "/desk/about/new", name="privacy", title="Privacy", body="B"),
    "an about page is edited": lambda w: edit_about(w, body="Made by others."),
    "an about page has another title": lambda w: edit_about(w, title="Who we are"),
    "an about page is made among others": lambda w: (
        w.send(w.edith, "/desk/about/new", name="about", title="عنّا", body="B"),
        w.send(w.edith, "/desk/about/new", name="privacy", title="Privacy", body="B"),
    ),
    "an about page is deleted": lambda w: w.send(w.edith, "/desk/about/delete/imprint"),
}
UNSEEN: dict[str, Callable[[World], object]] = {
    "a draft is saved": lambda w: w.edit(w.draft, action="draft", body="Still unseen."),
    "a draft is deleted": lambda w: w.send(w.ada, f"/desk/post/{w.draft}/delete"),
    "a withdrawn update is edited": lambda w: w.of_update("withdrawn", "edit", body="Unseen.", version="1"),
    "a withdrawn update is withdrawn for legal reasons": lambda w: w.of_update("withdrawn", "withdraw", reason="legal"),
    "a withdrawn update becomes a key moment": lambda w: w.of_update("withdrawn", "key"),
    "a post is saved as it was": lambda w: w.edit(),
    "an account is disabled": lambda w: w.send(w.root, f"/desk/people/{w.user_id('ada')}/disable"),
    "an account is enabled": lambda w: w.send(w.root, f"/desk/people/{w.user_id('ada')}/enable"),
    "an account is disabled by a command": lambda w: w.run("user", "disable", "ada"),
    "a role is changed": lambda w: w.send(w.root, f"/desk/people/{w.user_id('ada')}/role", role="reader"),
    "an address is changed": lambda w: w.save_settings("ada", email="countess@example.org"),
    "somebody comes": lambda w: w.run("user", "list"),
}
# What takes the live post's own page away, for good or for a new one.
TAKES_THE_POST = {"a post is unpublished", "a post is deleted", "a post is deleted by the command"}


# Of the others there are several ways, and the rest of those is slow.
ONE_OF_EACH = (
    "a new post is published",
    "a post is unpublished",
    "its title",
    "its tags",
    "its authors",
    "ended",
    "an update is added",
    "an update is edited",
    "an update is corrected",
    "an update is pinned, and another no more",
    "an update is withdrawn",
    "a comment is added, and fills a page",
    "a comment is restored",
    "a commenter has another name",
    "an author's account is deleted, with comments",
    "an about page is edited",
    "an about page has another title",
)


@pytest.mark.parametrize("change", slow_but(ONE_OF_EACH, CHANGES))
def test_every_stored_page_is_right_after(
    change: str, world: World, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    hot = ["/"] + [f"/post/{world.live}"] * (change not in TAKES_THE_POST)
    missing = absences(world.site.store, hot, monkeypatch)
    CHANGES[change](world)
    there = pages_there(world.app)
    assert wrong(world.app, there) == []
    assert {path: page.content for path, page in there.items()} != {
        path: page.content for path, page in kept.before.items()
    }, "it changed nothing that readers see"
    assert missing == [], "readers had to wait for Python"
    stored = reachable(world.site.store.root)
    assert stored.keys() >= set(hot)
    every_page_is_served(world, there, gone=kept.before.keys() - there.keys())


def absences(site: Store, hot: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which of these pages were not to be found after any one change of the store; filled from now on."""
    missing: list[str] = []

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            missing.extend(path for path in hot if site.read(path, gzipped=False) is None)
            return result

        return run

    ways = [(Store, "remove"), (Store, "remove_tree"), (Entry, "put"), (Entry, "remove"), (store, "_take_place")]
    for kind, name in ways:
        monkeypatch.setattr(kind, name, watched(getattr(kind, name)))
    return missing


def test_a_feed_that_is_being_made_while_all_change_is_not_outdated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.site.store.clear()
    real, changed = public.Pages.fresh, threading.Event()
    other = threading.Thread(target=lambda: (edit_about(world, title="Who we are"), changed.set()))

    def slow(pages: public.Pages, path: str) -> Stored:
        page = real(pages, path)
        if path == "/feed.atom" and not other.ident:
            other.start()
            changed.wait(0.5)
        return page

    monkeypatch.setattr(public.Pages, "fresh", slow)
    world.app.test_client().get("/feed.atom")
    other.join()
    monkeypatch.undo()
    assert wrong(world.app, pages_there(world.app)) == []


def every_page_is_served(world: World, there: dict[str, Stored], gone: set[str]) -> None:
    """Those that are files were compared already, so only the others are asked for."""
    client = world.app.test_client()
    for path in there.keys() - reachable(world.site.store.root).keys():
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.data == there[path].content, path
        assert answer.last_modified == datetime.fromtimestamp(there[path].version or 0, UTC), path
    for path in gone:
        assert client.get(path).status_code in (301, 404, 410), path
    assert wrong(world.app, there) == []
    assert reachable(world.site.store.root).keys() == there.keys()


@pytest.mark.parametrize("change", slow_but(["a post is saved as it was", "a role is changed"], UNSEEN))
def test_no_stored_page_changes_when(change: str, world: World, kept: Kept) -> None:
    before = state_of(world.site.store)
    UNSEEN[change](world)
    assert wrong(world.app, pages_there(world.app)) == []
    assert state_of(world.site.store) == before


def test_when_too_many_posts_change_at_once_the_rest_is_made_on_demand(
    world: World, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "HOT_AT_ONCE", 2)
    world.save_settings("ada", username="countess")
    there = pages_there(world.app)
    assert wrong(world.app, there) == []
    posts_there = {path for path in there if re.fullmatch(r"/post/\d+", path)}
    assert len(posts_there & set(world.site.store.paths())) < len(posts_there)
    every_page_is_served(world, there, gone=kept.before.keys() - there.keys())


def test_the_front_page_is_never_among_the_rest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "HOT_AT_ONCE", 2)
    world.save_settings("ada", username="countess")
    assert "/" in reachable(world.site.store.root)


# The footer, which has a link to each of the site's own pages


def linked(page: Stored) -> list[str]:
    footer = page.content.decode().partition('<footer class="footer">')[2]
    return re.findall(r'href="/about/([^"]+)"', footer)


def test_every_page_links_to_each_about_page_by_name(world: World) -> None:
    CHANGES["an about page is made among others"](world)
    there = {path: page for path, page in pages_there(world.app).items() if b"<html" in page.content}
    assert len(there) > 30
    for path, page in there.items():
        assert linked(page) == ["about", "imprint", "privacy"], path
        assert page.content.count('<a href="/about/about" dir="auto">عنّا</a>'.encode()) == 1
    world.send(world.edith, "/desk/about/delete/about")
    assert linked(world.site.fresh("/")) == ["imprint", "privacy"]


def test_another_text_of_an_about_page_leaves_all_others_as_they_are(world: World) -> None:
    before = state_of(world.site.store)
    edit_about(world, body="Made by others.")
    every_page_is_served(world, pages_there(world.app), gone=set())
    after = state_of(world.site.store)
    assert {path for path in before if before[path] != after[path]} == {
        "/about/imprint",
        "/sitemap/site-1.xml",
    }


@pytest.mark.slow
def test_when_every_page_changes_what_is_on_the_front_page_stays_there(
    world: World, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live post above all, however many newer ones there are; nothing that is outdated stays."""
    world.edit(world.withdrawn_post, live=False)
    with world.app.app_context(), changes.changing() as session:
        live = posts.written(session, world.live)
        live.published_at = 1_000_000_000_000  # long before all the others
        versions.touch(session, ["/", "/page/*"])
    for path in pages_there(world.app):
        world.app.test_client().get(path)
    monkeypatch.setattr(public, "HOT_AT_ONCE", 2)
    missing = absences(world.site.store, ["/", f"/post/{world.live}"], monkeypatch)
    edit_about(world, title="Who we are")
    assert missing == []
    assert set(world.site.store.paths()) == {"/", f"/post/{world.live}"}
    there = pages_there(world.app)
    assert wrong(world.app, there) == []
    every_page_is_served(world, there, gone=set())


def test_an_outdated_footer_would_be_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def about(session: WriteSession, name: str, listed_anew: bool) -> None:
        invalidation.touch(session, [f"/about/{name}", "/sitemap/site-1.xml"])

    monkeypatch.setattr(invalidation, "about", about)
    edit_about(world, title="Who we are")
    problems = wrong(world.app, pages_there(world.app))
    assert {f"{path} is outdated" for path in ("/", f"/post/{world.live}", "/user/ada")} <= set(problems)


@pytest.mark.parametrize("change", ["its title", "an update is added", "a name is written otherwise"])
def test_a_change_that_touches_nothing_would_be_found(
    change: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the tests above can fail."""
    monkeypatch.setattr(invalidation, "touch", lambda *_args: None)
    CHANGES[change](world)
    problems = wrong(world.app, pages_there(world.app))
    assert f"/post/{world.live} is outdated" in problems
    assert f"/post/{world.live} has an outdated twin" in problems
    if change == "a name is written otherwise":
        assert "/user/ada is stored, but there is no such page" in problems


PARTS = ("/sitemap/post-1.xml", "/sitemap/tag-1.xml", "/sitemap/user-1.xml")


@pytest.mark.slow
@pytest.mark.parametrize(
    "forgotten", [*invalidation.LISTS, *PARTS, "/post/{live}/*", "/tag/evening", "/tag/football/*"]
)
def test_each_list_that_a_post_stands_on_must_be_touched(
    forgotten: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them is there in vain, and the tests above would find it missing."""
    forgotten, real = forgotten.format(live=world.live), invalidation.touch
    if forgotten == "/sitemap.xml":
        monkeypatch.setattr(paths, "SITEMAP_IDS", 1)  # a part of its own for each
    for part in PARTS:
        assert world.app.test_client().get(part).status_code == 200

    def touch(session: WriteSession, paths: list[str]) -> None:
        real(session, [path for path in paths if path != forgotten])

    monkeypatch.setattr(invalidation, "touch", touch)
    CHANGES["a post is unpublished"](world)
    assert wrong(world.app, pages_there(world.app)) != []


# What is stored, and what never is


def test_public_lists_all_that_anybody_may_get_and_is_the_same_for_everybody(world: World) -> None:
    adapter = world.app.create_url_adapter(None)
    assert adapter
    values = {"post_id": world.live, "number": 1, "n": world.n["plain"], "username": "ada", "tag": "football"}
    values |= {
        "name": "imprint",
        "kind": "atom",
        "part": "post",
        "place": "rss",
        "user_id": 1,
        "filename": "css/base.css",
    }
    values |= {"when": time.time(), "upload": uuid4(), "offset": 0, "width": 480, "ending": "webp"}
    values["mark"] = world.app.extensions["branding"].accent
    with world.app.app_context():
        values["token"] = posts.written(db.reading(), world.draft).draft_token
    client, answers = world.app.test_client(), set()
    for rule in world.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()):
            value = {name: values[name] for name in rule.arguments - (rule.defaults or {}).keys()}
            answer = client.get(adapter.build(rule.endpoint, value, force_external=False))
            answer.close()
            if answer.status_code == 200:
                answers.add(rule.endpoint)
    assert answers - NEVER_STORED == world.site.public.keys()
    assert not NEVER_STORED & world.site.public.keys()


def test_only_public_pages_are_ever_stored(world: World, kept: Kept) -> None:
    world.site.store.clear()
    world.ada.get("/")  # logs in
    with world.app.app_context():
        token = posts.written(db.reading(), world.draft).draft_token
    others = ["/desk", "/desk/new", f"/desk/post/{world.draft}", f"/desk/post/{world.live}/live", "/me", "/hello"]
    others += ["/hello/", "/hello/ada", "/search", "/search?q=derby", "/healthz", "/login", "/register", "/settings"]
    others += [f"/draft/{token}", f"/post/{world.draft}", f"/post/{world.withdrawn_post}", "/nothing", "/tag/lost"]
    others += ["/settings/comments", "/desk/people", "/desk/about", f"/post/{world.live}/comments/new", "/page/99"]
    others += [
        "/static/css/base.css",
        f"/post/{world.live}/update/{world.n['withdrawn']}",
        "/user/nobody",
        "/tag/unseen",
    ]
    assert world.ada.get(f"/draft/{token}").status_code == world.ada.get("/desk").status_code == 200
    for path in [*others, *kept.before]:
        for client in (world.app.test_client(), world.ada.client):
            client.get(path).close()
    assert reachable(world.site.store.root).keys() == kept.before.keys() == set(world.site.store.paths())


def test_what_is_no_page_of_the_site_leaves_nothing(world: World) -> None:
    world.site.store.clear()
    client = world.app.test_client()
    for path in ("/nothing", "/post/999", "/user/nobody", "/draft/00000000-0000-4000-8000-000000000001", "/login"):
        client.get(path)
    left = [file for file in world.site.store.root.rglob("*") if ".retired" not in file.parts and not file.is_dir()]
    assert [file for file in left if ".versions" not in file.parts and file.name != ".renewed"] == []


def texts_in_use(root: Path) -> bytes:
    """All that lies in the folder, but what was retired and waits for its end."""
    retired = {target.partition(".versions/")[2].partition("/")[0] for _link, target in store._links(root / ".retired")}
    found = []
    for file in root.rglob("*"):
        parts = file.relative_to(root).parts
        if file.is_file() and not file.is_symlink() and parts[0] != ".retired" and not set(parts) & retired:
            content = file.read_bytes()
            found.append(gzip.decompress(content) if file.suffix == ".gz" else content)
    return b"".join(found)


@pytest.mark.slow
def test_a_draft_is_never_a_file(world: World) -> None:
    secret, other = "moonstone", "bloodstone"
    root = world.site.store.root
    world.edit(body=f"The {secret}.", tags=f"Football, {other}")
    client = world.app.test_client()
    for path in pages_there(world.app):
        client.get(path)
    assert secret.encode() in texts_in_use(root), "so it would be found"
    assert other.encode() in texts_in_use(root)
    world.send(world.ada, f"/desk/post/{world.live}/unpublish")
    with world.app.app_context():
        token = posts.written(db.reading(), world.live).draft_token
    for path in [*addresses(world.app), f"/draft/{token}", f"/desk/post/{world.live}", "/search?q=moonstone"]:
        for reader in (client, world.ada.client):
            reader.get(path)
    assert secret in world.ada.get(f"/draft/{token}").text
    assert secret.encode() not in texts_in_use(root)
    assert other.encode() not in texts_in_use(root)


# The same bytes for everybody


def odd_headers(chance: random.Random) -> dict[str, str]:
    """Some of what a request may carry, at random."""
    choices = {
        "Host": ["evil.example", "127.0.0.1:8000", "localhost"],
        "Accept-Language": ["zh-CN,zh;q=0.9", "de", "*"],
        "Accept-Encoding": ["gzip", "br, gzip;q=0.5", "identity", "gzip;q=0", "*"],
        "X-Forwarded-For": ["203.0.113.7"],
        "X-Forwarded-Host": ["evil.example"],
        "X-Forwarded-Prefix": ["/evil"],
        "X-Forwarded-Proto": ["https"],
        "User-Agent": ["curl/8", "Mozilla/5.0"],
        "Referer": ["https://evil.example/"],
        "If-None-Match": ['"x"', 'W/"x"', "*"],
        "Range": ["bytes=0-99", "bytes=-1"],
        "Cookie": ["session=forged; signed_in=1"],
        "Authorization": ["Basic YWRhOmFkYQ=="],
        "Accept": ["application/json"],
    }
    return {name: chance.choice(values) for name, values in choices.items() if chance.random() < 0.3}


@pytest.mark.slow
def test_no_page_holds_anything_of_whoever_asked_first(world: World, kept: Kept) -> None:
    """A thousand requests in turn by people who wrote nothing and by nobody, the store emptied now and then."""
    chance, bodies = random.Random(7), {}  # noqa: S311
    for name in ("zebulon", "wilhelmina"):
        world.run("user", "create", name, "--password-stdin", typed=PASSWORD)
        world.persons[name] = Person(world.app, name)
    askers = [world.persons["zebulon"], world.persons["wilhelmina"], Person(world.app)]
    cookies = [person.client.get_cookie("session", domain="127.0.0.1") for person in askers[:2]]
    secrets = ["zebulon", "wilhelmina", *(person.csrf_token() for person in askers[:2])]
    secrets += [cookie.value for cookie in cookies if cookie]
    assert len(secrets) == 6
    paths = sorted(kept.before.keys() - {f"/post/{i}/{kind}s/2" for i in (1, 2, 3) for kind in ("update", "comment")})
    stored_by = set()
    for turn in range(1000):
        if turn % 40 == 0:
            world.site.store.clear()
        asker, path = chance.choice(askers), chance.choice(paths[:40] if turn % 2 else paths)
        if world.site.store.version(path) is None:
            stored_by.add(asker.name)
        answer = asker.get(path, headers=odd_headers(chance))
        assert answer.status_code == 200, path
        body = gzip.decompress(answer.data) if answer.content_encoding == "gzip" else answer.data
        assert bodies.setdefault(path, body) == body, path
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert not re.search(rb"evil|forged|/desk/people", body)
        assert not any(secret.encode() in body for secret in secrets), path
    assert stored_by == {"zebulon", "wilhelmina", None}
    assert all(bodies[path] == kept.before[path].content for path in bodies)
    assert len(bodies) > 50


# Headers


def test_head_says_what_get_says(world: World, kept: Kept) -> None:
    client = world.app.test_client()
    for path in kept.before:
        for encoding in ("gzip", "identity"):
            got, head = (ask(path, headers={"Accept-Encoding": encoding}) for ask in (client.get, client.head))
            assert head.data == b""
            for answer in (got, head):
                answer.headers.pop("Date", None)  # the second may have changed in between
            assert list(head.headers) == list(got.headers), path
            assert int(head.headers["Content-Length"]) == len(got.data)
            assert got.headers["Last-Modified"]


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True), ("gzip, br", True), ("br;q=1, gzip;q=0.1", True), ("*", True), ("x-gzip, gzip", True),
        ("gzip;q=0", False), ("identity", False), ("", False), ("br", False), ("*;q=0", False), ("gzip;q=0, *", False),
    ],
)  # fmt: skip
def test_a_page_is_packed_for_whoever_takes_it(world: World, accepted: str, packed: bool) -> None:
    answer = world.app.test_client().get("/", headers={"Accept-Encoding": accepted})
    assert answer.content_encoding == ("gzip" if packed else None)
    body = gzip.decompress(answer.data) if packed else answer.data
    assert body == world.site.fresh("/").content


class Clock:
    """The time by which versions are numbered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
        self.now = now
        monkeypatch.setattr(versions, "now_ms", lambda: int(self.now * 1000))


@pytest.fixture
def clock(world: World, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """It stands still, so far on that what is there is older than the lag."""
    now = max(page.version or 0 for page in pages_there(world.app).values()) + versions.LAG_SECONDS
    return Clock(monkeypatch, now + 1000.9)


def last_modified(world: World, path: str, known: datetime | None = None) -> datetime:
    """Of the page as it is now, asked for by a browser that has one of `known`; it must get another, and newer."""
    since = {"If-Modified-Since": known.strftime("%a, %d %b %Y %H:%M:%S GMT")} if known else {}
    answer = world.app.test_client().get(path, headers=since)
    assert answer.status_code == 200, f"{path} as of {known} passes for the present one"
    found = parse_date(answer.headers["Last-Modified"])
    assert found
    assert known is None or found > known
    assert answer.data == world.site.fresh(path).content
    again = world.app.test_client().get(path, headers={"If-Modified-Since": answer.headers["Last-Modified"]})
    assert again.status_code == 304
    assert again.data == b""
    return found


def test_no_browser_keeps_an_older_page_of_the_same_second(world: World, clock: Clock) -> None:
    path = f"/post/{world.live}"
    known = last_modified(world, path)
    for number in range(5):
        world.ada.add_update(world.live, f"Number {number}.")
        known = last_modified(world, path, known)
    behind = int(clock.now) - versions.LAG_SECONDS
    assert known.timestamp() == behind + 4, "one second further each time"
    clock.now += 100
    world.ada.add_update(world.live)
    assert last_modified(world, path, known).timestamp() == behind + 100


def test_no_page_was_modified_in_the_future(world: World) -> None:
    ada = world.ada
    for number in range(30):
        ada.add_update(world.live, f"Number {number}.")
    for path in pages_there(world.app):
        assert last_modified(world, path).timestamp() <= time.time(), path


def test_what_is_removed_and_made_again_is_newer(world: World, clock: Clock) -> None:
    path = f"/post/{world.withdrawn_post}"
    known = None
    for _time in range(3):
        world.edit(world.withdrawn_post)
        known = last_modified(world, path, known)
        world.send(world.bob, f"/desk{path}/unpublish")
        answer = world.app.test_client().get(path, headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})
        assert answer.status_code == 404


def test_an_update_that_is_withdrawn_and_restored_is_newer(world: World, clock: Clock) -> None:
    path = f"/post/{world.live}/update/{world.n['plain']}"
    known = last_modified(world, path)
    for _time in range(3):
        world.of_update("plain", "withdraw")
        assert world.app.test_client().get(path).status_code == 404
        world.of_update("plain", "restore")
        known = last_modified(world, path, known)


def test_an_about_page_that_is_deleted_and_made_again_is_newer(world: World, clock: Clock) -> None:
    known = last_modified(world, "/about/imprint")
    for _time in range(3):
        world.send(world.edith, "/desk/about/delete/imprint")
        world.send(world.edith, "/desk/about/new", name="imprint", title="Imprint", body="Made by us.")
        known = last_modified(world, "/about/imprint", known)


@pytest.mark.parametrize("step", [-3600.0, -1.0, 0.0, 3600.0])
def test_versions_grow_wherever_the_clock_is_set(world: World, clock: Clock, step: float) -> None:
    path = f"/post/{world.live}"
    known = last_modified(world, path)
    for _time in range(3):
        clock.now += step
        world.ada.add_update(world.live)
        known = last_modified(world, path, known)


def test_a_query_string_changes_nothing_and_makes_no_second_file(world: World, kept: Kept) -> None:
    world.site.store.clear()
    client = world.app.test_client()
    for path, page in kept.before.items():
        for junk in ("?utm_source=x", "?", "?page=2&lang=zh", "?%00=../../secret_key"):
            assert client.get(path + junk).data == page.content, path + junk
    assert reachable(world.site.store.root).keys() == kept.before.keys()


def test_a_page_takes_no_other_method(world: World, kept: Kept) -> None:
    client, before = world.app.test_client(), state_of(world.site.store)
    forms = {f"/post/{world.live}/updates", f"/post/{world.live}/comments"}
    for path in kept.before.keys() - forms:
        for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"):
            answer = client.open(path, method=method)
            assert answer.status_code == 405, (method, path)
            assert "GET" in answer.headers["Allow"]
        assert client.options(path).status_code == 200
    assert state_of(world.site.store) == before


# Addresses that aren't a page's own


def asked(app: Flask, path: str) -> TestResponse:
    """As the server hands it over: decoded, with nothing taken out."""
    return app.test_client().get("/", environ_overrides={"PATH_INFO": path.encode().decode("latin-1")})


NOT_TRUE = [
    "/post/007", "/post/04", "/user/ADA", "/user/ａda", "/page/1", "/page/02", "/post/4/", "/post//4", "/post/٤",
    "/post/4/index.html", "/index.html", "/post/4/index.html.gz", "/tag/Football", "/tag/football/page/1",
    "/post/4/updates/01", "/post/4/comments/001", "/user/ada/page/1", "/FEED.atom", "/feed.atom/", "/feed.atom.gz",
    "/tag/football/feed.atom/feed.atom", "/post/4/feed.feedjson", "/tag/foot\nball", "/tag/football ",
    "/ tag/football", "/tag/football?x", "/user/ada#x", "/about/imprint/", "/about//imprint", "/sitemap/post-01.xml",
]  # fmt: skip
ATTACKS = [
    "/.versions", "/.versions/", "/.retired/", "/.under/post/4/updates/1", "/tag/.versions", "/user/.under",
    "/../secret_key", "/post/../../secret_key", "/post/4/../4", "/post/./4", "/%2e%2e/secret_key", "/..%2fsecret_key",
    "/../pages.tmp/x", "/../pages/post/4", "/about/../../secret_key", "/about/..", "/tag/..", "/user/..", "/tag/.",
    "/..\\secret_key", "/tag/..\\..\\x", "/post/4\0", "/post/4\0.html", "/tag/a\0b", "/about/a/../../b",
    "/user/ada/../eve",
]  # fmt: skip


def test_only_the_true_path_is_ever_stored(world: World) -> None:
    folder: Path = world.app.config["INSTANCE"]
    world.site.store.clear()
    key = (folder / "secret_key").read_bytes()
    outside = {file for file in folder.rglob("*") if not {"pages", "locks"} & set(file.parts)}
    for path in NOT_TRUE + ATTACKS:
        answer = asked(world.app, path)
        assert answer.status_code in (301, 308, 404), path
        assert key not in answer.data
        assert reachable(world.site.store.root) == {}, path
        assert list(world.site.store.paths()) == [], path
    left = {file for file in folder.rglob("*") if not {"pages", "locks"} & set(file.parts)}
    assert {file.name for file in left - outside} <= {"pressroom.db-wal", "pressroom.db-shm"}


def test_bytes_that_are_no_text_store_nothing(world: World) -> None:
    world.site.store.clear()
    for raw in ("/tag/\xff", "/user/\xed\xa0\x80", "/tag/\xc0\xae\xc0\xae", "/about/\x80"):
        answer = world.app.test_client().get("/", environ_overrides={"PATH_INFO": raw})
        assert answer.status_code in (301, 404), raw
    assert list(world.site.store.paths()) == []


def test_a_doubled_first_slash_is_the_same_page(world: World) -> None:
    world.site.store.clear()
    assert asked(world.app, "//post/4").data == world.site.fresh("/post/4").content
    assert list(world.site.store.paths()) == ["/post/4"]


def test_an_about_page_with_a_path_for_a_name_is_served_by_python_and_right(world: World) -> None:
    client = world.app.test_client()
    world.send(world.edith, "/desk/about/new", name="law/privacy", title="Privacy", body="First")
    for number, text in enumerate(("First", "Second", "Third")):
        if number:
            fields = {"name": "law/privacy", "title": "Privacy", "body": text, "version": str(number)}
            world.send(world.edith, "/desk/about/edit/law/privacy", **fields)
        assert text in client.get("/about/law/privacy").text
        assert text in client.get("/about/law/privacy").text
    assert "/about/law" not in " ".join(world.site.store.paths())


@pytest.mark.parametrize("tag", ["足" * 100, "é" * 100])
def test_a_tag_too_long_for_a_file_name_is_served_by_python_and_right(world: World, tag: str) -> None:
    client = world.app.test_client()
    (post_id,) = publish_many(world.app, 1, tags=[tag])
    is_stored = page_path(f"/tag/{tag}") is not None
    assert is_stored == (len(tag.encode()) <= 200)
    for title in ("First", "Second", "Third"):
        world.edit(post_id, title=title)
        for end in ("", "/feed.atom", "/feed.json"):
            for _time in range(2):
                answer = client.get(f"/tag/{tag}{end}")
                assert answer.status_code == 200
                assert f"{title}<" in answer.text or f'"{title}"' in answer.text
                assert answer.headers["Last-Modified"]
    assert (f"/tag/{tag}" in reachable(world.site.store.root)) == is_stored
    world.send(world.edith, f"/desk/post/{post_id}/unpublish")
    assert client.get(f"/tag/{tag}").status_code == 404


@pytest.mark.parametrize("name", slow_but(["Жанна"], ["Жанна", "阿達", "Ünal-Ö_1", "𠮷" * 40, "ﬁn", "김철수", "مريم"]))
def test_a_name_of_other_letters_has_its_page(world: World, name: str) -> None:
    client = world.app.test_client()
    kept_name = checked_username(name)
    world.save_settings("bob", username=name)
    for _time in range(2):
        assert client.get(f"/user/{kept_name}").status_code == 200
    assert f"/user/{kept_name}" in reachable(world.site.store.root)
    world.edit(title="Another derby")
    assert "Another derby" in client.get(f"/user/{kept_name}").text
    assert wrong(world.app, pages_there(world.app)) == []
