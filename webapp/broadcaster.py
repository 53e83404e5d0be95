"""`python -m webapp.broadcaster`: how uwsgi.ini and running broadcasters start one. See live/broadcaster.py."""

from .live.broadcaster import main

if __name__ == "__main__":
    raise SystemExit(main())
