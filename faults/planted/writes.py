"""In the writing of customers."""

import time
from collections.abc import Callable
from typing import Any

from faults.planted import Instead, plant, put, reached, replace

WINDOW = 0.1  # seconds in which what should be one step is two: as long as a commit on a busy machine


@plant("events are written after the change has committed", "kill_web_worker")
def event_outside_transaction() -> None:
    def instead(statements: Any) -> Instead:
        def update_then(change: Any, *several: Any, **more: Any) -> bool:
            reached()
            is_changed = bool(statements.run(*change))
            time.sleep(WINDOW)
            if is_changed:
                statements.execute_atomically(*several)
            return is_changed

        return Instead(statements, update_then=update_then)

    replace("crm.services:statements", instead)


@plant("a change overwrites what came between its reading and its writing")
def lost_update() -> None:
    def instead(table: Any) -> Instead:
        def change(pk: str, values: Any, *, still: Any) -> Any:
            reached()
            return table.change(pk, values)

        return Instead(table, change=change)

    replace("crm.services:SEARCHABLE", instead)
    # Time for somebody to come between.
    replace("crm.services:read_to_change", _slowly)


def _slowly(read: Callable[..., Any]) -> Callable[..., Any]:
    def slowly(*arguments: Any, **more: Any) -> Any:
        result = read(*arguments, **more)
        time.sleep(WINDOW)
        return result

    return slowly


@plant("If-Match is not compared")
def if_match_ignored() -> None:
    def instead(_: Any) -> Callable[..., None]:
        return lambda version, expected: reached()

    replace("crm.locking:check_version", instead)
    replace("crm.services:check_version", instead)
    replace("crm.api.viewsets:check_version", instead)


@plant("the search text is not refreshed by a change")
def search_text_stale() -> None:
    replace("crm.services:search", lambda search: Instead(search, SEARCHED=()))
    reached()


@plant("a read is answered from three seconds ago")
def stale_read() -> None:
    def instead(existing: Callable[..., Any]) -> Callable[..., Any]:
        kept: dict[str, tuple[float, Any]] = {}

        def cached(table: Any, object_id: str) -> Any:
            moment, row = kept.get(object_id, (0.0, None))
            if time.monotonic() - moment > 3:
                moment, row = kept[object_id] = time.monotonic(), existing(table, object_id)
            else:
                reached()
            return row

        return cached

    replace("crm.api.viewsets:existing", instead)


@plant("a cursor whose customer was deleted has no place")
def cursor_without_tombstone() -> None:
    put("crm.api.listing:POSITION", "SELECT created_at FROM crm_customer WHERE id IN (%s, %s)")


@plant("events of a change all say version 1")
def event_without_version() -> None:
    def instead(change: Callable[..., Any]) -> Callable[..., Any]:
        def made(type_: str, subject: str, object_id: str, version: int, *more: Any) -> Any:
            reached()
            return change(type_, subject, object_id, 1, *more)

        return made

    replace("crm.services:Change", instead)


@plant("a merge loses the rows of those that it takes in")
def merge_loses_rows() -> None:
    put("crm.merging:take_over_line_items", lambda *arguments, **more: 0)


@plant("a deletion says nothing in the log")
def delete_without_event() -> None:
    def instead(log: Any) -> Instead:
        def entry(change: Any, **more: Any) -> Any:
            if change.type == "customer.deleted":
                reached()
                change = type(change)("customer.updated", "nobody", "nobody", 1, {"id": "nobody"}, {})
            return log.entry(change, **more)

        return Instead(log, entry=entry)

    replace("crm.services:log", instead)
