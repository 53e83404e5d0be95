"""What pictures cost: a photo from a phone's browser to its readers, and the site while twenty are processed."""

from __future__ import annotations

import random
import re
import subprocess
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from uuid import uuid4

import psutil
from PIL import Image
from playwright.sync_api import Browser, Page

from loadtests.limits import browser, lab, pages, report
from tools.chromium import chromium
from tools.processes import family, until

PHONE = {"width": 390, "height": 844}
PIECE_BYTES = 512 * 1024
SENDERS = 4
SEEN_SECONDS = 2.0
OF_QUIET_P99, P99_MS = 2.0, 10.0
MEMORY_MB = 300
OF_PAGE = 1.1
PACED = "function delay() return 20 end"
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
# When the reader's browser has a figure's picture decoded, as the time since 1970 in ms.
WATCH = """() => {
    window.seenAt = null;
    const look = () => {
        const image = document.querySelector("[data-updates] figure img");
        if (!image || window.seenAt) return;
        image.loading = "eager";
        image.decode().then(() => (window.seenAt ??= Date.now()), () => setTimeout(look, 20));
    };
    new MutationObserver(look).observe(document.querySelector("main"), { childList: true, subtree: true });
}"""


class Place(NamedTuple):
    port: int
    pid: int
    pace: Path
    author: browser.Person


@dataclass
class Measured:
    seen_ms: list[float] = field(default_factory=list)
    quiet_p99_ms: list[float] = field(default_factory=list)
    busy_p99_ms: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    busy_seconds: list[float] = field(default_factory=list)
    view_us: list[float] = field(default_factory=list)
    page_us: list[float] = field(default_factory=list)


def main() -> None:
    chosen = report.options(__doc__, rounds=(3, 1, "rounds"), photos=(20, 2, "photos at once"))
    lab.need("wrk")
    measured = Measured()
    with lab.site() as site:
        site.environ["PRESSROOM_LIMITS"] = "off"
        pace = site.folder.with_name("pace.lua")
        pace.write_text(PACED)
        photos = Photos()
        with lab.serving(site) as pid, chromium() as chrome:
            author = browser.sign_in(site.port, lab.AUTHOR)
            name = upload(site.port, author, next(photos))
            for _ in range(chosen.rounds):
                measured.seen_ms.append(to_readers(chrome, site.port, lab.live_post(site.app), next(photos)))
                beside(Place(site.port, pid, pace, author), chosen.photos, photos, measured)
                views(site, pid, name, measured)
    tell(chosen, measured)


