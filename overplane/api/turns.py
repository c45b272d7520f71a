"""Writes that wait for one and the same object, of which only some may occupy threads.

Whoever holds an object for long (a forgotten transaction, a script) would else take all threads of a process, one caller
of that object after another, and nobody would be answered, not even those who want something else.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from overplane.api import errors
from overplane.database.dialect import is_sqlite

# Seconds after which a write is taken for one that waits: a hundred times what a PATCH takes. Writes of one object that
# are only many are through before.
WAITS = 0.5
_lock = threading.Lock()
_under_way: defaultdict[str, list[float]] = defaultdict(list)  # by object: when each of its writes began


@contextmanager
def turn(name: str) -> Iterator[None]:
    """For the time of one write of the object with this ID. 503 where half of the threads are busy with it, and one waits."""
    began, name = time.monotonic(), "" if is_sqlite() else name  # SQLite locks all of its objects together
    with _lock:
        others = _under_way[name]
        if len(others) >= max(1, settings.WEB_THREADS // 2) and began - others[0] > WAITS:
            raise errors.locked()
        others.append(began)
    try:
        yield
    finally:
        with _lock:
            others.remove(began)
            if not others:
                _under_way.pop(name, None)
