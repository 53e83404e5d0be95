"""Pictures of the site for docs/screens/: `make screens`. Thirteen views, two widths, light and dark."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch
from zoneinfo import ZoneInfo

from flask import Flask
from playwright.sync_api import Browser, Page
from sqlalchemy import select
from sqlalchemy.orm import Session

from support.browsing import settled
from support.checkout import CHECKOUT
from support.uwsgi_server import UwsgiServer
from tools.chromium import chromium
from tools.hallstedt import DRAWINGS
from webapp import changes, config, create_app
from webapp.content import comments, foreign, importing, imports, intake, library, pictures, posts, rendering, updates
from webapp.demo import unwrapped
from webapp.models import Picture, Post, User
from webapp.people import passwords, users
from webapp.text.render import render_comment

SCREENS = CHECKOUT / "docs" / "screens"
LOOKS = [(width, scheme) for width in (360, 1280) for scheme in ("light", "dark")]
MAX_HEIGHT = 2000
ZONE = "Europe/Berlin"
PASSWORD = "a long enough password"
CREDIT = "Drawing: The Courier"
GUIDES = [CHECKOUT.parent / "shared" / "samples" / "flask-guide.zh.md", CHECKOUT / "tests" / "samples" / "guide.zh.md"]
START = datetime(2026, 9, 13, 18, 0, tzinfo=ZoneInfo(ZONE))

# The sample content.

LIVE_TITLE = "Hallstedt elects a mayor: the count, hour by hour"
LIVE_SUMMARY = (
    "Polls closed at six. Three candidates, 41 polling districts and, for the first time in twenty years, "
    "no incumbent. We report from the town hall and from the harbour until the last box is counted."
)
LIVE_BODY = """\
![](harbour.jpg)

The question that has divided the town since spring is older than any of the candidates: what is to become of the
harbour? Mira Lindqvist wants the quays rebuilt for the ferry. Jonas Adeyemi would sooner mend the schools. Elsa
Brandt, who has sat on the council since 1998, says that the money is there for neither.

