"""Whether a worker works."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from overplane.checkups import Finding, note, register
from overplane.jobs import housekeeping, kinds, queue
from overplane.jobs.models import Job, State

MOST_AWAITED = timedelta(minutes=5)  # where no job runs either: an idle worker takes a new one within a second
MOST_WITHOUT = timedelta(days=2)


def worker() -> Iterator[Finding]:
    now = timezone.now()
    alive = Job.objects.filter(state=State.RUNNING, heartbeat_at__gte=now - queue.STALE)
    waiting = Job.objects.filter(state=State.QUEUED, run_after__lt=now - MOST_AWAITED, kind__in=kinds.known).count()
    stalled = Job.objects.filter(state=State.RUNNING).exclude(pk__in=alive.values("pk")).count()
    if not alive.exists() and waiting + stalled:
        yield Finding(f"{waiting + stalled} jobs wait and no worker gives a sign of life", "Start manage.py run_worker")
    last = Job.objects.filter(Q(state=State.DONE), kind=housekeeping.DAILY.name).order_by("-created_at").first()
    if last is None or last.created_at < now - MOST_WITHOUT:
        yield note(
            "nothing was deleted of what is old for two days", "Let manage.py run_worker run, or manage.py housekeeping"
        )
    elif problems := (last.result or {}).get("problems"):
        yield note(f"the last housekeeping broke off at: {', '.join(problems)}", "manage.py housekeeping says why")


register("worker", worker)
