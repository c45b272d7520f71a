"""Changing many line items at once: planning a customer's new list, and writing it with its events.

The caller has locked the customers' rows (see `locking`). Single line items are changed by `line_item_services`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from django.core.exceptions import ValidationError

from crm import ordering, representation, rules, search
from crm.line_items import BY_NAME, LINE_ITEMS, PARENT, POSITION, LineItem
from crm.models import CUSTOMERS
from overplane.database import bulk, statements
from overplane.database.bulk import PreparedRows
from overplane.events import log
from overplane.events.log import Change
from overplane.ids import new_id
from overplane.origin import Origin
from overplane.problems import Code, invalid

Values = dict[str, Any]
# The full list of each kind that is named, in order, by the kind's name. A kind that is absent stays as it is.
Lists = Mapping[str, Sequence[Mapping[str, Any]]]
NO_LISTS: Lists = MappingProxyType({})


def new_line_item(
    kind: LineItem, customer_id: str, idx: int, values: Mapping[str, Any], *, item_id: str | None = None
) -> Values:
    """The whole row of a new line item; absent attributes get their defaults."""
    own = {name: values.get(name, attribute.default) for name, attribute in kind.attributes.items()}
    return {"id": item_id or new_id(kind.id_prefix), POSITION: idx, PARENT: customer_id, **own, "version": 1}


def absent_attributes(kind: LineItem, values: Mapping[str, Any]) -> list[str]:
    """What a new line item would need."""
    return [name for name, attribute in kind.attributes.items() if attribute.required and name not in values]


def prepared(kind: LineItem, rows: Sequence[Values]) -> PreparedRows:
    """New line items, ready to be written."""
    return bulk.prepare(kind.table, [[row[name] for row in rows] for name in kind.table.written])


def existing_line_items(kind: LineItem, customer_ids: Sequence[str]) -> dict[str, list[Values]]:
    """The line items of these customers, in their order."""
    stored: dict[str, list[Values]] = {}
    for part in statements.in_parts(customer_ids):
        tail = f"WHERE {PARENT} IN ({statements.marks(part)}) ORDER BY {PARENT}, {POSITION}"
        for row in kind.table.fetch(tail, part):
            values = kind.table.values(row)
            stored.setdefault(values[PARENT], []).append(values)
    return stored


@dataclass(slots=True)
class ListPlan:
    """What becomes of one customer's line items of one kind. `before` and `order`: their ids as they are and as they will be.

    `updates`: each row as it is, and with its new values. `inserts` are whole rows without a position.
    """

    kind: LineItem
    customer: Values
    inserts: list[Values] = field(default_factory=list)
    updates: list[tuple[Values, Values]] = field(default_factory=list)
    deletes: list[Values] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.inserts or self.updates or self.deletes or self.before != self.order)

    @property
    def changes_search(self) -> bool:
        """Whether the customer may be found by other values afterwards."""
        return bool(self.kind.searched and (self.inserts or self.updates or self.deletes))


def plan_full_list(
    kind: LineItem, customer: Values, existing: Sequence[Values], sent: Sequence[Mapping[str, Any]]
) -> ListPlan:
    """`sent` is the full list in order: line items with an `id` are kept, changed and moved, others are new, absent ones go.

    Raises a `ValidationError` with what is wrong at each place (`supplier_numbers[2].id`): ids that are no line item of
    this customer, what a new one lacks, what breaks a rule.
    """
    plan = ListPlan(kind, customer, before=[row["id"] for row in existing])
    free = {row["id"]: row for row in existing}
    errors: dict[str, Any] = {}
    for i, one in enumerate(sent):
        try:
            _plan_one(plan, free, one)
        except ValidationError as error:
            errors |= {f"{kind.name}[{i}].{name}": problems for name, problems in error.error_dict.items()}
    if errors:
        raise ValidationError(errors)
    plan.deletes = list(free.values())
    return plan


def _plan_one(plan: ListPlan, free: dict[str, Values], sent: Mapping[str, Any]) -> None:
    kind, item_id = plan.kind, sent.get("id")
    values = {name: sent[name] for name in kind.names if name in sent}
    if item_id is None:
        if absent := absent_attributes(kind, values):
            missing = invalid(Code.PARAMETER_MISSING, f"A new {kind} needs this attribute.")
            raise ValidationError(dict.fromkeys(absent, missing))
        new = new_line_item(kind, plan.customer["id"], 0, values)
        rules.check_line_item(kind.name, new)
        plan.inserts.append(new)
        plan.order.append(new["id"])
    elif before := free.pop(item_id, None):
        rules.check_line_item(kind.name, before | values)
        plan.order.append(item_id)
        if representation.changed(before, values):
            plan.updates.append((before, before | values))
    else:
        message = f"This customer has no {kind} {item_id[:100]!r}. Leave the id out to add one."
        raise ValidationError({"id": invalid(Code.RESOURCE_MISSING, message)})


def plan_full_lists(customer: Values, existing: Mapping[str, Sequence[Values]], lists: Lists) -> list[ListPlan]:
    """A plan for each kind that the lists name; `existing` as of `existing_lists`. All that is wrong is told at once."""
    plans: list[ListPlan] = []
    errors: dict[str, Any] = {}
    for name, sent in lists.items():
        try:
            plans.append(plan_full_list(BY_NAME[name], customer, existing.get(name, []), sent))
        except ValidationError as error:
            errors |= error.error_dict
    if errors:
        raise ValidationError(errors)
    return plans


def existing_lists(customer_id: str, names: Iterable[str]) -> dict[str, list[Values]]:
    """One customer's line items of these kinds, by the kind's name."""
    return {name: existing_line_items(BY_NAME[name], [customer_id]).get(customer_id, []) for name in names}


def without_ids(lists: Lists) -> Lists:
    """The line items of a new customer are all new: their ids belong to the customer that they were read from."""
    return {name: [{**one, "id": None} for one in sent] for name, sent in lists.items()}


def line_items_after(plan: ListPlan, existing: Sequence[Values]) -> list[Values]:
    """The customer's line items as they stand once the plan is written."""
    was = {row["id"]: row for row in existing}
    changed = {before["id"]: after for before, after in plan.updates} | {row["id"]: row for row in plan.inserts}
    return [
        _at(changed.get(item_id, was.get(item_id, {})), idx, was.get(item_id), is_changed=item_id in changed)
        for idx, item_id in enumerate(plan.order, 1)
    ]


