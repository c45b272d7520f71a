"""Pages of a list: by offset, or by cursor, which a walk can rely on while rows come and go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest

from overplane.api.errors import bad_request
from overplane.database.ordering import Order
from overplane.database.snapshot import one_snapshot
from overplane.problems import Code
from overplane.queries.parameters import Query

DEFAULT_LIMIT = 20  # both by the contract
MAX_LIMIT = 1000
FAR = 500  # from this offset on ids are looked up first, rows after
PARAMETERS = ("limit", "offset", "starting_after", "ending_before")
# Longer links (of a filter with hundreds of values) are left out: clients and proxies take headers of 8 to 16 KiB in all.
MAX_LINK = 4096


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    offset: int
    starting_after: str | None
    ending_before: str | None

    @classmethod
    def requested(cls, query: Query, *, default_limit: int = DEFAULT_LIMIT) -> "Page":
        query.exclusive(*[name for name in PARAMETERS if name != "limit"])
        return cls(
            query.integer("limit", default=default_limit, lowest=1, cap=MAX_LIMIT),
            query.integer("offset", default=0, lowest=0),
            query.take("starting_after"),
            query.take("ending_before"),
        )

    @property
    def cursor(self) -> str | None:
        return self.starting_after if self.starting_after is not None else self.ending_before

    @property
    def backwards(self) -> bool:
        return self.ending_before is not None

    @property
    def is_far(self) -> bool:
        return self.cursor is None and self.offset >= FAR

    def missing_cursor(self) -> Exception:
        name = "ending_before" if self.backwards else "starting_after"
        return bad_request(Code.RESOURCE_MISSING, f"There is nothing at the cursor {self.cursor!r:.120}.", name)

    def counted(
        self,
        queryset: QuerySet,
        order: Order,
        names: Sequence[str],
        position_of: Callable[[str], Any],
        *,
        count: Callable[[], int],
    ) -> tuple[int, "Slice"]:
        """The total and the page. Far out both are of one moment, since the total says from which end to walk."""
        if self.is_far:
            with one_snapshot():
                total = count()
                return total, self.of(queryset, order, names, position_of, total=total)
        part = self.of(queryset, order, names, position_of)
        return count(), part

    def of(
        self,
        queryset: QuerySet,
        order: Order,
        names: Sequence[str],
        position_of: Callable[[str], Any],
        *,
        total: int | None = None,
    ) -> "Slice":
        """Reads the page. `position_of` finds the ordering value of the cursor's row, or None.

        `total`: of the same moment, if it is known; then a far page is walked to from the nearer end.
        """
        if self.cursor is None:
            return self.of_offset(queryset.order_by(*order.by()), names, total)
        value = position_of(self.cursor)
        if value is None:
            raise self.missing_cursor()
        beyond = queryset.filter(order.beyond(value, self.cursor, backwards=self.backwards))
        rows = list(beyond.order_by(*order.by(backwards=self.backwards)).values_list(*names)[: self.limit + 1])
        return Slice.cut(rows, self)

    def of_offset(self, ordered: QuerySet, names: Sequence[str], total: int | None) -> "Slice":
        if not self.is_far:
            return Slice.cut(list(ordered.values_list(*names)[self.offset : self.offset + self.limit + 1]), self)
        # Far out: walk the index alone, and fetch whole rows for the page only. Offset 900,000 of a million takes 106 ms
        # from the front, and 13 ms from the end, where only a tenth of them is passed.
        start, stop = self.offset, self.offset + self.limit + 1
        if total is not None and start > total // 2:
            walked, start, stop = ordered.reverse(), max(0, total - stop), max(0, total - start)
        else:
            walked = ordered
        ids = list(walked.values_list("pk", flat=True)[start:stop])
        return Slice.cut(
            list(ordered.model.objects.filter(pk__in=ids).order_by(*ordered.query.order_by).values_list(*names)), self
        )


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of a page, and whether there are more in the direction of the walk."""

    rows: list[Any]
    has_more: bool

    @classmethod
    def cut(cls, rows: list[Any], page: Page) -> "Slice":
        """`rows` are one more than the page has, if there are so many."""
        page_rows = rows[: page.limit]
        if page.backwards:
            page_rows.reverse()
        return cls(page_rows, len(rows) > page.limit)


def link_header(
    request: HttpRequest, query: Query, page: Page, ids: Sequence[str], *, total: int, has_more: bool
) -> str:
    """`Link` with `next` and `prev`, in the manner (offset or cursor) that the caller uses.

    Both ways end; the pages on them and this one hold every row, each once, as long as nothing changes.
    """
    links = {"prev": _before(page, ids, total, has_more=has_more), "next": _after(page, ids, total, has_more=has_more)}
    others = {name: value for name, value in query.values.items() if name not in PARAMETERS or name == "limit"}
    lists = [(f"{name}[]", value) for name, values in query.lists.items() for _, value in values]
    base = request.build_absolute_uri(request.path)
    link = ", ".join(
        f'<{base}?{urlencode([*lists, *(others | position).items()])}>; rel="{rel}"'
        for rel, position in links.items()
        if position is not None
    )
    return link if len(link) <= MAX_LINK else ""


def _before(page: Page, ids: Sequence[str], total: int, *, has_more: bool) -> dict[str, Any] | None:
    if page.offset or (page.starting_after is not None and not ids):
        # Counted back from the end, if the page is beyond it. The first page ends where the second begins.
        start = min(page.offset, total) if page.offset else total
        length = min(start, page.limit or MAX_LIMIT, MAX_LIMIT)
        return {"offset": start - length, "limit": length} if length else None
    if ids and (page.starting_after is not None or (page.backwards and has_more)):
        return {"ending_before": ids[0]}
    return None


def _after(page: Page, ids: Sequence[str], total: int, *, has_more: bool) -> dict[str, Any] | None:
    if page.offset:
        return {"offset": page.offset + page.limit} if has_more else None
    if page.backwards and not ids:
        return {"offset": 0} if total else None
    return {"starting_after": ids[-1]} if ids and (has_more or page.backwards) else None
