"""How pages show a moment."""

from datetime import UTC, datetime

from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString


def moment(value: datetime | None, style: str = "near") -> SafeString | str:
    """A moment for people. `times.js` shows it in the browser's zone: "near" by its age, "exact" by day and time."""
    if value is None:
        return "–"
    text = formats.date_format(value.astimezone(UTC), "DATETIME_FORMAT")
    return format_html('<time datetime="{}" data-moment="{}">{}</time>', value.isoformat(), style, text)
