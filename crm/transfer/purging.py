"""What is kept of imports for a while: their problems and the outcome of each row. (Their files go with their jobs.)"""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models.functions import Coalesce
from django.utils import timezone

from crm.models import ImportOutcomes, ImportProblem, ImportRun
from overplane.jobs.models import OPEN, Job
from overplane.jobs.purging import RETENTION

STEP = 100  # records of a transaction: some ten megabytes, which holds nobody up


def results(older_than: timedelta = RETENTION) -> Iterator[int]:
    """Of runs that ended, or began and did not, before so long: how many records were deleted, after each step.

    A dry run may be applied weeks later, and a run that broke off gone on with.
    """
    ended = ImportRun.objects.alias(ended=Coalesce("finished_at", "created_at"))
    at_work = Job.objects.filter(state__in=OPEN).values("pk")
    old = ended.filter(ended__lt=timezone.now() - older_than).exclude(job_id__in=at_work)
    for model in (ImportOutcomes, ImportProblem):
        stored = model._default_manager.filter(run__in=old)
        while keys := list(stored.values_list("pk", flat=True)[:STEP]):
            yield model._default_manager.filter(pk__in=keys).delete()[0]
