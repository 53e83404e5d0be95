"""What a page must look like, measured in a real browser: nothing off the screen, lines that can be read, contrast,
targets that a thumb hits, and WCAG 2.2 AA as far as axe-core can tell.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from support.accessibility import CONTRAST, TARGETS, look, show, violations
from support.browsing import Site, has_desk, new_page, next_frame
from support.checkout import SAMPLES
from webapp import db
from webapp.models import Post
from webapp.system.clock import now_ms

GUIDE = SAMPLES / "guide.zh.md"
ENGLISH = "The lamp on the point has been lit every evening since 1884, and tonight it goes out for good. " * 12
TABLE = "| a wide table | " + "column | " * 12 + "\n|" + "---|" * 13 + "\n|" + " a cell with words |" * 13 + "\n"
CODE = "```python\nprint('a line of code that is much longer than any phone is wide, and then some more of it')\n```\n"

MORE = "## One\n\n## Two\n\n- [x] done\n\nA note.[^1]\n\n[^1]: Here."


BOXES = "> [!NOTE]\n> [A note](#what-it-saw).\n\n> [!WARNING]\n> A ~~warning~~.\n\n<del>\n\nNo.\n\n</del>"


@pytest.fixture(scope="module")
def places(site: Site) -> dict[str, str]:
    """Every kind of page, with something on it: {"the front page": "/", …}."""
    ada = site.ada()
    live = ada.write_post(
        title="The lighthouse goes quiet",
        summary="After 142 years the lamp is switched off tonight.",
        body=f"{ENGLISH}\n\n## What it saw\n\n{TABLE}\n\n{CODE}\n\n> A quote.\n\n{BOXES}\n\n{MORE}",
        tags="Harbour, History",
        live="y",
    )
    first = ada.add_update(live, "The **keeper’s daughter** has arrived.", title="She is here", key="y")
    second = ada.add_update(live, "The key turns at nine. [The plan](https://example.org/)", title="What happens next")
    ada.post(f"/desk/post/{live}/update/{second}/pin")
    ada.post(
        f"/desk/post/{live}/update/{first}/correct",
        body="Her **daughter** has arrived.",
        note="Not the keeper.",
        title="",
    )
    withdrawn = [ada.add_update(live, f"It was not {so}.") for so in ("so", "nice")]
    ada.post(f"/desk/post/{live}/update/{withdrawn[0]}/withdraw")
    ada.post(f"/desk/post/{live}/update/{withdrawn[1]}/withdraw", reason="legal")
    rude = ada.comment(live, "We saw it from the *ferry*.")
    ada.post(f"/desk/post/{live}/comment/{rude}/withdraw")
    ada.comment(live, "We saw it from the *ferry*.")
    quiet = ada.write_post(title="Nobody has said a word about the harbour bridge since", live="y")
    with site.app.app_context(), db.writing() as session:
        post = session.get_one(Post, quiet)
        post.published_at = post.changed_at = post.kept_live_at = now_ms() - 13 * 3_600_000
    chinese = ada.write_post(title="灯塔熄灯", body=GUIDE.read_text("utf-8").split("---\n", 2)[-1])
    arabic = ada.write_post(
        title="المنارة تنطفئ الليلة", body=f"بعد مئة واثنين وأربعين عامًا ينطفئ الضوء.\n\n{BOXES}", language="ar"
    )
    ada.post(
        f"/desk/post/{chinese}",
        title="灯塔熄灯了",
        body=GUIDE.read_text("utf-8").split("---\n", 2)[-1],
        action="publish",
    )
    return {
        "the front page": "/",
        "a live post": f"/post/{live}",
        "a Chinese guide": f"/post/{chinese}",
        "an Arabic post": f"/post/{arabic}",
        "a post as it stood": f"/post/{live}/at",
        "one update": f"/post/{live}/update/{first}",
        "older updates": f"/post/{live}/updates/1",
        "older comments": f"/post/{live}/comments/1",
        "an author": "/user/ada",
        "a tag": "/tag/harbour",
        "found": "/search?q=lamp",
        "nothing found": "/search?q=zzzz",
        "log in": "/login",
        "register": "/register",
        "not found": "/nowhere",
        "a comment": f"/post/{live}/comments/new",
        "settings": "/settings",
        "own comments": "/settings/comments",
        "the desk": "/desk",
        "a new post": "/desk/new",
        "an edited post": f"/desk/post/{live}",
        "the live desk": f"/desk/post/{live}/live",
        "a quiet live desk": f"/desk/post/{quiet}/live",
        "a correction": f"/desk/post/{live}/update/{first}/correct",
        "the comments": "/desk/comments",
        "older texts": f"/desk/post/{chinese}/revisions",
        "people": "/desk/people",
        "site pages": "/desk/about",
        "a site page": "/desk/about/new",
    }


PLACES = [
    "the front page", "a live post", "a Chinese guide", "an Arabic post", "a post as it stood", "one update",
    "older updates", "older comments", "an author", "a tag", "found", "nothing found", "log in", "register",
    "not found", "a comment", "settings", "own comments", "the desk", "a new post", "an edited post", "the live desk",
    "a quiet live desk", "a correction", "the comments", "older texts", "people", "site pages", "a site page",
]  # fmt: skip


ANONYMOUS = {"log in", "register"}


@pytest.fixture(scope="module")
def admins_page(browser: Browser, site: Site) -> Iterator[Page]:
    """One who sees everything."""
    page = new_page(browser, site.url, site.person("root"))
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def strangers_page(browser: Browser, site: Site) -> Iterator[Page]:
    page = new_page(browser, site.url)
    yield page
    page.context.close()


@pytest.fixture
def page(request: pytest.FixtureRequest, admins_page: Page, strangers_page: Page) -> Page:
    return strangers_page if request.node.callspec.params.get("place") in ANONYMOUS else admins_page


@pytest.mark.parametrize("place", PLACES)
def test_everybody_can_read_and_use_a_page(page: Page, places: dict[str, str], place: str) -> None:
    """Light on a desk, dark on a phone, and on the narrowest screen there is."""
    path = places[place]
    show(page, path)
    assert page.locator("h1").count() == 1
    for landmark in ("header", "main", "footer"):
        assert page.locator(f"body > {landmark}").count() == 1
    assert page.evaluate(CONTRAST) == []
    assert violations(page) == []
    look(page, 360, "dark")
    everybody_can_use(page)
    fits(page, 320)


# Each puts a live page into a state that it comes to by itself now and then.
LIVE_STATES = {
    "a crowd": "tell('stream:event', { kind: 'readers', n: 1204 })",
    "paused": "document.querySelector('[data-pause]').click()",
    "offline": "tell('stream:state', { state: 'offline', ms: 0 })",
    "reconnecting": "tell('stream:state', { state: 'reconnecting', ms: 58000 })",
    "gone": "tell('stream:event', { kind: 'gone' })",
    "outdated": "document.querySelector('[data-outdated]').hidden = false",
    "news": "Object.assign(document.querySelector('[data-news]'), { hidden: false, textContent: '3 new updates' })",
}


@pytest.mark.parametrize("state", LIVE_STATES)
def test_whatever_happens_a_live_page_can_be_read_and_used(
    strangers_page: Page, places: dict[str, str], state: str
) -> None:
    page = strangers_page
    show(page, places["a live post"])
    page.locator("[data-state=live]").wait_for()
    tell = "const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));"
    page.evaluate(f"() => {{ {tell} {LIVE_STATES[state]} }}")
    everybody_can_use(page)
    look(page, 360, "dark")
    everybody_can_use(page)
    fits(page, 320)


# Each puts the composer and the tools below an update into a state that an author's night has.
WRITING = {
    "a preview": "write('It is **dark** now.')",
    "a lost connection": "outbox('waiting', { why: 'lost', ms: 4000 })",
    "a refusal": "outbox('refused', { message: 'The text is longer than 10 kB.' })",
    "an edit": "press('edit')",
    "a correction": "press('correct')",
    "a withdrawal": "press('withdraw')",
}
DESK = """
const write = text => {
  const box = document.querySelector("#composer-body");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
};
const outbox = (state, more) => {
  const entry = { key: "new 1", url: "", fields: { title: "", body: "The lamp is out." } };
  document.dispatchEvent(new CustomEvent("outbox:state", { detail: { state, entry, ...more } }));
};
const press = act => document.querySelector(`[data-updates] [data-act=${act}]`).click();
"""
SHOWN = {
    "a preview": ".composer [data-preview-shown]",
    "an edit": ".update-form",
    "a correction": ".update-form",
    "a withdrawal": ".withdrawn",
}


@pytest.mark.parametrize("state", WRITING)
def test_whoever_writes_can_read_and_use_the_page(admins_page: Page, site: Site, state: str) -> None:
    page, post_id = admins_page, site.post(title="The lighthouse", live="y")
    site.ada().add_update(post_id, "Two boats.", title="The regatta", key="y")
    show(page, f"/post/{post_id}")
    has_desk(page)
    page.evaluate(f"() => {{ {DESK} {WRITING[state]} }}")
    page.locator(SHOWN.get(state, ".outbox__item")).wait_for()
    everybody_can_use(page)
    look(page, 360, "dark")
    everybody_can_use(page)
    fits(page, 320)
    # A window of 1,280 at 200 %, in the colours of somebody who chose their own.
    page.emulate_media(forced_colors="active")
    fits(page, 640)
    assert page.evaluate(EDGES) == []
    page.emulate_media(forced_colors="none")
    page.evaluate("localStorage.clear()")


# Boxes that have lost their edge in forced colours, where backgrounds are all the same.
EDGES = """
() => [...document.querySelectorAll(".composer, .outbox__item, .update-form, .withdrawn")]
  .filter(e => e.checkVisibility() && getComputedStyle(e).borderTopStyle === "none")
  .map(e => e.className)
