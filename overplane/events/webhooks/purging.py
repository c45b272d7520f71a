"""Deliveries are kept 30 days; what is still pending stays. Those of endpoints that were deleted go whatever they are."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction

from overplane.events.webhooks import clock, deliveries
from overplane.events.webhooks.models import Delivery, DeliveryStatus, Endpoint

RETENTION = timedelta(days=30)  # by the contract
STEP = 5000  # read and deleted in one transaction, which should hold its locks for a moment only


def purge(older_than: datetime | None = None) -> int:
    return sum(old_deliveries(older_than))


def old_deliveries(older_than: datetime | None = None) -> Iterator[int]:
    """Deletes the old ones, in the order in which they were made; how many, after each step."""
    limit, last = older_than or clock.now() - RETENTION, 0
    yield from deliveries.delete(Delivery.objects.exclude(endpoint__in=Endpoint.objects.all()))
    while rows := list(_after(last)):
        last = rows[-1][0]
        old = [key for key, created_at, status in rows if created_at < limit and status != DeliveryStatus.PENDING]
        with transaction.atomic():
            count = sum(deliveries.delete(Delivery.objects.filter(pk__in=old)))
        yield count
        if rows[-1][1] >= limit:
            break


def _after(key: int) -> list[tuple[int, datetime, str]]:
    rows = Delivery.objects.filter(pk__gt=key).order_by("pk")
    return list(rows.values_list("pk", "created_at", "status")[:STEP])
