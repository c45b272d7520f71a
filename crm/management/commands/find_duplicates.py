import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm.duplicates import finding
from crm.duplicates.grouping import groups
from crm.duplicates.search_state import AlreadySearching
from crm.models import Customer


class Command(BaseCommand):
    help = (
        "Prints customers that are likely entered twice: a line a customer (score, id, name), a blank line between groups."
        " With --all it compares the whole table first and prints counts; the worker keeps that fresh."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="compare all customers, and print counts as JSON")
        parser.add_argument(
            "--limit", type=int, default=500, help="without --all: at most so many groups (default 500)"
        )

    def handle(self, *, limit: int, **options: Any) -> None:
        if options["all"]:
            try:
                counts = finding.find_all()
            except AlreadySearching as error:
                raise CommandError(f"{error} Try again later.") from None
            self.stdout.write(json.dumps(counts.as_dict()))
            if counts.blocks_too_big:
                self.stderr.write(
                    f"{counts.blocks_too_big} keys are shared by too many customers (one by {counts.largest_block}):"
                    " by these alone nobody was compared."
                )
            return
        if limit < 1:
            raise CommandError("--limit is 1 or more.")
        listed, total = groups(limit=limit)
        named = Customer.objects.in_bulk([i for group in listed for i in group.ids])
        for group in listed:
            for customer_id in group.ids:
                name = str(named[customer_id]) if customer_id in named else ""
                # On one line, whatever the name holds.
                self.stdout.write(f"{group.score:.3f}\t{customer_id}\t{' '.join(name.split())}")
            self.stdout.write("")
        self.stderr.write(f"{len(listed)} of {total} groups.")
