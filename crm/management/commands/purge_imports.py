from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm.transfer import purging
from overplane.jobs.purging import RETENTION, purge


class Command(BaseCommand):
    help = (
        "Deletes files, results and problems of old imports and exports; what they did stays. The worker does so, too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=RETENTION.days, help="how long they are kept; default: 30")

    def handle(self, *, days: int, **options: Any) -> None:
        if not 0 <= days <= 36500:
            raise CommandError("--days must be from 0 to 36500.")
        kept = timedelta(days=days)
        jobs, records = purge(retention=kept), sum(purging.results(kept))
        self.stdout.write(f"Deleted {jobs} jobs with their files, and {records} records of results and problems.")
