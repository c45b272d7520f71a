"""A customer's supplier numbers as a set: what they are, what is to become of them, and writing that with its events.

Whoever writes holds the customers' rows (see `locking`). Single rows are changed by `services`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from crm import ordering, representation, search
from crm.models import CUSTOMERS, SUPPLIER_NUMBERS, SupplierNumberAtCustomer
from crm.representation import ROW_ATTRIBUTES
from overplane.database import bulk, statements
from overplane.database.attributes import attributes
from overplane.database.bulk import PreparedRows
from overplane.events import log
from overplane.events.log import Change
from overplane.ids import new_id
from overplane.origin import Origin
from overplane.problems import Code, invalid

ID_PREFIX = "supplier-number-at-customer"
CREATED, UPDATED, DELETED, REORDERED = (
    f"supplier_number_at_customer.{change}" for change in ("created", "updated", "deleted", "reordered")
)
Values = dict[str, Any]


def new_row(customer_id: str, idx: int, values: Mapping[str, Any], *, row_id: str | None = None) -> Values:
    """The whole row of a supplier number to be; absent attributes get their defaults."""
    known = attributes(SupplierNumberAtCustomer)
    given = {name: values.get(name, known[name].default) for name in ROW_ATTRIBUTES}
    return {"id": row_id or new_id(ID_PREFIX), "idx": idx, "customer_id": customer_id, **given, "version": 1}


def absent_attributes(values: Mapping[str, Any]) -> list[str]:
    """What a new row would need."""
    known = attributes(SupplierNumberAtCustomer)
    return [name for name in ROW_ATTRIBUTES if known[name].required and name not in values]


def numbers(rows: Iterable[Values]) -> list[str | None]:
    """What a customer is found by of its rows."""
    return [row["supplier_number"] for row in rows]


def prepared(rows: Sequence[Values]) -> PreparedRows:
    """New rows, ready to be written."""
    return bulk.prepare(SUPPLIER_NUMBERS, [[row[name] for row in rows] for name in SUPPLIER_NUMBERS.written])


def existing_rows(customer_ids: Sequence[str]) -> dict[str, list[Values]]:
    """The supplier numbers of these customers, in their order."""
    found: dict[str, list[Values]] = {}
    for part in statements.in_parts(customer_ids):
        tail = f"WHERE customer_id IN ({statements.marks(part)}) ORDER BY customer_id, idx"
        for row in SUPPLIER_NUMBERS.fetch(tail, part):
            values = SUPPLIER_NUMBERS.values(row)
            found.setdefault(values["customer_id"], []).append(values)
    return found


@dataclass(slots=True)
class RowsPlan:
    """What becomes of one customer's supplier numbers. `before` and `order`: their ids as they are and as they will be.

    `updates`: each row as it is, and with its new values. `inserts` are whole rows but for their `idx`.
    """

    customer: Values
    inserts: list[Values] = field(default_factory=list)
    updates: list[tuple[Values, Values]] = field(default_factory=list)
    deletes: list[Values] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.inserts or self.updates or self.deletes or self.before != self.order)


def plan_full_list(customer: Values, existing: Sequence[Values], sent: Sequence[Mapping[str, Any]]) -> RowsPlan:
    """`sent` is the full list in order: rows with an `id` are kept, changed and moved, others are new, absent ones go.

    Raises a `ValidationError` with each id that is no row of this customer (`supplier_numbers[2].id`), and what a new row lacks.
    """
    plan = RowsPlan(customer, before=[row["id"] for row in existing])
    free = {row["id"]: row for row in existing}
    errors: dict[str, Any] = {}
    for i, one in enumerate(sent):
        row_id, values = one.get("id"), {name: one[name] for name in ROW_ATTRIBUTES if name in one}
        if row_id is None and (absent := absent_attributes(values)):
            missing = invalid(Code.PARAMETER_MISSING, "A new supplier number needs this attribute.")
            errors |= {f"supplier_numbers[{i}].{name}": missing for name in absent}
        elif row_id is None:
            made = new_row(customer["id"], 0, values)
            plan.inserts.append(made)
            plan.order.append(made["id"])
        elif before := free.pop(row_id, None):
            plan.order.append(row_id)
            if representation.changed(before, values):
                plan.updates.append((before, before | values))
        else:
            message = f"This customer has no supplier number {row_id[:100]!r}. Leave the id out to add one."
            errors[f"supplier_numbers[{i}].id"] = invalid(Code.RESOURCE_MISSING, message)
    if errors:
        raise ValidationError(errors)
    plan.deletes = list(free.values())
    return plan


def without_ids(sent: Iterable[Mapping[str, Any]]) -> list[Values]:
    """For a new customer all rows are new, whatever they were where they were read."""
    return [{**one, "id": None} for one in sent]


def rows_after(plan: RowsPlan, existing: Sequence[Values]) -> list[Values]:
    """The customer's rows as they stand once the plan is written."""
    was = {row["id"]: row for row in existing}
    changed = {before["id"]: after for before, after in plan.updates} | {row["id"]: row for row in plan.inserts}
    return [
        _at(changed.get(row_id, was.get(row_id, {})), idx, was.get(row_id), is_changed=row_id in changed)
        for idx, row_id in enumerate(plan.order, 1)
    ]


