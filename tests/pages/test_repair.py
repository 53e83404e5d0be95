"""The repair of the page store: at the start, when somebody died half-way, and when the disk refuses."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from flask import Flask

from support.apps import copy_database, settings_for
from support.commands import done
from support.content import add_many
from support.page_store import addresses, pages_there, reachable, wrong
from support.persons import Person
from support.slow import slow_but
from webapp import changes, create_app, db
from webapp.content import about, posts, updates
from webapp.ops import setup
from webapp.pages import public, repair, store, versions
from webapp.pages.paths import page_path
from webapp.pages.public import Pages
from webapp.pages.repair import Healer
from webapp.people import users
from webapp.system import epoch, locks


@pytest.fixture
def site(app: Flask) -> Iterator[Pages]:
    """The site after its start, with a live post, its older updates and an about page; every page stored."""
    repair.at_start(app)
    made: Pages = app.extensions["pages"]
    made.broken_until = 0.0
    ada = Person(app, "ada")
    assert ada.write_post(title="The derby", live="y", tags="Football") == 1
    add_many(app, 1, 3)
    with app.app_context(), changes.changing() as session:
        about.create(session, "imprint", title="Imprint", body="Us", html="<p>Us</p>")
    ask_all(app)
    yield made
    made.broken_until = 0.0
    if (made.store.root / ".under" / ".versions").is_file():
        (made.store.root / ".under" / ".versions").unlink()


def ask_all(app: Flask) -> None:
    client = app.test_client()
    for path in addresses(app):
        client.get(path)


@pytest.fixture
def rebuilt(app: Flask) -> Iterator[Callable[..., Flask]]:
    """The same instance as other code or settings would serve it."""
    made = []

    def build(**config: str) -> Flask:
        made.append(create_app(settings_for(app.config["INSTANCE"], **config)))
        return made[-1]

    yield build
    for one in made:
        one.extensions["engine"].dispose()


def die_after(app: Flask, change: Callable[[db.Session], object]) -> None:
    """Commit a change and replace no page."""
    with app.app_context(), db.writing() as session:
        change(session)


def look(site: Pages) -> None:
    """As a worker that looks once, and ends."""
    worker = repair.Repair(site)
    worker.look()
    if worker.held:
        os.close(worker.held)


def add_update(session: db.Session) -> object:
    return updates.add(session, 1, users.by_name(session, "ada").id, "Late.", "<p>Late.</p>")


def outdated(app: Flask) -> set[str]:
    return {problem.split(" ")[0] for problem in wrong(app, pages_there(app))}


def files(site: Pages) -> dict[str, int]:
    """Every stored page, with what tells its file from a newer one."""
    shown = {path: page_path(path) for path in site.store.paths()}
    return {path: site.store._shown(place).stat().st_ino for path, place in shown.items() if place}


# At the start


@pytest.mark.slow
def test_the_start_makes_hot_pages_anew_removes_other_outdated_ones_and_nothing_else(site: Pages) -> None:
    before = files(site)
    die_after(site.app, add_update)
    stale = outdated(site.app)
    assert {"/post/1", "/post/1/feed.atom", "/post/1/updates/1"} <= stale
    repair.at_start(site.app)
    after = files(site)
    assert "Late." in reachable(site.store.root)["/post/1"].read_text()
    hot = after.pop("/post/1")
    assert hot != before["/post/1"], "nginx would serve it while the site starts"
    assert after == {path: inode for path, inode in before.items() if path not in stale}
    assert outdated(site.app) == set()


def test_initialising_mends_pages(site: Pages) -> None:
    die_after(site.app, add_update)
    assert outdated(site.app)
    setup.initialise(settings_for(site.app.config["INSTANCE"]))
    assert outdated(site.app) == set()


def test_a_start_that_finds_all_right_changes_nothing(site: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it look through the store, however large."""
    look(site)
    before, history = files(site), epoch.read(site.app.config["INSTANCE"])
    with monkeypatch.context() as patch:
        patch.setattr(store.Store, "paths", lambda *_below: pytest.fail("it looks through the store"))
        repair.at_start(site.app)
    assert files(site) == before
    assert epoch.read(site.app.config["INSTANCE"]) == history
    assert history.epoch == site.app.config["EPOCH"] == epoch.FIRST
    assert history.version == history.seen > 0


