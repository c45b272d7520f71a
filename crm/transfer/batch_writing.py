"""Writing one batch: one transaction with its events and with how far the run has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import matching
from crm.line_item_plans import change_line_items
from crm.locking import locked_customers
from crm.models import ImportRun
from crm.transfer import bulk_writes
from crm.transfer.batch import Batch, ParseOptions, Values
from crm.transfer.batch_plans import BatchPlan
from crm.transfer.planning import Planner
from crm.transfer.recording import changed_ids, outcomes_of
from crm.transfer.refused_files import RefusedRows
from crm.transfer.task import ImportTask, hold
from overplane.database.bulk import PreparedRows
from overplane.events import epochs
from overplane.problems import Code, invalid


@dataclass(frozen=True, slots=True)
class Creation:
    """New customers of a batch, by index, their ids, and what is to be written for them, with events of this epoch."""

    indexes: Sequence[int]
    ids: Sequence[str]
    epoch: int
    parts: Sequence[PreparedRows]


class BatchWriter:
    def __init__(self, task: ImportTask, parse_options: ParseOptions, refused: RefusedRows | None) -> None:
        self.task, self.parse_options, self.refused = task, parse_options, refused
        self.columns = parse_options.columns
        self.planner = Planner(self.columns, task.options)
        self.epoch = epochs.current()  # asked here, for the thread that prepares events has no connection

    def creation(self, batch: Batch, indexes: Sequence[int]) -> Creation:
        """Does not touch the database, so a thread may do it ahead."""
        is_whole = len(indexes) == len(batch)
        columns = {n: column if is_whole else [column[i] for i in indexes] for n, column in batch.values.items()}
        line_items = {name: [items.get(i, ()) for i in indexes] for name, items in batch.line_items.items()}
        ids = bulk_writes.ids_of(columns, len(indexes))
        parts = bulk_writes.new_customers(
            columns | {"id": ids},
            line_items,
            count=len(indexes),
            now=timezone.now(),
            origin=self.task.origin,
            epoch=self.epoch,
        )
        return Creation(indexes, ids, self.epoch, parts)

    def write(self, batch: Batch, prepared: Creation | None) -> None:
        """`prepared` is used if its customers are still those that are to be created."""
        run, report, match_on = self.task.stored_run, self.task.report, self.task.options.match_on
        with transaction.atomic():
            hold(run)
            if match_on:
                matching.claim([(match_on, value) for value in batch.values.get(match_on, []) if value])
            plan = self.planner.plan(batch)
            self.epoch = epochs.current()
            is_valid = prepared is not None and (prepared.indexes, prepared.epoch) == (plan.creates, self.epoch)
            creation = prepared if prepared and is_valid else self.creation(batch, plan.creates)
            for part in creation.parts:
                part.write()
            report.count_created(batch, plan.creates)
            changed = self._change(batch, plan, timezone.now())
            report.note_merged(batch, plan.merged)
            report.note_problems(batch)
            created = dict(zip(creation.indexes, creation.ids, strict=True))
            self.task.recorder.note_outcomes(batch, outcomes_of(batch, plan, created, changed))
            if self.refused and batch.problems:
                self.refused.add(batch, self.parse_options)
            ImportRun.objects.filter(pk=run.pk).update(
                position=batch.last_number,
                counts=dict(report.counts),
                refused_bytes=self.refused.flushed() if self.refused else 0,
            )
        run.position = batch.last_number  # now that it is committed

    def _change(self, batch: Batch, plan: BatchPlan, now: datetime) -> set[str]:
        """Locks the customers that differ, compares them once more, and writes what still differs. The ids of those."""
        report, line_items = self.task.report, self.planner.line_items
        ids = {before["id"] for before in plan.updates.values()}
        ids |= {one.customer["id"] for one in line_items.plans(batch, plan)}
        locked = {one["id"]: one for one in locked_customers(ids)}
        self._refuse_overtaken(batch, plan, ids, locked)
        line_items.refuse_incomplete(batch, plan)
        changes: list[tuple[Values, Values]] = []
        for i, before in plan.updates.items():
            if i in batch.problems:
                continue
            current = locked[before["id"]]
            if new := self.planner.changes(batch, i, current):
                changes.append((current, new))
                report.note_update(batch.numbers[i], current, new)
            else:
                report.counts["unchanged"] += 1
        report.counts["unchanged"] += len([i for i in plan.unchanged if i not in batch.problems])
        bulk_writes.update_customers(changes, now=now, origin=self.task.origin)
        changed = {before["id"] for before, _new in changes}
        if self.columns.line_items:
            # Read once more: events of line items tell the customer's version as it is now.
            customers = {one["id"]: one for one in locked_customers(ids)}
            plans = line_items.plans(batch, plan, customers)
            report.count_line_items(plans)
            change_line_items(plans, origin=self.task.origin)
            changed |= changed_ids(plans)
        return changed

    def _refuse_overtaken(self, batch: Batch, plan: BatchPlan, ids: set[str], locked: dict[str, Values]) -> None:
        """Customers that somebody deleted, or gave another key, between the planning and the lock."""
        match_on = self.task.options.match_on
        key = match_on if match_on in batch.values else None
        for i, customer_id in plan.existing.items():
            if customer_id not in ids or i in batch.problems:
                continue
            if customer_id not in locked:
                error = invalid(Code.RESOURCE_MISSING, _("The customer was deleted meanwhile."))
                batch.refuse(i, "", customer_id, error)
            elif key and i not in plan.merged and not self._has_key(locked[customer_id], key, batch.values[key][i]):
                error = invalid(
                    Code.PARAMETER_CONFLICT,
                    _("Somebody changed its %(key)s meanwhile. Import the row again.") % {"key": key},
                )
                batch.refuse(i, self.columns.heading(key), customer_id, error)

    @staticmethod
    def _has_key(customer: Values, name: str, value: str) -> bool:
        stored = customer[name]
        return stored is not None and matching.match_key(name, stored) == matching.match_key(name, value)
