"""Values that a file must not hold twice, remembered on disk: in memory a million of them would take too much."""

import sqlite3
from collections.abc import Sequence


class Seen:
    def __init__(self) -> None:
        self.connection = sqlite3.connect("")  # a temporary file of SQLite's own, gone with the connection
        self.connection.isolation_level = None
        self.connection.execute("PRAGMA cache_size = -32000")
        self.connection.execute("PRAGMA journal_mode = OFF")
        self.connection.execute("CREATE TABLE seen (value TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID")

    def add(self, values: Sequence[str], numbers: Sequence[int]) -> dict[int, int]:
        """Remembers values with their row numbers. Returns, by index, the row of a value that was seen before."""
        self.connection.execute("BEGIN")
        known = self.connection.total_changes
        self.connection.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", zip(values, numbers, strict=True))
        is_new = self.connection.total_changes - known == len(values)
        self.connection.execute("COMMIT")
        if is_new:
            return {}
        earlier: dict[int, int] = {}
        here: set[str] = set()
        for index, (value, number) in enumerate(zip(values, numbers, strict=True)):
            (first,) = self.connection.execute("SELECT number FROM seen WHERE value = ?", [value]).fetchone()
            if first != number or value in here:  # one row may hold the value twice
                earlier[index] = first
            here.add(value)
        return earlier
