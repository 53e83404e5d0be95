"""`python -m webapp.start`: how uwsgi.ini calls it. See ops/start.py."""

from .ops.start import main

if __name__ == "__main__":
    raise SystemExit(main())
