import getpass
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm import undoing
from crm.models import ImportRun
from overplane.files.sources import UnusableFile


class Command(BaseCommand):
    help = "Takes back an import: deletes what it created, restores what it changed, unless changed since. Without RUN: lists."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", nargs="?", metavar="RUN", help="as the import said when it ended: run_…")
        parser.add_argument("--json", action="store_true", help="the report as JSON")

    def handle(self, *, run: str | None, json: bool, **options: Any) -> None:
        if run is None:
            self._list()
            return
        try:
            undone = undoing.undo(run, started_by=f"shell:{_user()}")
        except UnusableFile as error:
            raise CommandError(str(error), returncode=2) from None
        if json:
            self.stdout.write(_as_json(undone))
        else:
            told = f"{undone.deleted} customers deleted, {undone.restored} restored, {undone.kept_count} left alone"
            self.stdout.write(f"{run} is taken back (as {undone.run}): {told}.")
            for customer_id in undone.kept:
                self.stdout.write(f"changed since, left as it is: {customer_id}")
        if undone.kept_count:
            raise CommandError(f"{undone.kept_count} customers were changed since and left as they are.", returncode=1)

    def _list(self) -> None:
        for run in ImportRun.objects.order_by("-created_at")[:50]:
            counts = ", ".join(f"{n} {name}" for name, n in run.counts.items() if n)
            self.stdout.write(f"{run.pk}  {run.created_at:%Y-%m-%d %H:%M}  {run.state:8}  {run.file_name}  {counts}")


def _as_json(undone: undoing.Undone) -> str:
    return json.dumps({name: getattr(undone, name) for name in undone.__slots__})


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
