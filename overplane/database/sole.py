"""One process at a time, of several that are started at once on one database."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from overplane import private_files
from overplane.database.dialect import is_postgresql

# Whoever holds the lock does nothing else on its connection, however long the block takes.
ENDLESS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
PAUSE_SECONDS = 0.2


@contextmanager
def alone(number: int) -> Iterator[None]:
    """Waits until no other process is in such a block. It ends with the process, however that ends.

    On PostgreSQL a transaction of another connection holds the lock of this number: behind a pooler no lock of a session
    would stay. It has no snapshot, so it holds back neither the feed nor an index that is built concurrently. On SQLite it
    is a file in DATA_DIR.
    """
    if is_postgresql():
        with _lock_held(number):
            yield
        return
    path = Path(settings.DATA_DIR) / f"{number}.lock"
    private_files.create(path)
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _lock_held(number: int) -> Iterator[None]:
    holder = connection.copy()
    try:
        holder.set_autocommit(False)
        while not _try(holder, number):
            time.sleep(PAUSE_SECONDS)
        yield
    finally:
        holder.close()


def _try(holder: BaseDatabaseWrapper, number: int) -> bool:
    """A statement that waits for a lock has a snapshot, for which an index that is built concurrently would wait in turn."""
    with holder.cursor() as cursor:
        for name in ENDLESS:
            cursor.execute(f"SET LOCAL {name} = 0")
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        is_held = bool(cursor.fetchone()[0])
    if not is_held:
        holder.rollback()
    return is_held
