"""Signatures as Standard Webhooks 1.0.0 describes them (https://www.standardwebhooks.com).

The official package signs texts of one secret and needs six further packages; these lines sign bytes of several.
The tests let the official packages verify what they make.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


def sign(event_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of a request with these bytes. `timestamp`: seconds since 1970, of this attempt. `secrets`: whsec_…"""
    content = b".".join([event_id.encode(), str(timestamp).encode(), body])
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join([_signature(key(secret), content) for secret in secrets]),
    }


def _signature(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()


def key(secret: str) -> bytes:
    """The bytes that a secret stands for. Raises `ValueError` if it is none."""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("A secret is whsec_ and base64.") from None
