"""The desk's pictures, by pieces and whole; the library."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from PIL import Image

from support.apps import close
from support.content import all_rows
from support.persons import Person, happened, value_of
from support.photos import animation, as_camera, drawn, file_of, photo, send, send_piece
from webapp import create_app, db
from webapp.content import erasure, intake, library
from webapp.desk import media
from webapp.media import storage, uploads, variants


def folder_of(app: Flask) -> Path:
    return Path(app.config["INSTANCE"])


def on_their_way(app: Flask) -> list[str]:
    return [file.name for file in (folder_of(app) / "tmp" / "uploads").glob("*")]


def originals(app: Flask) -> list[str]:
    return list(storage.STORAGE.of(app).list())


@pytest.fixture(autouse=True)
def made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The larger variants too, which otherwise are made after the answer."""
    monkeypatch.setattr(media, "_begin_larger", media._make_larger)


# Sending


def test_a_picture_sent_by_pieces_is_known_by_its_content(app: Flask, ada: Person) -> None:
    content = photo(1200, 800)
    upload = str(uuid4())
    half = len(content) // 2
    first = send_piece(ada, upload, 0, content[:half], len(content))
    assert (first.status_code, first.json) == (200, {"received": half})
    told = send_piece(ada, upload, half, content[half:], len(content)).json
    name = hashlib.sha256(content).hexdigest()[:16]
    assert told["markdown"] == f"![](/media/{name})"
    assert (told["width"], told["height"]) == (1200, 800)
    assert originals(app) == [name]
    with storage.STORAGE.of(app).open(name) as original:
        assert original.read() == content
    assert on_their_way(app) == []
    there = sorted(file.name for file in (folder_of(app) / "media/pictures").glob(f"{name}*"))
    assert there == sorted(f"{name}-{width}.{ending}" for width in (480, 960, 1200) for ending in ("webp", "jpg"))


def test_the_answer_that_was_lost_is_given_again(app: Flask, ada: Person) -> None:
    content, upload = photo(), str(uuid4())
    told = send_piece(ada, upload, 0, content, len(content)).json
    again = send_piece(ada, upload, len(content), b"", len(content))
    assert (again.status_code, again.json) == (200, told)
    assert len(originals(app)) == 1


def test_a_piece_that_comes_again_is_the_same_bytes_in_the_same_place(app: Flask, ada: Person) -> None:
    content, upload = photo(), str(uuid4())
    for offset, end in ((0, 4_000), (0, 4_000), (3_000, 5_000), (5_000, len(content))):
        answer = send_piece(ada, upload, offset, content[offset:end], len(content))
    assert answer.json["name"] == hashlib.sha256(content).hexdigest()[:16]


def test_a_gap_is_answered_with_how_much_is_there(ada: Person) -> None:
    content, upload = photo(), str(uuid4())
    send_piece(ada, upload, 0, content[:1_000], len(content))
    answer = send_piece(ada, upload, 2_000, content[2_000:3_000], len(content))
    assert (answer.status_code, answer.json["received"]) == (409, 1_000)


def test_the_same_file_twice_is_one_picture(app: Flask, ada: Person, bob: Person) -> None:
    assert send(ada, photo()).json["name"] == send(bob, photo()).json["name"]
    assert len(originals(app)) == 1


def test_two_people_may_choose_the_same_number_for_an_upload(ada: Person, bob: Person) -> None:
    upload = str(uuid4())
    send_piece(ada, upload, 0, photo(seed=1)[:500], 5_000)
    told = send(bob, photo(seed=2), upload=upload).json
    assert told["name"] == hashlib.sha256(photo(seed=2)).hexdigest()[:16]


def test_readers_and_strangers_send_nothing(app: Flask, eve: Person, anonymous: Person) -> None:
    assert send(eve, photo()).status_code == 403
    assert send(anonymous, photo()).status_code in (400, 401)
    assert on_their_way(app) == originals(app) == []


def test_without_a_script_a_form_takes_one_file(app: Flask, ada: Person) -> None:
    data = {"csrf_token": ada.csrf_token(), "file": (BytesIO(photo()), "derby.jpg")}
    answer = ada.client.post("/desk/media", data=data)
    assert answer.status_code == 302
    page = ada.get(answer.location).text
    assert "derby.jpg" in page
    assert f"![]({answer.location.removeprefix('/desk')})" in page
    assert on_their_way(app) == []


