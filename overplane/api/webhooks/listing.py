"""Pages of what is ordered by its id alone, which says how old it is: a place in the list outlives what stood there."""

from typing import Any

from django.db.models import QuerySet

from overplane.api.pagination import Page, Slice


def part(page: Page, chosen: QuerySet[Any], cursor_key: Any) -> Slice:
    """The objects of the page, newest first. `cursor_key`: the id that the page's cursor names, None without one."""
    if page.cursor is None:
        rows = chosen.order_by("-pk")[page.offset : page.offset + page.limit + 1]
    elif page.backwards:
        rows = chosen.filter(pk__gt=cursor_key).order_by("pk")[: page.limit + 1]
    else:
        rows = chosen.filter(pk__lt=cursor_key).order_by("-pk")[: page.limit + 1]
    return Slice.cut(list(rows), page)
