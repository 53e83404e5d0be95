"""Bundles: one script and one stylesheet for readers, one each more for those who write."""

from __future__ import annotations

import gzip
import logging
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

from support.apps import settings_for
from support.checkout import CHECKOUT
from support.persons import Person
from webapp import create_app
from webapp.http import assets
from webapp.http.assets import BUNDLES, CONNECTION, SCRIPTS, STYLES

STATIC = CHECKOUT / "static"
OF_RELEASE_0_1 = {path.stem for path in (STATIC / "js").glob("*.js")} - {"time"}


def loaded(page: str) -> list[str]:
    """What a browser fetches for it, besides pictures."""
    return re.findall(r'<(?:link rel="stylesheet" href|script type="module" src)="([^"]+)"', page)


@pytest.fixture
def folder(app: Flask) -> Iterator[Path]:
    """With today's bundles in it."""
    folder = Path(app.config["INSTANCE"]) / "assets"
    shutil.rmtree(folder)
    assets.write(app)
    yield folder
    shutil.rmtree(folder)
    folder.mkdir()


def names(app: Flask) -> list[str]:
    return sorted(BUNDLES.of(app).contents)


# What is in them


def test_each_script_and_stylesheet_is_in_one_bundle() -> None:
    scripts = [script for bundle in SCRIPTS.values() for script in bundle]
    in_files = {path.relative_to(STATIC / "js").with_suffix("").as_posix() for path in (STATIC / "js").rglob("*.js")}
    assert sorted([*scripts, CONNECTION]) == sorted(in_files - OF_RELEASE_0_1)
    assert sorted(sheet for bundle in STYLES.values() for sheet in bundle) == sorted(
        path.stem for path in (STATIC / "css").glob("*.css")
    )


@pytest.mark.parametrize("script", sorted(path.relative_to(STATIC / "js") for path in (STATIC / "js").rglob("*/*.js")))
def test_a_script_can_be_bundled(script: Path) -> None:
    """It imports nothing; no text runs over lines, which would lose its indentation; no comment hides a block's end."""
    text = (STATIC / "js" / script).read_text(encoding="utf-8")
    assert not re.search(r"^import |^export (?!function serve)", text, re.MULTILINE)
    assert all(line.count("`") % 2 == 0 for line in text.splitlines())
    assert "/*" not in text


@pytest.mark.parametrize("sheet", [sheet for bundle in STYLES.values() for sheet in bundle])
def test_a_stylesheet_loses_only_comments(sheet: str) -> None:
    text = (STATIC / "css" / f"{sheet}.css").read_text(encoding="utf-8")
    stripped = assets.stripped_styles(text)
    assert "/*" not in stripped
    assert stripped.count("{") == stripped.count("}") == re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).count("{")
    assert not re.search(r"""["'(][^"')]*/\*""", re.sub(r"^/\*.*?\*/|\n */\*.*?\*/", "", text, flags=re.DOTALL))


