"""A demo's pictures: drawn, then taken up and taken away by the verbs for those that people upload."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from ..content import intake, library, pictures
from ..content.pictures import Prepared
from ..db.engine import WriteSession
from ..errors import Refused
from ..models import Picture, User


def prepare(script: dict[str, Any]) -> tuple[dict[str, Prepared], list[str]]:
    """Those that can be used, by the names of their drawings; and a line about each other one.

    It takes a second for each, so it comes before the transaction that adds them.
    """
    from .drawings import DRAWINGS  # with Pillow, which no other command needs

    usable, left_out = dict[str, Prepared](), list[str]()
    for shown in _shown(script):
        name = shown["picture"]
        try:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder, name)
                file.write_bytes(DRAWINGS[name]())
                usable[name] = intake.prepare(file)
        except (Refused, OSError) as error:
            left_out.append(f"Left out the picture {name}: {error}")
    return usable, left_out


def _shown(script: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The script and those of its steps that have a `picture`, with its `alt` and perhaps a `caption`."""
    return (part for part in (script, *script["steps"]) if "picture" in part)


def add(
    session: WriteSession, script: dict[str, Any], prepared: dict[str, Prepared], uploader_id: int
) -> dict[str, str]:
    """What texts call them, by the names of their drawings."""
    names = dict[str, str]()
    for shown in _shown(script):
        name = shown["picture"]
        if name not in prepared:
            continue
        with suppress(Refused):  # somebody has withdrawn or deleted it just now
            picture = pictures.add(
                session, prepared[name], file_name=f"{name}.jpg", uploader_id=uploader_id, submission=None
            )
            if prepared[name].decoded:  # new here, so that nobody has described it
                words = {"alt": shown["alt"], "caption": shown.get("caption", ""), "credit": ""}
                library.describe(session, picture.name, **words, decorative=False)
            names[name] = picture.name
    return names


def markdown(shown: dict[str, Any], names: dict[str, str]) -> str:
    """The picture of a script or step; empty without one. Its words are in the library."""
    name = names.get(shown.get("picture", ""))
    return f"![](/media/{name})" if name else ""


def remove(session: WriteSession, cast: list[User]) -> tuple[list[str], list[str]]:
    """Delete those that no other text shows: names for library.forget_files, and what to say of it."""
    ids = [user.id for user in cast]
    names = library.delete_unused_of(session, ids)
    by_cast = (Picture.uploader_id.in_(ids), Picture.erased_at.is_(None))
    kept = session.scalar(select(func.count()).select_from(Picture).where(*by_cast))
    told = [f"{len(names)} pictures"] if names or kept else []
    return names, told + ([f"but not {kept} used elsewhere here"] if kept else [])