def _at(row: Values, idx: int, before: Values | None, *, is_changed: bool) -> Values:
    """A move makes a new version of a row, and so does a change of its values."""
    version = 1 if before is None else before["version"] + is_changed + (before["idx"] != idx)
    return row | {"idx": idx, "version": version}


def change_rows(plans: Sequence[RowsPlan], *, origin: Origin) -> None:
    """Writes what is planned, and the text by which the customers are found (as `plan.customer` is)."""
    write(plans, origin=origin)
    refresh_search([plan.customer for plan in plans if plan.inserts or plan.updates or plan.deletes])


def write(plans: Sequence[RowsPlan], *, origin: Origin) -> None:
    """Rows and their events, at most one plan a customer. Deleting first, then moving, so that places are free."""
    plans = [plan for plan in plans if not plan.is_empty]
    if not plans:
        return
    to_delete = [row["id"] for plan in plans for row in plan.deletes]
    for part in statements.in_parts(to_delete):
        statements.run(f"DELETE FROM {SUPPLIER_NUMBERS.name} WHERE id IN ({statements.marks(part)})", part)
    work = RowChanges()
    for plan in plans:
        work.add(plan)
    if work.moved:
        ordering.move(work.moved)
    bulk.update(SUPPLIER_NUMBERS, work.updates)
    if work.inserts:
        prepared(work.inserts).write()
    log.record_many(work.changes, origin=origin)


class RowChanges:
    """What several plans come to: new places (idx, id), new values, new rows, and what the log is told."""

    def __init__(self) -> None:
        self.moved: list[tuple[int, str]] = []
        self.updates: list[tuple[str, Values]] = []
        self.inserts: list[Values] = []
        self.changes: list[Change] = []

    def add(self, plan: RowsPlan) -> None:
        idx_of = {row_id: idx for idx, row_id in enumerate(plan.order, 1)}
        was = {row_id: idx for idx, row_id in enumerate(plan.before, 1)}
        self.moved += [(idx_of[i], i) for i in plan.order if i in was and was[i] != idx_of[i]]
        for row in plan.deletes:
            output = representation.deleted_supplier_number(row["id"], row["customer_id"])
            old = representation.last_values(row)
            self._record(DELETED, row | {"version": row["version"] + 1}, output, old)
        for before, changed in plan.updates:
            # A move has made a new version of the row by now.
            version = before["version"] + 1 + (was[before["id"]] != idx_of[before["id"]])
            after = changed | {"idx": idx_of[before["id"]], "version": version}
            names = [n for n in ROW_ATTRIBUTES if before[n] != after[n]]
            self.updates.append((before["id"], {n: after[n] for n in (*names, "version")}))
            old = {n: before[n] for n in names}
            self._record(UPDATED, after, representation.supplier_number(after), old)
        for row in plan.inserts:
            row["idx"] = idx_of[row["id"]]
            self.inserts.append(row)
            self._record(CREATED, row, representation.supplier_number(row), {})
        if any(idx_of[i] != idx for i, idx in was.items() if i in idx_of):
            self.changes.append(reordered(plan.customer, plan.before, plan.order))

    def _record(self, type_: str, row: Values, output: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        self.changes.append(Change(type_, row["customer_id"], row["id"], row["version"], output, old))


def reordered(customer: Mapping[str, Any], before: Sequence[str], order: Sequence[str]) -> Change:
    """Other rows than the one that was added, moved or deleted stand elsewhere now."""
    output = representation.order(customer["id"], order)
    old = {"ordered_ids": list(before)}
    return Change(REORDERED, customer["id"], customer["id"], customer["version"], output, old)


def refresh_search(customers: Iterable[Mapping[str, Any]]) -> None:
    """Customers are found by their rows' numbers too; their version and `updated_at` do not change with them."""
    by_id = {customer["id"]: customer for customer in customers}
    rows = existing_rows(list(by_id))
    texts = []
    for customer_id, customer in by_id.items():
        text = search.text_of(customer, numbers(rows.get(customer_id, [])))
        texts.append((customer_id, {"search_text": text}))
    bulk.update(CUSTOMERS, texts)
