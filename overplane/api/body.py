"""Reading a JSON body: bounded, strict and exact. Bad input is a 400 or 413, never more."""

import json
from decimal import Decimal
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest

from overplane.api.errors import ApiError, bad_request, error
from overplane.database.numbers import read_decimal
from overplane.database.text import forbidden_character, has_forbidden_characters
from overplane.problems import Code, Errors, invalid

MIB = 1024 * 1024
BODY_LIMIT = MIB
MAX_DEPTH = 32
# A body that is refused for its size is still read so far, or the client would see a broken connection, not our answer.
DRAINED = 32 * MIB
# More than any object has attributes, fewer than a hostile body can hold.
MOST_TEXTS_TOLD = 1000


class _Duplicate(ValueError):
    pass


def read_json(request: HttpRequest, *, limit: int = BODY_LIMIT) -> dict[str, Any]:
    """The request's JSON object. Numbers with a point or an exponent come as `Decimal`."""
    media_type = (request.META.get("CONTENT_TYPE") or "application/json").partition(";")[0].strip().lower()
    raw = _read(request, limit)
    if media_type != "application/json":
        raise error(415, Code.UNSUPPORTED_MEDIA_TYPE, "Send JSON: Content-Type: application/json.")
    try:
        text = raw.decode("utf-8-sig")
        payload = _decoder.decode(text)
    except _Duplicate as duplicate:
        raise bad_request(Code.PARAMETER_DUPLICATE, "The key is given twice in one object.", str(duplicate)) from None
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError as failure:
        raise bad_request(Code.JSON_INVALID, f"The body is not UTF-8 at byte {failure.start}.") from None
    except json.JSONDecodeError as failure:
        where = f"line {failure.lineno} column {failure.colno}"
        raise bad_request(Code.JSON_INVALID, f"The body is not JSON: {failure.msg} at {where}.") from None
    except ValueError as failure:
        raise bad_request(Code.JSON_INVALID, f"The body is not JSON: {failure}.") from None
    if type(payload) is not dict:
        raise bad_request(Code.BODY_NOT_OBJECT, "The body must be a JSON object: {…}.")
    if _depth_above(payload, MAX_DEPTH):
        raise _too_deep()
    if b"\\u" in raw or has_forbidden_characters(text):
        _check_characters(payload)
    return payload


def _too_deep() -> ApiError:
    return bad_request(Code.JSON_TOO_DEEP, f"The JSON is nested more than {MAX_DEPTH} deep.")


def _read(request: HttpRequest, limit: int) -> bytes:
    environ = request.META
    chunked = environ.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in environ
    # Django reads nothing of a body without a length; gunicorn has already taken the chunks apart.
    stream = environ["wsgi.input"] if chunked else request
    raw = stream.read(limit + 1)
    if len(raw) > limit:
        rest = DRAINED
        while rest > 0 and (piece := stream.read(min(rest, 65536))):
            rest -= len(piece)
        raise error(413, Code.BODY_TOO_LARGE, f"The body is larger than {limit // MIB} MiB.")
    return raw


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Duplicate(name.encode("utf-8", "replace").decode()[:100])
            seen.add(name)
    return made


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < 30 else read_decimal(text)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=read_decimal, parse_int=_integer, parse_constant=_refuse_constant
)


def _depth_above(value: Any, limit: int) -> bool:
    if type(value) is dict:
        value = value.values()
    elif type(value) is not list:
        return False
    return limit == 0 or any(_depth_above(inner, limit - 1) for inner in value if type(inner) in (dict, list))


def _check_characters(payload: dict[str, Any]) -> None:
    """Raises for the texts, keys and values, that cannot be stored."""
    found: Errors = {}
    _note_characters(payload, "", found)
    if found:
        raise ValidationError(found)  # type: ignore[arg-type]


def _note_characters(value: Any, path: str, found: Errors) -> None:
    if len(found) == MOST_TEXTS_TOLD:
        return
    if type(value) is str and has_forbidden_characters(value):
        message = f"The text holds {forbidden_character(value)}, a character that cannot be shown. Remove it."
        problem = invalid(Code.CHARACTERS_NOT_ALLOWED, message)
        found[path or NON_FIELD_ERRORS] = [problem]
    elif type(value) is dict:
        for name, inner in value.items():
            _note_characters(name, path, found)
            if not has_forbidden_characters(name):  # or it could not be told as a path
                _note_characters(inner, f"{path}.{name}" if path else name, found)
    elif type(value) is list:
        for i, inner in enumerate(value):
            _note_characters(inner, f"{path}[{i}]", found)
