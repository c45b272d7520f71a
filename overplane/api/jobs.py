"""What the frame of the API purges."""

import time
from collections.abc import Iterator

from django.db.models import Q

from overplane.api import idempotency
from overplane.api.models import Allowance
from overplane.database import purging
from overplane.jobs import housekeeping

# Every bucket is full again after a minute: one that was not touched for an hour says nothing that a new one would not.
BUCKETS_KEPT = 3600.0


def buckets() -> Iterator[int]:
    """Also those of a clock that was ahead."""
    now = time.time()
    return purging.delete(Allowance.objects.filter(Q(at__lt=now - BUCKETS_KEPT) | Q(at__gt=now + BUCKETS_KEPT)))


housekeeping.register("answers to Idempotency-Keys of 24 hours ago", idempotency.old_answers)
housekeeping.register("buckets of rate limits that are full", buckets)
