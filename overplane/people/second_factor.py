"""The second factor: codes of an authenticator app (TOTP), asked for once a session.

Whoever has set one up is asked for it; `REQUIRE_SECOND_FACTOR` makes everybody set one up.
"""

from typing import Any, cast

import django_otp
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_otp.plugins.otp_totp.models import TOTPDevice

from overplane.people import recovery, sessions
from overplane.people.forms import SignInCodeForm

Person = AbstractBaseUser | AnonymousUser
# In the session of somebody who has none, so that only the first page asks the database.
HAS_NONE = "second_factor_none"


def is_verified(user: Person) -> bool:
    """Whether this session has shown the second factor. `OTPMiddleware` gives the method to whoever calls."""
    return cast("Any", user).is_verified()


def confirmed(user: Person, *, lock: bool = False) -> TOTPDevice | None:
    """The user's device. With `lock`, one code cannot be used by two requests at once."""
    devices = TOTPDevice.objects.filter(user=user, confirmed=True)
    return (devices.select_for_update() if lock else devices).first()


def is_owed(user: Person) -> bool:
    """Whether a code is to be asked for. Who has only just given the password has shown none."""
    has_shown_it = getattr(user, "otp_device", None) is not None
    return not has_shown_it and confirmed(user) is not None


def pending(user: Person) -> TOTPDevice:
    """The secret that this user is about to scan."""
    return TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "authenticator"})[0]


@transaction.atomic
def confirm(request: HttpRequest, device: TOTPDevice) -> None:
    """From now on this device is asked for; this session has just shown it, and the person's others end."""
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    request.session.pop(HAS_NONE, None)
    record(request.user, "Second factor set up")
    sessions.end(request.user, except_for=request.session.session_key)
    django_otp.login(request, device)


def accept(request: HttpRequest, device: TOTPDevice, form: SignInCodeForm) -> None:
    """This session has shown the second factor. That a recovery code was used is recorded, and said on the next page."""
    if form.used_recovery_code:
        record(request.user, "Recovery code used")
        left = recovery.left(request.user)
        of_those_left = ngettext("%d recovery code is left.", "%d recovery codes are left.", left) % left
        messages.warning(request, " ".join([_("This recovery code is used up."), of_those_left]))
    django_otp.login(request, device)


def record(user: Any, text: str) -> None:
    """A line in the history of this user's entry."""
    LogEntry.objects.log_actions(user.pk, [user], CHANGE, change_message=text, single_object=True)


@transaction.atomic
def reset(user: Person, *, session: str | None = None) -> int:
    """Takes the second factor away, as when a phone is lost; its recovery codes end. Says how many devices there were.

    The person's sessions end, but for `session`, if it is one: that of whoever does it.
    """
    recovery.end(user)
    sessions.end(user, except_for=session)
    return TOTPDevice.objects.filter(user=user).delete()[0]
