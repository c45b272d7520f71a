"""The only writers of single customers and rows. Each function is one transaction: rules, write, event."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from crm import representation, rules, search
from crm.line_items import (
    CREATED,
    DELETED,
    UPDATED,
    change_rows,
    existing_rows,
    new_row,
    numbers,
    plan_full_list,
    reordered,
    rows_after,
    without_ids,
    write,
)
from crm.locking import locked_customer, locked_customers, locked_parent, locked_row, locked_version, read_customer
from crm.models import CUSTOMERS, SEARCHABLE, SUPPLIER_NUMBERS, TOMBSTONES, Customer, SupplierNumberAtCustomer
from crm.ordering import check_idx, check_permutation, order_of, rearrange
from overplane.database import erasure, statements
from overplane.database.attributes import attributes
from overplane.database.statements import Statement
from overplane.events import log
from overplane.events.log import Change
from overplane.ids import new_id
from overplane.origin import Origin

Values = Mapping[str, Any]
Rows = Sequence[Values]


class Written(NamedTuple):
    """An object as it stands now, as it is shown, and its version."""

    output: dict[str, Any]
    version: int


def create_customer(values: Values, *, origin: Origin) -> Written:
    """A new customer; absent attributes get their defaults."""
    row = new_customer(values, now=timezone.now())
    statements.execute_atomically(*_creation(row, [], origin))
    return Written(representation.customer(row), 1)


def create_customer_with_rows(values: Values, rows: Rows, *, origin: Origin) -> Written:
    """A new customer and its supplier numbers, in order."""
    row = new_customer(values, now=timezone.now())
    plan = plan_full_list(row, [], without_ids(rows))
    with transaction.atomic(savepoint=False):
        statements.execute_atomically(*_creation(row, numbers(plan.inserts), origin))
        write([plan], origin=origin)
    return Written(representation.with_rows(representation.customer(row), plan.inserts), 1)


def _creation(
    row: dict[str, Any], supplier_numbers: Sequence[str | None], origin: Origin
) -> tuple[Statement, Statement]:
    change = Change("customer.created", row["id"], row["id"], 1, representation.customer(row), {})
    searched = row | {"search_text": search.text_of(row, supplier_numbers)}
    return CUSTOMERS.insertion(searched), log.entry(change, origin=origin)


def new_customer(values: Values, *, now: datetime) -> dict[str, Any]:
    """The whole row of a customer to be, judged but not written."""
    complete = {name: values.get(name, known.default) for name, known in attributes(Customer).items()}
    rules.check_customer(complete)
    return {"id": new_id("customer"), "created_at": now, "updated_at": now, **complete, "version": 1}


def update_customer(
    customer_id: str, values: Values, *, origin: Origin, expected: frozenset[int] | None = None
) -> Written:
    """Writes what differs, and nothing if nothing does. `expected`: the versions that the caller may overwrite.

    The customer is read without a lock and written if it still is as it was read. If somebody else
    was quicker, which is rare, all of it is done once more under a lock. A change with an idempotency
    key locks at once: its answer is kept, and must not be kept of a customer that is deleted meanwhile.
    """
    is_kept = origin.idempotency_key is not None
    written = _update_customer(read_customer(customer_id, expected, lock=is_kept), values, origin)
    if written is None:
        with transaction.atomic(savepoint=False):
            written = _update_customer(read_customer(customer_id, expected, lock=True), values, origin)
    assert written is not None, "a locked customer changes under nobody's hands but ours"
    return written


def update_customer_with_rows(
    customer_id: str, values: Values, rows: Rows, *, origin: Origin, expected: frozenset[int] | None = None
) -> Written:
    """As `update_customer`; `rows` is the full list of its supplier numbers (see `plan_full_list`), which are shown too."""
    with transaction.atomic(savepoint=False):
        before = locked_customer(customer_id, expected)
        written = _update_customer(before, values, origin)
        assert written is not None
        existing = existing_rows([customer_id]).get(customer_id, [])
        plan = plan_full_list({**before, **written.output, "version": written.version}, existing, rows)
        change_rows([plan], origin=origin)
    return Written(representation.with_rows(written.output, rows_after(plan, existing)), written.version)


def _update_customer(before: dict[str, Any], values: Values, origin: Origin) -> Written | None:
    """None if the customer is not as it was any more; then nothing was written."""
    rules.check_customer({**before, **values})
    old = representation.changed(before, values)
    if not old:
        return Written(representation.customer(before), before["version"])
    after = (
        before | values | {"updated_at": max(timezone.now(), before["updated_at"]), "version": before["version"] + 1}
    )
    if any(name in old for name in search.SEARCHED):
        after["search_text"] = search.text_of(after, _supplier_numbers(before["id"]))
    output = representation.customer(after)
    change = Change("customer.updated", after["id"], after["id"], after["version"], output, old)
    # A change of rows leaves the version alone, but not the text by which their numbers are found.
    as_read = {name: before[name] for name in ("version", "search_text")}
    names = (*old, "updated_at", "version", "search_text")
    is_written = statements.update_then_insert(
        SEARCHABLE.change(after["id"], {name: after[name] for name in names}, still=as_read),
        log.entry(change, origin=origin),
    )
    return Written(output, after["version"]) if is_written else None


def delete_customer(customer_id: str, *, origin: Origin, expected: frozenset[int] | None = None) -> None:
    with transaction.atomic(savepoint=False):
        # The lock comes first: what changes of the customer, its rows and its events waited for is then seen below.
        version = locked_version(customer_id, expected) + 1
        change = Change("customer.deleted", customer_id, customer_id, version, representation.deleted(customer_id), {})
        statements.execute_atomically(*_deletion([customer_id]), log.entry(change, origin=origin))


def delete_customers(customer_ids: Iterable[str], *, origin: Origin) -> int:
    """Deletes for good, with rows, past values in the log and stored answers. Says how many there were."""
    with transaction.atomic(savepoint=False):
        versions = sorted((one["id"], one["version"]) for one in locked_customers(customer_ids))
        if versions:
            statements.execute_atomically(*_deletion([customer_id for customer_id, _ in versions]))
            log.record_many(
                [
                    Change("customer.deleted", i, i, version + 1, representation.deleted(i), {})
                    for i, version in versions
                ],
                origin=origin,
            )
    return len(versions)


def _deletion(ids: Sequence[str]) -> list[Statement]:
    chosen = f"FROM {CUSTOMERS.name} WHERE id IN ({statements.marks(ids)})"
    return [
        Statement(f"INSERT INTO {TOMBSTONES.name} (id, created_at) SELECT id, created_at {chosen}", ids),
        Statement(f"DELETE {chosen}", ids),
        *erasure.erase(ids),
    ]


def add_supplier_number(customer_id: str, values: Values, *, origin: Origin, param: str = "customer_id") -> Written:
    """A new row of this customer, at `idx` if that is given, else last."""
    with transaction.atomic(savepoint=False):
        parent = locked_parent(customer_id, param)
        order = order_of(customer_id)
        place = len(order) + 1 if values.get("idx") is None else values["idx"]
        check_idx(place, len(order) + 1)
        row = new_row(customer_id, len(order) + 1, values)
        new_order = [*order[: place - 1], row["id"], *order[place - 1 :]]
        SUPPLIER_NUMBERS.insert([row])
        rearrange([*order, row["id"]], new_order, unless=row["id"])
        row["idx"] = place
        output = representation.supplier_number(row)
        _tell(CREATED, customer_id, row["id"], 1, output, {}, origin)
        if place <= len(order):
            log.record(reordered(parent, order, new_order), origin=origin)
        _refresh_search(parent, row["supplier_number"])
    return Written(output, 1)


def update_supplier_number(
    row_id: str, values: Values, *, origin: Origin, expected: frozenset[int] | None = None
) -> Written:
    """Writes what differs; `idx` moves the row. A row never changes its customer."""
    with transaction.atomic(savepoint=False):
        parent, before = locked_row(row_id, expected)
        wanted = {name: value for name, value in values.items() if name != "idx" or value is not None}
        after = {**before, **wanted}
        order = order_of(before["customer_id"])
        check_idx(after["idx"], len(order))
        old = representation.changed(before, wanted)
        if not old:
            return Written(representation.supplier_number(before), before["version"])
        after["version"] += 1
        if "idx" in old:
            new_order = [i for i in order if i != row_id]
            new_order.insert(after["idx"] - 1, row_id)
            rearrange(order, new_order, unless=row_id)
        SUPPLIER_NUMBERS.update(row_id, {name: after[name] for name in (*old, "version")})
        output = representation.supplier_number(after)
        _tell(UPDATED, parent["id"], row_id, after["version"], output, old, origin)
        if "idx" in old:
            log.record(reordered(parent, order, new_order), origin=origin)
        if "supplier_number" in old:
            _refresh_search(parent)
    return Written(output, after["version"])


def delete_supplier_number(row_id: str, *, origin: Origin, expected: frozenset[int] | None = None) -> None:
    with transaction.atomic(savepoint=False):
        parent, before = locked_row(row_id, expected)
        order = order_of(parent["id"])
        new_order = [i for i in order if i != row_id]
        SupplierNumberAtCustomer.objects.filter(pk=row_id)._raw_delete(using=connection.alias)
        rearrange(order, new_order)
        output, old = representation.deleted_supplier_number(row_id, parent["id"]), representation.last_values(before)
        _tell(DELETED, parent["id"], row_id, before["version"] + 1, output, old, origin)
        if new_order != order[:-1]:
            log.record(reordered(parent, order, new_order), origin=origin)
        _refresh_search(parent, before["supplier_number"])


def reorder_supplier_numbers(
    customer_id: str, ordered_ids: Sequence[str], *, origin: Origin, param: str = "parent_id"
) -> None:
    """Puts one customer's rows in this order, which names each of them once."""
    with transaction.atomic(savepoint=False):
        parent = locked_parent(customer_id, param)
        order = order_of(customer_id)
        check_permutation(order, ordered_ids)
        if list(ordered_ids) != order:
            rearrange(order, ordered_ids)
            log.record(reordered(parent, order, list(ordered_ids)), origin=origin)


