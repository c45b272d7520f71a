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


_changes = threading.Condition()
_under_way: dict[str, Writes] = {}


@contextmanager
def turn(name: str) -> Iterator[None]:
    """For the time of one write of the object with this ID. Half of the threads may be at it; the next one waits for its turn.

    503 where it waits in vain.
    """
    if is_sqlite():
        name = ""  # its one lock is for all objects
    elif not name:
        yield  # it makes an object, for which nobody waits
        return
    most = max(1, settings.WEB_THREADS // 2)
    with _changes:
        while (writes := _under_way.setdefault(name, Writes(moved=time.monotonic()))).count >= most:
            if not _changes.wait(max(0.0, writes.moved + HELD - time.monotonic())):
                raise errors.locked()
        writes.count += 1
    is_through = False
    try:
        yield
        is_through = True
    except OperationalError:  # it waited, or the database is in trouble
        raise
    except BaseException:  # refused for another reason: nobody holds the object
        is_through = True
        raise
    finally:
        _leave(name, writes, is_through=is_through)


def _leave(name: str, writes: Writes, *, is_through: bool) -> None:
    with _changes:
        writes.count -= 1
        if is_through:
            writes.moved = time.monotonic()
        if not writes.count:
            _under_way.pop(name, None)
        _changes.notify_all()
