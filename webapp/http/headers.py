"""What every answer says: security headers, caching, and cookies that are Secure on https."""

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature

from ..system.server import own_headers

# Views outside these say `no-store`: what they answer is somebody's own.
PUBLIC_BLUEPRINTS = ("reader", "feeds", "crawlers", "branding", "assets")


def cookie_name(name: str) -> str:
    """With a prefix on https, by which browsers take it from this host alone, not from a neighbouring subdomain."""
    return f"__Host-{name}" if request.is_secure else name


class SessionCookie(SecureCookieSessionInterface):
    """Good at any age: the session's row says when it ends (people/sessions.py).

    Flask refuses a cookie that was signed later than now. A clock that is set back would log everybody out, and take
    the CSRF token from whoever is writing.
    """

    def get_cookie_name(self, app: Flask) -> str:
        return cookie_name(super().get_cookie_name(app))

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        signer = self.get_signing_serializer(app)
        if signer is None:
            return None
        try:
            return self.session_class(signer.loads(request.cookies.get(self.get_cookie_name(app), "")))
        except BadSignature:
            return self.session_class()

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
    if response.cache_control.max_age:
        response.cache_control.immutable = True
    return response
