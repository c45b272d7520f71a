"""What time it is for schedules and signatures. One place, so that tests can move it."""

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    return timezone.now()
