"""What is kept of imports for a while: their problems and the outcome of each row. (Their files go with their jobs.)"""

from datetime import timedelta

from django.utils import timezone

from crm.models import ImportOutcomes, ImportProblem, ImportRun
from overplane.jobs.queue import RETENTION

STEP = 100  # records of a transaction: some ten megabytes, which holds nobody up


def purge(older_than: timedelta = RETENTION) -> int:
    """Of runs that began before so long. Returns how many runs had something."""
    old = ImportRun.objects.filter(created_at__lt=timezone.now() - older_than)
    kept = ImportOutcomes.objects.filter(run__in=old).values_list("run_id", flat=True).distinct()
    problems = ImportProblem.objects.filter(run__in=old).values_list("run_id", flat=True).distinct()
    run_ids = sorted({*kept, *problems})
    for run_id in run_ids:
        for model in (ImportOutcomes, ImportProblem):
            stored = model._default_manager.filter(run_id=run_id)
            while keys := list(stored.values_list("pk", flat=True)[:STEP]):
                model._default_manager.filter(pk__in=keys).delete()
    return len(run_ids)
