"""Typed keys of `app.extensions`, as aiohttp has them for its apps.

ENGINE = AppKey[Engine]("engine")     # beside what makes it
ENGINE.put(app, make_engine(…))
ENGINE.of(current_app).connect()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from flask import Flask

T = TypeVar("T")


class AppKey(Generic[T]):
    def __init__(self, name: str) -> None:
        self.name = name

    def put(self, app: Flask, value: T) -> T:
        app.extensions[self.name] = value
        return value

    def of(self, app: Flask) -> T:
        value: T = app.extensions[self.name]
        return value
