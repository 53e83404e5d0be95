"""Pictures while one writes, in a real browser: chosen, pasted and dropped, and what a bad connection does to them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from support.accessibility import look, violations
from support.browsing import PHONE, Site, has_desk, holds, is_live, live_post, log_in, settled, tab_to, update
from support.persons import Person
from support.photos import photo, send

PIECES = "**/desk/media/*/*"


# The alt texts of what waits in the browser's database.
KEPT = """() => new Promise((done) => {
    indexedDB.open("pressroom").onsuccess = ({ target: { result } }) => {
        const all = result.transaction("uploads").objectStore("uploads").getAll();
        all.onsuccess = () => done(all.result.map(({ words }) => words.alt ?? null), result.close());
    };
})"""


def file(seed: int = 1, name: str = "derby.jpg", width: int = 640) -> FilePayload:
    return {"name": name, "mimeType": "image/jpeg", "buffer": photo(width, width * 5 // 8, seed)}


def at_work(visit: Callable[..., Page], path: str, person: Person, **options: Any) -> Page:
    page = visit(path, person, **options)
    has_desk(page)
    return page


def composer(page: Page) -> Locator:
    return page.locator("[data-composer]")


def body(page: Page) -> Locator:
    return composer(page).get_by_label("Update", exact=True)


def items(page: Page) -> Locator:
    return composer(page).locator(".pictures__item")


def publish(page: Page) -> None:
    composer(page).get_by_role("button", name="Publish update").click()


def is_uploaded(page: Page) -> None:
    expect(items(page).locator("[data-state-of]")).to_have_text("Uploaded.")


def give(page: Page, kind: str, *files: FilePayload) -> None:
    """Paste or drop files, as a browser hands them over."""
    handed = [{"name": each["name"], "data": base64.b64encode(each["buffer"]).decode()} for each in files]
    page.evaluate(
        """([kind, handed]) => {
            const transfer = new DataTransfer();
            for (const { name, data } of handed) {
                const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
            }
            const target = document.querySelector("[data-composer] textarea");
            const event = kind === "paste"
                ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
                : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
            target.dispatchEvent(event);
        }""",
        [kind, handed],
    )


def test_a_picture_is_chosen_described_and_published(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    reader = visit(f"/post/{post_id}")
    is_live(reader)
    page = at_work(visit, f"/post/{post_id}", site.ada())
    body(page).fill("The goal:")
    composer(page).get_by_label("Add pictures").set_input_files([file()])
    is_uploaded(page)
    assert body(page).input_value().startswith("The goal:\n\n![](/media/")
    items(page).get_by_label("Alt text").fill("The keeper jumps")
    items(page).get_by_label("Credit").fill("Ada")
    page.keyboard.press("Enter")  # as in a form of one's own
    expect(items(page)).to_have_count(1)
    publish(page)
    for each in (page, reader):
        figure = each.locator("[data-updates] .update").first.locator("figure.picture")
        expect(figure.locator("img")).to_have_attribute("alt", "The keeper jumps")
        expect(figure).to_contain_text("Ada")
        holds(
            each, lambda figure=figure: figure.locator("img").evaluate("image => image.naturalWidth") > 0, "it is seen"
        )
    expect(items(page)).to_have_count(0)


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_several_are_pasted_or_dropped_at_once(visit: Callable[..., Page], site: Site, kind: str) -> None:
    page = at_work(visit, f"/post/{live_post(site)}", site.ada())
    give(page, kind, file(1, "one.jpg"), file(2, "two.jpg"))
    expect(items(page)).to_have_count(2)
    expect(items(page).locator("[data-state-of]")).to_have_text(["Uploaded.", "Uploaded."])
    assert body(page).input_value().count("![](/media/") == 2
    assert "upload:" not in body(page).input_value()
    publish(page)
    expect(page.locator("[data-updates] .update figure.picture")).to_have_count(2)


@pytest.mark.parametrize("place", ["composer", "editor"])
def test_a_picture_of_the_library_is_chosen_while_one_writes(
    visit: Callable[..., Page], site: Site, place: str
) -> None:
    ada, post_id = site.ada(), live_post(site)
    names = [send(ada, photo(seed=seed), f"{seed}.jpg").json["name"] for seed in (11, 12)]
    for name, alt in zip(names, ("A keeper in the rain", "An empty stand"), strict=True):
        ada.post(f"/desk/media/{name}", alt=f"{alt} {post_id}")
    page = at_work(visit, f"/post/{post_id}", ada) if place == "composer" else visit(f"/desk/post/{post_id}", ada)
    box = body(page) if place == "composer" else page.get_by_label("Text", exact=True)
    box.fill("Rain.")
    page.get_by_text("Choose from the library").click()
    search = page.get_by_label("Search pictures")
    search.fill(f"keeper {post_id}")
    search.press("Enter")
    choices = page.locator("[data-choose]")
    expect(choices).to_have_text([f"A keeper in the rain {post_id}"])
    assert violations(page) == []
    choices.press("Enter")
    expect(box).to_have_value(f"Rain.\n\n![](/media/{names[0]})\n")
    expect(box).to_be_focused()
    expect(choices).to_be_hidden()
    page.get_by_text("Choose from the library").click()
    search.fill("nothing of the kind")
    expect(page.locator("[data-library-says]")).to_have_text("Nothing found. Try fewer or different words.")
    page.route("**/desk/media?*", lambda route: route.abort())
    search.fill("keeper")
    expect(page.locator("[data-library-says]")).to_contain_text("can’t be loaded")


def test_the_keyboard_alone_reaches_the_button_and_the_words(visit: Callable[..., Page], site: Site) -> None:
    page = at_work(visit, f"/post/{live_post(site)}", site.ada())
    # Not expect_file_chooser: a key that follows it at once may come before what it asks of the browser.
    page.on("filechooser", lambda chooser: chooser.set_files([file(41)]))
    body(page).focus()
    page.keyboard.press("Tab")
    expect(composer(page).get_by_label("Add pictures")).to_be_focused()
    page.keyboard.press("Space")
    is_uploaded(page)
    tab_to(page, "")
    items(page).get_by_label("Alt text").focus()
    page.keyboard.type("The keeper jumps")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-updates] figure.picture img")).to_have_attribute("alt", "The keeper jumps")


def test_a_lost_network_costs_a_piece_and_the_text_waits(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work(visit, f"/post/{post_id}", site.ada())
    asked = list[str]()

    def lose(route: Route) -> None:
        asked.append(route.request.url)
        route.abort() if len(asked) < 3 else route.continue_()

    page.route(PIECES, lose)
    body(page).fill("With a picture.")
    composer(page).get_by_label("Add pictures").set_input_files([file()])
    expect(items(page).locator("[data-state-of]")).to_contain_text("No connection. Retrying in")
    publish(page)
    waiting = page.locator(".outbox__item")
    expect(waiting).to_contain_text("Published as soon as its pictures are uploaded.")
    body(page).fill("Without one.")
    publish(page)
    expect(page.locator("[data-updates] .update").first).to_contain_text("Without one.")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("[data-updates] .update").first.locator("figure.picture")).to_be_visible()
    expect(waiting).to_have_count(0)


def test_the_text_goes_at_once_and_the_picture_follows(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work(visit, f"/post/{post_id}", site.ada())
    held = list[Route]()
    page.route(PIECES, lambda route: held.append(route))  # noqa: PLW0108 (Playwright marks it)
    body(page).fill("Goal!")
    composer(page).get_by_label("Add pictures").set_input_files([file()])
    holds(page, lambda: held, "its first piece was sent")
    publish(page)
    page.get_by_role("button", name="Send the text now").click()
    newest = page.locator("[data-updates] .update").first
    expect(newest).to_contain_text("Goal!")
    expect(newest.locator("figure")).to_have_count(0)
    held[0].continue_()
    expect(newest.locator("figure.picture")).to_be_visible()
    expect(newest).to_contain_text("Goal!")


def test_a_reload_in_the_middle_loses_neither_text_nor_picture(visit: Callable[..., Page], site: Site) -> None:
    page = at_work(visit, f"/post/{live_post(site)}", site.ada())
    held = list[Route]()
    page.route(PIECES, lambda route: held.append(route))  # noqa: PLW0108 (Playwright marks it)
    body(page).fill("Goal!")
    composer(page).get_by_label("Add pictures").set_input_files([file()])
    holds(page, lambda: held, "its first piece was sent")
    items(page).get_by_label("Alt text").fill("The keeper jumps")
    items(page).get_by_label("Alt text").blur()
    holds(page, lambda: page.evaluate(KEPT) == ["The keeper jumps"], "the browser has kept it")
    page.reload()
    has_desk(page)
    holds(page, lambda: len(held) > 1, "its first piece was sent again")
    expect(items(page).get_by_label("Alt text")).to_have_value("The keeper jumps")
    held[-1].continue_()
    expect(items(page).locator("[data-state-of]")).to_contain_text("Uploaded.")
    publish(page)
    expect(page.locator("[data-updates] figure.picture img")).to_have_attribute("alt", "The keeper jumps")


@pytest.mark.slow
def test_a_picture_that_the_browser_lost_doesnt_hold_back_the_text(visit: Callable[..., Page], site: Site) -> None:
    page = at_work(visit, f"/post/{live_post(site)}", site.ada())
    page.route(PIECES, lambda route: route.abort())
    body(page).fill("Goal!")
    composer(page).get_by_label("Add pictures").set_input_files([file()])
    holds(page, lambda: page.evaluate(KEPT) == [None], "the browser has kept it")
    publish(page)
    body(page).fill("Next.")
    composer(page).get_by_label("Add pictures").set_input_files([file(2)])
    page.evaluate("new Promise(done => Object.assign(indexedDB.deleteDatabase('pressroom'), { onblocked: done }))")
    page.reload()
    has_desk(page)
    lost = "A picture was not saved before the page was closed. Add it again."
    expect(page.locator(".outbox__item")).to_contain_text(lost)
    expect(body(page)).to_have_value("Next.\n\n")
    page.get_by_role("button", name="Discard").click()
    publish(page)
    expect(page.locator("[data-updates] .update").first).to_contain_text("Next.")


def test_what_cant_be_used_says_why_and_leaves_the_text(visit: Callable[..., Page], site: Site) -> None:
    page = at_work(visit, f"/post/{live_post(site)}", site.ada())
    body(page).fill("Before.")
    wrong: FilePayload = {"name": "a.heic", "mimeType": "image/heic", "buffer": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"}
    composer(page).get_by_label("Add pictures").set_input_files([wrong])
    expect(items(page)).to_contain_text("Not uploaded: Most browsers can’t show HEIC pictures.")
    assert "upload:" not in body(page).input_value()
    items(page).get_by_role("button", name="Remove").click()
    expect(items(page)).to_have_count(0)
    publish(page)
    expect(page.locator("[data-updates] .update").first).to_contain_text("Before.")


def test_a_removed_picture_leaves_the_text(visit: Callable[..., Page], site: Site) -> None:
    page = at_work(visit, f"/post/{live_post(site)}", site.ada())
    body(page).fill("Before.")
    composer(page).get_by_label("Add pictures").set_input_files([file()])
    is_uploaded(page)
    items(page).get_by_role("button", name="Remove").click()
    expect(body(page)).to_have_value("Before.\n\n")
    expect(body(page)).to_be_focused()


@pytest.mark.slow
def test_a_picture_that_the_site_has_brings_its_words_along(visit: Callable[..., Page], site: Site) -> None:
    ada = site.ada()
    name = send(ada, photo(seed=31)).json["name"]
    ada.post(f"/desk/media/{name}", alt="The keeper", caption="In May", credit="Ada")
    page = at_work(visit, f"/post/{live_post(site)}", ada)
    composer(page).get_by_label("Add pictures").set_input_files([file(31)])
    expect(items(page).get_by_label("Alt text")).to_have_value("The keeper")
    items(page).get_by_label("Caption").fill("In June")
    items(page).get_by_label("Caption").blur()
    expect(items(page)).to_contain_text("Description saved.")
    assert ada.get(f"/desk/media/{name}").text.count("The keeper") > 0


def test_one_bad_file_leaves_the_good_one(visit: Callable[..., Page], site: Site) -> None:
    page = at_work(visit, f"/post/{live_post(site)}", site.ada())
    held = list[Route]()
    page.route(PIECES, lambda route: held.append(route))  # noqa: PLW0108 (Playwright marks it)
    body(page).fill("Mixed.")
    bad: FilePayload = {"name": "notes.txt", "mimeType": "image/jpeg", "buffer": b"no picture"}
    composer(page).get_by_label("Add pictures").set_input_files([bad, file(32, "good.jpg")])
    holds(page, lambda: held, "its first piece was sent")
    publish(page)
    page.unroute(PIECES)
    expect(page.locator(".outbox__item")).to_contain_text("Not sent: notes.txt: This file isn’t a picture.")
    page.get_by_role("button", name="Edit again").click()
    expect(body(page)).not_to_have_value("")
    publish(page)
    expect(page.locator("[data-updates] .update").first.locator("figure.picture")).to_be_visible()


def test_the_editor_waits_for_pictures_and_saves_by_itself(visit: Callable[..., Page], site: Site) -> None:
    page = visit("/desk/new", site.ada())
    held = list[Route]()
    page.route(PIECES, lambda route: held.append(route))  # noqa: PLW0108 (Playwright marks it)
    page.get_by_label("Title").fill("The derby")
    page.get_by_label("Text", exact=True).fill("Look:")
    page.get_by_label("Add pictures").set_input_files([file()])
    holds(page, lambda: held, "its first piece was sent")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("[data-pictures-says]")).to_have_text("Saved as soon as all pictures are uploaded.")
    held[0].continue_()
    expect(page.locator(".head figure.picture")).to_be_visible()


@pytest.mark.slow
def test_an_edit_takes_pictures_too(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    n = site.ada().add_update(post_id, "Goal!")
    page = at_work(visit, f"/post/{post_id}", site.ada())
    update(page, n).get_by_role("button", name="Edit").click()
    form = page.locator(".update-form")
    expect(form.get_by_label("Update", exact=True)).to_have_value("Goal!")
    form.get_by_label("Add pictures").set_input_files([file()])
    form.get_by_role("button", name="Save").click()
    expect(update(page, n).locator("figure.picture")).to_be_visible()


@pytest.mark.slow
def test_pictures_that_come_in_move_nothing(visit: Callable[..., Page], site: Site) -> None:
    """Twenty updates with pictures arrive above what is being read."""
    ada = site.ada()
    names = [send(ada, photo(1_000, 700, seed)).json["name"] for seed in range(3)]
    post_id = live_post(site, 10)
    page = visit(f"/post/{post_id}")
    is_live(page)
    page.locator("[data-updates] .update").nth(6).scroll_into_view_if_needed()
    settled(page)
    page.evaluate(
        """() => {
            window.shift = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
            }).observe({ type: "layout-shift" });
        }"""
    )
    for number in range(20):
        n = ada.add_update(post_id, f"![](/media/{names[number % 3]})")
    expect(update(page, n)).to_be_attached()
    page.evaluate("scrollTo(0, 0)")
    expect(update(page, n).locator("img")).to_be_visible()
    assert page.evaluate("window.shift") < 0.001  # browsers scroll by whole pixels


def test_a_tap_shows_a_picture_large_and_the_keyboard_closes_it(visit: Callable[..., Page], site: Site) -> None:
    name, other = (send(site.ada(), photo(1_200, 800, seed)).json["name"] for seed in (1, 33))
    post_id = live_post(site)
    n = site.ada().add_update(post_id, f'![The keeper jumps](/media/{name} "He *holds* it")\n\n![Next](/media/{other})')
    page = visit(f"/post/{post_id}")
    link = update(page, n).locator("figure a").first
    large = page.get_by_role("dialog").get_by_role("img", name="The keeper jumps")
    for close in ("Escape", "Enter"):
        link.focus()
        page.keyboard.press("Enter")
        holds(page, lambda: large.evaluate("image => image.naturalWidth") == 1_200, "it is large")
        page.keyboard.press(close)  # the button has the focus
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(link).to_be_focused()
    link.click()
    caption = page.locator(".large-picture__caption")
    expect(caption).to_have_text("He *holds* it")
    for key, alt in (("ArrowLeft", "The keeper jumps"), ("ArrowRight", "Next"), ("ArrowRight", "Next")):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog").get_by_role("img")).to_have_attribute("alt", alt)
    expect(caption).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    large.click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.url.endswith(f"/post/{post_id}")


@pytest.mark.slow
def test_the_library_takes_large_files_by_pieces_and_replaces(visit: Callable[..., Page], site: Site) -> None:
    page = visit("/desk/media", site.ada())
    large = file(21, "large.jpg")
    large["buffer"] += b"\0" * 1_200_000
    page.get_by_label("Upload a picture").set_input_files([large])
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("large.jpg")).to_be_visible()
    page.get_by_text("Replace picture").click()
    large["buffer"] = file(22)["buffer"] + b"\0" * 1_200_000
    page.get_by_label("The new picture").set_input_files([large | {"name": "new.jpg"}])
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(page.get_by_text("Picture replaced.")).to_be_visible()
    expect(page.get_by_text("new.jpg")).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_places_of_pictures_can_be_read_and_used(
    visit: Callable[..., Page], site: Site, width: int, scheme: str, tmp_path: Path
) -> None:
    ada = site.ada()
    name = send(ada, photo(1_200, 800)).json["name"]
    ada.post(f"/desk/media/{name}", alt="The keeper jumps", caption="In the last minute.", credit="Ada/Derby News")
    post_id = live_post(site)
    ada.add_update(post_id, f"![](/media/{name})")
    page = at_work(visit, f"/post/{post_id}", ada)
    composer(page).get_by_label("Add pictures").set_input_files([file()])
    is_uploaded(page)
    look(page, width, scheme)
    assert violations(page) == []
    for path in ("/desk/media", f"/desk/media/{name}"):
        page.goto(path)
        look(page, width, scheme)
        assert violations(page) == [], path


@pytest.mark.slow
def test_on_a_phone_a_large_photo_is_sent_by_pieces(visit: Callable[..., Page], site: Site) -> None:
    post_id = live_post(site)
    page = at_work(visit, f"/post/{post_id}", site.ada(), viewport=PHONE)
    asked = list[str]()
    page.on("request", lambda request: asked.append(request.url) if "/desk/media/" in request.url else None)
    large = {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": photo(3_000, 2_000, quality=100, subsampling=0)}
    large["buffer"] += b"\0" * 1_200_000
    composer(page).get_by_label("Add pictures").set_input_files([large])
    is_uploaded(page)
    assert len(asked) == -(-len(large["buffer"]) // (512 * 1024))
    publish(page)
    expect(page.locator("[data-updates] figure.picture")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_a_script_a_form_takes_one(visit: Callable[..., Page], site: Site) -> None:
    page = visit("/desk/media", None, java_script_enabled=False)
    log_in(page, "ada")
    page.goto("/desk/media")
    page.get_by_label("Upload a picture").set_input_files([file(9, "without.jpg")])
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("without.jpg")).to_be_visible()
    page.get_by_label("Alt text").fill("The keeper jumps")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Alt text")).to_have_value("The keeper jumps")
