"""How a customer and its line items look from outside: in API answers, events and exports. Values in, plain values out."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm.line_items import BY_NAME, POSITION, LineItem
from crm.models import CUSTOMERS
from overplane.database.rows import Row

INTERNAL = {"version", "search_text"}
CUSTOMER_NAMES = tuple(name for name in CUSTOMERS.names if name not in INTERNAL)
Output = dict[str, Any]
Values = Mapping[str, Any]


def customer(values: Values) -> Output:
    """The documented attributes in the documented order."""
    return {name: values[name] for name in CUSTOMER_NAMES}


def customers(rows: Sequence[Row]) -> list[Output]:
    """The same, straight off rows of `CUSTOMERS`: the documented columns come first, what is not shown after them."""
    return [dict(zip(CUSTOMER_NAMES, row, strict=False)) for row in CUSTOMERS.python(rows)]


def line_item(kind: LineItem, values: Values) -> Output:
    return {name: values[name] for name in kind.output_names}


def with_line_items(output: Output, lists: Mapping[str, Sequence[Values]]) -> Output:
    """A customer as it is shown with lists of its line items, in order, each under the name of its kind."""
    return output | {name: [line_item(BY_NAME[name], one) for one in items] for name, items in lists.items()}


def last_values(kind: LineItem, values: Values) -> Output:
    """The values of a deleted line item; the log keeps them as long as the customer exists."""
    return {name: values[name] for name in (POSITION, *kind.names)}


def deleted(object_id: str) -> Output:
    return {"id": object_id, "deleted": True}


def deleted_line_item(item_id: str, customer_id: str) -> Output:
    """As the log shows it: with the customer, which its readers can no longer look up."""
    return {"id": item_id, "customer_id": customer_id, "deleted": True}


def order(customer_id: str, ordered_ids: Sequence[str]) -> Output:
    """The line items of a customer, put in order. `parent_id` is the older name of `customer_id`."""
    return {"parent_id": customer_id, "customer_id": customer_id, "ordered_ids": list(ordered_ids)}


def changed(before: Values, after: Values) -> Output:
    """The old values of the attributes that differ, without `updated_at`."""
    return {name: before[name] for name in after if before[name] != after[name] and name != "updated_at"}
