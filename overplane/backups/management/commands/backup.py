from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from overplane.backups import making
from overplane.backups.archive import Unusable


class Command(BaseCommand):
    help = "Backs up the database and the generated secret key into a new folder, while the service runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, metavar="PATH", help="the folder; it must not be there yet")
        parser.add_argument("--files", action="store_true", help="also the files that jobs have read and made")

    def handle(self, *, path: Path, files: bool, **options: Any) -> None:
        try:
            manifest = making.back_up(path, with_files=files, tell=self.stderr.write)
        except (Unusable, OSError) as failure:
            raise CommandError(str(failure)) from None
        rows = sum(manifest.counts.values())
        self.stdout.write(f"{path}: {rows} rows in {len(manifest.counts)} tables, of {manifest.made_at}.")
