"""Signing in again in place, for a script: the page stays, and with it all that is typed into it."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from overplane.people import second_factor
from overplane.people.forms import SignInCodeForm


@sensitive_post_parameters("password", "code")
@never_cache
@require_http_methods(["GET", "POST"])
def session(request: HttpRequest) -> HttpResponse:
    """Who is signed in, what is still owed, and the token of forms; after a post of a password or a code, likewise."""
    errors: list[str] = []
    if request.method == "POST":
        errors = _check_code(request) if "code" in request.POST else _check_password(request)
    return JsonResponse(_state(request) | {"message": " ".join(errors)})


def _state(request: HttpRequest) -> dict[str, Any]:
    user = request.user
    is_signed_in = user.is_authenticated and user.is_active and getattr(user, "is_staff", False)
    return {
        "user": user.get_username() if is_signed_in else "",
        "needs_code": is_signed_in and second_factor.is_owed(user),
        "token": get_token(request),
    }


def _check_password(request: HttpRequest) -> list[str]:
    form = AdminAuthenticationForm(request, request.POST)
    if not form.is_valid():
        return _texts(form)
    login(request, form.get_user())
    return []


@transaction.atomic
def _check_code(request: HttpRequest) -> list[str]:
    device = second_factor.confirmed(request.user, lock=True) if request.user.is_authenticated else None
    if device is None:
        return []
    form = SignInCodeForm(request.user, device, request.POST)
    if not form.is_valid():
        return _texts(form)
    second_factor.accept(request, device, form)
    return []


def _texts(form: Any) -> list[str]:
    return [str(error) for errors in form.errors.values() for error in errors]
