"""What is to become of the line items of a file: which of those that are there each one means, and what changes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from crm import representation
from crm.line_item_plans import ListPlan, absent_attributes, existing_line_items, new_line_item
from crm.line_items import PARENT, LineItem
from crm.transfer.batch import Batch, Values
from crm.transfer.batch_plans import BatchPlan, among
from crm.transfer.mapping import Columns
from overplane.problems import Code, invalid

Customers = Mapping[str, Values]  # by id


class LineItemPlanner:
    """`replaces`: line items that the file does not have are deleted; but whose row is a merged customer's knows only a part."""

    def __init__(self, columns: Columns, *, replaces: bool) -> None:
        self.columns, self.replaces = columns, replaces

    def plans(self, batch: Batch, plan: BatchPlan, locked: Customers | None = None) -> list[ListPlan]:
        """What changes in the line items of customers that are there already; of those `locked`, if that is given."""
        parts = set(plan.merged.values())
        plans = [
            plan_line_items(
                kind,
                locked[customer_id] if locked else {"id": customer_id},
                existing,
                [item for _, item in items],
                replaces=self.replaces and customer_id not in parts,
            )
            for kind in self.columns.kinds
            for customer_id, existing, items in self._beside_existing(kind, batch, plan)
            if locked is None or customer_id in locked
        ]
        return [one for one in plans if not one.is_empty]

    def _beside_existing(
        self, kind: LineItem, batch: Batch, plan: BatchPlan
    ) -> Iterator[tuple[str, list[Values], list[tuple[int, Values]]]]:
        """Each customer that is there, its line items, and those that the file has for it, with their index in the batch."""
        sent: dict[str, list[tuple[int, Values]]] = {}
        for i, customer_id in sorted(plan.existing.items()):
            items = batch.items(kind, i)
            is_spoken_of = items or (self.replaces and i not in batch.without_line_items[kind.name])
            if is_spoken_of and i not in batch.problems:
                sent.setdefault(customer_id, []).extend((i, item) for item in items)
        existing = existing_line_items(kind, sorted(sent))
        return ((customer_id, existing.get(customer_id, []), items) for customer_id, items in sent.items())

    def refuse_taken(self, batch: Batch, plan: BatchPlan) -> None:
        """An id in the file must be new, or that of a line item of the same customer."""
        owners: dict[int, str | None] = dict.fromkeys(plan.creates)
        owners |= plan.existing
        for kind in self.columns.kinds:
            if "id" not in self.columns.of(kind):
                continue
            identified = list(with_ids(kind, batch, owners))
            pairs = kind.model._default_manager.values_list("id", PARENT)
            taken = dict(among(pairs, "id", [item["id"] for _, item in identified]))
            for i, item in identified:
                if item["id"] in taken and taken[item["id"]] != owners[i]:
                    error = invalid(
                        Code.PARAMETER_DUPLICATE, _("Another customer has a %(kind)s with this id.") % {"kind": kind}
                    )
                    batch.refuse(i, self.columns.heading("id", kind), item["id"], error, number=item["number"])

    def refuse_incomplete(self, batch: Batch, plan: BatchPlan) -> None:
        """A new line item needs what is required, which a column (or an object of the file) may lack."""
        for kind in self.columns.kinds:
            required = [name for name, attribute in kind.attributes.items() if attribute.required]
            if not required or not any(absent_attributes(kind, item) for _, item in _all_items(kind, batch)):
                continue
            new = [(i, item) for i in plan.creates for item in batch.items(kind, i)]
            for _customer, existing, items in self._beside_existing(kind, batch, plan):
                pairs = _paired(kind, [item for _, item in items], {row["id"]: row for row in existing})
                new += [one for one, (_, before) in zip(items, pairs, strict=True) if before is None]
            for i, item in new:
                for name in absent_attributes(kind, item):
                    error = invalid(Code.PARAMETER_MISSING, _("A new %(kind)s needs this attribute.") % {"kind": kind})
                    batch.refuse(i, self.columns.heading(name, kind), "", error, number=item["number"])


def _all_items(kind: LineItem, batch: Batch) -> Iterator[tuple[int, Values]]:
    return ((i, item) for i, items in batch.line_items[kind.name].items() for item in items)


def with_ids(kind: LineItem, batch: Batch, indexes: Iterable[int]) -> Iterator[tuple[int, Values]]:
    """The line items of these customers that bring an id of their own."""
    return ((i, item) for i in indexes for item in batch.items(kind, i) if item.get("id"))


def plan_line_items(
    kind: LineItem,
    customer: Values,
    existing: Sequence[Values],
    items: Sequence[Mapping[str, Any]],
    *,
    replaces: bool,
) -> ListPlan:
    """What becomes of one customer's line items of one kind, given those that the file has for it."""
    plan = ListPlan(kind, customer, before=[row["id"] for row in existing])
    free = {row["id"]: row for row in existing}
    order: list[str] = []
    for item, before in _paired(kind, items, free):
        values = {name: item[name] for name in kind.names if name in item}
        if before is None:
            new = new_line_item(kind, customer["id"], 0, values, item_id=item.get("id"))
            plan.inserts.append(new)
            order.append(new["id"])
            continue
        order.append(before["id"])
        if representation.changed(before, values):
            plan.updates.append((before, before | values))
    if replaces:
        plan.deletes, plan.order = list(free.values()), order
    else:
        plan.order = [*plan.before, *(row["id"] for row in plan.inserts)]
    return plan


def _paired(
    kind: LineItem, items: Sequence[Mapping[str, Any]], free: dict[str, Values]
) -> list[tuple[Mapping[str, Any], Values | None]]:
    """Each line item of the file with the stored one that it means; each stored one is used once.

    It is found by its id, else by equal values, else as the only one with the same value of `paired_by`.
    """
    means = [free.pop(item.get("id") or "", None) for item in items]
    unknown = [at for at, before in enumerate(means) if before is None and not items[at].get("id")]
    for at in unknown:
        names = [name for name in kind.names if name in items[at]]
        same = next((row for row in free.values() if all(row[name] == items[at][name] for name in names)), None)
        means[at] = free.pop(same["id"]) if same else None
    if name := kind.paired_by:
        for at in unknown:
            value = items[at].get(name)
            if means[at] is None and value is not None:
                stored = [row for row in free.values() if row[name] == value]
                rivals = [i for i, before in enumerate(means) if before is None and items[i].get(name) == value]
                if len(stored) == len(rivals) == 1:
                    means[at] = free.pop(stored[0]["id"])
    return list(zip(items, means, strict=True))
