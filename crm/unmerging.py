"""Taking back a merge: the merged customers return as they were, with their line items.

Only what the merge did is taken back. What was changed since, by people or by other merges, stays, and is named.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import merged, representation, services
from crm.line_item_plans import existing_line_items, refresh_search
from crm.line_item_services import give_back_line_items
from crm.line_items import LINE_ITEMS, LineItem
from crm.locking import locked_customer
from crm.merged import Merged
from crm.models import Customer
from overplane.database.attributes import attributes
from overplane.origin import Origin
from overplane.problems import MOST_REPORTED, Code, UnmergeExpired, invalid

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unmerged:
    """The survivor, those that are customers again, and what of the merge was changed since and so stays.

    `not_reverted`: attributes of the survivor by name, and of its line items by path (`supplier_numbers[ID].company`).
    """

    survivor: services.WriteResult
    restored: list[services.WriteResult]
    not_reverted: list[str]


def unmerge_customers(
    customer_id: str, restored_ids: Sequence[str], *, origin: Origin, expected: frozenset[int] | None = None
) -> Unmerged:
    """Gives back customers that are part of this one. One transaction, under this customer's lock.

    Raises `ObjectMissing` if the survivor is gone, `VersionMismatch` if it is none of `expected`, `UnmergeExpired`, and a
    `ValidationError` that names who is not part of it.
    """
    with transaction.atomic(savepoint=False):
        survivor = locked_customer(customer_id, expected)
        parts = merged.part_of(customer_id)
        chosen = _chosen(customer_id, restored_ids, parts)
        plan = Plan(survivor, parts)
        for one in chosen:
            plan.give_back(one)
        _write(plan, origin)
        result = _revert(survivor, plan, origin)
    restored = [services.WriteResult(representation.customer(row), row["version"]) for row in plan.restored]
    return Unmerged(result, restored, list(dict.fromkeys(plan.not_reverted)))


def changed_since(customer: Mapping[str, Any], parts: Sequence[Merged], one: Merged) -> list[str]:
    """What would stay if this one of the customer's parts were given back now."""
    plan = Plan(customer, deepcopy(list(parts)))
    plan.give_back(next(part for part in plan.parts if part.id == one.id))
    return list(dict.fromkeys(plan.not_reverted))


def _chosen(customer_id: str, restored_ids: Sequence[str], parts: Sequence[Merged]) -> list[Merged]:
    """In the order of their merges: who became part of a merged customer leaves it before that one returns."""
    by_id = {one.id: one for one in parts}
    errors: dict[str, Any] = {}
    for i, restored_id in enumerate(restored_ids):
        if restored_id not in by_id and len(errors) < MOST_REPORTED:
            message = _("%(id)s is not merged into %(customer)s.")
            names = {"id": restored_id[:100], "customer": customer_id}
            errors[f"restore[{i}]"] = invalid(Code.RESOURCE_MISSING, message % names)
    if errors:
        raise ValidationError(errors)
    for i, restored_id in enumerate(restored_ids):
        if not by_id[restored_id].can_be_restored:
            message = _("The merge of %(id)s is too long ago; it can no longer be taken back.") % {"id": restored_id}
            raise UnmergeExpired(message, f"restore[{i}]")
    return [one for one in parts if one.id in restored_ids]


