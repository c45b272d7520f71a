"""What stands in the database beside the tables, and is put back after every migration (triggers, search indexes)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db.backends.base.base import BaseDatabaseWrapper

from overplane.database import counters


@dataclass(frozen=True, slots=True)
class Kept:
    """`install` does nothing if all is there; `missing` names what is not."""

    table: str
    install: Callable[[BaseDatabaseWrapper], None]
    missing: Callable[[BaseDatabaseWrapper], set[str]]


_kept: list[Kept] = []


def keep(kept: Kept) -> None:
    _kept.append(kept)


def keep_count(table: str) -> None:
    """Keeps an exact count of this table's rows."""
    keep(Kept(table, partial(counters.install, table=table), partial(counters.missing, table=table)))


def install(connection: BaseDatabaseWrapper) -> None:
    existing = set(connection.introspection.table_names())
    for kept in _kept:
        if kept.table in existing:
            kept.install(connection)


def missing(connection: BaseDatabaseWrapper) -> set[str]:
    return {name for kept in _kept for name in kept.missing(connection)}
