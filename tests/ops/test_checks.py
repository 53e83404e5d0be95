"""What the start checks of an address."""

from __future__ import annotations

import socket

import pytest

from webapp.ops.checks import check_address
from webapp.ops.start import on_all_addresses


@pytest.mark.parametrize(
    ("address", "public"),
    [(":8000", True), ("0.0.0.0:8000", True), ("[::]:80", True), ("127.0.0.1:80", False), ("localhost:80", False)],
)
def test_it_knows_which_addresses_are_all(address: str, public: bool) -> None:
    assert on_all_addresses(address) is public


def test_it_takes_names_and_ipv6_for_addresses() -> None:
    check_address("localhost:0")
    if socket.has_ipv6:
        check_address("[::1]:0")
