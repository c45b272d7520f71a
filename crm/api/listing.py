"""Where the pages of the customer list come from.

The list without conditions, newest first, is read by statements that are written once: a page costs
the same at any size and, by cursor, at any depth. Other orders and filtered lists go through the ORM.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from crm.locking import missing_customer
from crm.models import CUSTOMERS, TOMBSTONES, Customer
from overplane.api.pagination import Page, Slice, link_header
from overplane.api.viewsets import JsonResponse
from overplane.database import counters, statements
from overplane.database.ordering import Order
from overplane.database.rows import Row, SqlTable, sqlite_datetime, to_database
from overplane.problems import ObjectMissing
from overplane.queries.parameters import Query

NEWEST_FIRST = Order("created_at", descending=True)
ORDERS = {
    sign + field: Order(field, descending=bool(sign))
    for field in ("created_at", "updated_at", "customer_name")
    for sign in ("", "-")
}
TABLE = Customer._meta.db_table
# The exact total stands at each row's end.
SELECT = f"SELECT {CUSTOMERS.columns}, {counters.total_sql(TABLE)} FROM {CUSTOMERS.name}"
BY_OFFSET = f"{SELECT} ORDER BY created_at DESC, id DESC LIMIT %s OFFSET %s"
AFTER = f"{SELECT} WHERE (created_at, id) < (%s, %s) ORDER BY created_at DESC, id DESC LIMIT %s"
BEFORE = f"{SELECT} WHERE (created_at, id) > (%s, %s) ORDER BY created_at, id LIMIT %s"
# A deleted customer keeps its position.
POSITION = " UNION ALL ".join(f"SELECT created_at FROM {table.name} WHERE id = %s" for table in (CUSTOMERS, TOMBSTONES))


class ListPage(NamedTuple):
    """What a list answers."""

    data: list[dict[str, Any]]
    has_more: bool
    total: int


def existing(table: SqlTable, object_id: str) -> Row:
    """The object's row. Raises `ObjectMissing`."""
    row = table.get(object_id)
    if row is None and table is CUSTOMERS:
        raise missing_customer(object_id)
    if row is None:
        raise ObjectMissing(str(table.model._meta.verbose_name), object_id)
    return row


def linked(request: HttpRequest, query: Query, page: Page, output: ListPage) -> HttpResponse:
    """The page with the `Link` to its neighbours."""
    response = JsonResponse(output._asdict())
    ids = [one["id"] for one in output.data]
    if links := link_header(request, query, page, ids, total=output.total, has_more=output.has_more):
        response["Link"] = links
    return response


def listed(filtered: QuerySet | None, order: Order, page: Page) -> tuple[int, Slice]:
    """The total and the page. `filtered` is None if there are no conditions."""
    if filtered is None and order == NEWEST_FIRST and not page.is_far:
        rows = _newest(page)
        return int(rows[0][-1]) if rows else counters.total(connection, TABLE), Slice.cut(rows, page)
    chosen = Customer.objects.all() if filtered is None else filtered
    count = partial(counters.total, connection, TABLE) if filtered is None else filtered.count
    return page.counted(chosen, order, CUSTOMERS.names, _position_in(order), count=count)


def _newest(page: Page) -> list[Row]:
    """One row more than the page has, if there are so many."""
    if page.cursor is None:
        return statements.rows(BY_OFFSET, [page.limit + 1, page.offset])
    created_at = _age(page.cursor)
    if created_at is None:
        raise page.missing_cursor()
    return statements.rows(BEFORE if page.backwards else AFTER, to_database([created_at, page.cursor, page.limit + 1]))


def _age(customer_id: str) -> datetime | None:
    row = statements.first(POSITION, [customer_id, customer_id])
    return sqlite_datetime(row[0]) if row else None


def _position_in(order: Order) -> Callable[[str], Any]:
    """Finds the position of a cursor: the value of its row in this order."""
    if order.field == "created_at":
        return _age
    return lambda customer_id: Customer.objects.filter(pk=customer_id).values_list(order.field, flat=True).first()
