"""The pages of a list. One that an index orders goes on from a row, at any size; a small one that was sorted has counted pages."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ALL_VAR, PAGE_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from overplane.backoffice import sorting
from overplane.database.fields import field_of
from overplane.database.ordering import Order

if TYPE_CHECKING:  # which imports this module
    from overplane.backoffice.lists import BigTableAdmin

AFTER, BEFORE, VIEW = "after", "before", "view"


class PagedChangeList(ChangeList):
    """`order` is that of an index; `sorted_by` what the person asked for."""

    model_admin: "BigTableAdmin"
    order: Order
    sorted_by: Sequence[sorting.By]
    is_paged = False

    def get_query_string(self, new_params: dict[str, Any] | None = None, remove: Iterable[str] | None = None) -> str:
        """A changed list begins at its first page, in its view. `all` keeps a view's address from opening the view as saved."""
        params_before, self.filter_params = self.filter_params, {**self.filter_params}
        for name in (AFTER, BEFORE, PAGE_VAR):
            self.filter_params.pop(name, None)
        try:
            query = super().get_query_string(new_params, remove)
        finally:
            self.filter_params = params_before
        is_view_alone = query.startswith(f"?{VIEW}=") and "&" not in query
        return f"?{ALL_VAR}=&{query[1:]}" if is_view_alone else query

    def url_for_result(self, result: Any) -> str:
        """From the list's own address: a page has fifty of them."""
        return f"{quote(result.pk)}/change/"

    def _read_sorted(self, chosen: QuerySet) -> None:
        """Pages of a sorted list are counted: it is small, and a place in it may be an empty value."""
        start = (self.page_num - 1) * self.list_per_page
        ordered = chosen.order_by(*sorting.expressions(self.model, self.sorted_by)).defer(
            *self.model_admin.list_deferred
        )
        rows = list(ordered[start : start + self.list_per_page + 1])
        self.result_list = rows[: self.list_per_page]
        self.has_next, self.has_previous = len(rows) > self.list_per_page, self.page_num > 1
        self.is_first_page, self.is_paged = self.page_num == 1, True

    def _read_page(self, chosen: QuerySet) -> None:
        backwards = BEFORE in self.params
        cursor = self.params.get(BEFORE if backwards else AFTER)
        if cursor is not None:
            value, object_id = self._position(cursor)
            chosen = chosen.filter(self.order.beyond(value, object_id, backwards=backwards))
        ordered = chosen.order_by(*self.order.by(backwards=backwards)).defer(*self.model_admin.list_deferred)
        rows = list(ordered[: self.list_per_page + 1])
        has_more = len(rows) > self.list_per_page
        rows = rows[: self.list_per_page]
        if backwards:
            rows.reverse()
        self.result_list = rows
        self.has_next = has_more or backwards
        self.has_previous = bool(rows) and (has_more if backwards else cursor is not None)
        self.is_first_page = cursor is None

    def _position(self, cursor: str) -> tuple[Any, str]:
        value, separator, object_id = cursor.rpartition("~")
        if not separator or "\0" in cursor:
            raise IncorrectLookupParameters
        try:
            self.model._meta.pk.to_python(object_id)
            return field_of(self.model, self.order.field).to_python(value), object_id
        except ValidationError:
            raise IncorrectLookupParameters from None

    def _page_query(self, number: int) -> str:
        return super().get_query_string({PAGE_VAR: str(number)})

    def _cursor_query(self, name: str, row: Any) -> str:
        value = getattr(row, self.order.field)
        text = value.isoformat() if hasattr(value, "isoformat") else value
        others = {n: v for n, v in self.filter_params.items() if n not in (AFTER, BEFORE)}
        return super().get_query_string({**others, name: f"{text}~{row.pk}"}, [AFTER, BEFORE])

    @property
    def next_query(self) -> str:
        if self.is_paged:
            return self._page_query(self.page_num + 1) if self.has_next else ""
        return self._cursor_query(AFTER, self.result_list[-1]) if self.result_list and self.has_next else ""

    @property
    def previous_query(self) -> str:
        if self.is_paged:
            return self._page_query(self.page_num - 1) if self.has_previous else ""
        return self._cursor_query(BEFORE, self.result_list[0]) if self.has_previous else ""

    @property
    def first_query(self) -> str:
        return self.get_query_string()
