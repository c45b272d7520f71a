"""Who may not try a password just now: this name from this address, or any name from it, for a quarter of an hour.

A browser in which the person has logged in before has tries of its own: strangers lock nobody out of it, even where all
have one address. https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import QuerySet, Sum
from django.http import HttpRequest

from overplane import addresses
from overplane.people import known_browsers


class Handler(AxesDatabaseHandler):
    """axes' own writes attempts down, and asks before and after each whether those before were too many."""

    def filter_user_attempts(self, request: HttpRequest, credentials: Any = None) -> list[QuerySet[AccessAttempt]]:
        mark = _mark(request, credentials)
        if not mark:
            return super().filter_user_attempts(request, credentials)
        name = get_client_username(request, credentials)
        return [AccessAttempt.objects.filter(username=name, user_agent__startswith=mark)]

    def get_failures(self, request: HttpRequest, credentials: Any = None) -> int:
        if not _mark(request, credentials) and _has_failed_too_often(request):
            return settings.AXES_FAILURE_LIMIT
        return super().get_failures(request, credentials)

    def user_login_failed(self, sender: Any, credentials: Any, request: Any = None, **more: Any) -> None:
        if request is not None and (mark := _mark(request, credentials)):
            request.axes_user_agent = f"{mark}{request.axes_user_agent}"[:255]  # as long as its column
        super().user_login_failed(sender, credentials, request, **more)

    def user_logged_in(self, sender: Any, request: Any, user: Any, **more: Any) -> None:
        super().user_logged_in(sender, request, user, **more)
        known_browsers.remember(request, user.get_username())


def _mark(request: HttpRequest, credentials: Any) -> str:
    """By which the attempts of a browser are found that this name is known in; empty for any other."""
    browser = known_browsers.of(request, get_client_username(request, credentials) or "")
    return f"known browser {browser}: " if browser else ""


def _has_failed_too_often(request: Any) -> bool:
    """With any names. Not where many people may have one address: then anybody could lock out everybody."""
    if addresses.is_shared(request):
        return False
    recent = AccessAttempt.objects.filter(
        ip_address=request.axes_ip_address, attempt_time__gte=get_cool_off_threshold(request)
    )
    failures = recent.aggregate(sum=Sum("failures_since_start"))["sum"] or 0
    return failures >= settings.LOGIN_FAILURES_OF_ADDRESS
