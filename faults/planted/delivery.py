"""In the delivery of webhooks."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection

from faults.planted import Instead, plant, reached, replace

LATE_SECONDS = 0.4
INTAKE = "overplane.events.webhooks.intake"


@plant("an endpoint's position moves on before its deliveries are stored", "kill_worker")
def position_before_delivery() -> None:
    def instead(delivery: Any) -> Callable[..., Any]:
        class Late(Instead):
            def __call__(self, **values: Any) -> Any:
                return delivery(**values)

        def bulk_create(rows: list[Any], **more: Any) -> None:
            reached()
            threading.Timer(LATE_SECONDS, _store, [delivery, rows]).start()

        return Late(delivery, objects=Instead(delivery.objects, bulk_create=bulk_create))

    replace(f"{INTAKE}:Delivery", instead)


def _store(delivery: Any, rows: list[Any]) -> None:
    try:
        delivery.objects.bulk_create(rows)
    finally:
        connection.close()


@plant("an event does not wait for the one of its customer that failed")
def delivery_out_of_order() -> None:
    def instead(deliveries: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def all_due(chosen: Any) -> list[Any]:
            rows = deliveries(chosen)
            for row in rows:
                if row.next_attempt_at is None:
                    reached()
                    row.next_attempt_at = row.created_at
            return rows

        return all_due

    replace(f"{INTAKE}:_deliveries", instead)
