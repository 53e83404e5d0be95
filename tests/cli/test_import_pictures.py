"""`pressroom import` takes the pictures along that lie beside the files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from support.commands import done
from support.persons import Person
from support.photos import photo
from webapp import db
from webapp.content import library, pictures
from webapp.media.storage import STORAGE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "blog").mkdir()
    return tmp_path / "blog"


@pytest.fixture
def run(app: Flask, folder: Path) -> Callable[..., Result]:
    def run(*more: str) -> Result:
        args = ["import", str(folder), "--author", "ada", "--publish-undated", *more]
        return app.test_cli_runner().invoke(args=args)

    return run


def put(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def shown(app: Flask, person: Person, title: str) -> list[str]:
    """The file names of the pictures in a post, in their order."""
    found = re.search(rf'href="(/post/\d+)"[^>]*>{title}<', person.get("/").text)
    assert found, title
    names = dict.fromkeys(re.findall(r"/media/([0-9a-f]{16})-\d+\.jpg\" alt", person.get(found[1]).text))
    with app.app_context():
        return [library.written(db.reading(), name).file_name for name in names]


def test_pictures_beside_the_files_come_along(
    app: Flask, folder: Path, tmp_path: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    for number, path in enumerate(
        (
            "bundle/sea.jpg",
            "posts/images/quay.jpg",
            "posts/harbour/boat.jpg",
            "static/rope.jpg",
            "../assets/images/crane.jpg",
            "bundle/cover.jpg",
        )
    ):
        put(folder / path, photo(seed=number))
    put(folder / "bundle/index.md", "---\ntitle: Bundle\ncover: cover.jpg\n---\n![The sea](sea.jpg)")
    body = '![](images/quay.jpg "The quay")\n\n![](boat.jpg)\n\n![](/rope.jpg?v=2)\n\n<img src="/images/crane.jpg">'
    put(folder / "posts/harbour.md", f"---\ntitle: Harbour\n---\n{body}\n\n`![](boat.jpg)` ![](gone.jpg)")
    said = done(run("--static", str(tmp_path / "assets")))
    assert "6 pictures imported." in said
    assert "Images that weren’t found: 1 in 1 file, such as gone.jpg in posts/harbour.md" in said
    assert shown(app, anonymous, "Harbour") == ["quay.jpg", "boat.jpg", "rope.jpg", "crane.jpg"]
    assert shown(app, anonymous, "Bundle") == ["sea.jpg"]
    with app.app_context():
        cover = next(each for each in library.search(db.reading(), "cover", 1).pictures)
    assert f"/media/{cover.name}-480.webp" in anonymous.get("/").text
    assert (folder / "bundle/sea.jpg").stat().st_mode & 0o777 == 0o644, "the file stays as it is"
    again = done(run("--static", str(tmp_path / "assets")))
    assert "2 already there" in again
    assert len(list(STORAGE.of(app).list())) == 6


def test_nothing_outside_the_named_folders_is_taken(
    app: Flask, folder: Path, tmp_path: Path, run: Callable[..., Result]
) -> None:
    put(tmp_path / "private.jpg", photo())
    (folder / "link.jpg").symlink_to(tmp_path / "private.jpg")
    targets = (
        "../private.jpg",
        "link.jpg",
        "/../private.jpg",
        "..%2fprivate.jpg",
        f"{tmp_path}/private.jpg",
        "a\0b.jpg",
    )
    put(folder / "evil.md", "# Evil\n\n" + "\n\n".join(f"![]({target})" for target in targets))
    said = done(run())
    assert "pictures imported" not in said and "picture imported" not in said
    assert "Images that weren’t found: " in said
    assert list(STORAGE.of(app).list()) == []


def test_what_cant_be_used_is_named_and_the_post_comes_all_the_same(
    app: Flask, folder: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    put(folder / "drawing.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    put(folder / "post.md", "# Drawn\n\n![](drawing.svg)\n\nText.")
    said = done(run())
    assert f"1 picture not imported: {folder}/drawing.svg: SVG files can’t be uploaded. Export this one as PNG." in said
    assert "Drawn" in anonymous.get("/").text


def test_a_dry_run_names_what_is_missing_and_takes_nothing(
    app: Flask, folder: Path, run: Callable[..., Result]
) -> None:
    put(folder / "sea.jpg", photo())
    put(folder / "post.md", "# Post\n\n![](sea.jpg) ![](gone.jpg)")
    said = done(run("--dry-run"))
    assert "Images that weren’t found: 1 in 1 file, such as gone.jpg in post.md" in said
    assert list(STORAGE.of(app).list()) == []


def test_a_changed_file_keeps_its_pictures_and_an_undone_import_leaves_them_to_the_sweep(
    app: Flask, folder: Path, run: Callable[..., Result], anonymous: Person
) -> None:
    put(folder / "sea.jpg", photo())
    put(folder / "post.md", "# Post\n\n![](sea.jpg)")
    done(run())
    put(folder / "post.md", "# Post\n\nMore.\n\n![](sea.jpg)")
    assert "1 updated" in done(run())
    assert shown(app, anonymous, "Post") == ["sea.jpg"]
    done(app.test_cli_runner().invoke(args=["import", "--undo", "2"]))
    assert shown(app, anonymous, "Post") == ["sea.jpg"]
    done(app.test_cli_runner().invoke(args=["import", "--undo", "1"]))
    with app.app_context():
        [name] = STORAGE.of(app).list()
        assert library.uses(db.reading(), pictures.named(db.reading(), name)) == []  # type: ignore[arg-type]
