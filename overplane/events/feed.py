"""Reading the log as a feed that misses nothing and repeats nothing, though transactions commit out of order.

Only events below the horizon, the oldest transaction still running, are served: what is there can
no longer change or be added to. Positions are (epoch, xid, seq); a cursor also names the epoch in
which it was given out, so that one from before a restore is told apart.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan

from overplane.api.errors import ApiError, bad_request, error
from overplane.events import epochs
from overplane.events.models import Epoch, Event
from overplane.ids import sortable
from overplane.problems import Code

START = "start"
CURSOR = re.compile(r"([0-9a-f]{16})\.([0-9]{1,9})\.([0-9]{1,19})\.([0-9]{1,19})")
PURGE_STEP = 5000
NAMES = (
    "epoch", "xid", "seq", "type", "created_at", "actor", "object_id", "object_version",
    "request_id", "idempotency_key", "object", "previous",
)  # fmt: skip


class Position(NamedTuple):
    epoch: int
    xid: int
    seq: int


OLDEST = Position(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Feed:
    """A page of events and where to go on from."""

    events: list[dict[str, Any]]
    has_more: bool
    next_cursor: str


def read(after: str | None, *, limit: int, types: Sequence[str] | None) -> Feed:
    """Ascending from `after`; without it the newest first, and the cursor is the end of the log now."""
    epochs.current()  # the first to read a restored log begins its epoch, as the first to write would
    marks = list(Epoch.objects.order_by("id"))
    current = marks[-1]
    horizon = _horizon()
    position = _position(after, current.token, _purged(marks)) if after is not None else None
    end = _end(current.id, horizon)
    # Not what is written while we read: it is behind the cursor that we are about to give.
    until = Q(epoch__lt=current.id) | Q(xid__lt=horizon) if horizon else Q(seq__lte=end.seq)
    chosen = Event.objects.filter(until)
    if types is not None:
        chosen = chosen.filter(type__in=types)
    if position is None:
        rows = list(chosen.order_by("-epoch", "-xid", "-seq").values_list(*NAMES)[: limit + 1])
        next_position = end
    else:
        later = TupleGreaterThan(Tuple("epoch", "xid", "seq"), tuple(position))
        rows = list(chosen.filter(later).order_by("epoch", "xid", "seq").values_list(*NAMES)[: limit + 1])
        # Nothing further to see below the horizon: with `types`, do not read the others again and again.
        through = max(position, end) if len(rows) <= limit else position
        next_position = Position(*rows[limit - 1][:3]) if len(rows) > limit else through
    cursor = f"{current.token}.{'.'.join(map(str, next_position))}"
    return Feed([shown(*row) for row in rows[:limit]], len(rows) > limit, cursor)


def shown(
    epoch: int, xid: int, seq: int, type_: str, created_at: datetime, actor: str, object_id: str, version: int,
    request_id: str | None, idempotency_key: str | None, object_: str | None, previous: str | None,
) -> dict[str, Any]:  # fmt: skip
    """An event as it looks from outside. One whose subject was deleted has lost its values."""
    data = {
        "object": orjson.Fragment(object_) if object_ is not None else {"id": object_id},
        "previous_attributes": orjson.Fragment(previous) if previous is not None else {},
    }
    return {
        "id": f"evt_{sortable(epoch, 6)}{sortable(seq, 18)}",
        "type": type_,
        "created_at": created_at,
        "actor": actor,
        "data": data,
        "object_version": version,
        "request": {"id": request_id, "idempotency_key": idempotency_key},
    }


def _horizon() -> int | None:
    """Every transaction below this number has ended. None: writers stand in line (SQLite)."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return cursor.fetchone()[0]


def _end(epoch: int, horizon: int | None) -> Position:
    """A place behind every event that may be served now, and before all that come later."""
    if horizon is not None:
        return Position(epoch, horizon, 0)
    newest = Event.objects.order_by("-epoch", "-xid", "-seq").values_list("epoch", "xid", "seq").first()
    return Position(*newest) if newest else Position(epoch, 0, 0)


def _purged(marks: Sequence[Epoch]) -> Position:
    """Up to here the log is gone."""
    return max([Position(m.id, m.purged_xid, m.purged_seq) for m in marks if m.purged_seq], default=OLDEST)


def _position(after: str, token: str, purged: Position) -> Position:
    if after == START:
        return purged
    match = CURSOR.fullmatch(after)
    if match is None:
        raise bad_request(Code.CURSOR_INVALID, "This is no cursor of this feed. Begin with after=start.", "after")
    position = Position(*(int(number) for number in match.groups()[1:]))
    if match[1] != token or position < purged:
        raise _expired()
    if max(position) >= 2**63:
        raise bad_request(Code.CURSOR_INVALID, "This is no cursor of this feed. Begin with after=start.", "after")
    return position


def _expired() -> ApiError:
    message = "The log no longer reaches back to this cursor. Begin anew: export, then go on from its cursor."
    return error(410, Code.CURSOR_EXPIRED, message, param="after")


def end_cursor() -> str:
    """The end of the log now: whoever reads all objects after this and then the feed from it misses nothing."""
    return read(None, limit=1, types=None).next_cursor


def purge(older_than: datetime) -> int:
    """Deletes the oldest events, up to the first that is young enough. The cursors before that expire."""
    horizon = _horizon()
    ordered = Event.objects.order_by("epoch", "xid", "seq").values_list("epoch", "xid", "seq")
    if horizon:
        ordered = ordered.filter(Q(epoch__lt=epochs.current()) | Q(xid__lt=horizon))
    first_kept = ordered.filter(created_at__gte=older_than).first()
    doomed = ordered.filter(TupleLessThan(Tuple("epoch", "xid", "seq"), first_kept)) if first_kept else ordered
    count = 0
    while step := list(doomed[:PURGE_STEP]):
        last = Position(*step[-1])
        with transaction.atomic():
            Epoch.objects.filter(pk=last.epoch).update(purged_xid=last.xid, purged_seq=last.seq)
            Event.objects.filter(pk__in=[seq for _, _, seq in step])._raw_delete(using=connection.alias)
        count += len(step)
    return count
