from typing import Any

from django import template

register = template.Library()


@register.simple_tag
def choices_of(spec: Any, changelist: Any) -> list[dict[str, Any]]:
    """A filter's ready-made choices on this list."""
    return list(spec.choices(changelist))