def _at(row: Values, idx: int, before: Values | None, *, is_changed: bool) -> Values:
    """A move makes a new version of a line item, and so does a change of its values."""
    version = 1 if before is None else before["version"] + is_changed + (before[POSITION] != idx)
    return row | {POSITION: idx, "version": version}


def change_line_items(plans: Sequence[ListPlan], *, origin: Origin) -> None:
    """Writes the plans, and the customers' search text; `plan.customer` is the customer as it is now."""
    write(plans, origin=origin)
    refresh_search([plan.customer for plan in plans if plan.changes_search])


def write(plans: Iterable[ListPlan], *, origin: Origin) -> None:
    """Line items and their events, at most one plan a customer and kind."""
    by_kind = sorted((plan for plan in plans if not plan.is_empty), key=lambda plan: LINE_ITEMS.index(plan.kind))
    for kind, own in groupby(by_kind, key=attrgetter("kind")):
        _write_kind(kind, list(own), origin)


def _write_kind(kind: LineItem, plans: Sequence[ListPlan], origin: Origin) -> None:
    """Deleting first, then moving, so that positions are free."""
    to_delete = [row["id"] for plan in plans for row in plan.deletes]
    for part in statements.in_parts(to_delete):
        statements.run(f"DELETE FROM {kind.table.name} WHERE id IN ({statements.marks(part)})", part)
    changes = RowChanges(kind)
    for plan in plans:
        changes.add(plan)
    if changes.moved:
        ordering.move(kind, changes.moved)
    bulk.update(kind.table, changes.updates)
    if changes.inserts:
        prepared(kind, changes.inserts).write()
    log.record_many(changes.events, origin=origin)


