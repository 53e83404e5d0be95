"""What the post's page asks of the desk for somebody who writes: the composer, previews, who has an update open."""

from __future__ import annotations

from contextlib import suppress

from flask import jsonify, render_template, request
from werkzeug.wrappers import Response

from ..content import auto_end, editing, rendering
from ..content.posts import LANGUAGE_LENGTH
from ..db import reading
from ..db.engine import DatabaseBusy
from ..errors import Refused
from ..http import rate_limits
from ..http.forms import refused_text
from ..i18n import directed
from ..i18n import gettext as _
from ..models import Update
from ..people.access import post_to_write, update_to_write, writer, writing_as
from ..text.markdown import TextRefused
from . import desk
from .forms import CorrectUpdateForm, EditUpdateForm, UpdateForm

# A script asks once a second at most; what takes seconds to render is previewed by the button.
PREVIEWS_PER_MINUTE = 60
PREVIEW_BYTES = 50_000
_previews = rate_limits.PerMinute("previews", PREVIEWS_PER_MINUTE)


@desk.get("/desk/post/<int:post_id>/composer")
def composer(post_id: int) -> str:
    """What the page's script puts into the page: the composer and the tools of the updates."""
    post = post_to_write(post_id)
    form = UpdateForm(formdata=None)
    forms = {"edit": EditUpdateForm(formdata=None), "correct": CorrectUpdateForm(formdata=None)}
    quiet = auto_end.asked_about(reading()).get(post_id)
    return render_template("desk/_composer.html", post=post, quiet=quiet, form=form, forms=forms)


@desk.post("/desk/preview/<any(post, update):item>")
def preview(item: str) -> Response:
    """The HTML of the form's `body`, in the post's `language` if the address names it.

    Raises Refused for what couldn't be published either, TooMany.
    """
    user_id = writer().id
    _previews.use(str(user_id))
    body = request.form.get("body", "")
    if len(body.encode()) > PREVIEW_BYTES:
        raise Refused(_("This is too long to preview while you type. Use the Preview button."))
    try:
        html = rendering.post(body).html if item == "post" else rendering.update(body)
    except TextRefused as error:
        raise refused_text(error) from None
    return jsonify(html=directed(html, request.args.get("language", "")[:LANGUAGE_LENGTH]))


@desk.post("/desk/post/<int:post_id>/update/<int:n>/editing")
def editing_update(post_id: int, n: int) -> Response:
    """Say that one has the update's form open, or with `closed` that one hasn't any more; who else has."""
    update = update_to_write(post_id, n)
    user_id = writer().id
    with writing_as("author", post_id) as db:
        verb = editing.end if request.form.get("closed") else editing.begin
        verb(db, update.id, user_id)
    return jsonify(editing=editing.others(reading(), update.id, user_id))


def open_form(update: Update) -> list[str]:
    """Whoever asks has the update's form open from now on. The names of the others who have."""
    user_id = writer().id
    with suppress(DatabaseBusy), writing_as("author", update.post_id) as db:
        editing.begin(db, update.id, user_id)
    return editing.others(reading(), update.id, user_id)
