"""`python -m webapp.reload`: how `make reload` and installed unit files call it. See ops/reload.py."""

from .ops.reload import main

if __name__ == "__main__":
    raise SystemExit(main())
