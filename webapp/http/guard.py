"""A plain WSGI layer in front of Flask that refuses what servers let through: uWSGI's own parser takes nearly all.

What reaches us, as measured with uWSGI 2.0.31 (http-socket), gunicorn 27 and waitress 3 ("itself": the server
refuses or hangs up, so that nothing does), and what we answer to it:

    request                              uWSGI             gunicorn        waitress      we
    two Content-Length                   "5, 3"            itself          itself        400
    Content-Length +5, -1, 5abc, 0x5     as sent           itself          itself        400
    Content-Length: (empty)              as sent, no body  itself          itself        pass it on, as CGI may
    Content-Length of 19 digits or more  itself            as sent         itself        400
    Content-Length, Transfer-Encoding    both              itself          unchunked     400; see reads_http
    chunked body                         empty body        unchunked       unchunked     411 where it can't be read
    other Transfer-Encoding              empty body        mostly itself   itself        411 where it can't be read
    folded header                        CR LF inside      itself          unfolded      400
    NUL, LF, other controls in a value   as sent           itself          itself        400
    bare CR in a value, no colon         itself            itself          itself
    odd characters in a name, "Name :"   as sent           itself          itself        400
    odd characters in a method           as sent           itself          itself        400
    control characters in the target     as sent           itself          mostly sent   400
    bytes in the query, not UTF-8        as sent           as sent         as sent       400
    a space in the target                in the protocol   itself          itself        400
    no Host in HTTP/1.1                  as sent           as sent         as sent       400; HTTP/1.0 needs none
    two Host                             "x, y"            itself          "x, y"        400
    empty or nonsensical Host            as sent           as sent         as sent       400
    a Host that isn't trusted            as sent           as sent         as sent       421
    absolute target, CONNECT             as the path       cut up          cut up        400, though RFC 9112 takes it
    OPTIONS *                            as the path       as the path     as the path   pass it on: Flask's 404
    HTTP/0.9, HTTP/9.9                   as sent           itself          as HTTP/1.0   400
    X-Forwarded-Proto, -Ssl              the scheme        from loopback   as sent       undo it; PROXIES decides
    a head of 40 kB, a path of 20 kB     itself            itself          as sent       pass it on

Not to be seen from here, and the front that mends it:

    what uWSGI by itself makes of it                                     refused or put right by
    X_Forwarded_For, Content_Length are X-Forwarded-For, Content-Length  nginx, Apache: they drop these names
    a header that came twice is one, with a comma                        none; two Host: nginx, Apache
    %zz in a path has become NUL                                         nginx, Apache
    a fragment is gone                                                   Apache
    a bare LF for CR LF: it waits for more until socket-timeout          Apache; nginx takes it for CR LF
    pages that are files never come here: HTTP/0.9 and 9.9 get them,     nginx; Apache but for 9.9
    and so do no Host, two or a nonsensical one
    a body above limit-post: it hangs up without an answer               nginx, Apache
    half a request holds one of its 500 places per worker                nginx; Apache up to 4,000 of them

What of a chunked body uWSGI hasn't read with the head (40 kB) is still there when it hangs up, and the kernel then
tells the sender of a reset in place of our 411 (measured from 100 kB on).

No second request hides behind a refused one: uWSGI's http-socket hangs up after each answer, and the others go on
after the body by their own, strict count. So we send no `Connection: close`, which WSGI forbids (waitress makes a
500 of it, gunicorn drops it); uwsgi.ini adds it.
Source: RFC 9112 sections 3.2, 5.2, 6.1 to 6.3; RFC 9110 sections 5.5, 15.5.12 and 15.5.20.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from ..system import server
from ..values import ascii_name, host_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# nginx says HTTP/2.0 and HTTP/3.0 of its own clients.
PROTOCOLS = frozenset({"HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/2", "HTTP/3.0", "HTTP/3"})
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CONTROL_BUT_TAB = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
FOLDED = re.compile(r"\r?\n[ \t]")
LENGTH = re.compile(r"[0-9]{1,18}")
# uWSGI believes the first two from anybody, gunicorn all three from loopback.
PROTO, SSL, OLD_PROTO = "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_SSL", "HTTP_X_FORWARDED_PROTOCOL"


class Refusal(NamedTuple):
    status: str
    sentence: str


def _bad(sentence: str) -> Refusal:
    return Refusal("400 Bad Request", sentence)


PROTOCOL = _bad("The request line doesn't end in a version of HTTP that is known here.")
METHOD = _bad("The method has characters that no method has.")
TARGET = _bad("The target must be a path that begins with a slash.")
TARGET_CONTROL = _bad("The target has control characters in it: write them as %XX.")
QUERY = _bad("The query has bytes that aren't UTF-8: write them as %XX.")
TWO_FRAMINGS = _bad("Content-Length and Transfer-Encoding exclude each other.")
BAD_LENGTH = _bad("Content-Length must be one whole number.")
NO_LENGTH = Refusal("411 Length Required", "A body must come with its Content-Length; chunked ones can't be read here.")
NAME = _bad("A header's name has characters that no name has.")
FOLD = _bad("A header goes on in a second line.")
VALUE = _bad("A header has control characters in it.")
NO_HOST = _bad("HTTP/1.1 needs a Host.")
BAD_HOST = _bad("Host must be one name or address, with or without a port.")
FOREIGN_HOST = Refusal("421 Misdirected Request", "No site of that name is here.")


def guarded(application: WSGIApplication, trusted: frozenset[str] | None) -> WSGIApplication:
    """`application`, hearing only of sound requests. `trusted`: names as `host_name` gives them; None for any."""
    server_counts = server.reads_http()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        refusal = _line(environ) or _framing(environ, server_counts) or _headers(environ) or _host(environ, trusted)
        if refusal:
            return _refuse(refusal, environ, start_response)
        _forget_scheme(environ)
        _forget_index(environ)
        return application(environ, start_response)

    return answer


def trusted_hosts(names: tuple[str, ...] | None, base_url: str) -> frozenset[str] | None:
    """Those of PRESSROOM_TRUSTED_HOSTS, the site's own and loopback, for health checks; None for any."""
    if not names:
        return None
    return frozenset((*names, *filter(None, [ascii_name(urlsplit(base_url).netloc)]), *LOOPBACK))


