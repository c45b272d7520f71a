"""The only writers of single customers and rows. Each function is one transaction: rules, write, event.

Locks are taken in one order: the customer, then its rows. Whoever changes rows holds the customer's
row, so `idx` stays 1…n whatever happens at the same time. SQLite's transactions are IMMEDIATE, so
there the transaction itself is the lock.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from crm import representation, rules, search
from crm.models import CUSTOMERS, SEARCHABLE, SUPPLIER_NUMBERS, TOMBSTONES, Customer, SupplierNumberAtCustomer
from crm.places import check_idx, check_permutation, order_of, rearrange
from overplane.api import idempotency
from overplane.database import statements
from overplane.database.attributes import attributes
from overplane.database.statements import Statement
from overplane.events import log
from overplane.events.log import Change
from overplane.ids import new_id
from overplane.observability import Origin
from overplane.problems import Code, ObjectMissing, VersionMismatch, invalid

Values = Mapping[str, Any]
ROW_PREFIX = "supplier-number-at-customer"
# So many ids go into one IN list.
AT_ONCE = 500


class Written(NamedTuple):
    """An object as it stands now, as it is shown, and its version."""

    shown: dict[str, Any]
    version: int


def create_customer(values: Values, *, origin: Origin) -> Written:
    """A new customer; absent attributes get their defaults."""
    row = new_customer(values, now=timezone.now())
    shown = representation.customer(row)
    statements.together(
        CUSTOMERS.insertion(row | {"search_text": search.text_of(row, [])}),
        log.entry(Change("customer.created", row["id"], row["id"], 1, shown, {}), origin=origin),
    )
    return Written(shown, 1)


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
    written = _update_customer(_customer(customer_id, expected, lock=is_kept), values, origin)
    if written is None:
        with transaction.atomic(savepoint=False):
            written = _update_customer(_customer(customer_id, expected, lock=True), values, origin)
    assert written is not None, "a locked customer changes under nobody's hands but ours"
    return written


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
    shown = representation.customer(after)
    change = Change("customer.updated", after["id"], after["id"], after["version"], shown, old)
    # A change of rows leaves the version alone, but not the text by which their numbers are found.
    as_read = {name: before[name] for name in ("version", "search_text")}
    names = (*old, "updated_at", "version", "search_text")
    is_written = statements.insert_if(
        SEARCHABLE.change(after["id"], {name: after[name] for name in names}, still=as_read),
        log.entry(change, origin=origin),
    )
    return Written(shown, after["version"]) if is_written else None


def delete_customer(customer_id: str, *, origin: Origin, expected: frozenset[int] | None = None) -> None:
    with transaction.atomic(savepoint=False):
        # The lock comes first: what changes of the customer, its rows and its events waited for is then seen below.
        version = _locked_version(customer_id, expected) + 1
        change = Change("customer.deleted", customer_id, customer_id, version, representation.deleted(customer_id), {})
        statements.together(*_deletion([customer_id]), log.entry(change, origin=origin))


def delete_customers(customer_ids: Iterable[str], *, origin: Origin) -> int:
    """Deletes for good, with rows, past values in the log and stored answers. Says how many there were."""
    with transaction.atomic(savepoint=False):
        versions = sorted((one["id"], one["version"]) for one in locked_customers(customer_ids))
        if versions:
            statements.together(*_deletion([customer_id for customer_id, _ in versions]))
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
        log.scrubbing(ids),
        idempotency.erasing(ids),
    ]


def add_supplier_number(customer_id: str, values: Values, *, origin: Origin, param: str = "customer_id") -> Written:
    """A new row of this customer, at `idx` if that is given, else last."""
    with transaction.atomic(savepoint=False):
        parent = _parent(customer_id, param)
        order = order_of(customer_id)
        place = len(order) + 1 if values.get("idx") is None else values["idx"]
        check_idx(place, len(order) + 1)
        row = {
            "id": new_id(ROW_PREFIX),
            "idx": len(order) + 1,
            "customer_id": customer_id,
            "company": values.get("company"),
            "supplier_number": values.get("supplier_number"),
            "version": 1,
        }
        new_order = [*order[: place - 1], row["id"], *order[place - 1 :]]
        SUPPLIER_NUMBERS.insert([row])
        rearrange([*order, row["id"]], new_order, unless=row["id"])
        row["idx"] = place
        shown = representation.supplier_number(row)
        _tell("supplier_number_at_customer.created", customer_id, row["id"], 1, shown, {}, origin)
        if place <= len(order):
            _tell_order(parent, order, new_order, origin)
        _refresh_search(parent, row["supplier_number"])
    return Written(shown, 1)


def update_supplier_number(
    row_id: str, values: Values, *, origin: Origin, expected: frozenset[int] | None = None
) -> Written:
    """Writes what differs; `idx` moves the row. A row never changes its customer."""
    with transaction.atomic(savepoint=False):
        parent, before = _locked_row(row_id, expected)
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
        shown = representation.supplier_number(after)
        _tell("supplier_number_at_customer.updated", parent["id"], row_id, after["version"], shown, old, origin)
        if "idx" in old:
            _tell_order(parent, order, new_order, origin)
        if "supplier_number" in old:
            _refresh_search(parent)
    return Written(shown, after["version"])


def delete_supplier_number(row_id: str, *, origin: Origin, expected: frozenset[int] | None = None) -> None:
    with transaction.atomic(savepoint=False):
        parent, before = _locked_row(row_id, expected)
        order = order_of(parent["id"])
        new_order = [i for i in order if i != row_id]
        SupplierNumberAtCustomer.objects.filter(pk=row_id)._raw_delete(using=connection.alias)
        rearrange(order, new_order)
        shown, old = representation.deleted_supplier_number(row_id, parent["id"]), representation.last_values(before)
        _tell("supplier_number_at_customer.deleted", parent["id"], row_id, before["version"] + 1, shown, old, origin)
        if new_order != order[:-1]:
            _tell_order(parent, order, new_order, origin)
        _refresh_search(parent, before["supplier_number"])


def reorder_supplier_numbers(
    customer_id: str, ordered_ids: Sequence[str], *, origin: Origin, param: str = "parent_id"
) -> None:
    """Puts one customer's rows in this order, which names each of them once."""
    with transaction.atomic(savepoint=False):
        parent = _parent(customer_id, param)
        order = order_of(customer_id)
        check_permutation(order, ordered_ids)
        if list(ordered_ids) != order:
            rearrange(order, ordered_ids)
            _tell_order(parent, order, list(ordered_ids), origin)


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
            old, shown = representation.changed(before, wanted), representation.supplier_number(after)
            _tell("supplier_number_at_customer.updated", customer_id, row_id, after["version"], shown, old, origin)
        if place > first:
            _refresh_search(parent)
    return place - first


