from typing import Any

from django.core.management.base import BaseCommand

from crm import merged


class Command(BaseCommand):
    help = "Erases what was kept of merged customers that can no longer be given back (see MERGE_UNDO_DAYS)."

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"Erased what was kept of {merged.purge()} merged customers.")
