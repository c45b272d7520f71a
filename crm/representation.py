"""How a customer and its rows look from outside: in API answers, events and exports. Values in, plain values out."""

from collections.abc import Mapping
from typing import Any

from crm.models import CUSTOMERS, SUPPLIER_NUMBERS
from overplane.database.rows import Row

KEPT_BESIDE = {"version", "search_text"}
CUSTOMER_NAMES = tuple(name for name in CUSTOMERS.names if name not in KEPT_BESIDE)
SUPPLIER_NUMBER_NAMES = tuple(name for name in SUPPLIER_NUMBERS.names if name not in KEPT_BESIDE)
Shown = dict[str, Any]


def customer(values: Mapping[str, Any]) -> Shown:
    """The documented attributes in the documented order."""
    return {name: values[name] for name in CUSTOMER_NAMES}


def customer_row(row: Row) -> Shown:
    """The same, straight off a row of `CUSTOMERS`: its documented columns come first."""
    return dict(zip(CUSTOMER_NAMES, CUSTOMERS.python(row), strict=False))


def supplier_number(values: Mapping[str, Any]) -> Shown:
    return {name: values[name] for name in SUPPLIER_NUMBER_NAMES}


def deleted(object_id: str) -> Shown:
    return {"id": object_id, "deleted": True}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Shown:
    """The old values of what differs; `updated_at` goes without saying."""
    return {name: before[name] for name in after if before[name] != after[name] and name != "updated_at"}
