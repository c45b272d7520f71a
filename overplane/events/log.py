"""Writing to the log: always in the transaction of the change that it tells of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from overplane.database import statements
from overplane.database.encoding import dumps
from overplane.database.rows import Table
from overplane.database.statements import Statement
from overplane.events import epochs
from overplane.events.models import Event
from overplane.observability import Origin

# The database deals seq and xid.
EVENTS = Table(Event, dealt=["seq", "xid"])


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
    if rows := [_row(change, origin, now) for change in changes]:
        EVENTS.insert(rows)


def entry(change: Change, *, origin: Origin) -> Statement:
    """What records the change, to be run together with what makes it."""
    return EVENTS.insertion(_row(change, origin, timezone.now()))


def _row(change: Change, origin: Origin, now: datetime) -> dict[str, Any]:
    return {
        "epoch": epochs.current(),
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


def scrubbing(subjects: Sequence[str]) -> Statement:
    """Takes the values out of every event of these objects and of what belongs to them: the only update the log permits."""
    sql = (
        f"UPDATE {EVENTS.name} SET object = NULL, previous = NULL, changed = ''"
        f" WHERE subject IN ({statements.marks(subjects)})"
    )
    return Statement(sql, subjects)