"""


def fits(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 450})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def everybody_can_use(page: Page) -> None:
    next_frame(page)
    assert page.evaluate(TARGETS) == []
    assert page.evaluate(CONTRAST) == []
    assert violations(page) == []


LINE = """
selector => {
  const counts = [];
  for (const p of document.querySelectorAll(selector)) {
    const range = document.createRange();
    let node = p.firstChild, top = null, start = 0;
    if (!node || node.nodeType !== 3 || node.data.length < 60) continue;
    for (let i = 0; i < node.data.length; i++) {
      range.setStart(node, i); range.setEnd(node, i + 1);
      const box = range.getBoundingClientRect();
      if (!box.height) continue;
      if (top !== null && box.top > top + 4) { counts.push(i - start); start = i; }
      top = box.top;
    }
  }
  return counts;
}
"""


@pytest.mark.parametrize(("place", "low", "high"), [("a live post", 45, 75), ("a Chinese guide", 28, 42)])
def test_lines_are_as_long_as_the_eye_likes(
    page: Page, places: dict[str, str], place: str, low: int, high: int
) -> None:
    show(page, places[place])
    counts = page.evaluate(LINE, ".prose > p")
    assert counts, "no paragraph of several lines to measure"
    assert low <= sorted(counts)[len(counts) // 2] <= high
    assert max(counts) <= high


@pytest.mark.parametrize(
    "place", ["a live post", "a post as it stood", "a Chinese guide", "an edited post", "the live desk"]
)
def test_forced_colours_and_double_zoom_leave_everything_there(page: Page, places: dict[str, str], place: str) -> None:
    show(page, places[place], width=640)
    page.emulate_media(forced_colors="active")
    fits(page, 640)
    assert page.locator("h1").count() == 1
    page.emulate_media(forced_colors="none")


def test_arabic_reads_from_the_right(strangers_page: Page, places: dict[str, str]) -> None:
    show(strangers_page, places["an Arabic post"])
    title = strangers_page.get_by_role("heading", level=1)
    assert title.evaluate("e => getComputedStyle(e).direction") == "rtl"
    ends = strangers_page.locator(".head__title, .head > .prose").evaluate_all(
        "found => found.map(e => e.getBoundingClientRect().right)"
    )
    assert len(ends) == 2
    assert ends[0] == ends[1], "the text stands under the side where its title begins"
