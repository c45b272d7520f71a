"""Rows of deliveries in sets."""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, F, QuerySet, Value
from django.db.models.functions import Cast

from overplane.events.webhooks import clock
from overplane.events.webhooks.models import Attempt, Delivery, DeliveryStatus, Endpoint

STEP = 5000  # rows deleted by one statement
INSERTED = ("endpoint_id", "epoch", "seq", "event_type", "subject", "created_at", "next_attempt_at", "cause", "status", "attempts", "last_error")  # fmt: skip


def insert_events(endpoint: Endpoint, events: QuerySet[Any], cause: str) -> int:
    """A delivery of each of these events, in their order; how many. The database copies them, be it a million."""
    now: Any = Cast(Value(clock.now()), DateTimeField())
    chosen = events.annotate(
        made=now, first=now, endpoint=Value(endpoint.pk), cause=Value(cause), status=Value(DeliveryStatus.PENDING.value),
        none=Value(0), nothing=Value(""),
    ).values_list("endpoint", "epoch", F("seq"), "type", "subject", "made", "first", "cause", "status", "none", "nothing")  # fmt: skip
    sql, parameters = chosen.query.sql_with_params()
    columns = ", ".join(f'"{name}"' for name in INSERTED)
    with connection.cursor() as cursor:
        cursor.execute(f'INSERT INTO "{Delivery._meta.db_table}" ({columns}) {sql}', parameters)
        return cursor.rowcount


def delete(chosen: QuerySet[Delivery]) -> Iterator[int]:
    """With their attempts, without reading them; how many, after each step."""
    while keys := list(chosen.order_by("id").values_list("pk", flat=True)[:STEP]):
        Attempt.objects.filter(delivery__in=keys)._raw_delete(connection.alias)
        Delivery.objects.filter(pk__in=keys)._raw_delete(connection.alias)
        yield len(keys)
