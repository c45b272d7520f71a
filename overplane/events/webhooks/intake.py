"""From the feed to pending deliveries: they are written, and the position moves, in one transaction."""

from collections.abc import Iterable
from itertools import groupby

from django.db import transaction

from overplane.database.statements import in_parts
from overplane.events.feed import Log
from overplane.events.models import Event
from overplane.events.positions import Position, order
from overplane.events.webhooks import clock
from overplane.events.webhooks.models import OF_THE_FEED, Cause, Delivery, Endpoint, EndpointStatus

PAGE = 500  # events read at once: a few milliseconds, and little memory
Row = tuple[int, int, int, str, str]  # epoch, xid, seq, type, subject


def take_in(endpoints: Iterable[Endpoint], holder: str) -> dict[str, Position]:
    """Reads on for these endpoints; of those that got deliveries, or have further events to read, where they are now."""
    log = Log.now()
    end, _ = log.end()
    behind = sorted([one for one in endpoints if one.position < end], key=lambda one: one.position)
    new: dict[str, Position] = {}
    # Endpoints that stand at the same place read the log together; usually all do.
    for position, some in groupby(behind, key=lambda one: one.position):
        new |= _read_on(list(some), position, end, holder)
    return new


def _read_on(endpoints: list[Endpoint], position: Position, end: Position, holder: str) -> dict[str, Position]:
    by, ids = order(), [one.pk for one in endpoints]
    unread = Event.objects.filter(by.after(position), by.until(end)).order_by(*by.columns)
    # What none of them chose is passed over by the database: beside an import that is almost everything.
    if all(one.event_types for one in endpoints):
        unread = unread.filter(type__in={type_ for one in endpoints for type_ in one.event_types})
    rows: list[Row] = list(unread.values_list("epoch", "xid", "seq", "type", "subject")[:PAGE])
    until = Position(*rows[-1][:3]) if len(rows) == PAGE else end
    still = Endpoint.objects.filter(pk__in=ids, holder=holder, status=EndpointStatus.ENABLED)
    with transaction.atomic():
        locked = [one for one in still.select_for_update(no_key=True).order_by("id") if one.position == position]
        chosen = {one.pk: [row for row in rows if not one.event_types or row[3] in one.event_types] for one in locked}
        Delivery.objects.bulk_create(_deliveries(chosen), batch_size=PAGE)
        Endpoint.objects.filter(pk__in=list(chosen)).update(epoch=until.epoch, xid=until.xid, seq=until.seq)
    return {name: until for name, of_it in chosen.items() if of_it or until != end}


def _deliveries(chosen: dict[str, list[Row]]) -> list[Delivery]:
    """The first of each subject is due now; the others wait behind it, or behind one that is pending already."""
    subjects = list({row[4] for rows in chosen.values() for row in rows})
    taken: set[tuple[str, str]] = set()
    for part in in_parts(subjects):
        pending = Delivery.objects.filter(OF_THE_FEED, endpoint__in=list(chosen), subject__in=part)
        taken.update(pending.order_by().values_list("endpoint_id", "subject").distinct())
    now, deliveries = clock.now(), []
    for name, rows in chosen.items():
        for epoch, _xid, seq, type_, subject in rows:
            due = None if (name, subject) in taken else now
            taken.add((name, subject))
            deliveries.append(
                Delivery(endpoint_id=name, epoch=epoch, seq=seq, event_type=type_, subject=subject, created_at=now,
                         next_attempt_at=due, cause=Cause.FEED)
            )  # fmt: skip
    return deliveries
