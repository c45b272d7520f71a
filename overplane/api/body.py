"""Reading a JSON body: bounded, strict and exact. Bad input is a 400 or 413, never more."""

import json
from decimal import Decimal
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest
from gunicorn.http.errors import ParseException

from overplane.api.errors import ApiError, bad_request, error
from overplane.database.numbers import read_decimal
from overplane.database.text import forbidden_character, has_forbidden_characters
from overplane.problems import Code, Errors, invalid

MIB = 1024 * 1024
BODY_LIMIT = MIB
MAX_DEPTH = 32  # real bodies nest 6 deep; Python's parser gives up at about 1,000
# More than any object has attributes, fewer than a hostile body can hold.
MOST_TEXTS_REPORTED = 1000


class _Duplicate(ValueError):
    pass


def receive(request: HttpRequest, limit: int) -> bytes | ApiError:
    """Waits for the body, or says what is wrong with it."""
    try:
        return _read(request, limit)
    except ApiError as failure:
        return failure


def read_json(request: HttpRequest, received: bytes | ApiError) -> dict[str, Any]:
    """The request's JSON object. Numbers with a point or an exponent come as `Decimal`."""
    _check_media_type(request)
    if isinstance(received, ApiError):
        raise received
    raw = received
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


# What says that a body is as it stands, by header.
PLAIN = {"Content-Encoding": ("", "identity"), "Transfer-Encoding": ("", "identity", "chunked")}


def _check_media_type(request: HttpRequest) -> None:
    media_type = (request.META.get("CONTENT_TYPE") or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise error(415, Code.UNSUPPORTED_MEDIA_TYPE, "Send JSON: Content-Type: application/json.")
    check_coding(request)


def check_coding(request: HttpRequest) -> None:
    """A body that comes packed is not read."""
    for header, plain in PLAIN.items():
        coding = request.META.get(f"HTTP_{header.upper().replace('-', '_')}", "").strip().lower()
        if coding in plain:
            continue
        message = f"The body comes as {header}: {coding:.100}. Send it as it is, without that header."
        raise error(415, Code.UNSUPPORTED_MEDIA_TYPE, message)


def _read(request: HttpRequest, limit: int) -> bytes:
    """The body's bytes. Those of one that is refused unread are the server's business (see overplane.server.worker)."""
    stream = Stream(request)
    if stream.announced > limit:
        raise _too_large(limit)
    try:
        raw = stream.read(limit + 1)
    except (OSError, ParseException) as failure:
        raise bad_request(Code.JSON_INVALID, f"The body could not be read to its end: {failure!s:.200}.") from None
    if len(raw) > limit:
        raise _too_large(limit)
    stream.check_end()
    return raw


class Stream:
    """The bytes of a body as they come. `announced`: how many, if the request says it; else 0."""

    def __init__(self, request: HttpRequest) -> None:
        environ = request.META
        chunked = environ.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in environ
        self.announced = 0 if chunked else _announced(environ.get("CONTENT_LENGTH", ""))
        # Django reads nothing of a body without a length; gunicorn has already taken the chunks apart.
        self._stream: Any = environ["wsgi.input"] if chunked else request
        self.size = 0

    def read(self, size: int) -> bytes:
        piece: bytes = self._stream.read(size)
        self.size += len(piece)
        return piece

    def check_end(self, code: Code = Code.JSON_INVALID) -> None:
        """Raises if the client has left before the length that it announced."""
        if self.size < self.announced:
            message = f"The body broke off: {self.size} bytes came of {self.announced} that Content-Length tells."
            raise bad_request(code, message)


def is_there(request: HttpRequest) -> bool:
    sent = request.META
    return sent.get("CONTENT_LENGTH") not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in sent


def _announced(length: str) -> int:
    return int(length) if length.isascii() and length.isdigit() else 0


def _too_large(limit: int) -> ApiError:
    return error(413, Code.BODY_TOO_LARGE, f"The body is larger than {limit // MIB} MiB.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Duplicate(name.encode("utf-8", "replace").decode()[:100])
            seen.add(name)
    return result


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
    errors: Errors = {}
    _note_characters(payload, "", errors)
    if errors:
        raise ValidationError(errors)


def _note_characters(value: Any, path: str, errors: Errors) -> None:
    if len(errors) == MOST_TEXTS_REPORTED:
        return
    if type(value) is str and has_forbidden_characters(value):
        message = f"The text holds {forbidden_character(value)}, a character that cannot be shown. Remove it."
        problem = invalid(Code.CHARACTERS_NOT_ALLOWED, message)
        errors[path or NON_FIELD_ERRORS] = [problem]
    elif type(value) is dict:
        for name, inner in value.items():
            _note_characters(name, path, errors)
            if not has_forbidden_characters(name):  # or it could not be told as a path
                _note_characters(inner, f"{path}.{name}" if path else name, errors)
    elif type(value) is list:
        for i, inner in enumerate(value):
            _note_characters(inner, f"{path}[{i}]", errors)
