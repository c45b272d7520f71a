"""Tables of one search, in the database: which customer (by its number in this search) has which key.

On PostgreSQL they are no temporary ones: these need a session of their own, which there is not behind a pooler. Nothing is
done in a long transaction, which would hold back the feed.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from django.db import OperationalError, connection, transaction

from overplane.database.dialect import choose, is_postgresql

PREFIX = "crm_duplicate_work"
Row = tuple[int, int]


class WorkTables:
    """`keys`, `same`: by the number of a customer; `wanted`: the terms that the table of terms is to have.

    The names are this search's own: one that was thought dead, and is not, takes nothing away from the next.
    """

    def __init__(self) -> None:
        own = secrets.token_hex(4)
        self.keys, self.same, self.wanted = (f"{PREFIX}_{kind}_{own}" for kind in ("key", "same", "term"))

    @classmethod
    @contextmanager
    def create(cls) -> Iterator[Self]:
        tables = cls()
        _drop(_left())
        tables._create_table(tables.keys, "key bigint, no integer")
        tables._create_table(tables.same, "key bigint, no integer")
        tables._create_table(tables.wanted, "term bigint, customer_id text")
        try:
            yield tables
        finally:
            _drop([tables.keys, tables.same, tables.wanted])

    @staticmethod
    def _create_table(table: str, columns: str) -> None:
        kind = choose(postgresql="UNLOGGED", sqlite="TEMPORARY")
        _run(f"CREATE {kind} TABLE {table} ({columns})")

    def check(self, customers: int) -> None:
        """PostgreSQL empties unlogged tables when it starts after a crash, and behind a pooler no statement need fail then."""
        if _rows(f"SELECT count(*) FROM {self.same}") != [(customers,)]:
            raise OperationalError(
                "The tables that duplicates are searched in were emptied, as by a crash of the server."
            )

    def same_profiles(self) -> Iterable[Row]:
        """Of each customer that is just as an earlier one: the first such one, and itself."""
        sql = (
            f"SELECT first, no FROM {self.same} JOIN (SELECT key, min(no) AS first FROM {self.same} GROUP BY key"
            " HAVING count(*) > 1) AS several USING (key) WHERE no > first ORDER BY first, no"
        )
        return _rows(sql)

    def too_big(self, most: int) -> dict[int, int]:
        """The keys that more customers share, and how many."""
        sql = f"SELECT key, count(*) FROM {self.keys} GROUP BY key HAVING count(*) > %s"
        return dict(_rows(sql, [most]))

    def members(self, key: int) -> list[int]:
        return [no for (no,) in _rows(f"SELECT no FROM {self.keys} WHERE key = %s ORDER BY no", [key])]

    def remove(self, keys: Iterable[int]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(f"DELETE FROM {self.keys} WHERE key = %s", [(key,) for key in keys])

    def pairs(self, start: int, stop: int) -> list[tuple[int, str]]:
        """Of each customer of these numbers those with a higher one that share a key with it, separated by commas.

        As texts: they are a fifteenth of as many pairs of numbers, and are read as much faster.
        """
        others = choose(postgresql="array_to_string(array_agg({}), ',')", sqlite="group_concat({})").format(
            "DISTINCT other.no"
        )
        sql = (
            f"SELECT one.no, {others} FROM {self.keys} AS one JOIN {self.keys} AS other"
            " ON other.key = one.key AND other.no > one.no WHERE one.no >= %s AND one.no < %s GROUP BY one.no ORDER BY one.no"
        )
        return _rows(sql, [start, stop])


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _rows(sql: str, parameters: Sequence[int] = ()) -> list[Any]:
    """Planned anew each time, as not all parts of a table are alike."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _left() -> list[str]:
    """Of searches that were killed."""
    names = connection.introspection.table_names()
    return [name for name in names if name.startswith(f"{PREFIX}_")]


def _drop(tables: Iterable[str]) -> None:
    for table in tables:
        _run(f"DROP TABLE IF EXISTS {table}")


def add(table: str, rows: Sequence[Row] | Sequence[tuple[int, str]]) -> None:
    """Numbers and ids: nothing of what is in a row needs an escape."""
    if not rows:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        if is_postgresql():
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                copy.write("".join([f"{one}\t{other}\n" for one, other in rows]))
        else:
            cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s)", rows)


def index(table: str) -> None:
    for column in ("key", "no"):
        _run(f"CREATE INDEX {table}_{column} ON {table} ({column})")
    _run(f"ANALYZE {table}")
