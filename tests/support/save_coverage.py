"""For uWSGI's workers while coverage is measured: in gevent mode nothing is called at their end."""

import coverage
import gevent

INTERVAL_SECONDS = 1.0


def save() -> None:
    while measured := coverage.Coverage.current():
        measured.save()
        gevent.sleep(INTERVAL_SECONDS)


gevent.spawn(save)
