"""Public pages: rendered once, kept in the page store, replaced when something changes them."""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from flask import Flask, Response, current_app, request, url_for
from sqlalchemy.exc import DatabaseError
from werkzeug.exceptions import HTTPException

from .. import db
from ..app_key import AppKey
from ..config import fingerprint
from ..db.faults import FAULTS
from ..errors import Moved, NotFound, Refused
from ..http import metrics
from ..http.links import YEAR_SECONDS
from . import versions
from .entry import packed, retired
from .paths import page_path
from .store import Store, Stored

TYPES = {
    ".atom": "application/atom+xml",
    ".css": "text/css; charset=utf-8",
    ".json": "application/feed+json",
    ".rss": "application/rss+xml",
    ".xml": "application/xml",
    ".txt": "text/plain; charset=utf-8",
}
# A change that touches more hot pages than this removes the rest of them.
HOT_AT_ONCE = 20
# Those who comment at the same time share a rendering; an author doesn't wait.
SHARE_SECONDS = 0.2
# After the store refused to be written, pages are made without it for so long.
TROUBLE_SECONDS = 5.0
# Of a store that can't be written, by errno. Without its path: /readyz says it to everybody.
CURES = {
    errno.EACCES: "Give the instance folder to whoever runs the site: .venv/bin/pressroom check says how.",
    errno.ENOSPC: "Free some space.",
    errno.EDQUOT: "Free some space.",
    errno.EROFS: "Look into the kernel's log for why, then repair the disk, mount it and start the site again.",
}
SETTINGS_ON_PAGES = ("SITE_TITLE", "LANGUAGE", "CONTENT_LANGUAGE", "TIMEZONE", "BASE_URL")


@dataclass
class Pages:
    """The public pages of one app, with what it takes to make them.

    public: of each public page's endpoint, "hot" or "cold". Hot ones are replaced at once when they change, the others
        are removed and made again when somebody asks. Their views take no request at all, so they can't depend on who
        asks.
    front_paths: the front page and what stands on it, asked for in the app's context.
    """

    app: Flask
    store: Store
    build: str
    public: dict[str, str]
    front_paths: Callable[[], list[str]]
    views: dict[str, Callable[..., Any]] = field(default_factory=dict)
    broken_until: float = 0.0

    @property
    def stored(self) -> bool:
        """Whether files are read and written. A developer wants to see a changed template at once."""
        return self.store.usable and not self.app.debug

    # Rendering

    def fresh(self, path: str) -> Stored:
        """The page by its views, from a snapshot of its own, with its version.

        Raises NotFound, Moved or an HTTPException where `path` is no page's true path.
        """
        # An empty context: there is no request whose headers could be read.
        return Context().run(self._fresh, path)

    def _fresh(self, path: str) -> Stored:
        with self.app.app_context():
            version = versions.version_of(db.reading(), path, self.build)
            endpoint, values = self._view(path)
            page = Stored(str(self.views[endpoint](**values)).encode(), version)
            metrics.count("rendered_pages_total")
            return page

    def _view(self, path: str) -> tuple[str, dict[str, Any]]:
        """Raises NotFound, also for what isn't a public page."""
        try:
            found, values = self.app.create_url_adapter(None).match(path, method="GET")  # type: ignore[union-attr]
        except HTTPException as error:
            raise NotFound from error
        if found not in self.views:
            raise NotFound
        return found, dict(values)

    def is_hot(self, path: str) -> bool:
        try:
            return self.public[self._view(path)[0]] == "hot"
        except NotFound:
            return False

    # Serving

    def serve(self, path: str, gzipped: bool) -> Stored:
        """The page as it is in the store; a page that isn't there is made, once, however many ask for it."""
        if not self._usable_for(path):
            return self._unstored(path, gzipped)
        try:
            stored = self.store.read(path, gzipped)
            if stored is None:
                made = self.make(path)
                stored = self.store.read(path, gzipped) if gzipped else None
            return stored or made
        except OSError as error:
            self._trouble(error)
            return self._unstored(path, gzipped)

    def _unstored(self, path: str, gzipped: bool) -> Stored:
        page = self.fresh(path)
        return replace(page, content=packed(page.content), encoding="gzip") if gzipped else page

    def _usable_for(self, path: str) -> bool:
        return self.stored and time.monotonic() >= self.broken_until and page_path(path) is not None

    def make(self, path: str, at_least: int = 1) -> Stored:
        """Render the page and put it into the store, unless somebody has done so.

        at_least: the version that a file must have to be left as it is.
        Raises OSError when the store can't be written, and what `fresh` raises; the page is removed then.
        """
        # When all pages change, the store's own folder isn't exchanged as others are: whoever makes a page there, maybe
        # from what was before the change, is waited for.
        is_at_top = path.count("/") == 1
        with self.store.lock(path, *[versions.ALL] * is_at_top), self.store.open(path) as entry:
            stored = self.store.read(path, gzipped=False)
            if stored and stored.version and stored.version >= at_least:
                return stored
            try:
                page = self.fresh(path)
                if entry and page.version:
                    entry.put(page.version, page.content)
                    self.broken_until = 0.0
                elif entry:
                    entry.remove()
            except Exception:
                if entry:
                    entry.remove()
                raise
            return page

    # Changing

    def replace(self, touched: dict[str, int], share: bool = False) -> None:
        """Put right every stored page that a change touched: `touched` has its version, by path or pattern.

        share: wait a moment for others who change the same page, so that one rendering does for all.
        """
        if not self.stored:
            return
        hot = 0
        for path, version in touched.items():
            try:
                if path == versions.ALL:
                    self._replace_all(version)
                elif path.endswith("/*"):
                    self.store.remove_tree(path.removesuffix("/*"))
                elif page_path(path):
                    is_hot = self.is_hot(path)
                    hot += is_hot
                    self._replace_one(path, version, is_hot and hot <= HOT_AT_ONCE, share)
            except OSError as error:
                self._trouble(error)
                if path.endswith("/*") or self.is_outdated(path, version):
                    self._put_aside()

    def _replace_all(self, version: int) -> None:
        """At once, in the time of a few renames, however many there are. The front page and what stands on it are made
        before: nobody there is to wait for Python."""
        with self.app.app_context():
            paths = [*self.front_paths(), *self.store.at_top()]
        hot = [path for path in dict.fromkeys(paths) if self.store.version(path) and self.is_hot(path)][:HOT_AT_ONCE]
        with self.store.lock(versions.ALL, *hot):
            if self.store.renewed_at() >= version:  # by another change that came a moment later
                return
            with self.store.renewed(version) as tree:
                for path in hot:
                    self._try(path, partial(self._put, path, tree))
                    time.sleep(0)

    def _put(self, path: str, tree: Path) -> None:
        with self.store.open(path, tree) as entry:
            page = self.fresh(path)
            if entry and page.version:
                entry.put(page.version, page.content)

    def _replace_one(self, path: str, version: int, keep: bool, share: bool) -> None:
        if not keep:
            with self.store.lock(path):
                if self.is_outdated(path, version):
                    self.store.remove(path)
            return
        if share and 0 <= (age := self.store.age_seconds(path) or -1) < SHARE_SECONDS:
            time.sleep(SHARE_SECONDS - age)
        self._try(path, partial(self.make, path, version))

    def _try(self, path: str, make: Callable[[], object]) -> None:
        try:
            make()
        except (Refused, Moved):
            pass  # it is public no more
        except OSError:
            raise
        except DatabaseError as error:
            FAULTS.of(self.app).log(self.app, f"{path} can't be made", error)
        except Exception as error:  # the change is committed, and the page removed: whoever asks for it tries again
            self.app.logger.error("%s can't be made", path, exc_info=error)

    def is_outdated(self, path: str, version: int) -> bool:
        stored = self.store.version(path)
        return stored is not None and stored < version

    def _trouble(self, error: OSError) -> None:
        if self.broken_until == 0.0:
            self.app.logger.warning("The page store can't be used, so Python makes the pages meanwhile: %s", error)
        self.broken_until = time.monotonic() + TROUBLE_SECONDS

    def trouble(self) -> str | None:
        """Why pages can't be stored at the moment, by trying; None when they can."""
        try:
            self.store.prepare()
            probe = retired(self.store.root)
            probe.write_bytes(b"\0" * 4096)
            probe.unlink()
        except OSError as error:
            cure = CURES.get(error.errno or 0, "Delete the folder pages in the instance; it is made anew.")
            return f"The page store isn't writable, so Python renders every page: {error.strerror}. {cure}"
        return None

    def _put_aside(self) -> None:
        """uWSGI must not go on serving an outdated page; a store that refuses changes can still be moved as a whole."""
        try:
            self.store.root.rename(self.store.root.with_name(f".old-pages-{time.time_ns()}"))
            self.store.prepare()
        except OSError as error:
            self.app.logger.error("Outdated pages stay in %s: %s", self.store.root, error)


