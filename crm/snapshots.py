"""All customers of one moment as a stream of JSON lines, and where the event feed goes on from there."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from crm.models import CUSTOMERS
from overplane.database.encoding import dumps
from overplane.database.rows import Row
from overplane.events import epochs, feed

CHUNK = 500


def lines(queryset: QuerySet, shape: Callable[[list[Row]], list[dict[str, Any]]]) -> Generator[bytes, None, None]:
    """One line a customer, newest first, then `{"end": true, "count": …, "next_cursor": …}`.

    A stream without its end line was broken off.
    """
    count = 0
    epochs.current()  # which the first to read a restored log begins, and nobody writes in a snapshot
    with one_snapshot():
        next_cursor = feed.end_cursor()
        rows: list[Row] = []
        for row in queryset.order_by("-created_at", "-id").values_list(*CUSTOMERS.names).iterator(CHUNK):
            rows.append(row)
            if len(rows) == CHUNK:
                yield _encoded(shape(rows))
                count, rows = count + len(rows), []
        yield (
            _encoded(shape(rows)) + dumps({"end": True, "count": count + len(rows), "next_cursor": next_cursor}) + b"\n"
        )


def _encoded(shown: list[dict[str, Any]]) -> bytes:
    return b"".join([dumps(one) + b"\n" for one in shown])


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Every query in here sees the same moment; only for reading.

    Inside of somebody's transaction it is too late to ask for it: there each statement sees its own.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with _reading_transaction():
            yield
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


@contextmanager
def _reading_transaction() -> Iterator[None]:
    """SQLite's transactions here are IMMEDIATE, for writers. This one locks nobody out."""
    connection.ensure_connection()  # connecting sets the mode, too
    usual, connection.transaction_mode = connection.transaction_mode, "DEFERRED"
    try:
        with transaction.atomic():
            connection.transaction_mode = usual
            yield
    finally:
        connection.transaction_mode = usual
