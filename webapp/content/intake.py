"""How a file becomes a picture: known by its content, decoded elsewhere, kept, and its first variants made.

The slow part of it, before any transaction begins; `pictures.add` is the row.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from flask import current_app

from .. import db
from ..errors import Busy, NotFound, Unusable
from ..i18n import gettext as _
from ..media import variants
from ..media.storage import STORAGE
from ..system.server import off_hub
from . import pictures
from .pictures import Prepared

BUSY_SECONDS = 5


def prepare(path: Path) -> Prepared:
    """Decode the file, keep it as an original, and make the variants that readers meet first.

    Of a copy, as others may write to the file meanwhile, or it is somebody's own.
    Raises Unusable, Busy while others have the decoder, OSError on a full disk or for one that can't be read. Then
    nothing is kept.
    """
    check_size(path.stat().st_size)
    with tempfile.TemporaryDirectory(prefix="import-", dir=current_app.config["INSTANCE"] / "tmp") as folder:
        copy = Path(folder, "picture")
        off_hub(shutil.copyfile, path, copy)
        return _prepared(copy)


def check_size(size: int) -> None:
    """In bytes. Raises Unusable."""
    limit = current_app.config["PICTURE_MEGABYTES"]
    if size > limit * 1_000_000:
        raise Unusable(_("This file is larger than %(max)d MB. Resize the picture.", max=limit), 413)


def _prepared(path: Path) -> Prepared:
    with path.open("rb") as file:
        kind = _kind(file)
        digest = off_hub(_digest, file)
        size = file.tell()
        if _is_known(digest):
            return Prepared(digest, kind, size, None)
        db.release()
        try:
            original = _original(digest[:16], kind)
            decoded = variants.make_first(
                current_app.config["INSTANCE"], file, original, lambda: _is_wanted(original.name, True)
            )
        except variants.NotWanted:
            raise pictures.withdrawn() from None
        except variants.BadPicture as reason:
            raise refused(str(reason)) from None
        except variants.DecoderBusy:
            raise _busy() from None
    STORAGE.of(current_app).put(digest[:16], path)
    return Prepared(digest, kind, size, decoded)


def _busy() -> Busy:
    return Busy(_("Other pictures are being processed. Please try again."), BUSY_SECONDS)


def _original(name: str, kind: str) -> variants.Original:
    return variants.Original(name, kind, current_app.config["PICTURE_MEGAPIXELS"] * 1_000_000)


def _kind(file: BinaryIO) -> str:
    try:
        return variants.kind_of(file.read(variants.READ_BYTES))
    except variants.BadPicture as reason:
        raise refused(str(reason)) from None


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _is_known(digest: str) -> bool:
    """Raises Unusable for one that was withdrawn for legal reasons."""
    picture = pictures.named(db.reading(), digest[:16])
    if picture is None:
        return False
    if picture.replaced_by_id is not None:
        raise Unusable(
            _("Another picture replaced this one in the library. Use that one, or upload another file."), 409
        )
    if picture.erased_at is not None or picture.digest != digest:
        raise pictures.withdrawn()
    return True


def _is_wanted(name: str, is_new: bool) -> bool:
    """As it is now, for whoever has the decoder."""
    db.release()
    picture = pictures.named(db.reading(), name)
    db.release()
    return is_new if picture is None else picture.erased_at is None


def refused(reason: str) -> Unusable:
    """What a BadPicture means to whoever sent it."""
    known: dict[str, tuple[str, int]] = {
        "empty": (_("This file is empty."), 422),
        "heic": (_("Most browsers can’t show HEIC pictures. Export this one as JPEG."), 415),
        "svg": (_("SVG files can’t be uploaded. Export this one as PNG."), 415),
        "unknown": (_("This file isn’t a picture. Use JPEG, PNG, GIF, WebP or AVIF."), 415),
        "pixels": (
            _(
                "This picture has more than %(max)d megapixels. Resize it.",
                max=current_app.config["PICTURE_MEGAPIXELS"],
            ),
            413,
        ),
        "shape": (_("This picture is too long for its width. Crop it."), 422),
        "frames": (_("This animation has more than 30 megapixels over all its frames. Shorten or resize it."), 413),
        "memory": (_("This picture takes too much memory to process. Resize it."), 422),
        "time": (_("This picture takes too long to process. Resize it."), 422),
        "disk": (_("The site’s disk is full. Ask an admin to free some space."), 507),
        "broken": (_("This file is damaged. Save it again as JPEG or PNG."), 422),
    }
    return Unusable(*known[reason])


def make_missing(name: str, files: list[str] | None = None) -> None:
    """Variants of a picture that aren't there: `files`, or all.

    Raises NotFound without such a picture, Busy, FileNotFoundError without its original.
    """
    picture = pictures.named(db.reading(), name)
    if picture is None or picture.erased_at is not None:
        raise NotFound
    every = variants.files_of(name, picture.width, picture.height, picture.fallback)
    original = _original(name, picture.kind)
    if files and not set(files) <= set(every):
        raise NotFound
    db.release()
    with STORAGE.of(current_app).open(name) as file:
        try:
            instance = current_app.config["INSTANCE"]
            variants.make(instance, file, original, files or every, lambda: _is_wanted(name, False))
        except variants.NotWanted:
            raise NotFound from None
        except variants.DecoderBusy:
            raise _busy() from None
