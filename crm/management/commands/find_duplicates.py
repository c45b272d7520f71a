from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from crm import duplicates
from crm.models import Customer


class Command(BaseCommand):
    help = "Prints customers that are likely entered twice: a line a customer (reasons, id, name), a blank line between groups."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=500, help="at most so many groups (default 500)")

    def handle(self, *, limit: int, **options: Any) -> None:
        groups = duplicates.find(limit=limit)
        named = Customer.objects.in_bulk([i for group in groups for i in group.ids])
        for group in groups:
            for customer_id in group.ids:
                name = str(named[customer_id]) if customer_id in named else ""
                # On one line, whatever the name holds.
                self.stdout.write(f"{','.join(group.reasons)}\t{customer_id}\t{' '.join(name.split())}")
            self.stdout.write("")
        self.stderr.write(f"{len(groups)} groups.")
