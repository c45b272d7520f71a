from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from overplane.events.webhooks import clock, purging


class Command(BaseCommand):
    help = "Deletes old deliveries of webhooks. What is still to be delivered stays. The worker does it every day."

    def add_arguments(self, parser: CommandParser) -> None:
        days = purging.RETENTION.days
        parser.add_argument("--days", type=int, default=days, help=f"those of so many days are kept (default {days})")

    def handle(self, *, days: int, **options: Any) -> None:
        if not 0 <= days <= 36500:
            raise CommandError("--days must be from 0 to 36500.")
        count = purging.purge(clock.now() - timedelta(days=days))
        self.stdout.write(f"Deleted {count} deliveries older than {days} days.")
