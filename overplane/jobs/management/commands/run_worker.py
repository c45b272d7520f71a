import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from overplane import private_files
from overplane.jobs import loops
from overplane.jobs.worker import Worker


class Command(BaseCommand):
    help = "Runs jobs (imports, exports, bulk changes, summaries) and delivers webhooks until it is told to stop. Several may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="end when no job waits")
        parser.add_argument("--with-parent", action="store_true", help="end when the process that started it ends")

    def handle(self, *, until_idle: bool, with_parent: bool, **options: Any) -> None:
        worker, parent = Worker(), os.getppid()
        with private_files.only_ours(), _stopped_by_signals(worker), nullcontext() if until_idle else loops.running():
            worker.run(until_idle=until_idle, is_orphan=lambda: with_parent and os.getppid() != parent)


@contextmanager
def _stopped_by_signals(worker: Worker) -> Iterator[None]:
    """The job at hand is ended or given back first. Whoever called the command can be interrupted as before afterwards."""
    before = {number: signal.signal(number, lambda *_: worker.stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
