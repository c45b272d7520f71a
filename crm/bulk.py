"""Writing many customers and rows with their events, in sets: what `services.py` does for one, in the caller's transaction.

Locks as there: whoever changes customers or their rows holds the customers' rows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from crm import places, representation, search
from crm.models import CUSTOMERS, SUPPLIER_NUMBERS, Customer
from crm.planning import RowsPlan, existing_rows
from crm.services import ROW_PREFIX
from overplane.database import bulk, statements
from overplane.database.attributes import attributes
from overplane.database.bulk import Ready
from overplane.events import log
from overplane.events.log import Change
from overplane.files.tables import ABSENT
from overplane.ids import new_ids
from overplane.observability import Origin

Values = dict[str, Any]
MICROSECOND = timedelta(microseconds=1)
AT_ONCE = 500
CREATED, ROW_CREATED = "customer.created", "supplier_number_at_customer.created"


def new_customers(
    columns: Mapping[str, Sequence[Any]],
    children: Sequence[Sequence[Mapping[str, Any]]],
    *,
    now: datetime,
    origin: Origin,
) -> list[Ready]:
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
    shown = zip(*[full[name] for name in representation.CUSTOMER_NAMES], strict=True)
    objects = [dict(zip(representation.CUSTOMER_NAMES, values, strict=True)) for values in shown]
    return [
        bulk.ready(CUSTOMERS, [full[name] for name in CUSTOMERS.written]),
        log.created(CREATED, full["id"], full["id"], objects, origin=origin),
        *_new_rows(full["id"], children, origin),
    ]


def _filled(column: Sequence[Any] | None, default: Any, count: int) -> Sequence[Any]:
    if column is None:
        return [default] * count
    return [default if value == ABSENT else value for value in column] if ABSENT in column else column


def _filled_in(given: Sequence[Any] | None, dealt: Sequence[Any]) -> Sequence[Any]:
    if given is None:
        return dealt
    return [new if old in (None, ABSENT) else old for old, new in zip(given, dealt, strict=True)]


def _new_rows(
    customer_ids: Sequence[str], children: Sequence[Sequence[Mapping[str, Any]]], origin: Origin
) -> list[Ready]:
    ids = iter(new_ids(ROW_PREFIX, sum(map(len, children))))
    made = [
        {
            "id": child.get("id") or next(ids),
            "idx": idx,
            "customer_id": customer_id,
            "company": child.get("company"),
            "supplier_number": child.get("supplier_number"),
            "version": 1,
        }
        for customer_id, own in zip(customer_ids, children, strict=True)
        for idx, child in enumerate(own, 1)
    ]
    objects = [representation.supplier_number(row) for row in made]
    parents, row_ids = [row["customer_id"] for row in made], [row["id"] for row in made]
    return [_ready_rows(made), log.created(ROW_CREATED, parents, row_ids, objects, origin=origin)]


def _ready_rows(rows: Sequence[Values]) -> Ready:
    return bulk.ready(SUPPLIER_NUMBERS, [[row[name] for row in rows] for name in SUPPLIER_NUMBERS.written])


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


def change_rows(plans: Sequence[RowsPlan], *, origin: Origin) -> None:
    """Supplier numbers of customers that the caller holds. Deleting first, then moving, so that places are free."""
    plans = [plan for plan in plans if not plan.is_empty]
    if not plans:
        return
    doomed = [row["id"] for plan in plans for row in plan.deletes]
    for start in range(0, len(doomed), AT_ONCE):
        part = doomed[start : start + AT_ONCE]
        statements.run(f"DELETE FROM {SUPPLIER_NUMBERS.name} WHERE id IN ({statements.marks(part)})", part)
    told: list[Change] = []
    inserts: list[Values] = []
    moved: list[tuple[int, str]] = []
    updates: list[tuple[str, Values]] = []
    for plan in plans:
        _work_out(plan, told, inserts, moved, updates)
    if moved:
        places.move(moved)
    bulk.update(SUPPLIER_NUMBERS, updates)
    if inserts:
        _ready_rows(inserts).write()
    _refresh_search([plan for plan in plans if plan.inserts or plan.updates or plan.deletes])
    log.record_many(told, origin=origin)


def _work_out(
    plan: RowsPlan,
    told: list[Change],
    inserts: list[Values],
    moved: list[tuple[int, str]],
    updates: list[tuple[str, Values]],
) -> None:
    customer_id = plan.customer["id"]
    idx_of = {row_id: idx for idx, row_id in enumerate(plan.order, 1)}
    was = {row_id: idx for idx, row_id in enumerate(plan.before, 1)}
    moved += [(idx_of[i], i) for i in plan.order if i in was and was[i] != idx_of[i]]
    for row in plan.deletes:
        shown = representation.deleted_supplier_number(row["id"], customer_id)
        old = representation.last_values(row)
        told.append(
            Change("supplier_number_at_customer.deleted", customer_id, row["id"], row["version"] + 1, shown, old)
        )
    for before, changed in plan.updates:
        # A move has made a new version of the row by now.
        version = before["version"] + 1 + (was[before["id"]] != idx_of[before["id"]])
        after = changed | {"idx": idx_of[before["id"]], "version": version}
        names = [n for n in ("company", "supplier_number") if before[n] != after[n]]
        updates.append((before["id"], {n: after[n] for n in (*names, "version")}))
        old = {n: before[n] for n in names}
        shown = representation.supplier_number(after)
        told.append(Change("supplier_number_at_customer.updated", customer_id, before["id"], version, shown, old))
    for row in plan.inserts:
        row["idx"] = idx_of[row["id"]]
        inserts.append(row)
        told.append(Change(ROW_CREATED, customer_id, row["id"], 1, representation.supplier_number(row), {}))
    if any(idx_of[i] != idx for i, idx in was.items() if i in idx_of):
        shown = representation.order(customer_id, plan.order)
        old = {"ordered_ids": plan.before}
        type_ = "supplier_number_at_customer.reordered"
        told.append(Change(type_, customer_id, customer_id, plan.customer["version"], shown, old))


def _refresh_search(plans: Sequence[RowsPlan]) -> None:
    rows = existing_rows([plan.customer["id"] for plan in plans])
    texts = []
    for plan in plans:
        numbers = [row["supplier_number"] for row in rows.get(plan.customer["id"], [])]
        texts.append((plan.customer["id"], {"search_text": search.text_of(plan.customer, numbers)}))
    bulk.update(CUSTOMERS, texts)
