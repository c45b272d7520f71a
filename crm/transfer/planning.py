"""What is to become of each customer of a file: made, changed (and in what), left as it is, or refused."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from crm import representation
from crm.line_items import RowsPlan, new_row
from crm.models import CUSTOMERS, Customer, CustomerTombstone, SupplierNumberAtCustomer
from crm.representation import ROW_ATTRIBUTES
from crm.transfer.parsing import Batch, ParseOptions
from overplane.database import statements
from overplane.database.attributes import attributes
from overplane.files.seen import Seen
from overplane.files.tables import ABSENT
from overplane.problems import Code, invalid

MODES = ("create", "update", "upsert")
MATCHABLE = ("id", "tax_id", "customer_pos_id", "email_id", "customer_name")
IDENTITY = ("id", "created_at", "updated_at")
NAMED = 5
Values = dict[str, Any]


@dataclass(slots=True)
class Plan:
    """By place in the chunk. `updates`: the customer as it is; `unchanged`: those that are so already (id)."""

    creates: list[int] = field(default_factory=list)
    updates: dict[int, Values] = field(default_factory=dict)
    unchanged: dict[int, str] = field(default_factory=dict)


class Planner:
    def __init__(self, parse_options: ParseOptions, *, mode: str, match_on: str | None, replaces_rows: bool) -> None:
        self.parse_options, self.columns = parse_options, parse_options.columns
        self.mode, self.match_on = mode, match_on
        self.keyless = 0  # customers of an upsert without a value to be found by
        unique = {name for name in ("id", match_on) if name and name in self.columns.customer}
        if self.columns.parent is not None and replaces_rows:
            unique.add("customer_id")
        self.seen = {name: Seen() for name in unique}
        self.row_ids = Seen() if "id" in self.columns.rows else None
        self.companies = Seen() if self.columns.parent is not None else None

    def note(self, batch: Batch) -> None:
        """Refuses what the file holds twice. Each chunk once, in their order."""
        if self.mode == "upsert":
            self.keyless += sum(value in (None, ABSENT) for value in batch.values.get(self.match_on or "", ()))
        for name, seen in self.seen.items():
            places = [i for i, value in enumerate(batch.values[name]) if value not in (None, ABSENT)]
            numbers = [batch.numbers[i] for i in places]
            for at, first in seen.add([batch.values[name][i] for i in places], numbers).items():
                message = f"Row {first} has the same {name}. Each may stand in the file once."
                self._refuse(batch, places[at], name, invalid(Code.PARAMETER_DUPLICATE, message))
        if self.row_ids:
            pairs = [(child["id"], child["number"], i) for i, child in _identified(batch, batch.children)]
            for at, first in self.row_ids.add([p[0] for p in pairs], [p[1] for p in pairs]).items():
                error = invalid(Code.PARAMETER_DUPLICATE, f"Row {first} has the same id.")
                batch.refuse(
                    pairs[at][2], self.columns.heading("supplier_numbers.id"), pairs[at][0], error, pairs[at][1]
                )

        if self.companies:
            self._refuse_scattered(batch, self.companies)

    def _refuse_scattered(self, batch: Batch, companies: Seen) -> None:
        """Which row of a company is meant can be told only of those that stand together."""
        pairs = [
            (f"{batch.values['customer_id'][i]}\0{company}", i)
            for i, children in batch.children.items()
            for company in sorted({child["company"] for child in children if child.get("company")})
        ]
        found = companies.add([pair for pair, _ in pairs], [batch.numbers[i] for _, i in pairs])
        for at, first in found.items():
            message = f"Row {first} is of the same customer and company: let its rows stand together."
            self._refuse(batch, pairs[at][1], "customer_id", invalid(Code.PARAMETER_DUPLICATE, message))

    def plan(self, batch: Batch) -> Plan:
        """Adds to the chunk's problems what only the database can tell."""
        if self.columns.parent is not None:
            return self._parents(batch)
        plan = Plan()
        if self.mode == "create":
            plan.creates = [i for i in range(len(batch)) if i not in batch.problems]
        else:
            self._match(batch, plan)
        self._refuse_incomplete(batch, plan.creates)
        self._refuse_taken(batch, plan.creates)
        self._refuse_taken_rows(batch, plan)
        plan.creates = [i for i in plan.creates if i not in batch.problems]
        return plan

    def changes(self, batch: Batch, i: int, before: Values) -> Values:
        """What the file says of this customer, as far as it differs from how it is."""
        given = ((name, batch.values[name][i]) for name in batch.values if name not in IDENTITY)
        return {name: value for name, value in given if value != ABSENT and value != before[name]}

    def _refuse(self, batch: Batch, i: int, name: str, error: ValidationError) -> None:
        value = batch.values[name][i] if name in batch.values else ""
        batch.refuse(i, self.columns.heading(name), str(value or ""), error)

    def _refuse_taken(self, batch: Batch, places: Sequence[int]) -> None:
        """An identifier that a file brings must be nobody's, and must never have been."""
        if "id" not in batch.values:
            return
        ids = {i: batch.values["id"][i] for i in places if i not in batch.problems}
        given = sorted({value for value in ids.values() if value not in (None, ABSENT)})
        living = set(_among(Customer.objects.values_list("id", flat=True), "id", given))
        dead = set(_among(CustomerTombstone.objects.values_list("id", flat=True), "id", given))
        for i, value in ids.items():
            if value in living:
                message = "There is a customer with this id. To change it use --match-on id."
                self._refuse(batch, i, "id", invalid(Code.PARAMETER_DUPLICATE, message))
            elif value in dead:
                message = "A customer with this id was deleted; identifiers are never used again."
                self._refuse(batch, i, "id", invalid(Code.PARAMETER_CONFLICT, message))

    def _refuse_taken_rows(self, batch: Batch, plan: Plan) -> None:
        """Rows of new customers bring new identifiers; those of others may name rows of that very customer."""
        if "id" not in self.columns.rows:
            return
        owners = dict.fromkeys(plan.creates)
        owners |= {i: before["id"] for i, before in plan.updates.items()} | plan.unchanged  # type: ignore[assignment]
        given = [child["id"] for _, child in _identified(batch, owners)]
        pairs = SupplierNumberAtCustomer.objects.values_list("id", "customer_id")
        taken = dict(_among(pairs, "id", given))
        for i, child in _identified(batch, owners):
            if child["id"] in taken and taken[child["id"]] != owners[i]:
                error = invalid(Code.PARAMETER_DUPLICATE, "Another customer has a supplier number with this id.")
                batch.refuse(i, self.columns.heading("supplier_numbers.id"), child["id"], error, child["number"])

    def _match(self, batch: Batch, plan: Plan) -> None:
        name = self.match_on or ""
        keys = {i: value for i, value in enumerate(batch.values[name]) if i not in batch.problems}
        wanted = sorted({key for key in keys.values() if key not in (None, ABSENT)})
        found: dict[str, list[Values]] = {}
        for row in _among(Customer.objects.order_by("id").values_list(*CUSTOMERS.names), name, wanted):
            before = CUSTOMERS.values(row)
            found.setdefault(before[name], []).append(before)
        for i, key in keys.items():
            candidates = [] if key in (None, ABSENT) else found.get(key, [])
            if error := self._match_error(key, candidates, batch, i):
                self._refuse(batch, i, name, error)
            elif not candidates:
                plan.creates.append(i)
            elif self.changes(batch, i, candidates[0]):
                plan.updates[i] = candidates[0]
            else:
                plan.unchanged[i] = candidates[0]["id"]

    def _match_error(self, key: str | None, candidates: list[Values], batch: Batch, i: int) -> ValidationError | None:
        name = self.match_on
        if len(candidates) > 1:
            named = ", ".join(one["id"] for one in candidates[:NAMED]) + (" …" if len(candidates) > NAMED else "")
            message = f"{len(candidates)} customers have this {name}: {named}. Match on id, or merge them."
            return invalid(Code.PARAMETER_CONFLICT, message)
        if not candidates and self.mode == "update":
            if key in (None, ABSENT):
                return invalid(Code.PARAMETER_MISSING, f"Without {name} nobody can tell which customer is meant.")
            return invalid(Code.RESOURCE_MISSING, f"No customer has this {name}.")
        if candidates and batch.values.get("id", {i: None})[i] not in (None, ABSENT, candidates[0]["id"]):
            message = f"The customer with this {name} is {candidates[0]['id']}; an id never changes."
            return invalid(Code.PARAMETER_IMMUTABLE, message)
        return None

    def _refuse_incomplete(self, batch: Batch, places: Sequence[int]) -> None:
        """A new customer needs what is required, which a column (or an object of the file) may lack."""
        for name in [name for name, known in attributes(Customer).items() if known.required]:
            values = batch.values.get(name)
            if values is not None and ABSENT not in values:
                continue
            for i in places:
                if values is None or values[i] == ABSENT:
                    message = "A customer would be created (nobody has the value), which needs this field."
                    if self.mode == "create":
                        message = "A new customer needs this field."
                    batch.refuse(i, self.columns.heading(name), "", invalid(Code.PARAMETER_MISSING, message))

    def _parents(self, batch: Batch) -> Plan:
        """The customers that a file of rows names."""
        plan = Plan()
        ids = batch.values["customer_id"]
        given = sorted({value for value in ids if value})
        living = set(_among(Customer.objects.values_list("id", flat=True), "id", given))
        for i, value in enumerate(ids):
            if value and value not in living:
                heading = self.columns.headings[self.columns.parent or 0]
                batch.refuse(i, heading, value, invalid(Code.RESOURCE_MISSING, f"No such customer: {value!r:.120}."))
            elif i not in batch.problems:
                plan.unchanged[i] = value
        self._refuse_taken_rows(batch, plan)
        return plan