def test_without_a_file_the_form_says_so(ada: Person) -> None:
    answer = ada.post("/desk/media")
    assert answer.status_code == 400
    assert "Choose a file first." in answer.text
    there = {"Referer": "http://127.0.0.1:8000/desk/media?q=derby"}
    answer = ada.client.post("/desk/media", data={"csrf_token": ada.csrf_token()}, headers=there)
    assert '<a class="button button--main" href="/desk/media?q=derby">Back</a>' in answer.text
    for elsewhere in ("http://elsewhere.example/desk/media", "http://[", "http://127.0.0.1:8000//evil.example", ""):
        headers = {"Referer": elsewhere}
        answer = ada.client.post("/desk/media", data={"csrf_token": ada.csrf_token()}, headers=headers)
        assert (answer.status_code, ">Back</a>" in answer.text) == (400, False), elsewhere


# Refusing


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "This file is empty."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "SVG files can’t be uploaded."),
        (b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", 415, "Most browsers can’t show HEIC pictures."),
        (b"%PDF-1.7", 415, "This file isn’t a picture."),
        (photo()[:3_000], 422, "This file is damaged."),
    ],
)
def test_what_cant_be_used_is_refused_and_leaves_nothing(
    app: Flask, ada: Person, content: bytes, status: int, words: str
) -> None:
    answer = send(ada, content)
    assert (answer.status_code, answer.json["message"].startswith(words)) == (status, True), answer.json
    assert on_their_way(app) == originals(app) == []
    assert not list((folder_of(app) / "media/pictures").glob("*.*"))
    assert not list((folder_of(app) / "tmp").glob("decoder-*"))


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(make_app: Callable[..., Flask]) -> None:
    ada = Person(make_app(PICTURE_MEGABYTES=1), "ada")
    answer = send_piece(ada, str(uuid4()), 0, b"\xff\xd8\xff", 1_000_001)
    assert answer.status_code == 413
    assert answer.json["message"] == "This file is larger than 1 MB. Resize the picture."


def test_a_picture_of_too_many_pixels_is_refused(make_app: Callable[..., Flask]) -> None:
    ada = Person(make_app(PICTURE_MEGAPIXELS=1), "ada")
    answer = send(ada, photo(1_100, 1_000))
    assert answer.status_code == 413
    assert "more than 1 megapixels" in answer.json["message"]


def test_an_account_has_a_quota(make_app: Callable[..., Flask]) -> None:
    app = make_app(PICTURE_QUOTA_MEGABYTES=1)
    ada, bob = Person(app, "ada"), Person(app, "bob")
    assert send_piece(ada, str(uuid4()), 0, b"\xff\xd8\xff", 700_000).status_code == 200
    assert send(ada, photo(quality=95)).status_code == 200
    noise = Image.effect_noise((1_000, 1_000), 90).tobytes()
    assert send_piece(ada, str(uuid4()), 0, noise[:500_000], 700_000).status_code == 200
    answer = send_piece(ada, str(uuid4()), 0, b"\xff\xd8\xff", 600_000)
    assert answer.status_code == 413
    grown = str(uuid4())
    assert send_piece(ada, grown, 0, b"\xff", 400_000).status_code == 200
    assert send_piece(ada, grown, 1, noise[:400_000], 900_000).status_code == 413
    assert "You have used your 1 MB for pictures." in answer.json["message"]
    assert send(bob, photo()).status_code == 200


def test_a_disk_that_is_almost_full_takes_none(make_app: Callable[..., Flask]) -> None:
    ada = Person(make_app(DISK_FLOOR_MEGABYTES=10_000_000), "ada")
    answer = send(ada, photo())
    assert answer.status_code == 507
    assert answer.json["message"] == "The site’s disk is almost full. Ask an admin to free some space."


def test_a_piece_may_not_be_larger_than_agreed(ada: Person) -> None:
    size = uploads.PIECE_BYTES + 1
    assert send_piece(ada, str(uuid4()), 0, b"\xff\xd8\xff" + b"\0" * size, 2 * size).status_code == 413


