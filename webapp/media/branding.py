"""The site's own face: logo and favicon from the instance folder, and the accent colour.

The images are files in `<instance>/media/site/`. Servers serve `media/` as it is, now and when authors' images come to
it; the folder in it keeps the two apart. What depends on a setting, the accent's stylesheet, is a page of the store.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, send_from_directory

from ..app_key import AppKey
from ..errors import NotFound
from ..http.links import absolute, relative
from . import images
from .accent import stylesheet as accent_stylesheet

branding = Blueprint("branding", __name__)

PUBLIC = {"branding.accent": "hot"}
FOLDER = "site"
# The first of its endings that is there counts.
ENDINGS = {
    "logo": (".svg", ".webp", ".png"),
    "logo-dark": (".svg", ".webp", ".png"),
    "favicon": (".svg", ".png", ".ico"),
    "cover": (".jpg", ".png", ".webp"),  # for links to pages that have no picture
}
# Each reader loads a logo before the page is whole.
MAX_BYTES = 300_000


@dataclass(frozen=True)
class Image:
    """A file in `media/`; `mark` is its content's hash. `adapts`: it has colours of its own for dark pages."""

    name: str
    type: str
    mark: str
    width: int
    height: int
    adapts: bool

    @property
    def url(self) -> str:
        return relative("branding.media", name=self.name, v=self.mark)

    @property
    def absolute_url(self) -> str:
        return absolute("branding.media", name=self.name, v=self.mark)


@dataclass(frozen=True)
class Branding:
    """`images` has all of ENDINGS; `stylesheet` is None without an accent; `problems` are lines about files."""

    images: dict[str, Image | None]
    stylesheet: str | None
    problems: list[str]

    @property
    def accent(self) -> str:
        """The stylesheet's hash."""
        return _mark((self.stylesheet or "").encode())

    @property
    def fingerprint(self) -> str:
        return f"{self.accent} {sorted(self.images.items())}"


BRANDING = AppKey[Branding]("branding")


class BadImage(Exception):
    """Why a file can't be the site's logo or favicon."""


def init_app(app: Flask) -> None:
    loaded = load(app.config["INSTANCE"], app.config["ACCENT"])
    for problem in loaded.problems:
        app.logger.warning("%s", problem)
    BRANDING.put(app, loaded)
    app.jinja_env.globals["branding"] = of_app
    app.register_blueprint(branding)


def of_app() -> Branding:
    return of(current_app)


def of(app: Flask) -> Branding:
    return BRANDING.of(app)


def load(instance: Path, accent: str | None) -> Branding:
    folder = instance / "media" / FOLDER
    images_by_kind: dict[str, Image | None] = dict.fromkeys(ENDINGS)
    problems = []
    for kind, endings in ENDINGS.items():
        files = sorted(folder.glob(f"{kind}.*"), key=lambda file: _rank(file, endings))
        for file in files[:1]:
            try:
                images_by_kind[kind] = _image(file, endings)
            except BadImage as reason:
                problems.append(f"{str(file)!r} {reason}. It is ignored.")
    return Branding(images_by_kind, accent_stylesheet(accent) if accent else None, problems)


def _rank(file: Path, endings: tuple[str, ...]) -> int:
    return endings.index(file.suffix) if file.suffix in endings else len(endings)


def _image(file: Path, endings: tuple[str, ...]) -> Image:
    """Raises BadImage."""
    if file.suffix not in endings:
        raise BadImage(f"can't be used: expected {', '.join(file.stem + ending for ending in endings)}")
    if file.is_symlink():
        raise BadImage("is a symbolic link: copy the file there")
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadImage(f"can't be read ({error.strerror})") from error
    if len(content) > MAX_BYTES:
        raise BadImage(f"is larger than {MAX_BYTES // 1000} kB")
    size = images.size(file.suffix, content)
    if size is None:
        raise BadImage(f"is no {file.suffix[1:].upper()} image")
    adapts = file.suffix == ".svg" and b"prefers-color-scheme" in content
    return Image(f"{FOLDER}/{file.name}", images.TYPES[file.suffix], _mark(content), *size, adapts)


def _mark(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


@branding.get("/accent/<mark>.css")
def accent(mark: str) -> str:
    """Its address has its content's hash: no browser keeps an old colour, whichever page it comes from."""
    stylesheet = of_app().stylesheet
    if stylesheet is None or mark != of_app().accent:
        raise NotFound
    return stylesheet


@branding.get("/media/<path:name>")
def media(name: str) -> Response:
    """For servers that don't do it themselves, as uWSGI does (static-map in uwsgi.ini)."""
    if not name.startswith(f"{FOLDER}/"):
        raise NotFound
    return send_media(name)


def send_media(name: str, max_age: int | None = None) -> Response:
    """A file in `media/`. No symbolic link is followed: it could lead anywhere. The folder itself may be one, to a
    larger disk. Raises NotFound."""
    folder: Path = current_app.config["INSTANCE"] / "media"
    path = folder / name
    if "\0" in name or path.resolve() != folder.resolve() / name:
        raise NotFound
    return send_from_directory(folder, name, mimetype=images.TYPES.get(Path(name).suffix), max_age=max_age)
