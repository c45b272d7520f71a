"""What is sent: the event exactly as the feed shows it, and its time once more where Standard Webhooks looks for it."""

from typing import Any

from overplane.database import statements
from overplane.database.encoding import dumps
from overplane.events import feed
from overplane.events.log import EVENTS
from overplane.events.webhooks.models import Delivery, Payload


def body(event: dict[str, Any]) -> bytes:
    return dumps(event | {"timestamp": event["created_at"]})


def of_deliveries(deliveries: list[Delivery], payload: str) -> dict[int, bytes | None]:
    """By delivery. None: its event was purged. Made of what the log has now, so what was erased is not sent."""
    numbers = [one.seq for one in deliveries if one.seq is not None]
    events = map(EVENTS.values, EVENTS.fetch(f"WHERE seq IN ({statements.marks(numbers)})", numbers) if numbers else ())
    rows = {(one["epoch"], one["seq"]): tuple(one[name] for name in feed.NAMES) for one in events}
    bodies: dict[int, bytes | None] = {}
    for one in deliveries:
        row = rows.get((one.epoch or 0, one.seq or 0))
        if one.seq is None:
            bodies[one.pk] = body(ping(one))
        else:
            bodies[one.pk] = body(feed.output(thin(row) if payload == Payload.THIN else row)) if row else None
    return bodies


def thin(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """An event without its values looks like one whose values were erased: its ids are left."""
    return (*row[:-2], None, None)


def ping(delivery: Delivery) -> dict[str, Any]:
    """In the form of an event, though the log has none of it."""
    return {
        "id": delivery.event_id,
        "type": delivery.event_type,
        "created_at": delivery.created_at,
        "actor": "system",
        "data": {"object": {"id": delivery.endpoint_id}, "previous_attributes": {}},
        "object_version": 1,
        "request": {"id": None, "idempotency_key": None},
    }
