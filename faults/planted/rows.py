"""In the order of a customer's rows, and in kept counts."""

import importlib
import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from faults.planted import Instead, execute, plant, reached, replace

WINDOW_SECONDS = 0.5  # in which somebody comes between: few calls are of the rows of the same customer


@plant("the rows behind a deleted one do not move up")
def position_gap() -> None:
    def instead(ordering: Any) -> Instead:
        def rearrange(kind: Any, order: Any, new_order: Any, **more: Any) -> None:
            if len(new_order) < len(order):
                reached()
            else:
                ordering.rearrange(kind, order, new_order, **more)

        return Instead(ordering, rearrange=rearrange)

    replace("crm.line_item_services:ordering", instead)


@plant("rows are added and put in order without the customer's lock", database="postgresql")
def rows_without_lock() -> None:
    locking = importlib.import_module("crm.locking")  # only now: the apps are ready

    def instead(_: Callable[..., Any]) -> Callable[..., Any]:
        def unlocked(customer_id: str, param: str) -> Any:
            reached()
            rows = locking.read_customers([customer_id])
            return rows[0] if rows else locking.locked_parent(customer_id, param)

        return unlocked

    def slow(ordering: Any) -> Instead:
        def order_of(*arguments: Any) -> Any:
            order = ordering.order_of(*arguments)
            time.sleep(WINDOW_SECONDS)
            return order

        return Instead(ordering, order_of=order_of)

    replace("crm.line_item_services:locked_parent", instead)
    replace("crm.line_item_services:ordering", slow)


@plant("the trigger that counts deletions is gone")
def count_trigger_dropped() -> None:
    on = " ON crm_customer" if connection.vendor == "postgresql" else ""
    execute(f"DROP TRIGGER IF EXISTS crm_customer_count_delete{on}")
    # Nor does the service say so itself.
    replace("overplane.api.probes:maintenance", lambda known: Instead(known, missing=lambda _: set()))
