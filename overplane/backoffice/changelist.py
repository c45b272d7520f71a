"""A list page that costs the same at any size: keyset pages, a kept total, bounded counts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from django.contrib.admin.filters import ListFilter
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.db import connection
from django.db.models import IntegerField, QuerySet
from django.db.models.expressions import Combinable, RawSQL
from django.http import HttpRequest
from django.utils import formats

from overplane.backoffice import sorting
from overplane.backoffice.filters import BigListFilter, Chip
from overplane.backoffice.list_pages import AFTER, BEFORE, VIEW, PagedChangeList
from overplane.backoffice.sorting import MOST_SORTED
from overplane.database import counters

if TYPE_CHECKING:  # which imports this module
    from overplane.backoffice.lists import BigTableAdmin

COUNTED_UP_TO = MOST_SORTED  # then the page says "10,000+": an exact count would read every match
# A search with no more matches than this fetches their ids and sorts them. With more, the database walks the list in
# its order and stops when the page is full.
FEW = 1_000


class BigChangeList(PagedChangeList):
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
        self.request = request
        self.sorted_by = sorting.requested(self.params.get(ORDER_VAR, ""), self.model_admin.sortable)
        order = sorting.indexed(self.sorted_by, self.model_admin.order_fields)
        self.needs_sorting = bool(self.sorted_by) and order is None
        self.order = order or self.model_admin.default_order
        return [*self.order.by()]

    def sorting(self, column: str) -> tuple[str, str]:
        """For a column's heading: the address of the list by it, and how the list is ordered by it now."""
        name = self.get_ordering_field(column)
        if not isinstance(name, str) or name not in self.model_admin.sortable:
            return "", ""
        clicked = ".".join(str(by) for by in sorting.clicked(self.sorted_by, name))
        direction = next(
            ("descending" if by.descending else "ascending" for by in self.sorted_by if by.name == name), ""
        )
        return self.get_query_string({ORDER_VAR: clicked}), direction

    is_unsorted = False  # it was asked for in an order that would take too long

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
        if self.needs_sorting and self._is_small():
            self._read_sorted(chosen)
        else:
            self.is_unsorted = self.needs_sorting
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

    def _is_small(self) -> bool:
        """Whether what is shown may be sorted."""
        if self.query and self.has_more_than_counted:
            return self.queryset.order_by().values("pk")[: MOST_SORTED + 1].count() <= MOST_SORTED
        if not self.is_filtered and self.model_admin.has_stored_count:
            return counters.total(connection, self.opts.db_table) <= MOST_SORTED
        return not self.has_more_than_counted

    @property
    def count_text(self) -> str:
        plus = "+" if self.has_more_than_counted else ""
        return formats.number_format(self.result_count, force_grouping=True) + plus

    @property
    def chips(self) -> list[Chip]:
        chips = [chip for spec in self.own_filters for chip in spec.chips(self)]
        if self.query:
            chips.insert(0, Chip(f"“{self.query}”", self.get_query_string({SEARCH_VAR: None})))
        return chips

    @property
    def other_params(self) -> list[tuple[str, str]]:
        """What the search and filter form does not itself hold but has to pass on."""
        own = {SEARCH_VAR, AFTER, BEFORE, PAGE_VAR, VIEW, *(name for spec in self.own_filters for name in spec.names)}
        return [(name, value) for name, value in self.params.items() if name not in own]

    @property
    def view_query(self) -> str:
        """This list without its page, to be kept under a name."""
        return self.get_query_string({VIEW: None})[1:]
