"""Token buckets in the database, so that they are exact across workers.

`RATE_LIMIT` (requests a second for each key, off by default) and failed authentications (20 a
minute for each address, always on). A valid key is never blocked by somebody's failures.
"""

import time
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from overplane import observability
from overplane.api.errors import RATE_LIMIT, ApiError, error
from overplane.api.models import Allowance
from overplane.problems import Code

FAILURES_A_MINUTE = 20  # wrong keys from one address: a misconfigured client's retries, but no guessing
CLOCKS_APART = 1.0  # seconds; with NTP it is some milliseconds


@dataclass(frozen=True, slots=True)
class Bucket:
    """`rate` tokens a second flow in, up to `burst`."""

    rate: float
    burst: float

    def take(self, name: str) -> tuple[bool, float]:
        """Was there a token to take, and how many are left."""
        with transaction.atomic():
            fresh = Allowance(name=name, tokens=self.burst, at=time.time())
            Allowance.objects.bulk_create([fresh], ignore_conflicts=True)
            row = Allowance.objects.select_for_update().get(pk=name)
            # After the lock: a request that waited for the row would set its clock back, and one second would count twice.
            now = time.time()
            # Another machine's clock may be a little ahead. What lies further in the future was written before this
            # clock was set back: waiting until it has caught up would refuse everybody for as long.
            at = min(row.at, now + CLOCKS_APART)
            now = max(now, at)
            tokens = min(self.burst, row.tokens + (now - at) * self.rate)
            is_allowed = tokens >= 1
            left = tokens - 1 if is_allowed else tokens
            Allowance.objects.filter(pk=name).update(tokens=left, at=now)
        return is_allowed, left

    def seconds_until_one(self, left: float) -> int:
        return max(1, round((1 - left) / self.rate + 0.5))


def limit_key(key_id: str) -> dict[str, str]:
    """Takes one of the key's tokens; the headers that tell how many are left. 429 if there is none."""
    if not settings.RATE_LIMIT:
        return {}
    bucket = Bucket(settings.RATE_LIMIT, max(1.0, settings.RATE_LIMIT))
    is_allowed, left = bucket.take(f"key:{key_id}")
    headers = {
        "RateLimit-Limit": str(int(bucket.burst)),
        "RateLimit-Remaining": str(int(left)),
        "RateLimit-Reset": str(max(1, round((bucket.burst - left) / bucket.rate))),
    }
    if is_allowed:
        return headers
    observability.refusals.labels("key").inc()
    raise _too_many("Too many requests with this key.", bucket, left, headers)


def note_failure(address: str) -> None:
    """Counts a failed authentication; 429 once the address has had its twenty in a minute."""
    bucket = Bucket(FAILURES_A_MINUTE / 60, FAILURES_A_MINUTE)
    is_allowed, left = bucket.take(f"failures:{address}")
    if not is_allowed:
        observability.refusals.labels("address").inc()
        raise _too_many("Too many failed authentications from your address.", bucket, left, {})


def _too_many(message: str, bucket: Bucket, left: float, headers: dict[str, str]) -> ApiError:
    wait = bucket.seconds_until_one(left)
    failure = error(429, Code.RATE_LIMIT, f"{message} Try again in {wait} seconds.", type_=RATE_LIMIT)
    failure.headers |= headers | {"Retry-After": str(wait)}
    return failure
