"""What must be deleted in time. Each app registers its tasks in its `jobs.py`; the worker does them all once a day.

The job of the day is a row like any other, so the time of the last one outlives restarts, and of several workers one runs it.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import DatabaseError, connection
from django.utils.translation import gettext_lazy as _

from overplane.jobs import kinds
from overplane.jobs.kinds import Kind, Run

log = logging.getLogger(__name__)
# After each step. Writers of SQLite do not stand in line: without it they would find the lock free by chance only.
PAUSE = 0.01
# Deletes in short transactions of its own; after each it says how many were deleted.
Purge = Callable[[], Iterable[int]]


@dataclass(frozen=True, slots=True)
class TaskResult:
    """`problem`: why it broke off; what was deleted before stays so."""

    name: str
    count: int
    problem: str = ""


tasks: dict[str, Purge] = {}


def register(name: str, purge: Purge) -> None:
    tasks[name] = purge


def run(progress: Callable[[], None] = lambda: None) -> Iterator[TaskResult]:
    """One task after the other; none keeps the next one from being done. `progress` is called after each step, and may raise."""
    for name, purge in tasks.items():
        count, problem = 0, ""
        try:
            for deleted in purge():
                count += deleted
                progress()
                time.sleep(PAUSE)
        except (DatabaseError, OSError) as failure:
            log.exception("%s: not all could be deleted", name)
            problem = str(failure).strip() or type(failure).__name__
            connection.close_if_unusable_or_obsolete()
        yield TaskResult(name, count, problem)


def keep_house(run_: Run) -> dict[str, object]:
    done = 0

    def progress() -> None:
        run_.progress(done, len(tasks))

    outcomes = []
    for outcome in run(progress):
        outcomes.append(outcome)
        done += 1
    return {
        "deleted": {one.name: one.count for one in outcomes},
        "problems": {one.name: one.problem for one in outcomes if one.problem},
    }


DAILY = Kind("overplane.housekeeping", keep_house, _("Delete what is old"), atomic=False, every=timedelta(days=1))
kinds.register(DAILY)
