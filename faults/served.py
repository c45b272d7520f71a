"""manage.py for a run: a planted fault, if there is one, and imports in small slow batches, so that a kill meets them half-way."""

import dataclasses
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.core.management import execute_from_command_line

from faults import planted

BATCH = 20  # customers; the usual 2,000 would make one batch of each file
PAUSE_SECONDS = 0.05


def small(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda source, options, **more: run(source, dataclasses.replace(options, size=BATCH), **more)


def slow(write: Callable[..., None]) -> Callable[..., None]:
    def slowly(*arguments: Any) -> None:
        write(*arguments)
        if file := os.environ.get("FAULTS_WRITING"):
            Path(file).touch()  # whoever waits to kill it may do so now
        time.sleep(PAUSE_SECONDS)

    return slowly


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "overplane.settings")
    django.setup()
    planted.replace("crm.transfer.imports:run", small)
    planted.replace("crm.transfer.batch_writing:BatchWriter.write", slow)
    planted.install()
    execute_from_command_line(["manage.py", *sys.argv[1:]])
