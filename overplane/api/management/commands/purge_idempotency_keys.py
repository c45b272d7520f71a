from typing import Any

from django.core.management.base import BaseCommand

from overplane.api import idempotency


class Command(BaseCommand):
    help = "Deletes stored answers to Idempotency-Keys that are older than 24 hours."

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"Deleted {idempotency.purge()} stored answers.")
