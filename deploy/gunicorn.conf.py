"""gunicorn -c deploy/gunicorn.conf.py webapp.wsgi:app

The settings are the same PRESSROOM_… variables as under uWSGI.
"""

import os
from pathlib import Path

instance = Path(os.environ.get("PRESSROOM_INSTANCE", Path(__file__).parent.parent / "instance")).expanduser()
# Nothing is written outside the instance folder: no heartbeat files, and no socket for gunicornc in the home folder.
os.environ["TMPDIR"] = str(instance / "tmp")
control_socket_disable = True
bind = os.environ.get("PRESSROOM_HTTP", "127.0.0.1:8000")
workers = int(os.environ.get("PRESSROOM_WORKERS", os.cpu_count() or 1))
# Concurrent requests per worker. A poll ends within milliseconds.
worker_class = "gthread"
threads = 16
# The same values as listen, socket-timeout and worker-reload-mercy in uwsgi.ini.
backlog = 1024
timeout = 30
graceful_timeout = 20
# PRESSROOM_PROXIES sets the trusted proxies for address and scheme; gunicorn itself trusts none.
forwarded_allow_ips = ""
