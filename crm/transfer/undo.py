"""Taking back what an import did, by its events in the log: what it created is deleted, what it changed is restored.

A customer that anybody else has changed since (itself or its line items) is left alone and named; a run that is undone
itself has changed nothing. An undo is a run of its own, the actor of its events. If it breaks off and is begun again, or
is begun twice at once, it sees by these what is done already.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.line_item_plans import ListPlan, change_line_items, existing_line_items, new_line_item
from crm.line_items import BY_EVENT, LINE_ITEMS, LineItem
from crm.locking import locked_customers
from crm.models import HAS_WRITTEN, ImportRun, RunState
from crm.services import delete_customers
from crm.transfer import announcements, bulk_writes
from crm.transfer.histories import created_ids, histories, oldest_line_items, oldest_values, order_before
from overplane.events.models import Event
from overplane.files.sources import UnusableFile
from overplane.ids import new_id
from overplane.origin import Origin

# Customers of one transaction: short enough that nobody waits long for their locks.
STEP = 500
IDS_REPORTED = 200  # of each sort: as many as anybody looks up; the counts are of all
# What a run counts, each with an event of its own.
COUNTED = ("created", "updated", "rows_created", "rows_updated", "rows_deleted")
UndoProgress = Callable[[float], None]  # how much of the run is undone (0 to 1)


@dataclass(slots=True)
class UndoResult:
    """`kept`: left alone, for somebody changed them since; `gone`: somebody deleted them since. The first ids of each."""

    run: str = ""
    deleted: int = 0
    restored: int = 0
    kept_count: int = 0
    kept: list[str] = field(default_factory=list)
    gone_count: int = 0
    gone: list[str] = field(default_factory=list)

    def note_kept(self, customer_id: str) -> None:
        self.kept_count += 1
        self.kept += [customer_id] if len(self.kept) < IDS_REPORTED else []

    def note_gone(self, customer_id: str) -> None:
        self.gone_count += 1
        self.gone += [customer_id] if len(self.gone) < IDS_REPORTED else []


def undo(run_id: str, *, started_by: str, progress: UndoProgress = lambda fraction: None) -> UndoResult:
    """Takes back one run, in short transactions: broken off, it is simply begun again. Raises `UnusableFile`."""
    result = UndoResult(begin(run_id, started_by))
    for subjects, after, fraction in _subjects(_actor(run_id)):
        with transaction.atomic():
            _revert(_actor(run_id), subjects, after, result)
        progress(fraction)
    _end(run_id, result, started_by)
    return result


def _actor(run_id: str) -> str:
    return f"import:{run_id}"


@transaction.atomic
def begin(run_id: str, started_by: str) -> str:
    """The id under which the run is taken back. To be called again by whoever goes on with it. Raises `UnusableFile`.

    Each batch of the run locks it and checks that it is in the state `writing`. So once this is committed the run
    writes nothing more, and all that it wrote is in the log.
    """
    run = ImportRun.objects.select_for_update().filter(pk=run_id).first()
    if run is None:
        raise UnusableFile(
            _("There is no import %(run_id)s. Each import tells its own when it ends.") % {"run_id": repr(run_id)}
        )
    _refuse_what_cannot_be_taken_back(run)
    ImportRun.objects.filter(pk=run_id).update(state=RunState.UNDOING)
    if begun := ImportRun.objects.filter(settings__undo=run_id, state=RunState.WRITING).first():
        return begun.pk
    created = ImportRun.objects.create(
        id=new_id("run"),
        created_at=timezone.now(),
        started_by=started_by[:100],
        file_name=f"undo of {run_id}",
        file_hash="",
        settings={"undo": run_id},
        state=RunState.WRITING,
    )
    return created.pk


def _refuse_what_cannot_be_taken_back(run: ImportRun) -> None:
    if original := run.settings.get("undo"):
        # What it deleted is gone for good, with its values in the log.
        raise UnusableFile(
            _(
                "%(run)s took back %(original)s; that cannot be taken back itself. Import the file once more, or, if it broke"
                " off, end it (undo_import %(original)s)."
            )
            % {"run": run.pk, "original": original}
        )
    if run.state == RunState.UNDONE:
        raise UnusableFile(_("%(run)s is taken back already.") % {"run": run.pk})
    if run.state not in HAS_WRITTEN:
        raise UnusableFile(
            _("%(run)s wrote nothing that could be taken back (%(state)s).")
            % {"run": run.pk, "state": run.get_state_display()}
        )
    # The oldest events are purged first, so the log may still hold the run's last ones and not its first.
    logged = (
        Event.objects.filter(actor=_actor(run.pk)).exclude(type__in=[kind.reordered for kind in LINE_ITEMS]).count()
    )
    if logged < (done := sum(run.counts.get(name, 0) for name in COUNTED)):
        raise UnusableFile(
            _(
                "The log does not reach back to the beginning of %(run)s any more: of its %(done)s changes it holds"
                " %(logged)s, and nobody knows the others. It is left as it is."
            )
            % {"run": run.pk, "done": done, "logged": logged}
        )


@transaction.atomic
def _end(run_id: str, result: UndoResult, started_by: str) -> None:
    """Another process may have ended the same undo before; its counts are the same."""
    counts = {
        "deleted": result.deleted,
        "restored": result.restored,
        "kept": result.kept_count,
        "gone": result.gone_count,
    }
    if ImportRun.objects.filter(pk=run_id, state=RunState.UNDOING).update(state=RunState.UNDONE):
        announcements.undone(run_id, counts, started_by[:100])
    ImportRun.objects.filter(pk=result.run, state=RunState.WRITING).update(
        state=RunState.DONE, finished_at=timezone.now(), counts=counts
    )


def _subjects(actor: str) -> Iterator[tuple[list[str], int, float]]:
    """The customers that the run touched, in parts; each with where in the log its part begins."""
    events = Event.objects.filter(actor=actor)
    bounds = events.aggregate(first=Min("seq"), last=Max("seq"))
    start, last = (bounds["first"] or 1) - 1, bounds["last"] or 0
    after = start
    while part := list(events.filter(seq__gt=after).order_by("seq").values_list("seq", "subject")[: STEP * 4]):
        subjects = sorted({subject for _, subject in part})
        fraction = (part[-1][0] - start) / (last - start)
        for at in range(0, len(subjects), STEP):
            yield subjects[at : at + STEP], after, fraction
        after = part[-1][0]


def _revert(actor: str, subjects: Sequence[str], after: int, result: UndoResult) -> None:
    origin = Origin(_actor(result.run))
    locked = {one["id"]: one for one in locked_customers(subjects)}
    to_delete: list[str] = []
    touched: dict[str, list[Event]] = {}
    for customer_id, events in histories(subjects, actor).items():
        if events[0].seq <= after:  # done in an earlier part
            continue
        other = next((event for event in events if event.actor != actor), None)
        if other and other.actor == origin.actor:  # done in an attempt that broke off
            result.deleted += other.type == "customer.deleted"
            result.restored += other.type != "customer.deleted"
        elif customer_id not in locked:
            result.note_gone(customer_id)
        elif other:
            result.note_kept(customer_id)
        elif events[0].type == "customer.created":
            to_delete.append(customer_id)
        else:
            touched[customer_id] = events
    result.deleted += delete_customers(to_delete, origin=origin) if to_delete else 0
    result.restored += len(touched)
    _restore(locked, touched, origin)


def _restore(locked: dict[str, dict[str, Any]], touched: dict[str, list[Event]], origin: Origin) -> None:
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for customer_id, events in touched.items():
        old = oldest_values(events)
        if new := {name: value for name, value in old.items() if locked[customer_id][name] != value}:
            changes.append((locked[customer_id], new))
    bulk_writes.update_customers(changes, now=timezone.now(), origin=origin)
    for kind in LINE_ITEMS:
        restore_line_items(kind, touched, origin)


def restore_line_items(kind: LineItem, touched: dict[str, list[Event]], origin: Origin) -> None:
    changed = [i for i, events in touched.items() if any(BY_EVENT.get(event.type) is kind for event in events)]
    # Read once more: events of line items and the text that search looks in show the values that have just returned.
    customers = {one["id"]: one for one in locked_customers(changed)}
    existing = existing_line_items(kind, changed)
    plans = [_list_plan(kind, customers[i], existing.get(i, []), touched[i]) for i in changed]
    change_line_items(plans, origin=origin)


def _list_plan(
    kind: LineItem, customer: dict[str, Any], existing: Sequence[dict[str, Any]], events: Sequence[Event]
) -> ListPlan:
    """Deletes what the run created, restores what it changed, and creates again what it deleted, under a new id."""
    plan = ListPlan(kind, customer, before=[row["id"] for row in existing])
    by_id, created = {row["id"]: row for row in existing}, created_ids(kind, events)
    plan.deletes = [row for row in existing if row["id"] in created]
    again: dict[str, str] = {}
    for item_id, old in oldest_line_items(kind, events).items():
        if before := by_id.get(item_id):
            plan.updates += [(before, before | old)] if before | old != before else []
        else:
            plan.inserts.append(new_line_item(kind, customer["id"], 0, old))
            again[item_id] = plan.inserts[-1]["id"]
    plan.order = [again.get(item_id, item_id) for item_id in order_before(kind, plan.before, events)]
    return plan
