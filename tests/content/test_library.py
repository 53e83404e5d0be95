"""What nobody uses is swept away, and nothing else."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from support.persons import Person
from support.photos import photo, send
from webapp import db
from webapp.content import library, pictures
from webapp.media.storage import STORAGE
from webapp.models import Picture
from webapp.system.clock import now_ms

WEEK_MS = 7 * 86_400_000


def age(app: Flask, name: str, by_ms: int) -> None:
    with app.app_context(), db.writing() as session:
        picture = pictures.named(session, name)
        assert picture
        picture.created_at = now_ms() - by_ms


def originals(app: Flask) -> set[str]:
    return set(STORAGE.of(app).list())


def rows(app: Flask) -> set[str]:
    with app.app_context():
        return {picture.name for picture in db.reading().query(Picture)}


def test_a_picture_that_no_text_ever_named_goes_after_a_week(app: Flask, ada: Person) -> None:
    used, unused, young = (send(ada, photo(seed=seed)).json["name"] for seed in range(3))
    post_id = ada.write_post(live="y")
    n = ada.add_update(post_id, f"![](/media/{used})")
    ada.post(f"/desk/post/{post_id}/update/{n}/edit", body="Without it.", title="")  # its history shows it
    for name in (used, unused):
        age(app, name, WEEK_MS + 1_000)
    age(app, young, WEEK_MS - 60_000)
    with app.app_context():
        library.Sweep().run()
    assert rows(app) == originals(app) == {used, young}
    assert not list((Path(app.config["INSTANCE"]) / "media/pictures").glob(f"{unused}*"))


def test_an_original_without_a_row_goes_when_it_was_there_the_last_time_too(
    app: Flask, ada: Person, tmp_path: Path
) -> None:
    known = send(ada, photo()).json["name"]
    sweep = library.Sweep()
    (tmp_path / "left").write_bytes(b"left by a crash")
    STORAGE.of(app).put("0123456789abcdef", tmp_path / "left")
    with app.app_context():
        sweep.run()
        assert originals(app) == {known, "0123456789abcdef"}  # it may just be on its way
        sweep.run()
    assert originals(app) == {known}


def test_the_same_words_again_change_nothing(app: Flask, ada: Person) -> None:
    name = send(ada, photo()).json["name"]
    post_id = ada.write_post(body=f"![](/media/{name})")
    for _ in range(2):
        ada.post(f"/desk/media/{name}", alt="The goal")
    with app.app_context(), db.writing() as session:
        library.describe(session, name, alt="The goal", caption="", credit="", decorative=False)
        assert not session.touched
        library.describe(session, name, alt="The goal", caption="", credit="", decorative=True)
        assert f"/post/{post_id}" in session.touched


def test_pages_of_the_site_show_changed_words_too(app: Flask, ada: Person, edith: Person, anonymous: Person) -> None:
    name = send(ada, photo()).json["name"]
    edith.post("/desk/about/new", name="imprint", title="Imprint", body=f"![](/media/{name})")
    ada.post(f"/desk/media/{name}", alt="The office")
    assert 'alt="The office"' in anonymous.get("/about/imprint").text
    edith.post("/desk/about/delete/imprint")
    assert "No text shows this picture." in ada.get(f"/desk/media/{name}").text


def test_a_deleted_post_shows_no_picture(ada: Person, edith: Person) -> None:
    name = send(ada, photo()).json["name"]
    post_id = ada.write_post(live="y", body=f"![](/media/{name})")
    ada.add_update(post_id, f"![](/media/{name})")
    edith.post(f"/desk/post/{post_id}/delete")
    assert "No text shows this picture." in ada.get(f"/desk/media/{name}").text