def test_a_command_that_changes_a_site_at_rest_is_known_at_the_next_start(site: Pages, tmp_path: Path) -> None:
    folder = site.app.config["INSTANCE"]
    copy_database(folder, tmp_path)
    before = epoch.read(folder)
    done(site.app.test_cli_runner().invoke(args=["user", "rename", "ada", "countess"]))
    assert epoch.read(folder).version > before.version
    copy_database(tmp_path, folder)
    repair.at_start(site.app)
    assert epoch.read(folder).epoch > before.epoch


def test_a_command_on_a_database_that_was_put_back_hides_nothing(site: Pages, tmp_path: Path) -> None:
    folder = site.app.config["INSTANCE"]
    copy_database(folder, tmp_path)
    Person(site.app, "ada").add_update(1, "Never said.")
    ask_all(site.app)
    look(site)
    copy_database(tmp_path, folder)
    before = epoch.read(folder)
    done(site.app.test_cli_runner().invoke(args=["user", "rename", "ada", "countess"]))
    with site.app.app_context(), db.writing() as session:  # a command that comes later raises them further
        versions.raise_all(session, site.build, at_least=before.version + 100)
    repair.at_start(site.app)
    assert epoch.read(folder).epoch > before.epoch
    assert reachable(site.store.root) == {}


@pytest.mark.parametrize(
    "content",
    slow_but(["0 1 1"], ["-5 1 1", "0 1 1", "1 -1 1", "1234567890123456 1 1", "", "x", "1 2", "\0\0\0\0", "1 2 3 4"]),
)
def test_with_a_damaged_epoch_another_one_begins(site: Pages, content: str) -> None:
    folder = site.app.config["INSTANCE"]
    (folder / "epoch").write_text(content)
    repair.at_start(site.app)
    assert reachable(site.store.root) == {}
    assert site.app.config["EPOCH"] > epoch.FIRST
    assert epoch.read(folder).epoch == site.app.config["EPOCH"]
    repair.at_start(site.app)
    assert epoch.read(folder).epoch == site.app.config["EPOCH"]


def test_an_epoch_is_later_than_any_before_by_whatever_clock(site: Pages) -> None:
    folder = site.app.config["INSTANCE"]
    epoch.write(folder, epoch.History(4_000_000_000, 7, 7))
    assert epoch.change(folder) == epoch.History(4_000_000_001)
    assert (folder / "epoch").stat().st_mode & 0o777 == 0o600


def test_what_was_not_repaired_yet_is_looked_at_by_the_next_start(site: Pages) -> None:
    look(site)
    before = epoch.read(site.app.config["INSTANCE"])
    die_after(site.app, add_update)
    look(site)
    after = epoch.read(site.app.config["INSTANCE"])
    assert after.seen == before.seen
    assert after.version > before.version
    repair.at_start(site.app)
    assert outdated(site.app) == set()


def test_pages_newer_than_the_database_all_go(site: Pages, tmp_path: Path) -> None:
    """The database was restored from an older copy."""
    folder = site.app.config["INSTANCE"]
    copy_database(folder, tmp_path)
    Person(site.app, "ada").add_update(1, "Never said.")
    ask_all(site.app)
    look(site)
    before = {path: file.stat().st_mtime for path, file in reachable(site.store.root).items()}
    assert "Never said." in site.app.test_client().get("/post/1").text
    copy_database(tmp_path, folder)
    assert "Never said." in site.app.test_client().get("/post/1").text, "so it would be found"
    repair.at_start(site.app)
    assert reachable(site.store.root) == {}
    ask_all(site.app)
    assert outdated(site.app) == set()
    after = {path: file.stat().st_mtime for path, file in reachable(site.store.root).items()}
    assert min(after.values()) > max(before.values()), "no browser keeps a page of what never was"
    assert site.app.config["EPOCH"] > epoch.FIRST
    assert epoch.read(site.app.config["INSTANCE"]).epoch == site.app.config["EPOCH"]


