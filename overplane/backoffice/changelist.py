"""A list page that costs the same at any size: keyset pages, a kept total, bounded counts."""

from collections.abc import Collection
from contextlib import nullcontext
from typing import TYPE_CHECKING

from django.contrib.admin.filters import ListFilter
from django.contrib.admin.views.main import ALL_VAR, ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.db import connection
from django.db.models import IntegerField, QuerySet
from django.db.models.expressions import Combinable, RawSQL
from django.http import HttpRequest
from django.utils import formats

from overplane.backoffice import filter_texts, sorting
from overplane.backoffice.filter_texts import Chip
from overplane.backoffice.filters import ParsedFilters, Unread
from overplane.backoffice.list_pages import AFTER, BEFORE, VIEW, PagedChangeList
from overplane.backoffice.sorting import MOST_SORTED
from overplane.database import counters
from overplane.database.time_limits import TookTooLong, at_most

if TYPE_CHECKING:  # which import this module
    from overplane.backoffice.lists import BigTableAdmin
    from overplane.backoffice.models import SavedView
    from overplane.backoffice.view_tabs import Tab

COUNTED_UP_TO = MOST_SORTED  # then the page says "10,000+": an exact count would read every match
# A search or a filter with no more matches than this fetches their ids and sorts them. With more, the database walks the
# list in its order and stops when the page is full.
FEW = 1_000
# Seconds that a statement of a searched or filtered list may take. A condition without an index reads 200,000 rows in
# less than one; nobody waits longer without knowing whether anything comes.
PATIENCE = 5.0
# Parameters of a list that are no filters.
PASSED = frozenset({SEARCH_VAR, ORDER_VAR, PAGE_VAR, ALL_VAR, ERROR_FLAG, AFTER, BEFORE, VIEW})


class BigChangeList(PagedChangeList):
    """`model_admin.order_fields` are the columns that an index can sort by; `model_admin.filters` what it can be filtered by."""

    model_admin: "BigTableAdmin"
    parsed_filters: ParsedFilters
    is_too_slow = False  # the database was stopped before it had found the rows

    def get_filters(self, request: HttpRequest) -> tuple[list[ListFilter], bool, dict[str, bool | str], bool, bool]:
        """Our own filters, see `get_queryset`; none of Django's."""
        self.parsed_filters = self.model_admin.filters.read(self.filter_params, PASSED)
        if list(self.filter_params) == [VIEW] and self.model_admin.opened(request) is None:
            self.parsed_filters.unread.append(Unread(VIEW, self.params[VIEW]))
        return [], True, {}, False, bool(self.parsed_filters)

    def get_queryset(self, request: HttpRequest, exclude_parameters: list[str | None] | None = None) -> QuerySet:
        queryset = super().get_queryset(request, exclude_parameters)
        return self.parsed_filters.filter_queryset(queryset)

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
        try:
            with at_most(PATIENCE) if self.is_filtered else nullcontext():
                self._read()
        except TookTooLong:
            self.is_too_slow, self.result_list, self.result_count = True, [], 0
            self.has_next = self.has_previous = False
            self.is_first_page = True
        self.full_result_count = None
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all, self.multi_page, self.paginator = False, True, None

    def _read(self) -> None:
        is_stored = not self.is_filtered and self.model_admin.has_stored_count
        if self.is_filtered:
            chosen = self._matches()
        elif is_stored:
            # In the statement that reads the page; the database looks it up once.
            total = RawSQL(counters.total_sql(self.opts.db_table), [], IntegerField())  # noqa: S611 (a table's own name)
            chosen = self.queryset.annotate(stored_total=total)
        else:
            self._set_count(self.queryset.order_by().values("pk")[: COUNTED_UP_TO + 1].count())
            chosen = self.queryset
        if self.needs_sorting and self._is_small():
            self._read_sorted(chosen)
        else:
            self.is_unsorted = self.needs_sorting
            self._read_page(chosen)
        if is_stored:
            rows = self.result_list
            self.result_count = rows[0].stored_total if rows else counters.total(connection, self.opts.db_table)

    def _matches(self) -> QuerySet:
        """Asked for ids alone the database uses the search index, and reads the table once at most where there is no index;
        asked for the newest first it may walk all rows once more."""
        ids = list(self.queryset.order_by().values_list("pk", flat=True)[: COUNTED_UP_TO + 1])
        self._set_count(len(ids))
        if len(ids) <= FEW or (self.needs_sorting and not self.has_more_than_counted):
            return self.root_queryset.filter(pk__in=ids).order_by(*self.order.by())
        return self.queryset

    def _set_count(self, counted: int) -> None:
        self.has_more_than_counted = counted > COUNTED_UP_TO
        self.result_count = min(counted, COUNTED_UP_TO)

    def _is_small(self) -> bool:
        """Whether what is shown may be sorted."""
        if not self.is_filtered and self.model_admin.has_stored_count:
            return counters.total(connection, self.opts.db_table) <= MOST_SORTED
        return not self.has_more_than_counted

    @property
    def count_text(self) -> str:
        plus = "+" if self.has_more_than_counted else ""
        return formats.number_format(self.result_count, force_grouping=True) + plus

    @property
    def chips(self) -> list[Chip]:
        parsed = self.parsed_filters
        active = [filter_texts.active_chip(one, self._without(one.parameter, one.texts)) for one in parsed.active]
        return [*(filter_texts.unread_chip(one, self._without_unread(one)) for one in parsed.unread), *active]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """What is wrong with each filter that cannot be read, and the address of the list without it."""
        known = self.model_admin.filters.fields
        return [(filter_texts.problem(one, known), self._without_unread(one)) for one in self.parsed_filters.unread]

    def _without(self, parameter: str, texts: Collection[str]) -> str:
        remaining = [text for text in self.filter_params[parameter] if texts and text.strip() not in texts]
        return self.get_query_string({parameter: remaining or None})

    def _without_unread(self, unread: Unread) -> str:
        is_whole = unread.field is None or unread.operator not in unread.field.operators
        return self._without(unread.parameter, () if is_whole else (unread.text,))

    def filter_name(self, column: str) -> str:
        """The filter that the heading of this column opens; empty if there is none."""
        name = str(self.get_ordering_field(column) or column)
        return next((one for one in (column, name) if one in self.model_admin.filters.fields), "")

    @property
    def tabs(self) -> list["Tab"]:
        return self.model_admin.tabs(self.request, self.view_query)

    @property
    def opened_view(self) -> "SavedView | None":
        return self.model_admin.opened(self.request)

    @property
    def choosable(self) -> list[filter_texts.Choosable]:
        return filter_texts.choosable(self.model_admin.filters.fields.values())

    @property
    def other_params(self) -> list[tuple[str, str]]:
        """What the search and filter form does not itself hold but has to pass on."""
        own = {SEARCH_VAR, AFTER, BEFORE, PAGE_VAR}
        return [(name, value) for name, values in self.filter_params.items() if name not in own for value in values]

    @property
    def view_query(self) -> str:
        """This list without its page, to be kept under a name."""
        return self.get_query_string({VIEW: None, ALL_VAR: None, **dict.fromkeys(self._blank())})[1:]

    def _blank(self) -> list[str]:
        return [name for name in (SEARCH_VAR, ORDER_VAR) if not self.params.get(name)]
