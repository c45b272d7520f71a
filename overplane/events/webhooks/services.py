"""Everything that people and programs do with endpoints: one transaction each. The doors parse, call these and show.

What changes the endpoint's row locks it, as the loop that delivers does before it writes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from overplane.events import feed
from overplane.events.feed import Choice, Log
from overplane.events.models import Event
from overplane.events.positions import Position, order
from overplane.events.webhooks import clock, deliveries, rules, secret
from overplane.events.webhooks.models import (
    OF_THE_FEED,
    PING,
    Cause,
    Delivery,
    DeliveryStatus,
    Endpoint,
    EndpointStatus,
    key_of,
)
from overplane.ids import new_id
from overplane.problems import CursorExpired, ObjectMissing

PREFIX, LABEL = "whe", "webhook endpoint"


def find(endpoint_id: str) -> Endpoint:
    """Raises `ObjectMissing`."""
    endpoint = Endpoint.objects.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise ObjectMissing(LABEL, endpoint_id)
    return endpoint


def find_delivery(endpoint_id: str, delivery_id: str) -> Delivery:
    """Raises `ObjectMissing`."""
    key = key_of(delivery_id)
    delivery = Delivery.objects.filter(pk=key, endpoint=find(endpoint_id)).first() if key is not None else None
    if delivery is None:
        raise ObjectMissing("delivery", delivery_id)
    return delivery


@contextmanager
def _locked(endpoint_id: str) -> Iterator[Endpoint]:
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update(no_key=True).filter(pk=endpoint_id).first()
        if endpoint is None:
            raise ObjectMissing(LABEL, endpoint_id)
        yield endpoint


def create_endpoint(values: Mapping[str, Any], *, start_at: str | None = None) -> tuple[Endpoint, str]:
    """The endpoint and its secret, which is shown this once. `start_at`: a cursor or `start`; None is the log's end now."""
    cleaned = rules.cleaned(values, is_new=True)
    log, now = Log.now(), clock.now()
    endpoint = Endpoint(id=new_id(PREFIX), created_at=now, updated_at=now, **cleaned)
    endpoint.position = log.end()[0] if start_at in (None, rules.NOW) else _position_of(str(start_at), log, "start_at")
    new_secret = secret.draw(endpoint)
    endpoint.save(force_insert=True)
    return endpoint, new_secret


def _position_of(cursor: str, log: Log, param: str) -> Position:
    """Where a cursor stands. Errors name the parameter in which it came."""
    try:
        return feed.resolve(cursor, log)[0]
    except ValidationError as error:
        raise ValidationError({param: error.error_dict["after"]}) from None
    except CursorExpired as error:
        raise CursorExpired(str(error), param) from None


def update_endpoint(endpoint_id: str, values: Mapping[str, Any]) -> Endpoint:
    """The named attributes; `status` enables or disables, together with `position`: "now" it goes on at the log's end."""
    cleaned = rules.cleaned(values, is_new=False)
    with _locked(endpoint_id) as endpoint:
        goes_to_end = values.get("position") == rules.NOW
        if not goes_to_end and all(getattr(endpoint, name) == value for name, value in cleaned.items()):
            return endpoint
        status = cleaned.pop("status", endpoint.status)
        for name, value in cleaned.items():
            setattr(endpoint, name, value)
        if status != endpoint.status:
            _switch(endpoint, status, reason="")
        if goes_to_end:
            _go_to_end(endpoint)
        endpoint.updated_at = clock.now()
        endpoint.save()
    return endpoint


def enable(endpoint_id: str, *, from_now: bool = False) -> Endpoint:
    """It goes on where it stopped; `from_now`: what happened meanwhile is left out."""
    return update_endpoint(endpoint_id, {"status": EndpointStatus.ENABLED} | ({"position": "now"} if from_now else {}))


def disable(endpoint_id: str, reason: str = "") -> Endpoint:
    with _locked(endpoint_id) as endpoint:
        _switch(endpoint, EndpointStatus.DISABLED, reason)
        endpoint.updated_at = clock.now()
        endpoint.save()
    return endpoint


def _switch(endpoint: Endpoint, status: str, reason: str) -> None:
    endpoint.status, endpoint.disabled_reason = status, reason
    if endpoint.is_enabled:
        endpoint.failures, endpoint.failing_since, endpoint.probe_at = 0, None, None
        # Whoever repaired an endpoint wants to see at once whether it works.
        planned = Delivery.objects.filter(OF_THE_FEED, endpoint=endpoint, next_attempt_at__isnull=False)
        planned.update(next_attempt_at=clock.now())


def _go_to_end(endpoint: Endpoint) -> None:
    endpoint.position = Log.now().end()[0]
    waiting = Delivery.objects.filter(OF_THE_FEED, endpoint=endpoint)
    waiting.update(status=DeliveryStatus.ABANDONED, next_attempt_at=None)


def delete_endpoint(endpoint_id: str) -> None:
    """With its deliveries: from now on nobody sees them. They are purged later, for whoever delivers waits for this lock."""
    with _locked(endpoint_id) as endpoint:
        endpoint.delete()


def roll_secret(endpoint_id: str) -> tuple[Endpoint, str]:
    """The former secret signs beside the new one for 24 hours."""
    with _locked(endpoint_id) as endpoint:
        now = clock.now()
        new_secret = secret.roll(endpoint, now)
        endpoint.updated_at = now
        endpoint.save()
    return endpoint, new_secret


def ping(endpoint_id: str) -> Delivery:
    """An event `webhook.ping` that the log has not, tried once."""
    endpoint, now = find(endpoint_id), clock.now()
    return Delivery.objects.create(
        endpoint=endpoint, event_type=PING, subject=endpoint.id, created_at=now, next_attempt_at=now, cause=Cause.PING
    )


def resend(endpoint_id: str, delivery_id: str) -> Delivery:
    """Tries the event of a delivery once more; a delivery of its own."""
    endpoint = find(endpoint_id)
    former = find_delivery(endpoint.id, delivery_id)
    now = clock.now()
    return Delivery.objects.create(
        endpoint=endpoint,
        epoch=former.epoch,
        seq=former.seq,
        event_type=former.event_type,
        subject=former.subject,
        created_at=now,
        next_attempt_at=now,
        cause=Cause.PING if former.cause == Cause.PING else Cause.RESEND,
    )


def replay(
    endpoint_id: str,
    *,
    after: str | None = None,
    created_from: datetime | None = None,
    created_before: datetime | None = None,
    event_types: Sequence[str] = (),
) -> int:
    """Tries each event after a cursor, or of a range of time, once; how many. Without types: those of the endpoint."""
    endpoint = find(endpoint_id)  # not locked: copying a million events must keep no worker from its lease
    chosen = rules.event_types(list(event_types)) or endpoint.event_types
    log, by = Log.now(), order()
    start, end = (_position_of(after, log, "after"), log.end()[0]) if after is not None else (log.purged, log.end()[0])
    within = Q(by.after(start)) & Q(by.until(end)) & Choice(types=chosen or None).condition()
    if created_from is not None:
        within &= Q(created_at__gte=created_from)
    if created_before is not None:
        within &= Q(created_at__lt=created_before)
    return deliveries.insert_events(endpoint, Event.objects.filter(within).order_by(*by.columns), Cause.REPLAY)
