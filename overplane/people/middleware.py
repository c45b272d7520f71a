"""Lets nobody past the login who still owes the second factor."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from overplane.people import posted_form
from overplane.people.second_factor import HAS_NONE, confirmed, is_verified

OPEN_PAGES = {
    "login", "logout", "jsi18n", "session", "second_factor", "second_factor_code", "second_factor_qr",
}  # fmt: skip


class SecondFactorMiddleware:
    """Lets nobody into the admin who has a second factor and has not shown it, or must have one and has none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        name = request.resolver_match.url_name if request.resolver_match else None
        if not request.path_info.startswith("/admin/") or (name or "") in OPEN_PAGES:
            return None
        if not request.user.is_authenticated or is_verified(request.user):
            return None
        is_required = settings.REQUIRE_SECOND_FACTOR
        if request.session.get(HAS_NONE) and not is_required:
            return None
        if confirmed(request.user):
            return posted_form.refusal(request, posted_form.code_page) or redirect("second_factor_code")
        if is_required:
            return redirect("second_factor")
        request.session[HAS_NONE] = True
        return None
