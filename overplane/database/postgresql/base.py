"""Django's PostgreSQL backend, with a health check that costs no round trip, a cursor for prepared statements, no JIT."""

import select
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import psycopg
from django.db import models
from django.db.backends.postgresql import base


class PreparedCursor(psycopg.RawCursor):
    """Has the server prepare what it runs.

    The server's own placeholders ($1, $2 …) are written once for each text: psycopg remembers how it reads `%s` only
    for statements of at most 50 parameters, and an object with its event has more.
    """

    def execute(self, query: str, params: Sequence[Any] | None = None, **options: Any) -> Any:
        return super().execute(_numbered(query), params, prepare=True)


@lru_cache(maxsize=512)
def _numbered(query: str) -> bytes:
    first, *rest = query.split("%s")
    if any("%" in part for part in (first, *rest)):
        raise ValueError(f"Bind texts that hold a percent sign as parameters: {query}")
    return "".join([first, *(f"${i}{part}" for i, part in enumerate(rest, 1))]).encode()


class SchemaEditor(base.DatabaseSchemaEditor):
    def _create_like_index_sql(self, model: type[models.Model], field: models.Field) -> Any:
        """Text that sorts by code point is found by its beginning through its own index; Django would add a second one."""
        if field.db_parameters(self.connection).get("collation") == "C":
            return None
        return super()._create_like_index_sql(model, field)


class DatabaseWrapper(base.DatabaseWrapper):
    SchemaEditorClass = SchemaEditor
    _prepared: PreparedCursor | None = None

    def is_usable(self) -> bool:
        """An idle connection on which something arrives was closed by the server (or is best asked whether)."""
        if self.connection is None or self.connection.closed:
            return False
        readable, _, _ = select.select([self.connection.fileno()], [], [], 0)
        return super().is_usable() if readable else True

    def _configure_connection(self, connection: Any) -> bool:
        """Compiling a statement of a hundred expressions costs seconds, and no statement here runs long enough to earn them."""
        connection.execute("SET jit = off")
        super()._configure_connection(connection)
        return True  # to be committed

    def prepared_cursor(self) -> PreparedCursor:
        """One for the connection's whole life: a new cursor looks up anew how to read each column.

        Rows come in the server's binary form, which nobody has to parse. Read them before the next statement.
        """
        if self._prepared is None or self._prepared.connection is not self.connection:
            self._prepared = PreparedCursor(self.connection)
            self._prepared.format = psycopg.pq.Format.BINARY
        return self._prepared
