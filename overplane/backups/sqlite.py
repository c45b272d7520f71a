"""SQLite copies itself page by page, as it was when the copy began; whoever writes meanwhile goes on."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.db import connection

from overplane.backups.archive import Unusable

FILE = "database.sqlite3"
BUSY = 30.0  # seconds that a restore waits for whoever writes just now


@contextmanager
def dumped(folder: Path) -> Iterator[sqlite3.Connection]:
    """The copy, to be looked at."""
    connection.ensure_connection()
    with _opened(folder / FILE) as copy:
        connection.connection.backup(copy)  # all pages at once: in steps it would begin anew with each write
        yield copy


def counts(copy: sqlite3.Connection) -> dict[str, int]:
    return {name: copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables(copy)}


def tables(copy: sqlite3.Connection) -> list[str]:
    """Without the parts of which the index of search is made."""
    sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
    return [name for (name,) in copy.execute(sql)]


def restore(folder: Path) -> None:
    """Into the database of the settings, in one transaction: others see what was there before, or all of the backup."""
    with _opened(folder / FILE) as copy:
        try:
            answers = [text for (text,) in copy.execute("PRAGMA integrity_check")]
        except sqlite3.DatabaseError as failure:
            answers = [str(failure)]
        if answers != ["ok"]:
            raise Unusable(f"The database in the backup is damaged: {'; '.join(answers[:3])}")
        connection.close()
        with _opened(Path(connection.settings_dict["NAME"])) as target:
            target.execute("PRAGMA journal_mode = WAL")
            copy.backup(target)
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(path, timeout=BUSY)) as opened:
        yield opened
