"""API keys: minted, shown once, kept as digests.

A key is 190 random bits, so a plain SHA-256 is digest enough: there is nothing to guess that
slow hashing would protect. The six check characters turn away typing errors without a query.
"""

import hashlib
import secrets
import time
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from overplane.api.models import ApiKey
from overplane.database.time_limits import write_unless_locked
from overplane.ids import new_id

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KINDS = {"sk": False, "rk": True}  # read-only?
# The promise is that a revoked key stops working within 5 seconds. Two of them are left for a slow clock.
REMEMBERED_SECONDS = 3.0
LAST_USED_STEP = timedelta(minutes=1)  # a busy key costs one write a minute, not one a request


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: what a request needs of its key."""

    id: str
    family: str
    read_only: bool
    expires_at: datetime | None

    @property
    def actor(self) -> str:
        return f"api_key:{self.id}"


class KeyExpired(Exception):
    pass


_remembered: dict[str, tuple[float, Caller]] = {}


def _check_characters(text: str) -> str:
    number, out = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        out = BASE62[digit] + out
    return out


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def mint(
    name: str, *, read_only: bool = False, expires_at: datetime | None = None, family: str | None = None
) -> tuple[ApiKey, str]:
    """A new key of this deployment's mode: its record, and the key, which exists nowhere else."""
    body = "".join(secrets.choice(BASE62) for _ in range(32))
    stem = f"{'rk' if read_only else 'sk'}_{settings.OVERPLANE_MODE}_{body}"
    key = stem + _check_characters(stem)
    key_id = new_id("key")
    record = ApiKey.objects.create(
        id=key_id,
        name=name,
        digest=digest(key),
        last_four=key[-4:],
        read_only=read_only,
        family=family or key_id,
        created_at=timezone.now(),
        expires_at=expires_at,
    )
    return record, key


def roll(old: ApiKey, *, grace: timedelta) -> tuple[ApiKey, str]:
    """A successor of the same kind; the old key lives on for `grace`."""
    successor = mint(old.name, read_only=old.read_only, expires_at=None, family=old.family)
    end = timezone.now() + grace
    ApiKey.objects.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=end), pk=old.pk).update(expires_at=end)
    return successor


def revoke(key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def well_formed(key: str) -> bool:
    kind, _, rest = key.partition("_")
    mode, _, body = rest.partition("_")
    if kind not in KINDS or mode != settings.OVERPLANE_MODE or len(body) != 38 or not body.isascii():
        return False
    return body.isalnum() and _check_characters(key[:-6]) == key[-6:]


def find(key: str) -> Caller | None:
    """Whose key this is; None if nobody's (any more). Raises `KeyExpired`."""
    name = digest(key)
    caller: Caller | None
    seen = _remembered.get(name)
    if seen and time.monotonic() - seen[0] < REMEMBERED_SECONDS:
        caller = seen[1]
    elif not well_formed(key) or (caller := _fetch(name)) is None:
        _remembered.pop(name, None)
        return None
    else:
        _remembered[name] = (time.monotonic(), caller)
    if caller.expires_at and caller.expires_at <= timezone.now():
        raise KeyExpired
    return caller


def _fetch(name: str) -> Caller | None:
    record = ApiKey.objects.filter(digest=name, revoked_at__isnull=True).first()
    if record is None:
        return None
    now = timezone.now()
    if record.last_used_at is None or now - record.last_used_at > LAST_USED_STEP:
        _note_use(record.pk, now)
    return Caller(record.id, record.family, record.read_only, record.expires_at)


def _note_use(key_id: str, now: datetime) -> None:
    unless_noted = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_STEP)
    # No request waits for this, and no read at all for the write lock of SQLite: the next one will note it.
    write_unless_locked(lambda: ApiKey.objects.filter(unless_noted, pk=key_id).update(last_used_at=now))


def forget() -> None:
    """Drops what this process remembers (tests)."""
    _remembered.clear()
