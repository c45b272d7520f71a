"""What the attributes of an endpoint may be. Plain values in, cleaned values out, or coded errors by attribute."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from overplane.database.text import has_forbidden_characters
from overplane.events import types
from overplane.events.webhooks import guard
from overplane.events.webhooks.models import EndpointStatus, Payload
from overplane.problems import Code, invalid, not_one_of

NAMES = ("url", "description", "event_types", "payload", "status")
DESCRIPTION_LENGTH = 255
NOW = "now"


def cleaned(values: Mapping[str, Any], *, is_new: bool) -> dict[str, Any]:
    """The attributes among these values. Raises `ValidationError` with all that is wrong."""
    errors: dict[str, list[ValidationError]] = {}
    out: dict[str, Any] = {}
    if is_new and values.get("url") is None:
        errors["url"] = [invalid(Code.PARAMETER_MISSING, "The URL is missing. Give one like https://example.com/hook.")]
    for name in NAMES:
        if name in values and name not in errors:
            try:
                out[name] = CLEANERS[name](values[name])
            except ValidationError as error:
                errors[name] = error.error_list
    if values.get("position") not in (None, NOW):
        errors["position"] = [not_one_of(str(values["position"]), [NOW])]
    if errors:
        raise ValidationError(errors)
    return out


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(Code.PARAMETER_INVALID_TYPE, "Must be a text.")
    if has_forbidden_characters(value):
        raise invalid(Code.CHARACTERS_NOT_ALLOWED, "Holds characters that are not allowed.")
    return value.strip()


def _url(value: Any) -> str:
    url = _text(value)
    try:
        guard.target(url)
    except guard.Refused as refusal:
        is_long = len(url) > guard.URL_LENGTH
        raise invalid(Code.PARAMETER_TOO_LONG if is_long else Code.PARAMETER_INVALID, str(refusal)) from None
    return url


def _description(value: Any) -> str | None:
    text = _text("" if value is None else value)
    if len(text) > DESCRIPTION_LENGTH:
        raise invalid(Code.PARAMETER_TOO_LONG, f"At most {DESCRIPTION_LENGTH} characters.")
    return text or None


def event_types(value: Any) -> list[str]:
    """In the order of the log's own list, each once."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise invalid(Code.PARAMETER_INVALID_TYPE, "Must be a list of types of events; an empty one means all.")
    for one in value:
        if one not in types.known:
            raise not_one_of(one, types.known)
    return [one for one in types.known if one in value]


def _choice(value: Any, choices: list[str]) -> str:
    if value not in choices:
        raise not_one_of(str(value), choices)
    return str(value)


CLEANERS = {
    "url": _url,
    "description": _description,
    "event_types": event_types,
    "payload": lambda value: _choice(value, Payload.values),
    "status": lambda value: _choice(value, EndpointStatus.values),
}
