"""A site with an address of its own, its author and a reader."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from support.metadata import BASE
from support.persons import Person


@pytest.fixture
def site(make_app: Callable[..., Flask]) -> Flask:
    """A site with an address of its own, so that one from `Host` would be seen."""
    return make_app(BASE_URL=BASE, SITE_TITLE="The <Evening> & Post", LIMITS="off")


@pytest.fixture
def author(site: Flask) -> Person:
    return Person(site, "ada")


@pytest.fixture
def reader(site: Flask) -> Person:
    return Person(site)
