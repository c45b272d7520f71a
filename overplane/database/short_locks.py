"""Changing tables while others use them: whoever waits for a table makes all wait who come after."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from overplane.database.dialect import as_postgresql, is_postgresql
from overplane.database.troubles import Trouble, trouble

WAIT = "2s"  # for a table, behind an export say; so long writers behind it wait at most
PAUSE_SECONDS = 3.0  # in which those who waited come through
TRIES = 60  # five minutes: longer than a whole export of a million rows


def with_short_locks(work: Callable[[], object]) -> None:
    """Does what can be done again from where it stopped, as migrations can, until nobody holds the tables.

    Raises the error of the last try. (Behind a pooler no limit of a session would stay: there it waits.)
    """
    if not _has_sessions(connection):
        work()
        return
    for left in reversed(range(TRIES)):
        try:
            with _lock_timeout(connection, WAIT):
                work()
            return
        except OperationalError as failure:
            if trouble(failure) is not Trouble.LOCKED or not left:
                raise
        time.sleep(PAUSE_SECONDS)


@contextmanager
def waiting_as_long_as_it_takes(database: BaseDatabaseWrapper) -> Iterator[None]:
    """For an index that is built concurrently: it waits for transactions of others, and nobody behind it."""
    if not _has_sessions(database):
        yield
        return
    with _lock_timeout(database, "0"):
        yield


def _has_sessions(database: BaseDatabaseWrapper) -> bool:
    """Behind a pooler a limit of a session would stay with whoever gets that connection next."""
    database.ensure_connection()  # which finds out
    return is_postgresql(database) and as_postgresql(database).has_sessions


@contextmanager
def _lock_timeout(database: BaseDatabaseWrapper, limit: str) -> Iterator[None]:
    with database.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        before = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [limit])
    try:
        yield
    finally:
        with database.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])
