"""Running SQL texts that never change: on PostgreSQL each is parsed and planned once a connection, not once a request."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


class PreparedCursor(psycopg.Cursor):
    """Has the server prepare what it runs."""

    def execute(self, query: Any, params: Sequence[Any] | None = None, **options: Any) -> Any:
        return super().execute(query, params, prepare=True)


@contextmanager
def prepared() -> Iterator[Any]:
    """A cursor for fixed SQL texts. Where somebody counts or wraps queries (tests, DEBUG), Django's own."""
    if connection.vendor != "postgresql" or connection.queries_logged or connection.execute_wrappers:
        with connection.cursor() as cursor:
            yield cursor
        return
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    if connection.in_atomic_block:
        connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, PreparedCursor(connection.connection) as cursor:
        yield cursor


def run(sql: str, parameters: Sequence[Any]) -> int:
    """Executes one statement; how many rows it touched."""
    with prepared() as cursor:
        cursor.execute(sql, parameters)
        return cursor.rowcount


def rows(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with prepared() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def marks(values: Sequence[Any]) -> str:
    """Placeholders for an IN list; the text is the same for each length, so the common length of one is prepared."""
    return ", ".join(["%s"] * len(values))