@pytest.mark.slow
@pytest.mark.parametrize("age", ["older", "newer"])
def test_pages_of_another_database_all_go(site: Pages, template_instance: Path, age: str) -> None:
    look(site)
    copy_database(template_instance, site.app.config["INSTANCE"])
    if age == "newer":
        die_after(site.app, lambda session: versions.raise_all(session, site.build, at_least=4_000_000_000))
    assert "/post/1" in reachable(site.store.root)
    repair.at_start(site.app)
    assert reachable(site.store.root).keys() <= {"/"}
    assert outdated(site.app) == set()
    assert site.app.test_client().get("/post/1").status_code == 404
    ask_all(site.app)
    assert outdated(site.app) == set()


@pytest.mark.slow
def test_pages_of_another_build_stay_until_they_are_replaced(site: Pages, rebuilt: Callable[..., Flask]) -> None:
    before = reachable(site.store.root).keys()
    app = rebuilt(SITE_TITLE="The Evening Post")
    repair.at_start(app)
    assert reachable(site.store.root).keys() == before, "readers get files meanwhile"
    assert outdated(app) >= before - {"/robots.txt"}
    healer = Healer(app.extensions["pages"])
    healer.look()
    assert reachable(site.store.root).keys() == before, "whoever changed it may be about to"
    healer.look()
    assert set(reachable(site.store.root)) == {"/", "/post/1"}, "the others are made when somebody asks"
    assert outdated(app) == set()
    assert "The Evening Post" in reachable(site.store.root)["/"].read_text()


@pytest.mark.parametrize(
    "config",
    [
        {"SITE_TITLE": "Other"},
        {"LANGUAGE": "zh"},
        {"BASE_URL": "https://news.example.org"},
        {"TIMEZONE": None},
        {"ACCENT": "#7a1fa2"},
    ],
)
def test_each_setting_that_shows_on_pages_is_another_build(
    site: Pages, rebuilt: Callable[..., Flask], config: dict[str, str]
) -> None:
    from zoneinfo import ZoneInfo

    if "TIMEZONE" in config:
        config = {"TIMEZONE": ZoneInfo("Asia/Shanghai")}  # type: ignore[dict-item]
    assert rebuilt(**config).extensions["pages"].build != site.build
    assert rebuilt().extensions["pages"].build == site.build


def test_an_older_worker_stores_nothing_once_newer_code_makes_the_pages(
    site: Pages, rebuilt: Callable[..., Flask]
) -> None:
    """During a chain reload both serve."""
    app = rebuilt(SITE_TITLE="The Evening Post")
    ada, root = Person(site.app, "ada"), site.store.root
    assert repair._take_over(app.extensions["pages"])
    ada.add_update(1, "By the older one.")
    assert "/post/1" not in reachable(root)
    assert "By the older one." in ada.get("/post/1").text
    assert "/post/1" not in reachable(root)
    Healer(site).look()
    Healer(site).look()
    page = app.test_client().get("/post/1")
    assert "By the older one." in page.text
    assert "The Evening Post" in page.text
    assert reachable(root)["/post/1"].read_bytes() == page.data
    assert ada.get("/post/1").data == page.data, "the older one hands out what is there"


def test_the_first_worker_of_new_code_raises_every_version_once(site: Pages, rebuilt: Callable[..., Flask]) -> None:
    first, second = (rebuilt(SITE_TITLE="Evening").extensions["pages"] for _time in range(2))
    before = site.fresh("/about/imprint").version
    assert repair._take_over(first)
    raised = first.fresh("/about/imprint").version
    assert repair._take_over(second)
    assert second.fresh("/about/imprint").version == raised
    assert before is not None
    assert raised is not None
    assert raised > before
    assert site.fresh("/about/imprint").version is None


