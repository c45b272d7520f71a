"""Django's SQLite backend, where a whole number may be as large as the same column of PostgreSQL holds, and no larger.

Requests wait no longer for the write lock than they may for a row of PostgreSQL.
"""

from pathlib import Path
from typing import Any

from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.backends.sqlite3 import base
from django.db.backends.sqlite3.operations import DatabaseOperations

from overplane import private_files
from overplane.database import time_limits
from overplane.database.timing import TimedWrapper


class Operations(DatabaseOperations):
    def integer_field_range(self, internal_type: str) -> tuple[int, int]:
        """SQLite would store 64 bits everywhere: a value that no PostgreSQL takes, past every form and validator."""
        return BaseDatabaseOperations.integer_field_range(self, internal_type)


class DatabaseWrapper(TimedWrapper, base.DatabaseWrapper):
    ops_class = Operations
    transaction_mode: str | None  # Django's, which its stubs leave out

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        name = str(conn_params["database"])
        if not name.startswith(("file:", ":memory:")):
            private_files.create(Path(name))
        connection = super().get_new_connection(conn_params)
        if seconds := time_limits.of_sessions().get("lock_timeout"):
            connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")
        return connection
