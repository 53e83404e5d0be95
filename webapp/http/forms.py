"""What all forms share: their fields' bounds, and what they say when something doesn't fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID, uuid4

from flask import Response, current_app, jsonify, request
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import Field, HiddenField, ValidationError
from wtforms.i18n import get_translations
from wtforms.validators import DataRequired, Length, Optional, StopValidation

from ..errors import Refused
from ..i18n import gettext as _
from ..i18n import lazy_gettext as _l
from ..text.markdown import TextRefused
from ..text.render import Rendered
from ..values import NOT_TEXT, is_blank

SHOWN = re.compile("<(img|hr)")  # without any text
T = TypeVar("T")


def _without_nul(value: str | None) -> str | None:
    """PostgreSQL keeps no NUL, and nobody types one."""
    return value.replace("\0", "").replace("\r\n", "\n") if isinstance(value, str) else value


def stripped(value: str | None) -> str | None:
    """Without spaces around it, and without what is no character: what browsers send of it they can't show."""
    return NOT_TEXT.sub("", value).strip() if isinstance(value, str) else value


def shown(value: str | None) -> str | None:
    """Of a field that may be empty: it is where it would show nothing."""
    return "" if isinstance(value, str) and is_blank(value) else value


class Form(FlaskForm):  # type: ignore[misc]
    class Meta:
        def bind_field(self, form: Any, unbound: Any, options: dict[str, Any]) -> Any:
            filters = [_without_nul, *unbound.kwargs.get("filters", [])]
            return unbound.bind(form=form, filters=filters, **options)

        def wrap_formdata(self, _form: Any, formdata: Any) -> Any:
            """The form's fields and nothing else: Flask-WTF would take files and JSON for them, of any type."""
            if formdata is None:
                return None
            return request.form if request.method == "POST" else None

        def get_translations(self, _form: Any) -> Any:
            """WTForms' own words; Flask-WTF would ask Flask-Babel for them."""
            return get_translations([current_app.config["LANGUAGE"]])

    def refuse(self, field: Field, error: Refused) -> None:
        """Say at `field` what the model said."""
        field.errors = [*field.errors, str(error)]


class Required(DataRequired):
    """It has to show something."""

    def __call__(self, form: Any, field: Field) -> None:
        if field.data and is_blank(field.data) and not field.data.isspace():
            raise StopValidation(_("This shows nothing. Write a text."))
        super().__call__(form, field)


def required() -> Required:
    return Required(_l("This field is required."))


def at_most(length: int) -> Length:
    return Length(max=length, message=_l("Use %(max)d characters or fewer."))


def _uuid(_form: Any, field: Any) -> None:
    try:
        field.data = str(UUID(field.data))
    except ValueError:
        raise ValidationError(_("The form data was damaged. Reload the page and try again.")) from None


class Once(Form):
    """A form that makes something once, however often it is sent."""

    submission = HiddenField(validators=[Optional(), _uuid], default=lambda: str(uuid4()))


def refused_text(error: TextRefused) -> Refused:
    """What the Markdown renderer refused, in the site's language."""
    return Refused(_(error.template, **error.values))


def sent_body(form: Any, render: Callable[[str], T]) -> T | None:
    """The form's body, rendered; None when it wasn't sent, doesn't fit, or is refused (then said at the field)."""
    if not form.validate_on_submit():
        return None
    try:
        rendered = render(form.body.data or "")
    except TextRefused as error:
        form.refuse(form.body, refused_text(error))
        return None
    if _shows_nothing(rendered.html if isinstance(rendered, Rendered) else str(rendered)):
        form.refuse(form.body, Refused(_("This shows nothing. Write a text.")))
        return None
    return rendered


def _shows_nothing(html: str) -> bool:
    return is_blank(Markup(html).striptags()) and not SHOWN.search(html)  # noqa: S704


def wrong(form: Any) -> Response:
    """What doesn't fit, for a script: by the form's fields and in one sentence."""
    fields = {name: " ".join(str(error) for error in errors) for name, errors in form.errors.items()}
    return jsonify(status=400, message=" ".join(fields.values()), errors=fields)


def version_of(form: Any) -> int | None:
    """The revision that the form was opened from; None when it doesn't say."""
    written = str(form.version.data or "")
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else None
