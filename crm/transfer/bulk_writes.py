"""Writing many customers with their events, in sets: what `services.py` does for one, in the caller's transaction.

Locks as there: whoever changes customers holds their rows. Their supplier numbers are changed by `line_items`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from crm import representation, search
from crm.line_items import CREATED as ROW_CREATED
from crm.line_items import ID_PREFIX, existing_rows, new_row, prepared
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
MICROSECOND = timedelta(microseconds=1)
CREATED = "customer.created"


def new_customers(
    columns: Mapping[str, Sequence[Any]],
    children: Sequence[Sequence[Mapping[str, Any]]],
    *,
    now: datetime,
    origin: Origin,
) -> list[PreparedRows]:
    """New customers with their rows and events, ready to be written in one transaction, in this order.

    Given as columns (absent ones get their defaults) that are judged already; `children` are in
    order. An `id`, `created_at` or `updated_at` of their own is kept. Does not touch the database.
    """
    count = len(children)
    full = {name: _filled(columns.get(name), known.default, count) for name, known in attributes(Customer).items()}
    # In the file's order, each a moment after the one before.
    moments = [now + i * MICROSECOND for i in range(count)]
    full["id"] = _filled_in(columns.get("id"), new_ids("customer", count))
    full["created_at"] = _filled_in(columns.get("created_at"), moments)
    full["updated_at"] = _filled_in(columns.get("updated_at"), list(map(max, moments, full["created_at"])))
    full["version"] = [1] * count
    searched = zip(*[full[name] for name in search.SEARCHED], strict=True)
    full["search_text"] = [
        search.text_of_values([*values, *[child.get("supplier_number") for child in own]])
        for values, own in zip(searched, children, strict=True)
    ]
    output = zip(*[full[name] for name in representation.CUSTOMER_NAMES], strict=True)
    objects = [dict(zip(representation.CUSTOMER_NAMES, values, strict=True)) for values in output]
    return [
        bulk.prepare(CUSTOMERS, [full[name] for name in CUSTOMERS.written]),
        log.created(CREATED, full["id"], full["id"], objects, origin=origin),
        *_new_rows(full["id"], children, origin),
    ]


def _filled(column: Sequence[Any] | None, default: Any, count: int) -> Sequence[Any]:
    if column is None:
        return [default] * count
    return [default if value == ABSENT else value for value in column] if ABSENT in column else column


def _filled_in(given: Sequence[Any] | None, generated: Sequence[Any]) -> Sequence[Any]:
    if given is None:
        return generated
    return [new if old in (None, ABSENT) else old for old, new in zip(given, generated, strict=True)]


def _new_rows(
    customer_ids: Sequence[str], children: Sequence[Sequence[Mapping[str, Any]]], origin: Origin
) -> list[PreparedRows]:
    ids = iter(new_ids(ID_PREFIX, sum(map(len, children))))
    made = [
        new_row(customer_id, idx, child, row_id=child.get("id") or next(ids))
        for customer_id, own in zip(customer_ids, children, strict=True)
        for idx, child in enumerate(own, 1)
    ]
    objects = [representation.supplier_number(row) for row in made]
    parents, row_ids = [row["customer_id"] for row in made], [row["id"] for row in made]
    return [prepared(made), log.created(ROW_CREATED, parents, row_ids, objects, origin=origin)]


def update_customers(changes: Sequence[tuple[Values, Values]], *, now: datetime, origin: Origin) -> None:
    """Each customer as it is (locked) and what is to differ, which is judged already and does."""
    told: list[Change] = []
    writes: list[tuple[str, Values]] = []
    ids = [before["id"] for before, new in changes if any(name in search.SEARCHED for name in new)]
    rows = existing_rows(ids)
    for before, new in changes:
        after = before | new | {"updated_at": max(now, before["updated_at"]), "version": before["version"] + 1}
        written = {name: after[name] for name in (*new, "updated_at", "version")}
        if any(name in search.SEARCHED for name in new):
            numbers = [row["supplier_number"] for row in rows.get(before["id"], [])]
            written["search_text"] = search.text_of(after, numbers)
        writes.append((before["id"], written))
        old = {name: before[name] for name in new}
        told.append(
            Change(
                "customer.updated", before["id"], before["id"], after["version"], representation.customer(after), old
            )
        )
    bulk.update(CUSTOMERS, writes)
    log.record_many(told, origin=origin)
