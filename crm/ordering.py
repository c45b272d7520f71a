"""The positions of a customer's line items: `idx` is 1…n without a gap. Whoever calls holds the customer's row."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection

from crm import rules
from crm.line_items import LineItem
from overplane.database import statements
from overplane.database.dialect import is_postgresql
from overplane.problems import MOST_REPORTED, Code, invalid

# Where SQLite keeps positions that are changing: no customer has so many line items, and a 32-bit column holds it.
PARKED = 1_000_000_000


def order_of(kind: LineItem, customer_id: str) -> list[str]:
    sql = f"SELECT id FROM {kind.table.name} WHERE customer_id = %s ORDER BY idx"
    return [item_id for (item_id,) in statements.rows(sql, [customer_id])]


def check_position(idx: int, highest: int) -> None:
    if error := rules.position_error(idx, highest):
        raise ValidationError({"idx": error})


def check_permutation(order: Sequence[str], ordered_ids: Sequence[str]) -> None:
    known, named, seen = set(order), set(ordered_ids), set()
    errors: dict[str, Any] = {}
    for i, item_id in enumerate(ordered_ids):
        if len(errors) == MOST_REPORTED:
            break
        if item_id not in known:
            message = f"This customer has no line item {item_id[:100]!r}."
            errors[f"ordered_ids[{i}]"] = invalid(Code.RESOURCE_MISSING, message)
        elif item_id in seen:
            message = f"The line item {item_id!r} is named twice."
            errors[f"ordered_ids[{i}]"] = invalid(Code.PARAMETER_DUPLICATE, message)
        seen.add(item_id)
    if absent := [item_id for item_id in order if item_id not in named]:
        message = f"{len(absent)} of the customer's {len(order)} line items are not named: {', '.join(absent[:3])}"
        errors["ordered_ids"] = invalid(Code.REORDER_INCOMPLETE, message + (" …" if len(absent) > 3 else "."))
    if errors:
        raise ValidationError(errors)


def rearrange(kind: LineItem, order: Sequence[str], new_order: Sequence[str], *, unless: str | None = None) -> None:
    """Gives the line items their positions in the new order."""
    positions = {item_id: i for i, item_id in enumerate(order, 1)}
    if moved := [(i, item_id) for i, item_id in enumerate(new_order, 1) if positions[item_id] != i]:
        move(kind, moved, unless=unless)


def move(kind: LineItem, moved: Sequence[tuple[int, str]], *, unless: str | None = None) -> None:
    """Writes new positions (position, id). Each that moves gets a new version, but `unless`, which has one already."""
    ids = [item_id for _, item_id in moved]
    table = kind.table.name
    with connection.cursor() as cursor:
        if is_postgresql():  # one statement: the constraint is checked at its end
            cursor.execute(
                f"UPDATE {table} AS r SET idx = p.idx, version = version + (r.id <> %s)::int"
                " FROM unnest(%s::text[], %s::int[]) AS p (id, idx) WHERE r.id = p.id",
                [unless or "", ids, [i for i, _ in moved]],
            )
        else:  # in two steps: the constraint is checked row by row
            bump = "version = version + (id <> %s)"
            cursor.executemany(
                f"UPDATE {table} SET idx = %s, {bump} WHERE id = %s",
                [(i + PARKED, unless or "", item_id) for i, item_id in moved],
            )
            cursor.executemany(f"UPDATE {table} SET idx = %s WHERE id = %s", moved)
