"""Locks, always taken in one order: the customer, then its line items.

Whoever changes line items holds the customer's row, so `idx` stays 1…n whatever happens at the same time.
SQLite's transactions are IMMEDIATE, so there the transaction itself is the lock.
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError

from crm.line_items import PARENT, LineItem
from crm.models import CUSTOMERS, MERGED, SEARCHABLE
from overplane.database import statements
from overplane.database.dialect import row_lock
from overplane.database.statements import Statement
from overplane.problems import Code, ObjectMissing, VersionMismatch, invalid

TURNS = 1_877_203_116  # see `SqlTable.take_turns`; `matching.SPACE` is the number before


def locked_customer(customer_id: str, expected: frozenset[int] | None = None) -> dict[str, Any]:
    """The customer's values, locked until the transaction ends."""
    return read_to_change(customer_id, expected, lock=True)


def read_to_change(customer_id: str, expected: frozenset[int] | None, *, lock: bool) -> dict[str, Any]:
    """The customer's values with the text that search looks in."""
    row = SEARCHABLE.get(customer_id, lock=lock, turns=TURNS)
    if row is None:
        raise missing_customer(customer_id)
    values = SEARCHABLE.values(row)
    check_version(values["version"], expected)
    return values


def locking(customer_id: str) -> Statement:
    """The statement that locks a customer until the transaction ends."""
    return CUSTOMERS.locking(customer_id, columns="version", turns=TURNS)


def locked_version(customer_id: str, expected: frozenset[int] | None) -> int:
    """As `locked_customer`, for those who need nothing else of it."""
    row = statements.first(*locking(customer_id))
    if row is None:
        raise missing_customer(customer_id)
    check_version(row[0], expected)
    return row[0]


def missing_customer(customer_id: str) -> ObjectMissing:
    """Why there is no customer with this id: it was merged into another one, or else it is not there."""
    row = MERGED.get(customer_id, columns="customer_id")
    return ObjectMissing("customer", customer_id, row[0] if row else None)


def check_version(version: int, expected: frozenset[int] | None) -> None:
    """`expected`: the versions that the caller may overwrite; None if any."""
    if expected is not None and version not in expected:
        raise VersionMismatch


def locked_in_turn(customer_ids: Iterable[str]) -> list[dict[str, Any]]:
    """As `locked_customers`, for at most a thousand customers: more turns would fill the server's table of locks."""
    ordered = sorted(set(customer_ids))
    CUSTOMERS.take_turns(TURNS, ordered)
    return locked_customers(ordered)


def locked_customers(customer_ids: Iterable[str]) -> list[dict[str, Any]]:
    """The customers that exist, locked in the order of their ids: everybody locks in this order."""
    return _customers(customer_ids, row_lock())


def read_customers(customer_ids: Iterable[str]) -> list[dict[str, Any]]:
    """The same without a lock, for those who change nothing."""
    return _customers(customer_ids, "")


def _customers(customer_ids: Iterable[str], suffix: str) -> list[dict[str, Any]]:
    customers: list[dict[str, Any]] = []
    for part in statements.in_parts(sorted(set(customer_ids))):
        tail = f"WHERE id IN ({statements.marks(part)}) ORDER BY id{suffix}"
        customers += [CUSTOMERS.values(row) for row in CUSTOMERS.fetch(tail, part)]
    return customers


def locked_parent(customer_id: str, param: str) -> dict[str, Any]:
    """The customer that a body names. If there is none, the body is wrong, not the path."""
    try:
        return locked_customer(customer_id)
    except ObjectMissing as missing:
        raise ValidationError({param: invalid(Code.RESOURCE_MISSING, str(missing))}) from None


def locked_line_item(
    kind: LineItem, item_id: str, expected: frozenset[int] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The line item's customer and the line item, locked in this order."""
    owner = _owner(kind, item_id)
    parent = SEARCHABLE.get(owner, lock=True, turns=TURNS) if owner else None
    row = kind.table.get(item_id, lock=True) if parent else None
    if parent and row and (values := kind.table.values(row))["customer_id"] == owner:
        check_version(values["version"], expected)
        return SEARCHABLE.values(parent), values
    # While we waited a merge may have given it to another customer, and deleted the one that it had.
    if _owner(kind, item_id) not in (owner, None):
        return locked_line_item(kind, item_id, expected)
    raise ObjectMissing(str(kind), item_id)


def _owner(kind: LineItem, item_id: str) -> str | None:
    row = kind.table.get(item_id, columns=PARENT)
    return row[0] if row else None
