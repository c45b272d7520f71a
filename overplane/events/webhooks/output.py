"""How endpoints and deliveries look from outside."""

from collections.abc import Sequence
from typing import Any

from overplane.events.feed import Log
from overplane.events.webhooks import lag
from overplane.events.webhooks.models import Attempt, Delivery, Endpoint


def endpoint(one: Endpoint, *, secret: str | None = None) -> dict[str, Any]:
    """`secret`: in the answers of creating and rolling only."""
    (representation,) = endpoints([one])
    return representation | ({"secret": secret} if secret else {})


def endpoints(several: Sequence[Endpoint]) -> list[dict[str, Any]]:
    log, lags = Log.now(), lag.seconds_of(several)
    return [_endpoint(one, log, lags[one.pk]) for one in several]


def _endpoint(one: Endpoint, log: Log, lag_seconds: float) -> dict[str, Any]:
    return {
        "id": one.id,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "url": one.url,
        "description": one.description,
        "event_types": one.event_types,
        "payload": one.payload,
        "status": one.status,
        "disabled_reason": one.disabled_reason or None,
        "position": log.cursor(one.position),
        "lag_seconds": round(lag_seconds),
        "failing_since": one.failing_since,
    }


def delivery(one: Delivery) -> dict[str, Any]:
    last = {
        "at": one.last_at,
        "status_code": one.last_status_code,
        "milliseconds": one.last_milliseconds,
        "error": one.last_error or None,
    }
    return {
        "id": one.public_id,
        "event_id": one.event_id,
        "event_type": one.event_type,
        "created_at": one.created_at,
        "status": one.status,
        "attempts": one.attempts,
        "next_attempt_at": one.next_attempt_at,
        "last_attempt": last if one.last_at else None,
    }


def delivery_with_attempts(one: Delivery) -> dict[str, Any]:
    return delivery(one) | {"attempt_log": [attempt(each) for each in one.attempt_log.all()]}


def attempt(one: Attempt) -> dict[str, Any]:
    return {
        "at": one.at,
        "status_code": one.status_code,
        "milliseconds": one.milliseconds,
        "error": one.error or None,
        "excerpt": one.excerpt or None,
    }
