"""The desk's pictures: sent by pieces, described, and listed."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

from flask import Flask, current_app, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from .. import changes
from ..content import erasure, intake, library, pictures
from ..db import reading
from ..errors import NotAllowed, Refused, Unusable
from ..http.error_pages import wants_json
from ..http.forms import wrong
from ..i18n import gettext as _
from ..media import uploads
from ..models import Picture
from ..people.access import editor, has_role, writer, writing_as
from . import desk
from .forms import PictureForm

MEGABYTE = 1_000_000


@desk.post("/desk/media/<uuid:upload>/<int:offset>")
def upload_piece(upload: UUID, offset: int) -> Response | tuple[Response, int]:
    """A piece of a file of `size` bytes, which begins at `offset`; without it, how much of the file is there.

    {"received": bytes} until all of it is there, then the picture as `_told`. A piece that doesn't begin where the
    last one ended is refused with a 409 and the same. Raises Unusable, Busy.
    """
    user_id = writer().id
    if made := pictures.submitted(reading(), user_id, str(upload)):
        return jsonify(_told(made))
    size = _size()
    sent = uploads.Upload(current_app.config["INSTANCE"], user_id, upload)
    _check_room(user_id, size, sent.received)
    try:
        received = _write(sent, min(offset, size))
    except uploads.Missing as missing:
        return jsonify(status=409, received=missing.received), 409
    if received < size or not sent.path.exists():
        return jsonify(received=received)
    return jsonify(_take(sent, user_id, str(upload), request.form.get("file_name", "")))


def _write(sent: uploads.Upload, offset: int) -> int:
    piece = request.files.get("piece")
    if piece is None:
        return sent.received
    with closing(piece):
        return sent.write(offset, _bounded(piece))


def _size() -> int:
    written = request.form.get("size", "")
    size = int(written) if written.isascii() and written.isdigit() and len(written) < 16 else -1
    intake.check_size(size)
    if size < 0:
        raise Refused(_("The form data was damaged. Reload the page and try again."))
    return size


def _check_room(user_id: int, size: int, received: int = 0) -> None:
    """For the rest of a file of which so much is there. Raises Unusable."""
    instance, quota = current_app.config["INSTANCE"], current_app.config["PICTURE_QUOTA_MEGABYTES"]
    used = pictures.bytes_of(reading(), user_id) + uploads.bytes_of(instance, user_id) - received
    if quota and used + size > quota * MEGABYTE:
        raise Unusable(_("You have used your %(max)d MB for pictures. Delete some, or ask an admin.", max=quota), 413)
    if not uploads.has_room(instance, size - received, current_app.config["DISK_FLOOR_MEGABYTES"] * MEGABYTE):
        raise Unusable(_("The site’s disk is almost full. Ask an admin to free some space."), 507)


def _bounded(piece: FileStorage) -> Any:
    """Raises Unusable for a larger piece than the site takes."""
    if piece.stream.seek(0, 2) > uploads.PIECE_BYTES:
        raise Unusable(_("The form data was damaged. Reload the page and try again."), 413)
    piece.stream.seek(0)
    return piece.stream


def _take(sent: uploads.Upload, user_id: int, submission: str | None, file_name: str) -> dict[str, Any]:
    """The whole file as a picture. One that can't be used is deleted; one that must wait is kept."""
    try:
        prepared = intake.prepare(sent.path)
    except Unusable as error:
        if error.status != 507:
            sent.delete()
        raise
    try:
        with writing_as("author") as db:
            picture = pictures.add(db, prepared, file_name=file_name, uploader_id=user_id, submission=submission)
            told = _told(picture)
    except Unusable:  # withdrawn meanwhile
        library.forget_files([prepared.name])
        sent.delete()
        raise
    sent.delete()
    if prepared.decoded:
        _begin_larger(current_app._get_current_object(), told["name"])  # type: ignore[attr-defined]
    return told


def _begin_larger(app: Flask, name: str) -> None:
    threading.Thread(target=_make_larger, args=(app, name), daemon=True).start()


def _make_larger(app: Flask, name: str) -> None:
    """The rest of the variants, after the author's answer. What fails here is made when somebody asks for it."""
    try:
        with app.app_context():
            intake.make_missing(name)
    except Exception as error:
        app.logger.warning("Variants of picture %s can't be made: %s", name, error)


def _told(picture: Picture) -> dict[str, Any]:
    """What a script puts into a text, and shows beside it."""
    shown = pictures.as_shown(picture)
    return {
        "name": picture.name,
        "markdown": f"![](/media/{picture.name})",
        "thumbnail": shown.path(shown.widths[0]),
        "width": picture.width,
        "height": picture.height,
        "alt": picture.alt,
        "caption": picture.caption,
        "credit": picture.credit,
        "decorative": picture.decorative,
        "url": url_for(".picture", name=picture.name),
    }


