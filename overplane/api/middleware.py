"""Answers everything under `/api/` without the admin's middleware: no session, no CSRF, no redirect, no HTML."""

import time
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import resolve
from django.utils.cache import patch_vary_headers

from overplane import addresses, compression, observability
from overplane.api import errors
from overplane.api.cors import Cors
from overplane.database import timing
from overplane.ids import new_id
from overplane.log_lines import OF_REQUEST
from overplane.observability import IdentifiedRequest
from overplane.thread_state import thread_state

Answer = HttpResponse | StreamingHttpResponse
HEADERS = {"X-Content-Type-Options": "nosniff"}
VARY = "Accept-Encoding"
# Answers hold personal data, so no cache on the way may store them. The caller may store what has a version, and asks
# each time whether it is still current.
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
NO_STORE, REVALIDATE = "no-store", "private, no-cache"


def is_api(path: str) -> bool:
    """Also `/api` and `//api/…`, which are no routes: a program with a wrong address gets its error as JSON."""
    return path.startswith("/api/") or path.lstrip("/").partition("/")[0] == "api"


class RequestMiddleware:
    """Gives every request its id, counts every answer, and answers `/api/` and probes before the other middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        self.get_response = get_response
        self.answer: Callable[[HttpRequest], Answer] = _answer
        if settings.CORS_ALLOWED_ORIGINS:
            # Never an Awaitable, since `_answer` is none.
            self.answer = cast("Callable[[HttpRequest], Answer]", Cors(_answer))
        self.api_headers = dict(HEADERS)
        if settings.SECURE_HSTS_SECONDS:
            self.api_headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"

    def __call__(self, request: IdentifiedRequest) -> Answer:
        started, database_before = time.perf_counter(), timing.waited()
        addresses.settle(request.META)
        request.request_id, request.waited, request.actor = new_id("req"), 0.0, None
        # Programs are told in English, whatever their headers ask for; pages choose their language (LocaleMiddleware).
        with thread_state(request.request_id, settings.LANGUAGE_CODE):
            response = self._respond(request)
        response["Request-Id"] = request.request_id
        match = request.resolver_match
        route = match.route if match else "none"
        request.META[OF_REQUEST] = request.request_id, route, request.actor or _person(request)
        observability.observe(
            request.method or "",
            route,
            response.status_code,
            seconds=time.perf_counter() - started - request.waited,
            of_database=timing.waited() - database_before,
        )
        return response

    def _respond(self, request: HttpRequest) -> Answer:
        if is_api(request.path_info):
            return self._api(request)
        if request.path_info in PROBES:
            return _probe(request)
        return self.get_response(request)

    def _api(self, request: HttpRequest) -> Answer:
        response = self.answer(request)
        for name, value in self.api_headers.items():
            response.setdefault(name, value)
        if response.has_header("Vary"):
            patch_vary_headers(response, [VARY])
        else:
            response["Vary"] = VARY
        response.setdefault("Cache-Control", REVALIDATE if response.has_header("ETag") else NO_STORE)
        if response.status_code in (204, 304):  # the length of a 304 would be that of the answer it spares
            return response
        accepted = request.META.get("HTTP_ACCEPT_ENCODING")
        if accepted is not None and compression.accepts_gzip(accepted):
            compression.compress(response)
        if isinstance(response, HttpResponse):
            response.setdefault("Content-Length", str(len(response.content)))
        if request.method == "HEAD":
            _drop_content(response)
        return response


def _person(request: HttpRequest) -> str | None:
    """Who is logged in, if somebody asked for that: it would cost a query."""
    user = getattr(request, "_cached_user", None)
    return f"user:{user.pk}" if user is not None and user.pk else None


def _probe(request: HttpRequest) -> Answer:
    """Probes ask by an address instead of a name, and by http: neither the host nor the scheme is looked at."""
    try:
        view, args, kwargs = request.resolver_match = resolve(request.path_info)
        response = view(request, *args, **kwargs)
    except Exception as exception:  # noqa: BLE001 (a probe's answer is never a page)
        response = errors.answer(errors.from_exception(exception))
    for name, value in (HEADERS | {"Cache-Control": NO_STORE}).items():
        response[name] = value
    if request.method == "HEAD":
        _drop_content(response)
    return response


def _answer(request: HttpRequest) -> Answer:
    try:
        request.get_host()  # raises DisallowedHost
        view, args, kwargs = request.resolver_match = resolve(request.path_info.removesuffix("/"))
        return view(request, *args, **kwargs)
    except Exception as exception:  # noqa: BLE001 (an unknown route, a wrong host, a bug: always the envelope)
        return errors.answer(errors.from_exception(exception))


def _drop_content(response: Answer) -> None:
    """HEAD has the headers of GET, with its length, and no content. (A stream has made its first part, so errors show.)"""
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = ()
    else:
        response.content = b""
