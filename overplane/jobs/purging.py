"""Jobs and files that have had their time."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from overplane.jobs import kinds
from overplane.jobs.models import OPEN, Job, JobFile, State

RETENTION = timedelta(days=30)  # so long an import's report can be looked up
RECURRING_RETENTION = timedelta(days=2)  # they come every day and say nothing new
UNUSED_FILE_RETENTION = timedelta(days=2)  # who uploads a file in the evening can start its import the next day
STEP = 200  # jobs and files at a time: each file costs a call of the system


def purge(now: datetime | None = None, *, retention: timedelta = RETENTION) -> int:
    """Deletes old ended jobs with their files, and uploads that no job took. Returns the number of deleted jobs."""
    return sum(jobs(now, retention=retention))


def jobs(now: datetime | None = None, *, retention: timedelta = RETENTION) -> Iterator[int]:
    """How many of them were deleted, after each step."""
    now = now or timezone.now()
    recurring = [kind.name for kind in kinds.known.values() if kind.every]
    old = Q(finished_at__lt=now - retention) | Q(finished_at__lt=now - RECURRING_RETENTION, kind__in=recurring)
    # A version that is gone may have left jobs that nobody knows how to do.
    unknown = Q(state=State.QUEUED, created_at__lt=now - RETENTION) & ~Q(kind__in=kinds.known)
    ended = Job.objects.filter((old & ~Q(state__in=OPEN)) | unknown).order_by()
    while keys := list(ended.values_list("pk", flat=True)[:STEP]):
        _delete_files(list(JobFile.objects.filter(job__in=keys)))
        yield Job.objects.filter(pk__in=keys).delete()[0]
    unused = JobFile.objects.filter(job__isnull=True, created_at__lt=now - UNUSED_FILE_RETENTION)
    while files := list(unused[:STEP]):
        _delete_files(files)
        yield 0


def _delete_files(files: list[JobFile]) -> None:
    for file in files:
        file.content.delete(save=False)
    JobFile.objects.filter(pk__in=[file.pk for file in files]).delete()


def files() -> Iterator[int]:
    """Those that no row knows: a crash between the file and its row leaves one, and so does a restored database.

    What jobs keep beside them for themselves goes as old as its job would be.
    """
    now = time.time()
    root = Path(settings.MEDIA_ROOT)
    stored = _older_than(now - UNUSED_FILE_RETENTION.total_seconds(), root.glob("jobs/*/*"))
    while some := list(islice(stored, STEP)):
        names = {str(path.relative_to(root)): path for path in some}
        known = set(JobFile.objects.filter(content__in=names).values_list("content", flat=True))
        yield _unlink(path for name, path in names.items() if name not in known)
    yield _unlink(_older_than(now - RETENTION.total_seconds(), root.glob("*")))
    for folder in _older_than(now - UNUSED_FILE_RETENTION.total_seconds(), root.glob("jobs/*"), folders=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def _older_than(limit: float, paths: Iterator[Path], *, folders: bool = False) -> Iterator[Path]:
    for path in paths:
        if (path.is_dir() if folders else path.is_file()) and path.stat().st_mtime < limit:
            yield path


def _unlink(paths: Iterator[Path]) -> int:
    count = 0
    for path in paths:
        path.unlink(missing_ok=True)
        count += 1
    return count
