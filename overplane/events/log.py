"""Writing to the log: always in the transaction of the change that it tells of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from overplane.database import statements
from overplane.database.encoding import dumps
from overplane.database.rows import Table
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
    epoch = epochs.current()
    rows = [
        {
            "epoch": epoch,
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
        for change in changes
    ]
    if rows:
        EVENTS.insert(rows)


def scrub(subjects: Sequence[str]) -> None:
    """Takes the values out of every event of these objects and of what belongs to them: the only update the log permits."""
    statements.run(
        f"UPDATE {EVENTS.name} SET object = NULL, previous = NULL, changed = ''"
        f" WHERE subject IN ({statements.marks(subjects)})",
        subjects,
    )
