"""How long the database may take: for each request, and less for what may have to read a whole table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from time import perf_counter
from typing import cast

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, OperationalError, connection, connections, transaction

from overplane.database.dialect import as_sqlite, is_postgresql
from overplane.database.timing import TimedWrapper
from overplane.database.troubles import Trouble, trouble

_answers_requests = False


def limit_requests() -> None:
    """This process answers requests: its connections get the limits of the settings. Commands and jobs take their time."""
    global _answers_requests  # noqa: PLW0603 (what a process is for is known once, at its start)
    _answers_requests = True


def are_for_requests() -> bool:
    return _answers_requests


def of_sessions() -> dict[str, float]:
    """The limits of a new connection of this process, in seconds, by PostgreSQL's names for them; 0 is none."""
    limits = {"idle_in_transaction_session_timeout": settings.IDLE_TRANSACTION_SECONDS}
    if _answers_requests:
        limits |= {"statement_timeout": settings.STATEMENT_SECONDS, "lock_timeout": settings.LOCK_SECONDS}
    return limits


@contextmanager
def of_request() -> Iterator[None]:
    """What is asked in here may take `REQUEST_SECONDS` in all; what a stream asks later on may take its time."""
    used = cast("TimedWrapper", connections[DEFAULT_DB_ALIAS])
    used.allow(settings.REQUEST_SECONDS or inf)
    try:
        yield
    finally:
        used.allow(inf)


class TookTooLong(Exception):
    """The database was stopped before it had an answer."""


def write_unless_locked(write: Callable[[], object]) -> None:
    """Writes, unless somebody else would have to be waited for, or the server only reads: then it is left undone.

    For what may as well come later.
    """
    try:
        with _without_waiting(), transaction.atomic():
            before = _limit("lock_timeout", "1") if is_postgresql() else ""  # a millisecond; 0 would be no limit
            write()
            if before:
                _limit("lock_timeout", before)
    except DatabaseError as failure:
        if trouble(failure) not in (Trouble.LOCKED, Trouble.READ_ONLY):
            raise


def _limit(name: str, value: str) -> str:
    """On PostgreSQL, until the transaction or savepoint fails, or the outermost one ends. The limit as it was before.

    (`TO DEFAULT` would not bring it back, but what the server has for those who set nothing.)
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s), set_config(%s, %s, true)", [name, name, value])
        return str(cursor.fetchone()[0])


@contextmanager
def _without_waiting() -> Iterator[None]:
    """On SQLite, where a transaction that writes takes its only lock as it begins."""
    if is_postgresql():
        yield
        return
    with connection.cursor() as cursor:
        before = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
        cursor.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {before}")


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """What the block asks the database may take so long. Raises `TookTooLong`.

    On PostgreSQL each statement may, on SQLite all of them together. The block must only read: what it asked is rolled back.
    """
    with _on_postgresql(seconds) if is_postgresql() else _on_sqlite(seconds):
        yield


@contextmanager
def _on_postgresql(seconds: float) -> Iterator[None]:
    is_outermost = not connection.in_atomic_block
    try:
        with transaction.atomic():
            before = _limit("statement_timeout", str(int(seconds * 1000)))
            yield
            if not is_outermost:  # there the setting ends with the transaction
                _limit("statement_timeout", before)
    except OperationalError as error:
        if trouble(error) is Trouble.SLOW:
            raise TookTooLong from error
        raise


@contextmanager
def _on_sqlite(seconds: float) -> Iterator[None]:
    clock = as_sqlite(connections[DEFAULT_DB_ALIAS]).clock
    before, clock.block_ends = clock.block_ends, min(clock.block_ends, perf_counter() + seconds)
    try:
        yield
    except OperationalError as error:
        if trouble(error) is Trouble.SLOW:
            raise TookTooLong from error
        raise
    finally:
        clock.block_ends = before
