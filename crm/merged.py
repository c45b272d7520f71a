"""The customers that were merged into others: where they are now, and all that is needed to give them back.

Whoever writes here holds the rows of the customers that they are part of.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.utils import timezone

from crm.line_item_plans import existing_line_items
from crm.line_items import LINE_ITEMS
from crm.models import CUSTOMERS, MERGED, Customer, MergedCustomer
from overplane.database import statements
from overplane.database.attributes import attributes
from overplane.database.encoding import dumps
from overplane.database.statements import Statement
from overplane.events import log
from overplane.origin import Origin

STEP = 500  # of them erased by one statement: each has some kilobytes
LONGEST = 36_500  # days: what a calendar can count back from now
Values = dict[str, Any]


@dataclass(slots=True)
class Merged:
    """One merged customer. `values`: its row. `line_items`: its rows of each kind, in order, as they were.

    `before` and `after`: the survivor's attributes at both sides of its merge. Several that are merged at once count as
    merged one after the other; each has brought the values that are its own, the last one also what was nobody's.
    All of these are empty once it can no longer be given back.
    """

    id: str
    customer_id: str
    survivor_id: str
    place: int
    merged_at: datetime
    actor: str
    version: int
    values: Values
    line_items: dict[str, list[Values]]
    before: Values
    after: Values
    is_changed: bool = False  # since it was read

    @property
    def can_be_restored(self) -> bool:
        return bool(self.values) and self.merged_at > restorable_since()

    def contents(self) -> str | None:
        if not self.values:
            return None
        packed = {
            "values": CUSTOMERS.packed(self.values),
            "before": CUSTOMERS.packed(self.before),
            "after": CUSTOMERS.packed(self.after),
            "line_items": {
                kind.name: [kind.table.packed(row) for row in self.line_items.get(kind.name, ())] for kind in LINE_ITEMS
            },
        }
        return dumps(packed).decode()


def restorable_since() -> datetime:
    """What was merged earlier can no longer be given back."""
    return timezone.now() - timedelta(days=min(settings.MERGE_UNDO_DAYS, LONGEST))


def survivors_of(ids: Iterable[str]) -> dict[str, str]:
    """Of these ids those of merged customers, each with the customer that it is part of now."""
    survivors: dict[str, str] = {}
    for part in statements.in_parts(sorted(ids)):
        sql = f"SELECT id, customer_id FROM {MERGED.name} WHERE id IN ({statements.marks(part)})"
        survivors |= statements.rows(sql, part)
    return survivors


def parts_and_returned(customer_ids: Sequence[str]) -> tuple[list[tuple[str, int]], list[str]]:
    """Those that are part of these customers, each with its version; and those among them that came back from a merge.

    One statement: every deletion asks it.
    """
    parts: list[tuple[str, int]] = []
    returned: list[str] = []
    for some in statements.in_parts(customer_ids):
        back = log.subjects_with_event("customer.unmerged", some)
        sql = (
            f"SELECT id, version FROM {MERGED.name} WHERE customer_id IN ({statements.marks(some)})"
            f" UNION ALL SELECT subject, 0 FROM ({back.sql}) AS returned"
        )
        for customer_id, version in statements.rows(sql, [*some, *back.parameters]):
            if version:
                parts.append((customer_id, version))
            else:
                returned.append(customer_id)
    return sorted(parts), sorted(set(returned))


def stands_alone(customer_id: str) -> Statement:
    """The condition that nothing was merged into this customer, and that it did not come back from a merge."""
    back = log.subjects_with_event("customer.unmerged", [customer_id])
    sql = f"NOT EXISTS (SELECT 1 FROM {MERGED.name} WHERE customer_id = %s) AND NOT EXISTS ({back.sql})"
    return Statement(sql, [customer_id, *back.parameters])


def part_of(customer_id: str) -> list[Merged]:
    """All that are part of this customer, in the order of their merges."""
    rows = MERGED.fetch("WHERE customer_id = %s ORDER BY merged_at, place, id", [customer_id])
    return [_read(MERGED.values(row)) for row in rows]


def _read(row: Values) -> Merged:
    packed = orjson.loads(row.pop("contents") or "{}")
    values, before, after = (CUSTOMERS.unpacked(packed.get(name, {})) for name in ("values", "before", "after"))
    stored = packed.get("line_items", {})
    lists = {kind.name: [kind.table.unpacked(one) for one in stored.get(kind.name, ())] for kind in LINE_ITEMS}
    return Merged(**row, values=values, line_items=lists, before=before, after=after)


def keep(survivor: Mapping[str, Any], after: Mapping[str, Any], others: Sequence[Values], *, origin: Origin) -> None:
    """Keeps others as they are, with their line items, before the survivor takes these over.

    `survivor` as it was and `after`: as the merge leaves it. What is part of the others is part of the survivor now.
    """
    survivor_id, ids = survivor["id"], [one["id"] for one in others]
    row = statements.first(f"SELECT max(place) FROM {MERGED.name} WHERE survivor_id = %s", [survivor_id])
    start = (row[0] if row else None) or 0
    items = {kind.name: existing_line_items(kind, ids) for kind in LINE_ITEMS}
    names = attributes(Customer)
    last = {name: after[name] for name in names}
    before = {name: survivor[name] for name in names}
    now, rows = timezone.now(), []
    for i, one in enumerate(others, 1):
        brought = last if one is others[-1] else {n: last[n] if one[n] == last[n] else before[n] for n in names}
        lists = {name: by_customer.get(one["id"], []) for name, by_customer in items.items()}
        version = one["version"] + 1
        rows.append(
            Merged(
                one["id"], survivor_id, survivor_id, start + i, now, origin.actor, version, one, lists, before, brought
            )
        )
        before = brought
    statements.run(
        f"UPDATE {MERGED.name} SET customer_id = %s WHERE customer_id IN ({statements.marks(ids)})", [survivor_id, *ids]
    )
    MERGED.insert([_row(one) for one in rows])


def output(customer_id: str, merged_into: str) -> Values:
    return {"id": customer_id, "merged_into": merged_into}


def _row(one: Merged) -> Values:
    return {name: getattr(one, name) for name in MERGED.names if name != "contents"} | {"contents": one.contents()}


def rewrite(records: Iterable[Merged]) -> None:
    """What giving others back has changed of these."""
    for one in [one for one in records if one.is_changed]:
        MERGED.update(one.id, {"customer_id": one.customer_id, "contents": one.contents()})


def forget(ids: Sequence[str]) -> None:
    statements.run(f"DELETE FROM {MERGED.name} WHERE id IN ({statements.marks(ids)})", ids)


def purge() -> int:
    return sum(erase_old())


def erase_old() -> Iterator[int]:
    """Erases the values of those that can no longer be given back; how many, after each step.

    Their ids still lead to the customers that they are part of.
    """
    old = MergedCustomer.objects.filter(contents__isnull=False, merged_at__lte=restorable_since()).order_by()
    while ids := list(old.values_list("pk", flat=True)[:STEP]):
        yield MergedCustomer.objects.filter(pk__in=ids).update(contents=None)
