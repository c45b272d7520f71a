"""The queue in the database: enqueue in the caller's transaction, claim without waiting for each other, finish once.

On PostgreSQL a worker skips the rows that others hold (SKIP LOCKED). SQLite's transactions are
IMMEDIATE: of two claims one waits for the other. A claim is (job, attempt); every later write names both.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language

from overplane.database import replicas
from overplane.database.dialect import lock
from overplane.ids import new_id
from overplane.jobs import kinds
from overplane.jobs.models import OPEN, Job, State

# A worker writes every two seconds that it is alive. After thirty missed beats its job is taken from it: a restart of
# the database takes less.
STALE = timedelta(seconds=60)
# With pauses of 5 and 20 seconds between them, in which a database that restarts comes back.
MAX_ATTEMPTS = 3
RECURRING = 7_130_431_218  # an advisory lock's number, of no other meaning


class UnknownKind(ValueError):
    pass


def enqueue(
    kind: str,
    payload: dict[str, Any],
    actor: str,
    *,
    owner: int | None = None,
    request_id: str | None = None,
    key: str | None = None,
    run_after: datetime | None = None,
) -> Job:
    """A new job, there when the caller's transaction commits. With `key`: the open job of this key, if there is one.

    `owner`: the primary key of the person whose it is; None for the service's own.
    """
    if kind not in kinds.known:
        raise UnknownKind(f"There is no kind of job {kind!r}; register it in the `jobs.py` of its app.")
    now = timezone.now()
    job = Job(
        id=new_id("job"),
        kind=kind,
        key=key,
        payload=payload,
        actor=actor,
        owner_id=owner,
        request_id=request_id,
        language=get_language() or "",
        created_at=now,
        run_after=run_after or now,
    )
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:
        # The other one may end between the two statements; then its outcome is as fresh as ours would be.
        return Job.objects.filter(key=key).order_by("-created_at", "-id")[0]
    return job


def record(
    kind: str,
    payload: dict[str, Any],
    actor: str,
    *,
    began: datetime,
    owner: int | None = None,
    result: dict[str, Any] | None = None,
    error: str = "",
) -> Job:
    """What was done without the queue, as a job that has ended: it is listed, has a page, and its files stay as long.

    `error`: why it failed, if it did.
    """
    now = timezone.now()
    return Job.objects.create(
        id=new_id("job"),
        kind=kind,
        payload=payload,
        actor=actor,
        owner_id=owner,
        language=get_language() or "",
        state=State.FAILED if error else State.DONE,
        created_at=began,
        run_after=began,
        started_at=began,
        finished_at=now,
        result=result,
        error=error,
    )


def claim(worker: str) -> Job | None:
    """The oldest job that waits, now this worker's."""
    with transaction.atomic():
        now = timezone.now()
        # What was to be done at once is: its moment lies ahead where the clock was set back since.
        due = Q(run_after__lte=now) | Q(run_after=F("created_at"))
        waiting = Job.objects.filter(due, state=State.QUEUED, kind__in=kinds.known)
        job = waiting.order_by("id").select_for_update(skip_locked=True).first()
        if job is None:
            return None
        job.state, job.worker, job.started_at, job.heartbeat_at = State.RUNNING, worker, now, now
        job.attempts += 1
        job.save(update_fields=["state", "worker", "started_at", "heartbeat_at", "attempts"])
    return job


def _mine(job: Job) -> Any:
    return Job.objects.filter(pk=job.pk, state=State.RUNNING, attempts=job.attempts)


def beat(job: Job, done: int, total: int | None) -> bool:
    """Writes the heartbeat and the progress. Returns False if the job is no longer this worker's."""
    return bool(_mine(job).update(heartbeat_at=timezone.now(), done=done, total=total))


def finish(job: Job, result: dict[str, Any] | None, done: int, total: int | None) -> None:
    """Raises `Lost` if another worker has the job by now, so that the transaction around it is rolled back."""
    now = timezone.now()
    replicas.wrote()  # who sees that it is done sees what it did
    transaction.on_commit(replicas.wrote)
    if not _mine(job).update(state=State.DONE, result=result, finished_at=now, done=done, total=total, error=""):
        raise kinds.Lost


def fail(job: Job, message: str) -> None:
    replicas.wrote()  # what it did before
    _mine(job).update(state=State.FAILED, error=message, finished_at=timezone.now())


def release(job: Job) -> None:
    """Back into the queue as if it had not been taken; `attempts` goes on, for it names the claim."""
    _mine(job).update(state=State.QUEUED, worker=None, heartbeat_at=None, done=0)


def retry(job: Job, message: str) -> None:
    """Queues the job again after a pause of 5, then 20 seconds; fails it after the last attempt."""
    if job.attempts >= MAX_ATTEMPTS:
        fail(job, message)
    else:
        wait = timedelta(seconds=5 * 4 ** (job.attempts - 1))
        _mine(job).update(state=State.QUEUED, error=message, worker=None, run_after=timezone.now() + wait)


def cancel(job: Job) -> bool:
    """A running job notices within seconds, and its work is rolled back."""
    now = timezone.now()
    return bool(Job.objects.filter(pk=job.pk, state__in=OPEN).update(state=State.CANCELLED, finished_at=now))


def recover() -> int:
    """Takes jobs from workers that no longer write their heartbeat. Returns how many."""
    now = timezone.now()
    # One far ahead of now was written before the clock was set back, by who knows whom.
    stalled = Q(heartbeat_at__isnull=True) | Q(heartbeat_at__lt=now - STALE) | Q(heartbeat_at__gt=now + STALE)
    stale = Job.objects.filter(stalled, state=State.RUNNING)
    message = "The worker ended in the middle of it, each time that it was tried."
    failed = stale.filter(attempts__gte=MAX_ATTEMPTS).update(state=State.FAILED, error=message, finished_at=now)
    if failed:
        replicas.wrote()
    return failed + stale.update(state=State.QUEUED, worker=None, done=0, run_after=now)


def enqueue_due() -> None:
    """Enqueues each recurring job whose time has come."""
    if not any(map(_is_due, kinds.known.values())):
        return
    with transaction.atomic():
        lock(RECURRING)  # of two workers that look at the same time the second one sees what the first one enqueued
        for kind in filter(_is_due, kinds.known.values()):
            enqueue(kind.name, {}, "system:worker", key=kind.name)


def _is_due(kind: kinds.Kind) -> bool:
    if kind.every is None:
        return False
    last = Job.objects.filter(kind=kind.name).order_by("-created_at").values_list("created_at", flat=True).first()
    # Far ahead of now it was made before the clock was set back.
    return last is None or not timezone.now() - kind.every < last <= timezone.now() + kind.every


def behind(job: Job) -> int:
    """How many jobs stand in the queue before this one."""
    return Job.objects.filter(state=State.QUEUED, id__lt=job.id).exclude(run_after__gt=F("created_at")).count()
