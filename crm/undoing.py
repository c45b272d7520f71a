"""Taking back what an import did, from what the log says that it did: customers it made go, values it changed return.

A customer that anybody has touched since (itself or its supplier numbers) is left alone and named.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from crm import bulk
from crm.models import Customer, ImportRun, RunState
from crm.planning import RowsPlan, existing_rows
from crm.services import delete_customers, locked_customers
from overplane.database.attributes import attributes
from overplane.events.changes import old_values
from overplane.events.models import Event
from overplane.files.sources import UnusableFile
from overplane.ids import new_id
from overplane.observability import Origin

AT_ONCE = 500
NAMED = 200
ROW = "supplier_number_at_customer."
Progress = Callable[[float], None]


@dataclass(slots=True)
class Undone:
    """`kept`: the first customers that were left alone because somebody changed them since (id)."""

    run: str = ""
    deleted: int = 0
    restored: int = 0
    kept_count: int = 0
    kept: list[str] = field(default_factory=list)


def undo(run_id: str, *, started_by: str, progress: Progress = lambda fraction: None) -> Undone:
    """Takes back one run, in short transactions: broken off, it is simply begun again. Raises `UnusableFile`."""
    run = ImportRun.objects.filter(pk=run_id).first()
    if run is None:
        raise UnusableFile(f"There is no import {run_id!r}. Each import tells its own when it ends.")
    if run.state not in (RunState.DONE, RunState.WRITING):
        raise UnusableFile(f"{run_id} wrote nothing that could be taken back: it {run.get_state_display()}.")
    if _is_purged(run):
        raise UnusableFile(f"The log does not reach back to {run_id} any more, so nobody knows what it changed.")
    undone = Undone(new_id("run"))
    origin = Origin(f"import:{undone.run}")
    for subjects, after, fraction in _subjects(run):
        with transaction.atomic():
            _take_back(run, subjects, after, undone, origin)
        progress(fraction)
    ImportRun.objects.filter(pk=run_id).update(state=RunState.UNDONE)
    ImportRun.objects.create(
        id=undone.run,
        created_at=timezone.now(),
        finished_at=timezone.now(),
        started_by=started_by[:100],
        file_name=f"undo of {run_id}",
        file_hash="",
        settings={"undo": run_id},
        state=RunState.DONE,
        counts={"deleted": undone.deleted, "restored": undone.restored, "kept": undone.kept_count},
    )
    return undone


def _is_purged(run: ImportRun) -> bool:
    done = sum(run.counts.get(n, 0) for n in ("created", "updated", "rows_created", "rows_updated", "rows_deleted"))
    return bool(done) and not Event.objects.filter(actor=f"import:{run.pk}").exists()


def _subjects(run: ImportRun) -> Iterator[tuple[list[str], int, float]]:
    """The customers that the run touched, in parts; each with where in the log its part begins."""
    events = Event.objects.filter(actor=f"import:{run.pk}")
    bounds = events.aggregate(first=Min("seq"), last=Max("seq"))
    after, last = (bounds["first"] or 1) - 1, bounds["last"] or 0
    while part := list(events.filter(seq__gt=after).order_by("seq").values_list("seq", "subject")[: AT_ONCE * 4]):
        subjects = sorted({subject for _, subject in part})
        for start in range(0, len(subjects), AT_ONCE):
            yield subjects[start : start + AT_ONCE], after, part[-1][0] / max(last, 1)
        after = part[-1][0]


def _take_back(run: ImportRun, subjects: Sequence[str], after: int, undone: Undone, origin: Origin) -> None:
    held = {one["id"]: one for one in locked_customers(subjects)}
    told: dict[str, list[Event]] = {}
    others: set[str] = set()
    for event in Event.objects.filter(subject__in=list(held)).order_by("seq"):
        if event.actor == f"import:{run.pk}":
            others.discard(event.subject)  # what came before the run is no matter
            told.setdefault(event.subject, []).append(event)
        elif event.actor != origin.actor:
            others.add(event.subject)
    doomed: list[str] = []
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = []
    rows: list[RowsPlan] = []
    existing = existing_rows(sorted(told))
    for customer_id, events in told.items():
        if events[0].seq <= after:  # dealt with in an earlier part
            continue
        if customer_id in others:
            undone.kept_count += 1
            undone.kept += [customer_id] if len(undone.kept) < NAMED else []
        elif events[0].type == "customer.created":
            doomed.append(customer_id)
        else:
            old = _oldest_values(events)
            if new := {n: value for n, value in old.items() if held[customer_id][n] != value}:
                changes.append((held[customer_id], new))
            rows.append(_rows_plan(held[customer_id], existing.get(customer_id, []), events))
            undone.restored += 1
    undone.deleted += delete_customers(doomed, origin=origin) if doomed else 0
    bulk.update_customers(changes, now=timezone.now(), origin=origin)
    if rows:
        current = {one["id"]: one for one in locked_customers([plan.customer["id"] for plan in rows])}
        for plan in rows:
            plan.customer = current[plan.customer["id"]]
        bulk.change_rows(rows, origin=origin)


def _oldest_values(events: Sequence[Event]) -> dict[str, Any]:
    """What the run found, where it changed anything of the customer itself."""
    found: dict[str, Any] = {}
    for event in events:
        if event.type == "customer.updated":
            found = old_values(event) | found
    return {name: value for name, value in found.items() if name in attributes(Customer)}


def _rows_plan(customer: dict[str, Any], existing: Sequence[dict[str, Any]], events: Sequence[Event]) -> RowsPlan:
    """Rows that the run made go, those it changed return to what they were, those it deleted come back under new ids."""
    plan = RowsPlan(customer, before=[row["id"] for row in existing])
    by_id = {row["id"]: row for row in existing}
    made = {event.object_id for event in events if event.type == ROW + "created"}
    plan.deletes = [row for row in existing if row["id"] in made]
    order = _oldest_order(events) or [row["id"] for row in existing if row["id"] not in made]
    names: dict[str, str] = {}
    for event in events:
        old = orjson.loads(event.previous) if event.previous else {}
        if event.type == ROW + "updated" and event.object_id in by_id and event.object_id not in made:
            before = by_id[event.object_id]
            restored = before | {n: old[n] for n in ("company", "supplier_number") if n in old}
            plan.updates.append((before, restored | {"version": before["version"] + 1}))
        elif event.type == ROW + "deleted" and old:
            again = {"id": new_id("supplier-number-at-customer"), "customer_id": customer["id"], "version": 1}
            plan.inserts.append(again | {n: old[n] for n in ("company", "supplier_number")})
            names[event.object_id] = again["id"]
            if event.object_id not in order:
                order.append(event.object_id)
    known = {*by_id, *names} - made
    plan.order = [names.get(row_id, row_id) for row_id in order if row_id in known]
    return plan


def _oldest_order(events: Sequence[Event]) -> list[str]:
    for event in events:
        if event.type == ROW + "reordered" and event.previous:
            return orjson.loads(event.previous)["ordered_ids"]
    return []