# Within the app

PAGES = AppKey[Pages]("pages")


def init_app(app: Flask, public: dict[str, str], front_paths: Callable[[], list[str]], face: str) -> None:
    """Let the store answer for every public view.

    public, front_paths: as in Pages. face: a fingerprint of what else makes pages look as they do.
    """
    pages = PAGES.put(app, Pages(app, Store(app.config["INSTANCE"]), _build(app, face), public, front_paths))
    for endpoint in public:
        pages.views[endpoint] = app.view_functions[endpoint]
        app.view_functions[endpoint] = update_wrapper(partial(_answer, pages), pages.views[endpoint])


def of_app() -> Pages:
    return PAGES.of(current_app)


def _answer(pages: Pages, **values: Any) -> Response:
    true = url_for(str(request.endpoint), **values)
    if unquote(true) != request.script_root + request.path:
        raise Moved(true)
    page = pages.serve(request.path, gzipped=request.accept_encodings.quality("gzip") > 0)
    response = Response(page.content, content_type=TYPES.get(Path(request.path).suffix, "text/html; charset=utf-8"))
    if page.encoding:
        response.content_encoding = page.encoding
    if request.path.endswith(".css"):  # it has its content's hash in its address
        response.cache_control.public, response.cache_control.max_age = True, YEAR_SECONDS
    if page.version:
        response.last_modified = datetime.fromtimestamp(page.version, UTC)
    response.make_conditional(request)
    return response


def _build(app: Flask, face: str) -> str:
    """What makes pages look as they do: code, templates and assets, logo and colour, and these settings."""
    settings = [str(app.config[name]) for name in SETTINGS_ON_PAGES]
    return hashlib.sha256("\0".join([fingerprint(), face, *settings]).encode()).hexdigest()[:16]