def test_their_names_are_their_contents(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(app) == sorted(assets.Bundles().contents)
    (tmp_path / "static").symlink_to(STATIC)
    monkeypatch.setattr(assets, "_source", lambda ending, name: f"/* {name} */ .{ending} {{}}")
    assert not set(names(app)) & set(assets.Bundles().contents)


# On pages


def test_a_reader_loads_two_files_and_a_writer_four(ada: Person, eve: Person) -> None:
    post_id = ada.write_post(live=True)
    readers = loaded(eve.get("/").text)
    assert [re.sub("[0-9a-f]{12}", "", url) for url in readers] == ["/assets/reader-.css", "/assets/reader-.js"]
    for url in (f"/post/{post_id}", "/user/ada", "/search?q=x", "/login", "/settings", "/nothing"):
        assert loaded(eve.get(url).text) == readers
    composer = loaded(ada.get(f"/desk/post/{post_id}/composer").text)
    assert [re.sub("[0-9a-f]{12}", "", url) for url in composer] == ["/assets/desk-.css", "/assets/desk-.js"]
    for url in ("/desk", "/desk/new", f"/desk/post/{post_id}/live", "/desk/comments"):
        assert loaded(ada.get(url).text) == readers + composer


def test_streams_come_by_the_file_that_the_page_has(ada: Person, eve: Person) -> None:
    post_id = ada.write_post()
    for url in ("/", f"/post/{post_id}"):
        page = eve.get(url).text
        assert re.findall('data-connection="([^"]+)"', page) == [url for url in loaded(page) if url.endswith(".js")]


def test_debugging_shows_single_files(app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    debugged = create_app(settings_for(app.config["INSTANCE"]))
    post_id = ada.write_post()
    page = debugged.test_client().get(f"/post/{post_id}").text
    files = loaded(page)
    assert len(files) == len(STYLES["reader"]) + len(SCRIPTS["reader"])
    for url in [*files, *re.findall('data-connection="([^"]+)"', page)]:
        answer = debugged.test_client().get(url, buffered=True)
        assert answer.status_code == 200
        name = url.partition("?")[0].removeprefix("/static/").removeprefix("/assets/")
        original = STATIC / ("" if "/static/" in url else "js") / name
        assert original.read_text(encoding="utf-8") in answer.text
        assert answer.text.count("\n") - original.read_text(encoding="utf-8").count("\n") in (0, 1)
    assert app.test_client().get("/assets/time.js").status_code == 404


# As files


def test_they_are_files_with_twins(app: Flask, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        name + ending for name in names(app) for ending in ("", ".gz")
    )
    assert folder.stat().st_mode & 0o777 == 0o755
    for name, content in BUNDLES.of(app).contents.items():
        assert (folder / name).read_bytes() == content
        assert gzip.decompress((folder / f"{name}.gz").read_bytes()) == content
        assert (folder / name).stat().st_mode & 0o777 == 0o644


def test_a_damaged_file_is_mended(app: Flask, folder: Path) -> None:
    [name, *_] = names(app)
    (folder / name).write_bytes(b"")
    (folder / f"{name}.gz").write_bytes(b"cut")
    assets.write(app)
    test_they_are_files_with_twins(app, folder)


def test_old_pages_find_their_bundles(app: Flask, folder: Path, anonymous: Person) -> None:
    """The newest of earlier releases stay; from then on an old page gets today's, which may change again."""
    for age in range(1, 9):
        old = folder / f"reader-{age:012}.js"
        old.write_text(f"// {age}")
        os.utime(old, (1_000_000_000 - age, 1_000_000_000 - age))
    draft = folder / ".0123456789abcdef"
    draft.touch()
    os.utime(draft, (1_000_000_000, 1_000_000_000))
    assets.write(app)
    assert sum(path.name.startswith("reader-0") for path in folder.glob("*.js")) == assets.KEPT - 1
    assert not draft.exists()
    kept = anonymous.get("/assets/reader-000000000001.js", buffered=True)
    assert (kept.text, kept.headers["Cache-Control"]) == ("// 1", "public, max-age=31536000, immutable")
    gone = anonymous.get("/assets/reader-000000000008.js")
    assert gone.data == BUNDLES.of(app).contents[BUNDLES.of(app).names["reader", "js"]]
    assert gone.headers["Cache-Control"] == "no-cache"


def test_the_app_sends_what_couldnt_be_written(
    app: Flask, folder: Path, anonymous: Person, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(folder)
    folder.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assets.write(app)
    folder.unlink()
    folder.mkdir()
    assert "Scripts and styles aren't served as files" in caplog.text
    for url in loaded(anonymous.get("/").text):
        answer = anonymous.get(url)
        assert answer.status_code == 200
        assert answer.mimetype == assets.TYPES[url.rpartition(".")[2]]
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "name",
    ["", "reader.js", "reader-0123456789AB.js", "reader-0123456789ab.js.gz", "reader-0123456789ab.txt", ".0123",
     "../secret_key", "%2e%2e/secret_key", "desk-0123456789ab.js%00", "x/reader-0123456789ab.js"],
)  # fmt: skip
def test_nothing_else_is_there(folder: Path, anonymous: Person, name: str) -> None:
    (folder / ".0123").write_text("half of it")
    assert anonymous.get(f"/assets/{name}").status_code == 404


def test_no_link_leads_out(app: Flask, folder: Path, anonymous: Person) -> None:
    secret = Path(app.config["INSTANCE"]) / "secret_key"
    (folder / "reader-000000000000.js").symlink_to(secret)
    assert secret.read_bytes() not in anonymous.get("/assets/reader-000000000000.js").data


def test_today_is_kept_whatever_the_clock_says_of_others(app: Flask, folder: Path) -> None:
    for number in range(7):
        later = folder / f"reader-{number:012}.js"
        later.touch()
        os.utime(later, (4_000_000_000, 4_000_000_000))
    (folder / ".env").touch()
    os.utime(folder / ".env", (1_000_000_000, 1_000_000_000))
    assets.write(app)
    assert set(names(app)) < {path.name for path in folder.iterdir()}
    assert (folder / ".env").exists(), "it isn't ours"


def test_workers_that_start_at_once_write_them_once(app: Flask, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            for file in folder.iterdir():
                file.unlink()
            list(pool.map(assets.write, [app] * 8))
            assert sorted(path.name for path in folder.iterdir()) == sorted(
                name + ending for name in names(app) for ending in ("", ".gz")
            )
    assert caplog.text == ""