def _line(environ: WSGIEnvironment) -> Refusal | None:
    method = environ.get("REQUEST_METHOD", "")  # uWSGI may have found none
    target = environ.get("REQUEST_URI") or environ.get("RAW_URI") or environ.get("PATH_INFO", "")
    if environ.get("SERVER_PROTOCOL") not in PROTOCOLS:
        return PROTOCOL
    if not TOKEN.fullmatch(method):
        return METHOD
    if target[:1] != "/" and (method, target) != ("OPTIONS", "*"):
        return TARGET
    if not target.isprintable() and CONTROL.search(target):
        return TARGET_CONTROL
    return None if _is_utf8(environ.get("QUERY_STRING", "")) else QUERY


def _is_utf8(said: str) -> bool:
    """Of bytes as WSGI gives them, one character each."""
    try:
        return said.isascii() or bool(said.encode("latin-1").decode())
    except UnicodeError:
        return False


def _framing(environ: WSGIEnvironment, server_counts: bool) -> Refusal | None:
    length = environ.get("CONTENT_LENGTH")
    if length and not LENGTH.fullmatch(length):
        return BAD_LENGTH
    if "HTTP_TRANSFER_ENCODING" not in environ:
        return None
    if length and not server_counts:
        del environ["HTTP_TRANSFER_ENCODING"]  # the proxy has unchunked it, and Werkzeug would take it for empty
        return None
    if length:
        return TWO_FRAMINGS
    return None if environ.get("wsgi.input_terminated") else NO_LENGTH


def _headers(environ: WSGIEnvironment) -> Refusal | None:
    """All names at once, and all values: nearly always both are plain, and that costs little to see."""
    names = [name for name in environ if name[:5] == "HTTP_"]
    together = "".join(names)
    if not (together.isascii() and together.isidentifier()) and not all(map(TOKEN.fullmatch, names)):
        return NAME
    values = "".join([environ[name] for name in names]) + environ.get("CONTENT_TYPE", "")
    if values.isprintable() or not CONTROL_BUT_TAB.search(values):
        return None
    return FOLD if FOLDED.search(values) else VALUE


def _host(environ: WSGIEnvironment, trusted: frozenset[str] | None) -> Refusal | None:
    """HTTP/1.0 needs none, which nginx passes on as an empty one, as it may an HTTP/3 client's `:authority`."""
    host = environ.get("HTTP_HOST")
    if not host:
        return NO_HOST if environ["SERVER_PROTOCOL"] == "HTTP/1.1" else None
    name = host_name(host)
    if name is None:
        return BAD_HOST
    return None if trusted is None or name in trusted else FOREIGN_HOST


def _forget_scheme(environ: WSGIEnvironment) -> None:
    """Take the scheme from the connection alone; whether a proxy is believed about it is decided after us."""
    if PROTO in environ or SSL in environ or OLD_PROTO in environ:
        secure = environ.get("HTTPS", "").lower() in ("on", "1", "https") or environ.get("UWSGI_SCHEME") == "https"
        environ["wsgi.url_scheme"] = "https" if secure else "http"


def _forget_index(environ: WSGIEnvironment) -> None:
    """Undo what uWSGI does to the path of a POST to a page that is a file: it appends the index to it before it sees
    that the method isn't one for files (core/static.c, 2.0.31), and that would be a 404 instead of a 405."""
    is_file = environ["REQUEST_METHOD"] in ("GET", "HEAD")
    if not is_file and environ["PATH_INFO"].endswith("/index.html") and "uwsgi.version" in environ:
        environ["PATH_INFO"] = environ["PATH_INFO"].removesuffix("index.html").rstrip("/") or "/"


def _refuse(refusal: Refusal, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = f"{refusal.sentence}\n".encode()
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
    }
    start_response(refusal.status, list((headers | server.own_headers()).items()))
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]
