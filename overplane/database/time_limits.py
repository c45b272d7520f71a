"""A limit for statements that may have to read a whole table, such as a condition on a column without an index."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from django.db import OperationalError, connection, transaction

from overplane.database.dialect import is_postgresql

QUERY_CANCELED = "57014"  # PostgreSQL's code
# SQLite asks after so many steps of its machine whether to go on: some hundred times a second.
STEPS = 100_000


class TookTooLong(Exception):
    """The database was stopped before it had an answer."""


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
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            yield
            if not is_outermost:  # there the setting ends with the transaction
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == QUERY_CANCELED:
            raise TookTooLong from error
        raise


@contextmanager
def _on_sqlite(seconds: float) -> Iterator[None]:
    connection.ensure_connection()
    raw, end = connection.connection, monotonic() + seconds
    raw.set_progress_handler(lambda: int(monotonic() > end), STEPS)
    try:
        yield
    except OperationalError as error:
        if str(error) == "interrupted":
            raise TookTooLong from error
        raise
    finally:
        raw.set_progress_handler(None, 0)
