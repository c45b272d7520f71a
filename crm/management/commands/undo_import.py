import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from crm.management.counting import counted
from crm.models import ImportRun
from crm.transfer import undo
from crm.transfer.reports import KIND
from overplane.files.sources import UnusableFile
from overplane.origin import shell_user

INCOMPLETE, USAGE, BROKEN = 1, 2, 3


class Command(BaseCommand):
    help = (
        "Takes back an import: deletes what it created, restores what it changed, unless changed since. Without RUN:"
        " lists. Exit codes: 0 all taken back, 1 some were changed since and left alone, 2 usage, 3 broken off."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", nargs="?", metavar="RUN", help="as the import said when it ended: run_…")
        parser.add_argument("--json", action="store_true", help="the report as JSON")

    def handle(self, *, run: str | None, json: bool, **options: Any) -> None:
        if run is None:
            self._list()
            return
        result = self._undo(run)
        if json:
            self.stdout.write(_as_json(result))
        else:
            self._tell(run, result)
        if result.kept_count:
            customers = counted(result.kept_count, "customer")
            were, they_are = ("was", "it is") if result.kept_count == 1 else ("were", "they are")
            raise CommandError(f"{customers} {were} changed since and left as {they_are}.", returncode=INCOMPLETE)

    def _undo(self, run: str) -> undo.UndoResult:
        try:
            return undo.undo(run, started_by=f"shell:{shell_user()}")
        except UnusableFile as error:
            raise CommandError(str(error), returncode=USAGE) from None
        except (Error, KeyboardInterrupt) as error:
            why = str(error).strip() or "interrupted"
            message = f"Broken off ({why}). What was taken back by then stays so: go on with undo_import {run}"
            raise CommandError(message, returncode=BROKEN) from None

    def _tell(self, run: str, result: undo.UndoResult) -> None:
        counts = (
            f"{counted(result.deleted, 'customer')} deleted, {result.restored} restored, {result.kept_count} left alone"
        )
        if result.gone_count:
            counts += f", {result.gone_count} deleted by others since"
        self.stdout.write(f"{run} is taken back (as {result.run}): {counts}.")
        for customer_id in result.kept:
            self.stdout.write(f"changed since, left as it is: {customer_id}")
        for customer_id in result.gone:
            self.stdout.write(f"deleted by others since: {customer_id}")

    def _list(self) -> None:
        for run in ImportRun.objects.order_by("-created_at")[:50]:
            counts = ", ".join(f"{n} {name}" for name, n in run.counts.items() if n and not name.startswith(KIND))
            self.stdout.write(f"{run.pk}  {run.created_at:%Y-%m-%d %H:%M}  {run.state:8}  {run.file_name}  {counts}")


def _as_json(result: undo.UndoResult) -> str:
    return json.dumps(asdict(result))
