"""Where PostgreSQL and SQLite differ. No other module asks Django which of them it speaks to.

A small difference has a name here. Where a whole algorithm differs, its module has it twice and takes one by `choose`.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:  # a service loads the driver of its own database only
    from overplane.database.postgresql.base import DatabaseWrapper as PostgresqlWrapper
    from overplane.database.sqlite.base import DatabaseWrapper as SqliteWrapper

T = TypeVar("T")


class Statement(NamedTuple):
    sql: str
    parameters: Sequence[Any]


@cache
def _default_vendor() -> str:
    """Asked some ten times a request: `connection` looks each time for that of its thread."""
    return connection.vendor


def is_postgresql(on: BaseDatabaseWrapper | None = None) -> bool:
    return (_default_vendor() if on is None else on.vendor) == "postgresql"


def is_sqlite(on: BaseDatabaseWrapper | None = None) -> bool:
    return (_default_vendor() if on is None else on.vendor) == "sqlite"


def choose(*, postgresql: T, sqlite: T, on: BaseDatabaseWrapper | None = None) -> T:
    """The one of both that is for this connection's database."""
    return postgresql if is_postgresql(on) else sqlite


def as_postgresql(on: BaseDatabaseWrapper) -> "PostgresqlWrapper":
    """The same connection with its type, where it is known to be PostgreSQL's."""
    return cast("PostgresqlWrapper", on)


def as_sqlite(on: BaseDatabaseWrapper) -> "SqliteWrapper":
    return cast("SqliteWrapper", on)


def row_lock() -> str:
    """Ends a SELECT whose rows nobody else may change until the transaction ends.

    SQLite needs none: its transactions are IMMEDIATE, so whoever is in one that writes is alone in it.
    """
    return " FOR NO KEY UPDATE" if is_postgresql() else ""


def trying_lock(number: int) -> Statement:
    """The condition that is true if the lock of this number was free; the transaction then holds it to its end."""
    return Statement("pg_try_advisory_xact_lock(%s)", [number]) if is_postgresql() else Statement("1", [])


def lock(number: int) -> None:
    """Waits until no other transaction holds the lock of this number, and holds it until this transaction ends."""
    if is_postgresql():  # on SQLite only one transaction writes at a time
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
