"""Answers that the server gives by itself: to what it could not read, which no view ever saw, and to who asks for its health."""

import logging
import time

from django.http import HttpResponse
from gunicorn.http import errors as unread

from overplane import log_lines, observability
from overplane.api import errors
from overplane.api.errors import API, LATER, ApiError, bad_request, error
from overplane.api.middleware import HEADERS, NO_STORE, is_api
from overplane.api.probes import ALIVE
from overplane.ids import new_id
from overplane.problems import Code

log = logging.getLogger("overplane.api")
MOST_QUOTED = 200  # letters of what somebody sent, in the log
TOO_LONG = "Ask for less at once; where the route has a search by POST, the same parameters go into its body."


def refusal(path: str | None, exception: BaseException) -> bytes | None:
    """The whole answer, or None if it is about a page. Where no path could be read, programs are the likelier caller."""
    if path is not None and not is_api(path):
        return None
    request_id, started = new_id("req"), time.perf_counter()
    token = log_lines.request_id.set(request_id)
    try:
        failure = _failure(exception)
        if failure.status < 500:
            log.warning("unreadable request: %.200s", exception)
        response = errors.answer(failure)
    finally:
        log_lines.request_id.reset(token)
    observability.observe("", "none", response.status_code, seconds=time.perf_counter() - started)
    return _raw(response, request_id)


def health() -> bytes:
    """The process is alive; asks nobody, and does not ask by which name it was called."""
    observability.observe("GET", "healthz", 200, seconds=0.0)
    return _raw(HttpResponse(ALIVE, content_type="application/json"), new_id("req"))


def _raw(response: HttpResponse, request_id: str) -> bytes:
    own = {"Request-Id": request_id, "Content-Length": str(len(response.content)), "Connection": "close"}
    for name, value in (HEADERS | own | {"Cache-Control": NO_STORE}).items():
        response[name] = value
    line = f"HTTP/1.1 {response.status_code} {response.reason_phrase}\r\n".encode()
    return line + response.serialize_headers() + b"\r\n\r\n" + response.content


def _failure(exception: BaseException) -> ApiError:
    text = str(exception)[:MOST_QUOTED]
    match exception:
        case TimeoutError():
            return error(408, Code.TIMEOUT, "The request did not come to its end in time.")
        case BlockingIOError():
            message = "Too many large requests are being read just now. Send the same request again."
            return error(503, Code.UNAVAILABLE, message, type_=API, Retry_After=LATER)
        case unread.LimitRequestLine():
            return error(414, Code.PARAMETER_TOO_LONG, f"The address is too long. {TOO_LONG}")
        case unread.LimitRequestHeaders():
            return error(431, Code.PARAMETER_TOO_LONG, f"The headers are too many or too long: {text}.")
        case unread.ExpectationFailed():
            message = "Nothing can be expected but 100-continue."
            return error(417, Code.PARAMETER_INVALID, message, param="Expect")
        case unread.UnsupportedTransferCoding():
            # 501 is the standard's word, but what a client does wrong is no fault of the server's here.
            return bad_request(Code.PARAMETER_INVALID, "Send the body as it is, or chunked.", "Transfer-Encoding")
        case unread.InvalidResponseHeader() | unread.InvalidResponseHeaderName() | unread.ConfigurationProblem():  # type: ignore[attr-defined]  # new in gunicorn 27; the stubs know 26
            return errors.from_exception(exception)
        case unread.ParseException():
            return bad_request(Code.PARAMETER_INVALID, f"This is not HTTP as it should be. {text}")
    return errors.from_exception(exception)
