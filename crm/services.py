"""The only writers of single customers. Each function is one transaction: rules, write, event.

Line items go along (`lists`) or are written by `line_item_services`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from crm import merged, representation, rules, search
from crm.line_item_plans import (
    NO_LISTS,
    Lists,
    change_line_items,
    existing_lists,
    line_items_after,
    plan_full_lists,
    search_text,
    searched_in,
    without_ids,
    write,
)
from crm.line_items import LINE_ITEMS, PARENT
from crm.locking import (
    check_version,
    locked_customers,
    locked_version,
    locking,
    missing_customer,
    read_to_change,
)
from crm.models import CUSTOMERS, SEARCHABLE, TOMBSTONES, Customer
from overplane.database import bulk, erasure, statements
from overplane.database.attributes import attributes
from overplane.database.statements import Statement
from overplane.events import log
from overplane.events.log import Change
from overplane.ids import new_id
from overplane.origin import Origin

Values = Mapping[str, Any]


class WriteResult(NamedTuple):
    """What a write returns: the object as answers show it, and its version."""

    output: dict[str, Any]
    version: int


def create_customer(
    values: Values, *, origin: Origin, lists: Lists = NO_LISTS, customer_id: str | None = None
) -> WriteResult:
    """A new customer; absent attributes get their defaults. With `lists` of its line items these are shown too.

    `customer_id`: one that was drawn before. IntegrityError if there is a customer with it already.
    """
    row = new_customer(values, now=timezone.now())
    if customer_id is not None:
        row["id"] = customer_id
    if not lists:
        written, creation = _creation(row, [], origin)
        statements.execute_atomically(*creation)
        return written
    plans = plan_full_lists(row, {}, without_ids(lists))
    inserts = {plan.kind.name: plan.inserts for plan in plans}
    with transaction.atomic(savepoint=False):
        written, creation = _creation(row, searched_in(inserts), origin)
        statements.execute_atomically(*creation)
        write(plans, origin=origin)
    return WriteResult(representation.with_line_items(written.output, inserts), 1)


def planned_creation(values: Values, *, origin: Origin) -> tuple[WriteResult, Sequence[Statement]]:
    """As `create_customer` without lists, judged and not yet written: the result, and the statements that make it true."""
    return _creation(new_customer(values, now=timezone.now()), [], origin)


def _creation(
    row: dict[str, Any], searched: Sequence[str | None], origin: Origin
) -> tuple[WriteResult, Sequence[Statement]]:
    output = representation.customer(row)
    change = Change("customer.created", row["id"], row["id"], 1, output, {})
    stored = row | {"search_text": search.text_of(row, searched)}
    return WriteResult(output, 1), [CUSTOMERS.insertion(stored), log.entry(change, origin=origin)]


def new_customer(values: Values, *, now: datetime) -> dict[str, Any]:
    """The whole row of a new customer, judged but not written."""
    complete = {name: values.get(name, attribute.default) for name, attribute in attributes(Customer).items()}
    rules.check_customer(complete)
    return {"id": new_id("customer"), "created_at": now, "updated_at": now, **complete, "version": 1}


def update_customer(
    customer_id: str,
    values: Values,
    *,
    origin: Origin,
    expected: frozenset[int] | None = None,
    lists: Lists = NO_LISTS,
) -> WriteResult:
    """Writes what differs, and nothing if nothing does. `expected`: the versions that the caller may overwrite.

    `lists`: the full lists of its line items (see `plan_full_list`), which are then shown too.
    """
    if lists:
        return _update_with_lists(customer_id, values, lists, origin=origin, expected=expected)
    # The customer is read without a lock, and written only if nobody has changed it since. If somebody has, which is rare,
    # all of it is done once more under a lock. A change with an idempotency key locks at once: its answer is
    # stored, and must not be stored of a customer that is deleted meanwhile.
    is_stored = origin.idempotency_key is not None
    written = _update_customer(read_to_change(customer_id, expected, lock=is_stored), values, origin)
    if written is None:
        with transaction.atomic(savepoint=False):
            written = _update_customer(read_to_change(customer_id, expected, lock=True), values, origin)
    assert written is not None, "a locked customer is changed by nobody but us"
    return written


def _update_with_lists(
    customer_id: str, values: Values, lists: Lists, *, origin: Origin, expected: frozenset[int] | None
) -> WriteResult:
    with transaction.atomic(savepoint=False):
        before = read_to_change(customer_id, expected, lock=True)
        written = _update_customer(before, values, origin)
        assert written is not None
        existing = existing_lists(customer_id, lists)
        plans = plan_full_lists({**before, **written.output, "version": written.version}, existing, lists)
        change_line_items(plans, origin=origin)
    after = {plan.kind.name: line_items_after(plan, existing[plan.kind.name]) for plan in plans}
    return WriteResult(representation.with_line_items(written.output, after), written.version)


def _update_customer(before: dict[str, Any], values: Values, origin: Origin) -> WriteResult | None:
    """None if the customer is not as it was any more; then nothing was written."""
    rules.check_customer({**before, **values})
    old = representation.changed(before, values)
    if not old:
        return WriteResult(representation.customer(before), before["version"])
    updated_at = max(timezone.now(), before["updated_at"])
    after = {**before, **values, "updated_at": updated_at, "version": before["version"] + 1}
    if any(name in old for name in search.SEARCHED):
        # Most customers have no line items to be found by, which their text tells, and then nobody need ask for them. (A
        # subquery that waits for the customer's lock would tell what there was before it waited.)
        has_searched = before["search_text"] != search.text_of(before, [])
        after["search_text"] = search_text(after) if has_searched else search.text_of(after, [])
    output = representation.customer(after)
    change = Change("customer.updated", after["id"], after["id"], after["version"], output, old)
    # A change of line items changes the customer's search text, but not its version.
    as_read = {name: before[name] for name in ("version", "search_text")}
    names = (*old, "updated_at", "version", "search_text")
    is_written = statements.update_then(
        SEARCHABLE.change(after["id"], {name: after[name] for name in names}, still=as_read),
        log.entry(change, origin=origin),
    )
    return WriteResult(output, after["version"]) if is_written else None


def delete_customer(customer_id: str, *, origin: Origin, expected: frozenset[int] | None = None) -> None:
    # Most customers stand alone and nobody writes to them just now: two round trips. What is left takes five.
    if _delete_alone(customer_id, expected, origin):
        return
    with transaction.atomic(savepoint=False):
        # The lock comes first. What others wrote while this one waited (customer, line items, events) is then seen below.
        version = locked_version(customer_id, expected)
        _delete([(customer_id, version)], origin)


def _delete_alone(customer_id: str, expected: frozenset[int] | None, origin: Origin) -> bool:
    """False, and nothing is done, if a merge has left traces, or if somebody changes the customer after it is read.

    The lock comes first here, too: what others wrote while it waited is seen by what erases.
    """
    alone = merged.stands_alone(customer_id)
    query = f"SELECT version, created_at, {alone.sql} FROM {CUSTOMERS.name} WHERE id = %s"
    row = statements.first(query, [*alone.parameters, customer_id])
    if row is None:
        raise missing_customer(customer_id)
    version, created_at, is_alone = row
    check_version(version, expected)
    if not is_alone:
        return False
    sql = f"DELETE FROM {CUSTOMERS.name} WHERE id = %s AND version = %s AND {alone.sql}"
    deletion = Statement(sql, [customer_id, version, *alone.parameters])
    tombstone = TOMBSTONES.insertion({"id": customer_id, "created_at": created_at})
    change = Change("customer.deleted", customer_id, customer_id, version + 1, representation.deleted(customer_id), {})
    after = [tombstone, *erasure.erase([customer_id]), log.entry(change, origin=origin)]
    return statements.update_then(deletion, *after, lock=locking(customer_id))


def delete_customers(customer_ids: Iterable[str], *, origin: Origin) -> int:
    """Deletes for good, with line items, past values in the log and stored answers. Says how many there were."""
    with transaction.atomic(savepoint=False):
        versions = sorted((one["id"], one["version"]) for one in locked_customers(customer_ids))
        if versions:
            _delete(versions, origin)
    return len(versions)


def _delete(versions: Sequence[tuple[str, int]], origin: Origin) -> None:
    """Those that were merged into them go too."""
    ids = [customer_id for customer_id, _ in versions]
    parts, returned = merged.parts_and_returned(ids)
    everything = [*versions, *parts]
    erasures = erasure.erase([customer_id for customer_id, _ in everything])
    deletion = [*_elsewhere(returned), *_taking_out(ids), *erasures]
    events = [Change("customer.deleted", i, i, version + 1, representation.deleted(i), {}) for i, version in everything]
    if len(events) == 1:
        statements.execute_atomically(*deletion, log.entry(events[0], origin=origin))
    else:
        statements.execute_atomically(*deletion)
        log.record_many(events, origin=origin)


def _elsewhere(returned: Sequence[str]) -> list[Statement]:
    """Erases what line items that came back from a merge have left in the events of the customer that had them meanwhile."""
    owned = f"SELECT id FROM {{}} WHERE {PARENT} IN ({statements.marks(returned)})"
    return [log.erase_values_elsewhere(owned.format(kind.table.name), returned) for kind in LINE_ITEMS if returned]


def take_out(customers: Sequence[Values], merged_into: str, *, origin: Origin) -> None:
    """They are no customers any more, but not erased: `merged` keeps them, as parts of the one that they were merged into."""
    events = [
        Change("customer.merged", one["id"], one["id"], one["version"] + 1, merged.output(one["id"], merged_into), {})
        for one in customers
    ]
    with transaction.atomic(savepoint=False):
        statements.execute_atomically(*_taking_out([one["id"] for one in customers]))
        log.record_many(events, origin=origin)


def _taking_out(ids: Sequence[str]) -> list[Statement]:
    chosen = f"FROM {CUSTOMERS.name} WHERE id IN ({statements.marks(ids)})"
    return [
        Statement(f"INSERT INTO {TOMBSTONES.name} (id, created_at) SELECT id, created_at {chosen}", ids),
        Statement(f"DELETE {chosen}", ids),
    ]


def put_back(rows: Sequence[Values], *, origin: Origin) -> None:
    """Customers that were taken out, whole and under their own ids. Their line items are given back after that."""
    ids = [row["id"] for row in rows]
    events = [
        Change("customer.unmerged", row["id"], row["id"], row["version"], representation.customer(row), {})
        for row in rows
    ]
    with transaction.atomic(savepoint=False):
        statements.run(f"DELETE FROM {TOMBSTONES.name} WHERE id IN ({statements.marks(ids)})", ids)
        bulk.insert_rows(CUSTOMERS, [{**row, "search_text": search.text_of(row, [])} for row in rows])
        log.record_many(events, origin=origin)
