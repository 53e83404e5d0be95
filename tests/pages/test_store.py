"""The page store by itself: whole versions, swapped at once, found as uWSGI finds them, kept a while and then gone."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from zlib import crc32

import pytest

from support.checkout import CHECKOUT
from tools.processes import until
from webapp.pages import entry, store
from webapp.pages.store import Store
from webapp.system import exchange, instance, locks

PATHS = ["/", "/page/2", "/post/7", "/post/7/updates/3", "/post/7/comments/1", "/post/7/update/12", "/post/7/feed.atom"]
PATHS += [
    "/post/7/feed.json",
    "/user/ada",
    "/user/ada/page/2",
    "/user/ada/feed.json",
    "/tag/足球",
    "/tag/足球/feed.atom",
]
PATHS += ["/about/imprint", "/feed.atom", "/feed.json", "/sitemap.xml", "/robots.txt"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    instance.prepare(tmp_path / "instance")
    return tmp_path / "instance"


@pytest.fixture
def pages(folder: Path) -> Store:
    made = Store(folder)
    made.prepare()
    return made


def put(pages: Store, path: str, version: int, content: bytes = b"Text") -> None:
    with pages.lock(path), pages.open(path) as slot:
        assert slot, path
        slot.put(version, content)


def as_uwsgi(pages: Store, path: str) -> Path:
    """The file, with every link resolved, as uWSGI does before it looks at it. Raises FileNotFoundError."""
    for docroot in (pages.root, pages.root / ".under"):
        with suppress(FileNotFoundError, NotADirectoryError):
            found = (docroot / path[1:]).resolve(strict=True)
            file = (found / "index.html").resolve(strict=True) if found.is_dir() else found
            assert file.is_relative_to(docroot), "uWSGI would refuse it"
            return file
    raise FileNotFoundError(path)


def is_reachable(pages: Store, path: str) -> bool:
    try:
        as_uwsgi(pages, path)
    except FileNotFoundError:
        return False
    return True


def versions_kept(pages: Store) -> set[str]:
    return {folder.name for folder in (pages.root / ".under" / ".versions").iterdir()}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The store's time; set `now` to go on."""
    clock = SimpleNamespace(now=time.time())
    for module in (entry, store):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


# Put, read, remove


@pytest.mark.parametrize("path", PATHS)
def test_what_is_put_is_found_by_python_and_by_uwsgi(pages: Store, path: str) -> None:
    assert pages.read(path, gzipped=False) is None
    assert pages.version(path) is None
    for version in (5_000, 6_000):
        put(pages, path, version, f"{path} {version}".encode())
        file = as_uwsgi(pages, path)
        assert file.read_bytes() == f"{path} {version}".encode()
        assert gzip.decompress(Path(f"{file}.gz").read_bytes()) == file.read_bytes()
        assert file.stat().st_mtime == Path(f"{file}.gz").stat().st_mtime == pages.version(path) == version
        plain, packed = pages.read(path, gzipped=False), pages.read(path, gzipped=True)
        assert plain and packed
        assert (plain.content, plain.version, plain.encoding) == (file.read_bytes(), version, None)
        assert (gzip.decompress(packed.content), packed.version, packed.encoding) == (plain.content, version, "gzip")
        assert list(pages.paths()) == [path]
    pages.remove(path)
    assert not is_reachable(pages, path)
    assert pages.read(path, gzipped=True) is None
    assert list(pages.paths()) == []
    pages.remove(path)


def test_all_pages_stand_beside_each_other_in_any_order(pages: Store) -> None:
    for order in (PATHS, PATHS[::-1]):
        for path in order:
            put(pages, path, 5_000, path.encode())
        assert sorted(pages.paths()) == sorted(PATHS)
        assert [as_uwsgi(pages, path).read_bytes().decode() for path in PATHS] == PATHS
        pages.clear()
        assert list(pages.paths()) == []
        assert not any(is_reachable(pages, path) for path in PATHS)


