"""Running SQL texts that never change: on PostgreSQL each is parsed and planned once a connection, not once a request."""

from collections.abc import Callable, Sequence
from operator import attrgetter, methodcaller
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

Row = tuple[Any, ...]
ROWCOUNT, FETCHALL, FETCHONE = attrgetter("rowcount"), methodcaller("fetchall"), methodcaller("fetchone")


def run(sql: str, parameters: Sequence[Any]) -> int:
    """Executes one statement; how many rows it touched."""
    return _execute(sql, parameters, ROWCOUNT)


def rows(sql: str, parameters: Sequence[Any]) -> list[Row]:
    return _execute(sql, parameters, FETCHALL)


def first(sql: str, parameters: Sequence[Any]) -> Row | None:
    return _execute(sql, parameters, FETCHONE)


def _execute(sql: str, parameters: Sequence[Any], read: Callable[[Any], Any]) -> Any:
    """`read` takes from the cursor what is wanted of it."""
    connection = connections[DEFAULT_DB_ALIAS]
    # Where somebody counts or wraps queries (tests, DEBUG), Django's own cursor.
    if connection.vendor != "postgresql" or connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return read(cursor)
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    if connection.in_atomic_block:
        connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        return read(connection.prepared_cursor().execute(sql, parameters))


def marks(values: Sequence[Any]) -> str:
    """Placeholders for an IN list; the text is the same for each length, so the common length of one is prepared."""
    return ", ".join(["%s"] * len(values))
