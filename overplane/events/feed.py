"""Reading the log as a feed that misses nothing and repeats nothing, though transactions commit out of order.

Only events below the horizon (see `horizon`) are served: what is there can no longer change or be added to.
Positions are (epoch, xid, seq); a cursor also names the epoch in which it was given out, so that one from before
a restore is told apart.

A cursor is always the position of an event, never the horizon. After a crash PostgreSQL uses the numbers of
transactions that left no trace a second time, and a poller whose cursor is such a number would miss the new one. And
an event can be looked up: if the log does not have a cursor's event, another log gave that cursor out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db.models import F, Q

from overplane.database import statements
from overplane.database.rows import SqlTable
from overplane.events import epochs, horizon, served, types
from overplane.events.log import EVENTS
from overplane.events.models import Epoch, Event
from overplane.events.positions import OLDEST, Order, Position, order, order_of_few
from overplane.ids import sortable
from overplane.problems import Code, CursorExpired, invalid

START = "start"
CURSOR = re.compile(r"([0-9a-f]{16})\.([0-9]{1,9})\.([0-9]{1,19})\.([0-9]{1,19})")
EVENT_ID = re.compile(r"evt_([0-9a-v]{6})([0-9a-v]{18})")
BIGGEST = 2**63 - 1
NAMES = (
    "epoch", "xid", "seq", "type", "created_at", "actor", "subject", "object_id", "object_version",
    "request_id", "idempotency_key", "object", "previous",
)  # fmt: skip
EPOCHS = SqlTable(Epoch)
# The newest event, and whether there is one at (seq, epoch, xid). On SQLite `seq` alone is the order.
_IS_THERE = f"EXISTS (SELECT 1 FROM {EVENTS.name} WHERE seq = %s AND epoch = %s AND xid = %s)"
NEWEST = f"SELECT epoch, xid, seq, {_IS_THERE} FROM {EVENTS.name} ORDER BY seq DESC LIMIT 1"
NEWEST_SETTLED = (
    f"SELECT epoch, xid, seq, {_IS_THERE} FROM {EVENTS.name} WHERE (epoch, xid) < (%s, %s)"
    " ORDER BY epoch DESC, xid DESC, seq DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events are asked for. `subject`: those of an object and of what belongs to it; `object_id`: its own alone."""

    types: Sequence[str] | None = None
    subject: str | None = None
    object_id: str | None = None

    def condition(self) -> Q:
        chosen = Q()
        if self.types is not None:
            chosen &= Q(type__in=self.types)
        if self.subject is not None:
            chosen &= Q(subject=self.subject)
            chosen &= Q(object_id=self.object_id) if self.object_id is not None else Q()
        elif self.object_id is not None:
            # Each half has its index; what is about a subject itself costs writers no entry in a second one.
            of_itself = Q(subject=self.object_id, object_id=self.object_id)
            chosen &= of_itself | Q(~Q(object_id=F("subject")), object_id=self.object_id)
        return chosen

    def order(self) -> Order:
        is_few = self.subject is not None or self.object_id is not None
        return order_of_few() if is_few else order()


EVERYTHING = Choice()


@dataclass(frozen=True, slots=True)
class Feed:
    """A page of events and where to go on from."""

    events: list[dict[str, Any]]
    has_more: bool
    next_cursor: str


@dataclass(frozen=True, slots=True)
class Log:
    """The log as it stands now."""

    epoch: int
    token: str
    horizon: int | None
    purged: Position  # up to here it is gone

    @classmethod
    def now(cls) -> "Log":
        epochs.confirm()  # the first to read a restored log begins its epoch, as the first to write would
        horizon.refresh()
        sql = (
            f"SELECT id, token, purged_xid, purged_seq, {horizon.expression()}, {epochs.is_current()}"
            f" FROM {EPOCHS.name} ORDER BY id"
        )
        marks = statements.rows(sql, [])
        if not marks[-1][-1]:  # so does the first after a promotion
            epochs.start(only_if_new=True)
            return cls.now()
        epoch, token, _, _, settled_to, _ = marks[-1]
        purged = max([Position(mark, xid, seq) for mark, _, xid, seq, *_ in marks if seq], default=OLDEST)
        return cls(epoch, token, settled_to, purged)

    def end(self, position: Position | None = None) -> tuple[Position, bool]:
        """The newest event that may be served now, and whether there is one at `position`."""
        epoch, xid, seq = position or OLDEST
        bound = () if self.horizon is None else (self.epoch, self.horizon)
        row = statements.first(NEWEST if self.horizon is None else NEWEST_SETTLED, [seq, epoch, xid, *bound])
        if row is None:
            return Log.now().purged, False  # once more: a purge may have taken the last ones since
        served.note((row[0], row[2]))
        return Position(*row[:3]), bool(row[3])

    def is_position(self, position: Position) -> bool:
        """May a cursor stand here, though no event does?"""
        # Cursors of an empty log, and those of former versions, which were horizons.
        is_horizon = position.seq == 0 and position <= (self.epoch, self.horizon or 0, 0)
        return is_horizon or position == Log.now().purged

    def cursor(self, position: Position) -> str:
        return f"{self.token}.{'.'.join(map(str, position))}"


