from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from crm.transfer import purging
from overplane.jobs.purging import RETENTION, purge


class Command(BaseCommand):
    help = (
        "Deletes files, results and problems of old imports and exports; what they did stays. The worker does so, too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=RETENTION.days, help="how long they are kept; default: 30")

    def handle(self, *, days: int, **options: Any) -> None:
        kept = timedelta(days=max(days, 0))
        jobs, records = purge(timezone.now() + RETENTION - kept), sum(purging.results(kept))
        self.stdout.write(f"Deleted {jobs} jobs with their files, and {records} records of results and problems.")
