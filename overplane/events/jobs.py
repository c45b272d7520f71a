"""Old events go only if a setting says so: readers that are further behind begin anew, and imports can no longer be undone."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from overplane.events import purging
from overplane.jobs import housekeeping


def events() -> Iterator[int]:
    if settings.EVENT_DAYS:
        yield from purging.old_events(timezone.now() - timedelta(days=settings.EVENT_DAYS))


housekeeping.register("events older than EVENT_DAYS", events)
