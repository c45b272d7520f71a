from typing import Any

from django import template

register = template.Library()


@register.simple_tag
def choices_of(spec: Any, changelist: Any) -> list[dict[str, Any]]:
    """A filter's ready-made choices on this list."""
    return list(spec.choices(changelist))


@register.simple_tag
def label_of(labels: Any, name: str) -> str:
    """An attribute's name as people know it, where that is known."""
    return str(labels.get(name, name)) if isinstance(labels, dict) else name
