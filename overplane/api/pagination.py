"""Pages of a list: by offset, or by cursor, which a walk can rely on while rows come and go."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from overplane.api.errors import bad_request
from overplane.api.query import Query
from overplane.problems import Code

DEFAULT_LIMIT = 20
MAX_LIMIT = 1000
PARAMETERS = ("limit", "offset", "starting_after", "ending_before")


@dataclass(frozen=True, slots=True)
class Order:
    """A total order: by one field, then by id in the same direction."""

    field: str
    descending: bool

    def by(self, *, backwards: bool = False) -> list[str]:
        sign = "-" if self.descending != backwards else ""
        return [sign + self.field, sign + "id"]

    def beyond(self, value: Any, object_id: str, *, backwards: bool = False) -> Q:
        """What comes after this place. The first condition is one that an index range can start from."""
        side = "lt" if self.descending != backwards else "gt"
        return Q(**{f"{self.field}__{side}e": value}) & (
            Q(**{f"{self.field}__{side}": value}) | Q(**{f"id__{side}": object_id})
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    offset: int
    starting_after: str | None
    ending_before: str | None

    @classmethod
    def asked(cls, query: Query, *, default_limit: int = DEFAULT_LIMIT) -> "Page":
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

    def missing_cursor(self) -> Exception:
        name = "ending_before" if self.backwards else "starting_after"
        return bad_request(Code.RESOURCE_MISSING, f"There is nothing at the cursor {self.cursor!r:.120}.", name)

    def of(self, queryset: QuerySet, order: Order, names: Sequence[str], place: Callable[[str], Any]) -> "Slice":
        """Reads the page. `place` finds the ordering value of the cursor's row, or None."""
        if self.cursor is None:
            return self.of_offset(queryset.order_by(*order.by()), names)
        value = place(self.cursor)
        if value is None:
            raise self.missing_cursor()
        beyond = queryset.filter(order.beyond(value, self.cursor, backwards=self.backwards))
        rows = list(beyond.order_by(*order.by(backwards=self.backwards)).values_list(*names)[: self.limit + 1])
        return Slice.cut(rows, self)

    def of_offset(self, ordered: QuerySet, names: Sequence[str]) -> "Slice":
        if self.offset < FAR:
            return Slice.cut(list(ordered.values_list(*names)[self.offset : self.offset + self.limit + 1]), self)
        # Far out: walk the index alone, and fetch whole rows for the page only.
        ids = list(ordered.values_list("pk", flat=True)[self.offset : self.offset + self.limit + 1])
        return Slice.cut(
            list(ordered.model.objects.filter(pk__in=ids).order_by(*ordered.query.order_by).values_list(*names)), self
        )


# From here on ids are looked up first, rows after.
FAR = 500


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows of a page, and whether there are more in the direction of the walk."""

    rows: list[Any]
    has_more: bool

    @classmethod
    def cut(cls, rows: list[Any], page: Page) -> "Slice":
        """`rows` are one more than the page has, if there are so many."""
        kept = rows[: page.limit]
        if page.backwards:
            kept.reverse()
        return cls(kept, len(rows) > page.limit)


def link_header(request: HttpRequest, query: Query, page: Page, ids: Sequence[str], *, has_more: bool) -> str:
    """`Link` with `next` and `prev`, in the manner (offset or cursor) that the caller uses."""
    rest: list[tuple[str, str]] = [(n, v) for n, v in query.values.items() if n not in PARAMETERS or n == "limit"]
    rest += [(name, value) for name, values in query.lists.items() for value in values]
    links: dict[str, Mapping[str, Any]] = {}
    if page.offset:
        links["prev"] = {"offset": max(0, page.offset - page.limit)}
        if has_more:
            links["next"] = {"offset": page.offset + page.limit}
    elif ids:
        if has_more or page.backwards:
            links["next"] = {"starting_after": ids[-1]}
        if page.starting_after is not None or (page.backwards and has_more):
            links["prev"] = {"ending_before": ids[0]}
    base = request.build_absolute_uri(request.path)
    return ", ".join(f'<{base}?{urlencode([*rest, *to.items()])}>; rel="{rel}"' for rel, to in links.items())