@dataclass(slots=True)
class Plan:
    """What becomes of a survivor and of all that is part of it."""

    survivor: Mapping[str, Any]
    parts: list[Merged]
    values: Values = field(init=False)  # the survivor's attributes, as they will be
    restored: list[Values] = field(default_factory=list)
    lists: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # by kind and customer: ids, in order
    not_reverted: list[str] = field(default_factory=list)
    items: dict[str, dict[str, Values]] = field(init=False)  # the survivor's line items, by kind and id

    def __post_init__(self) -> None:
        self.parts = list(self.parts)
        self.values = {name: self.survivor[name] for name in attributes(Customer)}
        owner = self.survivor["id"]
        self.items = {
            kind.name: {row["id"]: row for row in existing_line_items(kind, [owner]).get(owner, [])}
            for kind in LINE_ITEMS
        }

    def give_back(self, one: Merged) -> None:
        self.parts.remove(one)
        # Those that it was merged into and that were merged on in the meantime.
        above = [part for part in self.parts if self._leads_to(one, part.id)]
        into = next((part for part in above if part.id == one.survivor_id), None)
        self._take_out_values(one, into.values if into else self.values)
        for kind in LINE_ITEMS:
            self._take_out_items(kind, one, above)
        for part in above:
            part.is_changed = True
        defaults = {name: attribute.default for name, attribute in attributes(Customer).items()}
        self.restored.append({**defaults, **one.values, "version": one.version + 1})
        for part in self.parts:
            if self._leads_to(part, one.id):
                part.customer_id, part.is_changed = one.id, True

    def _leads_to(self, part: Merged, customer_id: str) -> bool:
        by_id = {other.id: other for other in self.parts}
        while part.survivor_id != customer_id and part.survivor_id in by_id:
            part = by_id[part.survivor_id]
        return part.survivor_id == customer_id

    def _take_out_values(self, one: Merged, now: Values) -> None:
        """As if this merge had not been: later ones found what it found, and so does who reads the survivor."""
        later = [part for part in self.parts if part.survivor_id == one.survivor_id and part.place > one.place]
        for name in [name for name in one.before if name in one.after and name in now]:
            if not _take_out(name, one, later, now):
                self.not_reverted.append(name)

    def _take_out_items(self, kind: LineItem, one: Merged, above: Sequence[Merged]) -> None:
        there = self.items[kind.name]
        rows = one.line_items.get(kind.name, ())
        ids = [row["id"] for row in rows if row["id"] in there]
        for row in rows:
            path = f"{kind.name}[{row['id']}]"
            now = there.get(row["id"])
            changed = [n for n in kind.names if n in row and now[n] != row[n]] if now else []
            self.not_reverted += [f"{path}.{name}" for name in changed] if now else [path]
        self.lists.setdefault(kind.name, {})[one.id] = ids
        for item_id in ids:
            del there[item_id]
        for part in above:  # they have them no more
            part.line_items[kind.name] = [row for row in part.line_items.get(kind.name, ()) if row["id"] not in ids]


def _take_out(name: str, one: Merged, later: Iterable[Merged], now: Values) -> bool:
    """Puts the attribute back in `now`, if only merges have changed it since. Returns whether it did."""
    before, after = one.before[name], one.after[name]
    for other in later:
        if other.before.get(name) != after:
            return False
        other.before[name] = before
        other.is_changed = other.is_changed or before != after
        if other.after[name] != after:
            return True
        other.after[name] = before
    if now[name] != after:
        return False
    now[name] = before
    return True


def _write(plan: Plan, origin: Origin) -> None:
    """First those that return, then what is part of them, then their line items."""
    services.put_back(plan.restored, origin=origin)
    merged.forget([row["id"] for row in plan.restored])
    merged.rewrite(plan.parts)
    for kind in LINE_ITEMS:
        give_back_line_items(kind, plan.survivor["id"], plan.lists.get(kind.name, {}), origin=origin)
    refresh_search([*plan.restored, plan.survivor])


def _revert(survivor: Mapping[str, Any], plan: Plan, origin: Origin) -> services.WriteResult:
    """A value that would be refused today stays as it is."""
    try:
        with transaction.atomic():
            return services.update_customer(survivor["id"], plan.values, origin=origin)
    except ValidationError as error:
        refused = error.error_dict if hasattr(error, "error_dict") else plan.values
    plan.not_reverted += [name for name in plan.values if name in refused and plan.values[name] != survivor[name]]
    rest = {name: value for name, value in plan.values.items() if name not in refused}
    return services.update_customer(survivor["id"], rest, origin=origin)
