"""Writing to the log: always in the transaction of the change that it tells of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from overplane.database import bulk, statements
from overplane.database.encoding import dumps
from overplane.database.rows import SqlTable
from overplane.database.statements import Statement
from overplane.events import epochs
from overplane.events.models import Event
from overplane.origin import Origin

# The database fills in seq and xid.
EVENTS = SqlTable(Event, generated=["seq", "xid"], computed={"epoch": epochs.expression})
ERASE = f"UPDATE {EVENTS.name} SET object = NULL, previous = NULL, changed = ''"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one object. `subject` is the object that it is or belongs to."""

    type: str
    subject: str
    object_id: str
    version: int
    object: Mapping[str, Any]
    previous: Mapping[str, Any]


def record(change: Change, *, origin: Origin) -> None:
    record_many([change], origin=origin)


def record_many(changes: Iterable[Change], *, origin: Origin) -> None:
    now = timezone.now()
    rows = [_row(change, origin, now) for change in changes]
    epoch = epochs.current() if len(rows) > bulk.FEW else None
    bulk.insert_rows(EVENTS, [{"epoch": epoch, **row} for row in rows])


def created(
    type_: str,
    subjects: Sequence[str],
    object_ids: Sequence[str],
    objects: Sequence[Mapping[str, Any]],
    *,
    origin: Origin,
    epoch: int,
) -> bulk.PreparedRows:
    """The events of very many objects that come to be, ready to be written in the transaction in which they do.

    `epoch`: that of this transaction (`epochs.current`).
    """
    count = len(objects)
    columns: dict[str, Sequence[Any]] = {
        "epoch": [epoch] * count,
        "type": [type_] * count,
        "created_at": [timezone.now()] * count,
        "actor": [origin.actor] * count,
        "subject": subjects,
        "object_id": object_ids,
        "object_version": [1] * count,
        "request_id": [origin.request_id] * count,
        "idempotency_key": [origin.idempotency_key] * count,
        "object": [dumps(one).decode() for one in objects],
        "previous": ["{}"] * count,
        "changed": [""] * count,
    }
    return bulk.prepare(EVENTS, [columns[name] for name in EVENTS.written])


def entry(change: Change, *, origin: Origin) -> Statement:
    """The statement that records the change, to be run together with the one that makes it."""
    return EVENTS.insertion(_row(change, origin, timezone.now()))


def _row(change: Change, origin: Origin, now: datetime) -> dict[str, Any]:
    epochs.confirm()
    return {
        "type": change.type,
        "created_at": now,
        "actor": origin.actor,
        "subject": change.subject,
        "object_id": change.object_id,
        "object_version": change.version,
        "request_id": origin.request_id,
        "idempotency_key": origin.idempotency_key,
        "object": dumps(change.object).decode(),
        "previous": dumps(change.previous).decode(),
        "changed": f" {' '.join(change.previous)} " if change.previous else "",
    }


def erase_values(subjects: Sequence[str]) -> Statement:
    """Takes the values out of every event of these objects and of what belongs to them: the only update the log permits."""
    return Statement(f"{ERASE} WHERE subject IN ({statements.marks(subjects)})", subjects)


def erase_values_elsewhere(owned: str, subjects: Sequence[str]) -> Statement:
    """The same of what belongs to these objects, for the time in which it belonged to others.

    `owned` selects the ids of what belongs to as many objects.
    """
    sql = (
        f"{ERASE} WHERE object_id <> subject AND object_id IN ({owned})"
        f" AND subject NOT IN ({statements.marks(subjects)})"
    )
    return Statement(sql, [*subjects, *subjects])


def subjects_with_event(type_: str, subjects: Sequence[str]) -> Statement:
    """Selects the objects among these of which the log has an event of this type."""
    return Statement(
        f"SELECT subject FROM {EVENTS.name} WHERE type = %s AND subject IN ({statements.marks(subjects)})",
        [type_, *subjects],
    )