A candidate needs **more than half of all valid votes**. If nobody gets there, the two strongest meet again on
27 September. How the districts voted last time stands in [our guide to the ballot](https://example.org/ballot).
"""

# Clock, author and marks, then a title after `#`, then the text; in between a line of `---`.
UPDATES = """\
18:00 ines key
# Polls are closed
Six o’clock, and the doors of all 41 polling stations are shut. At St Olav’s school eleven people were still in
the queue; whoever stood there at six may vote.
---
18:17 ines
First boxes are being opened in the great hall of the town hall. Observers of all three campaigns stand behind a
rope, two metres from the tables, and count along under their breath.
---
18:41 tomas corrected
# Turnout is the highest since 1994
The electoral office puts turnout at **68.3 per cent**, eleven points more than four years ago. In the harbour
district it was over seventy.
---
19:03 tomas key
# First districts: Lindqvist ahead on the quays
Four of 41 districts are in, all of them near the water:

| | Votes | Share |
|---|--:|--:|
| Lindqvist | 2,214 | 47.9 % |
| Adeyemi | 1,503 | 32.5 % |
| Brandt | 906 | 19.6 % |

Her own people are careful. “These are the streets where we live,” says her agent.
---
19:28 ines
In the Café Mole, where the Adeyemi campaign has gathered, somebody has turned the sound off. They watch the map
fill in, district by district, and wait for the hill.
---
19:44 tomas key
# The hill votes for Adeyemi
Nine districts from the upper town came in within six minutes of each other, and the lead is gone: Adeyemi 40.8,
Lindqvist 40.1 per cent. Half of the districts are counted.
---
20:06 ines
# Brandt concedes
“The town has asked for somebody new, twice over,” Elsa Brandt said on the steps of the town hall. She names no
favourite for a second round.

> I shall vote, as I always have, early and in silence.

![](concession.jpg)
---
20:29 tomas key
# Two votes apart
With 33 of 41 districts in, **two votes** lie between Lindqvist and Adeyemi. The electoral office has asked for a
second count in district 17, where a bundle of ballots was put on the wrong pile.
---
20:38 tomas pinned
# What happens next
Eight districts are still out, most of them in the east. The office expects the last one shortly before ten. As it
stands there will be a **second round on 27 September**.
---
20:41 ines
The mayor’s clerk has brought coffee for the counters. There is applause, the first of the evening.
"""
LATE_UPDATES = """\
20:52 tomas
Three more districts, all from the east. The distance grows: Adeyemi is ahead by **41 votes** now, with five to come.
---
20:58 ines
Somebody has opened the windows of the great hall. One can hear the harbour, and a brass band that can’t know yet
for whom it is going to play.
---
21:04 tomas key
# The second count of district 17 is in
The bundle is back on its pile. Nothing changes but the mood: eleven votes for Lindqvist, nine for Adeyemi.
"""
MISREAD = ("63.8", "68.3")  # what it said, and what is right
CORRECTION = "We first wrote 63.8 per cent. Two figures were swapped in the office’s note."

COMMENTS = """\
19:10 harbourmaster
Seventy per cent on the quays! I have lived here for fifty years and never queued to vote before.
---
19:29 lotte
Could you say whether the postal votes are in these numbers? Last time they came at the very end.
---
19:48 ines
@lotte They are not: postal votes are counted as a district of their own, the 41st.
---
20:07 weilin
Following from Osaka. Thank you for the plain tables – they read well on a phone on a train.
"""

# Hours before START, author, tag, and perhaps a picture; then title and summary.
ARTICLES = """\
30 tomas Harbour slipway.jpg
The last ferry builder on the east quay closes its doors
For a hundred and twelve years the Rasmussen yard launched a hull each spring. On Friday the slipway was sold.
---
48 ines Schools
School kitchens go back to cooking
A trial in six schools was meant to cost more. It costs less, and there is hardly anything left on the plates.
---
76 tomas Transport night-train.jpg
Why the night train is late, in one diagram
One single-track bridge, four railways and a timetable from 1987.
---
121 ines Weather
Heat, and how the old town stays cool
Thick walls, narrow lanes and a rule from 1761 about shutters.
---
150 tomas Culture
Review: the town orchestra plays in the market hall
An evening of Nielsen among the fish stalls, and it works.
---
172 ines Letters
Letters: on noise, gulls and the new benches
"""
ARTICLE_BODY = """\
There was a time when the whole street came out to watch.

Now it is quiet, and the gulls have the quay.
"""


def fill(app: Flask) -> dict[str, int]:
    """Write the sample content; the ids of its people, and of three of its posts: `live`, `article` and `guide`."""
    with app.test_request_context():
        with changes.changing() as session:
            ids = {name: _person(session, name).id for name in ("ines", "tomas", "harbourmaster", "lotte", "weilin")}
        _add_pictures(ids["ines"])
        articles = [_written_article(block, ids) for block in ARTICLES.split("---\n")]
        return ids | {"live": _live_post(ids), "article": articles[0], "guide": _guide(ids["tomas"])}


def _person(session: Session, name: str) -> User:
    return users.create(session, name, None, passwords.make_hash(PASSWORD), "editor" if name == "ines" else "author")


def _add_pictures(uploader_id: int) -> None:
    for name, (draw, alt, caption) in DRAWINGS.items():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, name)
            file.write_bytes(draw())
            prepared = intake.prepare(file)
        with changes.changing() as session:
            added = pictures.add(session, prepared, file_name=name, uploader_id=uploader_id, submission=None)
            added.created_at = _ms(START)
            library.describe(session, added.name, alt=alt, caption=caption, credit=CREDIT, decorative=False)


def _with_pictures(session: Session, text: str) -> str:
    """The sample texts call pictures by their files' names."""
    names = session.execute(select(Picture.file_name, Picture.name))
    return foreign.with_images(text, {file: f"/media/{name}" for file, name in names})


def _written_article(block: str, ids: dict[str, int]) -> int:
    head, title, *summary = block.splitlines()
    hours, author, tag, *picture = head.split()
    body = "".join(f"![]({file})\n\n" for file in picture) + ARTICLE_BODY
    at = START - timedelta(hours=int(hours))
    return _article(title, "".join(summary), ids[author], at, tags=[tag], body=body)


def _article(
    title: str,
    summary: str,
    author_id: int,
    at: datetime,
    *,
    tags: list[str],
    body: str,
    live: bool = False,
) -> int:
    with changes.changing() as session:
        body = _with_pictures(session, body)
        rendered = rendering.post(body, session)
        writing = posts.Writing(
            title=title, summary=summary, body=body, rendered=rendered, tags=tags, language="en", live=live
        )
        author = users.get(session, author_id)
        post = posts.create(session, [author], writing, actor_id=author_id)
        return posts.publish(session, post.id, at_ms=_ms(at)).id


def _guide(author_id: int) -> int:
    path = next(path for path in GUIDES if path.is_file())
    source = importing.read(importing.File(path, path.name), importing.Options(ZoneInfo(ZONE), undated=True))
    with changes.changing() as session:
        imports.store(session, imports.Run(author_id, lambda name: None), source)
        post = session.scalars(select(Post).where(Post.title == source.writing.title)).one()
        post.published_at = _ms(START - timedelta(hours=26))
        return post.id


def _live_post(ids: dict[str, int]) -> int:
    tags = ["Election 2026", "Harbour"]
    post_id = _article(LIVE_TITLE, LIVE_SUMMARY, ids["ines"], START, tags=tags, body=unwrapped(LIVE_BODY), live=True)
    _write(UPDATES, post_id, ids)
    for block in COMMENTS.split("---\n"):
        head, body = block.split("\n", 1)
        clock, author = head.split()
        with changes.changing() as session:
            body = unwrapped(body)
            html = render_comment(body)
            comments.add(session, post_id, ids[author], body, html, per_minute=None).created_at = _at(clock)
    return post_id


def _write(blocks: str, post_id: int, ids: dict[str, int]) -> None:
    for block in blocks.split("---\n"):
        head, written = block.split("\n", 1)
        clock, author, *marks = head.split()
        title, body = written[2:].split("\n", 1) if written.startswith("# ") else ("", written)
        body = unwrapped(body)
        with patch("webapp.models.base.time", Mock(**{"time_ns.return_value": _at(clock) * 1_000_000})):
            _update(post_id, ids[author], body, title=title, marks=marks)


def _update(post_id: int, author_id: int, body: str, *, title: str, marks: list[str]) -> None:
    wrong, right = MISREAD
    first = body.replace(right, wrong) if "corrected" in marks else body
    with changes.changing() as session:
        first = _with_pictures(session, first)
        html = rendering.update(first, session)
        made = updates.add(session, post_id, author_id, first, html, title=title, key="key" in marks)
        if "pinned" in marks:
            updates.pin(session, post_id, made.n, True)
    if "corrected" in marks:
        _correct(post_id, author_id, made.n, title, body)


def _correct(post_id: int, author_id: int, n: int, title: str, body: str) -> None:
    """Eight minutes later somebody has looked at the sheet again."""
    texts = {"title": title, "body": body, "html": rendering.update(body), "note": CORRECTION}
    clock = Mock(**{"time_ns.return_value": _at("18:49") * 1_000_000})
    with patch("webapp.models.base.time", clock), changes.changing() as session:
        updates.correct(session, post_id, n, version=None, actor_id=author_id, **texts)


def _at(clock: str) -> int:
    hour, minute = clock.split(":")
    return _ms(START.replace(hour=int(hour), minute=int(minute)))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


# The pictures.


@contextmanager
def site(folder: Path) -> Iterator[tuple[str, Flask, dict[str, int]]]:
    """The real server with the sample content: its address, an app beside it, and the ids from `fill`."""
    settings = {"PRESSROOM_SITE_TITLE": "The Hallstedt Courier", "PRESSROOM_TIMEZONE": ZONE}
    with UwsgiServer(folder / "instance", environ=settings) as server:
        app = create_app(config.read(server.environ))
        yield server.url, app, fill(app)


def shoot(browser: Browser, address: str, ids: dict[str, int], width: int, scheme: Any) -> None:
    page = _visitor(browser, width, scheme)
    for name, path in (
        ("front", "/"),
        ("live-post", f"/post/{ids['live']}"),
        ("article", f"/post/{ids['article']}"),
        ("guide-zh", f"/post/{ids['guide']}"),
        ("not-found", "/post/404"),
    ):
        page.goto(address + path)
        _save(page, f"{name}-{width}-{scheme}")
    _log_in(page, address, "not the password")
    _save(page, f"login-error-{width}-{scheme}")
    _log_in(page, address, PASSWORD)
    page.goto(f"{address}/desk/post/{ids['live']}")
    _save(page, f"editor-{width}-{scheme}")
    page.goto(f"{address}/desk/comments")
    _save(page, f"comments-{width}-{scheme}")
    page.goto(f"{address}/desk/media")
    _save(page, f"media-{width}-{scheme}")
    page.goto(f"{address}/post/{ids['live']}")
    page.locator("[data-composer] textarea").fill(TYPED)
    _choose(page, "town-hall.jpg")
    page.locator("[data-preview-shown] figure").wait_for()
    _show_pictures(page)
    page.evaluate("document.querySelector('.updates').scrollIntoView({ behavior: 'instant' })")
    page.screenshot(path=SCREENS / f"composer-{width}-{scheme}.png")
    page.context.close()


def _choose(page: Page, name: str) -> None:
    """Add the picture to the update, as from a folder."""
    file: Any = {"name": name, "mimeType": "image/jpeg", "buffer": DRAWINGS[name][0]()}
    page.locator("[data-composer] [data-pictures-file]").set_input_files(file)
    page.get_by_text("Uploaded.", exact=True).first.wait_for()


def shoot_past(browser: Browser, address: str, ids: dict[str, int], width: int, scheme: Any) -> None:
    """What an update said before it was corrected, and the post as it stood at that moment."""
    page = _visitor(browser, width, scheme)
    page.goto(f"{address}/post/{ids['live']}")
    _show_pictures(page)
    page.locator("details.earlier > summary").first.click()
    corrected = page.locator(".update", has=page.locator("details.earlier"))
    corrected.evaluate("update => update.scrollIntoView({ block: 'center', behavior: 'instant' })")
    page.screenshot(path=SCREENS / f"correction-{width}-{scheme}.png")
    page.goto(f"{address}/post/{ids['live']}/at/{_at('18:41') / 1000 + 60:.1f}")
    _save(page, f"history-{width}-{scheme}")
    page.context.close()


# Scrolls past what is pinned, so that what comes in then stands above.
READING_ON = """
() => {
  const pinned = document.querySelector("[data-pinned]").getBoundingClientRect().bottom;
  scrollBy({ top: pinned - 120, behavior: "instant" });
}
"""
GLOW_MS = 3_000
TYPED = "Brandt has *conceded*. She shakes hands with both of them, and then with the woman who swept the hall."


def shoot_news(browser: Browser, address: str, app: Flask, ids: dict[str, int]) -> None:
    """Four readers who are further down while the same three updates come in."""
    readers = {}
    for width, scheme in LOOKS:
        page = _visitor(browser, width, scheme)
        page.goto(f"{address}/post/{ids['live']}")
        page.locator("[data-state=live]").wait_for()
        _show_pictures(page)
        page.evaluate(READING_ON)
        settled(page)
        readers[f"live-news-{width}-{scheme}"] = page
    with app.test_request_context():
        _write(LATE_UPDATES, ids["live"], ids)
    for name, page in readers.items():
        page.locator("[data-news]").wait_for()
        page.wait_for_timeout(GLOW_MS)
        page.screenshot(path=SCREENS / f"{name}.png")
        page.context.close()


def _visitor(browser: Browser, width: int, scheme: Any) -> Page:
    return browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB", timezone_id=ZONE
    ).new_page()


def _log_in(page: Page, address: str, password: str) -> None:
    page.goto(address + "/login")
    page.fill("#username", "ines")
    page.fill("#password", password)
    page.click("main button")


SHOW_PICTURES = """() => {
  for (const image of document.images) image.loading = "eager";
  return Promise.all([...document.images].map((image) => image.decode().catch(() => null)));
}"""


def _show_pictures(page: Page) -> None:
    """Also those that are loaded when somebody scrolls to them."""
    page.evaluate(SHOW_PICTURES)


def _save(page: Page, name: str) -> None:
    _show_pictures(page)
    width = page.viewport_size["width"] if page.viewport_size else 0
    height = min(MAX_HEIGHT, page.evaluate("document.documentElement.scrollHeight"))
    clip: Any = {"x": 0, "y": 0, "width": width, "height": height}
    page.screenshot(path=SCREENS / f"{name}.png", full_page=True, clip=clip)


def main() -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        site(Path(folder)) as (address, app, ids),
        chromium() as browser,
    ):
        for width, scheme in LOOKS:
            shoot(browser, address, ids, width, scheme)
            shoot_past(browser, address, ids, width, scheme)
        shoot_news(browser, address, app, ids)


if __name__ == "__main__":
    main()
