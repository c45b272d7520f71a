"""Everything under `/api/` is answered here, past the middleware of the admin: no session, no CSRF, no redirect, no HTML."""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.utils import translation

from overplane import observability
from overplane.api import errors
from overplane.ids import new_id

# Answers hold personal data: no cache on the way may keep them.
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def is_api(path: str) -> bool:
    """Also `/api` and `//api/…`, which are no routes: a program that mistypes is told so in JSON."""
    return path.startswith("/api/") or path.lstrip("/").partition("/")[0] == "api"


class RequestMiddleware:
    """Gives every request its id and counts every answer; takes `/api/` out of the chain."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.api_headers = dict(HEADERS)
        if settings.SECURE_HSTS_SECONDS:
            self.api_headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        request.request_id = new_id("req")
        token = observability.request_id.set(request.request_id)
        try:
            # Programs are told in English, whatever their headers ask for. Pages choose their language
            # (LocaleMiddleware), which must not stay with the thread for whatever it does next.
            with translation.override(settings.LANGUAGE_CODE):
                response = self._api(request) if is_api(request.path_info) else self.get_response(request)
        finally:
            observability.request_id.reset(token)
        response["Request-Id"] = request.request_id
        match = request.resolver_match
        observability.observe(request.method or "", match.route if match else "none", response.status_code, started)
        return response

    def _api(self, request: HttpRequest) -> HttpResponse:
        try:
            request.get_host()  # raises DisallowedHost
            view, args, kwargs = request.resolver_match = resolve(request.path_info.removesuffix("/"))
            response = view(request, *args, **kwargs)
        except Exception as exception:  # noqa: BLE001 (an unknown route, a wrong host, a bug: always the envelope)
            response = errors.answer(errors.from_exception(exception))
        for name, value in self.api_headers.items():
            response.setdefault(name, value)
        if not response.streaming:
            response.setdefault("Content-Length", str(len(response.content)))
        return response
