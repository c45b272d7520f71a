"""What came of attempts: all that ended since the last time is written in one transaction."""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from overplane.database import statements
from overplane.database.rows import SqlTable, to_database
from overplane.database.statements import Statement
from overplane.events.models import Event
from overplane.events.webhooks import clock, schedule, wording
from overplane.events.webhooks.models import (
    Attempt,
    Delivery,
    DeliveryStatus,
    Endpoint,
    EndpointStatus,
)
from overplane.events.webhooks.transport import AttemptResult

GONE_STATUS = 410
TABLE = Delivery._meta.db_table
# What somebody abandoned meanwhile stays so.
WRITE = (
    f"UPDATE {TABLE} SET status = %s, attempts = %s, next_attempt_at = %s, last_at = %s, last_status_code = %s,"
    " last_milliseconds = %s, last_error = %s WHERE id = %s AND status = 'pending'"
)
# The next in line behind one that is over; null is the time of those that wait.
NEXT = (
    f"UPDATE {TABLE} SET next_attempt_at = %s WHERE next_attempt_at IS NULL AND id = (SELECT id FROM {TABLE} WHERE"
    " endpoint_id = %s AND subject = %s AND status = 'pending' AND cause = 'feed' AND id > %s"
    " ORDER BY endpoint_id, subject, id LIMIT 1) AND status = 'pending'"
)
# An endpoint that is well and to which everything arrived: nothing of it is to be judged, so nothing is read. Without
# failures it is not probed either; and a lease that ended is its holder's until somebody takes it.
WELL = (
    f"UPDATE {Endpoint._meta.db_table} SET succeeded = succeeded + %s WHERE id = %s AND holder = %s"
    " AND status = 'enabled' AND failures = 0"
)
ATTEMPTS = SqlTable(Attempt, generated=["id"])
Ended = tuple[Delivery, AttemptResult | None]  # None: its event was purged, nothing was sent


def write(ended: Iterable[Ended], holder: str, known: Mapping[str, Endpoint]) -> list[Endpoint]:
    """The endpoints as they are now. Nothing is written of those that this holder has lost: whoever has them sends again.

    `known`: as they were a moment ago. So those are answered that are well; what people changed since is seen at the next tick.
    """
    several = list(ended)
    try:
        names = {one.endpoint_id for one, _ in several}
        if len(names) == 1 and names <= known.keys() and _write_successes(several, holder):
            return [known[name] for name in names]
        return _write(several, holder)
    except IntegrityError:  # a delivery was left out while it was under way, and purged
        there = set(Delivery.objects.filter(pk__in=[one.pk for one, _ in several]).values_list("pk", flat=True))
        return _write([each for each in several if each[0].pk in there], holder)


def _write_successes(several: list[Ended], holder: str) -> bool:
    """Of one endpoint, in one round trip on PostgreSQL, where the other way takes four. False: nothing is written; go the other way.

    The statement may wait for the endpoint's lock and then still looks for the next in line among the deliveries of before.
    It misses none: only the holder puts deliveries in line, and it does that in the thread that is here.
    """
    if not all(outcome is not None and outcome.is_success for _, outcome in several):
        return False
    now, ours = clock.now(), [(copy(one), outcome) for one, outcome in several]
    for delivery, outcome in ours:
        _judge(delivery, outcome, now)
    return statements.update_then(
        Statement(WELL, [len(ours), several[0][0].endpoint_id, holder]),
        *[_written(one) for one, _ in ours],
        *[_next(one, now) for one, _ in ours if one.is_of_feed],
        *[ATTEMPTS.insertion(_attempt(one, outcome, set())) for one, outcome in ours if outcome],
    )


def _write(several: list[Ended], holder: str) -> list[Endpoint]:
    now = clock.now()
    with transaction.atomic():
        chosen = Endpoint.objects.filter(pk__in={one.endpoint_id for one, _ in several}, holder=holder)
        endpoints = {one.pk: one for one in chosen.select_for_update(no_key=True).order_by("id")}
        if not endpoints:
            return []
        # Copies: if the database refuses, the same is written once more.
        ours = [(copy(one), outcome) for one, outcome in several if one.endpoint_id in endpoints]
        for delivery, outcome in ours:
            _judge(delivery, outcome, now)
            if outcome is not None:
                _count(endpoints[delivery.endpoint_id], delivery, outcome, now)
        showing = _showing_values(ours)
        # One round trip on PostgreSQL: how many there are decides how many deliveries a second there can be.
        statements.execute_atomically(
            *[_written(one) for one, _ in ours],
            *[_next(one, now) for one, _ in ours if one.is_of_feed and one.status != DeliveryStatus.PENDING],
            *[ATTEMPTS.insertion(_attempt(one, outcome, showing)) for one, outcome in ours if outcome is not None],
            *[HEALTH.change(name, {field: getattr(one, field) for field in FIELDS}) for name, one in endpoints.items()],
        )
    return list(endpoints.values())


FIELDS = ("status", "disabled_reason", "failing_since", "failures", "probe_at", "succeeded", "failed")
HEALTH = SqlTable(Endpoint)


def _judge(delivery: Delivery, outcome: AttemptResult | None, now: datetime) -> None:
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


def _count(endpoint: Endpoint, delivery: Delivery, outcome: AttemptResult, now: datetime) -> None:
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
    elif endpoint.probe_at is None or schedule.is_probe_due(endpoint.probe_at, endpoint.failures, now):
        endpoint.failures += 1
        endpoint.failing_since = endpoint.failing_since or now
        if endpoint.failures >= schedule.PROBED_AFTER:
            last = endpoint.failing_since + schedule.GIVEN_UP_AFTER
            endpoint.probe_at = min(schedule.next_probe(endpoint.failures, now, outcome.retry_after), max(last, now))
    if outcome.status_code == GONE_STATUS:
        disable(endpoint, wording.GONE)
    elif schedule.is_given_up(endpoint.failing_since, endpoint.failures, now):
        disable(endpoint, wording.NO_SUCCESS % {"error": outcome.error})


def disable(endpoint: Endpoint, reason: str) -> None:
    endpoint.status, endpoint.disabled_reason = EndpointStatus.DISABLED, reason


def _written(one: Delivery) -> Statement:
    values = [
        one.status, one.attempts, one.next_attempt_at, one.last_at, one.last_status_code, one.last_milliseconds,
        one.last_error, one.pk,
    ]  # fmt: skip
    return Statement(WRITE, to_database(values))


def _next(one: Delivery, now: datetime) -> Statement:
    return Statement(NEXT, to_database([now, one.endpoint_id, one.subject, one.pk]))


def _showing_values(ended: list[Ended]) -> set[int]:
    """Those of their events whose values were not erased while the attempt was under way, and are not just now."""
    answered = [one.seq for one, outcome in ended if outcome is not None and outcome.excerpt and one.seq is not None]
    if not answered:
        return set()
    events = Event.objects.filter(pk__in=answered, object__isnull=False).order_by()
    return set(events.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))


def _attempt(delivery: Delivery, outcome: AttemptResult, showing: set[int]) -> dict[str, Any]:
    return {
        "delivery_id": delivery.pk,
        "subject": delivery.subject,
        "at": outcome.at,
        "status_code": outcome.status_code,
        "milliseconds": outcome.milliseconds,
        "error": outcome.error,
        "excerpt": outcome.excerpt if delivery.seq is None or delivery.seq in showing else "",
    }
