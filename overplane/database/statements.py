"""Running SQL texts that never change: on PostgreSQL each is parsed and planned once a connection, not once a request.

Several statements that belong together go to PostgreSQL as one (`WITH … AS (INSERT …) INSERT …`): one
round trip, and a transaction of its own without BEGIN and COMMIT. SQLite runs them one by one in a transaction.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from operator import attrgetter, methodcaller
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from overplane.database.dialect import Statement, as_postgresql, is_postgresql, trying_lock

Row = tuple[Any, ...]
T = TypeVar("T")


ROWCOUNT, FETCHALL, FETCHONE = attrgetter("rowcount"), methodcaller("fetchall"), methodcaller("fetchone")
INNERMOST = re.compile(r"\([^()]*\)")


def run(sql: str, parameters: Sequence[Any]) -> int:
    """Executes one statement; how many rows it touched."""
    return _execute(sql, parameters, ROWCOUNT)


def rows(sql: str, parameters: Sequence[Any]) -> list[Row]:
    return _execute(sql, parameters, FETCHALL)


def first(sql: str, parameters: Sequence[Any]) -> Row | None:
    return _execute(sql, parameters, FETCHONE)


def execute_atomically(*several: Statement) -> None:
    """All of them or none. None may need what another one writes: on PostgreSQL each sees what was there before."""
    if is_postgresql():
        run(_joined(tuple(one.sql for one in several)), [value for one in several for value in one.parameters])
        return
    with transaction.atomic(savepoint=False):
        for one in several:
            run(*one)


def update_then(change: Statement, *several: Statement, lock: Statement | None = None, returning: str = "1") -> bool:
    """Makes the change; if that touches a row, all the others too, else nothing.

    They are UPDATE … WHERE or INSERT … SELECT; on PostgreSQL they may select what the change is `returning`, FROM change. The
    last one is an insertion: PostgreSQL counts its rows only, and so says whether there was a change. As in `execute_atomically` each sees what was there before, also if the change waits for
    somebody: a row that it finds is then looked at once more as it is now, but a row that came meanwhile is not found.
    With `lock` all of them see what is there as soon as it is held. (SQLite's transaction is the lock.)
    """
    if not several and not lock:
        return bool(run(*change))
    if is_postgresql():
        sql = _conditional(f"{change.sql} RETURNING {returning}", tuple(one.sql for one in several))
        whole = Statement(sql, [value for one in (change, *several) for value in one.parameters])
        return bool(_run_after(lock, whole) if lock else run(*whole))
    with transaction.atomic(savepoint=False):
        is_changed = bool(run(*change))
        for one in several if is_changed else ():
            run(*one)
    return is_changed


@lru_cache(maxsize=512)
def _joined(texts: tuple[str, ...]) -> str:
    *before, last = texts
    parts = ", ".join([f"part_{i} AS ({text})" for i, text in enumerate(before)])
    return f"WITH {parts} {last}"


@lru_cache(maxsize=512)
def _conditional(change: str, texts: tuple[str, ...]) -> str:
    conditional = [f"{one} {'AND' if _has_condition(one) else 'WHERE'} EXISTS (SELECT FROM change)" for one in texts]
    *before, last = conditional
    parts = [f"change AS ({change})", *(f"part_{i} AS ({text})" for i, text in enumerate(before))]
    return f"WITH {', '.join(parts)} {last}"


def _has_condition(sql: str) -> bool:
    """Of its own, and not in a query inside of parentheses."""
    while (outer := INNERMOST.sub("", sql)) != sql:
        sql = outer
    return " WHERE " in sql


def _run_after(first: Statement, change: Statement) -> int:
    """Both in one transaction; how many rows the change touched. In one round trip where that can be had."""
    connection = connections[DEFAULT_DB_ALIAS]
    if not _is_watched(connection):
        with _ready(connection):
            if result := as_postgresql(connection).execute_in_one_trip([first, change]):
                return result.rowcount
    with transaction.atomic(savepoint=False):
        run(*first)
        return run(*change)


def _execute(sql: str, parameters: Sequence[Any], read: Callable[[Any], Any]) -> Any:
    """Runs one statement; `read` gets the result from the cursor."""
    connection = connections[DEFAULT_DB_ALIAS]
    if not is_postgresql(connection) or _is_watched(connection):
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return read(cursor)
    with _ready(connection):
        return read(as_postgresql(connection).execute_prepared(sql, parameters))


def _is_watched(connection: BaseDatabaseWrapper) -> bool:
    """Where somebody counts or wraps queries (tests, DEBUG), Django's own cursor runs them."""
    return connection.queries_logged or bool(connection.execute_wrappers)


def _ready(connection: BaseDatabaseWrapper) -> AbstractContextManager[Any]:
    """As Django's cursor makes a connection ready; the errors of what runs inside are Django's."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    if connection.in_atomic_block:
        connection.validate_no_broken_transaction()
    return connection.wrap_database_errors


def try_lock(number: int) -> bool:
    """As `dialect.lock`, without waiting. False: another transaction holds it. (On SQLite it waited to begin, and has ended.)"""
    condition = trying_lock(number)
    return not is_postgresql() or first(f"SELECT {condition.sql}", condition.parameters) == (True,)


# So many values go into one IN list: the plan stays a walk of the index, and SQLite binds 32,766 values at most.
IN_LIST = 500


def in_parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in parts that an IN list takes."""
    return (values[start : start + IN_LIST] for start in range(0, len(values), IN_LIST))


def marks(values: Sequence[Any]) -> str:
    """Placeholders for an IN list; the text is the same for each length, so the common length of one is prepared."""
    return ", ".join(["%s"] * len(values))
