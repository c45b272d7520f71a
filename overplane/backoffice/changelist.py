"""A list page that costs the same at any size: keyset pages, a kept total, bounded counts."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from django.contrib.admin.filters import ListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import IntegerField, QuerySet
from django.db.models.expressions import Combinable, RawSQL
from django.http import HttpRequest
from django.utils import formats

from overplane.backoffice.filters import BigListFilter, Chip
from overplane.database import counters
from overplane.database.fields import field_of
from overplane.database.ordering import Order

if TYPE_CHECKING:  # which imports this module
    from overplane.backoffice.lists import BigTableAdmin

AFTER, BEFORE, VIEW = "after", "before", "view"
COUNTED_UP_TO = 10_000  # then the page says "10,000+": an exact count would read every match
# A search with no more matches than this fetches their ids and sorts them. With more, the database walks the list in
# its order and stops when the page is full.
FEW = 1_000


class BigChangeList(ChangeList):
    """`model_admin.order_fields` are the columns that an index can sort by."""

    model_admin: "BigTableAdmin"
    own_filters: Sequence[BigListFilter]  # `filter_specs` with its type

    def get_filters(self, request: HttpRequest) -> tuple[list[ListFilter], bool, dict[str, bool | str], bool, bool]:
        """Only parameters of our own filters count; any other is not looked at."""
        parameters = dict(self.filter_params)
        classes = cast("Sequence[type[BigListFilter]]", self.list_filter)
        self.own_filters = [filter_class(request, parameters, self.model, self.model_admin) for filter_class in classes]
        is_used = any(one.used_parameters for one in self.own_filters)
        return list(self.own_filters), bool(self.own_filters), {}, False, is_used

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str | Combinable]:
        self.order = self._requested_order() or self.model_admin.default_order
        return [*self.order.by()]

    def _requested_order(self) -> Order | None:
        requested = self.params.get(ORDER_VAR, "").split(".")[0]
        index = requested.lstrip("-")
        if not (index.isascii() and index.isdigit() and len(index) < 4 and int(index) < len(self.list_display)):
            return None
        name = self.get_ordering_field(self.list_display[int(index)])
        if not isinstance(name, str) or name not in self.model_admin.order_fields:
            return None
        return Order(name, descending=requested.startswith("-"))

    def get_query_string(self, new_params: dict[str, Any] | None = None, remove: Iterable[str] | None = None) -> str:
        """A changed list begins at its first page."""
        params_before, self.filter_params = self.filter_params, {**self.filter_params}
        for name in (AFTER, BEFORE):
            self.filter_params.pop(name, None)
        if new_params:
            self.filter_params.pop(VIEW, None)
        try:
            return super().get_query_string(new_params, remove)
        finally:
            self.filter_params = params_before

    def get_results(self, request: HttpRequest) -> None:
        self.is_filtered = bool(self.query or self.has_active_filters)
        self.has_more_than_counted = False
        if self.query:
            chosen = self._few_matches()
        elif self.has_active_filters or not self.model_admin.has_stored_count:
            counted = self.queryset.order_by().values("pk")[: COUNTED_UP_TO + 1].count()
            self._set_count(counted, COUNTED_UP_TO)
            chosen = self.queryset
        else:
            # In the statement that reads the page; the database looks it up once.
            total = RawSQL(counters.total_sql(self.opts.db_table), [], IntegerField())  # noqa: S611 (a table's own name)
            chosen = self.queryset.annotate(stored_total=total)
        self._read_page(chosen)
        if not self.is_filtered and self.model_admin.has_stored_count:
            rows = self.result_list
            self.result_count = rows[0].stored_total if rows else counters.total(connection, self.opts.db_table)
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all, self.multi_page, self.paginator = False, True, None

    def _few_matches(self) -> QuerySet:
        """Asked for ids alone the database uses the search index; asked for the newest first it may walk all rows."""
        ids = list(self.queryset.order_by().values_list("pk", flat=True)[: FEW + 1])
        self._set_count(len(ids), FEW)
        if self.has_more_than_counted:
            return self.queryset
        return self.root_queryset.filter(pk__in=ids).order_by(*self.order.by())

    def _set_count(self, counted: int, limit: int) -> None:
        self.has_more_than_counted = counted > limit
        self.result_count = min(counted, limit)

    @property
    def count_text(self) -> str:
        plus = "+" if self.has_more_than_counted else ""
        return formats.number_format(self.result_count, force_grouping=True) + plus

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
            return field_of(self.model, self.order.field).to_python(value), object_id
        except ValidationError:
            raise IncorrectLookupParameters from None

    def _cursor_query(self, name: str, row: Any) -> str:
        value = getattr(row, self.order.field)
        text = value.isoformat() if hasattr(value, "isoformat") else value
        others = {n: v for n, v in self.filter_params.items() if n not in (AFTER, BEFORE)}
        return super().get_query_string({**others, name: f"{text}~{row.pk}"}, [AFTER, BEFORE])

    @property
    def next_query(self) -> str:
        return self._cursor_query(AFTER, self.result_list[-1]) if self.result_list and self.has_next else ""

    @property
    def previous_query(self) -> str:
        return self._cursor_query(BEFORE, self.result_list[0]) if self.has_previous else ""

    @property
    def first_query(self) -> str:
        return self.get_query_string()

    @property
    def chips(self) -> list[Chip]:
        chips = [chip for spec in self.own_filters for chip in spec.chips(self)]
        if self.query:
            chips.insert(0, Chip(f"“{self.query}”", self.get_query_string({SEARCH_VAR: None})))
        return chips

    @property
    def other_params(self) -> list[tuple[str, str]]:
        """What the search and filter form does not itself hold but has to pass on."""
        own = {SEARCH_VAR, AFTER, BEFORE, VIEW, *(name for spec in self.own_filters for name in spec.names)}
        return [(name, value) for name, value in self.params.items() if name not in own]

    @property
    def view_query(self) -> str:
        """This list without its page, to be kept under a name."""
        return self.get_query_string({VIEW: None})[1:]
