"""The kinds of jobs that there are. The platform knows no domain: each app registers its handlers in its `jobs.py`."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils.functional import Promise

from overplane.database import replicas
from overplane.jobs.models import Job
from overplane.origin import Origin


class Refused(Exception):
    """The work cannot be done, and trying again would not help; the message is for the person who asked for it."""


class Lost(Exception):
    """The job was cancelled, or given to another worker: whatever was done is taken back."""


class Stopped(Exception):
    """The worker is to end; the job goes back into the queue."""


@dataclass(slots=True)
class Run:
    """A job while it runs, as its handler sees it."""

    job: Job
    done: int = 0
    total: int | None = None
    is_lost: bool = False
    is_stopped: bool = False

    @property
    def payload(self) -> dict[str, Any]:
        return self.job.payload

    @property
    def origin(self) -> Origin:
        return Origin(self.job.actor, self.job.request_id)

    def reading(self) -> AbstractContextManager[None]:
        """For queries that take long, and nothing that is written: a replica may answer them. (Not when it has failed once.)"""
        return replicas.read_at_length() if self.job.attempts == 1 else nullcontext()

    def progress(self, done: int, total: int | None = None) -> None:
        """Call this often: it costs nothing (a thread writes it down) and is where a handler can be stopped."""
        self.done, self.total = done, total if total is not None else self.total
        if self.is_lost:
            raise Lost
        if self.is_stopped:
            raise Stopped


Handler = Callable[[Run], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class JobResult:
    """What whoever started a job is told when it is done.

    `undo_url`: where `undo`, sent as `token`, takes it back, for those who have the permissions `undo_needs`.
    """

    text: str
    undo_url: str = ""
    undo: str = ""
    undo_needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """`atomic`: the work and its being done commit together, so that a crash loses all or nothing.

    Without it a handler must bear being run twice. `every`: enqueued by the worker itself. `url`: the page that shows what
    came of a job, for whoever started it. `outcome`: the same in a sentence, from a job that is done. `stays`: what one
    that failed or was cancelled had written by then. `concluded`: what commits with the job's being done, and so happens once.
    """

    name: str
    handler: Handler
    label: str | Promise
    atomic: bool = True
    every: timedelta | None = field(default=None, kw_only=True)
    url: Callable[[Job], str] | None = field(default=None, kw_only=True)
    outcome: Callable[[Job], JobResult] | None = field(default=None, kw_only=True)
    stays: Callable[[Job], JobResult] | None = field(default=None, kw_only=True)
    concluded: Callable[[Job, dict[str, Any]], None] | None = field(default=None, kw_only=True)


known: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    known[kind.name] = kind


def page_of(job: Job) -> str:
    """The address of the page that belongs to this job; empty if there is none."""
    kind = known.get(job.kind)
    return kind.url(job) if kind and kind.url else ""
