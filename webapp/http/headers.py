"""What every answer says: security headers, caching, and cookies that are Secure on https."""

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface

from ..system.server import own_headers

# Views outside these say `no-store`: what they answer is somebody's own.
PUBLIC_BLUEPRINTS = ("reader", "feeds", "branding")


class SessionCookie(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def init_app(app: Flask) -> None:
    app.session_interface = SessionCookie()
    app.after_request(_add)


def _add(response: Response) -> Response:
    response.headers.extend(own_headers())
    if "Cache-Control" not in response.headers:
        public = request.blueprint in PUBLIC_BLUEPRINTS and response.status_code < 500
        response.headers["Cache-Control"] = "no-cache" if public else "no-store"
    return response
