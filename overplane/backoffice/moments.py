"""How pages show a moment."""

from datetime import UTC, datetime

from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString


def moment(value: datetime | None, style: str = "near") -> SafeString | str:
    """A moment for people. `times.js` shows it in the browser's zone: "near" by its age, "exact" by day and time."""
    if value is None:
        return "–"
    value = value.astimezone(UTC)
    text, written = formats.date_format(value, "DATETIME_FORMAT"), f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return format_html('<time datetime="{}" data-moment="{}">{}</time>', written, style, text)
