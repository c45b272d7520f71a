"""What is known since the whole table was compared: the model, how common the common terms are, and how far the log is read."""

import os
import secrets
import time
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from crm.duplicates import weighing
from crm.duplicates.normalising import VERSION
from crm.duplicates.terms import Frequencies
from crm.duplicates.weighing import Model
from crm.models import DuplicateSearch
from overplane.database import counters, leases
from overplane.events.positions import Position

ROW = 1
COMMON = 500  # a term that so many have is noted with its count; of rarer ones the table of terms is asked
MOST_COMMON = 20_000  # terms; a few hundred kilobytes
TURN = timedelta(minutes=5)  # longer than each statement of a search of millions; so long nobody searches after a crash
RENEWED_AFTER = 20.0  # seconds


class Estimates(NamedTuple):
    model: Model
    common: dict[int, int]  # by slot of the sketch
    slots: int

    def holders(self, term: int) -> int | None:
        """How many customers have this term, if they are many."""
        return self.common.get(term % self.slots)


def finish(position: Position, started: datetime, model: Model, frequencies: Frequencies) -> None:
    common = [list(pair) for pair in frequencies.common(COMMON, MOST_COMMON).items()]
    estimates = {"model": model.packed(), "common": common, "slots": frequencies.slots}
    values: dict[str, Any] = {"searched_at": started, "estimates": estimates, "version": VERSION, "is_replacing": False}
    DuplicateSearch.objects.update_or_create(pk=ROW, defaults=values | position._asdict())


def begin_replacing() -> None:
    """From now on the table of terms is of two moments, until the search has finished: the log is followed from its start."""
    DuplicateSearch.objects.filter(pk=ROW).update(is_replacing=True)


class AlreadySearching(Exception):
    def __init__(self) -> None:
        super().__init__("All customers are being compared already.")


class Turn:
    """One comparison of the whole table at a time: two would share the tables that they work in.

    A lease, not a lock: behind a pooler no lock outlives its transaction, and a transaction of minutes holds back the feed.
    """

    def __init__(self, name: str = "") -> None:
        """`name`: of the job, whose next attempt takes over what a killed one had."""
        self.name = name or f"{os.getpid()}:{secrets.token_hex(4)}"
        self.renewed = 0.0

    def __enter__(self) -> Self:
        DuplicateSearch.objects.get_or_create(pk=ROW)
        self._take()
        return self

    def renew(self) -> None:
        """To be called every now and then."""
        if time.monotonic() > self.renewed + RENEWED_AFTER:
            self._take()

    def _take(self) -> None:
        free = Q(searcher=self.name) | leases.is_over("searching_until", TURN)
        rows = DuplicateSearch.objects.filter(free, pk=ROW)
        if not rows.update(searcher=self.name, searching_until=Now() + TURN):
            raise AlreadySearching
        self.renewed = time.monotonic()

    def __exit__(self, *_error: object) -> None:
        DuplicateSearch.objects.filter(pk=ROW, searcher=self.name).update(searching_until=None)


def is_searching() -> bool:
    return DuplicateSearch.objects.exclude(leases.is_over("searching_until", TURN)).filter(pk=ROW).exists()


def needs_search() -> bool:
    """If the whole table never was compared, not to its end, or by an earlier release, whose terms are others."""
    return not DuplicateSearch.objects.filter(CURRENT, pk=ROW, is_replacing=False).exists()


CURRENT = Q(searched_at__isnull=False, version=VERSION)
_cached: tuple[datetime, Estimates] | None = None


def estimates() -> Estimates:
    """As of the last search of the whole table, or assumed.

    They are some hundred kilobytes, so they are read once a process and search: each search has a time of its own, which
    is looked up for each use, whoever searched.
    """
    global _cached  # noqa: PLW0603 (a cache of this process)
    current = DuplicateSearch.objects.filter(CURRENT, pk=ROW)
    searched_at = current.values_list("searched_at", flat=True).first()
    if searched_at is None:
        return Estimates(weighing.assumed(counters.total(connection, "crm_customer")), {}, 1)
    if _cached is None or _cached[0] != searched_at:
        packed = DuplicateSearch.objects.values_list("estimates", flat=True).get(pk=ROW)
        _cached = searched_at, Estimates(weighing.unpacked(packed["model"]), dict(packed["common"]), packed["slots"])
    return _cached[1]
