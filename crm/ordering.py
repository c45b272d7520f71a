"""The places of a customer's rows: `idx` is 1…n without a gap. Whoever calls holds the customer's row."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection

from crm import rules
from crm.models import SUPPLIER_NUMBERS
from overplane.database import statements
from overplane.problems import MOST_TOLD, Code, invalid

# Where SQLite parks rows while they change places; no customer has so many.
PARKED = 1_000_000_000


def order_of(customer_id: str) -> list[str]:
    sql = f"SELECT id FROM {SUPPLIER_NUMBERS.name} WHERE customer_id = %s ORDER BY idx"
    return [row_id for (row_id,) in statements.rows(sql, [customer_id])]


def check_idx(idx: int, highest: int) -> None:
    if error := rules.idx_error(idx, highest):
        raise ValidationError({"idx": error})


def check_permutation(order: Sequence[str], ordered_ids: Sequence[str]) -> None:
    known, named, seen = set(order), set(ordered_ids), set()
    errors: dict[str, Any] = {}
    for i, row_id in enumerate(ordered_ids):
        if len(errors) == MOST_TOLD:
            break
        if row_id not in known:
            message = f"This customer has no row {row_id[:100]!r}."
            errors[f"ordered_ids[{i}]"] = invalid(Code.RESOURCE_MISSING, message)
        elif row_id in seen:
            message = f"The row {row_id!r} is named twice."
            errors[f"ordered_ids[{i}]"] = invalid(Code.PARAMETER_DUPLICATE, message)
        seen.add(row_id)
    if absent := [row_id for row_id in order if row_id not in named]:
        message = f"{len(absent)} of the customer's {len(order)} rows are not named: {', '.join(absent[:3])}"
        errors["ordered_ids"] = invalid(Code.REORDER_INCOMPLETE, message + (" …" if len(absent) > 3 else "."))
    if errors:
        raise ValidationError(errors)


def rearrange(order: Sequence[str], new_order: Sequence[str], *, unless: str | None = None) -> None:
    """Gives the rows their places in the new order."""
    places = {row_id: i for i, row_id in enumerate(order, 1)}
    if moved := [(i, row_id) for i, row_id in enumerate(new_order, 1) if places[row_id] != i]:
        move(moved, unless=unless)


def move(moved: Sequence[tuple[int, str]], *, unless: str | None = None) -> None:
    """Writes new places (place, row's id); each row that moves is a new version (but `unless`, whose is dealt)."""
    ids = [row_id for _, row_id in moved]
    table = SUPPLIER_NUMBERS.name
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # one statement: the constraint is checked at its end
            cursor.execute(
                f"UPDATE {table} AS r SET idx = p.idx, version = version + (r.id <> %s)::int"
                " FROM unnest(%s::text[], %s::int[]) AS p (id, idx) WHERE r.id = p.id",
                [unless or "", ids, [i for i, _ in moved]],
            )
        else:  # in two steps: the constraint is checked row by row
            bump = "version = version + (id <> %s)"
            cursor.executemany(
                f"UPDATE {table} SET idx = %s, {bump} WHERE id = %s",
                [(i + PARKED, unless or "", row_id) for i, row_id in moved],
            )
            cursor.executemany(f"UPDATE {table} SET idx = %s WHERE id = %s", moved)
