"""What is served beside the API: its description, and errors for programs and people."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from drf_spectacular.generators import SchemaGenerator

from overplane import log_lines
from overplane.api import errors, surroundings
from overplane.caching import computed_once
from overplane.database.encoding import dumps
from overplane.problems import Code

OF_DESCRIPTION = "GET, HEAD, OPTIONS"


@computed_once
def description() -> bytes:
    """The OpenAPI description, in English, whoever asks first.

    Made when it is first asked for: its second would make the start of a worker half as long again, and most never need it.
    """
    with translation.override(settings.LANGUAGE_CODE):
        return dumps(SchemaGenerator().get_schema(request=None, public=True))


def openapi(request: HttpRequest) -> HttpResponse:
    if request.method == "OPTIONS":
        return errors.no_content(OF_DESCRIPTION)
    if request.method not in ("GET", "HEAD"):
        raise errors.error(405, Code.METHOD_NOT_ALLOWED, "Only GET is possible here.", Allow=OF_DESCRIPTION)
    return HttpResponse(description(), content_type="application/json")


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a page tells it to people and as the envelope tells it to programs."""

    status: int
    code: Code
    title: Any
    advice: Any
    message: str


BAD_REQUEST = Failure(
    400,
    Code.HOST_INVALID,
    _("This request was not understood"),
    _("The address may be wrong, or the form too large. Go back, reload the page and try again."),
    "The request was not understood, or named a wrong host.",
)
FORBIDDEN = Failure(
    403,
    Code.KEY_READ_ONLY,
    _("You may not do this"),
    _(
        "Your groups do not allow it. If you need it for your work, ask an Administrator to add you to a group that does."
    ),
    "This is not allowed.",
)
FORM_EXPIRED = Failure(
    403,
    Code.KEY_READ_ONLY,
    _("This form is no longer valid"),
    _(
        "You may have logged in or out in another tab, or your browser refuses cookies. Nothing was saved. "
        "Go back, reload the page and send it again."
    ),
    "The form's token is missing or wrong.",
)
NOT_FOUND = Failure(
    404,
    Code.ROUTE_UNKNOWN,
    _("There is no such page"),
    _("It may have been deleted or moved, or the address is mistyped. Search for it from the first page."),
    "There is no such page.",
)
BROKEN = Failure(
    500,
    Code.INTERNAL_ERROR,
    _("Something went wrong on our side"),
    _("Nothing of this request was saved. Try again in a moment; if it happens again, tell the number below."),
    "Something went wrong on our side.",
)
BUSY = Failure(
    503,
    Code.TIMEOUT,
    _("The service is busy"),
    _("The database did not answer in time. Nothing of this request was saved: try again in a moment."),
    "The database did not answer in time. Send the same request again.",
)


def _respond(request: HttpRequest, failure: Failure) -> HttpResponse:
    """A page for people; the envelope for programs, which do not ask for HTML."""
    if "text/html" in request.META.get("HTTP_ACCEPT", ""):
        # Nothing where we failed ourselves: the menu may ask the very database that has just failed.
        around = {} if failure in (BROKEN, BUSY) else surroundings.around(request)
        context = {"failure": failure, "request_id": log_lines.request_id.get(), **around}
        return HttpResponse(render_to_string("error.html", context), status=failure.status)
    type_ = errors.API if failure in (BROKEN, BUSY) else errors.INVALID_REQUEST
    return errors.answer(errors.error(failure.status, failure.code, failure.message, type_=type_))


def handler400(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _respond(request, BAD_REQUEST)


def handler403(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _respond(request, FORBIDDEN)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _respond(request, FORM_EXPIRED)


def handler404(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _respond(request, NOT_FOUND)


def handler500(request: HttpRequest) -> HttpResponse:
    return _respond(request, BROKEN)


def busy(request: HttpRequest) -> HttpResponse:
    return _respond(request, BUSY)