def test_while_others_have_the_decoder_a_picture_waits(
    app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_args: object, **_kwargs: object) -> None:
        raise variants.DecoderBusy

    content, upload = photo(), str(uuid4())
    with monkeypatch.context() as patch:
        patch.setattr(variants, "make_first", busy)
        answer = send_piece(ada, upload, 0, content, len(content))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert send_piece(ada, upload, len(content), b"", len(content)).status_code == 200


# In texts


def test_a_picture_stands_in_a_post_as_a_figure(ada: Person, anonymous: Person) -> None:
    name = send(ada, photo(1200, 800)).json["name"]
    post_id = ada.write_post(body=f'Look:\n\n![The goal](/media/{name} "In the last minute")')
    page = anonymous.get(f"/post/{post_id}").text
    figure = re.search(r'<figure class="picture">.*?</figure>', page, re.DOTALL)
    assert figure
    assert (
        f'srcset="/media/{name}-480.webp 480w, /media/{name}-960.webp 960w, /media/{name}-1200.webp 1200w"' in figure[0]
    )
    assert f'<img src="/media/{name}-960.jpg" alt="The goal" width="960" height="640"' in figure[0]
    assert '<figcaption dir="auto">In the last minute</figcaption>' in figure[0]


def test_its_words_change_wherever_it_stands(app: Flask, ada: Person, anonymous: Person) -> None:
    name = send(ada, photo()).json["name"]
    post_id = ada.write_post(live="y", body=f"![](/media/{name})")
    n = ada.add_update(post_id, f"![](/media/{name})")
    assert 'alt=""' in anonymous.get(f"/post/{post_id}").text
    ada.post(f"/desk/media/{name}", alt="The goal", credit="Ada/Derby News", caption="")
    page = anonymous.get(f"/post/{post_id}").text
    assert page.count('alt="The goal"') == 2
    assert page.count('<small class="picture__credit">Ada/Derby News</small>') == 2
    last = happened(app, post_id)[-2:]
    assert [event.kind for event in last] == ["post", "update"]
    assert f"update-{n}" in last[1].payload


def test_an_update_with_five_pictures_is_still_an_event(app: Flask, ada: Person) -> None:
    names = [send(ada, photo(2_600, 1_700, seed=seed)).json["name"] for seed in range(5)]
    for number, name in enumerate(names):
        ada.post(f"/desk/media/{name}", alt=f"Picture {number}: " + "the goal " * 10, credit="Ada/Derby News")
    post_id = ada.write_post(live="y")
    ada.add_update(post_id, "W" * 1_500 + "\n\n" + "\n".join(f"![](/media/{name})" for name in names))
    assert happened(app, post_id)[-1].kind == "update"


def test_a_deleted_picture_is_gone_from_texts_and_disk(app: Flask, ada: Person, anonymous: Person) -> None:
    name = send(ada, photo()).json["name"]
    post_id = ada.write_post(body=f"Before.\n\n![The goal](/media/{name})")
    assert f"/media/{name}-" in anonymous.get(f"/post/{post_id}").text
    assert ada.post(f"/desk/media/{name}/delete").status_code == 302
    page = anonymous.get(f"/post/{post_id}").text
    assert f"{name}" not in page
    assert "The goal" in page
    assert originals(app) == []
    assert not list((folder_of(app) / "media/pictures").glob(f"{name}*"))
    assert anonymous.get(f"/media/{name}-640.webp").status_code == 404


def test_nothing_of_the_camera_is_served(app: Flask, ada: Person) -> None:
    content = as_camera(2_600, 1_700, orientation=6)
    assert b"Secretphone" in content
    told = send(ada, content).json
    assert (told["width"], told["height"]) == (1_700, 2_600)
    files = list((folder_of(app) / "media/pictures").glob("*.*"))
    assert len(files) == 8
    for file in files:
        assert not {b"Secretphone", b"Secretcomment", b"Exif", b"GPS"} & {
            word for word in (b"Secretphone", b"Secretcomment", b"Exif", b"GPS") if word in file.read_bytes()
        }
        with Image.open(file) as image:
            assert image.height > image.width
            assert not image.getexif()


# Replacing, and withdrawing for legal reasons