def take_over_supplier_numbers(customer_id: str, from_ids: Sequence[str], *, origin: Origin) -> int:
    """Gives this customer the rows of others, after its own and in their order, as when customers are merged.

    Nobody else moves a row to another customer. Says how many there were.
    """
    with transaction.atomic(savepoint=False):
        for locked in sorted([customer_id, *from_ids]):
            locked_customer(locked)
        parent = locked_customer(customer_id)
        place = first = len(order_of(customer_id))
        for row_id in [row_id for source in from_ids for row_id in order_of(source)]:
            before = SUPPLIER_NUMBERS.values(SUPPLIER_NUMBERS.get(row_id, lock=True))
            place += 1
            wanted = {"idx": place, "customer_id": customer_id}
            after = {**before, **wanted, "version": before["version"] + 1}
            SUPPLIER_NUMBERS.update(row_id, {name: after[name] for name in (*wanted, "version")})
            old, output = representation.changed(before, wanted), representation.supplier_number(after)
            _tell(UPDATED, customer_id, row_id, after["version"], output, old, origin)
        if place > first:
            _refresh_search(parent)
    return place - first


def _supplier_numbers(customer_id: str) -> list[str | None]:
    sql = f"SELECT supplier_number FROM {SUPPLIER_NUMBERS.name} WHERE customer_id = %s ORDER BY idx"
    return [number for (number,) in statements.rows(sql, [customer_id])]


def _refresh_search(parent: Values, *values: str | None) -> None:
    """The customer is found by its rows' numbers too; its version and `updated_at` do not change with them."""
    if not values or any(values):
        CUSTOMERS.update(parent["id"], {"search_text": search.text_of(parent, _supplier_numbers(parent["id"]))})


def _tell(type_: str, subject: str, object_id: str, version: int, output: Values, old: Values, origin: Origin) -> None:
    log.record(Change(type_, subject, object_id, version, output, old), origin=origin)