class RowChanges:
    """What several plans of one kind write: new positions (position, id), new values, new rows, and their events."""

    def __init__(self, kind: LineItem) -> None:
        self.kind = kind
        self.moved: list[tuple[int, str]] = []
        self.updates: list[tuple[str, Values]] = []
        self.inserts: list[Values] = []
        self.events: list[Change] = []

    def add(self, plan: ListPlan) -> None:
        idx_of = {item_id: idx for idx, item_id in enumerate(plan.order, 1)}
        was = {item_id: idx for idx, item_id in enumerate(plan.before, 1)}
        self.moved += [(idx_of[i], i) for i in plan.order if i in was and was[i] != idx_of[i]]
        for row in plan.deletes:
            output = representation.deleted_line_item(row["id"], row[PARENT])
            deleted = row | {"version": row["version"] + 1}
            self._record(self.kind.deleted, deleted, output, representation.last_values(self.kind, row))
        for before, changed in plan.updates:
            self._update(before, changed, idx=idx_of[before["id"]], is_moved=was[before["id"]] != idx_of[before["id"]])
        for row in plan.inserts:
            row[POSITION] = idx_of[row["id"]]
            self.inserts.append(row)
            self._record(self.kind.created, row, representation.line_item(self.kind, row), {})
        if any(idx_of[i] != idx for i, idx in was.items() if i in idx_of):
            self.events.append(reordered(self.kind, plan.customer, plan.before, plan.order))

    def _update(self, before: Values, changed: Values, *, idx: int, is_moved: bool) -> None:
        after = changed | {POSITION: idx, "version": before["version"] + 1 + is_moved}  # the move has made one version
        # Its new position is in the event `reordered`, as when others before it are added or deleted.
        names = [n for n in self.kind.names if before[n] != after[n]]
        self.updates.append((before["id"], {n: after[n] for n in (*names, "version")}))
        output = representation.line_item(self.kind, after)
        self._record(self.kind.updated, after, output, {n: before[n] for n in names})

    def _record(self, type_: str, row: Values, output: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        self.events.append(Change(type_, row[PARENT], row["id"], row["version"], output, old))


def reordered(kind: LineItem, customer: Mapping[str, Any], before: Sequence[str], order: Sequence[str]) -> Change:
    """The event for new positions of other line items than the one that was added, moved or deleted."""
    output = representation.order(customer["id"], order)
    old = {"ordered_ids": list(before)}
    return Change(kind.reordered, customer["id"], customer["id"], customer["version"], output, old)


def searched_in(lists: Lists) -> list[str | None]:
    """The searched values of a customer's line items; `lists` are all of them."""
    return [one.get(name) for kind in LINE_ITEMS for one in lists.get(kind.name, ()) for name in kind.searched]


def searched_of(customer_ids: Sequence[str]) -> dict[str, list[str | None]]:
    """The searched values of the stored line items of these customers."""
    searched: dict[str, list[str | None]] = {}
    for kind in [kind for kind in LINE_ITEMS if kind.searched]:
        columns = ", ".join(kind.searched)
        for part in statements.in_parts(customer_ids):
            marks = statements.marks(part)
            sql = f"SELECT {PARENT}, {columns} FROM {kind.table.name} WHERE {PARENT} IN ({marks})"
            for customer_id, *values in statements.rows(f"{sql} ORDER BY {PARENT}, {POSITION}", part):
                searched.setdefault(customer_id, []).extend(values)
    return searched


def search_text(customer: Mapping[str, Any]) -> str:
    """The customer's search text, with its stored line items."""
    return search.text_of(customer, searched_of([customer["id"]]).get(customer["id"], []))


def refresh_search(customers: Iterable[Mapping[str, Any]]) -> None:
    """The search text holds the line items too. The customer's version and `updated_at` do not change with it."""
    by_id = {customer["id"]: customer for customer in customers}
    searched = searched_of(list(by_id))
    texts = [(i, {"search_text": search.text_of(one, searched.get(i, []))}) for i, one in by_id.items()]
    bulk.update(CUSTOMERS, texts)
