"""Debian's Firefox, by WebDriver BiDi: Playwright drives only a build of its own. Source: W3C, "WebDriver BiDi"."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

from tools.processes import WAIT_SECONDS, free_port, until

# It asks the Internet for nothing.
SETTINGS: dict[str, bool | int | str] = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.active-protocols": 1,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}


class Tab:
    """One page of it."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self.firefox = firefox
        self.context = context

    def go(self, url: str) -> None:
        self.firefox.command("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def evaluate(self, script: str) -> Any:
        """The value of an expression, if it is simple."""
        target = {"context": self.context}
        answer = self.firefox.command("script.evaluate", expression=script, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return answer["result"].get("value")

    def shows(self, selector: str, words: str = "", seconds: float = WAIT_SECONDS) -> None:
        """Wait until such an element with these words is on the page, and not hidden."""
        script = (
            f"[...document.querySelectorAll({json.dumps(selector)})].some(element =>"
            f" element.checkVisibility() && element.textContent.includes({json.dumps(words)}))"
        )
        until(lambda: self.evaluate(script), f"{selector} said {words!r} in Firefox", seconds)

    def close(self) -> None:
        self.firefox.command("browsingContext.close", context=self.context)


class Firefox:
    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._count = 0
        self.command("session.new", capabilities={})

    def command(self, method: str, **params: Any) -> Any:
        """Its answer. Events aren't asked for. Fails where it is an error."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while (answer := json.loads(self._socket.recv())).get("id") != self._count:
            continue
        assert answer["type"] == "success", f"{method}: {answer}"
        return answer["result"]

    def tab(self) -> Tab:
        """In a window of its own, so that it is in view."""
        return Tab(self, self.command("browsingContext.create", type="window")["context"])


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """Started with a new profile in `folder`, and ended."""
    path = shutil.which("firefox-esr") or shutil.which("firefox")
    assert path, "this needs Firefox: apt install firefox-esr"
    folder.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in SETTINGS.items()]
    (folder / "user.js").write_text("".join(lines))
    port = free_port()
    command = [path, "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", str(port)]
    with (folder / "screen").open("wb") as screen:
        process = subprocess.Popen(
            [*command, "about:blank"], stdout=screen, stderr=screen, env=os.environ | {"HOME": str(folder)}
        )
    sockets: list[websocket.WebSocket] = []

    def connected() -> bool:
        try:
            url = f"ws://127.0.0.1:{port}/session"
            sockets.append(websocket.create_connection(url, timeout=WAIT_SECONDS, suppress_origin=True))
        except (OSError, websocket.WebSocketException):
            return False
        return True

    try:
        until(connected, "Firefox listened")
        yield Firefox(sockets[0])
    finally:
        for socket in sockets:
            socket.close()
        process.terminate()
        try:
            process.wait(WAIT_SECONDS)
        finally:
            process.kill()
