"""Writing many customers with their events, in sets: what `services.py` does for one, in the caller's transaction.

Locks as there: whoever changes customers holds their rows. Their line items are changed by `line_item_plans`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from crm import representation, search
from crm.line_item_plans import Lists, new_line_item, prepared, searched_in, searched_of
from crm.line_items import BY_NAME, PARENT, LineItem
from crm.models import CUSTOMERS, Customer
from overplane.database import bulk
from overplane.database.attributes import attributes
from overplane.database.bulk import PreparedRows
from overplane.events import log
from overplane.events.log import Change
from overplane.files.tables import ABSENT
from overplane.ids import new_ids
from overplane.origin import Origin

Values = dict[str, Any]
Items = Sequence[Mapping[str, Any]]  # the line items of one kind that a customer has
MICROSECOND = timedelta(microseconds=1)
CREATED = "customer.created"


def new_customers(
    columns: Mapping[str, Sequence[Any]],
    line_items: Mapping[str, Sequence[Items]],
    *,
    count: int,
    now: datetime,
    origin: Origin,
    epoch: int,
) -> list[PreparedRows]:
    """New customers with their line items and events, ready to be written in one transaction, in this order.

    `columns`: the customers' values, judged already; absent columns get the defaults. `line_items`: by the name of each
    kind, the line items of every customer, in order. An `id`, `created_at` or `updated_at` of their own is kept. `epoch`: that of
    the transaction which will write them. Does not touch the database.
    """
    full = {
        name: _filled(columns.get(name), attribute.default, count) for name, attribute in attributes(Customer).items()
    }
    # In the file's order, each a moment after the one before.
    moments = [now + i * MICROSECOND for i in range(count)]
    full["id"] = _filled_in(columns.get("id"), new_ids("customer", count))
    full["created_at"] = _filled_in(columns.get("created_at"), moments)
    full["updated_at"] = _filled_in(columns.get("updated_at"), list(map(max, moments, full["created_at"])))
    full["version"] = [1] * count
    searched = zip(*[full[name] for name in search.SEARCHED], strict=True)
    full["search_text"] = [
        search.text_of_values([*values, *searched_in(lists)] if lists else list(values))
        for values, lists in zip(searched, _by_customer(line_items, count), strict=True)
    ]
    output = zip(*[full[name] for name in representation.CUSTOMER_NAMES], strict=True)
    objects = [dict(zip(representation.CUSTOMER_NAMES, values, strict=True)) for values in output]
    parts = [
        bulk.prepare(CUSTOMERS, [full[name] for name in CUSTOMERS.written]),
        log.created(CREATED, full["id"], full["id"], objects, origin=origin, epoch=epoch),
    ]
    for name, items in line_items.items():
        parts += _new_line_items(BY_NAME[name], full["id"], items, origin=origin, epoch=epoch)
    return parts


def _by_customer(line_items: Mapping[str, Sequence[Items]], count: int) -> Iterator[Lists]:
    """The lists of each customer that are not empty."""
    named = line_items.items()
    return ({name: items[i] for name, items in named if items[i]} for i in range(count))


def _filled(column: Sequence[Any] | None, default: Any, count: int) -> Sequence[Any]:
    if column is None:
        return [default] * count
    return [default if value == ABSENT else value for value in column] if ABSENT in column else column


def _filled_in(column: Sequence[Any] | None, generated: Sequence[Any]) -> Sequence[Any]:
    if column is None:
        return generated
    return [new if old in (None, ABSENT) else old for old, new in zip(column, generated, strict=True)]


def _new_line_items(
    kind: LineItem, customer_ids: Sequence[str], line_items: Sequence[Items], *, origin: Origin, epoch: int
) -> list[PreparedRows]:
    ids = iter(new_ids(kind.id_prefix, sum(map(len, line_items))))
    rows = [
        new_line_item(kind, customer_id, idx, one, item_id=one.get("id") or next(ids))
        for customer_id, items in zip(customer_ids, line_items, strict=True)
        for idx, one in enumerate(items, 1)
    ]
    objects = [representation.line_item(kind, row) for row in rows]
    parents, item_ids = [row[PARENT] for row in rows], [row["id"] for row in rows]
    return [prepared(kind, rows), log.created(kind.created, parents, item_ids, objects, origin=origin, epoch=epoch)]


def update_customers(changes: Sequence[tuple[Values, Values]], *, now: datetime, origin: Origin) -> None:
    """`changes`: each customer as it is (locked), and its new values, which are judged already and differ."""
    events: list[Change] = []
    writes: list[tuple[str, Values]] = []
    searched = searched_of([before["id"] for before, new in changes if _is_searched(new)])
    for before, new in changes:
        customer_id = before["id"]
        after = before | new | {"updated_at": max(now, before["updated_at"]), "version": before["version"] + 1}
        written = {name: after[name] for name in (*new, "updated_at", "version")}
        if _is_searched(new):
            written["search_text"] = search.text_of(after, searched.get(customer_id, []))
        writes.append((customer_id, written))
        old = {name: before[name] for name in new}
        output = representation.customer(after)
        events.append(Change("customer.updated", customer_id, customer_id, after["version"], output, old))
    bulk.update(CUSTOMERS, writes)
    log.record_many(events, origin=origin)


def _is_searched(names: Iterable[str]) -> bool:
    """Whether customers are found by any of these attributes."""
    return any(name in search.SEARCHED for name in names)