def test_another_picture_takes_its_place_everywhere(app: Flask, ada: Person, anonymous: Person) -> None:
    old, middle, new = (send(ada, photo(seed=seed)).json["name"] for seed in range(3))
    ada.post(f"/desk/media/{old}", alt="The goal", credit="Ada")
    post_id = ada.write_post(body=f"![](/media/{old})")
    for one, by in ((old, middle), (middle, new)):
        assert ada.post(f"/desk/media/{one}/replace", by=by).location == f"/desk/media/{by}"
    page = anonymous.get(f"/post/{post_id}").text
    assert f'<img src="/media/{new}-640.jpg" alt="The goal"' in page
    assert old not in page and middle not in page
    assert f"/desk/post/{post_id}" in ada.get(f"/desk/media/{new}").text
    assert ada.get(f"/desk/media/{old}").location == f"/desk/media/{new}"
    ada.post(f"/desk/media/{new}/delete")
    assert new not in anonymous.get(f"/post/{post_id}").text
    assert originals(app) == []


def test_a_file_may_take_its_place_without_a_script(ada: Person, anonymous: Person) -> None:
    name = send(ada, photo()).json["name"]
    post_id = ada.write_post(body=f"![](/media/{name})")
    data = {"csrf_token": ada.csrf_token(), "file": (BytesIO(photo(seed=2)), "better.jpg")}
    answer = ada.client.post(f"/desk/media/{name}/replace", data=data)
    assert f"{answer.location.removeprefix('/desk')}-640.jpg" in anonymous.get(f"/post/{post_id}").text
    same = ada.post(answer.location + "/replace", by=answer.location.rpartition("/")[2])
    assert (same.status_code, "This is the same picture." in same.text) == (400, True)


def test_a_picture_withdrawn_for_legal_reasons_leaves_no_trace(
    app: Flask, ada: Person, edith: Person, anonymous: Person
) -> None:
    content = photo()
    name, other = send(ada, content).json["name"], send(ada, photo(seed=2)).json["name"]
    ada.post(f"/desk/media/{name}", alt="Private words", caption="Private caption")
    post_id = ada.write_post(live="y", body=f'Before.\n\n![Private alt](/media/{name} "Private title")\n\nAfter.')
    n = ada.add_update(post_id, f"One.\n\n![](/media/{name})\n\n![](/media/{other})")
    ada.post(f"/desk/post/{post_id}/update/{n}/correct", body="Two.", note="Wrong.", title="")
    edith.post("/desk/about/new", name="imprint", title="Imprint", body=f"We.\n\n![](/media/{name})")
    assert "Private" in anonymous.get(f"/post/{post_id}").text
    assert ada.post(f"/desk/media/{name}/delete", reason="legal").status_code == 403
    answer = edith.post(f"/desk/media/{name}/delete", reason="legal")
    for path in (f"/media/{name}-640.webp", f"/post/{post_id}", "/about/imprint"):
        assert f"http://127.0.0.1:8000{path}\n" in answer.text
    for page in (f"/post/{post_id}", f"/post/{post_id}/update/{n}", "/about/imprint", f"/post/{post_id}/feed.atom"):
        shown = anonymous.get(page).text
        assert name not in shown and "Private" not in shown, page
    assert "Before." in anonymous.get(f"/post/{post_id}").text
    assert "After." in anonymous.get(f"/post/{post_id}").text
    [line] = [line for line in all_rows(app) if name in line or "Private" in line]
    assert line.startswith("picture: ") and "Private" not in line
    assert originals(app) == [other]
    assert not list((folder_of(app) / "media/pictures").glob(f"{name}*"))
    pages = [
        path for path in (folder_of(app) / "pages").rglob("*.html") if not {".versions", ".retired"} & {*path.parts}
    ]
    assert not [path for path in pages if name in path.read_text()]  # those that were replaced are swept soon
    again = send(ada, content)
    assert again.status_code == 451
    assert again.json["message"] == "This picture was withdrawn for legal reasons and can’t be uploaded again."
    assert anonymous.get(f"/media/{name}-640.webp").status_code == 404


