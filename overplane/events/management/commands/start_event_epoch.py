from typing import Any

from django.core.management.base import BaseCommand

from overplane.events import epochs


class Command(BaseCommand):
    help = "After a backup of a SQLite file was put back: expires every feed cursor given out so far. Stop the service first."

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"Events now belong to epoch {epochs.start()}.")
