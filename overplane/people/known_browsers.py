"""Browsers in which a person has logged in before, by a signed cookie. It lets nobody in; it only says who is no stranger."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "known_browser"
SALT = "overplane.people.known_browsers"
LIFETIME = timedelta(days=400)  # browsers keep no cookie longer
MOST_NAMES = 5  # of those who share a browser, the last ones


def of(request: HttpRequest, name: str) -> str:
    """Which browser of this name's it is; empty for a stranger's."""
    return _names(request).get(name, "")


def _names(request: HttpRequest) -> dict[str, str]:
    try:
        names = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=LIFETIME)
    except signing.BadSignature:
        return {}
    return dict(names)


def remember(request: Any, name: str) -> None:
    """With the answer to this request, which has just logged in. A browser that is known keeps its id."""
    names = _names(request)
    number = names.pop(name, "") or secrets.token_hex(8)
    kept = list(names.items())[1 - MOST_NAMES :]
    request.known_browser = signing.dumps([*kept, (name, number)], salt=SALT)


class Middleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if value := getattr(request, "known_browser", ""):
            response.set_cookie(
                COOKIE,
                value,
                max_age=LIFETIME,
                path="/admin/",
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response
