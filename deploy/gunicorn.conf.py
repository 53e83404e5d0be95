"""gunicorn -c deploy/gunicorn.conf.py webapp.wsgi:app

Settings are the same PRESSROOM_… variables as under uWSGI.
"""

import os
from pathlib import Path

instance = Path(os.environ.get("PRESSROOM_INSTANCE", Path(__file__).parent.parent / "instance")).expanduser()
# Nothing outside of it is written to: neither the workers' heartbeats nor a socket for gunicornc in one's home.
os.environ["TMPDIR"] = str(instance / "tmp")
control_socket_disable = True
bind = os.environ.get("PRESSROOM_HTTP", "127.0.0.1:8000")
workers = int(os.environ.get("PRESSROOM_WORKERS", os.cpu_count() or 1))
# So many requests at once per worker. A poll takes milliseconds and holds none.
worker_class = "gthread"
threads = 16
# As uWSGI's listen, socket-timeout and worker-reload-mercy.
backlog = 1024
timeout = 30
graceful_timeout = 20
# Whom to believe about address and scheme is PRESSROOM_PROXIES; gunicorn itself believes nobody.
forwarded_allow_ips = ""
