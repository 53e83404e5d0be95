"""Variants are made when somebody asks, if the picture has them at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from support.persons import Person
from support.photos import photo, send
from webapp.content import intake
from webapp.media import storage, variants


@pytest.fixture
def name(ada: Person) -> str:
    return str(send(ada, photo(2_000, 1_000)).json["name"])


def media(app: Flask) -> Path:
    return Path(app.config["INSTANCE"]) / "media/pictures"


def test_a_variant_that_was_deleted_is_made_again(app: Flask, anonymous: Person, name: str) -> None:
    for file in media(app).glob(f"{name}*"):
        file.unlink()
    for width, ending, kind in ((960, "webp", "image/webp"), (2_000, "jpg", "image/jpeg")):
        with anonymous.get(f"/media/{name}-{width}.{ending}") as answer:
            assert (answer.status_code, answer.mimetype) == (200, kind)
            assert answer.cache_control.max_age == 86_400
            assert "Set-Cookie" not in answer.headers
        assert (media(app) / f"{name}-{width}.{ending}").is_file()


def test_other_widths_types_and_names_are_nothing_and_no_work(
    app: Flask, anonymous: Person, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "make", lambda *_args: pytest.fail("it was worked for"))
    for file in ("-481.webp", "-0.webp", "-99999999999999999999.webp", "-480.png", "-480.svg", "-480.webp.gz", ".webp"):
        assert anonymous.get(f"/media/{name}{file}").status_code == 404, file
    for other in ("0" * 16, name.upper(), name[:15], f"{name}0", "../" + name, f"{name[:14]}%00"):
        assert anonymous.get(f"/media/{other}-480.webp").status_code == 404, other


def test_a_text_leads_to_the_largest(anonymous: Person, name: str) -> None:
    answer = anonymous.get(f"/media/{name}")
    assert (answer.status_code, answer.location) == (302, f"/media/{name}-2000.webp")
    assert anonymous.get(f"/media/{'0' * 16}").status_code == 404


def test_a_missing_original_is_logged_and_not_found(
    app: Flask, anonymous: Person, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    storage.STORAGE.of(app).delete(name)
    assert anonymous.get(f"/media/{name}-1600.webp").status_code == 404
    assert f"The original of picture {name} is missing" in caplog.text


def test_while_the_decoder_is_busy_readers_are_asked_back(
    anonymous: Person, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_args: object) -> None:
        raise variants.DecoderBusy

    monkeypatch.setattr(variants, "make", busy)
    answer = anonymous.get(f"/media/{name}-1600.webp")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, str(intake.BUSY_SECONDS))


def test_nothing_beside_the_variants_is_served(app: Flask, anonymous: Person, name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (media(app) / f"{'a' * 16}-480.webp").symlink_to(tmp_path / "secret")
    for path in (
        f"{'a' * 16}-480.webp",
        "..%2foriginals%2f" + name,
        "../secret_key",
        f"{name[:2]}/{name}",
    ):
        answer = anonymous.get(f"/media/{path}")
        assert answer.status_code == 404, path
        assert "secret" not in answer.text
