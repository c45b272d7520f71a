"""In imports."""

import time
from collections.abc import Callable
from typing import Any

from django.db import transaction

from faults.planted import Instead, plant, reached, replace

WRITING = "crm.transfer.batch_writing"
WINDOW = 0.1  # seconds


@plant("a batch of an import is written without its events")
def import_without_events() -> None:
    def instead(bulk_writes: Any) -> Instead:
        def new_customers(*columns: Any, **more: Any) -> Any:
            reached()
            parts = bulk_writes.new_customers(*columns, **more)
            return [part for i, part in enumerate(parts) if i % 2 == 0]  # after each table's rows come their events

        return Instead(bulk_writes, new_customers=new_customers)

    replace(f"{WRITING}:bulk_writes", instead)


@plant("how far an import has come is written after its batch has committed", "kill_import")
def import_position_late() -> None:
    def instead(runs: Any) -> Instead:
        def chosen(**which: Any) -> Instead:
            query = runs.objects.filter(**which)
            return Instead(query, update=lambda **values: transaction.on_commit(lambda: _late(query, values)))

        return Instead(runs, objects=Instead(runs.objects, filter=chosen))

    replace(f"{WRITING}:ImportRun", instead)
    replace(f"{WRITING}:hold", _unchecked)


def _late(query: Any, values: dict[str, Any]) -> None:
    reached()
    time.sleep(WINDOW)
    query.update(**values)


def _unchecked(_: Callable[..., None]) -> Callable[..., None]:
    return lambda run: None
