"""Variants of pictures that aren't files yet: made once, however many ask, and sent by servers from then on."""

from __future__ import annotations

from flask import current_app, redirect, url_for
from werkzeug.wrappers import Response

from ..content import intake, pictures
from ..db import reading
from ..errors import NotFound
from ..media import variants
from ..media.branding import send_media
from .views import reader

DAY_SECONDS = 86_400


@reader.get("/media/<string(length=16):name>-<int:width>.<any(webp, jpg, png):ending>")
def variant(name: str, width: int, ending: str) -> Response:
    """Raises NotFound for a width or type that the picture doesn't have, without work; Busy."""
    file = f"{name}-{width}.{ending}"
    if not (current_app.config["INSTANCE"] / variants.FOLDER / file).is_file():
        try:
            intake.make_missing(name, [file])
        except FileNotFoundError:
            current_app.logger.error("The original of picture %s is missing: restore it from a backup.", name)
            raise NotFound from None
    return send_media(f"pictures/{file}", DAY_SECONDS)


@reader.get("/media/<string(length=16):name>")
def whole_picture(name: str) -> Response:
    """As texts name it: the largest variant."""
    shown = pictures.shown(reading(), [name]).get(name)
    if shown is None:
        raise NotFound
    return redirect(url_for(".variant", name=shown.name, width=shown.widths[-1], ending="webp"))
