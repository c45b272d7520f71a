import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import autodiscover_modules

from overplane.database import examining


class Command(BaseCommand):
    help = "Says what is wrong with this installation and what to do, one line each. Changes nothing. Exit code 1 if something is wrong."
    requires_system_checks: list[str] = []  # it is asked when something does not work

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--times", action="store_true", help="also say how long each look took")

    def handle(self, *, times: bool, **options: Any) -> None:
        autodiscover_modules("checkups")
        looks = wrong = notes = 0
        for result in examining.examine():
            looks += 1
            for finding in result.findings:
                wrong, notes = wrong + finding.is_wrong, notes + (not finding.is_wrong)
                word = "WRONG" if finding.is_wrong else "note"
                self.stdout.write(f"{word:5}  {result.name}: {finding.text}. {finding.advice}")
            if times:
                self.stdout.write(f"{'ok' if not result.findings else '':5}  {result.name}: {result.seconds:.2f} s")
        self.stdout.write(f"{looks} looks: {wrong} wrong, {notes} to be noted.")
        if wrong:
            sys.exit(1)
