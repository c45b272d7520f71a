"""What is kept of imports for a while: their problems and the outcome of each row. (Their files go with their jobs.)"""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from crm.models import ImportOutcomes, ImportProblem, ImportRun
from overplane.jobs.purging import RETENTION

STEP = 100  # records of a transaction: some ten megabytes, which holds nobody up


def results(older_than: timedelta = RETENTION) -> Iterator[int]:
    """Of runs that began before so long: how many records were deleted, after each step."""
    old = ImportRun.objects.filter(created_at__lt=timezone.now() - older_than)
    for model in (ImportOutcomes, ImportProblem):
        stored = model._default_manager.filter(run__in=old)
        while keys := list(stored.values_list("pk", flat=True)[:STEP]):
            yield model._default_manager.filter(pk__in=keys).delete()[0]