def _identified(batch: Batch, places: Iterable[int]) -> Iterator[tuple[int, Values]]:
    """The supplier numbers of these customers that bring an id of their own."""
    return ((i, child) for i in places for child in batch.children.get(i, []) if child.get("id"))


def _among(queryset: Any, name: str, values: Sequence[str]) -> list[Any]:
    """The rows whose `name` is one of many values: asked for in parts, each of which an index answers."""
    found: list[Any] = []
    for part in statements.in_parts(values):
        found += queryset.filter(**{f"{name}__in": part})
    return found


def plan_rows(
    customer: Values, existing: Sequence[Values], children: Sequence[Mapping[str, Any]], *, replaces: bool
) -> RowsPlan:
    """Finds each row of the file among those that are there: by id, as the same row, or as the same company's only one."""
    plan = RowsPlan(customer, before=[row["id"] for row in existing])
    free = {row["id"]: row for row in existing}
    kept: list[str] = []
    for child in _paired(children, free):
        given = {n: v for n, v in child.items() if n in ROW_ATTRIBUTES}
        before = child["before"]
        if before is None:
            made = new_row(customer["id"], 0, given, row_id=child.get("id"))
            plan.inserts.append(made)
            kept.append(made["id"])
            continue
        kept.append(before["id"])
        if representation.changed(before, given):
            plan.updates.append((before, before | given))
    if replaces:
        plan.deletes, plan.order = list(free.values()), kept
    else:
        plan.order = [*plan.before, *(row["id"] for row in plan.inserts)]
    return plan


def _paired(children: Sequence[Mapping[str, Any]], free: dict[str, Values]) -> list[Values]:
    """Each child with the row that it means (`before`), which is then free no more."""
    paired: list[Values] = [dict(child, before=free.pop(child.get("id") or "", None)) for child in children]
    for child in paired:
        if child["before"] is None and not child.get("id"):
            names = [n for n in ROW_ATTRIBUTES if n in child]
            same = next((r for r in free.values() if all(r[n] == child[n] for n in names)), None)
            child["before"] = free.pop(same["id"]) if same else None
    for child in paired:
        if child["before"] is None and not child.get("id") and child.get("company"):
            theirs = [row for row in free.values() if row["company"] == child["company"]]
            rivals = [c for c in paired if c["before"] is None and c.get("company") == child["company"]]
            if len(theirs) == len(rivals) == 1:
                child["before"] = free.pop(theirs[0]["id"])
    return paired
