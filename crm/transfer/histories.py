"""What the log says of customers since a run changed them, and by it what they and their line items were before."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import orjson

from crm.line_items import LINE_ITEMS, POSITION, LineItem
from crm.models import Customer, ImportRun, RunState
from overplane.database.attributes import attributes, logged
from overplane.events.changes import old_values
from overplane.events.models import Event


def histories(subjects: Sequence[str], actor: str) -> dict[str, list[Event]]:
    """The events of each customer and its line items, from the run's first on, without those of other runs that are undone.

    What came before does not matter.
    """
    by_subject: dict[str, list[Event]] = {}
    for event in Event.objects.filter(subject__in=subjects).defer("object").order_by("seq"):
        if event.actor == actor or event.subject in by_subject:
            by_subject.setdefault(event.subject, []).append(event)
    actors = {event.actor for events in by_subject.values() for event in events} - {actor}
    originals = {undo: original for undo, original in _undone_runs(actors).items() if original != actor}
    if not originals:
        return by_subject
    return {subject: _without_undone(events, originals) for subject, events in by_subject.items()}


def _undone_runs(actors: Iterable[str]) -> dict[str, str]:
    """Of these actors of events the undos that have ended, each with the run that it took back."""
    ids = [name for door, _, name in (actor.partition(":") for actor in actors) if door == "import"]
    undos = {run.pk: run.settings["undo"] for run in ImportRun.objects.filter(pk__in=ids, settings__has_key="undo")}
    ended = ImportRun.objects.filter(pk__in=set(undos.values()), state=RunState.UNDONE)
    undone_ids = set(ended.values_list("pk", flat=True))
    return {f"import:{undo}": f"import:{original}" for undo, original in undos.items() if original in undone_ids}


def _without_undone(events: list[Event], originals: Mapping[str, str]) -> list[Event]:
    """One customer's events without those of runs that were taken back here, and of their undos.

    An undo takes back all of a customer or, if somebody changed it, nothing. So where it has events nothing of the run
    is left but new ids: those of the line items that the run deleted.
    """
    for undo in dict.fromkeys(event.actor for event in events if event.actor in originals):
        did = [event for event in events if event.actor == originals[undo]]
        undid = [event for event in events if event.actor == undo]
        ids = _new_ids(did, undid)
        if did and ids is not None:
            rest = [event for event in events if event.actor not in (undo, originals[undo])]
            events = [_renamed(event, ids) for event in rest] if ids else rest
    return events


def _new_ids(did: Sequence[Event], undid: Sequence[Event]) -> dict[str, str] | None:
    """The ids under which the line items came back that a run deleted; None if the events do not fit together."""
    ids: dict[str, str] = {}
    for kind in LINE_ITEMS:
        deleted = {event.object_id for event in did if event.type == kind.deleted}
        # In this order the undo writes them, and so its events.
        old = [item_id for item_id in oldest_line_items(kind, did) if item_id in deleted]
        new = [event.object_id for event in undid if event.type == kind.created]
        if len(old) != len(new):
            return None
        ids |= zip(old, new, strict=True)
    return ids


def _renamed(event: Event, ids: Mapping[str, str]) -> Event:
    """The event as if the line items had had these ids already."""
    event.object_id = ids.get(event.object_id, event.object_id)
    if order := _previous(event).get("ordered_ids"):
        event.previous = orjson.dumps({"ordered_ids": [ids.get(one, one) for one in order]}).decode()
    return event


def oldest_values(events: Sequence[Event]) -> dict[str, Any]:
    """The values before the run, of the customer's attributes that it changed."""
    oldest: dict[str, Any] = {}
    for event in events:
        if event.type == "customer.updated":
            oldest = old_values(event) | oldest
    return logged(attributes(Customer), oldest)


def oldest_line_items(kind: LineItem, events: Sequence[Event]) -> dict[str, dict[str, Any]]:
    """The values before the run, of each line item that it changed or deleted and did not create."""
    oldest: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.type in (kind.updated, kind.deleted):
            old = logged(kind.attributes, old_values(event))
            oldest[event.object_id] = old | oldest.get(event.object_id, {})
    created = created_ids(kind, events)
    return {item_id: old for item_id, old in oldest.items() if item_id not in created}


def order_before(kind: LineItem, order: Sequence[str], events: Sequence[Event]) -> list[str]:
    """The order before the run: its changes of the order are taken back, the last one first."""
    before = list(order)
    for type_, group in groupby(reversed(events), key=attrgetter("type")):
        if type_ == kind.reordered:
            *_, earliest = group
            before = list(_previous(earliest)["ordered_ids"])
        elif type_ == kind.created:
            created = {event.object_id for event in group}
            before = [item_id for item_id in before if item_id not in created]
        elif type_ == kind.deleted:
            # They were deleted in one statement and name their positions before it, so they return in ascending order.
            for idx, item_id in sorted((_previous(event)[POSITION], event.object_id) for event in group):
                if item_id not in before:
                    before.insert(idx - 1, item_id)
    return before


def created_ids(kind: LineItem, events: Sequence[Event]) -> set[str]:
    return {event.object_id for event in events if event.type == kind.created}


def _previous(event: Event) -> dict[str, Any]:
    return orjson.loads(event.previous) if event.previous else {}
