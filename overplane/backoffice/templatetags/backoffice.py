from typing import Any

from django import template
from django.utils.translation import gettext

register = template.Library()


@register.simple_tag
def choices_of(spec: Any, changelist: Any) -> list[dict[str, Any]]:
    """A filter's ready-made choices on this list."""
    return list(spec.choices(changelist))


@register.filter
def in_words(value: Any) -> str:
    """An attribute's value for people: a yes or no is said in words, an empty one as a dash."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return "–" if value in (None, "") else str(value)


@register.simple_tag
def label_of(labels: Any, name: str) -> str:
    """An attribute's name as people know it, where that is known."""
    return str(labels.get(name, name)) if isinstance(labels, dict) else name
