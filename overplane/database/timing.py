"""How long a thread has waited for its database, in all, and how long it may. A request's share is what it grew by meanwhile."""

from math import inf
from time import perf_counter
from typing import Any, NoReturn

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

TO_END = 5.0  # seconds for what is still to be asked after a refusal: to roll back, and to give a form back


class OutOfTime(OperationalError):
    """So long a request may not wait for the database. The statement was not begun."""


class TimedCursor(CursorWrapper):
    """Rows count where they are made while they are read, as SQLite does; PostgreSQL's are there with the answer."""

    db: Any

    def execute(self, sql: Any, params: Any = None) -> Any:
        began = self.db.begin()
        try:
            return super().execute(sql, params)
        finally:
            self.db.end(began)

    def executemany(self, sql: Any, param_list: Any) -> Any:
        began = self.db.begin()
        try:
            return super().executemany(sql, param_list)
        finally:
            self.db.end(began)

    def fetchall(self) -> Any:
        began = self.db.begin()
        try:
            with self.db.wrap_database_errors:
                return self.cursor.fetchall()
        finally:
            self.db.end(began)

    def fetchmany(self, *args: Any) -> Any:
        began = self.db.begin()
        try:
            with self.db.wrap_database_errors:
                return self.cursor.fetchmany(*args)
        finally:
            self.db.end(began)


class TimedWrapper(BaseDatabaseWrapper):
    """`waited`: seconds, ever. A connection belongs to its thread, so nobody else adds to it. `most`: what it may become."""

    waited = 0.0
    most = inf

    def allow(self, seconds: float) -> None:
        """From now on, in all. What is begun before they are over comes to its end."""
        self.most = self.waited + seconds

    def begin(self) -> float:
        if self.waited > self.most:
            self.refuse()
        return perf_counter()

    def refuse(self) -> NoReturn:
        self.allow(TO_END)
        raise OutOfTime("The request has waited for the database for as long as it may.")

    def end(self, began: float) -> None:
        self.waited += perf_counter() - began

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
