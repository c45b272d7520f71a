"""Where an event stands in the log: (epoch, xid, seq). On SQLite, whose writers stand in line, `seq` says it alone."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import F, Q
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan, TupleLessThanOrEqual

from overplane.database.dialect import choose


class Position(NamedTuple):
    epoch: int
    xid: int
    seq: int


OLDEST = Position(0, 0, 0)


@dataclass(frozen=True, slots=True)
class BySeq:
    """SQLite's index holds `seq` as the row's number, which it does not use in a range of several columns."""

    columns: tuple[Any, ...] = ("seq",)

    def after(self, position: Position) -> Any:
        return Q(seq__gt=position.seq)

    def until(self, position: Position) -> Any:
        return Q(seq__lte=position.seq)

    def before(self, position: Position) -> Any:
        return Q(seq__lt=position.seq)


@dataclass(frozen=True, slots=True)
class ByTransaction:
    columns: tuple[Any, ...] = ("epoch", "xid", "seq")

    def after(self, position: Position) -> Any:
        return TupleGreaterThan(Tuple(*self.columns), tuple(position))

    def until(self, position: Position) -> Any:
        return TupleLessThanOrEqual(Tuple(*self.columns), tuple(position))

    def before(self, position: Position) -> Any:
        return TupleLessThan(Tuple(*self.columns), tuple(position))


Order = BySeq | ByTransaction
BY_SEQ: Order = BySeq()
BY_TRANSACTION: Order = ByTransaction()
# PostgreSQL takes a range of positions for a two-hundredth of the log, whatever it is, and would walk along the feed's
# index to the end of the log in search of the few events of one object. An expression keeps it from that index: it
# reads the object's events by their own, and sorts them.
SORTED_AFTERWARDS: Order = ByTransaction((F("epoch") + 0, "xid", "seq"))


def order() -> Order:
    """The order of the feed."""
    return choose(postgresql=BY_TRANSACTION, sqlite=BY_SEQ)


def order_of_few() -> Order:
    """The same, where an index finds the events of one object."""
    return choose(postgresql=SORTED_AFTERWARDS, sqlite=BY_SEQ)
