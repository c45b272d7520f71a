"""Database objects that no migration keeps (triggers, search indexes): they are installed after every `migrate`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db.backends.base.base import BaseDatabaseWrapper

from overplane.database import counters


@dataclass(frozen=True, slots=True)
class ManagedObject:
    """`install` does nothing if all is there; `missing` names what is not."""

    table: str
    install: Callable[[BaseDatabaseWrapper], None]
    missing: Callable[[BaseDatabaseWrapper], set[str]]


_managed: list[ManagedObject] = []
counted: list[str] = []


def manage(managed: ManagedObject) -> None:
    _managed.append(managed)


def manage_count(table: str) -> None:
    """Keeps an exact count of this table's rows."""
    counted.append(table)
    manage(ManagedObject(table, partial(counters.install, table=table), partial(counters.missing, table=table)))


def install(connection: BaseDatabaseWrapper) -> None:
    existing = set(connection.introspection.table_names())
    for managed in _managed:
        if managed.table in existing:
            managed.install(connection)


def missing(connection: BaseDatabaseWrapper) -> set[str]:
    return {name for managed in _managed for name in managed.missing(connection)}
