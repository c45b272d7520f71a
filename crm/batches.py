"""Up to a thousand operations at once: what they touch is read and locked together, judged in order, written in sets.

The operations are worked through in memory, each on what the ones before it left. Then every
customer is written once, with an event for each operation that changed something.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from crm import matching, representation, rules, search
from crm.models import CUSTOMERS, Customer, SupplierNumberAtCustomer
from crm.services import delete_customers, locked_customers, new_customer
from overplane.database.attributes import attributes
from overplane.events import log
from overplane.events.log import Change
from overplane.observability import Origin
from overplane.problems import Code, ObjectMissing, invalid

MATCHABLE = ("tax_id", "customer_pos_id", "email_id")
CANDIDATES_NAMED = 5


@dataclass(frozen=True, slots=True)
class Operation:
    """`op` is create, update, delete or upsert; `values` are parsed. `error`: it could not be parsed."""

    index: int
    op: str = ""
    id: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    match_on: str = ""
    error: ValidationError | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one operation: an HTTP status with the object, or with the error."""

    index: int
    status: int
    shown: dict[str, Any] | None = None
    error: ValidationError | None = None


def apply(operations: Sequence[Operation], *, atomic: bool, origin: Origin) -> list[Outcome]:
    """Does all of them, or, unless `atomic`, those that can be done. One transaction either way.

    Raises one `ValidationError` with every problem (`operations[3].data.email_id`) if `atomic` and there is any.
    """
    with transaction.atomic(savepoint=False):
        work = _Work(operations)
        outcomes = [work.outcome(operation) for operation in operations]
        failed = [outcome for outcome in outcomes if outcome.error]
        if atomic and failed:
            raise ValidationError(_all_problems(failed))
        work.write(origin)
    return outcomes


def _check_complete(values: Mapping[str, Any]) -> None:
    """An upsert that finds nobody creates, and then needs what a create needs."""
    absent = [name for name, known in attributes(Customer).items() if known.required and name not in values]
    if absent:
        message = "Nobody has this value, so a customer would be created, which needs this attribute."
        raise ValidationError({f"data.{name}": invalid(Code.PARAMETER_MISSING, message) for name in absent})


def _all_problems(failed: Sequence[Outcome]) -> dict[str, Any]:
    return {
        f"operations[{outcome.index}].{name}": errors
        for outcome in failed
        for name, errors in outcome.error.error_dict.items()  # type: ignore[union-attr]
    }


class _Work:
    """The customers that the operations touch, as they are in the database and as they become."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        good = [operation for operation in operations if not operation.error]
        matches = [(o.match_on, o.values[o.match_on]) for o in good if o.op == "upsert"]
        matching.claim(matches)
        ids = {o.id for o in good if o.op in ("update", "delete")}
        wanted = {name: {value for match_on, value in matches if match_on == name} for name in MATCHABLE}
        for name, values in wanted.items():
            if values:
                ids.update(Customer.objects.filter(**{f"{name}__in": values}).values_list("id", flat=True))
        self.before = {one["id"]: one for one in locked_customers(ids)}
        self.now: dict[str, dict[str, Any]] = dict(self.before)
        self.deleted: list[str] = []
        self.changes: list[Change] = []
        self.moment = timezone.now()

    def outcome(self, operation: Operation) -> Outcome:
        if operation.error:
            return Outcome(operation.index, 400, error=operation.error)
        try:
            status, shown = getattr(self, operation.op)(operation)
            return Outcome(operation.index, status, shown)
        except ObjectMissing as missing:
            error = ValidationError({"id": invalid(Code.RESOURCE_MISSING, str(missing))})
            return Outcome(operation.index, 404, error=error)
        except ValidationError as error:
            return Outcome(operation.index, 400, error=error)

    def create(self, operation: Operation) -> tuple[int, dict[str, Any]]:
        with _problems_in_data():
            row = new_customer(operation.values, now=self.moment)
        self.now[row["id"]] = row
        return 201, self._tell("customer.created", row, {})

    def update(self, operation: Operation) -> tuple[int, dict[str, Any]]:
        before = self._existing(operation.id)
        after = before | operation.values
        with _problems_in_data():
            rules.check_customer(after)
        old = representation.changed(before, operation.values)
        if not old:
            return 200, representation.customer(before)
        after |= {"updated_at": max(self.moment, before["updated_at"]), "version": before["version"] + 1}
        self.now[operation.id] = after
        return 200, self._tell("customer.updated", after, old)

    def delete(self, operation: Operation) -> tuple[int, dict[str, Any]]:
        gone = self._existing(operation.id)
        del self.now[gone["id"]]
        self.deleted.append(gone["id"])
        return 200, representation.deleted(gone["id"])

    def upsert(self, operation: Operation) -> tuple[int, dict[str, Any]]:
        name, value = operation.match_on, operation.values[operation.match_on]
        found = sorted(row["id"] for row in self.now.values() if row[name] == value)
        if len(found) > 1:
            named = ", ".join(found[:CANDIDATES_NAMED]) + (" …" if len(found) > CANDIDATES_NAMED else "")
            message = f"{len(found)} customers have this {name}: {named}. Update one of them by its id."
            raise ValidationError({f"data.{name}": invalid(Code.PARAMETER_CONFLICT, message)})
        if found:
            return self.update(replace(operation, id=found[0]))
        _check_complete(operation.values)
        return self.create(operation)

    def _existing(self, customer_id: str) -> dict[str, Any]:
        if customer_id not in self.now:
            raise ObjectMissing("customer", customer_id)
        return self.now[customer_id]

    def _tell(self, type_: str, row: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
        shown = representation.customer(row)
        self.changes.append(Change(type_, row["id"], row["id"], row["version"], shown, old))
        return shown

    def write(self, origin: Origin) -> None:
        made = [row for customer_id, row in self.now.items() if customer_id not in self.before]
        # Those that this very batch deletes again are written too, and deleted with all that goes with it.
        made += self._born_dead()
        if made:
            CUSTOMERS.insert([row | {"search_text": search.text_of(row, [])} for row in made])
        for customer_id, row in self.now.items():
            if customer_id in self.before and row["version"] != self.before[customer_id]["version"]:
                self._update(self.before[customer_id], row)
        log.record_many(self.changes, origin=origin)
        if self.deleted:
            delete_customers(self.deleted, origin=origin)

    def _born_dead(self) -> list[dict[str, Any]]:
        gone = set(self.deleted) - set(self.before)
        last = {change.subject: change for change in self.changes if change.subject in gone}
        return [dict(change.object) | {"version": change.version} for change in last.values()]

    def _update(self, before: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        written = {name: row[name] for name in row if row[name] != before[name]}
        if any(name in written for name in search.SEARCHED):
            rows = SupplierNumberAtCustomer.objects.filter(customer_id=row["id"]).order_by("idx")
            written["search_text"] = search.text_of(row, rows.values_list("supplier_number", flat=True))
        CUSTOMERS.update(row["id"], written)


@contextmanager
def _problems_in_data() -> Iterator[None]:
    """Names of attributes become paths in the operation: `data.email_id`."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError({f"data.{name}": errors for name, errors in error.error_dict.items()}) from None
