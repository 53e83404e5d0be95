"""The site's scripts and styles as bundles: one request each for readers, one each more for those who write.

The app makes them as it starts, without a tool or a build step: files in `<instance>/assets/` that servers send as
they are, each named by its content's hash, so that browsers keep it. `flask run --debug` has the single files.

A script is a module without imports. Bundled, each is a block of its own, since they share names; it is skipped on
pages without its root, as most of them would throw there, and one that throws takes no other along.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, request
from markupsafe import Markup

from ..app_key import AppKey
from ..config import resources
from ..errors import NotFound
from ..system import instance
from .links import YEAR_SECONDS, relative

assets = Blueprint("assets", __name__)

# In the order of the cascade.
STYLES = {
    "reader": ("base", "card", "form", "post", "update", "comment", "code", "live", "history"),
    "desk": ("desk", "composer", "moderation"),
}
# With each script the selector of its root, in the order in which they run.
STREAM = "main[data-live]"
SCRIPTS = {
    "reader": {
        "time": "body",
        "accounts/me": "[data-me]",
        "accounts/logout": "form[data-logout]",
        "community/comments": "[data-delete-comment]",
        "live/scroll_anchor": f"{STREAM}, [data-moderation]",
        "live/apply_events": STREAM,
        "live/page_reload": STREAM,
        "live/live_status": STREAM,
        "live/arrivals": STREAM,
        "live/stream": STREAM,
        "reader/history": "[data-slider]",
        "reader/large_picture": "[data-large-picture]",
    },
    "desk": {
        "desk/preview": "form[data-preview], [data-form]",
        "desk/unsaved": "form[data-unsaved]",
        "desk/copy": "[data-copy]",
        "desk/moderation": "[data-moderation]",
        "desk/composer": "[data-desk-says]",
        "desk/update_tools": "[data-desk-says]",
        "desk/outbox": "[data-desk-says]",
        "desk/pictures": "[data-pictures], template[data-form], [data-whole-picture]",
        "desk/library": "[data-library], template[data-form]",
        "desk/reach": "[data-reached]",
    },
}
ROOTS = {script: root for scripts in SCRIPTS.values() for script, root in scripts.items()}
# Beside the blocks of readers: a browser runs the same file once more, as the worker that holds its tabs' streams.
CONNECTION = "live/connection"
TYPES = {"css": "text/css", "js": "text/javascript"}
FOLDER = "assets"
NAME = re.compile(r"(reader|desk)-[0-9a-f]{12}\.(css|js)")
# Pages may be open, or in a cache, that have the bundles of an earlier release.
KEPT = 5
HOUR_SECONDS = 3600


class Bundles:
    """Every bundle as it was when this was made: `contents` by names such as `reader-0123456789ab.js`."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.changed_at = _last_change()  # the same in each worker, whenever it was started
        self.names: dict[tuple[str, str], str] = {}
        for bundle, sheets in STYLES.items():
            self._add(bundle, "css", "".join(stripped_styles(_source("css", sheet)) for sheet in sheets))
        for bundle, scripts in SCRIPTS.items():
            blocks = [block(stripped_script(_source("js", script)), root) for script, root in scripts.items()]
            if bundle == "reader":
                blocks.append(stripped_script(_source("js", CONNECTION)))
            self._add(bundle, "js", "".join(blocks))

    def _add(self, bundle: str, ending: str, text: str) -> None:
        content = text.encode()
        name = f"{bundle}-{hashlib.sha256(content).hexdigest()[:12]}.{ending}"
        self.contents[name], self.names[bundle, ending] = content, name


BUNDLES = AppKey[Bundles]("bundles")


def init_app(app: Flask) -> None:
    BUNDLES.put(app, Bundles())
    app.jinja_env.globals.update(bundle=single_files if app.debug else bundle, connection_script=connection_script)
    app.register_blueprint(assets)


def bundle(name: str) -> Markup:
    """The elements that load the bundle, in a page's head."""
    names = BUNDLES.of(current_app).names
    return _elements([_url(names[name, "css"])], [_url(names[name, "js"])])


def single_files(name: str) -> Markup:
    """The same files one by one: a browser's tools show each as it was written."""
    sheets = [relative("static", filename=f"css/{sheet}.css") for sheet in STYLES[name]]
    return _elements(sheets, [_url(f"{script}.js") for script in SCRIPTS[name]])


