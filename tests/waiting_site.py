"""The site with one view more, that waits for another socket: what gevent is for. Served by tests/test_uwsgi.py."""

import socket

from webapp.wsgi import app


@app.get("/wait/<int:port>")
def wait(port: int) -> str:
    """Answer once the server on this port of our own machine has said something."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
        return peer.recv(10).decode()
