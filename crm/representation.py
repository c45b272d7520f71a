"""How a customer and its rows look from outside: in API answers, events and exports. Values in, plain values out."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm.models import CUSTOMERS, SUPPLIER_NUMBERS, SupplierNumberAtCustomer
from overplane.database.attributes import attributes
from overplane.database.rows import Row

KEPT_BESIDE = {"version", "search_text"}
CUSTOMER_NAMES = tuple(name for name in CUSTOMERS.names if name not in KEPT_BESIDE)
SUPPLIER_NUMBER_NAMES = tuple(name for name in SUPPLIER_NUMBERS.names if name not in KEPT_BESIDE)
# What a supplier number is, beside its place.
ROW_ATTRIBUTES = tuple(name for name in attributes(SupplierNumberAtCustomer) if name != "idx")
Output = dict[str, Any]


def customer(values: Mapping[str, Any]) -> Output:
    """The documented attributes in the documented order."""
    return {name: values[name] for name in CUSTOMER_NAMES}


def customers(rows: Sequence[Row]) -> list[Output]:
    """The same, straight off rows of `CUSTOMERS`: the documented columns come first, what is not shown after them."""
    return [dict(zip(CUSTOMER_NAMES, row, strict=False)) for row in CUSTOMERS.python(rows)]


def supplier_number(values: Mapping[str, Any]) -> Output:
    return {name: values[name] for name in SUPPLIER_NUMBER_NAMES}


def with_rows(output: Output, rows: Sequence[Mapping[str, Any]]) -> Output:
    """A customer as it is shown with its supplier numbers, in order."""
    return output | {"supplier_numbers": [supplier_number(row) for row in rows]}


def last_values(values: Mapping[str, Any]) -> Output:
    """What a deleted row was; the log keeps it for as long as the customer is there."""
    return {name: values[name] for name in ("idx", *ROW_ATTRIBUTES)}


def deleted(object_id: str) -> Output:
    return {"id": object_id, "deleted": True}


def deleted_supplier_number(row_id: str, customer_id: str) -> Output:
    """In the log, whose readers cannot ask any more whose row it was."""
    return {"id": row_id, "customer_id": customer_id, "deleted": True}


def order(customer_id: str, ordered_ids: Sequence[str]) -> Output:
    """The rows of a customer, put in order. `parent_id` is the older name of `customer_id`."""
    return {"parent_id": customer_id, "customer_id": customer_id, "ordered_ids": list(ordered_ids)}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Output:
    """The old values of what differs; `updated_at` goes without saying."""
    return {name: before[name] for name in after if before[name] != after[name] and name != "updated_at"}