def test_what_lies_under_a_page_outlives_its_versions(pages: Store) -> None:
    put(pages, "/post/7/updates/3", 5_000, b"older")
    for version in (5_000, 5_001):
        put(pages, "/post/7", version)
        assert as_uwsgi(pages, "/post/7/updates/3").read_bytes() == b"older"
    assert set(pages.paths("/post/7")) == {"/post/7/updates/3"}
    with pages.lock("/post/7"):
        pages.remove("/post/7")
    assert as_uwsgi(pages, "/post/7/updates/3").read_bytes() == b"older"
    assert not is_reachable(pages, "/post/7")
    put(pages, "/post/7", 5_002)
    pages.remove_tree("/post/7")
    assert list(pages.paths("/post/7")) == []
    assert list(pages.paths()) == ["/post/7"]
    assert not is_reachable(pages, "/post/7/updates/3")
    assert is_reachable(pages, "/post/7")


def test_a_tree_is_removed_alone(pages: Store) -> None:
    for path in [*PATHS, "/post/77", "/post/77/updates/3", "/user/ad", "/page/3"]:
        put(pages, path, 5_000)
    pages.remove_tree("/user")
    pages.remove_tree("/page")
    pages.remove_tree("/post/7")
    gone = {path for path in PATHS if path.startswith(("/user/", "/post/7/", "/page/"))}
    assert set(pages.paths()) == set(PATHS) - gone | {"/post/77", "/post/77/updates/3"}
    pages.remove_tree("/nothing/there")


# Whole or not at all


def look(file: Path) -> tuple[bytes, bytes, float, float]:
    """Page and twin with their times, one after the other, as a slow server would."""
    twin = Path(f"{file}.gz")
    return file.read_bytes(), gzip.decompress(twin.read_bytes()), file.stat().st_mtime, twin.stat().st_mtime


def is_whole(seen: tuple[bytes, bytes, float, float]) -> bool:
    page, twin, time_of_page, time_of_twin = seen
    return page == twin == b"%d " % time_of_page * (int(time_of_page) % 100 * 10) and time_of_page == time_of_twin


@pytest.mark.parametrize("path", ["/post/7", "/post/7/updates/3", "/post/7/feed.json", "/about/imprint", "/feed.atom"])
def test_readers_get_one_version_or_another_while_it_is_put_300_times(pages: Store, path: str) -> None:
    def content(version: int) -> bytes:
        return b"%d " % version * (version % 100 * 10)

    put(pages, path, 1_000, content(1_000))
    done, seen = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            seen.append(look(as_uwsgi(pages, path)))

    reader = threading.Thread(target=read)
    reader.start()
    for version in range(1_001, 1_301):
        put(pages, path, version, content(version))
    done.set()
    reader.join()
    assert [one for one in seen if not is_whole(one)] == []
    assert len({one[2] for one in seen}) > 3, "it did change meanwhile"


def test_half_of_two_versions_would_be_seen(pages: Store) -> None:
    """By a reader who doesn't resolve the link first: so the test above can fail."""
    file = pages.root / "post" / "7" / "index.html"
    put(pages, "/post/7", 1_001, b"1001 " * 10)
    page, time_of_page = file.read_bytes(), file.stat().st_mtime
    put(pages, "/post/7", 1_002, b"1002 " * 20)
    assert not is_whole((page, gzip.decompress(Path(f"{file}.gz").read_bytes()), time_of_page, file.stat().st_mtime))
    assert is_whole(look(file))


def test_a_reader_who_found_a_version_keeps_it_until_the_sweep(pages: Store, clock: SimpleNamespace) -> None:
    put(pages, "/post/7", 1_001, b"1001 " * 10)
    found = as_uwsgi(pages, "/post/7")
    put(pages, "/post/7", 1_002, b"1002 " * 20)
    list(pages.sweep())
    assert is_whole(look(found))
    clock.now += store.RETIRED_SECONDS - 1
    list(pages.sweep())
    assert is_whole(look(found))
    clock.now += 2
    list(pages.sweep())
    assert not found.exists()
    assert is_whole(look(as_uwsgi(pages, "/post/7")))


