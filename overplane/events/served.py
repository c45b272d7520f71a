"""The newest event that a SQLite log has shown to anybody, written beside the database: so a file that was put back is known.

What stands in the file `…-served` is never beyond a log that has only grown. A log that ends before it is an older copy,
whose next events would get the numbers of events that readers have seen already.
"""

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from django.db import connection, transaction

from overplane import private_files
from overplane.database.dialect import is_sqlite

END = "-served"
Position = tuple[int, int]  # epoch and number of an event
NOTHING: Position = (0, 0)
WRITTEN = re.compile(rb"(\d{1,9}) (\d{1,18})\n")
# The greatest number that was given out, also if its event is purged by now.
NEWEST = """
SELECT COALESCE((SELECT max(id) FROM overplane_events_epoch), 0),
       COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'overplane_events_event'), 0)
"""
_written: dict[Path, Position] = {}  # by this process


def note(position: Position) -> None:
    """Remembers that this event was shown, once it is committed. Costs nothing while there is nothing new."""
    path = _path()
    if path is not None and position > _written.get(path, NOTHING):
        transaction.on_commit(partial(_write, path, position))


def newest_served() -> Position:
    """The newest event of which it is noted."""
    path = _path()
    if path is None or not os.access(path, os.R_OK | os.W_OK):
        return NOTHING
    with _opened(path) as file:
        return _read(file)


def is_put_back() -> bool:
    """Does the log end before an event that it has shown?"""
    if (known := newest_served()) == NOTHING:
        return False
    # By a connection of its own, for that of the caller may be in a transaction that sees what was there before.
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as fresh:
        newest: Position = fresh.execute(NEWEST).fetchone()
    return newest < known


def _path() -> Path | None:
    name = str(connection.settings_dict["NAME"])
    in_a_file = is_sqlite() and not name.startswith(("file:", ":memory:"))
    return Path(name + END) if in_a_file else None


def _write(path: Path, position: Position) -> None:
    # Whoever cannot write here shows the event nevertheless: an old copy is then known by readers' cursors alone.
    with suppress(OSError), _opened(path) as file:
        if position > _read(file):  # of several processes the later event stays
            os.pwrite(file, b"%d %d\n" % position, 0)
        _written[path] = position


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Alone with the file, which is made if there is none."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, private_files.FILE)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def _read(file: int) -> Position:
    position = WRITTEN.match(os.pread(file, 100, 0))
    return (int(position[1]), int(position[2])) if position else NOTHING
