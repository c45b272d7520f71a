"""Reading several tables as they are at one moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from overplane.database.dialect import as_sqlite, is_sqlite


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Every query in here sees the same moment; only for reading.

    Inside of somebody's transaction it is too late to ask for it: there each statement sees its own.
    """
    if connection.in_atomic_block:
        yield
    elif is_sqlite():
        with _reading_transaction():
            yield
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


@contextmanager
def _reading_transaction() -> Iterator[None]:
    """SQLite's transactions here are IMMEDIATE, for writers. This one locks nobody out."""
    sqlite = as_sqlite(connection)
    sqlite.ensure_connection()  # connecting sets the mode, too
    usual, sqlite.transaction_mode = sqlite.transaction_mode, "DEFERRED"
    try:
        with transaction.atomic():
            sqlite.transaction_mode = usual
            yield
    finally:
        sqlite.transaction_mode = usual
