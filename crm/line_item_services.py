"""The only writers of single line items, of every kind. Each function is one transaction: rules, write, event."""

from collections.abc import Mapping, Sequence

from django.db import transaction

from crm import ordering, representation, rules
from crm.line_item_plans import new_line_item, reordered, search_text
from crm.line_items import PARENT, POSITION, LineItem
from crm.locking import locked_customer, locked_line_item, locked_parent
from crm.models import CUSTOMERS
from crm.services import Values, WriteResult
from overplane.database import statements
from overplane.events import log
from overplane.events.log import Change
from overplane.origin import Origin


def add_line_item(
    kind: LineItem, customer_id: str, values: Values, *, origin: Origin, param: str = PARENT
) -> WriteResult:
    """A new line item of this customer, at `idx` if that is given, else last. `param`: how the body names the customer."""
    with transaction.atomic(savepoint=False):
        parent = locked_parent(customer_id, param)
        order = ordering.order_of(kind, customer_id)
        position = len(order) + 1 if values.get(POSITION) is None else values[POSITION]
        ordering.check_position(position, len(order) + 1)
        row = new_line_item(kind, customer_id, len(order) + 1, values)
        rules.check_line_item(kind.name, row)
        new_order = [*order[: position - 1], row["id"], *order[position - 1 :]]
        kind.table.insert([row])
        ordering.rearrange(kind, [*order, row["id"]], new_order, unless=row["id"])
        row[POSITION] = position
        output = representation.line_item(kind, row)
        log.record(Change(kind.created, customer_id, row["id"], 1, output, {}), origin=origin)
        if position <= len(order):
            log.record(reordered(kind, parent, order, new_order), origin=origin)
        if any(row[name] for name in kind.searched):
            _refresh_search(parent)
    return WriteResult(output, 1)


def update_line_item(
    kind: LineItem, item_id: str, values: Values, *, origin: Origin, expected: frozenset[int] | None = None
) -> WriteResult:
    """Writes what differs; `idx` moves the line item. It never changes its customer."""
    with transaction.atomic(savepoint=False):
        parent, before = locked_line_item(kind, item_id, expected)
        new = {name: value for name, value in values.items() if name != POSITION or value is not None}
        after = {**before, **new}
        rules.check_line_item(kind.name, after)
        order = ordering.order_of(kind, before[PARENT])
        ordering.check_position(after[POSITION], len(order))
        old = representation.changed(before, new)
        if not old:
            return WriteResult(representation.line_item(kind, before), before["version"])
        after["version"] += 1
        new_order = _moved(order, item_id, after[POSITION])
        ordering.rearrange(kind, order, new_order, unless=item_id)
        kind.table.update(item_id, {name: after[name] for name in (*old, "version")})
        output = representation.line_item(kind, after)
        log.record(Change(kind.updated, parent["id"], item_id, after["version"], output, old), origin=origin)
        if POSITION in old:
            log.record(reordered(kind, parent, order, new_order), origin=origin)
        if any(name in old for name in kind.searched):
            _refresh_search(parent)
    return WriteResult(output, after["version"])


def _moved(order: Sequence[str], item_id: str, position: int) -> list[str]:
    new_order = [i for i in order if i != item_id]
    new_order.insert(position - 1, item_id)
    return new_order


def delete_line_item(kind: LineItem, item_id: str, *, origin: Origin, expected: frozenset[int] | None = None) -> None:
    """Those behind it move up."""
    with transaction.atomic(savepoint=False):
        parent, before = locked_line_item(kind, item_id, expected)
        order = ordering.order_of(kind, parent["id"])
        new_order = [i for i in order if i != item_id]
        statements.run(f"DELETE FROM {kind.table.name} WHERE id = %s", [item_id])
        ordering.rearrange(kind, order, new_order)
        output = representation.deleted_line_item(item_id, parent["id"])
        old = representation.last_values(kind, before)
        log.record(Change(kind.deleted, parent["id"], item_id, before["version"] + 1, output, old), origin=origin)
        if new_order != order[:-1]:
            log.record(reordered(kind, parent, order, new_order), origin=origin)
        if any(before[name] for name in kind.searched):
            _refresh_search(parent)


def reorder_line_items(
    kind: LineItem, customer_id: str, ordered_ids: Sequence[str], *, origin: Origin, param: str = "parent_id"
) -> None:
    """Puts one customer's line items of this kind in this order, which names each of them once."""
    with transaction.atomic(savepoint=False):
        parent = locked_parent(customer_id, param)
        order = ordering.order_of(kind, customer_id)
        ordering.check_permutation(order, ordered_ids)
        if list(ordered_ids) != order:
            ordering.rearrange(kind, order, ordered_ids)
            log.record(reordered(kind, parent, order, list(ordered_ids)), origin=origin)


def take_over_line_items(kind: LineItem, customer_id: str, from_ids: Sequence[str], *, origin: Origin) -> int:
    """Gives this customer the line items of others, after its own and in their order, as when customers are merged.

    Nobody else moves a line item to another customer. Says how many there were.
    """
    with transaction.atomic(savepoint=False):
        for locked in sorted([customer_id, *from_ids]):
            locked_customer(locked)
        parent = locked_customer(customer_id)
        position = first = len(ordering.order_of(kind, customer_id))
        for item_id in [i for source in from_ids for i in ordering.order_of(kind, source)]:
            position += 1
            _take_over(kind, item_id, {POSITION: position, PARENT: customer_id}, origin)
        if position > first and kind.searched:
            _refresh_search(parent)
    return position - first


def give_back_line_items(
    kind: LineItem, customer_id: str, lists: Mapping[str, Sequence[str]], *, origin: Origin
) -> None:
    """Gives line items of this customer to others that have none: to each the full list of its own, in order.

    What stays closes up. The search texts are the caller's to refresh.
    """
    with transaction.atomic(savepoint=False):
        parent = locked_customer(customer_id)
        order = ordering.order_of(kind, customer_id)
        for owner, ids in lists.items():
            for position, item_id in enumerate(ids, 1):
                _take_over(kind, item_id, {POSITION: position, PARENT: owner}, origin)
        moved_ids = {item_id for ids in lists.values() for item_id in ids}
        rest = [item_id for item_id in order if item_id not in moved_ids]
        ordering.rearrange(kind, order, rest)
        if rest != order[: len(rest)]:
            log.record(reordered(kind, parent, order, rest), origin=origin)


def _take_over(kind: LineItem, item_id: str, new: Values, origin: Origin) -> None:
    row = kind.table.get(item_id, lock=True)
    assert row is not None, "its customer is locked"
    before = kind.table.values(row)
    after = {**before, **new, "version": before["version"] + 1}
    kind.table.update(item_id, {name: after[name] for name in (*new, "version")})
    old, output = representation.changed(before, new), representation.line_item(kind, after)
    log.record(Change(kind.updated, new[PARENT], item_id, after["version"], output, old), origin=origin)


def _refresh_search(parent: Values) -> None:
    """The search text holds the line items too. The customer's version and `updated_at` do not change with it."""
    CUSTOMERS.update(parent["id"], {"search_text": search_text(parent)})
