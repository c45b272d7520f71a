"""What is to become of each customer of a file: created, changed (and in what), left as it is, or refused."""

from collections.abc import Callable, Sequence

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from crm import matching, merged_keys
from crm.merged import survivors_of
from crm.models import CUSTOMERS, Customer, CustomerTombstone
from crm.transfer.batch import Batch, Values
from crm.transfer.batch_plans import BatchPlan, among
from crm.transfer.line_item_planning import LineItemPlanner
from crm.transfer.mapping import Columns
from crm.transfer.options import ImportOptions
from crm.transfer.reached_survivors import ReachedSurvivors
from overplane.database.attributes import attributes
from overplane.files.tables import ABSENT
from overplane.problems import Code, invalid

IDENTITY = ("id", "created_at", "updated_at")


class Planner:
    """Compares batches with the database. What only the database can tell is added to a batch's problems."""

    def __init__(self, columns: Columns, options: ImportOptions) -> None:
        self.columns, self.options = columns, options
        self.line_items = LineItemPlanner(columns, replaces=options.replace_rows)
        self.survivors = ReachedSurvivors()

    def plan(self, batch: Batch) -> BatchPlan:
        plan = BatchPlan()
        if self.columns.parent is not None:
            self._find_parents(batch, plan, self.columns.parent)
        elif self.options.mode == "create":
            plan.creates = [i for i in range(len(batch)) if i not in batch.problems]
        else:
            self._match(batch, plan, self.options.match_on or "")
        batch.complete(plan.creates)
        self._refuse_incomplete(batch, plan.creates)
        self._refuse_taken(batch, plan.creates)
        self.line_items.refuse_taken(batch, plan)
        self.line_items.refuse_incomplete(batch, plan)
        plan.creates = [i for i in plan.creates if i not in batch.problems]
        return plan

    def changes(self, batch: Batch, i: int, before: Values) -> Values:
        """What the file says of this customer, as far as it differs from how it is."""
        sent = ((name, batch.values[name][i]) for name in batch.values if name not in IDENTITY)
        return {name: value for name, value in sent if value != ABSENT and value != before[name]}

    def _refuse(self, batch: Batch, i: int, name: str, error: ValidationError) -> None:
        value = batch.values[name][i] if name in batch.values else ""
        batch.refuse(i, self.columns.heading(name), str(value or ""), error)

    def _find_parents(self, batch: Batch, plan: BatchPlan, index: int) -> None:
        """The customers that a file of line items names."""
        ids = batch.values["customer_id"]
        living = set(among(_ids(Customer), "id", sorted({value for value in ids if value})))
        survivors = survivors_of({value for value in ids if value} - living)
        for i, value in enumerate(ids):
            if value and value not in living and value not in survivors:
                error = invalid(
                    Code.RESOURCE_MISSING, _("No such customer: %(value)s.") % {"value": format(repr(value), ".120")}
                )
                batch.refuse(i, self.columns.headings[index], value, error)
            elif i not in batch.problems:
                plan.unchanged[i] = survivors.get(value, value)
                if value in survivors:
                    plan.merged[i] = survivors[value]

    def _match(self, batch: Batch, plan: BatchPlan, name: str) -> None:
        keys = {i: value for i, value in enumerate(batch.values[name]) if i not in batch.problems}
        values = {key for key in keys.values() if key not in (None, ABSENT)}
        stored = Customer._default_manager.order_by("id").values_list(*CUSTOMERS.names)
        by_key: dict[str, list[Values]] = {}
        for row in matching.candidates(stored, name, values):
            before = dict(zip(CUSTOMERS.names, row, strict=True))
            by_key.setdefault(matching.match_key(name, before[name]), []).append(before)
        of_merged = _survivors(name, {value for value in values if matching.match_key(name, value) not in by_key})
        by_key |= of_merged
        is_same = _comparison(batch)
        match_keys = {i: "" if key in (None, ABSENT) else matching.match_key(name, key) for i, key in keys.items()}
        for i in sorted(
            keys, key=lambda i: match_keys[i] in of_merged
        ):  # these last: the survivor's own row goes before
            candidates = by_key.get(match_keys[i], []) if match_keys[i] else []
            is_merged = match_keys[i] in of_merged
            if error := self._match_error(batch, i, candidates, is_merged=is_merged):
                self._refuse(batch, i, name, error)
            elif not candidates:
                plan.creates.append(i)
            elif error := self._reached_twice(batch, plan, i, candidates[0]["id"], is_merged=is_merged):
                self._refuse(batch, i, name, error)
            elif not is_same(i, candidates[0]) and self.changes(batch, i, candidates[0]):
                plan.updates[i] = candidates[0]
            else:
                plan.unchanged[i] = candidates[0]["id"]

    def _reached_twice(
        self, batch: Batch, plan: BatchPlan, i: int, customer_id: str, *, is_merged: bool
    ) -> ValidationError | None:
        """A row of a merged customer is one of its survivor, which keeps its own key. Unless another row changes that one."""
        if error := self.survivors.reach(batch.numbers[i], customer_id, plan, is_merged=is_merged):
            return error
        if is_merged:
            plan.merged[i] = customer_id
            if self.options.match_on in matching.KEYS:
                batch.values[self.options.match_on][i] = ABSENT
        return None

    def _match_error(
        self, batch: Batch, i: int, candidates: Sequence[Values], *, is_merged: bool
    ) -> ValidationError | None:
        name = self.options.match_on or ""
        if len(candidates) > 1:
            ids = [one["id"] for one in candidates]
            return matching.ambiguous(name, batch.values[name][i], ids, _("Match on id, or merge them."))
        if not candidates and self.options.mode == "update":
            if batch.values[name][i] in (None, ABSENT):
                return invalid(
                    Code.PARAMETER_MISSING,
                    _("Without %(name)s nobody can tell which customer is meant.") % {"name": name},
                )
            return invalid(Code.RESOURCE_MISSING, _("No customer has this %(name)s.") % {"name": name})
        if is_merged and name == "id":
            return None
        sent = batch.values.get("id", {i: None})[i]
        if is_merged and sent and survivors_of({sent}).get(sent) == candidates[0]["id"]:
            batch.values["id"][i] = candidates[0]["id"]
        elif candidates and sent not in (None, ABSENT, candidates[0]["id"]):
            message = _("The customer with this %(name)s is %(id)s; an id never changes.") % {
                "name": name,
                "id": candidates[0]["id"],
            }
            return invalid(Code.PARAMETER_IMMUTABLE, message)
        return None

    def _refuse_incomplete(self, batch: Batch, creates: Sequence[int]) -> None:
        """A new customer needs what is required, which a column (or an object of the file) may lack."""
        for name in [name for name, known in attributes(Customer).items() if known.required]:
            values = batch.values.get(name)
            if values is not None and ABSENT not in values:
                continue
            for i in creates:
                if values is None or values[i] == ABSENT:
                    message = _("A customer would be created (nobody has the value), which needs this field.")
                    if self.options.mode == "create":
                        message = _("A new customer needs this field.")
                    batch.refuse(i, self.columns.heading(name), "", invalid(Code.PARAMETER_MISSING, message))

    def _refuse_taken(self, batch: Batch, creates: Sequence[int]) -> None:
        """An identifier that a file brings must be nobody's, and must never have been."""
        if "id" not in batch.values:
            return
        ids = {i: batch.values["id"][i] for i in creates if i not in batch.problems}
        sent = sorted({value for value in ids.values() if value not in (None, ABSENT)})
        living = set(among(_ids(Customer), "id", sent))
        dead = set(among(_ids(CustomerTombstone), "id", sent))
        survivors = survivors_of(dead)
        for i, value in ids.items():
            if value in living:
                message = _("There is a customer with this id. To change it match on the id (--match-on id).")
                self._refuse(batch, i, "id", invalid(Code.PARAMETER_DUPLICATE, message))
            elif value in survivors:
                self._refuse(batch, i, "id", _merged(survivors[value]))
            elif value in dead:
                message = _("A customer with this id was deleted; identifiers are never used again.")
                self._refuse(batch, i, "id", invalid(Code.PARAMETER_CONFLICT, message))


