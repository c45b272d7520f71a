"""What can be wrong, in one closed vocabulary that the API, the admin and the import share.

Rules raise Django's coded `ValidationError`; the other exceptions here say what a service found
in its way. The doors turn them into HTTP answers, form errors and report lines.
"""

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils.translation import gettext as _


class Code(StrEnum):
    PARAMETER_MISSING = "parameter_missing"
    PARAMETER_UNKNOWN = "parameter_unknown"
    PARAMETER_DUPLICATE = "parameter_duplicate"
    PARAMETER_INVALID = "parameter_invalid"
    PARAMETER_INVALID_TYPE = "parameter_invalid_type"
    PARAMETER_INVALID_EMPTY = "parameter_invalid_empty"
    PARAMETER_INVALID_INTEGER = "parameter_invalid_integer"
    PARAMETER_INVALID_RANGE = "parameter_invalid_range"
    PARAMETER_TOO_LONG = "parameter_too_long"
    PARAMETER_CONFLICT = "parameter_conflict"
    PARAMETER_IMMUTABLE = "parameter_immutable"
    CHARACTERS_NOT_ALLOWED = "characters_not_allowed"
    JSON_INVALID = "json_invalid"
    JSON_TOO_DEEP = "json_too_deep"
    BODY_NOT_OBJECT = "body_not_object"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    ROUTE_UNKNOWN = "route_unknown"
    RESOURCE_MISSING = "resource_missing"
    REORDER_INCOMPLETE = "reorder_incomplete"
    PRECONDITION_FAILED = "precondition_failed"
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid"
    IDEMPOTENCY_KEY_MISMATCH = "idempotency_key_mismatch"
    IDEMPOTENCY_KEY_IN_USE = "idempotency_key_in_use"
    IDEMPOTENCY_ANSWER_ERASED = "idempotency_answer_erased"
    CURSOR_INVALID = "cursor_invalid"
    CURSOR_EXPIRED = "cursor_expired"
    RATE_LIMIT = "rate_limit"
    API_KEY_MISSING = "api_key_missing"
    API_KEY_INVALID = "api_key_invalid"
    API_KEY_EXPIRED = "api_key_expired"
    KEY_READ_ONLY = "key_read_only"
    HOST_INVALID = "host_invalid"
    INTERNAL_ERROR = "internal_error"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    RESOURCE_MERGED = "resource_merged"
    UNMERGE_EXPIRED = "unmerge_expired"
    IMPORT_STATE = "import_state"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `param` is a path: `limit`, `created_at[gte]`, `ordered_ids[2]`."""

    code: Code
    message: str
    param: str | None = None


class ObjectMissing(Exception):
    """No object has this identifier. `merged_into`: the object that it became part of, if it did."""

    def __init__(self, label: str, object_id: str, merged_into: str | None = None) -> None:
        message = f"No such {label}: {object_id!r}."
        if merged_into:
            message = f"The {label} {object_id!r} was merged into {merged_into!r}. Use that one."
        super().__init__(message)
        self.object_id, self.merged_into = object_id, merged_into
        self.code = Code.RESOURCE_MERGED if merged_into else Code.RESOURCE_MISSING


class UnmergeExpired(Exception):
    """A merge that can no longer be taken back. `param`: where the request names it."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


class VersionMismatch(Exception):
    """The object is not (any more) the version that the caller expects."""


class CursorExpired(Exception):
    """The log does not reach back to this cursor: whoever reads it must begin anew. The message says why.

    `param`: where the request has the cursor.
    """

    def __init__(self, message: str, param: str = "after") -> None:
        super().__init__(message)
        self.param = param


Errors = dict[str, list[ValidationError]]
# A body may hold any number of wrong names or ids. No more of them are reported: the answer would be longer than the body.
MOST_REPORTED = 20


def invalid(code: Code, message: str) -> ValidationError:
    return ValidationError(message, code=str(code))


# What Django's own validators call it.
KNOWN: dict[Any, Code] = {
    "min_value": Code.PARAMETER_INVALID_RANGE,
    "max_value": Code.PARAMETER_INVALID_RANGE,
    **{str(code): code for code in Code},
}


def problems_in(error: ValidationError, prefix: str = "") -> Iterator[Problem]:
    """The problems of a coded `ValidationError`, `prefix` before each parameter (`operations[3].data.`)."""
    if not hasattr(error, "error_dict"):
        error = ValidationError({NON_FIELD_ERRORS: error})
    for name, errors in error.error_dict.items():
        param = prefix.rstrip(".") or None if name == NON_FIELD_ERRORS else prefix + name
        for one in errors:
            yield Problem(KNOWN.get(one.code, Code.PARAMETER_INVALID), " ".join(one.messages), param)


def nearest(name: str, known: Collection[str], *, closeness: float = 0.6) -> str:
    """A hint for a mistyped name: ` Did you mean "limit"?`, or nothing. `closeness`: from 0 to 1, which is the same."""
    close = difflib.get_close_matches(name[:100], known, n=1, cutoff=closeness)
    return " " + _('Did you mean "%(name)s"?') % {"name": close[0]} if close else ""


def unknown(name: str, known: Collection[str], *, hint: str | None = None) -> ValidationError:
    suggestion = nearest(name, known) if hint is None else hint
    return invalid(Code.PARAMETER_UNKNOWN, f'There is no parameter "{name[:100]}" here.{suggestion}')


def not_one_of(value: str, choices: Collection[str]) -> ValidationError:
    """A value that is none of the choices."""
    message = f'Must be one of {", ".join(choices)}, not "{value[:100]}".{nearest(value, choices)}'
    return invalid(Code.PARAMETER_INVALID, message)