def connection_script() -> str:
    if current_app.debug:
        return relative("static", filename=f"js/{CONNECTION}.js")
    return _url(BUNDLES.of(current_app).names["reader", "js"])


def _elements(sheets: list[str], scripts: list[str]) -> Markup:
    lines = [Markup('<link rel="stylesheet" href="{}">').format(url) for url in sheets]
    lines += [Markup('<script type="module" src="{}"></script>').format(url) for url in scripts]
    return Markup("\n").join(lines)


def _url(name: str) -> str:
    return relative("assets.file", name=name)


def block(script: str, root: str) -> str:
    """On one line with the script's first, so that a browser counts the lines as they are in the file."""
    return (
        f"try {{ if (self.document?.querySelector({root!r})) {{ {script}}}"
        " } catch (error) { setTimeout(() => { throw error; }); }\n"
    )


def stripped_script(text: str) -> str:
    """Without comments on lines of their own, and indentation. No text of our scripts runs over several lines."""
    lines = (line.strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//"))


def stripped_styles(text: str) -> str:
    lines = (line.strip() for line in re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def _last_change() -> datetime:
    """Of any script or style."""
    files = (path for ending in TYPES for path in (resources() / "static" / ending).rglob(f"*.{ending}"))
    return datetime.fromtimestamp(max(path.stat().st_mtime for path in files), UTC)


def _source(ending: str, name: str) -> str:
    return (resources() / "static" / ending / f"{name}.{ending}").read_text(encoding="utf-8")


def write(app: Flask) -> None:
    """Put the bundles into the instance folder, before any page links to them. Without it the app sends them itself."""
    try:
        folder = app.config["INSTANCE"] / FOLDER
        if folder.is_symlink():
            raise OSError(f"{folder} is a symbolic link")
        instance.make_subfolder(app.config["INSTANCE"], FOLDER)
        for name, content in BUNDLES.of(app).contents.items():
            # The twin first: servers take it for whoever accepts gzip.
            _replace(folder / f"{name}.gz", gzip.compress(content, mtime=0))
            _replace(folder / name, content)
        _sweep(folder, BUNDLES.of(app).contents)
    except (OSError, instance.InstanceError) as error:
        app.logger.warning("Scripts and styles aren't served as files: %s", error)


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all. The time of one that is there already says that it's still in use."""
    if path.is_file() and path.read_bytes() == content:
        os.utime(path)
        return
    draft = path.with_name(f".{secrets.token_hex(8)}")
    try:
        draft.write_bytes(content)
        draft.chmod(0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _sweep(folder: Path, current: Iterable[str]) -> None:
    """All but the newest few of each kind go, and what a killed process left."""
    for draft in folder.glob("." + 16 * "[0-9a-f]"):
        if _changed_at(draft) < time.time() - HOUR_SECONDS:
            draft.unlink(missing_ok=True)
    for pattern in (f"{name}-*.{ending}" for name in STYLES for ending in TYPES):
        newest_first = sorted(folder.glob(pattern), key=_changed_at, reverse=True)
        for path in [path for path in newest_first if path.name not in current][KEPT - 1 :]:
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.gz").unlink(missing_ok=True)


def _changed_at(path: Path) -> float:
    """Now for what another worker has just put in place, or removed."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


@assets.get("/assets/<path:name>")
def file(name: str) -> Response:
    """For servers that don't send the files themselves. A bundle that is gone is today's of the same kind."""
    if current_app.debug and (root := ROOTS.get(name.removesuffix(".js"))):
        return Response(block(_source("js", name.removesuffix(".js")), root), mimetype=TYPES["js"])
    if not (asked := NAME.fullmatch(name)):
        raise NotFound
    bundles = BUNDLES.of(current_app)
    content = bundles.contents.get(name) or _earlier(name)
    if content is None:
        return Response(bundles.contents[bundles.names[asked[1], asked[2]]], mimetype=TYPES[asked[2]])
    answer = Response(content, mimetype=TYPES[asked[2]])
    answer.last_modified = bundles.changed_at
    answer.cache_control.public = True
    answer.cache_control.max_age = YEAR_SECONDS
    answer.make_conditional(request)
    return answer


def _earlier(name: str) -> bytes | None:
    """A bundle of an earlier release; a link could lead to any file of the instance."""
    path = current_app.config["INSTANCE"] / FOLDER / name
    try:
        return None if path.is_symlink() or path.parent.is_symlink() else path.read_bytes()
    except OSError:
        return None
