"""Django's SQLite backend, where a whole number may be as large as the same column of PostgreSQL holds, and no larger.

Requests wait no longer for the write lock than they may for a row of PostgreSQL, and their statements take no longer.
"""

from contextlib import suppress
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Any

from django.db.backends.base.operations import BaseDatabaseOperations
from django.db.backends.sqlite3 import base
from django.db.backends.sqlite3.operations import DatabaseOperations

from overplane import private_files
from overplane.database import time_limits
from overplane.database.timing import TimedWrapper

# SQLite asks after so many steps of its machine whether to go on: some ten times a second. Each time it waits for Python's lock.
STEPS = 1_000_000


class Clock:
    """Until when SQLite may work, by `perf_counter`: at what it was called for, and at what a block of code asks in all."""

    call_ends = block_ends = inf

    def is_over(self) -> bool:
        now = perf_counter()
        return now > self.call_ends or now > self.block_ends


class Operations(DatabaseOperations):
    def integer_field_range(self, internal_type: str) -> tuple[int, int]:
        """SQLite would store 64 bits everywhere: a value that no PostgreSQL takes, past every form and validator."""
        return BaseDatabaseOperations.integer_field_range(self, internal_type)


class Cursor(base.SQLiteCursorWrapper):
    """Closed when it fails, for a failure keeps it in a cycle with its traceback.

    Whoever collects that cycle resets the statement, and for that waits for this connection, which its own thread may be
    waiting in: for the very lock that the collecting thread holds. Both would wait until the limit, and the interpreter's
    lock, held meanwhile, would stop the whole process.
    """

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().execute(*args, **kwargs)
        except BaseException:
            self.close()
            raise

    def executemany(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().executemany(*args, **kwargs)
        except BaseException:
            self.close()
            raise


class DatabaseWrapper(TimedWrapper, base.DatabaseWrapper):
    ops_class = Operations
    transaction_mode: str | None  # Django's, which its stubs leave out
    call_seconds = inf

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clock = Clock()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        name = str(conn_params["database"])
        if not name.startswith(("file:", ":memory:")):
            with suppress(OSError):  # SQLite says what is wrong
                private_files.create(Path(name))
        connection = super().get_new_connection(conn_params)
        limits = time_limits.of_sessions()
        if seconds := limits.get("lock_timeout"):
            connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")
        self.call_seconds = limits.get("statement_timeout") or inf
        connection.set_progress_handler(self.clock.is_over, STEPS)
        return connection

    def begin(self) -> float:
        """As the one above, which is not called: each request does this some ten times."""
        if self.waited > self.most:
            self.refuse()
        began = perf_counter()
        self.clock.call_ends = began + self.call_seconds
        return began

    def end(self, began: float) -> None:
        self.clock.call_ends = inf
        self.waited += perf_counter() - began

    def create_cursor(self, name: str | None = None) -> Any:
        return self.connection.cursor(factory=Cursor)
