"""What a failure of the database means to whoever asked: both databases say it in their own way."""

from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

import psycopg
from django.db import Error, InterfaceError, OperationalError, connection

from overplane.database import older_schema
from overplane.database.timing import OutOfTime

T = TypeVar("T")


class Trouble(Enum):
    SLOW = auto()  # it took longer than it may
    LOCKED = auto()  # somebody else held what was to be changed for longer than it may be waited for
    OVERTAKEN = auto()  # a deadlock, or a change by others in between: nothing was done, and it may be tried again
    READ_ONLY = auto()  # a standby, or a server that was a primary until a moment ago
    BEHIND = auto()  # a column or table is not there: its migration has still to come
    AWAY = auto()  # no connection, or one that broke


# PostgreSQL's codes: query cancelled; lock not available; serialization failure, deadlock; read only. SQLite's names.
CODES = {
    "57014": Trouble.SLOW,
    "55P03": Trouble.LOCKED,
    "40001": Trouble.OVERTAKEN,
    "40P01": Trouble.OVERTAKEN,
    "25006": Trouble.READ_ONLY,
    "SQLITE_INTERRUPT": Trouble.SLOW,
    "SQLITE_BUSY": Trouble.LOCKED,
    "SQLITE_LOCKED": Trouble.LOCKED,
    "SQLITE_BUSY_SNAPSHOT": Trouble.OVERTAKEN,
}

# A standby says the same of a statement that stands in the way of what it replays. Nobody has overtaken it.
CONFLICT = "40001"

# PostgreSQL's: undefined column, undefined table. A mistake of ours, unless a migration is still to come. (SQLite has no code.)
UNDEFINED = ("42703", "42P01")
FATAL = ("FATAL", "PANIC")


def trouble(failure: BaseException | None) -> Trouble | None:
    """None if it is no trouble of the database's, but a mistake of ours, or no failure of the database at all."""
    if not isinstance(failure, Error):
        return None
    if isinstance(failure, OutOfTime):
        return Trouble.SLOW
    cause = failure.__cause__
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    if code == CONFLICT and _is_on_standby():
        return Trouble.READ_ONLY
    if code in CODES:
        return CODES[code]
    if code in UNDEFINED and older_schema.is_behind():
        return Trouble.BEHIND
    return Trouble.AWAY if isinstance(failure, OperationalError | InterfaceError) or _has_ended(cause) else None


def _is_on_standby() -> bool:
    server = connection.connection
    known = isinstance(server, psycopg.Connection) and not server.closed
    return known and server.pgconn.parameter_status(b"in_hot_standby") == b"on"


def _has_ended(cause: BaseException | None) -> bool:
    """Whether the server ended the connection with this. (A pooler hands on what a server said that lets nobody in, too, and
    has one word for its severity, the English one.)
    """
    return isinstance(cause, psycopg.Error) and (cause.diag.severity_nonlocalized or cause.diag.severity) in FATAL


def twice_if_overtaken(work: Callable[[], T]) -> T:
    """Does the work, and once more if a deadlock or others' changes undid it. Inside a transaction that is its owner's to do."""
    try:
        return work()
    except OperationalError as failure:
        if trouble(failure) is not Trouble.OVERTAKEN or connection.in_atomic_block:
            raise
    return work()
