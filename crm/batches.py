"""Up to a thousand operations at once: what they touch is read and locked together, judged in order, written in sets.

The operations are worked through in memory, each on what the ones before it left. Then every
customer is written once, with an event for each operation that changed something.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from crm import matching, merged_keys, representation, rules, search
from crm.line_item_plans import (
    NO_LISTS,
    ListPlan,
    Lists,
    existing_line_items,
    line_items_after,
    plan_full_lists,
    refresh_search,
    searched_in,
    searched_of,
    without_ids,
    write,
)
from crm.line_items import BY_NAME
from crm.locking import check_version, locked_in_turn, read_customers
from crm.merged import survivors_of
from crm.models import CUSTOMERS, Customer
from crm.services import delete_customers, new_customer
from overplane.database import bulk
from overplane.database.attributes import attributes
from overplane.events import log
from overplane.events.log import Change
from overplane.origin import Origin
from overplane.problems import Code, ObjectMissing, VersionMismatch, invalid

MATCHABLE = matching.KEYS


@dataclass(frozen=True, slots=True)
class Operation:
    """`op` is create, retrieve, update, delete or upsert; `values` are parsed. `error`: it could not be parsed.

    `lists`: the full lists of line items that it names; `expected`: the versions that may be changed.
    """

    index: int
    op: str = ""
    id: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    match_on: str = ""
    lists: Lists = field(default_factory=lambda: NO_LISTS)
    expected: frozenset[int] | None = None
    error: ValidationError | None = None


@dataclass(frozen=True, slots=True)
class OperationResult:
    """What became of one operation: an HTTP status with the object (and its version, if it is there), or with the error."""

    index: int
    status: int
    output: dict[str, Any] | None = None
    version: int | None = None
    error: ValidationError | None = None
    merged_into: str | None = None
    warning: str | None = None


def apply(operations: Sequence[Operation], *, atomic: bool, origin: Origin) -> list[OperationResult]:
    """Does all of them, or, unless `atomic`, those that can be done. One transaction either way.

    Raises one `ValidationError` with every problem (`operations[3].data.email_id`) if `atomic` and there is any.
    """
    with transaction.atomic(savepoint=False):
        work = BatchRun(operations, is_stored=origin.idempotency_key is not None)
        outcomes = [work.outcome(operation) for operation in operations]
        failed = [outcome for outcome in outcomes if outcome.error]
        if atomic and failed:
            raise ValidationError(_all_problems(failed))
        work.write(origin)
    return outcomes


def _not_there(index: int, gone: ObjectMissing) -> OperationResult:
    error = ValidationError({"id": invalid(gone.code, str(gone))})
    return OperationResult(index, 404, error=error, merged_into=gone.merged_into)


def _check_complete(values: Mapping[str, Any]) -> None:
    """An upsert without a match creates a customer, so it needs what a create needs."""
    absent = [name for name, attribute in attributes(Customer).items() if attribute.required and name not in values]
    if absent:
        message = "Nobody has this value, so a customer would be created, which needs this attribute."
        raise ValidationError({f"data.{name}": invalid(Code.PARAMETER_MISSING, message) for name in absent})


def _all_problems(failed: Sequence[OperationResult]) -> dict[str, Any]:
    return {
        f"operations[{outcome.index}].{name}": errors
        for outcome in failed
        for name, errors in outcome.error.error_dict.items()  # type: ignore[union-attr]  # each of these has one
    }


class BatchRun:
    """The customers that the operations touch, as they are in the database and as they become."""

    def __init__(self, operations: Sequence[Operation], *, is_stored: bool) -> None:
        """`is_stored`: the answer is kept for a replay."""
        good = [operation for operation in operations if not operation.error]
        matches = [(o.match_on, o.values[o.match_on]) for o in good if o.op == "upsert"]
        matching.claim(matches)
        self.former = merged_keys.Former(matches)
        touched = {o.id for o in good if o.id} | _matching(matches) | self.former.survivors
        # Without a lock only if all operations read: an upsert may match a customer that another operation reads. And a stored
        # answer must not outlive a customer that is deleted meanwhile.
        is_reading = not is_stored and all(o.op == "retrieve" for o in good)
        self.before = {one["id"]: one for one in (read_customers if is_reading else locked_in_turn)(touched)}
        self.survivors = survivors_of(touched - self.before.keys())  # of those that are customers no more
        if matches and (late := set(self.survivors.values()) - touched):  # merged while this waited for them
            self.former = merged_keys.Former(matches)
            self.before |= {one["id"]: one for one in locked_in_turn(late)}
        self.now: dict[str, dict[str, Any]] = dict(self.before)
        self.holders = matching.Holders({name for name, _ in matches}, self.now.values())
        self.lists = _line_items_of(sorted(self.before), {name for o in good for name in o.lists})
        self.list_plans: list[ListPlan] = []
        self.deleted: list[str] = []
        self.warnings: dict[int, str] = {}  # by the operation's index
        self.changes: list[Change] = []
        self.moment = timezone.now()

    def outcome(self, operation: Operation) -> OperationResult:
        if operation.error:
            return OperationResult(operation.index, 400, error=operation.error)
        try:
            status, output = getattr(self, operation.op)(operation)
            version, warning = self.now.get(output["id"], {}).get("version"), self.warnings.get(operation.index)
            return OperationResult(operation.index, status, output, version, warning=warning)
        except ObjectMissing as gone:
            return _not_there(operation.index, gone)
        except VersionMismatch:
            message = "The customer has changed since you read it. Read it again, then decide."
            error = ValidationError({"if_match": invalid(Code.PRECONDITION_FAILED, message)})
            return OperationResult(operation.index, 412, error=error)
        except ValidationError as error:
            return OperationResult(operation.index, 400, error=error)

    def create(self, operation: Operation) -> tuple[int, dict[str, Any]]:
        with _problems_in_data():
            row = new_customer(operation.values, now=self.moment)
            lists = self._set_lists(row, without_ids(operation.lists))
        self.now[row["id"]] = row
        self.holders.put(row)
        return 201, representation.with_line_items(self._record("customer.created", row, {}), lists)

    def retrieve(self, operation: Operation) -> tuple[int, dict[str, Any]]:
        return 200, representation.customer(self._existing(operation))

    def update(self, operation: Operation) -> tuple[int, dict[str, Any]]:
        before = self._existing(operation)
        old = representation.changed(before, operation.values)
        after = {**before, **operation.values}
        if old:
            after |= {"updated_at": max(self.moment, before["updated_at"]), "version": before["version"] + 1}
        with _problems_in_data():
            rules.check_customer(after)
            lists = self._set_lists(after, operation.lists)
        if not old:
            return 200, representation.with_line_items(representation.customer(before), lists)
        self.now[after["id"]] = after
        self.holders.put(after)
        return 200, representation.with_line_items(self._record("customer.updated", after, old), lists)

    def delete(self, operation: Operation) -> tuple[int, dict[str, Any]]:
        customer = self._existing(operation)
        del self.now[customer["id"]]
        self.holders.remove(customer["id"])
        self.deleted.append(customer["id"])
        return 200, representation.deleted(customer["id"])

    def upsert(self, operation: Operation) -> tuple[int, dict[str, Any]]:
        """Changes the one customer that has the value, or creates it. A new customer has no version that could be expected."""
        name, value = operation.match_on, operation.values[operation.match_on]
        matches = self.holders.of(name, value)
        if not matches and (matches := [i for i in self.former.of(name, value) if i in self.now]):
            # The survivor keeps the key that was chosen for it, and its lists: what is sent is only a part of them.
            self.warnings[operation.index] = merged_keys.warning(name, matches[0], operation.lists)
            values = {n: v for n, v in operation.values.items() if n != name}
            operation = replace(operation, values=values, lists=NO_LISTS)
        if len(matches) > 1:
            error = matching.ambiguous(name, value, matches, "Update one of them by its id, or merge them.")
            raise ValidationError({f"data.{name}": error})
        if matches:
            return self.update(replace(operation, id=matches[0]))
        if operation.expected is not None:
            raise VersionMismatch
        _check_complete(operation.values)
        return self.create(operation)

    def _existing(self, operation: Operation) -> dict[str, Any]:
        if operation.id not in self.now:
            raise ObjectMissing("customer", operation.id, self.survivors.get(operation.id))
        customer = self.now[operation.id]
        check_version(customer["version"], operation.expected)
        return customer

    def _set_lists(self, customer: dict[str, Any], lists: Lists) -> Lists:
        """Plans the lists that were sent. Returns them as they will be."""
        existing = self.lists[customer["id"]]
        plans = plan_full_lists(customer, existing, lists)
        self.list_plans += plans
        after = {plan.kind.name: line_items_after(plan, existing.get(plan.kind.name, [])) for plan in plans}
        existing.update(after)
        return after

    def _record(self, type_: str, row: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        output = representation.customer(row)
        self.changes.append(Change(type_, row["id"], row["id"], row["version"], output, old))
        return output

    def write(self, origin: Origin) -> None:
        created = [row for customer_id, row in self.now.items() if customer_id not in self.before]
        if created:
            texts = [search.text_of(row, searched_in(self.lists[row["id"]])) for row in created]
            rows = [row | {"search_text": text} for row, text in zip(created, texts, strict=True)]
            bulk.insert_rows(CUSTOMERS, rows)
        self._update_all()
        log.record_many(self.changes, origin=origin)
        self._write_lists(origin)
        if self.deleted:
            delete_customers(self.deleted, origin=origin)

    def _update_all(self) -> None:
        """Writes what has changed in existing customers, with their search text."""
        changes: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for customer_id, before in self.before.items():
            row = self.now.get(customer_id, before)
            if row["version"] != before["version"]:
                changes.append((row, {name: row[name] for name in row if row[name] != before[name]}))
        renamed = [row["id"] for row, new in changes if not new.keys().isdisjoint(search.SEARCHED)]
        searched = searched_of(renamed)
        for row, new in changes:
            if not new.keys().isdisjoint(search.SEARCHED):
                new["search_text"] = search.text_of(row, searched.get(row["id"], []))
        bulk.update(CUSTOMERS, [(row["id"], new) for row, new in changes])

    def _write_lists(self, origin: Origin) -> None:
        for plans in _rounds(self.list_plans):
            write(plans, origin=origin)
        changed = {plan.customer["id"] for plan in self.list_plans if plan.changes_search}
        refresh_search([self.now[i] for i in sorted(changed) if i in self.before and i in self.now])


def _matching(matches: Iterable[tuple[str, str]]) -> set[str]:
    """The ids of all customers that may have one of these values (attribute, value)."""
    ids: set[str] = set()
    for name in MATCHABLE:
        if values := {value for match_on, value in matches if match_on == name}:
            ids.update(matching.candidates(Customer.objects.order_by().values_list("id", flat=True), name, values))
    return ids


def _line_items_of(ids: Sequence[str], names: Iterable[str]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Of each customer, by the kind's name."""
    lists: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(dict)
    for name in sorted(names):
        for customer_id, items in existing_line_items(BY_NAME[name], ids).items():
            lists[customer_id][name] = items
    return lists


def _rounds(plans: Iterable[ListPlan]) -> list[list[ListPlan]]:
    """Several operations may change one customer's list: these changes are written one after the other."""
    rounds: list[list[ListPlan]] = []
    turns: Counter[tuple[str, str]] = Counter()
    for plan in plans:
        turn = turns[plan.customer["id"], plan.kind.name]
        turns[plan.customer["id"], plan.kind.name] += 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(plan)
    return rounds


@contextmanager
def _problems_in_data() -> Iterator[None]:
    """Names of attributes become paths in the operation: `data.email_id`."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError({f"data.{name}": errors for name, errors in error.error_dict.items()}) from None
