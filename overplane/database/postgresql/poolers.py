"""Who stands before PostgreSQL, and whether that is what the settings say."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from overplane.database.postgresql.prepared import PreparedStatements
from overplane.database.postgresql.watch import cut

log = logging.getLogger("overplane.database")
# A busy pooler may hand out the right process by chance: one try missed 18 poolers of 50, ten missed none of 20.
TRIES = 10
# Seconds. A pooler that keeps sessions apart, and has one connection only, lets the second one wait.
PATIENCE = 2.0
# Seconds after a look that told nothing, as where no connection was left: looking takes two more of them.
PAUSE = 10.0
PID = "SELECT pg_backend_pid()"
# What a process of the server says on which the statement was not prepared, or on which another connection did so.
NOT_OURS = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement)
UNDECLARED = (
    "There is a transaction pooler before this database: set DATABASE_POOLER=transaction, or transaction-prepared if it"
    " keeps prepared statements (PgBouncer 1.21 with max_prepared_statements)."
)
FORGETFUL = (
    "The pooler before this database keeps no prepared statements: set its max_prepared_statements (PgBouncer 1.21), or"
    " DATABASE_POOLER=transaction."
)
STALE = (
    "Tables were changed, and the pooler before this database hands out statements that were prepared before: say RECONNECT on"
    " its console, then start the service anew."
)
Pair = tuple[psycopg.Connection[Any], psycopg.Connection[Any]]
Target = tuple[str, ...]
_findings: dict[Target, str] = {}
_paused: dict[Target, float] = {}  # until when
_looking = threading.Lock()  # each thread would take two connections for it, and a process begins with all of them


def finding(declared: str, parameters: Mapping[str, Any]) -> str:
    """What speaks against that which is declared. A process looks once; where it cannot look, it has found nothing."""
    if (target := _target(declared, parameters)) in _findings:
        return _findings[target]
    with _looking:
        if target not in _findings and _paused.get(target, 0) < time.monotonic():
            try:
                remember(contradiction(declared, parameters), declared, parameters)
            except psycopg.Error:
                _paused[target] = time.monotonic() + PAUSE
    return _findings.get(target, "")


def remember(said: str, declared: str, parameters: Mapping[str, Any]) -> None:
    """For as long as this process lives."""
    _findings[_target(declared, parameters)] = said
    if said:
        log.error("%s This process prepares nothing.", said)


def _target(declared: str, parameters: Mapping[str, Any]) -> Target:
    """A pooler has its mode for each database and each user."""
    return declared, *(str(parameters.get(name)) for name in ("host", "port", "dbname", "user"))


def warnings() -> list[str]:
    return sorted({*_findings.values()} - {""})


def contradiction(declared: str, parameters: Mapping[str, Any]) -> str:
    if declared == "none" and shares_sessions(parameters):
        return UNDECLARED
    if declared == "transaction-prepared" and not keeps_prepared(parameters):
        return FORGETFUL
    return ""


def shares_sessions(parameters: Mapping[str, Any]) -> bool:
    """Whether a connection meets another process of the server than before, or two meet the same one.

    No transaction: whoever holds one and asks for a second waits for others that do so, if they have them all.
    """
    with _pair(parameters) as (one, other):
        for _ in range(TRIES):
            before = _pid(one)
            if _pid(one) != before or _pid(other) == before:
                return True
    return False


def keeps_prepared(parameters: Mapping[str, Any]) -> bool:
    """Whether what both prepare, by the same name, is there on whichever process of the server they meet."""
    with _pair(parameters) as pair:
        of_each = [PreparedStatements(connection) for connection in pair]
        try:
            for number in range(TRIES):  # another one each time: by now both of two processes may have the last one
                for statements in of_each:
                    statements.run(f"SELECT {number}", [])
        except NOT_OURS:
            return False
    return True


@contextmanager
def _pair(parameters: Mapping[str, Any]) -> Iterator[Pair]:
    options = {**parameters, "autocommit": True, "prepare_threshold": None, "cursor_factory": psycopg.Cursor}
    options.pop("context", None)
    with psycopg.connect(**options) as one, psycopg.connect(**options) as other:
        # The other one first: it is the one that waits, and a pooler would hand it the session that the first leaves.
        end = threading.Timer(PATIENCE, cut, [[other, one]])
        end.start()
        try:
            yield one, other
        finally:
            end.cancel()


def _pid(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(PID).fetchone()
    assert row
    return row[0]
