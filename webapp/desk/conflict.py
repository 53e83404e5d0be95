"""Two people have changed the same text: both texts, and a form that saves one's own over the other's."""

from __future__ import annotations

from typing import Any

from flask import render_template, request


def conflict_page(
    form: Any, what: str, version: int, theirs: dict[str, str], action: str | None = None
) -> tuple[str, int]:
    """Both texts, and a form that saves one's own over the other's.

    theirs: the texts of now, by the names of the form's fields.
    action: the button that saves, where the form has several.
    """
    form.version.data = str(version)
    page = render_template(
        "desk/conflict.html",
        what=what,
        mine={name: form[name].data or "" for name in theirs},
        theirs=theirs,
        form=form,
        form_url=request.path,
        action=action,
    )
    return page, 409
