from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from django import template
from django.template import Context
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from overplane.backoffice.grid import Grid, number_text, stored_cell
from overplane.backoffice.moments import moment
from overplane.backoffice.row_names import NUMBER, named
from overplane.database.encoding import dumps
from overplane.events.webhooks.wording import translated

register = template.Library()
register.filter(moment)
register.filter(translated)


@register.filter
def exact_moment(value: datetime | None) -> str:
    """By day and time, not by its age."""
    return moment(value, exact=True)


@register.filter
def in_words(value: Any) -> str:
    """An attribute's value for people: a yes or no is said in words, an empty one as a dash."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, (float, Decimal)):
        return number_text(value)
    if isinstance(value, datetime):
        return date_format(value.astimezone(UTC), "DATETIME_FORMAT")
    if isinstance(value, date):
        return date_format(value)
    return "–" if value in (None, "") else str(value)


@register.simple_tag
def label_of(labels: Any, name: str) -> str:
    """An attribute's name as people know it, where that is known."""
    return str(labels.get(name, name)) if isinstance(labels, dict) else name


HUES = 6  # colours of avatars, see frame.css


@register.simple_tag
def grid_of(changelist: Any) -> Grid:
    return Grid(changelist)


@register.simple_tag
def display_value(record: Any, name: str, value: Any) -> Any:
    """A value of an attribute of this record, of now or of another time; an empty one as a dash."""
    return stored_cell(record._meta.get_field(name), value).text or in_words(None)


@register.simple_tag
def display_field(original: Any, field: Any) -> Any:
    """An attribute of a record as it is read; empty, if it is empty. `field` is one of Django's AdminFields."""
    if original is None:
        return ""
    name = field.field["name"] if field.is_readonly else field.field.name
    value = getattr(original, name)
    return (
        moment(value, exact=True)
        if isinstance(value, datetime)
        else stored_cell(original._meta.get_field(name), value).text
    )


@register.filter
def as_json(value: Any) -> str:
    """For an attribute that a script reads."""
    return dumps(value).decode()


@register.simple_tag
def row_control(name: str, number: Any) -> SafeString:
    """The attributes of a button in a row: its name with the row's number, and the name alone where it is pointed at."""
    attributes = named(f"{name}, {NUMBER}", number) | {"title": name}
    return format_html_join(" ", '{}="{}"', attributes.items())


@register.filter
def is_one_of(name: str, names: Any) -> bool:
    return name in names


@register.simple_tag
def icon(name: str) -> SafeString:
    """A picture of `icons.svg` beside words; a button that has only the picture needs a name of its own."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("backoffice/icons.svg"), name
    )


@register.simple_tag
def avatar(name: str) -> SafeString:
    """Two letters of a name in one of a few colours, always the same one for the same name."""
    return format_html('<span class="avatar hue-{}" aria-hidden="true">{}</span>', hue(name), initials(name))


def hue(name: str) -> int:
    return crc32(name.encode()) % HUES


def initials(name: str) -> str:
    words = [word for word in "".join(c if c.isalnum() else " " for c in name).split() if word]
    return (words[0][0] + words[1][0] if len(words) > 1 else words[0][:2] if words else "?").upper()


PRESERVED_FILTERS = "_changelist_filters"  # Django's name of the list's address on the pages below it


@register.simple_tag(takes_context=True)
def list_of(context: Context, opts: Any) -> str:
    """The address of the list that a page lies below, with the filters that the person came with."""
    try:
        url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    except NoReverseMatch:
        return ""
    preserved = _preserved_filters(context)
    return f"{url}?{preserved}" if preserved else url


@register.simple_tag(takes_context=True)
def keeping_list(context: Context, url: str) -> str:
    """An address below the list, which goes on knowing the list's filters."""
    preserved = _preserved_filters(context)
    return f"{url}?{urlencode({PRESERVED_FILTERS: preserved})}" if preserved else url


@register.simple_tag(takes_context=True)
def kept_list(context: Context) -> SafeString | str:
    """The same for a form that is sent by GET."""
    preserved = _preserved_filters(context)
    return format_html('<input type="hidden" name="{}" value="{}">', PRESERVED_FILTERS, preserved) if preserved else ""


def _preserved_filters(context: Context) -> str:
    request = context.get("request")
    return request.GET.get(PRESERVED_FILTERS, "") if request else ""