class Photos(Iterator[bytes]):
    """Grainy night photos of 12 megapixels, each another file."""

    def __init__(self) -> None:
        self.number = 0
        dark = Image.linear_gradient("L").resize((4000, 3000)).point(lambda value: value // 5)
        grain = [Image.effect_noise((4000, 3000), 28) for _ in range(3)]
        bands = [Image.blend(dark, each, 0.35) for each in grain]
        self.image = Image.merge("RGB", bands)

    def __next__(self) -> bytes:
        self.number += 1
        self.image.putpixel((random.randrange(4000), self.number), (255, 255, 255))
        file = BytesIO()
        self.image.save(file, "JPEG", quality=88)
        return file.getvalue()


def upload(port: int, author: browser.Person, photo: bytes) -> str:
    """By pieces, as the script does; the picture's name."""
    upload_id = uuid4()
    for offset in range(0, len(photo), PIECE_BYTES):
        said = send_piece(
            port, author, f"/desk/media/{upload_id}/{offset}", photo[offset : offset + PIECE_BYTES], len(photo)
        )
    while not (found := re.search(rb'"name": ?"([0-9a-f]{16})"', said)):
        said = send_piece(port, author, f"/desk/media/{upload_id}/{len(photo)}", b"", len(photo))
    return found[1].decode()


def send_piece(port: int, author: browser.Person, path: str, piece: bytes, size: int) -> bytes:
    fields = {"csrf_token": author.token, "size": size, "file_name": "night.jpg"}
    parts = [f'name="{key}"\r\n\r\n{value}'.encode() for key, value in fields.items()]
    parts.append(b'name="piece"; filename="piece"\r\n\r\n' + piece)
    body = (
        b"".join(b"--derby\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--derby--\r\n"
    )
    headers = {"Cookie": author.cookie, "Accept": "application/json"}
    headers["Content-Type"] = "multipart/form-data; boundary=derby"
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status == 503:  # the others are first
        time.sleep(float(answer.headers["Retry-After"]))
        return said
    assert answer.status == 200, f"POST {path} answered {answer.status}: {said[:300]!r}"
    return said


def to_readers(chrome: Browser, port: int, post_id: int, photo: bytes) -> float:
    """Milliseconds from an author's choice on a phone until a reader's browser has the picture."""
    url = f"http://127.0.0.1:{port}/post/{post_id}"
    reading, writing = chrome.new_context(), chrome.new_context(viewport=PHONE, is_mobile=True, has_touch=True)
    try:
        reader, author = reading.new_page(), writing.new_page()
        sign_in(author, port)
        author.goto(url)
        reader.goto(url)
        reader.wait_for_selector("[data-state=live]:not([hidden])")
        reader.evaluate(WATCH)
        box = author.locator("[data-composer] textarea")
        box.fill("The north stand.")
        listen = "() => document.addEventListener('change', () => (window.chosenAt ??= Date.now()), true)"
        author.evaluate(listen)
        author.locator("[data-pictures-file]").first.set_input_files(
            [{"name": "night.jpg", "mimeType": "image/jpeg", "buffer": photo}]
        )
        author.get_by_role("button", name="Publish update").click()
        until(lambda: reader.evaluate("window.seenAt"), "the reader saw it")
        return float(reader.evaluate("window.seenAt") - author.evaluate("window.chosenAt"))
    finally:
        reading.close()
        writing.close()


def sign_in(page: Page, port: int) -> None:
    page.goto(f"http://127.0.0.1:{port}/login")
    page.get_by_label("Username").fill(lab.AUTHOR)
    page.get_by_label("Password").fill(browser.PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()


def beside(at: Place, count: int, photos: Photos, measured: Measured) -> None:
    """`/hello`, and then the memory, with and without so many photos."""
    measured.quiet_p99_ms.append(p99_ms(at.port, at.pace, count))
    with uploading(at, [next(photos) for _ in range(count)]) as seconds:
        measured.busy_p99_ms.append(p99_ms(at.port, at.pace, count // 2))
    measured.busy_seconds.append(seconds[0])
    idle = memory_mb(at.pid)
    with watched(at.pid) as highest, uploading(at, [next(photos) for _ in range(count)]):
        pass
    measured.memory_mb.append(max(highest) - idle)


@contextmanager
def uploading(at: Place, sent: list[bytes]) -> Iterator[list[float]]:
    """Meanwhile photos come, and at the end all have; how many seconds that took."""
    took: list[float] = []
    begun = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        uploads = [pool.submit(upload, at.port, at.author, photo) for photo in sent]
        yield took
        assert not all(each.done() for each in uploads) or len(sent) < 20, "they were processed before the end"
        for each in uploads:
            each.result()
    until(lambda: not decoders(at.pid), "the larger variants were made")
    took.append(time.perf_counter() - begun)


def p99_ms(port: int, pace: Path, seconds: int) -> float:
    command = ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", str(pace), "--latency", "-H", "Connection: close"]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}/hello"], capture_output=True, text=True, check=True)  # noqa: S603
    found = re.search(r"99% +([\d.]+)(us|ms|s)", done.stdout)
    assert found and "Non-2xx" not in done.stdout, done.stdout
    return float(found[1]) * UNITS_MS[found[2]]


def memory_mb(pid: int) -> float:
    """Of all processes of the site, each page that several share counted once."""
    total = 0
    for process in family(pid):
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue
    return total / 1e6


def decoders(pid: int) -> list[psutil.Process]:
    return [process for process in family(pid) if _decodes(process)]


def _decodes(process: psutil.Process) -> bool:
    try:
        return "decoder.py" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # ended just now
        return False


@contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """The memory, again and again."""
    found, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            found.append(memory_mb(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def views(site: lab.Site, pid: int, name: str, measured: Measured) -> None:
    path = f"/media/{name}-480.webp"
    size = len(browser_bytes(site.port, path))
    post_id = pages.post_of_bytes(site, size)
    browser.ask(site.port, f"/post/{post_id}")
    measured.view_us.append(pages.measure(pid, site.port, path, seconds=4, kept=False)[0])
    measured.page_us.append(pages.measure(pid, site.port, f"/post/{post_id}", seconds=4, kept=False)[0])


def browser_bytes(port: int, path: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200 and "Cache-Control" not in answer.headers, "uWSGI serves it without Python"
    content = answer.read()
    connection.close()
    return content


def tell(chosen: Namespace, measured: Measured) -> None:
    raw: dict[str, Any] = vars(measured)
    rows = [("", "median (range)")] + [(name, report.spread(values)) for name, values in raw.items()]
    p99 = max(OF_QUIET_P99 * median(measured.quiet_p99_ms), P99_MS)
    ratio = median(view / page for view, page in zip(measured.view_us, measured.page_us, strict=True))
    bars = [
        report.Bar("seconds from choosing to seeing", median(measured.seen_ms) / 1000, SEEN_SECONDS, "s"),
        report.Bar("/hello p99 beside photos", median(measured.busy_p99_ms), p99, "ms"),
        report.Bar("memory over idle", max(measured.memory_mb), MEMORY_MB, "MB"),
        report.Bar("480 px variant / page of its size", ratio, OF_PAGE),
    ]
    report.finish("pictures", chosen, rows, bars, raw)


if __name__ == "__main__":
    main()
