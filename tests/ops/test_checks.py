"""What the start checks of an address."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from webapp import config
from webapp.ops.checks import CannotStart, check_address, check_socket
from webapp.ops.start import on_all_addresses, warn


@pytest.mark.parametrize(
    ("address", "public"),
    [(":8000", True), ("0.0.0.0:8000", True), ("[::]:80", True), ("127.0.0.1:80", False), ("localhost:80", False)],
)
def test_it_knows_which_addresses_are_all(address: str, public: bool) -> None:
    assert on_all_addresses(address) is public


@pytest.mark.parametrize(
    ("http", "other", "warned"),
    [
        ("127.0.0.1:80", {}, False),
        ("127.0.0.9:80", {}, False),
        ("[::1]:80", {}, False),
        ("localhost:80", {}, False),
        (":80", {}, True),
        ("[::]:80", {}, True),
        ("192.0.2.7:80", {}, True),
        ("box:80", {}, True),
        ("192.0.2.7:80", {"PROXIES": 1}, False),
        ("192.0.2.7:80", {"SOCKET": "/run/pressroom.sock"}, False),
    ],
)
def test_it_warns_of_uwsgi_by_itself_beyond_loopback(
    capsys: pytest.CaptureFixture[str], http: str, other: dict[str, object], warned: bool
) -> None:
    warn(config.read({}) | {"HTTP": http} | other, [])
    assert ("stalled connections per worker stop uWSGI" in capsys.readouterr().err) is warned


def test_it_takes_names_and_ipv6_for_addresses() -> None:
    check_address("localhost:0")
    if socket.has_ipv6:
        check_address("[::1]:0")


def test_a_socket_may_be_new_or_left_behind_but_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "pressroom.sock"
    check_socket(path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        check_socket(path)  # nobody takes connections there
        other.listen()
        with pytest.raises(CannotStart, match="in use by another program"):
            check_socket(path)
    path.unlink()
    path.write_text("A file.")
    with pytest.raises(CannotStart, match="is a file, not a socket"):
        check_socket(path)
    with pytest.raises(CannotStart, match="doesn't exist or isn't writable"):
        check_socket(tmp_path / "missing" / "pressroom.sock")
    with pytest.raises(CannotStart, match="longer than 107 bytes"):
        check_socket(tmp_path / ("x" * 107))
