"""Taking back what one request of a person changed: a cell, a form, a change of many, rows that were deleted.

The log knows it by the request's number. Each customer is put back in a transaction of its own, as a new change. What
somebody else changed since is left as it is, and said.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from crm import merged, services, unmerging
from crm.line_items import BY_EVENT, LINE_ITEMS
from crm.locking import locked_customers
from crm.transfer.histories import oldest_values
from crm.transfer.undo import restore_line_items
from overplane.backoffice.outcomes import UNDO_FOR
from overplane.events.models import Event
from overplane.origin import Origin
from overplane.problems import ObjectMissing, UnmergeExpired

KIND = "crm.undo_change"
MOST_WITHOUT_JOB = 500  # customers: more are put back by a job, as it was a job that changed them
NAMED = 5  # customers that are named when they are left as they are
AS_LONG_AS_A_JOB = timedelta(days=1)
signer = TimestampSigner(salt="crm.undo")


@dataclass(slots=True)
class ChangeUndoResult:
    """How many customers were put back, and how many were left alone, all or a part of them, with the first names.

    `gone`: are no customers any more, so nothing of them can come back.
    """

    restored: int = 0
    gone: int = 0
    kept_count: int = 0
    kept: list[str] = field(default_factory=list)

    def note_kept(self, name: str) -> None:
        self.kept_count += 1
        self.kept += [name] if len(self.kept) < NAMED else []


def token(request_id: str) -> str:
    """What the button of the message sends."""
    return signer.sign(request_id)


def request_of(sent: str) -> str | None:
    """The number of the request; None if the token is old or not ours."""
    try:
        return signer.unsign(sent, max_age=UNDO_FOR)
    except BadSignature:
        return None


def is_for_a_job(request_id: str, actor: str) -> bool:
    """Whether more customers were changed than a page can wait for."""
    return _subjects(request_id, actor)[: MOST_WITHOUT_JOB + 1].count() > MOST_WITHOUT_JOB


def count(origin: Origin) -> int:
    """How many customers this request has changed. Those that were as they should be have no event."""
    return _subjects(origin.request_id or "", origin.actor).count()


def _subjects(request_id: str, actor: str) -> QuerySet:
    return _events(request_id, actor).order_by().values("subject").distinct()


def undo(
    request_id: str, origin: Origin, progress: Callable[[int, int], None] = lambda done, total: None
) -> ChangeUndoResult:
    """Takes back what this very actor changed in that request. `origin` is the undo's own."""
    events = _events(request_id, origin.actor)
    result = ChangeUndoResult()
    if gone := list(events.filter(type="customer.merged").values_list("subject", flat=True)):
        _unmerge(gone, origin, result)
        return result
    subjects = list(events.order_by("subject").values_list("subject", flat=True).distinct())
    for done, subject in enumerate(subjects):
        progress(done, len(subjects))
        with transaction.atomic():
            _undo_one(subject, request_id, origin, result)
    return result


def _events(request_id: str, actor: str) -> QuerySet[Event]:
    # A job that goes on with the request's change writes for a while after it, and another takes it back.
    recent = Event.objects.filter(actor=actor, created_at__gte=timezone.now() - AS_LONG_AS_A_JOB)
    return recent.filter(request_id=request_id)


def _unmerge(ids: Sequence[str], origin: Origin, result: ChangeUndoResult) -> None:
    """Those of a merge that are still part of another customer."""
    survivors = merged.survivors_of(ids)
    for survivor in sorted(set(survivors.values())):
        try:
            done = unmerging.unmerge_customers(
                survivor, [one for one in ids if survivors.get(one) == survivor], origin=origin
            )
        except (ObjectMissing, UnmergeExpired, ValidationError):  # somebody was faster
            continue
        result.restored += len(done.restored) + (0 if done.not_reverted else 1)
        if done.not_reverted:
            result.note_kept(done.survivor.output["customer_name"])


def _undo_one(subject: str, request_id: str, origin: Origin, result: ChangeUndoResult) -> None:
    locked = next(iter(locked_customers([subject])), None)
    if locked is None:
        result.gone += 1
        return
    events = _since(subject, request_id)
    if any(event.request_id == origin.request_id for event in events):  # by the same job, which is run again
        result.restored += 1
        return
    ours, others = [e for e in events if e.request_id == request_id], [e for e in events if e.request_id != request_id]
    is_whole = _restore_values(locked, ours, others, origin)
    is_whole = _restore_rows(subject, ours, others, origin) and is_whole
    result.restored += 1 if is_whole else 0
    if not is_whole:
        result.note_kept(locked["customer_name"] or subject)


def _since(subject: str, request_id: str) -> list[Event]:
    """The customer's events from the request's first one on: what was before may be long, and does not matter."""
    events = Event.objects.filter(subject=subject)
    first = events.filter(request_id=request_id).aggregate(first=Min("seq"))["first"]
    return list(events.filter(seq__gte=first).defer("object").order_by("seq"))


def _changed(events: Iterable[Event], type_: str) -> set[str]:
    return {name for event in events if event.type == type_ for name in event.changed.split()}


def _restore_values(locked: dict[str, Any], ours: Sequence[Event], others: Sequence[Event], origin: Origin) -> bool:
    """Whether all of them are back."""
    old = oldest_values(ours)
    theirs = _changed(others, "customer.updated")
    values = {name: value for name, value in old.items() if name not in theirs}
    if values:
        try:
            services.update_customer(locked["id"], values, origin=origin)
        except ValidationError:  # the old value breaks a rule that came after it
            return False
    return len(values) == len(old)


def _restore_rows(subject: str, ours: Sequence[Event], others: Sequence[Event], origin: Origin) -> bool:
    is_whole = True
    for kind in LINE_ITEMS:
        mine = [event for event in ours if BY_EVENT.get(event.type) is kind]
        if not mine:
            continue
        rows, theirs = {event.object_id for event in mine}, [e for e in others if BY_EVENT.get(e.type) is kind]
        # Another row that somebody changed stays as it is. One that came, went or moved changes the places of ours.
        if any(event.type != kind.updated or event.object_id in rows for event in theirs):
            is_whole = False
        else:
            restore_line_items(kind, {subject: mine}, origin)
    return is_whole
