"""In the doors beside single calls: upserts, the cells of the list, endpoints, and what is written into the service's log."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.apps import apps

from faults.planted import Instead, plant, reached, replace

WINDOW_SECONDS = 0.5  # between the look for a customer and its creation: few upserts are of the same tax id


@plant("upserts of one tax id take no turns", database="postgresql")
def upsert_without_turn() -> None:
    def instead(matching: Any) -> Instead:
        def claim(_: Any) -> None:
            reached()

        return Instead(matching, claim=claim)

    replace("crm.batches:matching", instead)
    replace("crm.batches:_matching", _slowly)


def _slowly(read: Callable[..., Any]) -> Callable[..., Any]:
    def slowly(*arguments: Any) -> Any:
        result = read(*arguments)
        time.sleep(WINDOW_SECONDS)
        return result

    return slowly


@plant("a form and a cell overwrite what somebody else wrote since they were shown")
def page_overwrites() -> None:
    def instead(_: Any) -> Callable[..., None]:
        return lambda form, name: reached()

    replace("overplane.backoffice.merging:MergingForm._compare", instead)


@plant("an endpoint that is enabled again leaves out what happened meanwhile")
def enabled_at_the_end() -> None:
    def instead(update: Callable[..., Any]) -> Callable[..., Any]:
        def updated(endpoint_id: str, values: dict[str, Any]) -> Any:
            if values.get("status") == "enabled":
                reached()
                values = values | {"position": "now"}
            return update(endpoint_id, values)

        return updated

    replace("overplane.events.webhooks.services:update_endpoint", instead)


@plant("a deletion writes whom it deletes into the log")
def erased_value_in_log() -> None:
    def instead(delete: Callable[..., Any]) -> Callable[..., Any]:
        def deleted(customer_id: str, **more: Any) -> Any:
            row = apps.get_model("crm", "Customer").objects.filter(pk=customer_id).values().first()
            delete(customer_id, **more)
            if row:
                reached()
                logging.getLogger("overplane").warning("deleted %s", row)

        return deleted

    replace("crm.services:delete_customer", instead)
