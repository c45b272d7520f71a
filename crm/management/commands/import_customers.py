from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crm import imports
from overplane.ids import new_id
from overplane.observability import Origin

SHOWN = 50


class Command(BaseCommand):
    help = "Imports customers from a CSV file: all of them, or none if any row is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--map", action="append", default=[], metavar="HEADING=FIELD", help="repeat for each column"
        )
        parser.add_argument("--ignore-unknown", action="store_true", help="leave out columns that no attribute matches")
        parser.add_argument("--encoding", default="utf-8-sig")

    def handle(self, *, file: Path, map: list[str], ignore_unknown: bool, encoding: str, **options: Any) -> None:
        mapping = dict(self._pair(text) for text in map)
        origin = Origin(f"import:{new_id('run')}")
        try:
            with file.open(encoding=encoding, newline="") as lines:
                report = imports.import_customers(lines, mapping, ignore_unknown=ignore_unknown, origin=origin)
        except (imports.UnusableFile, OSError, LookupError) as error:
            raise CommandError(str(error), returncode=2) from None
        for row in report.problems[:SHOWN]:
            self.stderr.write(f"line {row.line}, {row.column or 'row'}: {row.problem.message} ({row.problem.code})")
        if report.problems:
            kinds = Counter(f"{row.problem.code} in {row.column or 'row'}" for row in report.problems)
            summary = "; ".join(f"{count} × {kind}" for kind, count in kinds.most_common())
            raise CommandError(f"Nothing imported. {len(report.problems)} problems: {summary}", returncode=1)
        self.stdout.write(f"Imported {report.created} customers as {origin.actor}.")

    def _pair(self, text: str) -> tuple[str, str]:
        heading, separator, name = text.rpartition("=")
        if not separator:
            raise CommandError(f"--map {text!r}: write it as 'Heading=field'.", returncode=2)
        return heading.strip(), name.strip()
