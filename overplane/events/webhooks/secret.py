"""An endpoint's secret, which is not stored: it is made of the installation's secret key and a salt in the row.

So a copy of the database signs nothing. A few bytes of the secret's hash tell which of several secret keys made it
(SECRET_KEY_FALLBACKS, after the key was changed).
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.conf import settings

from overplane.events.webhooks import wording
from overplane.events.webhooks.models import Endpoint
from overplane.events.webhooks.signing import PREFIX

SALT_BYTES, CHECK_BYTES = 16, 4  # the latter tell that a key is the wrong one, and no more than that
SEAL = "sealed"
TWO_FOR = timedelta(hours=24)  # after a roll both secrets sign


class SecretLost(Exception):
    """None of the secret keys made this endpoint's secret."""

    def __init__(self) -> None:
        super().__init__(wording.SECRET_LOST)


def _derived(key: str, endpoint_id: str, salt: bytes) -> str:
    message = b"/".join([b"webhook", endpoint_id.encode(), salt])
    return PREFIX + base64.b64encode(hmac.digest(key.encode(), message, "sha256")).decode()


def _check(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()[:CHECK_BYTES]


def draw(endpoint: Endpoint) -> str:
    """Gives the endpoint a new secret; the row is not saved."""
    endpoint.salt = secrets.token_bytes(SALT_BYTES)
    secret = _derived(settings.SECRET_KEY, endpoint.id, endpoint.salt)
    endpoint.check_bytes = _check(secret)
    return secret


def roll(endpoint: Endpoint, now: datetime) -> str:
    """A new secret; the one until now signs beside it for a day."""
    endpoint.previous_salt, endpoint.previous_check = endpoint.salt, endpoint.check_bytes
    endpoint.previous_until = now + TWO_FOR
    return draw(endpoint)


def valid(endpoint: Endpoint, now: datetime) -> list[str]:
    """The secrets that sign now, the newest first. Raises `SecretLost`."""
    secrets_ = [_recovered(endpoint.id, bytes(endpoint.salt), bytes(endpoint.check_bytes))]
    if endpoint.previous_salt and endpoint.previous_check and endpoint.previous_until and now < endpoint.previous_until:
        secrets_.append(_recovered(endpoint.id, bytes(endpoint.previous_salt), bytes(endpoint.previous_check)))
    if secrets_[0] is None:
        raise SecretLost
    return [secret for secret in secrets_ if secret is not None]


def is_lost(endpoint: Endpoint, now: datetime) -> bool:
    try:
        return not valid(endpoint, now)
    except SecretLost:
        return True


def sealed(endpoint: Endpoint) -> str:
    """Stands for the newest secret where it may not be stored: what it is made of, but for the secret key."""
    return ":".join([SEAL, endpoint.id, bytes(endpoint.salt).hex(), bytes(endpoint.check_bytes).hex()])


def opened(seal: str) -> str | None:
    """The secret that it stands for; None if the secret key was changed since."""
    _, endpoint_id, salt, check = seal.split(":")
    return _recovered(endpoint_id, bytes.fromhex(salt), bytes.fromhex(check))


def _recovered(endpoint_id: str, salt: bytes, check: bytes) -> str | None:
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        secret = _derived(key, endpoint_id, salt)
        if hmac.compare_digest(_check(secret), check):
            return secret
    return None
