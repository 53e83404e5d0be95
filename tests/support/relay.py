"""What lies between a reader and the site, and misbehaves: a relay on a port of its own."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """url: its own. asked: the paths of all requests. muted: connections that are open by then forward nothing more;
    new ones work.

    holding: the bodies of event streams are kept back until the server ends them, as some virus scanners do.
    """

    def __init__(self, target: int, holding: bool) -> None:
        self.target, self.holding = target, holding
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[str] = []
        self._muted: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def mute(self) -> None:
        self._muted |= self._open

    def close(self) -> None:
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                reader, _ = self._listener.accept()
                site = socket.create_connection(("127.0.0.1", self.target))
                self._open |= {reader, site}
                threading.Thread(target=self._forward, args=(reader, site), daemon=True).start()
                threading.Thread(target=self._answer, args=(site, reader), daemon=True).start()

    def _forward(self, reader: socket.socket, site: socket.socket) -> None:
        with suppress(OSError):
            while data := reader.recv(65_536):
                self.asked += re.findall(r"\A[A-Z]+ (\S+) HTTP/1", data.decode("latin-1"))
                if reader not in self._muted:
                    site.sendall(data)
            site.shutdown(socket.SHUT_WR)

    def _answer(self, site: socket.socket, reader: socket.socket) -> None:
        kept, is_held = b"", False
        with suppress(OSError):
            while data := site.recv(65_536):
                head, end, body = data.partition(b"\r\n\r\n")
                if self.holding and b"text/event-stream" in head:
                    is_held = True
                    reader.sendall(head + end)
                    data = body
                if is_held:
                    kept += data
                elif site not in self._muted:
                    reader.sendall(data)
            reader.sendall(kept)
        if site not in self._muted:
            reader.close()


@contextmanager
def relay(target: int, holding: bool = False) -> Iterator[Relay]:
    between = Relay(target, holding)
    try:
        yield between
    finally:
        between.close()
