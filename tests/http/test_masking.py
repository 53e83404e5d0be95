"""Secrets of paths: each route that has one is known."""

from __future__ import annotations

import re

from flask import Flask

from webapp.http import masking


def test_every_route_with_a_secret_is_known(app: Flask) -> None:
    secret = {rule.rule for rule in app.url_map.iter_rules() if "token" in rule.arguments}
    assert len(secret) == 3
    for rule in secret:
        path = re.sub("<.*>", "geheimnis", rule)
        assert masking.path(path) == path.replace("geheimnis", "…")
    assert masking.path("/desk/post/7") == "/desk/post/7"
    assert masking.path("/user/the-draft") == "/user/the-draft"
