"""Deleting the log's oldest events in short steps, beside readers and writers, who wait for none of them."""

from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleLessThan

from overplane.events import horizon
from overplane.events.feed import Log
from overplane.events.models import Epoch, Event
from overplane.events.positions import Position, order

STEP = 5000  # events deleted in one transaction, which should hold its locks for a moment only


def purge(older_than: datetime) -> int:
    return sum(old_events(older_than))


def old_events(older_than: datetime) -> Iterator[int]:
    """Deletes the oldest events, up to the first that is young enough; how many, after each step. The cursors before that expire."""
    log, by = Log.now(), order()
    settled = Event.objects.filter(*horizon.settled(log.epoch, log.horizon)).order_by(*by.columns)
    end = log.purged
    # A step begins where the one before ended: what is deleted stays in the index until it is vacuumed, which waits for
    # the oldest snapshot. Behind a backup each step would walk over all that the others deleted.
    while step := _old(settled.filter(by.after(end)), older_than):
        end = step[-1]
        with transaction.atomic():
            _expire(end)
            # By number: PostgreSQL (15) does not end a walk of the index where a range of positions ends.
            count = Event.objects.filter(pk__in=[one.seq for one in step])._raw_delete(using=connection.alias)
        yield count


def _old(events: QuerySet[Event], older_than: datetime) -> list[Position]:
    rows = events.values_list("epoch", "xid", "seq", "created_at")[:STEP]
    return [Position(*position) for *position, _ in takewhile(lambda row: row[3] < older_than, rows)]


def _expire(end: Position) -> None:
    """Cursors before it. Never fewer than before: of two purges at once the slower one may write later."""
    further = TupleLessThan(Tuple("purged_xid", "purged_seq"), (end.xid, end.seq))
    Epoch.objects.filter(further, pk=end.epoch).update(purged_xid=end.xid, purged_seq=end.seq)
