"""The second factor: codes of an authenticator app (TOTP), asked for once a session.

Whoever has set one up is asked for it; `REQUIRE_SECOND_FACTOR` makes everybody set one up.
"""

from collections.abc import Callable
from typing import Any, cast

import django_otp
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django_otp.plugins.otp_totp.models import TOTPDevice

Person = AbstractBaseUser | AnonymousUser
# In the session of somebody who has none, so that only the first page asks the database.
HAS_NONE = "second_factor_none"
OPEN_PAGES = {"login", "logout", "jsi18n", "second_factor", "second_factor_code", "second_factor_qr"}


def is_verified(user: Person) -> bool:
    """Whether this session has shown the second factor. `OTPMiddleware` gives the method to whoever calls."""
    return cast("Any", user).is_verified()


def confirmed(user: Person, *, lock: bool = False) -> TOTPDevice | None:
    """The user's device. With `lock`, one code cannot be used by two requests at once."""
    devices = TOTPDevice.objects.filter(user=user, confirmed=True)
    return (devices.select_for_update() if lock else devices).first()


def pending(user: Person) -> TOTPDevice:
    """The secret that this user is about to scan."""
    return TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "authenticator"})[0]


def confirm(request: HttpRequest, device: TOTPDevice) -> None:
    """From now on this device is asked for; this session has just shown it."""
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    request.session.pop(HAS_NONE, None)
    django_otp.login(request, device)


def reset(user: Person) -> int:
    """Takes the second factor away, as when a phone is lost. Says how many devices there were."""
    return TOTPDevice.objects.filter(user=user).delete()[0]


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
            return redirect("second_factor_code")
        if is_required:
            return redirect("second_factor")
        request.session[HAS_NONE] = True
        return None
