"""How long a thread has waited for its database, in all. A request's share is what it grew by meanwhile."""

from time import perf_counter
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper


class TimedCursor(CursorWrapper):
    """Rows count where they are made while they are read, as SQLite does; PostgreSQL's are there with the answer."""

    db: Any

    def execute(self, sql: Any, params: Any = None) -> Any:
        began = perf_counter()
        try:
            return super().execute(sql, params)
        finally:
            self.db.waited += perf_counter() - began

    def executemany(self, sql: Any, param_list: Any) -> Any:
        began = perf_counter()
        try:
            return super().executemany(sql, param_list)
        finally:
            self.db.waited += perf_counter() - began

    def fetchall(self) -> Any:
        began = perf_counter()
        try:
            with self.db.wrap_database_errors:
                return self.cursor.fetchall()
        finally:
            self.db.waited += perf_counter() - began

    def fetchmany(self, *args: Any) -> Any:
        began = perf_counter()
        try:
            with self.db.wrap_database_errors:
                return self.cursor.fetchmany(*args)
        finally:
            self.db.waited += perf_counter() - began


class TimedWrapper(BaseDatabaseWrapper):
    """`waited`: seconds, ever. A connection belongs to its thread, so nobody else adds to it."""

    waited = 0.0

    def make_cursor(self, cursor: Any) -> CursorWrapper:
        return TimedCursor(cursor, self)

    def _commit(self) -> None:
        began = perf_counter()
        try:
            super()._commit()  # type: ignore[misc]  # Django's hook; not in the stubs
        finally:
            self.waited += perf_counter() - began


def waited() -> float:
    """Seconds of this thread so far."""
    return getattr(connections[DEFAULT_DB_ALIAS], "waited", 0.0)
