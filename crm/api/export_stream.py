"""All customers of one moment as a stream of JSON lines, and where the event feed goes on from there."""

from collections.abc import Callable, Generator
from typing import Any

from django.db.models import QuerySet

from crm.models import CUSTOMERS
from overplane.database.encoding import dumps
from overplane.database.rows import Row
from overplane.database.snapshot import one_snapshot
from overplane.events import epochs, feed

BATCH_SIZE = 500  # customers read and sent together: half a megabyte


def lines(queryset: QuerySet, shape: Callable[[list[Row]], list[dict[str, Any]]]) -> Generator[bytes, None, None]:
    """One line a customer, newest first, then `{"end": true, "count": …, "next_cursor": …}`.

    A stream without its end line was broken off; an envelope with the error stands in its place, if it could be sent.
    """
    count = 0
    epochs.confirm()  # may begin one, after a restore: a write, which a snapshot does not allow
    with one_snapshot():
        next_cursor = feed.end_cursor()
        rows: list[Row] = []
        for row in queryset.order_by("-created_at", "-id").values_list(*CUSTOMERS.names).iterator(BATCH_SIZE):
            rows.append(row)
            if len(rows) == BATCH_SIZE:
                yield _encoded(shape(rows))
                count, rows = count + len(rows), []
        yield (
            _encoded(shape(rows)) + dumps({"end": True, "count": count + len(rows), "next_cursor": next_cursor}) + b"\n"
        )


def _encoded(output: list[dict[str, Any]]) -> bytes:
    return b"".join([dumps(one) + b"\n" for one in output])