@desk.get("/desk/media")
def media() -> str:
    """The library: the newest first, or those that have the words of `q`."""
    writer()
    words, page = request.args.get("q", "")[:200], request.args.get("page", 1, type=int)
    only = request.args.get("without") == "alt"
    found = library.search(reading(), words, min(max(page, 1), 100_000), without_alt=only)
    return render_template("desk/media.html", found=found, q=words, page=page, only=only, as_shown=pictures.as_shown)


@desk.post("/desk/media")
def upload_whole() -> Response:
    """Without script: one file, as large as a form may be."""
    return redirect(url_for(".picture", name=_sent_whole()["name"]))


def _sent_whole() -> dict[str, Any]:
    """The file of the form, as `_told`."""
    user_id = writer().id
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Refused(_("Choose a file first."))
    sent = uploads.Upload(current_app.config["INSTANCE"], user_id, uuid4())
    _check_room(user_id, request.content_length or 0)
    with closing(file):
        sent.write(0, file.stream)
    try:
        return _take(sent, user_id, None, file.filename)
    finally:
        sent.delete()


@desk.route("/desk/media/<string(length=16):name>", methods=["GET", "POST"])
def picture(name: str) -> str | Response | tuple[str | Response, int]:
    """A picture's words, by whoever uploaded it and by editors; and where it is shown."""
    writer()
    if by := library.instead(reading(), name):
        return redirect(url_for(".picture", name=by))
    found = library.written(reading(), name)
    may_change = _may_change(found)
    form = PictureForm(obj=found)
    if request.method == "GET":
        return _picture_page(found, form, may_change)
    if not may_change:
        raise NotAllowed(_("This picture was uploaded by someone else."))
    if not form.validate_on_submit():
        return (wrong(form) if wants_json() else _picture_page(found, form, True)), 400
    words = {key: form[key].data or "" for key in ("alt", "caption", "credit")}
    with writing_as("author") as db:
        told = _told(library.describe(db, name, decorative=form.decorative.data, **words))
    if wants_json():
        return jsonify(told)
    flash(_("Saved."))
    return redirect(url_for(".picture", name=name))


def _picture_page(found: Picture, form: PictureForm, may_change: bool) -> str:
    return render_template(
        "desk/picture.html",
        picture=found,
        shown=pictures.as_shown(found),
        form=form,
        may_change=may_change,
        uses=library.uses(reading(), found),
        replaced=[(each, pictures.as_shown(each)) for each in library.replaced(reading(), found)],
    )


@desk.post("/desk/media/<string(length=16):name>/replace")
def replace_picture(name: str) -> Response:
    """By the picture `by`, or a file."""
    if not _may_change(library.written(reading(), name)):
        raise NotAllowed(_("This picture was uploaded by someone else."))
    by = request.form.get("by") or _sent_whole()["name"]
    with writing_as("author") as db:
        library.replace(db, name, by, with_words=_may_change(library.written(db, by)))
    flash(_("Picture replaced."))
    return redirect(url_for(".picture", name=by))


@desk.post("/desk/media/<string(length=16):name>/restore")
def restore_picture(name: str) -> Response:
    """One that was replaced, in the texts that name it."""
    found = pictures.named(reading(), name)
    if found and not _may_change(found):
        raise NotAllowed(_("This picture was uploaded by someone else."))
    with writing_as("author") as db:
        library.restore(db, name)
    flash(_("The picture is shown again."))
    return redirect(url_for(".picture", name=name))


@desk.post("/desk/media/<string(length=16):name>/delete")
def delete_picture(name: str) -> str | Response:
    """For legal reasons by editors alone."""
    is_legal = request.form.get("reason") == "legal"
    if is_legal:
        editor()
    elif not _may_change(library.written(reading(), name)):
        raise NotAllowed(_("This picture was uploaded by someone else."))
    with writing_as("editor" if is_legal else "author") as db:
        pages = library.pages_of(db, name) if is_legal else []
        names = erasure.picture(db, name) if is_legal else library.delete(db, name)
    if is_legal:
        library.forget_uploads(names)
    files = library.forget_files(names)
    if is_legal:
        changes.leave_no_copy()  # where originals are rows
        base = current_app.config["BASE_URL"]
        return render_template("desk/erased_picture.html", urls=[f"{base}{path}" for path in (*files, *pages)])
    flash(_("Picture deleted."))
    return redirect(url_for(".media"))


def _may_change(found: Picture) -> bool:
    user = writer()
    return found.uploader_id == user.id or has_role(user, "editor")
