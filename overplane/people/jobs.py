"""What logins leave behind."""

from collections.abc import Iterator
from datetime import timedelta

from axes.models import AccessAttempt, AccessAttemptExpiration, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from overplane.database import purging
from overplane.jobs import housekeeping

LOGINS_KEPT = timedelta(days=90)  # who logged in from where: a quarter back, if somebody has to find that out


def sessions() -> Iterator[int]:
    return purging.delete(Session.objects.filter(expire_date__lt=timezone.now()))


def lockouts() -> Iterator[int]:
    """A wrong password counts for as long as it would lock somebody out."""
    old = AccessAttempt.objects.filter(attempt_time__lt=timezone.now() - settings.AXES_COOLOFF_TIME)
    yield from purging.delete(AccessAttemptExpiration.objects.filter(access_attempt__in=old))
    yield from purging.delete(old)


def logins() -> Iterator[int]:
    limit = timezone.now() - LOGINS_KEPT
    for log in (AccessLog, AccessFailureLog):
        yield from purging.delete(log.objects.filter(attempt_time__lt=limit))


housekeeping.register("sessions that ended", sessions)
housekeeping.register("lock-outs that are over", lockouts)
housekeeping.register("logins of 90 days ago", logins)