def read(after: str | None, *, limit: int, choice: Choice = EVERYTHING) -> Feed:
    """Ascending from `after`; without it the newest first, and the cursor is the end of the log now."""
    log = Log.now()
    position, end = resolve(after, log) if after is not None else (None, log.end()[0])
    if position is not None and position >= end:  # as most polls end; building a query takes longer than all else
        return Feed([], False, log.cursor(position))
    by = choice.order()
    # Not what is written while we read: it is behind the cursor that we are about to give.
    chosen = Event.objects.filter(choice.condition(), by.until(end)).order_by(*by.columns).values_list(*NAMES)
    if position is None:
        rows, next_position = list(chosen.reverse()[: limit + 1]), end
    else:
        rows = list(chosen.filter(by.after(position))[: limit + 1])
        # Nothing further to see: what was not chosen need not be read again and again.
        next_position = Position(*rows[limit - 1][:3]) if len(rows) > limit else end
    return Feed([output(row) for row in rows[:limit]], len(rows) > limit, log.cursor(next_position))


def resolve(after: str, log: Log) -> tuple[Position, Position]:
    """Where a cursor stands, and the end of what may be served now. Raises if there is no going on from this cursor."""
    position = _position(after, log)
    end, is_there = log.end(position)
    if after != START and not is_there and not log.is_position(position):
        raise _expired("This cursor points to nothing in this log, as one from another copy of the database does.")
    return position, end


def find(event_id: str) -> dict[str, Any] | None:
    """One event, as soon as it is committed: it need not be below the horizon, since no cursor follows from it."""
    key = key_of(event_id)
    if key is None:
        return None
    epoch, seq = key
    row = Event.objects.filter(pk=seq, epoch=epoch).values_list(*NAMES).first()
    return output(row) if row else None


def key_of(event_id: str) -> tuple[int, int] | None:
    """The epoch and the number that an event's id is made of."""
    match = EVENT_ID.fullmatch(event_id)
    if match is None:
        return None
    epoch, seq = (int(digits, 32) for digits in match.groups())
    return (epoch, seq) if seq <= BIGGEST else None


def id_of(epoch: int, seq: int) -> str:
    return f"evt_{sortable(epoch, 6)}{sortable(seq, 18)}"


def output(row: tuple[Any, ...]) -> dict[str, Any]:
    """An event as it looks from outside, of a row of `NAMES`. One whose subject was deleted has lost its values."""
    epoch, _xid, seq, type_, created_at, actor, subject, object_id, version, request_id, key, object_, previous = row
    data = {
        "object": _object(object_, object_id, types.subject_names.get(type_), subject),
        "previous_attributes": orjson.Fragment(previous) if previous is not None else {},
    }
    return {
        "id": id_of(epoch, seq),
        "type": type_,
        "created_at": created_at,
        "actor": actor,
        "data": data,
        "object_version": version,
        "request": {"id": request_id, "idempotency_key": key},
    }


def _object(text: str | None, object_id: str, name: str | None, subject: str) -> Any:
    """`name`: the attribute that says what the object belongs to, if it belongs to anything."""
    belongs = {name: subject} if name else {}
    if text is None:
        return {"id": object_id} | belongs
    # Written as `dumps` does, without blanks; inside of a value the quotes have backslashes before them.
    if name is None or f'"{name}":' in text:
        return orjson.Fragment(text)
    return orjson.loads(text) | belongs  # from before each event said it


def _position(after: str, log: Log) -> Position:
    if after == START:
        return log.purged
    match = CURSOR.fullmatch(after)
    if match is None:
        raise _no_cursor()
    position = Position(*(int(number) for number in match.groups()[1:]))
    if match[1] != log.token or position < log.purged:
        raise _expired("The log no longer reaches back to this cursor.")
    if max(position) > BIGGEST:
        raise _no_cursor()
    return position


def _no_cursor() -> ValidationError:
    message = "This is no cursor of this feed. Begin with after=start."
    return ValidationError({"after": invalid(Code.CURSOR_INVALID, message)})


def _expired(why: str) -> CursorExpired:
    return CursorExpired(f"{why} Begin anew: export, then go on from its cursor.")


def end_cursor() -> str:
    """The end of the log now: whoever reads all objects after this and then the feed from it misses nothing."""
    log = Log.now()
    return log.cursor(log.end()[0])
