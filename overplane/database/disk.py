"""Whether there is room for what the service writes into files."""

import shutil
import tempfile
from pathlib import Path

from django.conf import settings

from overplane.database.dialect import is_sqlite

# Four uploads of 20 MB, as many as a process takes at once, still fit. Below it a write may fail at any moment, and
# SQLite's -wal and PostgreSQL's, if it shares the disk, need room for whatever is written.
LEAST_FREE = 100 * 1024 * 1024
MEGABYTE = 1024 * 1024
BLOCK = bytes(4096)  # what every file system gives at least; a smaller file may fit into what it keeps for names


def folders() -> dict[Path, str]:
    """And what each is to the service."""
    of_database = {Path(settings.DATABASES["default"]["NAME"]).parent: "the database's folder"} if is_sqlite() else {}
    return of_database | {Path(settings.DATA_DIR): "DATA_DIR"}


def free(folder: Path) -> int:
    """Bytes."""
    return shutil.disk_usage(folder).free


def problems() -> list[str]:
    """One for each folder that is full or cannot be written to. Paths are not named: strangers may read this."""
    return [problem for folder, name in folders().items() if (problem := _problem(folder, name))]


def _problem(folder: Path, name: str) -> str | None:
    try:
        if (room := free(folder)) < LEAST_FREE:
            return f"disk: {name} has {room // MEGABYTE} MB left, and needs {LEAST_FREE // MEGABYTE}"
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(BLOCK)
            file.flush()
    except OSError as failure:
        return f"disk: nothing can be written to {name} ({failure.strerror})"
    return None
