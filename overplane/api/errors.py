"""Whatever goes wrong under `/api/` leaves through here, in one envelope."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost, ValidationError
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpResponse

from overplane import log_lines
from overplane.database.encoding import dumps
from overplane.database.troubles import Trouble, trouble
from overplane.problems import (
    Code,
    CursorExpired,
    ObjectMissing,
    Problem,
    UnmergeExpired,
    VersionMismatch,
    problems_in,
)

log = logging.getLogger("overplane.api")
INVALID_REQUEST, AUTHENTICATION, PERMISSION = "invalid_request_error", "authentication_error", "permission_error"
IDEMPOTENCY, RATE_LIMIT, API = "idempotency_error", "rate_limit_error", "api_error"
BROKEN = "Something went wrong on our side. Quote the request id when you ask."
# Seconds after which to come again: at once where it is settled by then; later where the same would happen again.
SOON, LATER = "1", "5"


class ApiError(Exception):
    """An answer that is not 2xx. The first problem stands on top."""

    merged_into: str | None = None  # the object that the one asked for became part of
    object_status: str | None = None  # of an object that is in the wrong one

    def __init__(
        self, status: int, type_: str, problems: Sequence[Problem], headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(problems[0].message)
        self.status, self.type, self.problems, self.headers = status, type_, list(problems), headers or {}


def error(
    status: int, code: Code, message: str, *, param: str | None = None, type_: str = INVALID_REQUEST, **headers: str
) -> ApiError:
    """An `ApiError` with one problem; headers as keywords (`Retry_After="1"`)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ApiError(status, type_, [Problem(code, message, param)], named)


def bad_request(code: Code, message: str, param: str | None = None) -> ApiError:
    return error(400, code, message, param=param)


def from_exception(exception: BaseException) -> ApiError:
    """The answer to any exception. What nobody foresaw is logged with its traceback and told as a 500."""
    if isinstance(exception, ApiError):
        return exception
    for class_, make in _ANSWERS.items():
        if isinstance(exception, class_):
            return make(exception)
    return _unforeseen(exception)


def _database_error(exception: Exception) -> ApiError:
    match trouble(exception):
        case Trouble.SLOW:
            message = "The database took too long. Ask for less at once."
            return error(503, Code.TIMEOUT, message, type_=API, Retry_After=LATER)
        case Trouble.LOCKED:
            return locked()
        case Trouble.OVERTAKEN:
            message = "The object is being changed by others. Send the same request again."
            return error(409, Code.UNAVAILABLE, message, type_=API, Retry_After=SOON)
        case Trouble.BEHIND:
            log.warning("the migration is still to come: %s", exception)
            message = "The service is being upgraded, and cannot do this yet. Send the same request again."
            return error(503, Code.UNAVAILABLE, message, type_=API, Retry_After=LATER)
        case Trouble.AWAY | Trouble.READ_ONLY:
            log.warning("database away: %s", exception)
            message = "The database is not available. Try again."
            return error(503, Code.UNAVAILABLE, message, type_=API, Retry_After=SOON)
    return _unforeseen(exception)


def locked() -> ApiError:
    """Somebody holds the object, and nobody knows for how long."""
    message = "Somebody else is changing this object, and it takes long. Nothing was done: send the same request again."
    return error(503, Code.TIMEOUT, message, type_=API, Retry_After=LATER)


def _unforeseen(exception: BaseException) -> ApiError:
    log.error("unforeseen %s", type(exception).__name__, exc_info=exception)
    return error(500, Code.INTERNAL_ERROR, BROKEN, type_=API)


def not_found(missing: ObjectMissing) -> ApiError:
    failure = error(404, missing.code, str(missing), param="id")
    failure.merged_into = missing.merged_into
    return failure


_ANSWERS: dict[type[Exception], Callable[[Any], ApiError]] = {
    ValidationError: lambda e: ApiError(400, INVALID_REQUEST, list(problems_in(e))),
    ObjectMissing: not_found,
    VersionMismatch: lambda e: error(
        412, Code.PRECONDITION_FAILED, "The object has changed since you read it. Read it again, then decide."
    ),
    UnmergeExpired: lambda e: error(410, Code.UNMERGE_EXPIRED, str(e), param=e.param),
    CursorExpired: lambda e: error(410, Code.CURSOR_EXPIRED, str(e), param=e.param),
    Http404: lambda e: error(404, Code.ROUTE_UNKNOWN, "There is no such route. See /docs."),
    DisallowedHost: lambda e: error(400, Code.HOST_INVALID, "This service does not answer under that host name."),
    DatabaseError: _database_error,
    InterfaceError: _database_error,
}


# What is wrong with a request, or with what it is about.
FORESEEN: tuple[type[Exception], ...] = (
    ApiError,
    *(one for one in _ANSWERS if not issubclass(one, DatabaseError | InterfaceError)),
)


def envelope(failure: ApiError, request_id: str | None) -> dict[str, Any]:
    first = failure.problems[0]
    return {
        "error": {
            "type": failure.type,
            "code": first.code,
            "message": first.message,
            "param": first.param,
            "doc_url": f"{settings.BASE_URL}/docs#error-{first.code}",
            "request_id": request_id,
            **({"merged_into": failure.merged_into} if failure.merged_into else {}),
            **({"status": failure.object_status} if failure.object_status else {}),
            "errors": [{"code": p.code, "param": p.param, "message": p.message} for p in failure.problems],
        }
    }


def answer(failure: ApiError, request_id: str | None = None) -> HttpResponse:
    """The error envelope as a response."""
    body = envelope(failure, request_id or log_lines.request_id.get())
    return HttpResponse(dumps(body), status=failure.status, headers=failure.headers, content_type="application/json")


def no_content(allow: str | None = None) -> HttpResponse:
    """The answer to OPTIONS, which asks for nothing that a key protects."""
    response = HttpResponse(status=204, headers={"Allow": allow} if allow else None)
    del response["Content-Type"]
    return response