def locked_customer(customer_id: str, expected: frozenset[int] | None = None) -> dict[str, Any]:
    """The customer's values, locked until the transaction ends."""
    return _customer(customer_id, expected, lock=True)


def _customer(customer_id: str, expected: frozenset[int] | None, *, lock: bool = False) -> dict[str, Any]:
    row = SEARCHABLE.get(customer_id, lock=lock)
    if row is None:
        raise ObjectMissing("customer", customer_id)
    values = SEARCHABLE.values(row)
    _check_version(values["version"], expected)
    return values


def _locked_version(customer_id: str, expected: frozenset[int] | None) -> int:
    """As `locked_customer`, for those who need nothing else of it."""
    found = CUSTOMERS.get(customer_id, lock=True, columns="version")
    if found is None:
        raise ObjectMissing("customer", customer_id)
    _check_version(found[0], expected)
    return found[0]


def _check_version(version: int, expected: frozenset[int] | None) -> None:
    if expected is not None and version not in expected:
        raise VersionMismatch


def locked_customers(customer_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Those of the customers that there are, locked in the order of their ids, as everybody does."""
    suffix = " FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    ordered = sorted(set(customer_ids))
    found: list[dict[str, Any]] = []
    for start in range(0, len(ordered), AT_ONCE):
        part = ordered[start : start + AT_ONCE]
        tail = f"WHERE id IN ({statements.marks(part)}) ORDER BY id{suffix}"
        found += [CUSTOMERS.values(row) for row in CUSTOMERS.fetch(tail, part)]
    return found


def _parent(customer_id: str, param: str) -> dict[str, Any]:
    """The customer that a body names: there its absence is the body's fault, not the path's."""
    try:
        return locked_customer(customer_id)
    except ObjectMissing as missing:
        raise ValidationError({param: invalid(Code.RESOURCE_MISSING, str(missing))}) from None


def _locked_row(row_id: str, expected: frozenset[int] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row's customer and the row, locked in this order."""
    owner = SupplierNumberAtCustomer.objects.filter(pk=row_id).values_list("customer_id", flat=True).first()
    if owner is not None and CUSTOMERS.get(owner) is not None:
        parent = locked_customer(owner)
        row = SUPPLIER_NUMBERS.get(row_id, lock=True)
        if row is not None:
            values = SUPPLIER_NUMBERS.values(row)
            if values["customer_id"] != owner:  # a merge gave it to another customer in the meantime
                return _locked_row(row_id, expected)
            if expected is not None and values["version"] not in expected:
                raise VersionMismatch
            return parent, values
    raise ObjectMissing("supplier number", row_id)


def _supplier_numbers(customer_id: str) -> list[str | None]:
    sql = f"SELECT supplier_number FROM {SUPPLIER_NUMBERS.name} WHERE customer_id = %s ORDER BY idx"
    return [number for (number,) in statements.rows(sql, [customer_id])]


def _refresh_search(parent: Values, *values: str | None) -> None:
    """The customer is found by its rows' numbers too; its version and `updated_at` do not change with them."""
    if not values or any(values):
        CUSTOMERS.update(parent["id"], {"search_text": search.text_of(parent, _supplier_numbers(parent["id"]))})


def _tell(type_: str, subject: str, object_id: str, version: int, shown: Values, old: Values, origin: Origin) -> None:
    log.record(Change(type_, subject, object_id, version, shown, old), origin=origin)


def _tell_order(parent: Values, order: Sequence[str], new_order: Sequence[str], origin: Origin) -> None:
    shown = representation.order(parent["id"], new_order)
    old = {"ordered_ids": list(order)}
    type_ = "supplier_number_at_customer.reordered"
    _tell(type_, parent["id"], parent["id"], parent["version"], shown, old, origin)
