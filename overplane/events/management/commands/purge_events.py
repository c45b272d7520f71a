from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from overplane.events import purging


class Command(BaseCommand):
    help = "Deletes old events. A feed cursor that points before what is kept gets 410 cursor_expired."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=90, help="events of so many days are kept (default 90)")

    def handle(self, *, days: int, **options: Any) -> None:
        if not 0 <= days <= 36500:
            raise CommandError("--days must be from 0 to 36500.")
        count = purging.purge(timezone.now() - timedelta(days=days))
        self.stdout.write(f"Deleted {count} events older than {days} days.")
