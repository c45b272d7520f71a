from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from overplane.backups import restoring
from overplane.backups.archive import Unusable


class Command(BaseCommand):
    help = "Restores a backup into the database that DATABASE_URL names, and verifies it. Stop the service first."
    requires_system_checks: list[str] = []  # there may be no database yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="the folder that `manage.py backup` made")
        parser.add_argument("--force", action="store_true", help="also if there is something: it will be gone")

    def handle(self, *, path: Path, force: bool, **options: Any) -> None:
        try:
            restoring.restore(path, force=force, tell=self.stdout.write)
        except (Unusable, OSError) as failure:
            raise CommandError(str(failure)) from None