def _comparison(batch: Batch) -> Callable[[int, Values], bool]:
    """Tells, without looking at one value after the other, that nothing changes. (False: something may.)"""
    names = [name for name in batch.values if name not in IDENTITY]
    # (Without any name there is nothing to zip, and nothing changes.)
    sent = list(zip(*[batch.values[name] for name in names], strict=True)) or [()] * len(batch)
    return lambda i, before: sent[i] == tuple([before[name] for name in names])


def _survivors(name: str, values: set[str]) -> dict[str, list[Values]]:
    """By key: the customers that merged ones with these values are part of."""
    ids = merged_keys.survivors(name, values) if values else {}
    if not ids:
        return {}
    stored = Customer._default_manager.order_by("id").values_list(*CUSTOMERS.names)
    rows = among(stored, "id", sorted({one for several in ids.values() for one in several}))
    by_id = {row[0]: dict(zip(CUSTOMERS.names, row, strict=True)) for row in rows}
    return {key: [by_id[one] for one in several if one in by_id] for key, several in ids.items()}


def _ids(model: type[Customer] | type[CustomerTombstone]) -> QuerySet:
    return model._default_manager.values_list("id", flat=True)


def _merged(survivor: str) -> ValidationError:
    message = _("The customer with this id was merged into %(id)s. Change that one, or leave the id out.")
    return invalid(Code.PARAMETER_CONFLICT, message % {"id": survivor})
