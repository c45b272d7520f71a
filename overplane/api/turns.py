"""Writes that wait for one and the same object, of which only some may occupy threads.

Whoever holds an object for long (a forgotten transaction, a script) would else take all threads of a process, one caller
of that object after another, and nobody would be answered, not even those who want something else.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.db import OperationalError

from overplane.api import errors
from overplane.database.dialect import is_sqlite

# Seconds without one write that got through, after which an object is taken for one that is held: a hundred times what
# a PATCH takes. Where many write the same object, one after another gets through.
HELD = 0.5


@dataclass(slots=True)
class Writes:
    """Of one object, under way. `moved`: when the first of them began, or the last one got through."""

    moved: float
    count: int = 0


_lock = threading.Lock()
_under_way: dict[str, Writes] = {}


@contextmanager
def turn(name: str) -> Iterator[None]:
    """For the time of one write of the object with this ID. 503 where half of the threads wait for it already, and in vain."""
    if is_sqlite():
        name = ""  # its one lock is for all objects
    elif not name:
        yield  # it makes an object, for which nobody waits
        return
    with _lock:
        writes = _under_way.setdefault(name, Writes(moved=time.monotonic()))
        if writes.count >= max(1, settings.WEB_THREADS // 2) and time.monotonic() - writes.moved > HELD:
            raise errors.locked()
        writes.count += 1
    try:
        yield
    except OperationalError:  # it waited, or the database is in trouble
        raise
    except BaseException:  # refused for another reason: nobody holds the object
        writes.moved = time.monotonic()
        raise
    else:
        writes.moved = time.monotonic()
    finally:
        with _lock:
            writes.count -= 1
            if not writes.count:
                _under_way.pop(name, None)
