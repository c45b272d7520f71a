from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from overplane.api import keys


class Command(BaseCommand):
    help = "Creates an API key and prints just the key on standard output. It is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="who will use it")
        parser.add_argument("--read-only", action="store_true", help="the key may not change anything")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="the key stops working after so many days")

    def handle(self, *, name: str, read_only: bool, expires: int | None, **options: Any) -> None:
        if expires is not None and not 0 < expires < 36500:
            raise CommandError("--expires must be from 1 to 36499 days.")
        if not name.strip() or len(name) > 100:
            raise CommandError("The name must have 1 to 100 characters.")
        end = timezone.now() + timedelta(days=expires) if expires else None
        record, key = keys.mint(name.strip(), read_only=read_only, expires_at=end)
        self.stderr.write(f"Created {record.id} for {name!r}. The key is shown this once:")
        self.stdout.write(key)
