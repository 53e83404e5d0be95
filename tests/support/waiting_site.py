"""The site with two views more. One waits for another socket: what gevent is for. The other stops all of its worker.

Served by tests/whole/test_uwsgi.py and tests/whole/test_faults.py.
"""

import os
import socket

from gevent import monkey

from webapp.wsgi import app


@app.get("/wait/<int:port>")
def wait(port: int) -> str:
    """Answer once the server on this port of our own machine has said something."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
        return peer.recv(10).decode()


@app.get("/stand-still/<int:seconds>")
def stand_still(seconds: int) -> str:
    (app.config["INSTANCE"] / "tmp" / f"stands-still-{os.getpid()}").touch()
    monkey.get_original("time", "sleep")(seconds)
    return "again"
