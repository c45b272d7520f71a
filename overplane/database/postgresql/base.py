"""Django's PostgreSQL backend, with a health check that costs no round trip and a cursor for prepared statements."""

import select
from collections.abc import Sequence
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class PreparedCursor(psycopg.Cursor):
    """Has the server prepare what it runs."""

    def execute(self, query: Any, params: Sequence[Any] | None = None, **options: Any) -> Any:
        return super().execute(query, params, prepare=True)


class DatabaseWrapper(base.DatabaseWrapper):
    _prepared: PreparedCursor | None = None

    def is_usable(self) -> bool:
        """An idle connection on which something arrives was closed by the server (or is best asked whether)."""
        if self.connection is None or self.connection.closed:
            return False
        readable, _, _ = select.select([self.connection.fileno()], [], [], 0)
        return super().is_usable() if readable else True

    def prepared_cursor(self) -> PreparedCursor:
        """One for the connection's whole life: a new cursor looks up anew how to read each column.

        Rows come in the server's binary form, which nobody has to parse. Read them before the next statement.
        """
        if self._prepared is None or self._prepared.connection is not self.connection:
            self._prepared = PreparedCursor(self.connection)
            self._prepared.format = psycopg.pq.Format.BINARY
        return self._prepared
