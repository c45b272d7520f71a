"""What is known since the whole table was compared: the model, how common the common terms are, and how far the log is read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from crm.duplicates import weighing
from crm.duplicates.terms import SLOTS
from crm.duplicates.weighing import Model
from crm.models import DuplicateSearch
from overplane.database import counters
from overplane.events.positions import Position

ROW = 1


class Estimates(NamedTuple):
    model: Model
    common: dict[int, int]  # by slot of the sketch

    def holders(self, term: int) -> int | None:
        """How many customers have this term, if they are many."""
        return self.common.get(term % SLOTS)


def finish(position: Position, started: datetime, model: Model, common: Mapping[int, int]) -> None:
    estimates = {"model": model.packed(), "common": [list(pair) for pair in common.items()]}
    values: dict[str, Any] = {"searched_at": started, "estimates": estimates, **position._asdict()}
    DuplicateSearch.objects.update_or_create(pk=ROW, defaults=values)


_cached: tuple[datetime | None, Estimates] | None = None


def estimates() -> Estimates:
    """As of the last search of the whole table, or assumed. Read once a process and search: they are some hundred kilobytes."""
    global _cached  # noqa: PLW0603 (a cache of this process)
    searched_at = DuplicateSearch.objects.filter(pk=ROW).values_list("searched_at", flat=True).first()
    if searched_at is None:
        return Estimates(weighing.assumed(counters.total(connection, "crm_customer")), {})
    if _cached is None or _cached[0] != searched_at:
        packed = DuplicateSearch.objects.values_list("estimates", flat=True).get(pk=ROW)
        _cached = searched_at, Estimates(weighing.unpacked(packed["model"]), dict(packed["common"]))
    return _cached[1]