def test_nothing_is_trusted_after_a_power_cut(site: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boot = tmp_path / "boot"
    boot.write_text("the first\n")
    monkeypatch.setattr(repair, "BOOT", boot)
    repair.at_start(site.app)
    ask_all(site.app)
    repair.at_start(site.app)
    assert "/post/1" in reachable(site.store.root), "a restart without one keeps the pages"
    file = reachable(site.store.root)["/post/1"].resolve()
    time_of_page = file.stat().st_mtime
    file.unlink()
    file.touch()
    os.utime(file, (time_of_page, time_of_page))
    assert site.app.test_client().get("/post/1").data == b"", "so it would be found"
    boot.write_text("the second\n")
    repair.at_start(site.app)
    assert reachable(site.store.root) == {}
    ask_all(site.app)


def test_the_start_leaves_a_site_alone_that_runs(site: Pages) -> None:
    held = locks.try_lock(site.store.locks / "healer")
    assert held is not None
    die_after(site.app, add_update)
    before = reachable(site.store.root).keys()
    repair.at_start(site.app)
    assert reachable(site.store.root).keys() == before
    os.close(held)
    repair.at_start(site.app)
    assert reachable(site.store.root).keys() != before


# When somebody died between commit and replacement


def test_what_is_outdated_is_right_after_two_looks(site: Pages) -> None:
    healer = Healer(site)
    healer.look()
    die_after(site.app, add_update)
    stale = outdated(site.app)
    assert {"/post/1", "/post/1/feed.json", "/post/1/updates/1"} <= stale
    healer.look()
    assert outdated(site.app) == stale, "it may be about to be replaced by whoever committed"
    healer.look()
    assert outdated(site.app) == set()
    assert stale <= reachable(site.store.root).keys()
    assert b"Late." in reachable(site.store.root)["/post/1"].read_bytes()


def test_another_worker_that_never_looked_before_finds_it_too(site: Pages) -> None:
    die_after(site.app, add_update)
    healer = Healer(site)
    healer.look()
    healer.look()
    assert outdated(site.app) == set()


def test_hot_pages_come_first(site: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "AT_ONCE", 1)
    healer = Healer(site)
    healer.look()
    die_after(site.app, lambda session: users.rename(session, users.by_name(session, "ada").id, "countess", None))
    stale = outdated(site.app)
    assert len(stale) > 5
    for _time in range(3):
        healer.look()
    assert stale - outdated(site.app) == {"/", "/post/1"}, "one at a time, from the second look on"
    healer.look()
    assert len(outdated(site.app)) == len(stale) - 3


def test_a_post_that_went_away_is_gone_after_a_few_looks(site: Pages) -> None:
    healer = Healer(site)
    healer.look()
    die_after(site.app, lambda session: posts.unpublish(session, 1))
    for _time in range(2 + len(files(site)) // repair.AT_ONCE):
        healer.look()
    stored = reachable(site.store.root).keys() | set(site.store.paths())
    assert not any(path.startswith(("/post/1", "/tag/football")) for path in stored)
    assert outdated(site.app) == set()


def test_what_was_replaced_in_time_is_not_made_again(site: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    healer = Healer(site)
    healer.look()
    Person(site.app, "ada").add_update(1)
    ask_all(site.app)
    made: list[str] = []
    monkeypatch.setattr(Pages, "fresh", lambda _self, path: made.append(path))
    for _time in range(3):
        healer.look()
    assert made == []


def test_a_page_that_cannot_be_made_holds_up_nobody_and_is_served_outdated_to_nobody(
    site: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    healer = Healer(site)
    healer.look()
    die_after(site.app, add_update)
    stale = outdated(site.app)

    def broken(**_values: object) -> str:
        raise RuntimeError("a broken template")

    with monkeypatch.context() as patch:
        patch.setitem(site.views, "reader.post", broken)
        for _time in range(4):
            try:
                healer.look()
            except RuntimeError:  # it is logged, and the next look comes
                continue
        assert "/post/1" not in reachable(site.store.root)
    assert outdated(site.app) == set()
    assert stale - reachable(site.store.root).keys() == {"/post/1"}


# The sweep


def versions_kept(site: Pages) -> set[str]:
    return {folder.name for folder in (site.store.root / ".under" / ".versions").iterdir()}


def test_what_is_retired_is_deleted_a_few_at_a_time(site: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "AT_ONCE", 2)
    monkeypatch.setattr(repair, "SWEEP_SECONDS", 0.0)
    orphan = site.store.root / ".under" / ".versions" / "left-behind"
    orphan.mkdir()
    monkeypatch.setattr(store, "RETIRED_SECONDS", -1)
    list(site.store.sweep(-1))  # what other tests left
    many = site.store.root / ".retired" / "1-many"  # as from `.versions` of the last release: folders without a link
    for number in range(40):
        (many / str(number)).mkdir(parents=True)
        (many / str(number) / "index.html").write_text("Old.")
    site.store.clear()
    for number, entry in enumerate([entry for entry in many.parent.iterdir() if entry != many]):
        entry.rename(entry.with_name(f"1-{number}"))  # a second of long ago

    def left() -> int:
        return len(versions_kept(site)) + len(list(many.rglob("*")))

    worker, counts = repair.Repair(site), [left()]
    assert counts[0] > 90
    while list(many.parent.iterdir()):
        worker.look()
        counts.append(left())
        assert len(counts) < 200
    assert max(before - after for before, after in pairwise(counts)) <= 3
    assert versions_kept(site) == set()
    assert worker.held
    os.close(worker.held)


def test_a_sweep_that_fails_begins_anew(site: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = repair.Repair(site)
    with monkeypatch.context() as patch:
        patch.setattr(store, "_links", lambda _folder: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        for _time in range(2):
            with pytest.raises(OSError, match="Input/output"):
                worker.look()
    worker.look()
    assert worker.held
    os.close(worker.held)


# When the folder is deleted


@pytest.mark.slow
def test_a_store_that_is_deleted_is_rebuilt(site: Pages) -> None:
    before = reachable(site.store.root).keys()
    shutil.rmtree(site.store.root)
    ask_all(site.app)
    assert reachable(site.store.root).keys() == before
    shutil.rmtree(site.store.root)
    Person(site.app, "ada").add_update(1)
    assert {"/post/1"} <= reachable(site.store.root).keys()
    assert outdated(site.app) == set()


def test_the_repair_goes_on_when_the_store_was_deleted(site: Pages) -> None:
    healer = Healer(site)
    healer.look()
    shutil.rmtree(site.store.root)
    Person(site.app, "ada")
    die_after(site.app, add_update)
    healer.look()
    healer.look()
    site.app.test_client().get("/post/1")
    assert outdated(site.app) == set()


# When the disk refuses


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the log says of the store, from warnings up."""
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records if "store" in record.getMessage()]


@pytest.mark.slow
def test_a_store_that_cannot_be_written_costs_speed_and_nothing_else(
    site: Pages, warnings: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "TROUBLE_SECONDS", 0.0)
    ada, anonymous = Person(site.app, "ada"), Person(site.app)
    versions_folder = site.store.root / ".under" / ".versions"
    versions_folder.rename(versions_folder.with_name(".elsewhere"))
    versions_folder.write_text("in the way")
    for number in range(3):
        ada.add_update(1, f"Number {number}.")
        assert f"Number {number}." in anonymous.get("/post/1").text
        ask_all(site.app)
    assert len(warnings()) == 1, warnings()
    assert "Python makes the pages meanwhile" in warnings()[0]
    assert outdated(site.app) == set()
    assert "/post/1" not in reachable(site.store.root)
    if versions_folder.is_file():  # unless the folder was put aside with it
        versions_folder.unlink()
    ask_all(site.app)
    assert {"/", "/post/1", "/post/1/updates/1"} <= reachable(site.store.root).keys()
    assert outdated(site.app) == set()
    ada.add_update(1, "Mended.")
    assert b"Mended." in reachable(site.store.root)["/post/1"].read_bytes()
    assert len(warnings()) == 1


def test_after_trouble_the_store_is_left_alone_for_a_while(
    site: Pages, monkeypatch: pytest.MonkeyPatch, warnings: Callable[[], list[str]]
) -> None:
    monkeypatch.setattr(public, "TROUBLE_SECONDS", 1_000.0)
    locks = site.store.locks
    monkeypatch.setattr(site.store, "locks", locks / "nowhere")
    site.store.remove("/post/1")
    anonymous = Person(site.app)
    assert anonymous.get("/post/1").status_code == 200
    monkeypatch.setattr(site.store, "locks", locks)
    assert anonymous.get("/post/1").status_code == 200
    assert "/post/1" not in reachable(site.store.root)
    assert len(warnings()) == 1
    site.broken_until = 1.0
    anonymous.get("/post/1")
    assert "/post/1" in reachable(site.store.root)


@pytest.fixture
def frozen(site: Pages, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No file in the store can be made, replaced or taken away."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        for name in ("unlink", "replace", "utime"):
            patch.setattr(store.os, name, refuse)
        yield patch


@pytest.mark.slow
def test_an_outdated_page_that_cannot_be_taken_away_is_put_aside(
    site: Pages, frozen: pytest.MonkeyPatch, warnings: Callable[[], list[str]]
) -> None:
    Person(site.app, "ada").add_update(1, "Late.")
    assert outdated(site.app) == set(), "it would be served"
    assert "/post/1" not in reachable(site.store.root)
    frozen.undo()
    site.broken_until = 1.0
    ask_all(site.app)
    assert "/post/1" in reachable(site.store.root)
    assert list(site.app.config["INSTANCE"].glob(".old-pages-*"))
    for folder in site.app.config["INSTANCE"].glob(".old-pages-*"):
        shutil.rmtree(folder)


@pytest.mark.slow
def test_what_was_put_aside_is_deleted_by_the_next_start(site: Pages, frozen: pytest.MonkeyPatch) -> None:
    Person(site.app, "ada").add_update(1, "Late.")
    frozen.undo()
    repair.at_start(site.app)
    left = list(site.app.config["INSTANCE"].glob(".old-pages-*"))
    for folder in left:
        shutil.rmtree(folder)
    assert left == []


@pytest.fixture
def small_disk(app: Flask) -> Iterator[Path]:
    """The store on a file system of its own, of 600 kB."""
    root: Path = app.config["INSTANCE"] / "pages"
    command = ["mount", "-t", "tmpfs", "-o", "size=600k,mode=755", "tmpfs", str(root)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a small file system can't be mounted here: {done.stderr.strip()}")
    yield root
    subprocess.run(["umount", str(root)], check=True)


@pytest.mark.slow
def test_a_full_disk_costs_speed_and_nothing_else(
    small_disk: Path, site: Pages, warnings: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "TROUBLE_SECONDS", 0.0)
    ada, anonymous = Person(site.app, "ada"), Person(site.app)
    assert "/post/1" in reachable(small_disk)
    ballast = small_disk / ".ballast"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while file.write(b"\0" * 4096):
            pass
    for number in range(3):
        ada.add_update(1, f"Number {number}.")
        assert f"Number {number}." in anonymous.get("/post/1").text
        assert outdated(site.app) == set(), "an outdated page is still a file"
    ask_all(site.app)
    assert outdated(site.app) == set()
    assert len(warnings()) == 1, warnings()
    assert "No space left" in warnings()[0]
    ballast.unlink()
    list(site.store.sweep(0))
    list(site.store.sweep_orphans())
    anonymous.get("/post/1")
    anonymous.get("/about/imprint")
    assert {"/post/1", "/about/imprint"} <= reachable(small_disk).keys()
    assert outdated(site.app) == set()
