"""Tables of one search, in the database: which customer (by its number in this search) has which key.

On PostgreSQL they are no temporary ones: these need a session of their own, which there is not behind a pooler. Nothing is
done in a long transaction, which would hold back the feed.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction

from overplane.database.dialect import choose, is_postgresql

KEYS, SAME, WANTED = "crm_duplicate_work_key", "crm_duplicate_work_same", "crm_duplicate_work_term"
TABLES = {KEYS: "key bigint, no integer", SAME: "key bigint, no integer", WANTED: "term bigint, customer_id text"}
Row = tuple[int, int]


@contextmanager
def work_tables() -> Iterator[None]:
    kind = choose(postgresql="UNLOGGED", sqlite="TEMPORARY")
    with connection.cursor() as cursor:
        for table, columns in TABLES.items():
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            cursor.execute(f"CREATE {kind} TABLE {table} ({columns})")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"DROP TABLE IF EXISTS {table}")


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
    with connection.cursor() as cursor:
        for column in ("key", "no"):
            cursor.execute(f"CREATE INDEX {table}_{column} ON {table} ({column})")
        cursor.execute(f"ANALYZE {table}")


def same(table: str = SAME) -> Iterable[tuple[int, int]]:
    """Of each customer that is just as an earlier one: the first such one, and itself."""
    sql = (
        f"SELECT first, no FROM {table} JOIN (SELECT key, min(no) AS first FROM {table} GROUP BY key HAVING count(*) > 1)"
        " AS several USING (key) WHERE no > first ORDER BY first, no"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def too_big(most: int) -> dict[int, int]:
    """The keys that more customers share, and how many."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT key, count(*) FROM {KEYS} GROUP BY key HAVING count(*) > %s", [most])
        return dict(cursor.fetchall())


def members(key: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT no FROM {KEYS} WHERE key = %s ORDER BY no", [key])
        return [no for (no,) in cursor.fetchall()]


def remove(keys: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(f"DELETE FROM {KEYS} WHERE key = %s", [(key,) for key in keys])


def pairs(start: int, stop: int) -> list[Row]:
    """Who shares a key with a customer of these numbers, and has a higher one."""
    sql = (
        f"SELECT DISTINCT one.no, other.no FROM {KEYS} AS one JOIN {KEYS} AS other ON other.key = one.key AND other.no > one.no"
        " WHERE one.no >= %s AND one.no < %s ORDER BY 1, 2"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [start, stop])
        return cursor.fetchall()
