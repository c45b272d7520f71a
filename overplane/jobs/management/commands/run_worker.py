import os
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from overplane.jobs.worker import Worker


class Command(BaseCommand):
    help = "Runs jobs (imports, exports, bulk changes, summaries) until it is told to stop. Several may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="end when no job waits")
        parser.add_argument("--with-parent", action="store_true", help="end when the process that started it ends")

    def handle(self, *, until_idle: bool, with_parent: bool, **options: Any) -> None:
        worker, parent = Worker(), os.getppid()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        worker.run(until_idle=until_idle, is_orphan=lambda: with_parent and os.getppid() != parent)