def test_what_is_withdrawn_while_it_is_decoded_again_stays_gone(
    app: Flask, ada: Person, bob: Person, edith: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, known = photo(), intake._is_known
    monkeypatch.setattr(intake, "_is_known", lambda _digest: False)  # both came before either was there
    name = send(ada, content).json["name"]
    run = variants._run

    def withdrawn_meanwhile(*args: Any) -> variants.Decoded:
        decoded = run(*args)
        with app.app_context(), db.writing() as session:
            erasure.picture(session, name)
        return decoded

    monkeypatch.setattr(variants, "_run", withdrawn_meanwhile)
    assert send(bob, content).status_code == 451
    monkeypatch.setattr(intake, "_is_known", known)
    with app.app_context():
        library.forget_files([name])
    assert originals(app) == []
    assert not list((folder_of(app) / "media/pictures").glob("*"))


def test_words_go_over_only_to_ones_own_picture(ada: Person, bob: Person, anonymous: Person) -> None:
    his, hers = send(bob, photo(seed=1)).json["name"], send(ada, photo(seed=2)).json["name"]
    bob.post(f"/desk/media/{his}", alt="His words")
    post_id = ada.write_post(body=f"![](/media/{hers})")
    assert bob.post(f"/desk/media/{his}/replace", by=hers).status_code == 302
    ada.post(f"/desk/media/{hers}", caption="Hers")
    assert "His words" not in anonymous.get(f"/post/{post_id}").text


def test_a_replaced_picture_leads_to_the_one_in_its_place(ada: Person) -> None:
    content = photo(seed=1)
    old, new = send(ada, content).json["name"], send(ada, photo(seed=2)).json["name"]
    ada.post(f"/desk/media/{old}/replace", by=new)
    assert ada.get(f"/desk/media/{old}").location == f"/desk/media/{new}"
    again = send(ada, content)
    assert (again.status_code, again.json["message"][:30]) == (409, "Another picture replaced this ")


def test_a_replaced_picture_can_be_shown_again(ada: Person, bob: Person, anonymous: Person) -> None:
    old, new = send(ada, photo(seed=1), "old.jpg").json["name"], send(ada, photo(seed=2)).json["name"]
    post_id = ada.write_post(body=f"![](/media/{old})")
    ada.post(f"/desk/media/{old}/replace", by=new)
    page = ada.get(f"/desk/media/{new}").text
    assert "old.jpg" in page and f'action="/desk/media/{old}/restore"' in page
    assert f"/desk/media/{old}/restore" not in bob.get(f"/desk/media/{new}").text
    assert bob.post(f"/desk/media/{old}/restore").status_code == 403
    assert ada.post(f"/desk/media/{old}/restore").location == f"/desk/media/{old}"
    assert f"/media/{old}-640.jpg" in anonymous.get(f"/post/{post_id}").text
    assert "old.jpg" not in ada.get(f"/desk/media/{new}").text
    assert ada.post(f"/desk/media/{old}/restore").status_code == 404


def test_an_upload_of_withdrawn_bytes_is_forgotten_where_it_stands(app: Flask, ada: Person, edith: Person) -> None:
    content, other = photo(), photo(seed=2)
    name = send(ada, content).json["name"]
    upload = str(uuid4())
    send_piece(edith, upload, 0, content[:1000], len(content))
    send_piece(edith, str(uuid4()), 0, other[:1000], len(other))
    edith.post(f"/desk/media/{name}/delete", reason="legal")
    [left] = (folder_of(app) / "tmp" / "uploads").iterdir()
    assert left.read_bytes() == other[:1000]
    assert send_piece(edith, upload, 1000, content[1000:], len(content)).json == {"status": 409, "received": 0}


def test_an_address_with_an_entity_is_a_use_all_the_same(ada: Person) -> None:
    name = send(ada, photo()).json["name"]
    post_id = ada.write_post(body=f"![](/med&#105;a/{name})")
    assert f"/desk/post/{post_id}" in ada.get(f"/desk/media/{name}").text


def test_titles_and_references_go_with_a_withdrawn_picture(ada: Person, edith: Person) -> None:
    name = send(ada, photo()).json["name"]
    body = f'Before ![a [b]](/media/{name} "cap (1) SECRET)") after.\n\n![x][r]\n\n'
    body += f"[r]: </media/{name}> 'SECRET'\n\nEnd."
    post_id = ada.write_post(body=body)
    edith.post(f"/desk/media/{name}/delete", reason="legal")
    text = value_of(ada.get(f"/desk/post/{post_id}").text, "body")
    assert "SECRET" not in text and name not in text
    assert text.startswith("Before  after.") and text.endswith("End.")


# The library


def test_the_library_finds_pictures_by_their_words(ada: Person, bob: Person) -> None:
    first = send(ada, photo(seed=1), "stadium.jpg").json["name"]
    second = send(bob, photo(seed=2), "crowd.jpg").json["name"]
    ada.post(f"/desk/media/{first}", alt="The keeper jumps")
    for query, expected in (
        ("", {first, second}),
        ("?q=keeper", {first}),
        ("?q=stadium+ADA", {first}),
        ("?q=bob", {second}),
        ("?q=100%25", set()),
        ("?without=alt", {second}),
    ):
        page = ada.get(f"/desk/media{query}").text
        assert set(re.findall(r'href="/desk/media/([0-9a-f]{16})"', page)) == expected, query
        assert "Without alt text (1)" in page


def test_pages_of_the_library(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.content.library.PAGE_SIZE", 1)
    first, second = (send(ada, photo(seed=seed)).json["name"] for seed in (1, 2))
    newest, older = ada.get("/desk/media").text, ada.get("/desk/media?page=2").text
    assert second in newest and first not in newest
    assert first in older and second not in older
    assert 'href="/desk/media?page=2"' in newest


def test_a_picture_says_where_it_is_shown(ada: Person) -> None:
    name = send(ada, photo()).json["name"]
    assert "No text shows this picture." in ada.get(f"/desk/media/{name}").text
    post_id = ada.write_post(title="The derby", live="y")
    n = ada.add_update(post_id, f"![](/media/{name})", title="Goal!")
    page = ada.get(f"/desk/media/{name}").text
    assert f'href="/desk/post/{post_id}/live#update-{n}"' in page
    assert "The derby" in page
    ada.post(f"/desk/post/{post_id}/update/{n}/edit", body="Nothing.", title="")
    assert "No text shows this picture." in ada.get(f"/desk/media/{name}").text


def test_only_its_uploader_and_editors_change_a_picture(ada: Person, bob: Person, edith: Person, eve: Person) -> None:
    name = send(ada, photo()).json["name"]
    for other in (bob, eve):
        assert other.post(f"/desk/media/{name}", alt="Theirs").status_code == 403
        assert other.post(f"/desk/media/{name}/delete").status_code == 403
    assert bob.get(f"/desk/media/{name}").status_code == 200
    assert edith.post(f"/desk/media/{name}", alt="Edith's").status_code == 302
    assert "Edith&#39;s" in ada.get(f"/desk/media/{name}").text
    assert edith.post(f"/desk/media/{name}/delete").status_code == 302
    assert ada.get(f"/desk/media/{name}").status_code == 404


def test_an_animation_is_one_file(app: Flask, ada: Person, anonymous: Person) -> None:
    told = send(ada, animation(5, 200, 100)).json
    post_id = ada.write_post(body=told["markdown"])
    assert f'<img src="/media/{told["name"]}-200.webp"' in anonymous.get(f"/post/{post_id}").text
    with Image.open(folder_of(app) / "media/pictures" / f"{told['name']}-200.webp") as image:
        assert image.n_frames == 5


def test_what_is_see_through_stays_so(app: Flask, ada: Person) -> None:
    told = send(ada, file_of(drawn(600, 300, "RGBA"), "PNG")).json
    with Image.open(folder_of(app) / "media/pictures" / f"{told['name']}-600.png") as image:
        assert image.getchannel("A").getextrema() == (0, 255)


# Covers


def test_the_first_picture_of_a_post_stands_for_it(ada: Person, anonymous: Person) -> None:
    first, second = (send(ada, photo(1_200, 800, seed)).json["name"] for seed in range(2))
    ada.post(f"/desk/media/{first}", alt="The goal")
    post_id = ada.write_post(title="The derby", body=f"![](/media/{first})\n\n![](/media/{second})")
    card = anonymous.get("/").text
    assert f'<img src="/media/{first}-480.webp"' in card
    assert 'alt="The goal"' in card
    page = anonymous.get(f"/post/{post_id}").text
    shared = f"http://127.0.0.1:8000/media/{first}-1200.jpg"
    for line in (
        f'<meta property="og:image" content="{shared}">',
        '<meta property="og:image:width" content="1200">',
        '<meta property="og:image:height" content="800">',
        '<meta property="og:image:alt" content="The goal">',
        '<meta name="twitter:card" content="summary_large_image">',
    ):
        assert line in page
    assert f'"image": {{"@type": "ImageObject", "url": "{shared}", "width": 1200, "height": 800}}' in page
    assert f'<link rel="enclosure" type="image/jpeg" href="{shared}"/>' in anonymous.get("/feed.atom").text
    assert f'<media:content url="{shared}" medium="image" type="image/jpeg"' in anonymous.get("/feed.rss").text
    assert anonymous.get("/feed.json").json["items"][0]["image"] == shared
    ada.post(f"/desk/media/{first}/delete")
    assert f"/media/{second}-480.webp" in anonymous.get("/").text


def test_a_panorama_is_sharp_on_its_card(ada: Person, anonymous: Person) -> None:
    name = send(ada, photo(2_000, 500)).json["name"]
    ada.write_post(body=f"![](/media/{name})")
    card = anonymous.get("/").text
    assert f"/media/{name}-1600.webp 1600w" in card
    assert 'sizes="(min-width: 44rem) 80rem, 266vw"' in card


def test_a_page_is_shared_with_its_own_picture_unless_that_is_tiny(ada: Person, edith: Person) -> None:
    tiny, first, own = (send(ada, photo(width, 400, width)).json["name"] for width in (150, 640, 650))
    post_id = ada.write_post(live="y", body=f"![](/media/{tiny})\n\n![](/media/{first})")
    n, plain = ada.add_update(post_id, f"Goal!\n\n![](/media/{own})"), ada.add_update(post_id, "Nothing new.")
    edith.post("/desk/about/new", name="imprint", title="Imprint", body=f"![](/media/{own})")
    for path, name in (("", first), (f"/update/{n}", own), (f"/update/{plain}", first)):
        page = ada.get(f"/post/{post_id}{path}").text
        assert f'<meta property="og:image" content="http://127.0.0.1:8000/media/{name}-' in page, path
    assert f"/media/{own}-650.jpg" in ada.get("/about/imprint").text.partition("og:image")[2][:100]


def test_an_update_of_a_picture_alone_has_no_empty_words(ada: Person, anonymous: Person) -> None:
    name = send(ada, photo()).json["name"]
    post_id = ada.write_post(live="y")
    ada.add_update(post_id, f"![](/media/{name})")
    page = anonymous.get(f"/post/{post_id}").text
    assert '"liveBlogUpdate"' in page and '"articleBody"' not in page


def test_another_cover_can_be_chosen(ada: Person, anonymous: Person) -> None:
    shown, chosen = (send(ada, photo(seed=seed)).json["name"] for seed in range(2))
    post_id = ada.write_post(title="The derby", body=f"![](/media/{shown})")
    edit = {"title": "The derby", "body": f"![](/media/{shown})", "action": "publish"}
    wrong = ada.post(f"/desk/post/{post_id}", **edit, cover="/media/0123456789abcdef")
    assert (wrong.status_code, "There is no such picture." in wrong.text) == (400, True)
    ada.post(f"/desk/post/{post_id}", **edit, cover=f"![](/media/{chosen})")
    assert f"/media/{chosen}-480.webp" in anonymous.get("/").text
    assert value_of(ada.get(f"/desk/post/{post_id}").text, "cover") == chosen
    assert f"/desk/post/{post_id}" in ada.get(f"/desk/media/{chosen}").text
    ada.post(f"/desk/media/{chosen}", alt="The goal")
    assert 'alt="The goal"' in anonymous.get("/").text
    ada.post(f"/desk/post/{post_id}", **edit, cover=chosen)
    ada.post(f"/desk/media/{chosen}/delete")
    assert f"/media/{shown}-480.webp" in anonymous.get("/").text
    assert value_of(ada.get(f"/desk/post/{post_id}").text, "cover") == ""


def test_a_picture_of_the_site_stands_for_pages_without_one(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    (folder_of(app) / "media" / "site" / "cover.jpg").write_bytes(photo(1_200, 630))
    branded = create_app(app.config | {"INSTANCE": folder_of(app)})
    page = branded.test_client().get("/").text
    assert '<meta property="og:image" content="http://127.0.0.1:8000/media/site/cover.jpg?v=' in page
    assert '<meta property="og:image:width" content="1200">' in page
    close(branded)
