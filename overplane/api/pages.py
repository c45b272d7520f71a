"""What is served beside the API: health, metrics, its description, and errors for programs and people."""

from functools import cache
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from overplane import observability
from overplane.api import errors
from overplane.database import upkeep
from overplane.database.encoding import dumps
from overplane.problems import Code


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process is alive; asks nobody."""
    return HttpResponse(b'{"status":"ok"}', content_type="application/json")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers, is migrated, and keeps its counts."""
    try:
        problems = _unready()
    except DatabaseError as failure:
        problems = [f"database: {type(failure).__name__}"]
    status = 503 if problems else 200
    body = {"status": "not ready" if problems else "ok", "problems": problems}
    return HttpResponse(dumps(body), status=status, content_type="application/json")


def _unready() -> list[str]:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return ["migrations are not applied: manage.py migrate"]
    return [f"trigger {name} is missing: manage.py migrate" for name in sorted(upkeep.missing(connection))]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    text, media_type = observability.metrics_text(several_processes=bool(settings.METRICS_DIR))
    return HttpResponse(text, content_type=media_type)


@cache
def description() -> bytes:
    """The OpenAPI description, made once a process."""
    return dumps(SchemaGenerator().get_schema(request=None, public=True))


def openapi(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        raise errors.error(405, Code.METHOD_NOT_ALLOWED, "Only GET is possible here.", Allow="GET, HEAD")
    return HttpResponse(description(), content_type="application/json")


def _error_page(request: HttpRequest, status: int, code: Code, message: str) -> HttpResponse:
    """A page for people; the envelope for programs, which do not ask for HTML."""
    if "text/html" in request.META.get("HTTP_ACCEPT", ""):
        return render(request, f"{status}.html", {"message": message}, status=status)
    return errors.answer(errors.error(status, code, message))


def handler400(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _error_page(request, 400, Code.HOST_INVALID, "The request was not understood, or named a wrong host.")


def handler403(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _error_page(request, 403, Code.KEY_READ_ONLY, "This is not allowed.")


def handler404(request: HttpRequest, exception: Any = None) -> HttpResponse:
    return _error_page(request, 404, Code.ROUTE_UNKNOWN, "There is no such page.")


def handler500(request: HttpRequest) -> HttpResponse:
    return _error_page(request, 500, Code.INTERNAL_ERROR, "Something went wrong on our side.")
