"""Who calls: `Authorization: Bearer KEY`, or HTTP Basic with the key as user name. Nothing else, no session."""

import base64
import binascii
from collections.abc import Collection

from django.conf import settings
from django.http import HttpRequest

from overplane import addresses
from overplane.api import keys, throttling
from overplane.api.errors import AUTHENTICATION, PERMISSION, ApiError, error
from overplane.problems import Code

CHALLENGE = f'Bearer realm="{settings.PRODUCT}"'
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def caller(request: HttpRequest, *, reads: Collection[str] = SAFE_METHODS) -> keys.Caller:
    """The caller of a request. Raises the 401, 403 or 429 that it gets. `reads`: the methods that change nothing."""
    try:
        known = _authenticated(request)
    except ApiError:
        throttling.note_failure(addresses.counted(request) or "")
        raise
    if known.read_only and request.method not in reads:
        message = "A read-only key may not call this. Use a full key (sk_…)."
        raise error(403, Code.KEY_READ_ONLY, message, type_=PERMISSION)
    return known


def _authenticated(request: HttpRequest) -> keys.Caller:
    key = _sent_key(request.META.get("HTTP_AUTHORIZATION", ""))
    if not key:
        raise _refused(Code.API_KEY_MISSING, "Send your API key: Authorization: Bearer sk_…")
    try:
        known = keys.find(key)
    except keys.KeyExpired:
        raise _refused(Code.API_KEY_EXPIRED, "This API key has expired.") from None
    if known is None:
        raise _refused(Code.API_KEY_INVALID, "There is no such API key, or it was revoked.")
    return known


def _sent_key(header: str) -> str:
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return "" if password else name
    return ""


def _refused(code: Code, message: str) -> ApiError:
    return error(401, code, message, type_=AUTHENTICATION, WWW_Authenticate=CHALLENGE)
