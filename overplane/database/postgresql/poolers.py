"""Whether somebody stands before PostgreSQL who hands out another connection for each transaction."""

from collections.abc import Mapping
from typing import Any

import psycopg

TRIES = 3  # a pooler with several idle connections may hand out the right one by chance
PID = "SELECT pg_backend_pid()"


def shares_sessions(parameters: Mapping[str, Any]) -> bool:
    """Two connections, and the second in a transaction: behind such a pooler it has taken the first one's process."""
    options = {**parameters, "autocommit": True, "prepare_threshold": None, "cursor_factory": psycopg.Cursor}
    options.pop("context", None)
    with psycopg.connect(**options) as first, psycopg.connect(**options) as second:
        for _ in range(TRIES):
            before = _pid(first)
            with second.transaction():
                if _pid(second) == before or _pid(first) != before:
                    return True
    return False


def _pid(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(PID).fetchone()
    assert row
    return row[0]
