from typing import Any

from django.core.management.base import BaseCommand, CommandError

from overplane.jobs import housekeeping


class Command(BaseCommand):
    help = (
        "Deletes everything that has had its time, and says how much of what. The worker does it once a day by itself."
    )

    def handle(self, **options: Any) -> None:
        problems = []
        for outcome in housekeeping.run():
            problems += [outcome.name] if outcome.problem else []
            broke_off = f", then it broke off: {outcome.problem}" if outcome.problem else ""
            self.stdout.write(f"{outcome.name}: {outcome.count} deleted{broke_off}")
        if problems:
            raise CommandError(f"Not all could be deleted of: {', '.join(problems)}.")