def test_a_version_that_cannot_be_written_leaves_the_old_one(pages: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(pages, "/post/7", 1_001, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", lambda *_args: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            put(pages, "/post/7", 1_002, b"new")
    assert as_uwsgi(pages, "/post/7").read_bytes() == b"old"
    assert pages.version("/post/7") == 1_001
    assert len(versions_kept(pages)) == 1, "nothing of it is left"


# Removed meanwhile


@pytest.mark.parametrize(
    ("path", "tree"),
    [
        ("/post/7/updates/3", "/post/7"), ("/post/7/comments/1", "/post/7"), ("/post/7/feed.atom", "/post/7"),
        ("/user/ada", "/user"), ("/user/ada/page/2", "/user"), ("/user/ada/feed.json", "/user/ada"),
        ("/tag/x/page/2", "/tag"), ("/page/2", "/page"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [True, False])
def test_what_is_put_after_its_tree_was_removed_is_not_found(
    pages: Store, clock: SimpleNamespace, path: str, tree: str, before: bool
) -> None:
    """Its snapshot may be older than the change that removed the tree."""
    put(pages, "/post/7", 1_001)
    if before:
        put(pages, path, 1_001, b"old")
    with pages.lock(path), pages.open(path) as slot:
        assert slot
        pages.remove_tree(tree)
        slot.put(1_002, b"outdated")
    assert not is_reachable(pages, path)
    assert pages.read(path, gzipped=False) is None
    assert list(pages.paths()) == ["/post/7"]
    put(pages, path, 1_003, b"new")
    assert as_uwsgi(pages, path).read_bytes() == b"new"
    clock.now += store.RETIRED_SECONDS + 1
    list(pages.sweep())
    list(pages.sweep_orphans())
    assert len(versions_kept(pages)) == 2
    assert list((pages.root / ".retired").iterdir()) == []
    assert as_uwsgi(pages, path).read_bytes() == b"new"


def test_what_is_put_after_the_store_was_cleared_is_not_found(pages: Store) -> None:
    for path in ("/about/imprint", "/post/7", "/post/7/updates/3"):
        put(pages, path, 1_001)
        with pages.open(path) as slot:
            assert slot
            pages.clear()
            slot.put(1_002, b"outdated")
        assert not is_reachable(pages, path)


# All at once


def renew(pages: Store, version: int, *paths: str) -> None:
    with pages.lock("/", *paths), pages.renewed(version) as tree:
        for path in paths:
            with pages.open(path, tree) as slot:
                assert slot
                slot.put(version, b"new")


def test_all_pages_give_way_to_those_that_were_made_before(pages: Store, clock: SimpleNamespace) -> None:
    for path in PATHS:
        put(pages, path, 1_001, b"old")
    kept = ["/", "/post/7", "/user/ada", "/feed.atom", "/tag/足球/feed.atom"]
    renew(pages, 1_002, *kept, "/about/new")
    assert set(pages.paths()) == {*kept, "/about/new"}
    for path in PATHS:
        assert is_reachable(pages, path) == (path in kept), path
    assert {as_uwsgi(pages, path).read_bytes() for path in pages.paths()} == {b"new"}
    assert gzip.decompress((pages.root / "index.html.gz").read_bytes()) == b"new"
    assert pages.renewed_at() == 1_002
    clock.now += store.RETIRED_SECONDS + 1
    list(pages.sweep())
    assert len(versions_kept(pages)) == len(kept)
    assert list((pages.root / ".retired").iterdir()) == []
    renew(pages, 1_003)
    assert list(pages.paths()) == []


@pytest.mark.parametrize("path", ["/", "/post/7", "/feed.atom", "/user/ada/feed.json"])
def test_what_is_made_before_is_never_absent(pages: Store, path: str) -> None:
    """Nor does a version end while somebody reads it."""
    put(pages, path, 1_000)
    put(pages, "/about/imprint", 1_000)
    done, problems, seen = threading.Event(), [], set()

    def read() -> None:
        while not done.is_set():
            try:
                seen.add(as_uwsgi(pages, path).stat().st_mtime)
            except OSError as error:
                problems.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for version in range(1_001, 1_201):
        renew(pages, version, path)
    done.set()
    reader.join()
    assert problems == []
    assert len(seen) > 3, "it did change meanwhile"


@pytest.mark.parametrize("path", ["/post/7", "/post/7/updates/3", "/tag/x", "/about/imprint", "/page/2"])
def test_what_was_opened_before_goes_with_the_old_ones(pages: Store, path: str) -> None:
    """Its snapshot may be older than the change that renewed all."""
    put(pages, "/post/7", 1_001)
    with pages.open(path) as slot:
        assert slot
        renew(pages, 1_002, "/post/7")
        slot.put(1_001, b"outdated")
    assert list(pages.paths()) == ["/post/7"]
    assert as_uwsgi(pages, "/post/7").read_bytes() == b"new"


@pytest.mark.parametrize("problem", [errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP])
def test_where_names_cannot_be_exchanged_at_once_they_are_one_by_one(
    pages: Store, monkeypatch: pytest.MonkeyPatch, problem: int
) -> None:
    monkeypatch.setattr(exchange, "_exchange", lambda *_names: problem)
    for path in PATHS:
        put(pages, path, 1_001, b"old")
    renew(pages, 1_002, "/", "/post/7")
    assert set(pages.paths()) == {"/", "/post/7"}
    assert {as_uwsgi(pages, path).read_bytes() for path in pages.paths()} == {b"new"}


def test_names_that_cannot_be_exchanged_for_another_reason_are_an_error(
    pages: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_exchange", lambda *_names: errno.EROFS)
    put(pages, "/post/7", 1_001)
    with pytest.raises(OSError, match="Read-only"):
        renew(pages, 1_002, "/post/7")


@pytest.mark.parametrize("path", PATHS[1:])
def test_a_page_takes_four_inodes(pages: Store, path: str) -> None:
    """Its link, the folder of its version, its file and its twin; folders that pages share apart."""
    put(pages, path, 1_001)
    left = [
        file for file in pages.root.rglob("*") if file.is_symlink() or file.is_file() or file.parent.name == ".versions"
    ]
    assert len(left) == 4
    assert sum(file.is_symlink() for file in left) == 1


def test_pages_are_locked_together_in_one_order(pages: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or two who want the same ones would wait for each other."""
    monkeypatch.setattr(locks, "LOCK_PATIENCE_SECONDS", 5)
    done = []

    def work(paths: list[str]) -> None:
        for _time in range(50):
            with pages.lock(*paths):
                done.append(1)

    threads = [threading.Thread(target=work, args=(paths,)) for paths in (PATHS, PATHS[::-1], PATHS[:1] * 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 150


# The sweep


def test_retired_versions_are_deleted_by_the_sweep_and_not_before(pages: Store, clock: SimpleNamespace) -> None:
    for version in (1_001, 1_002):
        for path in PATHS[1:]:
            put(pages, path, version)
    pages.remove("/about/imprint")
    pages.remove_tree("/user")
    in_use = len(list(pages.paths()))
    before = versions_kept(pages)
    assert len(before) == 2 * len(PATHS[1:])
    list(pages.sweep())
    list(pages.sweep_orphans())
    assert versions_kept(pages) == before
    clock.now += store.RETIRED_SECONDS + 1
    list(pages.sweep())
    assert len(versions_kept(pages)) == in_use
    assert list((pages.root / ".retired").iterdir()) == []
    assert all(is_reachable(pages, path) for path in pages.paths())


def test_a_version_that_nothing_points_at_is_deleted_after_a_while(pages: Store, clock: SimpleNamespace) -> None:
    put(pages, "/post/7", 1_001)
    put(pages, "/post/7/updates/3", 1_001)
    put(pages, "/user/ada", 1_001)
    pages.remove("/user/ada")  # retired, so not an orphan
    wanted = versions_kept(pages)
    orphan = pages.root / ".under" / ".versions" / "left-behind"
    orphan.mkdir()
    (orphan / "index.html").write_text("half")
    list(pages.sweep_orphans())
    assert versions_kept(pages) == wanted | {"left-behind"}, "somebody may be writing it now"
    clock.now += store.RETIRED_SECONDS + 1
    list(pages.sweep_orphans())
    assert versions_kept(pages) == wanted


def test_no_sweep_follows_a_link_out_of_the_store(pages: Store, tmp_path: Path, clock: SimpleNamespace) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (pages.root / ".retired" / "1-x").symlink_to(outside)
    (pages.root / "post").mkdir()
    (pages.root / "post" / "9").symlink_to(outside)
    pages.remove_tree("/post")
    clock.now += store.RETIRED_SECONDS + 1
    list(pages.sweep())
    list(pages.sweep_orphans())
    assert list((pages.root / ".retired").iterdir()) == []
    pages.clear()
    assert (outside / "kept").read_text() == "kept"


# The lock

HOLDER = """
import sys
from pathlib import Path
from webapp.pages.store import Store
with Store(Path(sys.argv[1])).lock(sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def another_process(folder: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start one that holds a page's lock until it is killed."""
    started = []

    def hold(path: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder), path],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_the_lock_excludes_other_threads(pages: Store) -> None:
    inside, most = [], []

    def work() -> None:
        for _time in range(20):
            with pages.lock("/post/7"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0)  # lets the others try
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 160


def test_the_lock_excludes_other_processes_until_they_die(
    pages: Store, another_process: Callable[[str], subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LOCK_PATIENCE_SECONDS", 0.05)
    holder = another_process("/post/7")
    with pytest.raises(TimeoutError, match="held by another process"), pages.lock("/post/7"):
        pass
    slots = {path: crc32(path.encode()) % store.LOCKS for path in PATHS}
    other = next(path for path in PATHS if slots[path] != slots["/post/7"])
    with pages.lock(other):
        pass
    holder.kill()
    holder.wait()
    with pages.lock("/post/7"):
        pass


def test_whoever_waits_for_a_thread_gives_up_too(pages: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a queue of readers behind a lock that isn't to be had waits ten seconds for each of them in turn."""
    monkeypatch.setattr(locks, "LOCK_PATIENCE_SECONDS", 0.05)
    given_up = threading.Event()

    def wait() -> None:
        try:
            with pages.lock("/post/7"):
                pass
        except TimeoutError:
            given_up.set()

    with pages.lock("/post/7"):
        thread = threading.Thread(target=wait)
        thread.start()
        found = given_up.wait(1)
    thread.join()
    assert found


def test_lock_files_stay_and_are_nobody_elses(pages: Store, folder: Path) -> None:
    for number in range(200):
        with pages.lock(f"/post/{number}"):
            pass
    names = {file.name for file in (folder / "locks").iterdir()}
    assert names == {f"page-{number}" for number in range(store.LOCKS)}
    assert {stat.S_IMODE(file.stat().st_mode) for file in (folder / "locks").iterdir()} == {0o600}


def test_a_greenlet_that_waits_for_a_lock_holds_up_nobody(run_patched: Callable[[str], None]) -> None:
    run_patched(
        f"""
        import subprocess, sys
        import gevent

        pages = app.extensions["pages"].store
        holder = subprocess.Popen(
            [sys.executable, "-c", {HOLDER!r}, str(app.config["INSTANCE"]), "/post/7"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert holder.stdout.readline() == "held\\n"
        got = []

        def wait(number):
            with pages.lock("/post/7"):
                got.append(number)
                gevent.sleep(0)

        waiting = [gevent.spawn(wait, number) for number in range(5)]
        gevent.sleep(0)
        with app.test_client() as client:  # others go on meanwhile
            for _time in range(20):
                assert client.get("/hello").data == b"Hello, World!"
                gevent.sleep(0.005)
        assert got == []
        holder.stdin.close()
        with gevent.Timeout(30):
            gevent.joinall(waiting, raise_error=True)
        assert sorted(got) == [0, 1, 2, 3, 4]
        holder.stdout.close()
        holder.wait()
        """
    )


# The folder


def test_links_survive_moving_the_whole_instance(pages: Store, folder: Path) -> None:
    for path in PATHS:
        put(pages, path, 1_001, path.encode())
    moved = folder.rename(folder.with_name("elsewhere"))
    there = Store(moved)
    assert [as_uwsgi(there, path).read_bytes().decode() for path in PATHS] == PATHS
    assert sorted(there.paths()) == sorted(PATHS)
    assert all(moved in as_uwsgi(there, path).parents for path in PATHS)


@pytest.mark.parametrize("umask", [0o077, 0o000, 0o027])
def test_nginx_may_read_it_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        instance.prepare(tmp_path / "instance")
        pages = Store(tmp_path / "instance")
        pages.prepare()
        for version in (1_001, 1_002):
            for path in PATHS:
                put(pages, path, version)
        pages.remove_tree("/user")
        pages.clear()
        for path in PATHS:
            put(pages, path, 1_003)
    finally:
        os.umask(before)
    found = [(path, stat.S_IMODE(path.lstat().st_mode), path.is_dir()) for path in pages.root.rglob("*")]
    found = [(pages.root, stat.S_IMODE(pages.root.stat().st_mode), True), *found]
    for path, mode, is_folder in found:
        if not path.is_symlink():
            assert mode == (0o755 if is_folder else 0o644), path


def test_a_store_that_was_deleted_is_made_again(pages: Store) -> None:
    put(pages, "/post/7", 1_001)
    shutil.rmtree(pages.root)
    assert pages.read("/post/7", gzipped=False) is None
    assert pages.version("/post/7") is None
    put(pages, "/post/7/updates/3", 1_001)
    put(pages, "/post/7", 1_001)
    assert is_reachable(pages, "/post/7")
    assert is_reachable(pages, "/post/7/updates/3")


def test_a_tree_that_is_removed_at_the_worst_moment_breaks_nothing(
    pages: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.make_folder

    def make_and_lose(folder: Path) -> Path:
        made = real(folder)
        if folder.name == "user":
            monkeypatch.setattr(store, "make_folder", real)
            pages.remove_tree("/user")
        return made

    monkeypatch.setattr(store, "make_folder", make_and_lose)
    put(pages, "/user/ada", 1_001)
    assert is_reachable(pages, "/user/ada")


def test_threads_that_put_and_remove_at_once_leave_a_whole_store(pages: Store, clock: SimpleNamespace) -> None:
    """Each puts, removes and takes trees away, over and over; whatever is found at the end can be read."""
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for version in range(1_000, 1_040):
                for path in ("/post/7", "/post/7/updates/3", "/user/ada", "/post/7/feed.atom"):
                    put(pages, path, version, b"%d " % version)
                if number == 0:
                    pages.remove_tree("/post/7")
                elif number == 1:
                    pages.remove_tree("/user")
                elif number == 2:
                    with pages.lock("/post/7"):
                        pages.remove("/post/7")
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: not any(thread.is_alive() for thread in threads), "all were done")
    assert problems == []
    clock.now += store.RETIRED_SECONDS + 1
    list(pages.sweep())
    list(pages.sweep_orphans())
    assert all(is_reachable(pages, path) for path in pages.paths())
    assert len(versions_kept(pages)) == len(list(pages.paths()))
