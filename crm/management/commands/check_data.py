from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm import checking


class Command(BaseCommand):
    help = (
        "Reads all customers and line items and prints what no door would take any more: id, attribute, code and"
        " message, a line each. Changes nothing. Exit codes: 0 there is nothing, 1 there is something."
    )

    def handle(self, **options: Any) -> None:
        count = 0
        for object_id, problem in checking.unacceptable():
            count += 1
            self.stdout.write("\t".join([object_id, str(problem.param), problem.code, problem.message]))
        if count:
            raise CommandError(
                f"{count} stored values would be refused today. Correct them by the API or in the admin."
            )
        self.stderr.write("Every stored value would be taken today.")
