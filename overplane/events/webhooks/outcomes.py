"""What came of attempts: all that ended since the last time is written in one transaction."""

from collections.abc import Iterable
from copy import copy
from datetime import datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from overplane.events.webhooks import clock, schedule
from overplane.events.webhooks.models import (
    Attempt,
    Cause,
    Delivery,
    DeliveryStatus,
    Endpoint,
    EndpointStatus,
)
from overplane.events.webhooks.transport import Outcome

GONE = 410
TABLE = Delivery._meta.db_table
# What somebody abandoned meanwhile stays so.
WRITE = (
    f"UPDATE {TABLE} SET status = %s, attempts = %s, next_attempt_at = %s, last_at = %s, last_status_code = %s,"
    " last_milliseconds = %s, last_error = %s WHERE id = %s AND status = 'pending'"
)
NEXT = (
    f"UPDATE {TABLE} SET next_attempt_at = %s WHERE id = (SELECT id FROM {TABLE} WHERE endpoint_id = %s AND subject = %s"
    " AND status = 'pending' AND cause = 'feed' ORDER BY endpoint_id, subject, id LIMIT 1) AND next_attempt_at IS NULL"
)
Ended = tuple[Delivery, Outcome | None]  # None: its event was purged, nothing was sent


def write(ended: Iterable[Ended], holder: str) -> None:
    """Nothing is written of endpoints that this holder has lost: whoever has them sends it again."""
    several = list(ended)
    now = clock.now()
    with transaction.atomic():
        chosen = Endpoint.objects.filter(pk__in={one.endpoint_id for one, _ in several}, holder=holder)
        endpoints = {one.pk: one for one in chosen.select_for_update(no_key=True).order_by("id")}
        # Copies: if the database refuses, the same is written once more.
        ours = [(copy(one), outcome) for one, outcome in several if one.endpoint_id in endpoints]
        for delivery, outcome in ours:
            _judge(delivery, outcome, now)
            if outcome is not None:
                _count(endpoints[delivery.endpoint_id], delivery, outcome, now)
        with connection.cursor() as cursor:
            _write_deliveries(cursor, [one for one, _ in ours], now)
        Attempt.objects.bulk_create([_attempt(one, outcome) for one, outcome in ours if outcome is not None])
        for endpoint in endpoints.values():
            endpoint.save(update_fields=HEALTH)


HEALTH = ["status", "disabled_reason", "failing_since", "failures", "probe_at", "succeeded", "failed"]


def _judge(delivery: Delivery, outcome: Outcome | None, now: datetime) -> None:
    delivery.next_attempt_at = None
    if outcome is None:
        delivery.status = DeliveryStatus.ABANDONED
        return
    delivery.attempts += 1
    delivery.last_at, delivery.last_status_code = outcome.at, outcome.status_code
    delivery.last_milliseconds, delivery.last_error = outcome.milliseconds, outcome.error
    if outcome.is_success:
        delivery.status = DeliveryStatus.SUCCEEDED
        return
    if delivery.is_of_feed:
        delivery.next_attempt_at = schedule.next_attempt(delivery.attempts, now, outcome.retry_after)
    delivery.status = DeliveryStatus.PENDING if delivery.next_attempt_at else DeliveryStatus.FAILED


def _count(endpoint: Endpoint, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """The endpoint's health, of which only what the feed brought says something."""
    if outcome.is_success:
        endpoint.succeeded += 1
    else:
        endpoint.failed += 1
    if not delivery.is_of_feed or not endpoint.is_enabled:
        return
    if outcome.is_success:
        endpoint.failures, endpoint.failing_since, endpoint.probe_at = 0, None, None
    # What was under way when the endpoint came to be probed says nothing new.
    elif endpoint.probe_at is None or now >= endpoint.probe_at:
        endpoint.failures += 1
        endpoint.failing_since = endpoint.failing_since or now
        if endpoint.failures >= schedule.PROBED_AFTER:
            last = endpoint.failing_since + schedule.GIVEN_UP_AFTER
            endpoint.probe_at = min(schedule.next_probe(endpoint.failures, now, outcome.retry_after), max(last, now))
    if outcome.status_code == GONE:
        disable(endpoint, _("It answered 410: it is gone."))
    elif schedule.is_given_up(endpoint.failing_since, endpoint.failures, now):
        disable(endpoint, _("No success for five days. The last error: %(error)s") % {"error": outcome.error})


def disable(endpoint: Endpoint, reason: str) -> None:
    endpoint.status, endpoint.disabled_reason = EndpointStatus.DISABLED, reason


def _write_deliveries(cursor: CursorWrapper, deliveries: list[Delivery], now: datetime) -> None:
    def moment(value: datetime | None) -> str | datetime | None:
        return connection.ops.adapt_datetimefield_value(value)

    if deliveries:
        cursor.executemany(
            WRITE,
            [
                (one.status, one.attempts, moment(one.next_attempt_at), moment(one.last_at), one.last_status_code,
                 one.last_milliseconds, one.last_error, one.pk)
                for one in deliveries
            ],
        )  # fmt: skip
    over = [one for one in deliveries if one.cause == Cause.FEED and one.status != DeliveryStatus.PENDING]
    if over:
        cursor.executemany(NEXT, [(moment(now), one.endpoint_id, one.subject) for one in over])


def _attempt(delivery: Delivery, outcome: Outcome) -> Attempt:
    return Attempt(
        delivery=delivery,
        subject=delivery.subject,
        at=outcome.at,
        status_code=outcome.status_code,
        milliseconds=outcome.milliseconds,
        error=outcome.error,
        excerpt=outcome.excerpt,
    )
