"""When the next attempt is made, and when an endpoint is given up."""

import random
from datetime import datetime, timedelta

from django.db.models import Q

# After the first attempt, which is made at once: ten in all, over three days.
STEPS = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *[timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)],
]
JITTER = 0.2  # so that what failed together does not come back together
PROBED_AFTER = 10  # failures in a row; from then on there is one attempt a step
GIVEN_UP_AFTER = timedelta(days=5)  # without success, and after PROBED_AFTER failures


def next_attempt(attempts: int, now: datetime, retry_after: float | None = None) -> datetime | None:
    """After so many attempts; None if there is no further one. `retry_after`: seconds that the receiver asked for."""
    return now + _wait(STEPS[attempts - 1], retry_after) if attempts <= len(STEPS) else None


def next_probe(failures: int, now: datetime, retry_after: float | None = None) -> datetime:
    """Of an endpoint that has failed so often in a row."""
    return now + _wait(_step_of_probe(failures), retry_after)


def is_beyond(now: datetime) -> Q:
    """Deliveries that no plan of now would put off so far: a clock was ahead, and was set back."""
    beyond = Q(attempts=0, next_attempt_at__gt=now)
    for attempts, step in enumerate(STEPS, start=1):
        beyond |= Q(attempts=attempts, next_attempt_at__gt=now + _longest(step))
    return beyond


def is_probe_due(probe_at: datetime, failures: int, now: datetime) -> bool:
    return not now < probe_at <= now + _longest(_step_of_probe(failures))


def _step_of_probe(failures: int) -> timedelta:
    return STEPS[min(max(failures - PROBED_AFTER, 0), len(STEPS) - 1)]


def _longest(step: timedelta) -> timedelta:
    """What a receiver may make of it, and more than chance does."""
    return 2 * step


def _wait(step: timedelta, retry_after: float | None) -> timedelta:
    wait = step * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)
    if retry_after is None:
        return wait
    # min() of seconds first: a receiver may ask for more than a timedelta can hold.
    return max(wait, timedelta(seconds=min(retry_after, _longest(step).total_seconds())))


def is_given_up(failing_since: datetime | None, failures: int, now: datetime) -> bool:
    return failing_since is not None and failures >= PROBED_AFTER and now - failing_since >= GIVEN_UP_AFTER
