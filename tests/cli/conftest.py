"""Commands as a person types them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from webapp import cli


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    """Run a command on the site; `input` is what its standard input says."""

    def invoke(*args: str, input: str | None = None) -> Result:
        return app.test_cli_runner().invoke(args=list(args), input=input)

    return invoke


@pytest.fixture
def on_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `pressroom …` on the instance folder `site`, which isn't there yet."""
    monkeypatch.setenv("PRESSROOM_INSTANCE", str(tmp_path / "site"))
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")  # it sets this, and nothing would take it away

    def invoke(*args: str, input: str | None = None) -> Result:
        return CliRunner().invoke(cli.main, list(args), input=input)

    return invoke
