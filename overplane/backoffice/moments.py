"""How pages show a moment."""

from datetime import UTC, datetime

from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

EXACT = mark_safe(' data-moment="exact"')


def moment(value: datetime | None, *, exact: bool = False) -> SafeString | str:
    """A moment for people. `times.js` shows it in the browser's zone: by its age, or `exact` by day and time."""
    if value is None:
        return "–"
    value = value.astimezone(UTC)
    text, written = formats.date_format(value, "DATETIME_FORMAT"), f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return format_html('<time datetime="{}"{}>{}</time>', written, EXACT if exact else "", text)
